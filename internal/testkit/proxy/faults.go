package proxy

import "time"

// Direction says which way bytes go.
type Direction int

// The directions.
const (
	ToNode Direction = iota
	ToClient
)

// Faults is the state of the line. The zero value is a good line.
type Faults struct {
	ToNode, ToClient Flow
	// Cut refuses new connections and closes live ones in order: what is under
	// way is lost, and both sides see the end of the stream.
	Cut bool
	// Partition lets nothing through, neither bytes nor the end of a connection,
	// and closes nothing. What waits arrives once the partition is over, as TCP
	// sends again what was not acknowledged. New connections are taken and stay
	// silent until then.
	Partition bool
	// HalfOpen swallows all bytes: nothing comes back and nothing is closed. The
	// connections that it struck stay like this until the client closes them, also
	// when the line is good again.
	HalfOpen bool
}

// Flow is what happens to the bytes of one direction.
type Flow struct {
	// Latency comes on top of the time that bytes take, and so does a random part
	// of Jitter. Order is kept, and the number of bytes a second is not limited
	// before maxWaiting bytes are under way on a connection. Bytes under way keep
	// the delay that was in force when they came.
	Latency, Jitter time.Duration
	// Rate is in bytes a second for all connections together; 0 is no limit.
	Rate int
	// Flip is the number of the byte, from 1, of which a bit is flipped on each
	// connection, counted from when the faults were set; 0 is none.
	Flip int64
	// FlipEach is the probability that a bit of a byte is flipped, for each byte.
	FlipEach float64
}

func (f Faults) flow(d Direction) Flow {
	if d == ToNode {
		return f.ToNode
	}
	return f.ToClient
}
