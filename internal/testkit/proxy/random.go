package proxy

import (
	"math"
	"math/rand/v2"
	"time"
)

// random is the numbers of one direction of one connection, so that what strikes
// a connection does not depend on the others.
func random(seed, number uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, number)) }

// jitter draws delays.
type jitter struct{ rand *rand.Rand }

func newJitter(seed, number uint64) jitter { return jitter{random(seed, number)} }

func (j jitter) upTo(limit time.Duration) time.Duration {
	if limit <= 0 {
		return 0
	}
	return time.Duration(j.rand.Int64N(int64(limit)))
}

// flipper flips bits by the position of their byte, so that it does not matter
// in which pieces bytes come.
type flipper struct {
	rand     *rand.Rand
	switches uint64 // the faults that the positions below are of
	position int64  // of the next byte, from 0, since the faults were set
	next     int64  // position of the byte that is struck next by probability
}

// strike flips bits of data, which is the next on the connection.
func (f *flipper) strike(data []byte, flow Flow, switches uint64) {
	if switches != f.switches {
		f.switches, f.position = switches, 0
		f.next = f.gap(flow.FlipEach)
	}
	end := f.position + int64(len(data))
	if at := flow.Flip - 1; at >= f.position && at < end {
		f.flip(data, at)
	}
	for flow.FlipEach > 0 && f.next < end {
		f.flip(data, f.next)
		f.next += 1 + f.gap(flow.FlipEach)
	}
	f.position = end
}

func (f *flipper) flip(data []byte, at int64) { data[at-f.position] ^= 1 << f.rand.IntN(8) }

// gap draws how many bytes are spared before the next that is struck.
func (f *flipper) gap(probability float64) int64 {
	switch {
	case probability <= 0:
		return math.MaxInt64
	case probability >= 1:
		return 0
	}
	return int64(math.Log(1-f.rand.Float64()) / math.Log1p(-probability))
}
