package main

import (
	"github.com/spf13/pflag"

	"github.com/bcosgate/bcosgate/batch"
)

// termsOptions are the flags that say how rows are sent, and not what.
type termsOptions struct {
	rate     float64
	inFlight int
	priority string
}

func (o *termsOptions) addTo(f *pflag.FlagSet) {
	f.Float64Var(&o.rate, "rate", 0, "most transactions a second (default: the target's limit)")
	f.IntVar(&o.inFlight, "in-flight", 0, "most transactions in flight (default: the target's limit)")
	f.StringVar(&o.priority, "priority", "", "`level` of the job, low, normal or high: the higher ones of a target go first (default: normal)")
}

func (o *termsOptions) check() error {
	switch {
	case o.rate < 0:
		return usage("--rate %g: it cannot be negative", o.rate)
	case o.inFlight < 0:
		return usage("--in-flight %d: it cannot be negative", o.inFlight)
	}
	switch batch.Priority(o.priority) {
	case "", batch.PriorityLow, batch.PriorityNormal, batch.PriorityHigh:
		return nil
	}
	return usage("--priority %s: use low, normal or high", o.priority)
}

// put writes the terms into a spec.
func (o *termsOptions) put(spec *batch.Spec) {
	spec.Rate, spec.InFlight, spec.Priority = o.rate, o.inFlight, batch.Priority(o.priority)
}
