package gateway

import (
	"bufio"
	"context"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"

	"github.com/bcosgate/bcosgate/batch"
	"github.com/bcosgate/bcosgate/batch/report"
)

// reportBuffer is what may go wrong without a byte on the wire yet: an error
// before that is still a problem, one after it cuts the connection.
const reportBuffer = 64 << 10

type reportInput struct {
	ID        string `path:"id" maxLength:"64" doc:"ID of the job"`
	Format    string `query:"format" enum:"csv,ndjson,json,html,failed,attempts,attempts-csv" default:"csv" doc:"csv: the columns of the input untouched, then the results; ndjson: a line a row; json: a summary with the Merkle root; html: the summary as one page with charts; failed: the rows that failed, as input for another job; attempts, attempts-csv: every signed transaction, as NDJSON or CSV"`
	Delimiter string `query:"delimiter" maxLength:"9" doc:"What stands between the cells of failed: one character, or comma, semicolon, tab; left out: a comma"`
}

func reportRoute() route {
	text := &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString}}
	return route{
		Operation: huma.Operation{
			OperationID: "getReport", Method: http.MethodGet, Path: "/v1/jobs/{id}/report", Tags: []string{"jobs"},
			Summary:     "Download the report of a job",
			Description: "One moment of the job, streamed; it may be asked for while the job runs. A connection that is cut before the end means that the report is not whole.",
			Responses: map[string]*huma.Response{"200": {
				Description: "The report, with a file name",
				Headers:     map[string]*huma.Param{"Content-Disposition": {Description: "A name for the file", Schema: &huma.Schema{Type: huma.TypeString}}},
				Content: map[string]*huma.MediaType{
					"text/csv": text, "application/x-ndjson": text, "text/html": text, "application/json": {Schema: &huma.Schema{Type: huma.TypeObject}},
				},
			}},
		},
		curl:     `curl -OJ 'http://127.0.0.1:8080/v1/jobs/JOB/report?format=csv'`,
		problems: []int{http.StatusNotFound, http.StatusUnprocessableEntity},
		register: handle((*Gateway).report),
	}
}

func (g *Gateway) report(ctx context.Context, in *reportInput) (*huma.StreamResponse, error) {
	job, err := g.cfg.Engine.Job(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	options := report.Options{Format: report.Format(in.Format)}
	if options.Delimiter, err = comma(in.Delimiter); err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		first := &headerOnce{ctx: hc, contentType: options.Format.ContentType(job), file: reportFile(job, options.Format)}
		w := bufio.NewWriterSize(first, reportBuffer)
		err := g.cfg.Reports.WriteReport(ctx, job.ID, options, w)
		if err == nil {
			err = w.Flush()
		}
		if err == nil {
			first.begin() // an empty report has headers too
			return
		}
		if !first.failed && ctx.Err() == nil {
			requestFrom(ctx).cause = err // ours; a client that left is no failure
		}
		if first.begun {
			panic(http.ErrAbortHandler) // the client must see that this is not the whole report
		}
		g.abort(humagin.Unwrap(hc), g.problemOf(err))
	}}, nil
}

// reportFile is the name that a report is saved under.
func reportFile(job batch.Job, f report.Format) string {
	part := ""
	switch f {
	case report.Failed:
		part = ".failed"
	case report.Attempts, report.AttemptsCSV:
		part = ".attempts"
	}
	return fmt.Sprintf("job-%s%s.%s", job.ID, part, f.Extension(job))
}

// headerOnce sends the headers of a report with its first byte.
type headerOnce struct {
	ctx         huma.Context
	contentType string
	file        string
	begun       bool
	failed      bool // the client does not take it
}

func (h *headerOnce) begin() {
	if h.begun {
		return
	}
	h.begun = true
	h.ctx.SetHeader("Content-Type", h.contentType)
	h.ctx.SetHeader("Content-Disposition", fmt.Sprintf("attachment; filename=%q", h.file))
	h.ctx.SetStatus(http.StatusOK)
}

func (h *headerOnce) Write(p []byte) (int, error) {
	h.begin()
	n, err := h.ctx.BodyWriter().Write(p)
	h.failed = h.failed || err != nil
	return n, err
}
