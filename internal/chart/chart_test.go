package chart

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// wellFormed reads a drawing as XML and gives how many elements of each name it has.
func wellFormed(t *testing.T, svg string) map[string]int {
	t.Helper()
	found := map[string]int{}
	d := xml.NewDecoder(strings.NewReader(svg))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return found
		}
		require.NoError(t, err, svg)
		if start, ok := token.(xml.StartElement); ok {
			found[start.Name.Local]++
		}
	}
}

func TestPlotHasAPathForEachLineAndGapsWhereNothingIsKnown(t *testing.T) {
	t.Parallel()
	svg := string(Plot{Title: "rate <&>", XLabel: "s", YLabel: "1/s", Lines: []Line{
		{Name: `"a"`, X: []float64{0, 1, 2, 3}, Y: []float64{1, math.NaN(), 3, 4}},
		{Name: "b", X: []float64{0, 3}, Y: []float64{0, 2}},
	}}.SVG())
	require.Equal(t, 2, wellFormed(t, svg)["path"])
	require.Contains(t, svg, "rate &lt;&amp;&gt;")
	require.NotContains(t, svg, "NaN")
	first := svg[strings.Index(svg, ` d="`)+4:]
	first = first[:strings.Index(first, `"`)]
	require.Equal(t, 2, strings.Count(first, "M"), "the line is broken at the gap: %s", first)
	require.Equal(t, 1, strings.Count(first, "L"))
}

func TestDrawingsWithoutAnythingToDraw(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]Plot{
		"nothing":      {},
		"no points":    {Lines: []Line{{Name: "a"}}},
		"one point":    {Lines: []Line{{X: []float64{5}, Y: []float64{0}}}},
		"no numbers":   {Lines: []Line{{X: []float64{1, 2}, Y: []float64{math.NaN(), math.Inf(1)}}}},
		"odd lengths":  {Lines: []Line{{X: []float64{1, 2, 3}, Y: []float64{1}}}},
		"tiny numbers": {Lines: []Line{{X: []float64{0, 1}, Y: []float64{0, 5e-324}}}},
		"huge numbers": {Lines: []Line{{X: []float64{0, math.MaxFloat64}, Y: []float64{-math.MaxFloat64 / 4, math.MaxFloat64 / 4}}}},
	} {
		svg := string(p.SVG())
		wellFormed(t, svg)
		require.NotContains(t, svg, "NaN", name)
		require.NotContains(t, svg, "Inf", name)
	}
	wellFormed(t, string(Bars("none", nil)))
	bars := string(Bars("named", []Bar{{Name: "a", Value: 2, Text: "2 <b>", Colour: `red"`}}))
	wellFormed(t, bars)
	require.Contains(t, bars, "2 &lt;b&gt;")
	wellFormed(t, string(Bars("zero", []Bar{{Name: "<a>", Value: 0}})))
}

func TestStepsAreRound(t *testing.T) {
	t.Parallel()
	require.Equal(t, []float64{0, 20, 40, 60, 80, 100}, steps(0, 100, 5))
	require.Equal(t, []float64{0, 1, 2, 3}, steps(0, 3.2, 5))
	require.Equal(t, []float64{-2, 0, 2}, steps(-3, 3, 5)[0:3])
}

func TestNumbersAreShort(t *testing.T) {
	t.Parallel()
	for v, want := range map[float64]string{0: "0", 950: "950", 1500: "1500", 12000: "12k", 1234567: "1.235M", 0.25: "0.25"} {
		require.Equal(t, want, number(v))
	}
}
