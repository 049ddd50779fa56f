package main

import (
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/bcosgate/bcosgate/internal/loadgen"
)

// loadOptions are the flags that say how many requests start when.
type loadOptions struct {
	rate     float64
	ramp     string
	step     string
	duration time.Duration
	poisson  bool
}

// defaultRate is low enough for any chain, and more than an accident.
const defaultRate = 50

func (o *loadOptions) addTo(f *pflag.FlagSet) {
	f.Float64Var(&o.rate, "rate", 0, "steady requests a second (default 50)")
	f.StringVar(&o.ramp, "ramp", "", "`A..B`: the rate goes evenly from A to B")
	f.StringVar(&o.step, "step", "", "`A..B+S`: the rate goes from A up to B by S, until a step does not hold")
	f.DurationVar(&o.duration, "duration", 30*time.Second, "`time` of the run, with --step of each step")
	f.BoolVar(&o.poisson, "poisson", false, "random starts, as of many independent clients, instead of evenly spaced ones")
}

func (o loadOptions) profile() (loadgen.Profile, error) {
	p := loadgen.Profile{Shape: loadgen.Steady, From: o.rate, Duration: o.duration, Poisson: o.poisson}
	given := 0
	for _, set := range []bool{o.rate != 0, o.ramp != "", o.step != ""} {
		if set {
			given++
		}
	}
	var ok bool
	switch {
	case given > 1:
		return p, usage("--rate, --ramp and --step do not go together: take one")
	case o.ramp != "":
		p.Shape = loadgen.Ramp
		if p.From, p.To, ok = parseRange(o.ramp); !ok {
			return p, usage("--ramp %s: it is A..B, such as 100..500", o.ramp)
		}
	case o.step != "":
		p.Shape = loadgen.Stairs
		span, by, found := strings.Cut(o.step, "+")
		if p.From, p.To, ok = parseRange(span); ok {
			p.By, ok = parseRate(by)
		}
		if !found || !ok {
			return p, usage("--step %s: it is A..B+S, such as 100..2000+100", o.step)
		}
	case given == 0:
		p.From = defaultRate
	}
	if err := p.Validate(); err != nil {
		return p, usage("the load: %s", err)
	}
	return p, nil
}

func parseRange(text string) (from, to float64, ok bool) {
	low, high, found := strings.Cut(text, "..")
	from, fromOK := parseRate(low)
	to, toOK := parseRate(high)
	return from, to, found && fromOK && toOK
}

func parseRate(text string) (float64, bool) {
	v, err := strconv.ParseFloat(text, 64)
	return v, err == nil
}
