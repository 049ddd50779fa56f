package batch

import (
	"time"

	"github.com/bcosgate/bcosgate/chain"
)

// This file is the whole judgement about an item: given what is known of it and
// what the chain just answered, what is done next. It does no I/O and keeps no
// time, so that tests can walk it completely.
//
// What it guarantees, whatever the answers are:
//   - new bytes are signed only when no earlier bytes of the item can land any
//     more: at first, or after a proof of absence;
//   - the same bytes may be sent again at any time before the item is settled;
//   - an item that may have landed is settled only by a receipt, or by a proof
//     that it did not land.

// question is what the chain was asked about an item.
type question string

const (
	askSend    question = "send"    // execute these bytes
	askReceipt question = "receipt" // is there a receipt of any of the item's hashes?
	askProof   question = "proof"   // can none of the item's hashes land any more?
)

// answer is what came back, as far as it matters for what is done next.
type answer struct {
	to        question
	kind      chain.Kind // "" is a receipt, or the proof that was asked for
	sent      chain.Sent // of a send that failed
	succeeded bool       // the receipt's
}

// action is what is to be done with an item.
type action string

const (
	actSend   action = "send"   // send the last attempt's bytes; sign a new attempt first when the item is free
	actLook   action = "look"   // ask for the receipts of all hashes
	actProve  action = "prove"  // ask for proof that none of them can land
	actSettle action = "settle" // write the outcome; nothing follows
	actHalt   action = "halt"   // the job cannot go on; the item stays as it is
)

// step is the next thing to do, after a pause that the doer may spread by jitter.
type step struct {
	do    action
	pause time.Duration
	state ItemState // with actSettle
}

// standing is what is known of an item.
type standing struct {
	free        bool       // no bytes of it can land: nothing was signed yet, or the proof is there
	exposed     bool       // bytes of the last attempt may have reached a node
	limitPassed bool       // the head is past the last attempt's block limit
	canceling   bool       // nothing new may be sent
	late        bool       // it expires unless it may have landed
	nonceUsed   bool       // the chain said that the nonce of the last attempt is used
	refused     chain.Kind // the chain refused the last attempt for good, after it may have been taken before
	given       bool       // the bytes were signed elsewhere: others may have sent them, and there will be no new ones

	misses   int // answers in a row that told nothing: the length of the next pause
	lookups  int // receipts asked for in vain since the last send
	patience int // lookups in vain before the same bytes are sent again
}

// How often a receipt is looked for before the same bytes are sent again. A
// needless send costs the node little and can do no harm, a needless wait costs
// the user time.
const (
	patienceAfterRestart = 1 // most likely the bytes never left
	patienceAfterDropped = 1 // the node said that it does not keep them
	patienceAfterBreak   = 3 // most likely they are in a pool
	patienceMost         = 8
)

// The pauses between questions about one item.
const (
	pauseLeast = 250 * time.Millisecond // half a block
	pauseMost  = 5 * time.Second
)

// pauseOf doubles with each try that told nothing.
func pauseOf(misses int) time.Duration {
	if misses <= 0 {
		return 0
	}
	if misses > 5 {
		return pauseMost
	}
	return min(pauseLeast<<(misses-1), pauseMost)
}

// begin is the first step of an item that this process takes up. Stored
// attempts may have been sent, nobody knows any more.
func begin(attempts int, canceling bool) (standing, step) {
	s := standing{free: attempts == 0, exposed: attempts > 0, canceling: canceling, patience: patienceAfterRestart}
	switch {
	case !s.free:
		return s, step{do: actLook}
	case canceling:
		return s, step{do: actSettle, state: ItemCanceled}
	default:
		return s, step{do: actSend}
	}
}

// signed is the standing after a new attempt was stored.
func (s standing) signed() standing {
	return standing{canceling: s.canceling, late: s.late, given: s.given, patience: patienceAfterBreak, misses: s.misses}
}

// cancel is the step instead of next once nothing new may be sent.
func (s standing) cancel(next step) (standing, step) {
	s.canceling = true
	if next.do == actSend {
		if !s.exposed {
			return s, step{do: actSettle, state: ItemCanceled}
		}
		return s, step{do: actLook}
	}
	return s, next
}

// expire is the step instead of next once it is too late to send what was never sent.
// What may have landed is looked for as before.
func (s standing) expire(next step) (standing, step) {
	s.late = true
	if next.do == actSend && !s.exposed {
		return s, step{do: actSettle, state: ItemExpired}
	}
	return s, next
}

