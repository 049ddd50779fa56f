package gateway

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/bcosgate/bcosgate/batch"
	"github.com/bcosgate/bcosgate/batch/rows"
	"github.com/bcosgate/bcosgate/gateway/uploads"
)

// What an upload is, and how the headers of "Resumable Uploads for HTTP" (IETF,
// draft-ietf-httpbis-resumable-upload) are used: Upload-Offset, Upload-Complete
// and Upload-Limit have their meaning there; an upload is named by the hash of
// its bytes instead of being made by a request.
const pathUpload = "/v1/jobs/{id}/uploads/{sha256}"

// UploadName says which upload is meant.
type UploadName struct {
	ID     string `path:"id" maxLength:"64" doc:"ID of the job"`
	SHA256 string `path:"sha256" pattern:"^[0-9a-f]{64}$" doc:"SHA-256 of all bytes of the rows, as they are sent: 64 lower-case hex digits"`
}

func (in *UploadName) key() uploads.Key {
	key := uploads.Key{Owner: in.ID}
	_, _ = hex.Decode(key.SHA256[:], []byte(in.SHA256)) // the pattern holds
	return key
}

type headUploadOutput struct {
	Offset   int64  `header:"Upload-Offset" doc:"How many bytes are stored: send on from here"`
	Complete string `header:"Upload-Complete" doc:"?1 when the job has these rows, else ?0"`
	Limit    string `header:"Upload-Limit" doc:"max-size=N when an upload may have N bytes at most"`
}

func headUploadRoute() route {
	return route{
		Operation: huma.Operation{
			OperationID: "getUpload", Method: http.MethodHead, Path: pathUpload, Tags: []string{"jobs"},
			Summary: "How much of an upload is stored", Description: "An upload that nobody has begun has 0 bytes.",
		},
		curl:     `curl -I http://127.0.0.1:8080/v1/jobs/JOB/uploads/$(sha256sum < rows.csv | cut -d' ' -f1)`,
		problems: []int{http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity, http.StatusNotImplemented, http.StatusServiceUnavailable},
		timeout:  requestTimeout,
		register: handle((*Gateway).headUpload),
	}
}

func (g *Gateway) headUpload(ctx context.Context, in *UploadName) (*headUploadOutput, error) {
	job, err := g.uploadJob(ctx, in)
	if err != nil {
		return nil, err
	}
	out := &headUploadOutput{Complete: "?0"}
	if g.cfg.RowsLimit > 0 {
		out.Limit = fmt.Sprintf("max-size=%d", g.cfg.RowsLimit)
	}
	if job.State != batch.JobLoading {
		out.Complete = "?1"
		return out, nil
	}
	out.Offset, err = g.cfg.Uploads.Offset(in.key())
	return out, err
}

// uploadJob finds the job of an upload. One that has other rows already is a conflict.
func (g *Gateway) uploadJob(ctx context.Context, in *UploadName) (batch.Job, error) {
	if g.cfg.Uploads == nil {
		return batch.Job{}, noUploads()
	}
	job, err := g.cfg.Engine.Job(ctx, in.ID)
	if err != nil {
		return batch.Job{}, err
	}
	if job.State != batch.JobLoading && job.InputSHA256 != in.SHA256 {
		return batch.Job{}, g.about(fmt.Errorf("job %s has other rows: %w", in.ID, batch.ErrConflict), in.ID)
	}
	return job, nil
}

func noUploads() *Problem {
	return newProblem(http.StatusNotImplemented, "no_uploads", "this gateway has no folder for uploads: send the rows with PUT /v1/jobs/{id}/rows, Parquet as CSV or NDJSON")
}

type appendUploadInput struct {
	UploadName
	Offset int64 `header:"Upload-Offset" required:"true" minimum:"0" doc:"How many bytes come before these"`

	body io.Reader
}

// Resolve takes the body as a stream, which huma would otherwise read whole.
func (in *appendUploadInput) Resolve(ctx huma.Context) []error {
	in.body = ctx.BodyReader()
	return nil
}

type appendUploadOutput struct {
	Offset int64 `header:"Upload-Offset" doc:"How many bytes are stored now"`
}

