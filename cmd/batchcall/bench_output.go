package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"golang.org/x/term"

	"github.com/bcosgate/bcosgate/internal/loadgen"
)

// benchProgress tells people, or programs, of each second of a run.
type benchProgress struct {
	out   io.Writer // nil is silent
	drawn bool      // one line, which is drawn anew
	width func() int
	most  time.Duration
}

func (a *app) newBenchProgress(p loadgen.Profile) *benchProgress {
	if a.opt.quiet {
		return &benchProgress{}
	}
	b := &benchProgress{out: a.err, most: p.Duration}
	if f, ok := a.err.(*os.File); ok && !a.opt.verbose && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb" {
		b.drawn = true
		b.width = func() int {
			width, _, err := term.GetSize(int(f.Fd()))
			if err != nil {
				return 80
			}
			return width
		}
	}
	return b
}

// second tells of one second. Progress that cannot be written must not stop the run.
func (b *benchProgress) second(s loadgen.Second) {
	switch {
	case b.out == nil:
	case b.drawn:
		line := fmt.Sprintf("%ds of %s, step %d: %d sent, %d good, %d failed, in flight %d, p50 %.0f ms, p99 %.0f ms",
			s.Second+1, b.most, s.Step+1, s.Sent, s.Good, s.Failed, s.InFlight, s.P50MS, s.P99MS)
		fmt.Fprintf(b.out, "\r\x1b[K%s", cut(line, b.width()-1))
	default:
		_ = json.NewEncoder(b.out).Encode(s)
	}
}

func (b *benchProgress) end() {
	if b.drawn {
		fmt.Fprint(b.out, "\r\x1b[K")
	}
}

// printBench writes the result: tables for people, all of it for programs, the
// latencies as CSV.
func (a *app) printBench(r loadgen.Report) error {
	if a.opt.output != outTable {
		return a.print(view{value: r, header: latencyHeader(), rows: latencyRows(r)})
	}
	tab := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(tab, "target\t%s, via %s\n", r.Subject.Target, r.Subject.Via)
	fmt.Fprintf(tab, "contract\t%s\n", r.Subject.Contract)
	fmt.Fprintf(tab, "load\t%s, seed %d\n", r.Config.Profile, r.Config.Seed)
	fmt.Fprintf(tab, "requests\t%d intended, %d sent (%d late), %d good\n", r.Total.Intended, r.Total.Sent, r.Total.Late, r.Total.Good)
	fmt.Fprintf(tab, "failed\t%s\n", failureLine(r.Total.Counts))
	switch {
	case r.Config.Profile.Shape != loadgen.Stairs:
		fmt.Fprintf(tab, "rate\t%.1f/s\n", r.Rate)
	case r.Knee != nil:
		fmt.Fprintf(tab, "knee\t%.1f/s, at step %d of %d\n", r.Rate, *r.Knee+1, len(r.Steps))
	default:
		fmt.Fprintf(tab, "knee\tnone, the first step did not hold\n")
	}
	if r.Total.Attempts > r.Total.Sent {
		fmt.Fprintf(tab, "attempts\t%d\n", r.Total.Attempts)
	}
	fmt.Fprintln(tab)
	if err := errors.Join(tab.Flush(), view{header: latencyHeader(), rows: latencyRows(r)}.printTable(a.out)); err != nil {
		return err
	}
	if len(r.Steps) > 1 || r.Config.Profile.Shape == loadgen.Stairs {
		fmt.Fprintln(a.out)
		if err := stepView(r).printTable(a.out); err != nil {
			return err
		}
	}
	if len(r.Verdicts) > 0 {
		fmt.Fprintln(a.out)
		return verdictView(r).printTable(a.out)
	}
	return nil
}

// failureLine says what failed, the most frequent first.
func failureLine(c loadgen.Counts) string {
	line := fmt.Sprintf("%d (%.3g%%)", c.Failed(), 100*c.FailedShare())
	for _, kind := range loadgen.FailureKinds(c) {
		line += fmt.Sprintf(", %s %d", kind, c.Failures[kind])
	}
	return line
}

