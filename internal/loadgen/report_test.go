package loadgen

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// report is that of a run with two functions and failures.
func report(t *testing.T, change func(*Config)) Report {
	t.Helper()
	var r Report
	synctest.Test(t, func(t *testing.T) {
		cfg := steady(100, 5*time.Second)
		cfg.Functions = []Function{{"save(bytes32,string)", 3}, {"<b>", 1}}
		var err error
		cfg.Goals, err = ParseObjectives("p99<1s,errors<=10%")
		require.NoError(t, err)
		if change != nil {
			change(&cfg)
		}
		result, err := Run(t.Context(), cfg, fakeWorkload{answer: func(ctx context.Context, fn int, n uint64) error {
			if n%20 == 0 {
				return ErrReverted
			}
			return takes(time.Duration(n%50)*time.Millisecond)(ctx, fn, n)
		}}, nil)
		require.NoError(t, err)
		r = NewReport(*result, Subject{Via: "direct", Target: "main", Contract: "0x01", Args: map[string][]string{"save(bytes32,string)": {"{hash}", "<i>{seq}"}}})
	})
	return r
}

func TestReportIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	for _, change := range []func(*Config){nil, func(c *Config) {
		c.Profile = Profile{Shape: Stairs, From: 10, By: 10, To: 40, Duration: 2 * time.Second, Poisson: true}
	}} {
		r := report(t, change)
		var first, second bytes.Buffer
		require.NoError(t, r.Write(&first))
		again, err := ReadReport(bytes.NewReader(first.Bytes()))
		require.NoError(t, err)
		require.NoError(t, again.Write(&second))
		require.Equal(t, first.String(), second.String())
		require.Equal(t, r.Total.Counts, again.Total.Counts)
		require.Equal(t, r.Total.Latency.Whole.Percentile(99.9), again.Total.Latency.Whole.Percentile(99.9))
		require.Equal(t, r.Config, again.Config)
		require.Equal(t, r.Verdicts, again.Verdicts)
	}
}

func TestOtherFilesAreNoReports(t *testing.T) {
	t.Parallel()
	var whole bytes.Buffer
	require.NoError(t, report(t, nil).Write(&whole))
	for name, c := range map[string]struct{ text, want string }{
		"empty":        {"", "not a report"},
		"other":        {"{}", "of another version"},
		"a list":       {"[]", "not a report"},
		"newer":        {`{"format":"bcosgate bench 2"}`, "of another version"},
		"no parts":     {`{"format":"bcosgate bench 1"}`, "without its histograms"},
		"cut":          {whole.String()[:whole.Len()/2], "not a report"},
		"wrong number": {strings.Replace(whole.String(), `"count": 500`, `"count": 499`, 1), "it has 500 values, not 499"},
		"no steps":     {strings.Replace(whole.String(), `"steps": [`, `"stairs": [`, 1), "without its steps"},
	} {
		_, err := ReadReport(strings.NewReader(c.text))
		require.ErrorContains(t, err, c.want, name)
	}
}

func TestPageIsWholeAndEscaped(t *testing.T) {
	t.Parallel()
	for _, change := range []func(*Config){nil, func(c *Config) {
		c.Profile = Profile{Shape: Stairs, From: 10, By: 10, To: 40, Duration: 2 * time.Second}
	}} {
		r := report(t, change)
		var b bytes.Buffer
		require.NoError(t, r.WriteHTML(&b))
		html := b.String()
		require.True(t, strings.HasSuffix(strings.TrimSpace(html), "</html>"))
		require.NotContains(t, html, "<b>")
		require.NotContains(t, html, "<i>")
		require.NotContains(t, html, "http", "it loads nothing")
		require.NotContains(t, html, "ZgotmplZ")
		require.Contains(t, html, "reverted")
		require.Contains(t, html, `<span class="good">kept</span>`)
		for _, part := range strings.Split(html, "<svg")[1:] {
			svg, _, found := strings.Cut(part, "</svg>")
			require.True(t, found)
			d := xml.NewDecoder(strings.NewReader("<svg" + svg + "</svg>"))
			for {
				_, err := d.Token()
				if errors.Is(err, io.EOF) {
					break
				}
				require.NoError(t, err)
			}
		}
	}
}

