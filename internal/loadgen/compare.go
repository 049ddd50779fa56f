package loadgen

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// Comparison says how two runs differ.
type Comparison struct {
	Metrics  []MetricChange `json:"metrics"`
	Warnings []string       `json:"warnings,omitempty"` // why the runs may not be comparable
}

// MetricChange is one metric of two runs. Old and New are of the whole runs; what is
// said of their difference comes from their seconds, each of which is one sample.
type MetricChange struct {
	Name    string  `json:"name"`
	Unit    string  `json:"unit"`
	Old     float64 `json:"old"`
	New     float64 `json:"new"`
	Ratio   float64 `json:"ratio,omitempty"` // New/Old; 0 when Old is 0
	Low     float64 `json:"low,omitempty"`   // 95 % bounds of the ratio of the medians of the seconds
	High    float64 `json:"high,omitempty"`  // 0 when they are not known
	P       float64 `json:"p"`               // chance of such a difference between equal runs; 1 when not known
	Samples [2]int  `json:"samples"`
	Verdict Change  `json:"verdict"`
}

// Change is what the seconds of two runs say of a metric.
type Change string

// The verdicts.
const (
	Better  Change = "better"
	Worse   Change = "worse"
	NoShown Change = "no difference shown"
	TooFew  Change = "too few seconds"
)

const (
	// fewest seconds of each run say something: with fewer not even runs that do
	// not overlap at all are told apart at alpha after correction for ties.
	fewest = 8
	// alpha is stricter than the usual 0.05, because the seconds of one run depend
	// on each other more than samples should.
	alpha     = 0.01
	resamples = 1000
)

// Compare compares an old run with a new one.
func Compare(a, b Report) Comparison {
	c := Comparison{Warnings: differences(a, b)}
	errorsOf := func(s Second) float64 {
		if s.Good+s.Failed == 0 {
			return math.NaN()
		}
		return 100 * float64(s.Failed) / float64(s.Good+s.Failed)
	}
	timed := func(get func(Second) float64) func(Second) float64 {
		return func(s Second) float64 {
			if s.Good+s.Failed == 0 {
				return math.NaN()
			}
			return get(s)
		}
	}
	for _, m := range []struct {
		name, unit string
		highIsGood bool
		whole      func(Report) float64
		second     func(Second) float64
	}{
		{"rate", "1/s", true, func(r Report) float64 { return r.Rate }, func(s Second) float64 { return float64(s.Good) }},
		{"p50", "ms", false, func(r Report) float64 { return milliseconds(r.Total.Latency.Whole.Percentile(50)) }, timed(func(s Second) float64 { return s.P50MS })},
		{"p99", "ms", false, func(r Report) float64 { return milliseconds(r.Total.Latency.Whole.Percentile(99)) }, timed(func(s Second) float64 { return s.P99MS })},
		{"errors", "%", false, func(r Report) float64 { return 100 * r.Total.FailedShare() }, errorsOf},
	} {
		change := compareSamples(samples(a.Seconds, m.second), samples(b.Seconds, m.second), m.highIsGood)
		change.Name, change.Unit, change.Old, change.New = m.name, m.unit, m.whole(a), m.whole(b)
		if change.Old != 0 {
			change.Ratio = change.New / change.Old
		}
		c.Metrics = append(c.Metrics, change)
	}
	return c
}

// samples are the values of the seconds of a run, without the first and those after
// the last whole second of sending, which are not like the others.
func samples(seconds []Second, value func(Second) float64) []float64 {
	last := len(seconds) - 1
	for last >= 0 && seconds[last].Intended == 0 {
		last--
	}
	var list []float64
	for i := 1; i < last; i++ {
		if v := value(seconds[i]); !math.IsNaN(v) {
			list = append(list, v)
		}
	}
	return list
}

func compareSamples(a, b []float64, highIsGood bool) MetricChange {
	c := MetricChange{Samples: [2]int{len(a), len(b)}, P: 1, Verdict: TooFew}
	if len(a) < fewest || len(b) < fewest {
		return c
	}
	c.Low, c.High = ratioBounds(a, b)
	var up bool
	c.P, up = mannWhitney(a, b)
	switch {
	case c.P >= alpha:
		c.Verdict = NoShown
	case up == highIsGood:
		c.Verdict = Better
	default:
		c.Verdict = Worse
	}
	return c
}

