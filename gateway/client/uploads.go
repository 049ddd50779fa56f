package client

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/bcosgate/bcosgate/batch"
)

const (
	// uploadPart is what is sent again when a connection breaks, and what the
	// gateway makes durable at a time.
	uploadPart = 8 << 20
	// uploadPatience is how long an upload goes on without a byte more being
	// stored: a machine is up again by then.
	uploadPatience = 10 * time.Minute
)

// Upload is the input of a job as bytes that can be sent from anywhere.
type Upload struct {
	File      io.ReaderAt
	Size      int64
	SHA256    [32]byte           // of all bytes
	Format    string             // csv, ndjson or parquet; "" detects
	Delimiter string             // comma, semicolon, tab or one character; "" detects. CSV only
	Encoding  string             // "utf-8", "gbk" or "utf-16"; "" detects. CSV only
	Start     bool               // begin to send when the rows are stored
	Progress  func(stored int64) // told of the bytes that the gateway has; nil tells nobody
}

// UploadRows does what PutRows does, in parts, each of which the gateway keeps
// through a crash. After a broken connection, or while the gateway is away, it
// goes on from what is stored there, for as long as ten minutes without progress.
// A later call with the same bytes goes on, too, within a day. The error is a
// *Problem of status 404, 405 or 501 when the gateway cannot do it.
func (c *Client) UploadRows(ctx context.Context, jobID string, u Upload) (batch.Job, error) {
	up := &upload{Upload: u, client: c, path: jobPath(jobID, "uploads", hex.EncodeToString(u.SHA256[:]))}
	moved := time.Now()
	for attempt := 1; ; attempt++ {
		before := up.stored
		job, err := up.run(ctx)
		if err == nil {
			return job, nil
		}
		if ctx.Err() != nil {
			return batch.Job{}, fmt.Errorf("upload: %w", context.Cause(ctx))
		}
		if up.stored > before {
			attempt, moved = 1, time.Now()
		}
		if c.attempts == 1 || !goesOn(err) || time.Since(moved) > uploadPatience {
			return batch.Job{}, err
		}
		pause := c.pause(attempt, err)
		c.log.Warn("the upload goes on in a moment", "stored", up.stored, "pause", pause, "error", err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return batch.Job{}, fmt.Errorf("upload: %w", context.Cause(ctx))
		}
	}
}

// goesOn reports whether an upload may go on after err.
func goesOn(err error) bool {
	if p, ok := errors.AsType[*Problem](err); ok && (p.Code == "upload_busy" || p.Code == "upload_offset" || p.Status == http.StatusRequestTimeout) {
		return true
	}
	return passing(err)
}

type upload struct {
	Upload
	client *Client
	path   string
	stored int64 // as the gateway said last
}

// run asks what is stored, sends the rest and has it loaded.
func (u *upload) run(ctx context.Context) (batch.Job, error) {
	complete := false
	err := u.client.do(ctx, request{method: http.MethodHead, path: u.path}, func(res *http.Response) (err error) {
		complete = res.Header.Get("Upload-Complete") == "?1"
		if !complete {
			err = u.readOffset(res)
		}
		return err
	})
	for err == nil && !complete && u.stored < u.Size {
		u.tell()
		err = u.send(ctx)
	}
	if err != nil {
		return batch.Job{}, err
	}
	if complete {
		u.stored = u.Size
	}
	u.tell()
	return u.load(ctx)
}

// send sends the next part.
func (u *upload) send(ctx context.Context) error {
	size := min(uploadPart, u.Size-u.stored)
	return u.client.do(ctx, request{
		method: http.MethodPatch,
		path:   u.path,
		header: http.Header{"Content-Type": {"application/partial-upload"}, "Upload-Offset": {strconv.FormatInt(u.stored, 10)}},
		body: func() (io.ReadCloser, error) {
			return io.NopCloser(io.NewSectionReader(u.File, u.stored, size)), nil
		},
		size: size,
	}, u.readOffset)
}

func (u *upload) readOffset(res *http.Response) error {
	stored, err := strconv.ParseInt(res.Header.Get("Upload-Offset"), 10, 64)
	if err != nil || stored < 0 || stored > u.Size {
		return &badAnswerError{fmt.Errorf("the gateway says that it has %q bytes of %d (Upload-Offset)", res.Header.Get("Upload-Offset"), u.Size)}
	}
	u.stored = stored
	return nil
}

func (u *upload) tell() {
	if u.Progress != nil {
		u.Progress(u.stored)
	}
}

func (u *upload) load(ctx context.Context) (batch.Job, error) {
	query := url.Values{"size": {strconv.FormatInt(u.Size, 10)}, "start": {strconv.FormatBool(u.Start)}}
	setIf(query, "format", u.Format)
	setIf(query, "delimiter", u.Delimiter)
	setIf(query, "encoding", u.Encoding)
	var job batch.Job
	_, err := u.client.doJSON(ctx, request{method: http.MethodPost, path: u.path + "/load", query: query}, &job)
	return job, err
}
