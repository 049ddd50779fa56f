package main

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bcosgate/bcosgate/batch/report"
)

// reportOptions are the flags of batchcall report.
type reportOptions struct {
	out       string
	failed    bool
	attempts  bool
	delimiter string
}

func (a *app) reportCommand() *cobra.Command {
	var o reportOptions
	cmd := &cobra.Command{
		Use:   "report JOB",
		Short: "Write what became of every row of a job",
		Long: `Write what became of every row of a job: your own columns in your own order, then
_state _error _tx_hash _block _status _gas_used _output _contract _attempts _latency_ms.

-o csv is the default; ndjson has an object a line; json has a summary only; html
is the summary as one page with charts. It needs no node, works while the job
runs, and reads a store that another process is working with.

Beside a file with the CSV or NDJSON of a job that is done stands its summary
(report.csv: report.summary.json) with the root of a Merkle tree over all cells:
batchcall verify-report finds out whether the report is still the same.

--failed writes the rows that were reverted, rejected, canceled or expired, with
their own columns, as input for batchcall run. --attempts writes every signed
transaction of every row, as CSV or NDJSON.

` + exitHelp,
		Example: `  batchcall report 0198c0de-6f2e-7000-8000-000000000001 --out report.csv
  batchcall report 0198c0de-6f2e-7000-8000-000000000001 --out report.html
  batchcall report 0198c0de-6f2e-7000-8000-000000000001 --failed --out again.csv
  batchcall report 0198c0de-6f2e-7000-8000-000000000001 --attempts -o ndjson
  batchcall report 0198c0de-6f2e-7000-8000-000000000001 -o ndjson --gateway http://127.0.0.1:8080 | grep -v confirmed`,
		Args: usageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error { return a.report(cmd.Context(), args[0], o) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&o.out, "out", "-", "`file` to write to, - for standard output")
	// Reports have formats of their own.
	f.StringVarP(&a.opt.report, "output", "o", "", "`format`: csv, ndjson, json or html (default: by the end of --out, else csv)")
	f.BoolVar(&o.failed, "failed", false, "write the rows that failed, as they came")
	f.StringVar(&o.delimiter, "delimiter", "", "with --failed, between the cells: comma, semicolon, tab or | (default: comma)")
	f.BoolVar(&o.attempts, "attempts", false, "write every signed transaction of every row")
	return cmd
}

// options are what the flags ask of a report.
func (o reportOptions) options(format string) (report.Options, error) {
	switch {
	case o.failed && o.attempts:
		return report.Options{}, usage("--failed does not go with --attempts: each is a file of its own")
	case o.failed && format != "":
		return report.Options{}, usage("-o does not go with --failed: the rows are written as they came")
	case !o.failed && o.delimiter != "":
		return report.Options{}, usage("--delimiter goes with --failed: all else is written with commas")
	case o.failed:
		comma, err := parseDelimiter(o.delimiter)
		if err == nil && comma != 0 && !strings.ContainsRune(",;|\t", comma) {
			err = usage("--delimiter %s: it is a comma, a semicolon, a tab or |", o.delimiter)
		}
		return report.Options{Format: report.Failed, Delimiter: comma}, err
	}
	f, err := reportFormat(format, o.out)
	if err != nil || !o.attempts {
		return report.Options{Format: f}, err
	}
	switch f {
	case report.CSV:
		return report.Options{Format: report.AttemptsCSV}, nil
	case report.NDJSON:
		return report.Options{Format: report.Attempts}, nil
	}
	return report.Options{}, usage("--attempts is written as csv or ndjson, not as %s", f)
}

func (a *app) report(ctx context.Context, jobID string, o reportOptions) (err error) {
	opt, err := o.options(a.opt.report)
	if err != nil {
		return err
	}
	if err := checkPlace("--out", o.out); err != nil {
		return err
	}
	r, err := a.openReader(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if !o.failed && !o.attempts {
		return a.saveReport(ctx, r, jobID, opt.Format, o.out)
	}
	if err := a.writeReport(ctx, r, jobID, opt, o.out); err != nil {
		return err
	}
	if o.out != "-" {
		a.note("written to %s", o.out)
	}
	return nil
}

// reportFormat is the named format, else the one that the file's name says.
func reportFormat(name, file string) (report.Format, error) {
	if name != "" {
		if f := report.Format(name); slices.Contains([]report.Format{report.CSV, report.NDJSON, report.JSON, report.HTML}, f) {
			return f, nil
		}
		return "", usage("-o %s: a report is csv, ndjson, json or html", name)
	}
	switch strings.ToLower(filepath.Ext(file)) {
	case ".ndjson", ".jsonl":
		return report.NDJSON, nil
	case ".json":
		return report.JSON, nil
	case ".html", ".htm":
		return report.HTML, nil
	}
	return report.CSV, nil
}
