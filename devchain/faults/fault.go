package faults

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Action is what a fault does.
type Action string

// The actions. What has to do with the execution of a request happens before it
// and instead of it, unless Fault.After is set.
const (
	Delay       Action = "delay"        // the request waits for Fault.Delay
	Drop        Action = "drop"         // no answer ever comes; the connection lives on
	Error       Action = "error"        // the answer is an error with Fault.Code and Fault.Message
	PoolFull    Action = "pool-full"    // the error 10002 TxPoolIsFull
	Close       Action = "close"        // the connection is closed in order
	Reset       Action = "reset"        // the connection is reset: TCP RST
	HalfOpen    Action = "half-open"    // the connection stays open and dead: nothing is read, answered or closed any more
	Corrupt     Action = "corrupt"      // the message is damaged in Fault.Part
	BlockNumber Action = "block-number" // the block height that is told is wrong by Fault.By
	ClockSkew   Action = "clock-skew"   // the time stamp of a block is wrong by Fault.Skew
)

// Actions are all actions, in the order of their description.
func Actions() []Action {
	return []Action{Delay, Drop, Error, PoolFull, Close, Reset, HalfOpen, Corrupt, BlockNumber, ClockSkew}
}

// What can be struck besides the requests, which have the name of their method.
const (
	// Any is every request, of whatever method or frame type, that the action fits;
	// no push, connection or block. For BlockNumber it is all that tell a height.
	Any = "any"

	Connect = "connect" // a connection that has just been accepted
	Block   = "block"   // a block that is being made

	// Frames of WebSocket that are no JSON-RPC.
	Handshake     = "handshake"
	Subscribe     = "event-subscribe"
	Unsubscribe   = "event-unsubscribe"
	AMOPTopics    = "amop-topics"
	AMOPRequest   = "amop-request"
	AMOPBroadcast = "amop-broadcast"
	AMOPResponse  = "amop-response"
	OtherFrame    = "other-frame"

	// Pushes.
	BlockNotify = "block-notify"
	EventPush   = "event-push"
)

// Transport is the way a request came.
type Transport string

// The transports; the empty one is all of them.
const (
	HTTP      Transport = "http"
	WebSocket Transport = "ws"
	Web3      Transport = "web3" // the port of the eth_ methods
)

// Part is what a corrupt message is damaged in.
type Part string

// The parts of a message.
const (
	Header  Part = "header"  // WebSocket: the frame ends inside its header; HTTP: Content-Length promises more than comes, then the connection closes
	Seq     Part = "seq"     // WebSocket: the seq is another one; HTTP: the id of the answer is another one
	Payload Part = "payload" // the JSON breaks off in the middle
)

// Fault is one fault as it is asked for and as it is listed.
type Fault struct {
	ID     int    `json:"id"` // given by Set.Add
	Action Action `json:"action"`
	// On is what it strikes: the name of a method, or one of the names above.
	// Empty is Any; sendTransaction for PoolFull, and Block for ClockSkew.
	On        string    `json:"on"`
	Transport Transport `json:"transport,omitempty"`
	Node      string    `json:"node,omitempty"` // the name of one node of the process; empty is each

	// Times is how often it strikes at most. 0 is once, or without bound when
	// Percent is set; below 0 is without bound.
	Times int `json:"times"`
	// Percent is how many of a hundred it strikes, drawn from a generator that
	// starts with Seed: the same requests in the same order have the same fate.
	// 0 is all.
	Percent float64 `json:"percent,omitempty"`
	Seed    uint64  `json:"seed,omitempty"`

	After   bool     `json:"after,omitempty"`   // the request is executed first
	Delay   Duration `json:"delay,omitempty"`   // wait before the action, or with After between execution and action
	Code    int      `json:"code,omitempty"`    // for Error
	Message string   `json:"message,omitempty"` // for Error
	Part    Part     `json:"part,omitempty"`    // for Corrupt; empty is Payload
	By      int64    `json:"by,omitempty"`      // for BlockNumber, in blocks; the height is never below 0
	Skew    Duration `json:"skew,omitempty"`    // for ClockSkew

	Seen   int `json:"seen"`   // how many that it could have struck came by
	Struck int `json:"struck"` // how many it has struck
}