// decide is the next step after an answer.
func decide(s standing, a answer) (standing, step) {
	if a.kind == "" && a.to != askProof {
		if a.succeeded {
			return s, step{do: actSettle, state: ItemConfirmed}
		}
		return s, step{do: actSettle, state: ItemReverted}
	}
	if a.kind == chain.KindWrongChain {
		// Another chain's answers say nothing about this item.
		s.exposed = s.exposed || a.to == askSend && a.sent != chain.SentNo
		return s, step{do: actHalt}
	}
	switch a.to {
	case askSend:
		return decideSend(s, a)
	case askReceipt:
		return decideReceipt(s, a)
	default:
		return decideProof(s, a)
	}
}

// decideSend judges a send that brought no receipt.
func decideSend(s standing, a answer) (standing, step) {
	refused := a.kind == chain.KindInvalid || a.kind == chain.KindDenied || a.kind == chain.KindUnsupported
	switch {
	case refused && !s.exposed && !s.given && a.sent == chain.SentNo:
		// These bytes, and only these, were judged, and no node will take them.
		return s, step{do: actSettle, state: ItemRejected}
	case refused:
		s.refused = a.kind
		if a.sent == chain.SentNo && !s.exposed {
			return s, step{do: actLook} // perhaps somebody else has sent them, when they were good
		}
	case a.sent == chain.SentNo && s.free:
		// Nothing was even signed.
		s.misses++
		return s.unlessOver(step{do: actSend, pause: pauseOf(s.misses)})
	case a.sent == chain.SentNo && a.kind != chain.KindExpired && !s.limitPassed:
		s.misses++
		return s.unlessOver(step{do: actSend, pause: pauseOf(s.misses)})
	case a.sent == chain.SentNo && !s.exposed:
		// Never sent and too late for it. The proof costs little and keeps one
		// rule for all new signatures.
		return s.unlessOver(step{do: actProve})
	}
	s.exposed = s.exposed || a.sent != chain.SentNo
	s.lookups = 0
	s.misses = 1 // the first look is at once; what follows is the second try
	switch a.kind {
	case chain.KindNonceUsed:
		s.nonceUsed = true
	case chain.KindDropped, chain.KindOverloaded:
		s.patience = patienceAfterDropped
		return s, step{do: actLook, pause: pauseLeast}
	case chain.KindKnown, chain.KindExpired:
		s.patience = patienceMost
	default:
		s.patience = min(max(s.patience, patienceAfterBreak)+1, patienceMost)
	}
	return s, step{do: actLook}
}

// unlessOver is next, or the end of an item that was never sent.
func (s standing) unlessOver(next step) (standing, step) {
	switch {
	case s.canceling:
		return s.cancel(step{do: actSend})
	case s.late && !s.exposed:
		return s.expire(step{do: actSend})
	}
	return s, next
}

// decideReceipt judges a search for receipts that found none.
func decideReceipt(s standing, a answer) (standing, step) {
	s.misses++
	again := step{do: actLook, pause: pauseOf(s.misses - 1)}
	if a.kind != chain.KindNotFound {
		return s, again
	}
	s.lookups++
	switch {
	case s.refused != "" && !s.exposed:
		// No node takes bytes that nobody has sent.
		return s, step{do: actSettle, state: ItemRejected}
	case s.limitPassed:
		return s, step{do: actProve}
	case s.canceling, s.nonceUsed, s.refused != "":
		// Sending again is not allowed, or cannot tell anything new.
		return s, again
	case s.lookups >= s.patience:
		return s, step{do: actSend}
	default:
		return s, again
	}
}

// decideProof judges the answer to the question whether none of the item's
// hashes can land any more.
func decideProof(s standing, a answer) (standing, step) {
	switch a.kind {
	case "":
		s.free, s.exposed = true, false
		switch {
		case s.nonceUsed, s.refused != "":
			return s, step{do: actSettle, state: ItemRejected}
		case s.canceling:
			return s, step{do: actSettle, state: ItemCanceled}
		case s.given, s.late: // there are no other bytes, or it is too late for them
			return s, step{do: actSettle, state: ItemExpired}
		}
		return s, step{do: actSend}
	case chain.KindExists:
		s.misses++
		return s, step{do: actLook, pause: pauseOf(s.misses - 1)}
	case chain.KindPending:
		s.limitPassed = false
		s.misses++
		return s, step{do: actLook, pause: pauseOf(s.misses)}
	default:
		s.misses++
		return s, step{do: actProve, pause: pauseOf(s.misses)}
	}
}
