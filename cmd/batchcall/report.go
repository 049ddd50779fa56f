package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bcosgate/bcosgate/batch"
)

func (a *app) reportCommand() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "report JOB",
		Short: "Write what became of every row of a job",
		Long: `Write what became of every row of a job: your own columns in your own order, then
_state _error _tx_hash _block _status _gas_used _output _contract _attempts _latency_ms.

-o csv is the default; ndjson has an object a line; json has a summary only. It
needs no node, works while the job runs, and reads a store that another process
is working with.

` + exitHelp,
		Example: `  batchcall report 0198c0de-6f2e-7000-8000-000000000001 --out report.csv
  batchcall report 0198c0de-6f2e-7000-8000-000000000001 -o ndjson --gateway http://127.0.0.1:8080 | grep -v confirmed`,
		Args: usageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error { return a.report(cmd.Context(), args[0], out) },
	}
	cmd.Flags().StringVar(&out, "out", "-", "`file` to write to, - for standard output")
	// Reports have formats of their own.
	cmd.Flags().StringVarP(&a.opt.report, "output", "o", "", "`format`: csv, ndjson or json (default: by the end of --out, else csv)")
	return cmd
}

func (a *app) report(ctx context.Context, jobID, out string) (err error) {
	format, err := reportFormat(a.opt.report, out)
	if err != nil {
		return err
	}
	r, err := a.openReader(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if err := a.writeReport(ctx, r, jobID, format, out); err != nil {
		return err
	}
	if out != "-" {
		a.note("the report is in %s", out)
	}
	return nil
}

// reportFormat is the named format, else the one that the file's name says.
func reportFormat(name, file string) (string, error) {
	switch name {
	case batch.ReportCSV, batch.ReportNDJSON, batch.ReportJSON:
		return name, nil
	case "":
	default:
		return "", usage("-o %s: a report is csv, ndjson or json", name)
	}
	switch strings.ToLower(filepath.Ext(file)) {
	case ".ndjson", ".jsonl":
		return batch.ReportNDJSON, nil
	case ".json":
		return batch.ReportJSON, nil
	}
	return batch.ReportCSV, nil
}

// writeReport writes a file in one step: an earlier report stays until the new
// one is whole.
func (a *app) writeReport(ctx context.Context, r jobReader, jobID, format, file string) (err error) {
	if file == "-" {
		w := bufio.NewWriter(a.out)
		if err := r.WriteReport(ctx, jobID, format, w); err != nil {
			return fmt.Errorf("report: %w", err)
		}
		return w.Flush()
	}
	f, err := os.CreateTemp(filepath.Dir(file), ".report-")
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("report: %w", err), os.Remove(f.Name()))
		}
	}()
	w := bufio.NewWriterSize(f, 1<<16)
	err = r.WriteReport(ctx, jobID, format, w)
	if err == nil {
		err = w.Flush()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), file)
}
