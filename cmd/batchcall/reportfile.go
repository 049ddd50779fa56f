package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/bcosgate/bcosgate/batch"
	"github.com/bcosgate/bcosgate/batch/report"
)

// jobFiles are the files that are written when a job has ended.
type jobFiles struct {
	report    string // "" is none, - standard output
	failed    string // of the rows that failed; "" is beside the input
	beside    string // path of the input; "" when it is not known, or no place for files
	delimiter rune   // of the input, if it is a CSV; 0 is a comma
}

// addTo declares the flags. beside says where failed rows go without --failed.
func (o *jobFiles) addTo(f *pflag.FlagSet, beside string) {
	f.StringVar(&o.report, "report", "", "write the report to this `file` when the job is done (.csv, .ndjson, .json or .html; - for standard output as CSV)")
	f.StringVar(&o.failed, "failed", "", "write the rows that failed to this `file` (default: "+beside+")")
}

// check refuses files that cannot be written, before anything is done.
func (o *jobFiles) check() error {
	if err := errors.Join(checkPlace("--report", o.report), checkPlace("--failed", o.failed)); err != nil {
		return err
	}
	_, err := reportFormat("", o.report)
	return err
}

// hand writes the report, the failed rows and the summary of a job, and gives
// its exit code.
func (a *app) hand(ctx context.Context, r jobReader, job batch.Job, stands error, o jobFiles) error {
	if o.report != "" {
		format, err := reportFormat("", o.report)
		if err != nil {
			return err
		}
		if err := a.saveReport(ctx, r, job.ID, format, o.report); err != nil {
			return err
		}
	}
	if err := a.saveFailed(ctx, r, job, o); err != nil {
		return err
	}
	return a.beside(o.report).conclude(ctx, r, job, stands)
}

// beside prints where a report does not stand: a summary on the same standard output
// would get into it.
func (a *app) beside(reportFile string) *app {
	if reportFile != "-" {
		return a
	}
	aside := *a
	if aside.out = a.err; a.opt.quiet {
		aside.out = io.Discard
	}
	return &aside
}

// saveReport writes a report, and beside a file with all rows of a job that is
// final the summary that proves it.
func (a *app) saveReport(ctx context.Context, r jobReader, jobID string, format report.Format, file string) error {
	job, err := r.Job(ctx, jobID) // before the report: what is final now is the same in both
	if err != nil {
		return err
	}
	if err := a.writeReport(ctx, r, jobID, report.Options{Format: format}, file); err != nil {
		return err
	}
	switch {
	case file == "-":
		return nil
	case format != report.CSV && format != report.NDJSON:
		a.note("the report is in %s", file)
		return nil
	case !job.State.Final():
		a.note("the report is in %s; there is no summary to verify it with as long as the job is %s", file, job.State)
		return nil
	}
	summary := summaryFile(file)
	if err := a.writeReport(ctx, r, jobID, report.Options{Format: report.JSON}, summary); err != nil {
		return err
	}
	a.note("the report is in %s, its summary in %s", file, summary)
	return nil
}

// checkPlace refuses a file that is to be written into a folder that is not there.
func checkPlace(flag, file string) error {
	if file == "" || file == "-" {
		return nil
	}
	if info, err := os.Stat(file); err == nil && info.IsDir() {
		return usage("%s %s is a folder: name a file in it", flag, file)
	}
	folder := filepath.Dir(file)
	if info, err := os.Stat(folder); err != nil || !info.IsDir() {
		return usage("%s %s: there is no folder %s", flag, file, folder)
	}
	return nil
}

// summaryFile stands beside a report.
func summaryFile(file string) string {
	return strings.TrimSuffix(file, filepath.Ext(file)) + ".summary.json"
}

// writeReport writes a file in one step: an earlier one stays until the new one
// is whole.
func (a *app) writeReport(ctx context.Context, r jobReader, jobID string, opt report.Options, file string) error {
	if file == "-" {
		w := bufio.NewWriter(a.out)
		if err := r.WriteReport(ctx, jobID, opt, w); err != nil {
			return fmt.Errorf("report: %w", err)
		}
		return w.Flush()
	}
	name, err := writeAside(ctx, r, jobID, opt, file)
	if err != nil {
		return err
	}
	if err := os.Rename(name, file); err != nil {
		return errors.Join(fmt.Errorf("report: %w", err), os.Remove(name))
	}
	return nil
}