func appendUploadRoute() route {
	return route{
		Operation: huma.Operation{
			OperationID: "appendUpload", Method: http.MethodPatch, Path: pathUpload, Tags: []string{"jobs"}, DefaultStatus: http.StatusNoContent,
			Summary: "Store the next part of an upload",
			Description: "The part begins where the stored bytes end; another offset gives 409 with the right one in Upload-Offset. " +
				"What the answer says to be stored outlives a crash of the gateway, and what arrived of a part that broke off is stored, too. " +
				"One request at a time may write. An upload that nobody goes on with for a day is removed.",
			RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
				"application/partial-upload": {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}},
			}},
		},
		curl: `curl -X PATCH -H 'Upload-Offset: 0' -H 'Content-Type: application/partial-upload' --data-binary @rows.csv \
  http://127.0.0.1:8080/v1/jobs/JOB/uploads/$(sha256sum < rows.csv | cut -d' ' -f1)`,
		problems: []int{http.StatusBadRequest, http.StatusNotFound, http.StatusRequestTimeout, http.StatusConflict, http.StatusRequestEntityTooLarge,
			http.StatusUnprocessableEntity, http.StatusNotImplemented, http.StatusServiceUnavailable},
		stream:   true,
		register: handle((*Gateway).appendUpload),
	}
}

func (g *Gateway) appendUpload(ctx context.Context, in *appendUploadInput) (*appendUploadOutput, error) {
	job, err := g.uploadJob(ctx, &in.UploadName)
	if err != nil {
		return nil, err
	}
	if job.State != batch.JobLoading {
		return nil, g.about(fmt.Errorf("job %s has its rows: %w", in.ID, batch.ErrState), in.ID)
	}
	body := in.body
	if limit := g.cfg.RowsLimit; limit > 0 {
		body = &limitedReader{r: body, left: max(0, limit-in.Offset), limit: limit}
	}
	stored, err := g.cfg.Uploads.Append(in.key(), in.Offset, body)
	if err != nil {
		return nil, g.about(err, in.ID)
	}
	return &appendUploadOutput{Offset: stored}, nil
}

type loadUploadInput struct {
	UploadName
	Size      int64  `query:"size" required:"true" minimum:"0" doc:"How many bytes there are in all"`
	Format    string `query:"format" enum:"csv,ndjson,parquet" doc:"How the rows are written; left out: found out"`
	Start     bool   `query:"start" default:"true" doc:"Begin to send when the rows are stored"`
	Delimiter string `query:"delimiter" maxLength:"9" doc:"What stands between the cells of a CSV: one character, or comma, semicolon, tab; left out: found out"`
	Encoding  string `query:"encoding" enum:"utf-8,gbk,utf-16" doc:"Encoding of a CSV; left out: found out"`
}

func loadUploadRoute() route {
	return route{
		Operation: huma.Operation{
			OperationID: "loadUpload", Method: http.MethodPost, Path: pathUpload + "/load", Tags: []string{"jobs"}, DefaultStatus: http.StatusOK,
			Summary: "Load the rows of an upload into its job",
			Description: "When all bytes are stored and have the hash, the rows are checked and stored as PUT /v1/jobs/{id}/rows does it, and the upload is removed. " +
				"It may be repeated: a job that has these rows is given as it is.",
		},
		curl: `curl -X POST "http://127.0.0.1:8080/v1/jobs/JOB/uploads/$(sha256sum < rows.csv | cut -d' ' -f1)/load?size=$(wc -c < rows.csv)"`,
		problems: []int{http.StatusNotFound, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity,
			http.StatusNotImplemented, http.StatusServiceUnavailable},
		register: handle((*Gateway).loadUpload),
	}
}

