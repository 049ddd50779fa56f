package gateway

import (
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"github.com/bcosgate/bcosgate/batch"
	"github.com/bcosgate/bcosgate/batch/offline"
	"github.com/bcosgate/bcosgate/batch/rows"
)

// parquetType is the registered media type of Parquet.
const parquetType = "application/vnd.apache.parquet"

type loadRowsInput struct {
	ID          string `path:"id" maxLength:"64" doc:"ID of the job"`
	ContentType string `header:"Content-Type" hidden:"true"` // the request body says which there are
	Start       bool   `query:"start" default:"true" doc:"Begin to send when the rows are stored"`
	Delimiter   string `query:"delimiter" maxLength:"9" doc:"What stands between the cells of a CSV: one character, or comma, semicolon, tab; left out: found out"`
	Encoding    string `query:"encoding" enum:"utf-8,gbk,utf-16" doc:"Encoding of a CSV; left out: found out"`

	body io.Reader
}

// Resolve takes the body as a stream, which huma would otherwise read whole.
func (in *loadRowsInput) Resolve(ctx huma.Context) []error {
	in.body = ctx.BodyReader()
	return nil
}

func loadRowsRoute() route {
	binary := &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}
	return route{
		Operation: huma.Operation{
			OperationID: "loadRows", Method: http.MethodPut, Path: "/v1/jobs/{id}/rows", Tags: []string{"jobs"},
			Summary: "Stream rows into a job",
			Description: "The body may be of any length and is never held in memory. All rows are checked before anything is sent; " +
				"one fault refuses all of them. When the upload breaks off, the job is empty as before: send it again. " +
				"The same bytes again change nothing; other bytes are refused. CSV and NDJSON may be packed with gzip or zstd, which is seen from their first bytes. " +
				"Where connections break, send large inputs in parts: see PATCH /v1/jobs/{id}/uploads/{sha256}.",
			RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
				"text/csv": binary, "text/tab-separated-values": binary, "application/x-ndjson": binary, "application/jsonl": binary,
				parquetType: binary,
			}},
		},
		curl: `curl -T rows.csv -H 'Content-Type: text/csv' http://127.0.0.1:8080/v1/jobs/JOB/rows`,
		problems: []int{http.StatusBadRequest, http.StatusNotFound, http.StatusRequestTimeout, http.StatusConflict,
			http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity, http.StatusNotImplemented, http.StatusServiceUnavailable},
		stream:   true,
		register: handle((*Gateway).loadRows),
	}
}

func (g *Gateway) loadRows(ctx context.Context, in *loadRowsInput) (*getJobOutput, error) {
	format, options, err := rowFormat(in.ContentType, in.Delimiter, in.Encoding)
	if err != nil {
		return nil, err
	}
	known, err := g.cfg.Engine.Job(ctx, in.ID)
	if err != nil {
		return nil, err // before the first byte is read
	}
	body := in.body
	if g.cfg.RowsLimit > 0 {
		body = &limitedReader{r: body, left: g.cfg.RowsLimit, limit: g.cfg.RowsLimit}
	}
	var job batch.Job
	load := func(r io.Reader) error {
		reader, err := g.openRows(known.Spec, format, r, options)
		if err == nil {
			job, err = g.loadAndRun(ctx, in.ID, reader, in.Start)
		}
		return err
	}
	switch {
	case format != rows.FormatParquet:
		err = load(body)
	case g.cfg.Uploads == nil:
		err = noUploads()
	default: // is read from its end
		err = g.cfg.Uploads.Spool(body, func(f *os.File) error { return load(f) })
	}
	if err != nil {
		return nil, g.about(err, in.ID)
	}
	return &getJobOutput{Body: g.withProgress(ctx, job)}, nil
}

// openRows reads rows in a known format, within the limit.
func (g *Gateway) openRows(spec batch.Spec, format rows.Format, r io.Reader, options rows.CSVOptions) (rows.Reader, error) {
	var reader rows.Reader
	var err error
	if spec.Signed != nil {
		reader, err = signedRows(*spec.Signed, format, r)
	} else {
		reader, err = rows.New(format, r, options)
	}
	if packed, ok := reader.(unpacker); err == nil && ok && g.cfg.RowsLimit > 0 {
		reader = &limitedRows{Reader: reader, unpacked: packed.Unpacked, limit: g.cfg.RowsLimit}
	}
	return reader, err
}

// signedRows reads a file of signed transactions.
func signedRows(spec batch.SignedSpec, format rows.Format, r io.Reader) (rows.Reader, error) {
	if format != rows.FormatNDJSON {
		return nil, newProblem(http.StatusUnsupportedMediaType, "unsupported_media_type", "the job is for signed transactions: send the file of batchcall sign as application/x-ndjson")
	}
	reader, err := offline.NewJobReader(r, spec)
	if err != nil {
		return nil, err
	}
	return reader, nil
}

// unpacker is a reader that may give many times the bytes that it takes.
type unpacker interface{ Unpacked() int64 }

// limitedRows bounds the bytes that are unpacked.
type limitedRows struct {
	rows.Reader
	unpacked func() int64
	limit    int64
}

