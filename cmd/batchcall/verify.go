package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bcosgate/bcosgate/batch"
	"github.com/bcosgate/bcosgate/batch/report"
)

// verifyOptions are the flags of batchcall verify-report.
type verifyOptions struct {
	summary string
	root    string
	job     string
	prove   uint64
	proof   string
}

func (a *app) verifyReportCommand() *cobra.Command {
	var o verifyOptions
	cmd := &cobra.Command{
		Use:   "verify-report REPORT | --proof FILE",
		Short: "Find out whether a report is still what was written",
		Long: `Read a CSV or NDJSON report, compute the root of the Merkle tree over all of its
cells again, and compare it. A changed cell and a row that was added, removed or
moved are found. It needs neither a store nor a chain.

It is compared with the summary beside the report (report.csv:
report.summary.json), with another one (--summary), with a root that was kept
elsewhere (--root; CSV only), or with what the store or the gateway says of the
job now (--job). Whoever can change the report can change the summary beside it:
keep the root where it cannot be changed.

--prove prints a proof that one row is in the report, for somebody who is not to
see the other rows; --proof verifies such a proof against --root or --summary.

` + exitHelp,
		Example: `  batchcall verify-report report.csv
  batchcall verify-report report.csv --root 5d41402abc4b2a76b9719d911017c592ae2f5c1e8d2b6a0c3f4e5d6c7b8a9f01
  batchcall verify-report report.csv --job 0198c0de-6f2e-7000-8000-000000000001 --gateway http://127.0.0.1:8080`,
		Args: usageArgs(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.check(args); err != nil {
				return err
			}
			if o.proof != "" {
				return a.verifyProof(cmd.Context(), o)
			}
			return a.verifyReport(cmd.Context(), args[0], o)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&o.summary, "summary", "", "`file` with the JSON summary (default: the one beside the report)")
	f.StringVar(&o.root, "root", "", "the root in `hex`")
	f.StringVar(&o.job, "job", "", "`id` of the job, whose summary is asked for")
	f.Uint64Var(&o.prove, "prove", 0, "print the proof of the row with this `number`, from 1, once the report is verified; CSV only")
	f.StringVar(&o.proof, "proof", "", "verify the proof in this `file` instead of a report")
	return cmd
}

func (o verifyOptions) check(args []string) error {
	switch {
	case len(args) == 0 && o.proof == "":
		return usage("which report? Name its file, or a proof with --proof")
	case o.proof != "" && (len(args) > 0 || o.prove > 0):
		return usage("--proof does not go with a report: it is verified without one")
	case o.proof != "" && o.root == "" && o.summary == "" && o.job == "":
		return usage("which root is the proof to lead to? Give --root, --summary or --job")
	}
	given := 0
	for _, flag := range []string{o.summary, o.root, o.job} {
		if flag != "" {
			given++
		}
	}
	if given > 1 {
		return usage("--summary, --root and --job: take one of them")
	}
	if digits, err := hex.DecodeString(strings.TrimPrefix(o.root, "0x")); o.root != "" && (err != nil || len(digits) != 32) {
		return usage("--root %s: it has 64 hex digits", o.root)
	}
	return nil
}

func (a *app) verifyReport(ctx context.Context, file string, o verifyOptions) error {
	format, err := reportFormat("", file)
	if err != nil {
		return err
	}
	want, err := a.expected(ctx, file, o)
	if err != nil {
		return err
	}
	if format == report.NDJSON && o.root != "" {
		return usage("--root does not go with an NDJSON report, which has no header: its columns are in the summary")
	}
	f, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("the report: %w", err)
	}
	defer f.Close()
	found, err := report.Verify(ctx, f, format, want)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if o.prove == 0 || found.ProblemCount > 0 {
		if err := a.print(verificationView(file, found, want)); err != nil {
			return err
		}
	}
	for _, p := range found.Problems {
		where := "the report"
		if p.Row > 0 {
			where = fmt.Sprintf("row %d", p.Row)
		}
		a.note("%s", oneLine(where+": "+p.Reason))
	}
	if more := found.ProblemCount - int64(len(found.Problems)); more > 0 {
		a.note("and %d more", more)
	}
	if found.ProblemCount > 0 {
		return exitWith(exitMismatch, "%s is not the report that was written: %s", file, counted64(found.ProblemCount, "problem"))
	}
	if o.prove > 0 {
		return a.prove(ctx, f, format, o.prove)
	}
	return nil
}