// A run that came to nothing has a report too.
func TestReportOfNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		cfg := steady(0.1, time.Hour)
		cfg.Profile.Poisson = true
		result, err := Run(ctx, cfg, fakeWorkload{}, nil)
		require.NoError(t, err)
		r := NewReport(*result, Subject{})
		require.True(t, r.Interrupted)
		require.Zero(t, r.Total.Intended)
		var data, html bytes.Buffer
		require.NoError(t, r.Write(&data))
		_, err = ReadReport(&data)
		require.NoError(t, err)
		require.NoError(t, r.WriteHTML(&html))
		require.NotContains(t, html.String(), "NaN")
	})
}

// seconds makes seconds whose values scatter around a middle.
func seconds(n int, good, p50 float64, seed uint64) []Second {
	random := rand.New(rand.NewPCG(seed, 0))
	var list []Second
	for i := range n {
		noise := 1 + 0.05*random.NormFloat64()
		list = append(list, Second{Second: i, Intended: 1, Good: int64(good * noise), P50MS: p50 / noise, P99MS: 2 * p50})
	}
	return list
}

func TestComparisonTellsDifferencesFromNoise(t *testing.T) {
	t.Parallel()
	old, anew := report(t, nil), report(t, nil)
	old.Seconds, anew.Seconds = seconds(60, 500, 100, 1), seconds(60, 400, 130, 2)
	c := Compare(old, anew)
	require.Empty(t, c.Warnings)
	rate, p50, p99, errs := c.Metrics[0], c.Metrics[1], c.Metrics[2], c.Metrics[3]
	require.Equal(t, Worse, rate.Verdict)
	require.Less(t, rate.P, 1e-6)
	require.InDelta(t, 0.8, rate.Low, 0.05)
	require.InDelta(t, 0.8, rate.High, 0.05)
	require.Less(t, rate.Low, rate.High)
	require.Equal(t, Worse, p50.Verdict)
	require.Equal(t, Worse, p99.Verdict)
	require.Equal(t, NoShown, errs.Verdict)
	require.Equal(t, 1.0, errs.P, "all alike")
	require.Equal(t, [2]int{58, 58}, rate.Samples)
	back := Compare(anew, old)
	require.Equal(t, Better, back.Metrics[0].Verdict)
	require.Equal(t, Better, back.Metrics[1].Verdict)

	shown := 0
	for seed := range uint64(50) {
		old.Seconds, anew.Seconds = seconds(40, 500, 100, 2*seed+10), seconds(40, 500, 100, 2*seed+11)
		if Compare(old, anew).Metrics[0].Verdict != NoShown {
			shown++
		}
	}
	require.LessOrEqual(t, shown, 3, "equal runs are not told apart")

	old.Seconds = old.Seconds[:5]
	require.Equal(t, TooFew, Compare(old, anew).Metrics[0].Verdict)
	anew.Config.Profile.From = 7
	anew.Machine.CPUs++
	require.Len(t, Compare(old, anew).Warnings, 2)
}

func TestMannWhitneyAgainstKnownValues(t *testing.T) {
	t.Parallel()
	// By hand: U = 0, mean 32, deviation 9.522; z = 31.5/9.522.
	p, up := mannWhitney([]float64{1, 2, 3, 4, 5, 6, 7, 8}, []float64{9, 10, 11, 12, 13, 14, 15, 16})
	require.InDelta(t, 0.00094, p, 0.00002)
	require.True(t, up)
	// By hand: b has the ranks 4.5, 4.5, 4.5, 7 (all fours tie), U = 10.5, mean 8, two tied groups.
	p, up = mannWhitney([]float64{1, 4, 4, 5}, []float64{4, 4, 4, 9})
	require.Greater(t, p, 0.4)
	require.True(t, up)
	p, _ = mannWhitney([]float64{1, 1}, []float64{1, 1})
	require.Equal(t, 1.0, p)
}

func FuzzReadReport(f *testing.F) {
	f.Add([]byte(`{"format":"bcosgate bench 1","total":{"latency":{"whole":{"count":0,"hdr":"HISTFAAAAB54nJNpmSzMwMDAxAABzFCaEUoz2X+AMQCSeQJY"}}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := ReadReport(bytes.NewReader(data))
		if err != nil {
			return
		}
		Compare(r, r)
		require.NoError(t, r.WriteHTML(io.Discard))
	})
}
