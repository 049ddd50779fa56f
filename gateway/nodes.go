package gateway

import (
	"context"
	"time"
)

// Nodes are the nodes of a target as whoever keeps the connections knows them.
// Its methods are safe for concurrent use.
type Nodes interface {
	// List is how each node does, always in the same order. It does not block.
	List() []Node
	// Stat is how connections and policies of the target stand. It does not block.
	Stat() TargetStat
	// Cordon keeps requests away from a node, also after a restart, until Uncordon.
	// A node that is cordoned already gets the new reason. The error is
	// chain.KindNotFound when there is no such node.
	Cordon(ctx context.Context, node, reason string) error
	// Uncordon lets requests to a node again; nil also when it was not cordoned.
	Uncordon(ctx context.Context, node string) error
}

// Node is how one node of a target does.
type Node struct {
	Node        string        `json:"node" doc:"host:port" example:"127.0.0.1:20200"`
	Online      bool          `json:"online" doc:"A connection is up and answers"`
	Usable      bool          `json:"usable" doc:"It is asked, if only when there is no better one"`
	Exclusions  []Exclusion   `json:"exclusions" nullable:"false" doc:"What keeps requests away, the oldest first; empty: the node is in full use"`
	Head        uint64        `json:"head" doc:"Newest block that the node told of; 0 while it is offline"`
	Lag         uint64        `json:"lag" doc:"Blocks behind the highest head of all nodes"`
	LatencyMS   float64       `json:"latencyMs" doc:"Milliseconds that answers took, recent ones count most; 0 before the first"`
	ErrorRate   float64       `json:"errorRate" doc:"Share of requests that failed, from 0 to 1, recent ones count most"`
	InFlight    int           `json:"inFlight" doc:"Requests that wait for the node's answer"`
	Waiting     int           `json:"waiting" doc:"Requests that wait for a connection"`
	Connections NodeConns     `json:"connections" doc:"Connections to the node"`
	Breakers    []NodeBreaker `json:"breakers" nullable:"false" doc:"Whether the calls of each class are let through"`
	Since       *time.Time    `json:"since,omitempty" doc:"When it went online or offline"`
	Error       string        `json:"error,omitempty" doc:"The last problem with it; left out since all is well"`
}

// Exclusion is one reason why requests stay away from a node.
type Exclusion struct {
	Reason string    `json:"reason" enum:"offline,wrong_chain,not_serving,cordoned,draining,lagging,failing,slow" doc:"With lagging, failing and slow the node is still asked when there is no better one, else not at all"`
	Text   string    `json:"text" doc:"The same for people; with cordoned what the operator said"`
	Since  time.Time `json:"since" doc:"When it began"`
}

// NodeConns are the connections to one node.
type NodeConns struct {
	Open int `json:"open" doc:"That stand"`
	Idle int `json:"idle" doc:"Of them without a request"`
}

// The states of NodeBreaker that matter to more than people.
const (
	breakerHalfOpen = "half_open"
	breakerOpen     = "open"
)

// NodeBreaker keeps the calls of a class away from a node that fails them.
type NodeBreaker struct {
	Class     string `json:"class" enum:"query,write" doc:"Reads or transactions"`
	State     string `json:"state" enum:"closed,half_open,open" doc:"closed: all are let through; half_open: a few, to see whether it works again; open: none"`
	OpenForMS int64  `json:"openForMs,omitempty" doc:"Milliseconds until a few are let through"`
}

// TargetStat is how connections and policies of a target stand.
type TargetStat struct {
	Pool  PoolStat
	Calls CallStat
}

// PoolStat are the connections to all nodes of a target.
type PoolStat struct {
	Nodes            int    `json:"nodes" doc:"Nodes that are listed, or end what they have"`
	Usable           int    `json:"usable" doc:"Of them that are asked"`
	Open             int    `json:"open" doc:"Connections that stand"`
	Idle             int    `json:"idle" doc:"Of them without a request"`
	Dialing          int    `json:"dialing" doc:"Dials under way"`
	InFlight         int    `json:"inFlight" doc:"Requests that wait for answers"`
	Waiting          int    `json:"waiting" doc:"Requests that wait for a connection"`
	Dials            uint64 `json:"dials" doc:"Attempts to connect since the start"`
	DialFailures     uint64 `json:"dialFailures" doc:"Of them without a usable connection"`
	Leases           uint64 `json:"leases" doc:"Requests that were given a connection"`
	Waits            uint64 `json:"waits" doc:"Requests that had to wait for one"`
	WaitMS           int64  `json:"waitMs" doc:"Milliseconds that they waited, in all"`
	Refused          uint64 `json:"refused" doc:"Requests that were given none in time"`
	Heartbeats       uint64 `json:"heartbeats" doc:"Heartbeats that were answered or missed"`
	HeartbeatsMissed uint64 `json:"heartbeatsMissed" doc:"Of them that were missed"`

	Closed  map[string]uint64 `json:"-"` // connections that ended, by why
	Changes map[string]Change `json:"-"` // of exclusions, by reason
}

// Change counts how often an exclusion began and ended.
type Change struct{ Began, Ended uint64 }

// CallStat is how the policies of a target's calls stand.
type CallStat struct {
	Query       ClassStat `json:"query" doc:"Reads"`
	Write       ClassStat `json:"write" doc:"Transactions"`
	RetriesLeft float64   `json:"retriesLeft" doc:"Retries that may follow each other without calls between them"`
}

// ClassStat is how the calls of a class stand.
type ClassStat struct {
	InFlight int `json:"inFlight" doc:"Attempts under way"`
	Places   int `json:"places" doc:"How many there may be at a time"`
}

// findNode is how the node does, and whether there is one of that name.
func (t Target) findNode(name string) (Node, bool) {
	for _, n := range t.Nodes.List() {
		if n.Node == name {
			return n, true
		}
	}
	return Node{}, false
}

// anyUsable reports whether any node is asked.
func anyUsable(nodes []Node) bool {
	for _, n := range nodes {
		if n.Usable {
			return true
		}
	}
	return false
}