// prove prints the proof of a row of a report that was verified.
func (a *app) prove(ctx context.Context, f *os.File, format report.Format, row uint64) error {
	if format != report.CSV {
		return usage("--prove goes with a CSV report")
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	p, err := report.Prove(ctx, f, row)
	if err != nil {
		return fmt.Errorf("%s: %w", f.Name(), err)
	}
	return view{value: p}.print(a.out, outJSON)
}

// verifyProof follows the proof of one row to the root.
func (a *app) verifyProof(ctx context.Context, o verifyOptions) error {
	text, err := os.ReadFile(o.proof)
	if err != nil {
		return fmt.Errorf("the proof: %w", err)
	}
	var p report.Proof
	if err := json.Unmarshal(text, &p); err != nil {
		return fmt.Errorf("%s is no proof: %w", o.proof, err)
	}
	want, err := a.expected(ctx, "", o)
	if err != nil {
		return err
	}
	if err := p.Verify(); err != nil {
		return exitWith(exitMismatch, "%s proves nothing: %w", o.proof, err)
	}
	if !strings.EqualFold(strings.TrimPrefix(want.Root, "0x"), p.Root) {
		return exitWith(exitMismatch, "%s leads to the root %s, not to %s", o.proof, p.Root, want.Root)
	}
	v := view{value: p, pairs: true, header: []string{"row", "root"}, rows: [][]string{{strconv.FormatUint(p.Row.Number, 10), p.Root}}}
	v.header, v.rows[0] = append(v.header, p.Header.Cells...), append(v.rows[0], p.Row.Cells...)
	return a.print(v)
}

// expected is what the report is compared with.
func (a *app) expected(ctx context.Context, file string, o verifyOptions) (report.Expected, error) {
	switch {
	case o.root != "":
		return report.Expected{Root: o.root}, nil
	case o.job != "":
		return a.expectedOfJob(ctx, o.job)
	}
	summary := o.summary
	if summary == "" {
		summary = summaryFile(file)
	}
	f, err := os.Open(summary)
	if errors.Is(err, fs.ErrNotExist) && o.summary == "" {
		return report.Expected{}, usage("there is no summary %s: what is the report to be compared with? Name it with --summary, or give --root or --job", summary)
	}
	if err != nil {
		return report.Expected{}, fmt.Errorf("the summary: %w", err)
	}
	defer f.Close()
	return readSummary(summary, f)
}

func (a *app) expectedOfJob(ctx context.Context, jobID string) (want report.Expected, err error) {
	r, err := a.openReader(ctx)
	if err != nil {
		return report.Expected{}, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	var text bytes.Buffer
	if err := r.WriteReport(ctx, jobID, report.Options{Format: report.JSON}, &text); err != nil {
		return report.Expected{}, err
	}
	return readSummary("job "+jobID, &text)
}

// readSummary reads the JSON of a summary.
func readSummary(name string, r io.Reader) (report.Expected, error) {
	var s report.Summary
	if err := json.NewDecoder(r).Decode(&s); err != nil {
		return report.Expected{}, fmt.Errorf("%s is no summary of a report: %w", name, err)
	}
	if s.Merkle.Algorithm != report.MerkleAlgorithm {
		return report.Expected{}, fmt.Errorf("%s has a tree of the form %q, this program knows %q", name, s.Merkle.Algorithm, report.MerkleAlgorithm)
	}
	return s.Expected(), nil
}

func verificationView(file string, found report.Verification, want report.Expected) view {
	verdict := "the same"
	if found.ProblemCount > 0 {
		verdict = "not the same"
	}
	v := view{value: struct {
		Report string `json:"report"`
		Same   bool   `json:"same"`
		report.Verification
		Expected string `json:"expectedRoot"`
	}{file, found.ProblemCount == 0, found, want.Root}, pairs: true, header: []string{"report", "rows"}, rows: [][]string{{file, number(found.Rows)}}}
	for _, s := range batch.ItemStates {
		if n := found.States[s]; n > 0 {
			v.header, v.rows[0] = append(v.header, string(s)), append(v.rows[0], number(n))
		}
	}
	v.header = append(v.header, "root", "expected", "problems", "verdict")
	v.rows[0] = append(v.rows[0], found.Root, want.Root, number(found.ProblemCount), verdict)
	return v
}