func latencyHeader() []string {
	return []string{"stage", "function", "count", "mean_ms", "p50_ms", "p90_ms", "p95_ms", "p99_ms", "p99.9_ms", "max_ms"}
}

func latencyRows(r loadgen.Report) [][]string {
	var rows [][]string
	add := func(stage, function string, h *loadgen.Histogram) {
		row := []string{stage, function, fmt.Sprint(h.Count()), millis(h.Mean())}
		for _, p := range []float64{50, 90, 95, 99, 99.9} {
			row = append(row, millis(h.Percentile(p)))
		}
		rows = append(rows, append(row, millis(h.Max())))
	}
	add("whole", "", r.Total.Latency.Whole)
	add("delay", "", r.Total.Latency.Delay)
	add("answer", "", r.Total.Latency.Answer)
	for _, f := range r.Functions {
		if len(r.Functions) > 1 {
			add("whole", f.Name, f.Latency.Whole)
		}
	}
	return rows
}

func millis(d time.Duration) string { return fmt.Sprintf("%.1f", float64(d.Microseconds())/1000) }

func stepView(r loadgen.Report) view {
	v := view{header: []string{"step", "intended", "good", "p50_ms", "p99_ms", "errors", "result"}}
	for i, s := range r.Steps {
		result := "held"
		if s.Broken != "" {
			result = s.Broken
		}
		v.rows = append(v.rows, []string{fmt.Sprint(i + 1), fmt.Sprintf("%.1f/s", s.To), fmt.Sprintf("%.1f/s", s.Rate),
			millis(s.Latency.Whole.Percentile(50)), millis(s.Latency.Whole.Percentile(99)), fmt.Sprintf("%.3g%%", 100*s.FailedShare()), result})
	}
	return v
}

func verdictView(r loadgen.Report) view {
	v := view{header: []string{"objective", "actual", "result"}}
	for _, verdict := range r.Verdicts {
		result := "violated"
		if verdict.Kept {
			result = "kept"
		}
		v.rows = append(v.rows, []string{verdict.Objective.Text, verdict.Actual, result})
	}
	return v
}

// benchFiles are the files of a report. They are begun before the run, so that one
// that cannot be written is known before an hour is spent, and get their names when
// they are whole.
type benchFiles struct {
	data, page *os.File // nil when not asked for
	names      map[*os.File]string
}

func openBenchFiles(data, page string) (*benchFiles, error) {
	b := &benchFiles{names: map[*os.File]string{}}
	for _, f := range []struct {
		flag, path string
		to         **os.File
	}{{"report", data, &b.data}, {"html", page, &b.page}} {
		if f.path == "" {
			continue
		}
		temporary, err := os.CreateTemp(filepath.Dir(f.path), ".bench-")
		if err != nil {
			return nil, errors.Join(usage("--%s: %s", f.flag, err), b.discard())
		}
		*f.to, b.names[temporary] = temporary, f.path
	}
	return b, nil
}

func (b *benchFiles) write(a *app, r loadgen.Report) error {
	for _, part := range []struct {
		file  *os.File
		write func(io.Writer) error
	}{{b.data, r.Write}, {b.page, r.WriteHTML}} {
		if part.file == nil {
			continue
		}
		path := b.names[part.file]
		delete(b.names, part.file)
		if err := errors.Join(part.write(part.file), part.file.Chmod(0o644), part.file.Close()); err != nil {
			return errors.Join(fmt.Errorf("%s: %w", path, err), os.Remove(part.file.Name()))
		}
		if err := os.Rename(part.file.Name(), path); err != nil {
			return errors.Join(err, os.Remove(part.file.Name()))
		}
		a.note("the report is in %s", path)
	}
	return nil
}

// discard removes what was not written.
func (b *benchFiles) discard() error {
	var err error
	for f := range b.names {
		err = errors.Join(err, f.Close(), os.Remove(f.Name()))
	}
	return err
}