// mannWhitney is the two-sided chance that two samples of one distribution differ as
// much, by the normal approximation with correction for ties and continuity, and
// whether b is above a.
func mannWhitney(a, b []float64) (p float64, up bool) {
	type value struct {
		v     float64
		fromB bool
	}
	var all []value
	for _, v := range a {
		all = append(all, value{v, false})
	}
	for _, v := range b {
		all = append(all, value{v, true})
	}
	slices.SortFunc(all, func(x, y value) int {
		switch {
		case x.v < y.v:
			return -1
		case x.v > y.v:
			return 1
		}
		return 0
	})
	var ranks, ties float64 // sum of the ranks of b
	for i := 0; i < len(all); {
		j := i
		for j < len(all) && all[j].v == all[i].v {
			j++
		}
		equal := float64(j - i)
		ties += equal*equal*equal - equal
		for k := i; k < j; k++ {
			if all[k].fromB {
				ranks += float64(i+j+1) / 2
			}
		}
		i = j
	}
	na, nb := float64(len(a)), float64(len(b))
	n := na + nb
	u := ranks - nb*(nb+1)/2 - na*nb/2
	deviation := math.Sqrt(na * nb / 12 * (n + 1 - ties/(n*(n-1))))
	if deviation == 0 {
		return 1, false
	}
	z := max(0, math.Abs(u)-0.5) / deviation
	return math.Erfc(z / math.Sqrt2), u > 0
}

// ratioBounds are the 2.5th and 97.5th percentile of median(b)/median(a) over
// resamples in blocks of the root of the length, because seconds that follow each
// other are alike; 0 when a median is 0.
func ratioBounds(a, b []float64) (low, high float64) {
	random := rand.New(rand.NewPCG(1, 2)) // the same for the same runs
	ratios := make([]float64, 0, resamples)
	for range resamples {
		old, anew := median(resample(a, random)), median(resample(b, random))
		if old == 0 {
			return 0, 0
		}
		ratios = append(ratios, anew/old)
	}
	slices.Sort(ratios)
	return ratios[resamples/40], ratios[resamples-1-resamples/40]
}

func resample(v []float64, random *rand.Rand) []float64 {
	block := max(1, int(math.Sqrt(float64(len(v)))))
	out := make([]float64, 0, len(v)+block)
	for len(out) < len(v) {
		at := random.IntN(len(v) - block + 1)
		out = append(out, v[at:at+block]...)
	}
	return out[:len(v)]
}

// median sorts v.
func median(v []float64) float64 {
	slices.Sort(v)
	if n := len(v); n%2 == 0 {
		return (v[n/2-1] + v[n/2]) / 2
	}
	return v[len(v)/2]
}

// differences says what is not the same about two runs beside their outcomes.
func differences(a, b Report) []string {
	var list []string
	note := func(what string, x, y any) {
		if x, y := fmt.Sprint(x), fmt.Sprint(y); x != y {
			list = append(list, fmt.Sprintf("%s: %s, then %s", what, x, y))
		}
	}
	note("profile", a.Config.Profile, b.Config.Profile)
	note("functions", a.Config.Functions, b.Config.Functions)
	note("arguments", a.Subject.Args, b.Subject.Args)
	note("requests in flight at most", a.Config.InFlight, b.Config.InFlight)
	note("longest delay", a.Config.MaxDelay, b.Config.MaxDelay)
	note("via", a.Subject.Via, b.Subject.Via)
	note("chain", a.Subject.ChainID+" "+a.Subject.Group, b.Subject.ChainID+" "+b.Subject.Group)
	note("machine", a.Machine, b.Machine)
	note("platform", a.Program.Platform, b.Program.Platform)
	note("interrupted", a.Interrupted, b.Interrupted)
	return list
}

// String says a profile in a line.
func (p Profile) String() string {
	arrivals := ""
	if p.Poisson {
		arrivals = ", Poisson"
	}
	switch p.Shape {
	case Ramp:
		return fmt.Sprintf("ramp %g..%g/s over %s%s", p.From, p.To, p.Duration, arrivals)
	case Stairs:
		return fmt.Sprintf("steps of %g/s from %g to %g/s, %s each%s", p.By, p.From, p.To, p.Duration, arrivals)
	}
	return fmt.Sprintf("steady %g/s for %s%s", p.From, p.Duration, arrivals)
}

// String says the machine in a line.
func (m Machine) String() string { return fmt.Sprintf("%d CPUs, %d used", m.CPUs, m.Procs) }
