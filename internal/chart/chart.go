// Package chart draws lines and bars as SVG, for pages that must show without a
// network and without scripts. It knows nothing of what it draws, and reads and
// writes no files.
package chart

import (
	"cmp"
	"fmt"
	"html"
	"html/template"
	"math"
	"strconv"
	"strings"
)

// The size of a drawing in its own units; a page scales it to its width.
const (
	width, height            = 760.0, 260.0
	left, right, top, bottom = 64.0, 16.0, 40.0, 40.0
)

// palette is told apart also by people who see few colours (Okabe and Ito); a plot
// with more lines begins again.
var palette = []string{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f"}

// Line is a row of points, in the order of X. A point whose Y is NaN or infinite
// is a gap. X and Y are of one length; what one has more is left out.
type Line struct {
	Name   string
	X, Y   []float64
	Colour string // of SVG; "" takes the next of a palette
}

// Plot has lines over common axes. Y begins at 0, or at the lowest point below it.
type Plot struct {
	Title, XLabel, YLabel string
	Lines                 []Line
	XTicks                []Tick // nil takes round numbers
}

// Tick is a place on the x axis and its text.
type Tick struct {
	At   float64
	Text string
}

// SVG draws the plot. Without any point it is an empty frame with its title.
func (p Plot) SVG() template.HTML {
	x, y := p.extent()
	var b strings.Builder
	open(&b, p.Title, height)
	for _, v := range steps(y.low, y.high, 5) {
		at := top + (height-top-bottom)*(1-y.share(v))
		fmt.Fprintf(&b, `<line class="grid" x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f"/>`, left, width-right, at, at)
		fmt.Fprintf(&b, `<text class="tick" x="%.1f" y="%.1f" text-anchor="end">%s</text>`, left-6, at+4, number(v))
	}
	for _, t := range p.ticks(x) {
		at := left + (width-left-right)*x.share(t.At)
		fmt.Fprintf(&b, `<text class="tick" x="%.1f" y="%.1f" text-anchor="middle">%s</text>`, at, height-bottom+16, html.EscapeString(t.Text))
	}
	fmt.Fprintf(&b, `<text class="axis" x="%.1f" y="%.1f" text-anchor="middle">%s</text>`, left+(width-left-right)/2, height-6, html.EscapeString(p.XLabel))
	fmt.Fprintf(&b, `<text class="axis" x="14" y="%.1f" text-anchor="middle" transform="rotate(-90 14 %.1f)">%s</text>`, top+(height-top-bottom)/2, top+(height-top-bottom)/2, html.EscapeString(p.YLabel))
	legend := left
	for i, line := range p.Lines {
		colour := cmp.Or(line.Colour, palette[i%len(palette)])
		fmt.Fprintf(&b, `<path fill="none" stroke="%s" stroke-width="1.6" stroke-linejoin="round" d="%s"/>`, html.EscapeString(colour), path(line, x, y))
		fmt.Fprintf(&b, `<rect x="%.1f" y="26" width="10" height="3" fill="%s"/><text class="tick" x="%.1f" y="31">%s</text>`, legend, html.EscapeString(colour), legend+14, html.EscapeString(line.Name))
		legend += 30 + 6.5*float64(len([]rune(line.Name)))
	}
	b.WriteString("</svg>")
	return template.HTML(b.String()) // all texts are escaped above
}

// Bar is a named length, which is not negative.
type Bar struct {
	Name   string
	Value  float64
	Text   string // what stands at its end; "" is the value
	Colour string // of SVG; "" is the first of a palette
}

// Bars draws a bar below the other, in their order.
func Bars(title string, bars []Bar) template.HTML {
	const row, names = 22.0, 200.0
	most, room := 0.0, 0.0
	texts := make([]string, len(bars))
	for i, bar := range bars {
		most = max(most, bar.Value)
		texts[i] = cmp.Or(bar.Text, number(bar.Value))
		room = max(room, 20+6.5*float64(len([]rune(texts[i]))))
	}
	var b strings.Builder
	open(&b, title, top+row*float64(len(bars))+8)
	for i, bar := range bars {
		y, length := top+row*float64(i), 0.0
		if most > 0 {
			length = max(0, width-names-room) * max(0, bar.Value) / most
		}
		fmt.Fprintf(&b, `<text class="tick" x="%.1f" y="%.1f" text-anchor="end">%s</text>`, names-8, y+13, html.EscapeString(bar.Name))
		fmt.Fprintf(&b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"/>`, names, y+2, length, row-7, html.EscapeString(cmp.Or(bar.Colour, palette[0])))
		fmt.Fprintf(&b, `<text class="tick" x="%.1f" y="%.1f">%s</text>`, names+length+6, y+13, html.EscapeString(texts[i]))
	}
	b.WriteString("</svg>")
	return template.HTML(b.String()) // all texts are escaped above
}

// open begins a drawing. Its texts have the colour of the page around it.
func open(b *strings.Builder, title string, h float64) {
	fmt.Fprintf(b, `<svg viewBox="0 0 %.0f %.0f" role="img" aria-label="%s" font-family="system-ui,sans-serif" fill="currentColor">`, width, h, html.EscapeString(title))
	b.WriteString(`<style>.grid{stroke:currentColor;stroke-opacity:.15}.tick{font-size:11px}.axis{font-size:11px;opacity:.7}.title{font-size:14px;font-weight:600}</style>`)
	fmt.Fprintf(b, `<text class="title" x="%.0f" y="16">%s</text>`, left, html.EscapeString(title))
}

func path(line Line, x, y span) string {
	var b strings.Builder
	pen := "M"
	for i := range min(len(line.X), len(line.Y)) {
		if !finite(line.X[i]) || !finite(line.Y[i]) {
			pen = "M"
			continue
		}
		fmt.Fprintf(&b, "%s%.1f %.1f", pen, left+(width-left-right)*x.share(line.X[i]), top+(height-top-bottom)*(1-y.share(line.Y[i])))
		pen = "L"
	}
	return b.String()
}

// span is a part of an axis.
type span struct{ low, high float64 }

func (s span) share(v float64) float64 { return (v - s.low) / (s.high - s.low) }

// extent is what the axes have to show; never empty, so that nothing is divided by 0.
func (p Plot) extent() (x, y span) {
	x, y = span{math.Inf(1), math.Inf(-1)}, span{0, 0}
	for _, line := range p.Lines {
		for i := range min(len(line.X), len(line.Y)) {
			if !finite(line.X[i]) || !finite(line.Y[i]) {
				continue
			}
			x = span{min(x.low, line.X[i]), max(x.high, line.X[i])}
			y = span{min(y.low, line.Y[i]), max(y.high, line.Y[i])}
		}
	}
	if x.low > x.high {
		x = span{0, 1}
	}
	if x.low == x.high {
		x.high++
	}
	if y.low == y.high {
		y.high = y.low + 1
	}
	return x, y
}

func (p Plot) ticks(x span) []Tick {
	var ticks []Tick
	for _, t := range p.XTicks {
		if t.At >= x.low && t.At <= x.high {
			ticks = append(ticks, t)
		}
	}
	if p.XTicks == nil {
		for _, v := range steps(x.low, x.high, 8) {
			ticks = append(ticks, Tick{At: v, Text: number(v)})
		}
	}
	return ticks
}

// steps are round numbers from low to high, about n of them.
func steps(low, high float64, n int) []float64 {
	raw := (high - low) / float64(n)
	unit := math.Pow(10, math.Floor(math.Log10(raw)))
	step := 10 * unit
	for _, factor := range []float64{1, 2, 5} {
		if raw <= factor*unit {
			step = factor * unit
			break
		}
	}
	if !finite(step) || step <= 0 {
		return nil
	}
	var list []float64
	for i := math.Ceil(low / step); i*step <= high && len(list) <= 4*n; i++ {
		list = append(list, i*step)
	}
	return list
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// number writes a value as short as it can be read.
func number(v float64) string {
	for _, unit := range []struct {
		size float64
		name string
	}{{1e9, "G"}, {1e6, "M"}, {1e4, "k"}} {
		if math.Abs(v) >= unit.size {
			size := unit.size
			if unit.name == "k" {
				size = 1e3
			}
			return strconv.FormatFloat(v/size, 'g', 4, 64) + unit.name
		}
	}
	return strconv.FormatFloat(v, 'g', 5, 64)
}
