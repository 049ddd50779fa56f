package report

import (
	"bufio"
	"context"
	_ "embed" // the page
	"html/template"
	"strconv"
	"time"

	"github.com/bcosgate/bcosgate/batch"
	"github.com/bcosgate/bcosgate/internal/chart"
)

// shownRows is how many failed rows the page names: enough to see what they
// have in common; the failed report has all.
const shownRows = 100

//go:embed page.html.tmpl
var pageText string

// html/template escapes whatever rows, contracts and nodes have written.
var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"count": groupDigits,
	"ms":    showMS,
	"when":  func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") },
}).Parse(pageText))

// page is what the template shows. A drawing is "" when there is nothing to draw.
type page struct {
	Summary
	Title    string
	Function string
	Took     time.Duration
	States   template.HTML
	Rate     template.HTML
	Latency  template.HTML
	Causes   template.HTML
	Failures []batch.Item
	Unlisted int64 // failed rows that are not in Failures
}

// The colours of states, which are told apart also by people who see few colours.
const (
	good = "#0072b2"
	bad  = "#d55e00"
	open = "#e69f00"
	calm = "#7f7f7f"
)

func writeHTML(ctx context.Context, s source, _ Options, w *bufio.Writer) error {
	var failures []batch.Item
	sum, err := summarize(ctx, s, func(it batch.Item) {
		if len(failures) < shownRows && (it.State.Failed() || it.State == batch.ItemUnknown) {
			it.Error = cleanText(it.Error)
			failures = append(failures, it)
		}
	})
	if err != nil {
		return err
	}
	return pageTemplate.Execute(w, newPage(sum, failures))
}

func newPage(sum Summary, failures []batch.Item) page {
	c := sum.Job.Counts
	p := page{Summary: sum, Failures: failures,
		Title: "Job " + sum.Job.ID, Function: sum.Job.Spec.Function,
		Unlisted: c.Failed() + c.Unknown - int64(len(failures))}
	if sum.Job.Spec.Name != "" {
		p.Title = sum.Job.Spec.Name
	}
	if sum.Job.Spec.Deploy {
		p.Function = "constructor"
	}
	if sum.Settled > 0 && !sum.First.IsZero() {
		p.Took = sum.Last.Sub(sum.First)
	}
	p.States = stateBars(c, sum.Job.Rows)
	p.Rate = ratePlot(sum.Timeline)
	p.Latency = latencyPlot(sum.Stages)
	p.Causes = causeBars(sum.Errors)
	return p
}

func stateBars(c batch.Counts, rows int64) template.HTML {
	var bars []chart.Bar
	for _, s := range []struct {
		words, colour string
		n             int64
	}{
		{"confirmed 已确认", good, c.Confirmed}, {"reverted 已回滚", bad, c.Reverted}, {"rejected 被拒绝", bad, c.Rejected},
		{"expired 已过期", bad, c.Expired}, {"canceled 已取消", calm, c.Canceled}, {"unknown 未知", open, c.Unknown}, {"submitted 已提交", open, c.Submitted}, {"queued 排队中", calm, c.Queued},
	} {
		if s.n > 0 {
			bars = append(bars, countBar(s.words, s.colour, s.n, rows))
		}
	}
	return draw("States", bars)
}

func causeBars(causes []Cause) template.HTML {
	var all int64
	for _, c := range causes {
		all += c.Count
	}
	var bars []chart.Bar
	for _, c := range causes {
		bars = append(bars, countBar(c.Kind, bad, c.Count, all))
	}
	return draw("Errors by kind", bars)
}

// countBar is a bar for n of all rows.
func countBar(name, colour string, n, all int64) chart.Bar {
	share := strconv.FormatFloat(100*float64(n)/float64(max(all, 1)), 'f', 2, 64)
	return chart.Bar{Name: name, Value: float64(n), Text: groupDigits(n) + " (" + share + " %)", Colour: colour}
}

func draw(title string, bars []chart.Bar) template.HTML {
	if len(bars) == 0 {
		return ""
	}
	return chart.Bars(title, bars)
}

func ratePlot(t Timeline) template.HTML {
	if len(t.Confirmed) == 0 {
		return ""
	}
	step := (time.Duration(t.StepMS) * time.Millisecond).Seconds()
	confirmed, failed := chart.Line{Name: "confirmed", Colour: good}, chart.Line{Name: "failed", Colour: bad}
	for i := range t.Confirmed {
		at := (float64(i) + .5) * step // the middle of what was counted
		confirmed.X, failed.X = append(confirmed.X, at), append(failed.X, at)
		confirmed.Y, failed.Y = append(confirmed.Y, float64(t.Confirmed[i])/step), append(failed.Y, float64(t.Failed[i])/step)
	}
	return chart.Plot{Title: "Outcomes a second", XLabel: "seconds after " + t.From.UTC().Format("2006-01-02 15:04:05 UTC"), YLabel: "1/s",
		Lines: []chart.Line{confirmed, failed}}.SVG()
}

func latencyPlot(stages []Stage) template.HTML {
	if len(stages) == 0 {
		return ""
	}
	p := chart.Plot{Title: "Latency by percentile and stage", XLabel: "percentile", YLabel: "ms"}
	for i, name := range []string{"p50", "p90", "p99", "p99.9", "max"} {
		p.XTicks = append(p.XTicks, chart.Tick{At: float64(i), Text: name})
	}
	for _, s := range stages {
		line, l := chart.Line{Name: string(s.Name)}, s.LatencyMS
		for i, ms := range []int64{l.P50, l.P90, l.P99, l.P999, l.Max} {
			line.X, line.Y = append(line.X, float64(i)), append(line.Y, float64(ms))
		}
		p.Lines = append(p.Lines, line)
	}
	return p.SVG()
}

// groupDigits writes a number with spaces between its thousands.
func groupDigits(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "\u202f" + s[i:]
	}
	return s
}

func showMS(ms int64) string {
	d := time.Duration(ms) * time.Millisecond
	if d >= time.Minute {
		return d.Round(time.Second).String()
	}
	return d.String()
}
