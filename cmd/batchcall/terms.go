package main

import (
	"github.com/spf13/pflag"

	"github.com/bcosgate/bcosgate/batch"
	"github.com/bcosgate/bcosgate/configs"
)

// termsOptions are the flags that say how rows are sent, and not what.
type termsOptions struct {
	rate      float64
	inFlight  int
	priority  string
	deadline  string
	maxWait   string
	maxErrors string
	canary    int
}

func (o *termsOptions) addTo(f *pflag.FlagSet) {
	f.Float64Var(&o.rate, "rate", 0, "most transactions a second (default: the target's limit)")
	f.IntVar(&o.inFlight, "in-flight", 0, "most transactions in flight (default: the target's limit)")
	f.StringVar(&o.priority, "priority", "", "`level` of the job, low, normal or high: the higher ones of a target go first (default: normal)")
	f.StringVar(&o.deadline, "deadline", "", "rows that were not sent so long after the start of the job expire, for example 2h (default: none)")
	f.StringVar(&o.maxWait, "max-wait", "", "rows that were not sent expire when nothing of the job can be sent for so long (default: 30m)")
	f.StringVar(&o.maxErrors, "max-errors", "", maxErrorsUsage+" (default: no bound)")
	f.IntVar(&o.canary, "canary", 0, "send and settle this many rows before all others, and pause when one fails")
}

func (o *termsOptions) check() error {
	switch {
	case o.rate < 0:
		return usage("--rate %g: it cannot be negative", o.rate)
	case o.inFlight < 0:
		return usage("--in-flight %d: it cannot be negative", o.inFlight)
	case o.canary < 0:
		return usage("--canary %d: it cannot be negative", o.canary)
	}
	if _, err := durationFlag("--deadline", o.deadline); err != nil {
		return err
	}
	if _, err := durationFlag("--max-wait", o.maxWait); err != nil {
		return err
	}
	switch batch.Priority(o.priority) {
	case "", batch.PriorityLow, batch.PriorityNormal, batch.PriorityHigh:
		return nil
	}
	return usage("--priority %s: use low, normal or high", o.priority)
}

const maxErrorsUsage = "error `budget`: pause when more rows have failed than this number, or share of all rows (1%)"

// durationFlag reads a flag with a duration; "" is 0.
func durationFlag(name, text string) (batch.Duration, error) {
	if text == "" {
		return 0, nil
	}
	d, err := configs.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, usage("%s %s: give a number above 0 with a unit, such as 90s, 30m, 2h or 3d", name, text)
	}
	return batch.Duration(d), nil
}

// put writes the terms, which were checked, into a spec.
func (o *termsOptions) put(spec *batch.Spec) {
	spec.Rate, spec.InFlight, spec.Priority = o.rate, o.inFlight, batch.Priority(o.priority)
	spec.Deadline, _ = durationFlag("--deadline", o.deadline)
	spec.MaxWait, _ = durationFlag("--max-wait", o.maxWait)
	spec.MaxErrors, spec.Canary = o.maxErrors, o.canary
}
