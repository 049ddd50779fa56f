package report

import (
	"time"

	"github.com/bcosgate/bcosgate/batch"
)

// Timeline counts outcomes in steps of equal length.
type Timeline struct {
	From      time.Time `json:"from,omitzero"` // where the first step begins: at the first attempt
	StepMS    int64     `json:"stepMs"`
	Confirmed []int64   `json:"confirmed"` // a number a step
	Failed    []int64   `json:"failed"`    // reverted, rejected, expired and canceled
}

// maxSteps is how many steps a timeline has at most: as many bars as can be told
// apart on a page. It is even, because steps are joined in pairs.
const maxSteps = 120

// firstStep is the shortest step.
const firstStep = 100 * time.Millisecond

// timeline counts without knowing when the last outcome will be: when the steps
// do not reach, each becomes twice as long.
type timeline struct {
	from              time.Time
	step              time.Duration
	confirmed, failed []int64
}

func (t *timeline) add(at time.Time, state batch.ItemState) {
	if t.step == 0 {
		t.step = firstStep
		if t.from.IsZero() {
			t.from = at
		}
	}
	after := max(at.Sub(t.from), 0)
	for after >= maxSteps*t.step {
		t.step *= 2
		t.confirmed, t.failed = joined(t.confirmed), joined(t.failed)
	}
	i := int(after / t.step)
	for len(t.confirmed) <= i {
		t.confirmed, t.failed = append(t.confirmed, 0), append(t.failed, 0)
	}
	if state == batch.ItemConfirmed {
		t.confirmed[i]++
	} else {
		t.failed[i]++
	}
}

// joined adds up steps in pairs.
func joined(steps []int64) []int64 {
	for i, n := range steps {
		if i%2 == 0 {
			steps[i/2] = n
		} else {
			steps[i/2] += n
		}
	}
	return steps[:(len(steps)+1)/2]
}

// Timeline is what was counted.
func (t *timeline) Timeline() Timeline {
	return Timeline{From: t.from, StepMS: t.step.Milliseconds(), Confirmed: notNil(t.confirmed), Failed: notNil(t.failed)}
}

func notNil(list []int64) []int64 {
	if list == nil {
		return []int64{}
	}
	return list
}
