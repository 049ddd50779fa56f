package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/bcosgate/bcosgate/batch"
	"github.com/bcosgate/bcosgate/batch/reconcile"
)

// plainInterval is how often progress is told where it is not drawn.
const plainInterval = 5 * time.Second

// progress tells people how far something is. Its methods may be called often;
// it draws or prints only as often as is good to read.
type progress interface {
	// job tells where a job stands.
	job(p batch.Progress)
	// bytes tells how much of an input was read.
	bytes(read, total int64)
	// reconciled tells how far a comparison with the chain is.
	reconciled(r reconcile.Result)
	// end takes a drawing away, so that what follows starts on its own line.
	end()
}

// newProgress draws a bar on a terminal, prints lines elsewhere and between
// lines of a log, and is silent when asked to be.
func (a *app) newProgress() progress {
	if a.opt.quiet {
		return silent{}
	}
	if f, ok := a.err.(*os.File); ok && !a.opt.verbose && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb" {
		return &drawn{out: a.err, width: func() int {
			width, _, err := term.GetSize(int(f.Fd()))
			if err != nil {
				return 80
			}
			return width
		}}
	}
	return &printed{out: a.err, interval: plainInterval, now: time.Now}
}

type silent struct{}

func (silent) job(batch.Progress)          {}
func (silent) bytes(_, _ int64)            {}
func (silent) end()                        {}
func (silent) reconciled(reconcile.Result) {}

// drawn is a bar on a terminal.
type drawn struct {
	out   io.Writer
	width func() int
	bar   *progressbar.ProgressBar
	total int64
	last  time.Time
}

// drawInterval keeps a fast reader from spending its time on a slow terminal.
const drawInterval = 50 * time.Millisecond

func (d *drawn) job(p batch.Progress) { d.draw(p.Counts.Settled(), p.Rows, jobLine(p)) }

func (d *drawn) bytes(read, total int64) {
	d.draw(read, total, "checking rows")
}

func (d *drawn) reconciled(r reconcile.Result) {
	done, total := reconcileSteps(r)
	d.draw(done, total, reconcileLine(r))
}

func (d *drawn) draw(done, total int64, line string) {
	if total <= 0 || d.bar != nil && d.total == total && done < total && time.Since(d.last) < drawInterval {
		return
	}
	d.last = time.Now()
	if d.bar == nil || d.total != total {
		d.end()
		d.total = total
		d.bar = progressbar.NewOptions64(total,
			progressbar.OptionSetWriter(d.out),
			progressbar.OptionSetWidth(20),
			progressbar.OptionSetElapsedTime(false),
			progressbar.OptionSetPredictTime(false), // ours knows what happened before a resume
			progressbar.OptionShowDescriptionAtLineEnd(),
			progressbar.OptionUseANSICodes(true),
		)
	}
	// Progress that cannot be drawn must not stop the work.
	_ = d.bar.Set64(min(done, total))
	d.bar.Describe(cut(line, d.width()-len(" 100% |                    |  ")-1))
}

func (d *drawn) end() {
	if d.bar != nil {
		_ = d.bar.Clear()
		d.bar = nil
	}
}

// printed is a line now and then.
type printed struct {
	out      io.Writer
	interval time.Duration
	now      func() time.Time
	last     time.Time
}

// due is false at the beginning too: what is done at once needs no progress.
func (p *printed) due() bool {
	now := p.now()
	if p.last.IsZero() {
		p.last = now
		return false
	}
	if now.Sub(p.last) < p.interval {
		return false
	}
	p.last = now
	return true
}

func (p *printed) job(j batch.Progress) {
	if p.due() {
		fmt.Fprintf(p.out, "%d of %d rows, %s\n", j.Counts.Settled(), j.Rows, jobLine(j))
	}
}

func (p *printed) bytes(read, total int64) {
	if p.due() && total > 0 {
		fmt.Fprintf(p.out, "checking rows: %d%%\n", read*100/total)
	}
}

func (p *printed) reconciled(r reconcile.Result) {
	if p.due() {
		fmt.Fprintln(p.out, reconcileLine(r))
	}
}

func (p *printed) end() {}

// reconcileSteps counts rows first, then the blocks that are searched.
func reconcileSteps(r reconcile.Result) (done, total int64) {
	if r.Checked+r.Open < r.Rows || r.FromBlock == 0 {
		return r.Checked + r.Open, r.Rows
	}
	return int64(r.Scanned), int64(r.ToBlock - r.FromBlock + 1)
}

func reconcileLine(r reconcile.Result) string {
	line := fmt.Sprintf("%d of %d rows compared", r.Checked+r.Open, r.Rows)
	if r.Scanned > 0 {
		line += fmt.Sprintf(", %d blocks searched", r.Scanned)
	}
	if r.Mismatches > 0 {
		line += fmt.Sprintf(", %d mismatches", r.Mismatches)
	}
	return line
}

// jobLine says rate, remaining time and states.
func jobLine(p batch.Progress) string {
	line := fmt.Sprintf("%.0f/s", p.Rate)
	if p.ETA > 0 {
		line += ", ETA " + p.ETA.Round(time.Second).String()
	}
	line += ", " + stateLine(p.Counts)
	if p.State == batch.JobPaused {
		line += ", paused"
	}
	if p.InFlight > 0 {
		line += fmt.Sprintf(", in flight %d", p.InFlight)
		if p.Window > 0 {
			line += fmt.Sprintf(" of %d (sub-batch %d)", p.Window, p.SubBatch)
		}
	}
	if p.Budget != nil {
		line += fmt.Sprintf(", blocks left %d", p.Budget.Left)
	}
	if p.Waiting != "" {
		line += ", waiting: " + p.Waiting
	}
	return oneLine(line)
}

// stateLine says how many rows are in which state. States that are empty as
// long as all goes well are left out.
func stateLine(c batch.Counts) string {
	line := fmt.Sprintf("confirmed %d", c.Confirmed)
	for _, state := range []struct {
		name  string
		count int64
	}{{"reverted", c.Reverted}, {"rejected", c.Rejected}, {"expired", c.Expired}, {"canceled", c.Canceled}, {"unknown", c.Unknown}} {
		if state.count > 0 {
			line += fmt.Sprintf(", %s %d", state.name, state.count)
		}
	}
	return line
}

// cut shortens s to at most n characters.
func cut(s string, n int) string {
	r := []rune(s)
	if n < 1 {
		return ""
	}
	if len(r) <= n {
		return s
	}
	return string(r[:n-1]) + "…"
}
