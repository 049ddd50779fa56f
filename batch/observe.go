package batch

import (
	"time"

	"github.com/bcosgate/bcosgate/chain"
)

// Progress is how far a job is, now.
type Progress struct {
	JobID    string        `json:"jobId"`
	State    JobState      `json:"state"`
	Rows     int64         `json:"rows"`
	Counts   Counts        `json:"counts"`
	Rate     float64       `json:"rate"`              // items settled a second, over the last ten seconds
	InFlight int           `json:"inFlight"`          // transactions of this job that were sent and not answered
	Window   int           `json:"window"`            // how many the target may have in flight now, for all jobs
	ETA      time.Duration `json:"eta"`               // nanoseconds until all items are settled at this rate; 0 when unknown
	Waiting  string        `json:"waiting,omitempty"` // why nothing moves for the moment, in words
	Halted   bool          `json:"halted"`            // the job cannot go on until its Reason is mended
	Reason   string        `json:"reason,omitempty"`
}

// TargetStats is a snapshot of what the engine does with one target. Counters
// grow for as long as the engine lives.
type TargetStats struct {
	Target   string
	Window   int    // how many transactions may be in flight now
	InFlight int    // how many are
	Queued   int    // how many wait for a place in the window
	Waiting  string // why nothing is sent for the moment, "" when something may be
	Jobs     int    // how many jobs run
	Unknown  int    // items that are being resolved

	Signed   uint64               // attempts made
	Sent     uint64               // sends, repeated ones included
	Lookups  uint64               // receipts asked for by hash
	Settled  map[ItemState]uint64 // items that became final
	Failures map[chain.Kind]uint64
}

// Observer is told of single events, for histograms. Its methods are called
// from many goroutines, must not block and must not call the engine.
type Observer interface {
	// Answered is called for every send with how long it took; kind is "" for a receipt.
	Answered(target string, kind chain.Kind, took time.Duration)
	// Settled is called once an item's outcome is in the store.
	Settled(target string, state ItemState, latency time.Duration)
	// Committed is called for every group commit: how many rows, and how long it took.
	Committed(rows int, took time.Duration)
}
