package pool

import (
	"time"

	"github.com/bcosgate/bcosgate/chain"
)

// Reason is the closed list of what keeps requests away from a node.
type Reason string

// The reasons. With Lagging, Slow and Failing a node is still asked when there is
// no better one; with the others it is not.
const (
	Offline    Reason = "offline"     // no connection stands
	WrongChain Reason = "wrong_chain" // it serves another chain or group: mend the configuration
	NotServing Reason = "not_serving" // it said that it serves the group no more
	Cordoned   Reason = "cordoned"    // taken out by hand
	Draining   Reason = "draining"    // it is listed no more, and ends what it has
	Lagging    Reason = "lagging"     // it lacks blocks that others have had for a while
	Failing    Reason = "failing"     // most of its last requests failed
	Slow       Reason = "slow"        // its heartbeats take much longer than those of the best node
)

// Reasons lists all reasons, for what has to show each of them.
func Reasons() []Reason {
	return []Reason{Offline, WrongChain, NotServing, Cordoned, Draining, Lagging, Failing, Slow}
}

// Exclusion is one reason why requests stay away from a node.
type Exclusion struct {
	Reason Reason
	Text   string    // for people
	Since  time.Time // when it began
}

// NodeStatus is how a node does now.
type NodeStatus struct {
	Node        string
	Online      bool          // a connection stands
	Exclusions  []Exclusion   // what keeps requests away, the oldest first; empty: it is in full use
	Connections int           // that stand, those included that only end what they have
	Idle        int           // of them without a request
	InFlight    int           // requests that wait for answers
	Waiting     int           // requests that wait for a connection
	Head        uint64        // newest block the node told of; 0 while offline
	Lag         uint64        // blocks behind the highest head of all nodes; 0 while offline
	Latency     time.Duration // of answers, recent ones count most; 0 before the first
	ErrorRate   float64       // share of requests that failed, 0 to 1, recent ones count most
	Since       time.Time     // when it went online or offline
	Error       string        // the last problem, empty since all is well
	Kind        chain.Kind    // of that problem, empty when it has none
}

// Usable reports whether the node is asked at all, if only when there is no better one.
func (s *NodeStatus) Usable() bool {
	for _, e := range s.Exclusions {
		if e.Reason.bars() {
			return false
		}
	}
	return s.Online
}

// bars reports whether a node is not asked even when there is no other.
func (r Reason) bars() bool {
	return r != Lagging && r != Slow && r != Failing
}

// Stat is a pool's state now, and what it has counted since it was made.
type Stat struct {
	Nodes    int // that are listed, or still drain
	Usable   int // of them that are asked
	Open     int // connections that stand, those included that only end what they have
	Idle     int // of them without a request
	InFlight int // requests that wait for answers
	Waiting  int // requests that wait for a connection
	Dialing  int // dials under way

	Dials        uint64        // attempts to connect
	DialFailures uint64        // of them without a usable connection
	Leases       uint64        // given
	Waits        uint64        // leases that were not given at once, also those that never were
	WaitTime     time.Duration // that was spent so, in all
	Refused      uint64        // leases that were not given in time, or not at all

	// Why connections ended.
	ClosedIdle     uint64 // not needed
	ClosedLifetime uint64 // old enough
	ClosedBroken   uint64 // by the other side, the network, or after missed heartbeats
	ClosedDrained  uint64 // the node is listed no more, or the pool stopped

	Heartbeats       uint64 // that were answered or missed
	HeartbeatsMissed uint64

	// How often each exclusion began and ended; all reasons are there. What holds from
	// the start has not begun, and that of a node which is gone does not end.
	Changes map[Reason]Change
}

// Change counts one reason of exclusion over all nodes.
type Change struct {
	Began uint64
	Ended uint64
}
