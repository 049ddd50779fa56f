package chain

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Kind is the closed list of what can go wrong with a chain. Kinds, never
// texts, decide retries, HTTP statuses and the state of an item.
type Kind string

// What to do about each kind stands beside it.
const (
	KindInvalid     Kind = "invalid"     // the caller's arguments are wrong: mend them
	KindUnsupported Kind = "unsupported" // this chain cannot do it
	KindNotFound    Kind = "not_found"   // no such receipt, block or contract (yet)
	KindDenied      Kind = "denied"      // a permission is missing on the chain
	KindNonceUsed   Kind = "nonce_used"  // the chain knows the nonce: look for the receipt of our own hashes
	KindKnown       Kind = "known"       // the node already holds these bytes: wait for the receipt
	KindExpired     Kind = "expired"     // the block limit has passed, or is too far ahead
	KindDropped     Kind = "dropped"     // the node threw the transaction out of its pool: the same bytes may be sent again
	KindPending     Kind = "pending"     // it may still land: ask again later
	KindExists      Kind = "exists"      // there is a receipt after all
	KindOverloaded  Kind = "overloaded"  // the node or a limit says not now: wait RetryAfter, send less
	KindUnavailable Kind = "unavailable" // no connection, or it broke
	KindTimeout     Kind = "timeout"     // the deadline passed before the answer
	KindCanceled    Kind = "canceled"    // the caller gave up
	KindWrongChain  Kind = "wrong_chain" // chain or group id differ from the node's: mend the configuration
	KindProtocol    Kind = "protocol"    // the peer broke the rules of the wire
	KindNode        Kind = "node"        // the node failed inside; the outcome of a write is unknown
)

// Sent answers the question that decides whether an intent may be signed again.
type Sent string

// Only SentNo frees the intent; the zero value counts as maybe.
const (
	SentNo    Sent = "no"    // proven: no byte of the transaction can reach a node any more
	SentMaybe Sent = "maybe" // it may have
	SentYes   Sent = "yes"   // a node has it
)

// Error is the one error type at the border of every family, the pool and the
// guards. Match it with errors.As or with KindOf.
type Error struct {
	Kind       Kind
	Sent       Sent
	Op         string        // what was being done, for example "sendTransaction"
	Node       string        // host:port, empty when no node was chosen
	Code       int           // the node's own code, 0 when there is none
	Msg        string        // the node's own text, or ours
	RetryAfter time.Duration // with KindOverloaded and KindUnavailable: how long to wait, 0 when unknown
	Err        error         // the cause, may be nil
}

// Error says operation, node, kind, code and text on one line.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Op != "" {
		b.WriteString(e.Op)
	}
	if e.Node != "" {
		fmt.Fprintf(&b, " at %s", e.Node)
	}
	if b.Len() > 0 {
		b.WriteString(": ")
	}
	b.WriteString(string(e.Kind))
	if e.Code != 0 {
		fmt.Fprintf(&b, " (code %d)", e.Code)
	}
	if e.Msg != "" {
		b.WriteString(": " + e.Msg)
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// KindOf is the kind of the first *Error in err's tree, or "" when there is none.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return ""
}

// Is reports whether err holds an *Error of one of the kinds.
func Is(err error, kinds ...Kind) bool {
	k := KindOf(err)
	if k == "" {
		return false
	}
	for _, want := range kinds {
		if k == want {
			return true
		}
	}
	return false
}

// Unsent reports whether err proves that nothing was sent.
func Unsent(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Sent == SentNo
}