func (g *Gateway) loadUpload(ctx context.Context, in *loadUploadInput) (*getJobOutput, error) {
	comma, err := comma(in.Delimiter)
	if err != nil {
		return nil, err
	}
	job, err := g.uploadJob(ctx, &in.UploadName)
	if err != nil {
		return nil, err
	}
	key := in.key()
	if job.State == batch.JobLoading {
		stored, err := g.cfg.Uploads.Offset(key)
		if err == nil && stored != in.Size {
			err = &uploads.OffsetError{Stored: stored}
		}
		if err != nil {
			return nil, g.about(err, in.ID)
		}
		err = g.cfg.Uploads.Read(ctx, key, func(f *os.File) error {
			job, err = g.loadFile(ctx, job.Spec, in, f, rows.CSVOptions{Comma: comma, Encoding: in.Encoding})
			return err
		})
		_, refused := errors.AsType[*batch.InvalidRowsError](err)
		if err == nil || refused {
			err = errors.Join(err, g.cfg.Uploads.Remove(key))
		}
		if err != nil {
			return nil, g.about(err, in.ID)
		}
	} else if job, err = g.loadedAlready(ctx, job, in.Start); err != nil {
		return nil, g.about(err, in.ID)
	}
	return &getJobOutput{Body: g.withProgress(ctx, job)}, nil
}

func (g *Gateway) loadFile(ctx context.Context, spec batch.Spec, in *loadUploadInput, f *os.File, options rows.CSVOptions) (batch.Job, error) {
	format := rows.Format(in.Format)
	if format == "" {
		var err error
		if format, options, err = rows.Detect("", f, options); err != nil {
			return batch.Job{}, err
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return batch.Job{}, err
		}
	}
	reader, err := g.openRows(spec, format, f, options)
	if err != nil {
		return batch.Job{}, err
	}
	return g.loadAndRun(ctx, in.ID, &verifiedRows{Reader: reader, sum: in.key().SHA256}, in.Start)
}

// verifiedRows knows the hash of its bytes beforehand, also where a fault ends
// the rows before the bytes, so that a job which is refused for it is found again.
type verifiedRows struct {
	rows.Reader
	sum [32]byte
}

func (v *verifiedRows) SHA256() [32]byte { return v.sum }

// loadedAlready answers for a job that has its rows.
func (g *Gateway) loadedAlready(ctx context.Context, job batch.Job, start bool) (batch.Job, error) {
	if job.State == batch.JobInvalid {
		return job, &batch.InvalidRowsError{JobID: job.ID, Faults: job.Faults, Count: job.FaultCount}
	}
	if !start || job.State != batch.JobReady {
		return job, nil
	}
	if err := g.cfg.Engine.Run(ctx, job.ID); err != nil {
		return job, err
	}
	return g.cfg.Engine.Job(ctx, job.ID)
}

func removeUploadRoute() route {
	return route{
		Operation: huma.Operation{
			OperationID: "removeUpload", Method: http.MethodDelete, Path: pathUpload, Tags: []string{"jobs"}, DefaultStatus: http.StatusNoContent,
			Summary: "Throw the stored bytes of an upload away", Description: "The job stays as it is.",
		},
		curl:     `curl -X DELETE http://127.0.0.1:8080/v1/jobs/JOB/uploads/$(sha256sum < rows.csv | cut -d' ' -f1)`,
		problems: []int{http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity, http.StatusNotImplemented, http.StatusServiceUnavailable},
		timeout:  requestTimeout,
		register: handle((*Gateway).removeUpload),
	}
}

func (g *Gateway) removeUpload(ctx context.Context, in *UploadName) (*struct{}, error) {
	if _, err := g.uploadJob(ctx, in); err != nil {
		return nil, err
	}
	return nil, g.cfg.Uploads.Remove(in.key())
}

// uploadProblem words the errors of uploads, nil for others.
func uploadProblem(err error) *Problem {
	if e, ok := errors.AsType[*uploads.OffsetError](err); ok {
		p := newProblem(http.StatusConflict, "upload_offset", e.Error()+": send on from there (see Upload-Offset)")
		p.uploadOffset = &e.Stored
		return p
	}
	switch {
	case errors.Is(err, uploads.ErrBusy):
		return newProblem(http.StatusConflict, "upload_busy", err.Error()+": one at a time").later(time.Second)
	case errors.Is(err, uploads.ErrDamaged):
		return newProblem(http.StatusConflict, "upload_damaged", err.Error()+", and were thrown away: did the file change? Send it again from its beginning")
	}
	return nil
}
