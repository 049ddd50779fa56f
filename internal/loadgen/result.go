package loadgen

import (
	"fmt"
	"maps"
	"time"

	"github.com/bcosgate/bcosgate/chain"
)

// Result is what came of a run.
type Result struct {
	Config      Config                 `json:"config"`
	Started     time.Time              `json:"started"`
	Elapsed     time.Duration          `json:"elapsedNs"`   // to the last outcome
	Interrupted bool                   `json:"interrupted"` // it was ended before its time
	Total       Measure                `json:"total"`
	Rate        float64                `json:"rate"` // good outcomes a second; of Stairs those of the knee
	Functions   []FunctionResult       `json:"functions"`
	Steps       []Step                 `json:"steps"` // one, except of Stairs
	Knee        *int                   `json:"knee,omitempty"`
	Seconds     []Second               `json:"seconds"`
	Nodes       map[string]int64       `json:"nodes"`   // attempts at each node, where they are known
	Sources     map[chain.Source]int64 `json:"sources"` // where answers to reads came from
	Verdicts    []Verdict              `json:"verdicts,omitempty"`
}

// FunctionResult is the part of one function.
type FunctionResult struct {
	Function
	Measure
}

// Step is a part of a run with a rate of its own, after which all outcomes were
// waited for.
type Step struct {
	From     float64       `json:"from"` // the intended rate at its beginning
	To       float64       `json:"to"`   // and at its end
	Duration time.Duration `json:"durationNs"`
	Rate     float64       `json:"rate"` // good outcomes a second
	Measure
	Broken string `json:"broken,omitempty"` // Stairs: why the step did not hold
}

// keepsUp is the share of the intended rate that a step has to bring. A step counts
// from its first answer to its last, and answers come by the block: with ten blocks
// in a step that is an error of a tenth.
const keepsUp = 0.9

// newStep computes the rate. Where a chain keeps up, the answers take as long as the
// starts took, only later; where it does not, they take longer.
func newStep(r rates, sent, answering time.Duration, m *Measure) Step {
	s := Step{From: r.from, To: r.to, Duration: sent, Measure: *m}
	if longer := max(sent, answering); longer > 0 {
		s.Rate = float64(m.Good) / longer.Seconds()
	}
	return s
}

// judge says whether the step held.
func (s *Step) judge(goals []Objective) {
	offered := float64(s.Intended) / s.Duration.Seconds()
	if s.Rate < keepsUp*offered {
		s.Broken = fmt.Sprintf("%.1f/s succeeded of %.1f/s", s.Rate, offered)
		return
	}
	for _, goal := range goals {
		if goal.Metric == metricRate {
			continue // it is about the whole
		}
		if v := goal.judge(&s.Measure, s.Rate); !v.Kept {
			s.Broken = v.String()
			return
		}
	}
}

func (r *run) result(steps []Step, interrupted bool) *Result {
	r.rec.mu.Lock()
	defer r.rec.mu.Unlock()
	elapsed := r.elapsed()
	r.rec.roll(elapsed + time.Second) // also the second that is not whole
	result := &Result{
		Config: r.cfg, Started: r.began, Elapsed: elapsed, Interrupted: interrupted,
		Total: *newMeasure(), Steps: steps, Seconds: r.rec.seconds, Nodes: r.rec.nodes, Sources: r.rec.sources,
	}
	for i, m := range r.rec.functions {
		result.Functions = append(result.Functions, FunctionResult{r.cfg.Functions[i], *m})
		result.Total.merge(m)
	}
	result.conclude()
	return result
}

// conclude finds the knee and judges the objectives: at the knee where there is one.
func (r *Result) conclude() {
	at, measure := r.Steps[len(r.Steps)-1], &r.Total
	if r.Config.Profile.Shape == Stairs {
		for i, step := range r.Steps {
			if step.Broken == "" {
				r.Knee = &i
			}
		}
		at = Step{Measure: *newMeasure()} // no step held: nothing was reached
		if r.Knee != nil {
			at = r.Steps[*r.Knee]
		}
		measure = &at.Measure
	}
	r.Rate = at.Rate
	for _, goal := range r.Config.Goals {
		r.Verdicts = append(r.Verdicts, goal.judge(measure, r.Rate))
	}
}

// Kept reports whether no objective was violated.
func (r *Result) Kept() bool {
	for _, v := range r.Verdicts {
		if !v.Kept {
			return false
		}
	}
	return true
}

// merge adds what another measure has.
func (m *Measure) merge(from *Measure) {
	m.Intended += from.Intended
	m.Sent += from.Sent
	m.Good += from.Good
	m.Late += from.Late
	m.Attempts += from.Attempts
	for kind := range maps.Keys(from.Failures) {
		m.Failures[kind] += from.Failures[kind]
	}
	m.Latency.Delay.h.Merge(from.Latency.Delay.h)
	m.Latency.Answer.h.Merge(from.Latency.Answer.h)
	m.Latency.Whole.h.Merge(from.Latency.Whole.h)
}
