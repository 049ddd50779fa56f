package report

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/bcosgate/bcosgate/batch"
)

// Latency is a distribution of milliseconds, with two exact digits.
type Latency struct {
	Min  int64   `json:"min"`
	Mean float64 `json:"mean"`
	P50  int64   `json:"p50"`
	P90  int64   `json:"p90"`
	P99  int64   `json:"p99"`
	P999 int64   `json:"p999"`
	Max  int64   `json:"max"`
}

// Stage is a part of an item's life.
type Stage struct {
	Name      StageName `json:"name"`
	Count     int64     `json:"count"` // items that went through it
	LatencyMS Latency   `json:"latencyMs"`
}

// StageName names a part of an item's life by what the store knows of it.
type StageName string

// The stages of items that are in blocks. Sending and sealing are one: a node
// answers a send after inclusion.
const (
	StageWaiting   StageName = "waiting"   // from the start of the job to the first attempt
	StageResolving StageName = "resolving" // from the first attempt to the one that landed, where they are not the same
	StageLanding   StageName = "landing"   // from the attempt that landed to the outcome
	StageTotal     StageName = "total"     // from the first attempt to the outcome
)

// longest is the longest time that is told apart; longer ones count as it.
const longest = 7 * 24 * time.Hour

type histogram struct{ *hdrhistogram.Histogram }

func newHistogram() histogram {
	return histogram{hdrhistogram.New(1, longest.Milliseconds(), 2)}
}

func (h histogram) add(d time.Duration) {
	// Within its bounds a value is always taken.
	_ = h.RecordValue(min(max(d, 0), longest).Milliseconds())
}

func (h histogram) latency() Latency {
	if h.TotalCount() == 0 {
		return Latency{}
	}
	return Latency{Min: h.Min(), Mean: h.Mean(), P50: h.ValueAtQuantile(50), P90: h.ValueAtQuantile(90),
		P99: h.ValueAtQuantile(99), P999: h.ValueAtQuantile(99.9), Max: h.Max()}
}

// stopwatch measures the stages of the items that are in blocks.
type stopwatch struct {
	started                            *time.Time // of the job
	waiting, resolving, landing, total histogram
}

func newStopwatch(started *time.Time) *stopwatch {
	return &stopwatch{started: started, waiting: newHistogram(), resolving: newHistogram(), landing: newHistogram(), total: newHistogram()}
}

func (s *stopwatch) add(it batch.TimedItem) {
	if it.Status == nil || it.Settled.IsZero() {
		return
	}
	total := time.Duration(it.LatencyMS) * time.Millisecond
	if it.Attempted.IsZero() { // it was read
		s.total.add(total)
		return
	}
	first := it.Settled.Add(-total)
	s.total.add(total)
	s.landing.add(it.Settled.Sub(it.Attempted))
	if it.Attempts > 1 {
		s.resolving.add(it.Attempted.Sub(first))
	}
	if s.started != nil {
		s.waiting.add(first.Sub(*s.started))
	}
}

// stages lists those that any item went through.
func (s *stopwatch) stages() []Stage {
	list := []Stage{}
	for _, stage := range []struct {
		name StageName
		h    histogram
	}{{StageWaiting, s.waiting}, {StageResolving, s.resolving}, {StageLanding, s.landing}, {StageTotal, s.total}} {
		if n := stage.h.TotalCount(); n > 0 {
			list = append(list, Stage{stage.name, n, stage.h.latency()})
		}
	}
	return list
}