// writeAside writes a report to a new file in the folder of file, for the caller
// to rename or to remove.
func writeAside(ctx context.Context, r jobReader, jobID string, opt report.Options, file string) (name string, err error) {
	f, err := os.CreateTemp(filepath.Dir(file), ".report-")
	if err != nil {
		return "", fmt.Errorf("report: %w", err)
	}
	w := bufio.NewWriterSize(f, 1<<16)
	err = r.WriteReport(ctx, jobID, opt, w)
	if err == nil {
		err = w.Flush()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return "", errors.Join(fmt.Errorf("report: %w", err), os.Remove(f.Name()))
	}
	return f.Name(), nil
}

// saveFailed writes the rows of a finished job that failed, if there are any, to
// their file, or, when it has no name, beside the input, where nothing is overwritten.
func (a *app) saveFailed(ctx context.Context, r jobReader, job batch.Job, o jobFiles) error {
	c := job.Counts
	switch {
	case !job.State.Final() || c.Failed() == 0:
		return nil
	case o.failed == "" && o.beside == "":
		a.note("write the rows that failed to a file with: %s", a.again("report", job.ID, "--failed", "--out", "failed."+report.Failed.Extension(job)))
		return nil
	}
	opt := report.Options{Format: report.Failed, Delimiter: o.delimiter}
	if o.failed != "" {
		if err := a.writeReport(ctx, r, job.ID, opt, o.failed); err != nil {
			return err
		}
		a.note("the rows that failed are in %s", o.failed)
		return nil
	}
	file := failedFile(o.beside, report.Failed.Extension(job))
	name, err := writeAside(ctx, r, job.ID, opt, file)
	if errors.Is(err, fs.ErrPermission) {
		a.note("the rows that failed cannot be written beside the input (%v); name a file with --failed", err)
		return nil
	}
	if err != nil {
		return err
	}
	switch same, err := sameContent(name, file); {
	case errors.Is(err, fs.ErrNotExist):
		if err := os.Rename(name, file); err != nil {
			return errors.Join(fmt.Errorf("report: %w", err), os.Remove(name))
		}
	case err != nil:
		return errors.Join(fmt.Errorf("report: %w", err), os.Remove(name))
	case !same:
		a.note("%s is there already and is left as it is; write the rows that failed with: %s", file,
			a.again("report", job.ID, "--failed", "--out", file))
		return os.Remove(name)
	default:
		if err := os.Remove(name); err != nil {
			return err
		}
	}
	a.note("the rows that failed are in %s: mend them and run that file", file)
	return nil
}

// failedFile is where the failed rows of an input go: rows.csv has rows.failed.csv
// beside it, and rows.csv.gz has it too.
func failedFile(input, format string) string {
	names := map[string][]string{"csv": {".csv", ".tsv", ".txt"}, "ndjson": {".ndjson", ".jsonl"}}
	for {
		ext := filepath.Ext(input)
		bare := strings.TrimSuffix(input, ext)
		switch {
		case ext == "" || filepath.Base(bare) == "." || bare == "":
			return input + ".failed." + format
		case slices.Contains(names[format], strings.ToLower(ext)):
			return bare + ".failed" + ext
		case slices.Contains([]string{".gz", ".zst", ".parquet"}, strings.ToLower(ext)):
			input = bare
		default:
			return input + ".failed." + format
		}
	}
}

// sameContent compares two files.
func sameContent(a, b string) (bool, error) {
	fb, err := os.Open(b)
	if err != nil {
		return false, err
	}
	defer fb.Close()
	fa, err := os.Open(a)
	if err != nil {
		return false, err
	}
	defer fa.Close()
	ra, rb := bufio.NewReaderSize(fa, 64<<10), bufio.NewReaderSize(fb, 64<<10)
	for {
		pa, errA := ra.Peek(ra.Size())
		pb, errB := rb.Peek(rb.Size())
		for _, err := range []error{errA, errB} {
			if err != nil && !errors.Is(err, io.EOF) {
				return false, err
			}
		}
		if !bytes.Equal(pa, pb) {
			return false, nil
		}
		if len(pa) < ra.Size() {
			return true, nil
		}
		_, _ = ra.Discard(len(pa))
		_, _ = rb.Discard(len(pb))
	}
}