func (l *limitedRows) Next() (rows.Row, error) {
	row, err := l.Reader.Next()
	if l.unpacked() > l.limit {
		return rows.Row{}, &http.MaxBytesError{Limit: l.limit}
	}
	return row, err
}

// limitedReader is like io.LimitReader, but says that there was more.
type limitedReader struct {
	r           io.Reader
	left, limit int64
}

func (l *limitedReader) Read(p []byte) (int, error) {
	if int64(len(p)) > l.left+1 {
		p = p[:l.left+1] // one more than allowed, to tell the end from the limit
	}
	n, err := l.r.Read(p)
	if int64(n) > l.left {
		n = int(l.left)
		err = &http.MaxBytesError{Limit: l.limit}
	}
	l.left -= int64(n)
	return n, err
}

// rowFormat reads how the rows are written from header and query.
func rowFormat(contentType, delimiter, encoding string) (rows.Format, rows.CSVOptions, error) {
	media, params, err := mime.ParseMediaType(contentType)
	options := rows.CSVOptions{Encoding: encoding}
	if charset := strings.ToLower(params["charset"]); charset != "" && encoding == "" {
		options.Encoding = charset
	}
	var format rows.Format
	switch {
	case err == nil && media == "text/csv":
		format = rows.FormatCSV
	case err == nil && media == "text/tab-separated-values":
		format, options.Comma = rows.FormatCSV, '\t'
	case err == nil && (media == "application/x-ndjson" || media == "application/ndjson" || media == "application/jsonl"):
		format = rows.FormatNDJSON
	case err == nil && media == parquetType:
		format = rows.FormatParquet
	default:
		return "", options, newProblem(http.StatusUnsupportedMediaType, "unsupported_media_type",
			fmt.Sprintf("rows cannot be read from Content-Type %q: send text/csv, text/tab-separated-values, application/x-ndjson, application/jsonl or %s", contentType, parquetType))
	}
	comma, err := comma(delimiter)
	if err != nil {
		return "", options, err
	}
	if comma != 0 {
		options.Comma = comma
	}
	if !slices.Contains([]string{"", "utf-8", "gbk", "utf-16"}, options.Encoding) {
		return "", options, newProblem(http.StatusUnsupportedMediaType, "unsupported_media_type",
			fmt.Sprintf("rows cannot be read in charset %q: send utf-8, gbk or utf-16", options.Encoding))
	}
	return format, options, nil
}

func comma(delimiter string) (rune, error) {
	switch delimiter {
	case "":
		return 0, nil
	case "comma":
		return ',', nil
	case "semicolon":
		return ';', nil
	case "tab":
		return '\t', nil
	}
	r, size := utf8.DecodeRuneInString(delimiter)
	if size != len(delimiter) || r == utf8.RuneError || r == '"' || r == '\n' || r == '\r' {
		const message = "must be one character, or comma, semicolon or tab"
		return 0, newProblem(http.StatusUnprocessableEntity, "invalid_request", "query.delimiter: "+message).at("query.delimiter", message)
	}
	return r, nil
}

// RowList is one page of the rows of a job.
type RowList struct {
	Rows []batch.Item `json:"rows" nullable:"false" doc:"In the order of the input"`
	Next int64        `json:"next,omitempty" doc:"Give it as after to read on; left out at the end"`
}

type listRowsInput struct {
	ID      string   `path:"id" maxLength:"64" doc:"ID of the job"`
	State   []string `query:"state" enum:"queued,submitted,unknown,confirmed,reverted,rejected,expired,canceled" doc:"Only rows in these states, with commas between them"`
	After   int64    `query:"after" minimum:"0" doc:"Only rows after this one"`
	Limit   int      `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"Most rows of the page"`
	History bool     `query:"history" doc:"With every attempt"`
}

type listRowsOutput struct{ Body RowList }

func listRowsRoute() route {
	return route{
		Operation: huma.Operation{
			OperationID: "listRows", Method: http.MethodGet, Path: "/v1/jobs/{id}/rows", Tags: []string{"jobs"},
			Summary: "List the rows of a job", Description: "Each row with its state, transaction hash, block and error.",
		},
		curl:     `curl 'http://127.0.0.1:8080/v1/jobs/JOB/rows?state=reverted,rejected&history=true'`,
		problems: []int{http.StatusNotFound, http.StatusUnprocessableEntity},
		timeout:  requestTimeout,
		register: handle((*Gateway).listRows),
	}
}

func (g *Gateway) listRows(ctx context.Context, in *listRowsInput) (*listRowsOutput, error) {
	if _, err := g.cfg.Engine.Job(ctx, in.ID); err != nil {
		return nil, err
	}
	filter := batch.ItemFilter{After: in.After, Limit: in.Limit + 1, History: in.History}
	for _, s := range in.State {
		filter.States = append(filter.States, batch.ItemState(s))
	}
	items, err := g.cfg.Engine.Items(ctx, in.ID, filter)
	if err != nil {
		return nil, err
	}
	page := RowList{Rows: items}
	if len(items) > in.Limit {
		page.Rows = items[:in.Limit]
		page.Next = items[in.Limit-1].Row
	}
	if page.Rows == nil {
		page.Rows = []batch.Item{}
	}
	return &listRowsOutput{Body: page}, nil
}
