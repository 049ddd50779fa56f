// Package report writes what became of the rows of a job, in the forms that
// people and auditors want, and verifies such a report without the store that
// it came from. It reads a job through one snapshot, streams, and never asks a
// chain.
package report

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/batch"
)

// Format is a form of a report.
type Format string

// The formats.
const (
	CSV         Format = "csv"          // the columns of the input untouched, then the results
	NDJSON      Format = "ndjson"       // an object a row, with the members row, input and result
	JSON        Format = "json"         // a Summary
	HTML        Format = "html"         // the summary as one page with charts, for people
	Failed      Format = "failed"       // the rows that failed, as input for another job
	Attempts    Format = "attempts"     // every attempt of every row as NDJSON
	AttemptsCSV Format = "attempts-csv" // the same as CSV
)

// Formats lists all formats.
var Formats = []Format{CSV, NDJSON, JSON, HTML, Failed, Attempts, AttemptsCSV}

// ContentType is the media type of a report of the job in this format.
func (f Format) ContentType(job batch.Job) string {
	switch f.Extension(job) {
	case "ndjson":
		return "application/x-ndjson"
	case "json":
		return "application/json"
	case "html":
		return "text/html; charset=utf-8"
	}
	return "text/csv; charset=utf-8"
}

// Extension is what the name of a file with a report of the job ends with,
// without a dot before it: "csv", "failed.ndjson" is "ndjson".
func (f Format) Extension(job batch.Job) string {
	switch f {
	case NDJSON, Attempts:
		return "ndjson"
	case JSON:
		return "json"
	case HTML:
		return "html"
	case Failed:
		if job.Columns == nil {
			return "ndjson"
		}
	}
	return "csv"
}

// Options say what is written.
type Options struct {
	Format    Format // "" is CSV
	Delimiter rune   // between the cells of Failed: one of , ; | and tab; 0 is a comma
}

// UnknownFormatError says that there is no such format.
type UnknownFormatError struct{ Format Format }

// Error names the formats that there are.
func (e *UnknownFormatError) Error() string {
	names := make([]string, len(Formats))
	for i, f := range Formats {
		names[i] = string(f)
	}
	return fmt.Sprintf("report format %q is not known; use one of %s", string(e.Format), strings.Join(names, ", "))
}

// Store has the jobs. *batch.Store is one.
type Store interface {
	Snapshot(ctx context.Context, jobID string, read func(*batch.Snapshot) error) error
}

// Writer writes reports of the jobs of a store. It is safe for concurrent use.
type Writer struct{ store Store }

// NewWriter reads jobs from s.
func NewWriter(s Store) *Writer { return &Writer{s} }

// WriteReport streams one report of a job, as it is at one moment, to w. It may
// be asked for at any time, and its memory does not grow with the job. A slow w
// keeps a snapshot of the store open. Errors: batch.ErrNotFound,
// *UnknownFormatError, those of w and of the store.
func (r *Writer) WriteReport(ctx context.Context, jobID string, opt Options, w io.Writer) error {
	write, known := writers[opt.Format]
	if !known {
		return &UnknownFormatError{opt.Format}
	}
	return r.store.Snapshot(ctx, jobID, func(s *batch.Snapshot) error {
		// As much as SQLite reads at once costs nothing beside it.
		out := bufio.NewWriterSize(w, 64<<10)
		err := write(ctx, ahead{s}, opt, out)
		if err == nil {
			err = out.Flush()
		}
		if err != nil {
			return fmt.Errorf("report of job %s: %w", jobID, err)
		}
		return nil
	})
}

// source is one moment of a job. *batch.Snapshot is one.
type source interface {
	Job() batch.Job
	Genesis() common.Hash
	FirstAttempt(ctx context.Context) (time.Time, error)
	Items(ctx context.Context, f func(batch.TimedItem) error) error
	Attempts(ctx context.Context, f func(batch.AttemptRecord) error) error
}

var writers = map[Format]func(context.Context, source, Options, *bufio.Writer) error{
	"":          writeCSV,
	CSV:         writeCSV,
	NDJSON:      writeNDJSON,
	JSON:        writeSummary,
	HTML:        writeHTML,
	Failed:      writeFailed,
	Attempts:    writeAttempts,
	AttemptsCSV: writeAttemptsCSV,
}
