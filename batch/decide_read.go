package batch

import "github.com/bcosgate/bcosgate/chain"

// This file is the whole judgement about an item that is only read, as decide.go
// is about one that is sent. A question changes nothing on the chain, so it may be
// asked again whatever came of it; what counts is when to stop asking.

// actRead asks the question of an item.
const actRead action = "read"

// mostBlamed is how many answers that may be the question's fault end it. A node
// that failed by accident answers the second or third one; the guard has asked
// several nodes each time.
const mostBlamed = 5

// readStanding is what is known of an item that is read.
type readStanding struct {
	misses int // answers in a row that told nothing: the length of the next pause
	blamed int // answers that may be the question's fault
}

// readAnswer is what came back, as far as it matters for what is done next.
type readAnswer struct {
	kind      chain.Kind // "" is a result
	succeeded bool       // the result's: the contract did not refuse
}

// decideRead is the next step after an answer. An item whose target cannot be
// reached, or has too much to do, is asked about again for ever.
func decideRead(s readStanding, a readAnswer) (readStanding, step) {
	switch a.kind {
	case "":
		if a.succeeded {
			return s, step{do: actSettle, state: ItemConfirmed}
		}
		return s, step{do: actSettle, state: ItemReverted}
	case chain.KindWrongChain:
		return s, step{do: actHalt}
	case chain.KindInvalid, chain.KindDenied, chain.KindUnsupported:
		return s, step{do: actSettle, state: ItemRejected}
	case chain.KindNode, chain.KindProtocol, chain.KindTimeout:
		s.blamed++
		if s.blamed >= mostBlamed {
			return s, step{do: actSettle, state: ItemRejected}
		}
	}
	s.misses++
	return s, step{do: actRead, pause: pauseOf(s.misses)}
}
