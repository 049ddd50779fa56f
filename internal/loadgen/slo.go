package loadgen

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Metrics of objectives beside percentiles.
const (
	metricErrors  = "errors"
	metricDropped = "dropped"
	metricRate    = "rate"
	metricMean    = "mean"
	metricMax     = "max"
)

// Objective is what a run has to keep, for example p99<200ms. Latencies are those
// of the whole, from the intended start to the outcome, over all outcomes.
type Objective struct {
	Text   string        // as it was written
	Metric string        // errors, dropped, rate, mean, max, or p and a percentile
	Strict bool          // < or >, not <= or >=
	Time   time.Duration // the limit of mean, max and percentiles
	Number float64       // the limit of the others; a share for errors and dropped
}

var objective = regexp.MustCompile(`^([a-z]+[0-9.]*)\s*(<=|>=|<|>)\s*(\S+)$`)

// ParseObjectives reads a list with commas between, for example
// "p99<200ms, errors<0.1%, rate>450". An empty text has none.
func ParseObjectives(text string) ([]Objective, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	var list []Objective
	for part := range strings.SplitSeq(text, ",") {
		o, err := parseObjective(strings.TrimSpace(part))
		if err != nil {
			return nil, fmt.Errorf("%q: %w", strings.TrimSpace(part), err)
		}
		list = append(list, o)
	}
	return list, nil
}

func parseObjective(text string) (Objective, error) {
	m := objective.FindStringSubmatch(text)
	if m == nil {
		return Objective{}, fmt.Errorf("an objective is a metric, one of < <= > >=, and a limit, such as p99<200ms")
	}
	o := Objective{Text: text, Metric: m[1], Strict: len(m[2]) == 1}
	upper := m[2][0] == '<'
	var err error
	switch o.Metric {
	case metricErrors, metricDropped:
		o.Number, err = parseShare(m[3])
	case metricRate:
		o.Number, err = parseNumber(m[3])
		upper = !upper // the one that must not be small
	default:
		if _, known := o.percentile(); !known && o.Metric != metricMean && o.Metric != metricMax {
			return Objective{}, fmt.Errorf("there is no metric %s; there are p50 and other percentiles, mean, max, errors, dropped and rate", o.Metric)
		}
		if o.Time, err = time.ParseDuration(m[3]); err == nil && o.Time <= 0 {
			err = fmt.Errorf("a limit of %s", o.Time)
		}
	}
	if err == nil && !upper {
		err = fmt.Errorf("it is the wrong way round: %s is to be %s", o.Metric, map[bool]string{true: "high", false: "low"}[o.Metric == metricRate])
	}
	return o, err
}

// parseShare reads a percentage, or a share from 0 to 1.
func parseShare(text string) (float64, error) {
	digits, percent := strings.CutSuffix(text, "%")
	v, err := parseNumber(digits)
	if err == nil && percent {
		v /= 100
	}
	if err == nil && v > 1 {
		err = fmt.Errorf("%s is more than all: is there a %% missing?", text)
	}
	return v, err
}

func parseNumber(text string) (float64, error) {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) || v < 0 {
		return 0, fmt.Errorf("%s is not a number from 0 on", text)
	}
	return v, nil
}

// percentile is that of a metric such as p99.9.
func (o Objective) percentile() (float64, bool) {
	digits, found := strings.CutPrefix(o.Metric, "p")
	v, err := strconv.ParseFloat(digits, 64)
	return v, found && err == nil && v > 0 && v <= 100
}

// MarshalText writes the objective as it was written.
func (o Objective) MarshalText() ([]byte, error) { return []byte(o.Text), nil }

// UnmarshalText reads what MarshalText wrote.
func (o *Objective) UnmarshalText(text []byte) error {
	var err error
	*o, err = parseObjective(string(text))
	return err
}

// Verdict is what became of an objective.
type Verdict struct {
	Objective Objective `json:"objective"`
	Actual    string    `json:"actual"`
	Kept      bool      `json:"kept"`
}

// String says what was asked for and what was found.
func (v Verdict) String() string { return fmt.Sprintf("%s: it is %s", v.Objective.Text, v.Actual) }

// judge compares. Without any outcome nothing is kept: nothing was shown.
func (o Objective) judge(m *Measure, rate float64) Verdict {
	outcomes := m.Good + m.Failed()
	if outcomes == 0 {
		return Verdict{Objective: o, Actual: "not known, there is no outcome"}
	}
	switch o.Metric {
	case metricRate:
		return Verdict{o, fmt.Sprintf("%.1f/s", rate), rate > o.Number || !o.Strict && rate == o.Number}
	case metricErrors:
		return o.share(m.FailedShare())
	case metricDropped:
		return o.share(float64(m.Dropped()) / float64(outcomes))
	}
	var actual time.Duration
	switch o.Metric {
	case metricMean:
		actual = m.Latency.Whole.Mean()
	case metricMax:
		actual = m.Latency.Whole.Max()
	default:
		p, _ := o.percentile()
		actual = m.Latency.Whole.Percentile(p)
	}
	return Verdict{o, actual.String(), actual < o.Time || !o.Strict && actual == o.Time}
}

func (o Objective) share(v float64) Verdict {
	return Verdict{o, strconv.FormatFloat(v*100, 'g', 3, 64) + "%", v < o.Number || !o.Strict && v == o.Number}
}
