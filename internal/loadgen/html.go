package loadgen

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/bcosgate/bcosgate/internal/chart"
)

//go:embed report.html.tmpl
var pageText string

var page = template.Must(template.New("report").Funcs(template.FuncMap{
	"ms":      func(d time.Duration) string { return strconv.FormatFloat(milliseconds(d), 'f', 1, 64) },
	"rate":    func(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) },
	"percent": func(v float64) string { return strconv.FormatFloat(v*100, 'g', 3, 64) + "%" },
	"at":      func(h *Histogram, p float64) time.Duration { return h.Percentile(p) },
}).Parse(pageText))

// stageRow is one line of the table of latencies.
type stageRow struct {
	Name string
	*Histogram
}

// WriteHTML writes the report as a page that needs nothing beside itself.
func (r Report) WriteHTML(w io.Writer) error {
	stages := []stageRow{{"whole", r.Total.Latency.Whole}, {"delay", r.Total.Latency.Delay}, {"answer", r.Total.Latency.Answer}}
	for _, f := range r.Functions {
		if len(r.Functions) > 1 {
			stages = append(stages, stageRow{"whole of " + f.Name, f.Latency.Whole})
		}
	}
	data := struct {
		Report
		Stages []stageRow
		Charts []template.HTML
		Errors template.HTML
		Kinds  []string
	}{Report: r, Stages: stages, Kinds: FailureKinds(r.Total.Counts)}
	data.Charts = append(data.Charts, r.rateChart(), r.latencyChart(), r.percentileChart())
	if len(r.Steps) > 1 {
		data.Charts = append(data.Charts, r.stepChart())
	}
	if len(data.Kinds) > 0 {
		var bars []chart.Bar
		for _, kind := range data.Kinds {
			bars = append(bars, chart.Bar{Name: kind, Value: float64(r.Total.Failures[kind])})
		}
		data.Errors = chart.Bars("Errors by kind", bars)
	}
	return page.Execute(w, data)
}

// FailureKinds are the kinds of failures, the most frequent first.
func FailureKinds(c Counts) []string {
	kinds := slices.Sorted(maps.Keys(c.Failures))
	slices.SortStableFunc(kinds, func(a, b string) int { return int(c.Failures[b] - c.Failures[a]) })
	return kinds
}

// maxPoints is about two for each pixel of a drawing; more seconds are put together.
const maxPoints = 1500

// overTime draws values of the seconds; several seconds of a long run become the
// value that put makes of them.
func (r Report) overTime(title, unit string, put func([]float64) float64, lines ...seriesOf) template.HTML {
	group := (len(r.Seconds) + maxPoints - 1) / maxPoints
	p := chart.Plot{Title: title, XLabel: "seconds", YLabel: unit}
	for _, l := range lines {
		line := chart.Line{Name: l.name}
		for part := range slices.Chunk(r.Seconds, max(1, group)) {
			var values []float64
			for _, s := range part {
				if v := l.value(s); !math.IsNaN(v) {
					values = append(values, v)
				}
			}
			y := math.NaN()
			if len(values) > 0 {
				y = put(values)
			}
			line.X, line.Y = append(line.X, float64(part[0].Second)), append(line.Y, y)
		}
		p.Lines = append(p.Lines, line)
	}
	return p.SVG()
}

type seriesOf struct {
	name  string
	value func(Second) float64
}

func mean(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x
	}
	return sum / float64(len(v))
}

func (r Report) rateChart() template.HTML {
	return r.overTime("Requests a second", "1/s", mean,
		seriesOf{"intended", func(s Second) float64 { return float64(s.Intended) }},
		seriesOf{"sent", func(s Second) float64 { return float64(s.Sent) }},
		seriesOf{"good", func(s Second) float64 { return float64(s.Good) }},
		seriesOf{"failed", func(s Second) float64 { return float64(s.Failed) }})
}

func (r Report) latencyChart() template.HTML {
	known := func(get func(Second) float64) func(Second) float64 {
		return func(s Second) float64 {
			if s.Good+s.Failed == 0 {
				return math.NaN()
			}
			return get(s)
		}
	}
	return r.overTime("Latency from the intended start, over time", "ms", slices.Max[[]float64],
		seriesOf{"p50", known(func(s Second) float64 { return s.P50MS })},
		seriesOf{"p99", known(func(s Second) float64 { return s.P99MS })},
		seriesOf{"max", known(func(s Second) float64 { return s.MaxMS })})
}

// percentileChart has the percentiles at -log10 of the part above them, so that each
// further nine has the same room.
func (r Report) percentileChart() template.HTML {
	p := chart.Plot{Title: "Latency by percentile and stage", XLabel: "percentile", YLabel: "ms", XTicks: []chart.Tick{}}
	for nines, text := range []string{"0", "90", "99", "99.9", "99.99", "99.999"} {
		p.XTicks = append(p.XTicks, chart.Tick{At: float64(nines), Text: text})
	}
	for _, s := range []stageRow{{"whole", r.Total.Latency.Whole}, {"delay", r.Total.Latency.Delay}, {"answer", r.Total.Latency.Answer}} {
		line := chart.Line{Name: s.Name}
		// Beyond one value of all there is nothing to tell apart.
		for nines := 0.0; s.Count() > 0 && nines <= min(5, math.Log10(float64(s.Count()))); nines += 0.05 {
			line.X = append(line.X, nines)
			line.Y = append(line.Y, milliseconds(s.Percentile(100*(1-math.Pow(10, -nines)))))
		}
		p.Lines = append(p.Lines, line)
	}
	return p.SVG()
}

func (r Report) stepChart() template.HTML {
	good, p99 := chart.Line{Name: "good"}, chart.Line{Name: "intended"}
	for _, s := range r.Steps {
		good.X, good.Y = append(good.X, s.To), append(good.Y, s.Rate)
		p99.X, p99.Y = append(p99.X, s.To), append(p99.Y, s.To)
	}
	return chart.Plot{Title: "Steps: what was intended and what succeeded", XLabel: "intended, 1/s", YLabel: "1/s", Lines: []chart.Line{good, p99}}.SVG()
}

// Headline says the result in a line.
func (r Report) Headline() string {
	return fmt.Sprintf("%.1f/s succeeded, %d of %d requests; p50 %.1f ms, p99 %.1f ms", r.Rate, r.Total.Good, r.Total.Intended,
		milliseconds(r.Total.Latency.Whole.Percentile(50)), milliseconds(r.Total.Latency.Whole.Percentile(99)))
}