// Spent reports whether it will never strike again.
func (f Fault) Spent() bool { return f.Times > 0 && f.Struck >= f.Times }

// Duration is a time span that is written like "1.5s".
type Duration time.Duration

// MarshalText writes it like time.Duration.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads what time.ParseDuration reads.
func (d *Duration) UnmarshalText(text []byte) error {
	span, err := time.ParseDuration(string(text))
	*d = Duration(span)
	return err
}

// withDefaults fills in what was left out and forgets what only a Set counts.
func (f Fault) withDefaults() Fault {
	f.ID, f.Seen, f.Struck = 0, 0, 0
	if f.Times == 0 && f.Percent == 0 {
		f.Times = 1
	}
	f.Times = max(f.Times, -1)
	if f.On == "" {
		switch f.Action {
		case PoolFull:
			f.On = "sendTransaction"
		case ClockSkew:
			f.On = Block
		default:
			f.On = Any
		}
	}
	if f.Action == PoolFull {
		f.Code, f.Message = 10002, "TxPoolIsFull" // protocol §5.3
	}
	if f.Action == Corrupt && f.Part == "" {
		f.Part = Payload
	}
	return f
}

// Validate lists everything that is wrong with the fault.
func (f Fault) Validate() error {
	f = f.withDefaults()
	var errs []error
	wrong := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	if !slices.Contains(Actions(), f.Action) {
		return fmt.Errorf("action %q is not known: use one of %s", f.Action, joined(Actions()))
	}
	wrong(!slices.Contains([]Transport{"", HTTP, WebSocket, Web3}, f.Transport), "transport %q is not known: use http, ws or web3", f.Transport)
	wrong(!(f.Percent >= 0 && f.Percent <= 100), "percent %v is not between 0 and 100", f.Percent)
	wrong(f.Delay < 0, "delay %s is negative", time.Duration(f.Delay))
	wrong(f.Action == Delay && f.Delay == 0, "delay: how long? (delay)")
	wrong(f.Action == Error && f.Code == 0, "error: with which code? (code)")
	wrong(f.Action == BlockNumber && f.By == 0, "block-number: wrong by how many blocks? (by)")
	wrong(f.Action == ClockSkew && f.Skew == 0, "clock-skew: wrong by how much? (skew)")
	wrong(f.Action == Corrupt && !slices.Contains([]Part{Header, Seq, Payload}, f.Part), "part %q is not known: use header, seq or payload", f.Part)
	wrong(!slices.Contains(actionsOn(f.On), f.Action), "%s cannot strike %s: that can have %s", f.Action, f.On, joined(actionsOn(f.On)))
	wrong(f.After && isEvent(f.On), "%s is not executed: without after", f.On)
	return errors.Join(errs...)
}

// isEvent tells what happens at the node from what it is asked.
func isEvent(on string) bool {
	return slices.Contains([]string{Connect, Block, BlockNotify, EventPush}, on)
}

// actionsOn are the actions that make sense for what is struck.
func actionsOn(on string) []Action {
	line := []Action{Close, Reset, HalfOpen}
	message := append([]Action{Delay, Drop, Corrupt}, line...)
	switch on {
	case Block:
		return []Action{ClockSkew}
	case Connect:
		return line
	case EventPush, Subscribe, Unsubscribe, AMOPTopics, AMOPRequest, AMOPBroadcast, AMOPResponse, OtherFrame:
		return message
	case Handshake, BlockNotify:
		return append(message, BlockNumber)
	case Any, "getBlockNumber", "eth_blockNumber":
		return append(message, Error, PoolFull, BlockNumber)
	}
	return append(message, Error, PoolFull)
}

func joined(actions []Action) string {
	texts := make([]string, len(actions))
	for i, a := range actions {
		texts[i] = string(a)
	}
	return strings.Join(texts, ", ")
}
