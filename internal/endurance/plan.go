//go:build linux

package main

import (
	"math/rand/v2"
	"slices"
	"time"
)

// phase is what a process is to be struck in.
type phase string

const (
	loading   phase = "while rows were loaded"
	starting  phase = "as it started"
	sending   phase = "while it sent"
	ending    phase = "at the last row"
	reporting phase = "while the report was written"
)

// moment is when a process is struck: once so many rows are on the chain (0: it
// has just been started), and then some time later.
type moment struct {
	phase phase
	rows  int
	after time.Duration
}

const (
	// blockTime is what build_chain.sh sets between blocks at least. Rows come to the
	// chain a block at a time, so a strike falls anywhere in the time of a block.
	blockTime = 500 * time.Millisecond
	// upTime is about what a process needs until it sends.
	upTime = 150 * time.Millisecond
	// loadOf is less than what a load takes: in the end, and for each row.
	loadBase, loadRow = 60 * time.Millisecond, 6 * time.Microsecond
)

// engineMoments are n moments over the whole life of a job, in their order, without
// those in which a report is written. Most of them lie between the first row and
// the last, equally likely anywhere, by progress and not by time, so that a fast
// machine is struck as often as a slow one.
func engineMoments(rng *rand.Rand, rows, n int) []moment {
	atLoad, atStart, atEnd := share(n, 10), share(n, 7), share(n, 16)
	var all []moment
	for range atLoad {
		most := loadBase + time.Duration(rows)*loadRow
		all = append(all, moment{phase: loading, after: most/4 + upTo(rng, most*3/4)})
	}
	again := make([]bool, max(n-atLoad-atStart-atEnd, 0))
	for i := range min(atStart, len(again)) {
		again[i] = true
	}
	rng.Shuffle(len(again), func(i, j int) { again[i], again[j] = again[j], again[i] })
	for i, m := range chainMoments(rng, rows, len(again)) {
		all = append(all, m)
		if again[i] {
			all = append(all, moment{phase: starting, after: upTo(rng, upTime)})
		}
	}
	for i := range atEnd {
		m := moment{phase: ending, rows: rows, after: upTo(rng, blockTime/20)}
		if i > 0 { // what is left to settle is little
			m.after = upTo(rng, upTime)
		}
		all = append(all, m)
	}
	return all
}

// chainMoments are n moments between the first row and the last.
func chainMoments(rng *rand.Rand, rows, n int) []moment {
	all := make([]moment, n)
	for i := range all {
		all[i] = moment{phase: sending, rows: 1 + rng.IntN(rows*49/50), after: upTo(rng, blockTime)}
	}
	slices.SortFunc(all, func(a, b moment) int { return a.rows - b.rows })
	return all
}

// share is an nth part, at least one.
func share(of, nth int) int { return max(of/nth, 1) }

func upTo(rng *rand.Rand, most time.Duration) time.Duration {
	return time.Duration(rng.Int64N(int64(most) + 1))
}
