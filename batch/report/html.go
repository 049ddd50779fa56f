package report

import (
	"bufio"
	"context"
	_ "embed" // the page
	"fmt"
	"html/template"
	"math"
	"strconv"
	"time"

	"github.com/bcosgate/bcosgate/batch"
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
	// Places in the drawings, from the top of a row or from what is in it.
	"rows":   func(n int) int { return n * rowHeight },
	"stages": func(n int) int { return n * 2 * rowHeight },
	"base":   func(y int) int { return y + 18 },
	"top":    func(y int) int { return y + 4 },
	"axis":   func(y int) int { return y + 34 },
	"after":  func(length float64) float64 { return 150 + length + 8 },
}).Parse(pageText))

// page is what the template shows. Lengths and places are in the units of the
// drawings, whose width is chartWidth.
type page struct {
	Summary
	Title    string
	Function string
	Took     time.Duration
	States   []bar
	Rate     rateChart
	Stages   []stageRow
	Causes   []bar
	Failures []batch.Item
	Unlisted int64 // failed rows that are not in Failures
	Width    int
}

const (
	chartWidth = 720
	rowHeight  = 26
	rateHeight = 160
)

// bar is one bar of a chart of bars that lie below each other.
type bar struct {
	Name   string
	Class  string
	Count  int64
	Share  string // percent
	Y      int
	Length float64
	Text   string
}

// rateChart has a column for each step of the timeline.
type rateChart struct {
	Height  int
	Columns []column
	Peak    float64 // outcomes a second in the highest column
	Step    time.Duration
	From    time.Time
	To      time.Time
}

type column struct {
	X, Width            float64
	Confirmed, Failed   float64 // heights
	ConfirmedY, FailedY float64
	Tip                 string
}

// stageRow is a stage with its percentiles on a logarithmic axis.
type stageRow struct {
	Stage
	Words              string
	Y                  int
	X50, X90, X99, XTo float64
}

func writeHTML(ctx context.Context, s source, _ Options, w *bufio.Writer) error {
	var failures []batch.Item
	sum, err := summarize(ctx, s, func(it batch.Item) {
		if len(failures) < shownRows && (failed(it.State) || it.State == batch.ItemUnknown) {
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
	p := page{Summary: sum, Failures: failures, Width: chartWidth,
		Title: "Job " + sum.Job.ID, Function: sum.Job.Spec.Function,
		Unlisted: c.Reverted + c.Rejected + c.Canceled + c.Unknown - int64(len(failures))}
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
	p.Rate = newRateChart(sum.Timeline)
	p.Stages = stageRows(sum.Stages)
	p.Causes = causeBars(sum.Errors)
	return p
}

func stateBars(c batch.Counts, rows int64) []bar {
	var bars []bar
	for _, s := range []struct {
		state batch.ItemState
		words string
		n     int64
	}{
		{batch.ItemConfirmed, "confirmed 已确认", c.Confirmed}, {batch.ItemReverted, "reverted 已回滚", c.Reverted},
		{batch.ItemRejected, "rejected 被拒绝", c.Rejected}, {batch.ItemCanceled, "canceled 已取消", c.Canceled},
		{batch.ItemUnknown, "unknown 未知", c.Unknown}, {batch.ItemSubmitted, "submitted 已提交", c.Submitted},
		{batch.ItemQueued, "queued 排队中", c.Queued},
	} {
		if s.n > 0 {
			bars = append(bars, bar{Name: s.words, Class: string(s.state), Count: s.n})
		}
	}
	return layBars(bars, rows)
}

func causeBars(causes []Cause) []bar {
	var bars []bar
	var all int64
	for _, c := range causes {
		bars = append(bars, bar{Name: c.Kind, Class: "failed", Count: c.Count, Text: fmt.Sprintf("row %d: %s", c.Row, c.Text)})
		all += c.Count
	}
	return layBars(bars, all)
}

// barRoom is the width that the longest bar has; names and numbers have the rest.
const barRoom = 400

func layBars(bars []bar, all int64) []bar {
	var most int64 = 1
	for _, b := range bars {
		most = max(most, b.Count)
	}
	for i := range bars {
		b := &bars[i]
		b.Y = i * rowHeight
		b.Length = max(1, barRoom*float64(b.Count)/float64(most))
		b.Share = strconv.FormatFloat(100*float64(b.Count)/float64(max(all, 1)), 'f', 2, 64) + " %"
	}
	return bars
}

func newRateChart(t Timeline) rateChart {
	step := time.Duration(t.StepMS) * time.Millisecond
	n := len(t.Confirmed)
	r := rateChart{Height: rateHeight, Step: step, From: t.From, To: t.From.Add(time.Duration(n) * step)}
	if n == 0 {
		return r
	}
	var most int64 = 1
	for i := range t.Confirmed {
		most = max(most, t.Confirmed[i]+t.Failed[i])
	}
	r.Peak = float64(most) / step.Seconds()
	width := float64(chartWidth) / float64(n)
	for i := range t.Confirmed {
		good, bad := rateHeight*float64(t.Confirmed[i])/float64(most), rateHeight*float64(t.Failed[i])/float64(most)
		r.Columns = append(r.Columns, column{
			X: float64(i) * width, Width: max(width-1, 1), Confirmed: good, Failed: bad, ConfirmedY: rateHeight - good, FailedY: rateHeight - good - bad,
			Tip: fmt.Sprintf("%s: %s confirmed, %s failed", t.From.Add(time.Duration(i)*step).UTC().Format("15:04:05.0"), groupDigits(t.Confirmed[i]), groupDigits(t.Failed[i])),
		})
	}
	return r
}

func stageRows(stages []Stage) []stageRow {
	words := map[StageName]string{
		StageWaiting:   "waiting 等待：job started → first attempt stored",
		StageResolving: "resolving 查证：first attempt → the one that landed",
		StageLanding:   "landing 上链：attempt stored → outcome stored",
		StageTotal:     "total 合计：first attempt → outcome stored",
	}
	var longest int64 = 1
	for _, s := range stages {
		longest = max(longest, s.LatencyMS.Max)
	}
	place := func(ms int64) float64 {
		return chartWidth * math.Log1p(float64(ms)) / math.Log1p(float64(longest))
	}
	var rows []stageRow
	for i, s := range stages {
		l := s.LatencyMS
		rows = append(rows, stageRow{Stage: s, Words: words[s.Name], Y: i * 2 * rowHeight,
			X50: place(l.P50), X90: place(l.P90), X99: place(l.P99), XTo: place(l.Max)})
	}
	return rows
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
