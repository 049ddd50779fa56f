package batch

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bcosgate/bcosgate/chain"
)

var allKinds = []chain.Kind{
	chain.KindInvalid, chain.KindUnsupported, chain.KindNotFound, chain.KindDenied, chain.KindNonceUsed, chain.KindKnown,
	chain.KindExpired, chain.KindDropped, chain.KindPending, chain.KindExists, chain.KindOverloaded, chain.KindUnavailable,
	chain.KindTimeout, chain.KindCanceled, chain.KindWrongChain, chain.KindProtocol, chain.KindNode,
}

func TestDecide(t *testing.T) {
	t.Parallel()
	fresh, _ := begin(0, false)
	signed := fresh.signed()
	exposed := signed
	exposed.exposed = true
	passed := exposed
	passed.limitPassed = true
	neverSent := signed
	neverSent.limitPassed = true
	used := exposed
	used.nonceUsed = true
	usedPassed := used
	usedPassed.limitPassed = true
	refused := exposed
	refused.refused = chain.KindDenied
	canceling := exposed
	canceling.canceling = true
	late := signed
	late.late = true
	lateExposed := passed
	lateExposed.late = true
	cancelingUnsent := signed
	cancelingUnsent.canceling = true
	restarted, _ := begin(1, false)
	given := signed
	given.given = true
	givenRefused := given
	givenRefused.refused = chain.KindInvalid
	givenPassed := given
	givenPassed.limitPassed = true

	no, maybe, yes := chain.SentNo, chain.SentMaybe, chain.SentYes
	for _, c := range []struct {
		name string
		s    standing
		a    answer
		want action
		end  ItemState
	}{
		{"a receipt confirms", signed, answer{to: askSend, succeeded: true}, actSettle, ItemConfirmed},
		{"a receipt of a revert is a result", signed, answer{to: askSend}, actSettle, ItemReverted},
		{"a receipt that is found confirms", exposed, answer{to: askReceipt, succeeded: true}, actSettle, ItemConfirmed},
		{"a receipt that is found shows a revert", exposed, answer{to: askReceipt}, actSettle, ItemReverted},

		{"cannot be signed", fresh, answer{to: askSend, kind: chain.KindInvalid, sent: no}, actSettle, ItemRejected},
		{"no head to sign for", fresh, answer{to: askSend, kind: chain.KindUnavailable, sent: no}, actSend, ""},
		{"refused for good", signed, answer{to: askSend, kind: chain.KindInvalid, sent: no}, actSettle, ItemRejected},
		{"denied for good", signed, answer{to: askSend, kind: chain.KindDenied, sent: no}, actSettle, ItemRejected},
		{"unsupported", signed, answer{to: askSend, kind: chain.KindUnsupported, sent: no}, actSettle, ItemRejected},
		{"refused, but perhaps by one node only", signed, answer{to: askSend, kind: chain.KindDenied, sent: maybe}, actLook, ""},
		{"refused without a word whether it was sent", signed, answer{to: askSend, kind: chain.KindInvalid}, actLook, ""},
		{"refused after it may have been taken", exposed, answer{to: askSend, kind: chain.KindInvalid, sent: no}, actLook, ""},
		{"the wrong chain", signed, answer{to: askSend, kind: chain.KindWrongChain, sent: no}, actHalt, ""},
		{"the wrong chain has no receipts to tell", exposed, answer{to: askReceipt, kind: chain.KindWrongChain}, actHalt, ""},

		{"no connection", signed, answer{to: askSend, kind: chain.KindUnavailable, sent: no}, actSend, ""},
		{"overloaded before it was sent", signed, answer{to: askSend, kind: chain.KindOverloaded, sent: no}, actSend, ""},
		{"no connection, and too late", neverSent, answer{to: askSend, kind: chain.KindUnavailable, sent: no}, actProve, ""},
		{"refused as too late before it was sent", signed, answer{to: askSend, kind: chain.KindExpired, sent: no}, actProve, ""},
		{"no connection after it may have been sent", exposed, answer{to: askSend, kind: chain.KindUnavailable, sent: no}, actSend, ""},
		{"no connection after it may have been sent, and too late", passed, answer{to: askSend, kind: chain.KindUnavailable, sent: no}, actLook, ""},

		{"timed out", signed, answer{to: askSend, kind: chain.KindTimeout, sent: maybe}, actLook, ""},
		{"broken connection", signed, answer{to: askSend, kind: chain.KindUnavailable, sent: maybe}, actLook, ""},
		{"broken connection without a word", signed, answer{to: askSend, kind: chain.KindUnavailable}, actLook, ""},
		{"nonce used", signed, answer{to: askSend, kind: chain.KindNonceUsed, sent: maybe}, actLook, ""},
		{"already in the pool", signed, answer{to: askSend, kind: chain.KindKnown, sent: yes}, actLook, ""},
		{"thrown out of the pool", signed, answer{to: askSend, kind: chain.KindDropped, sent: maybe}, actLook, ""},
		{"expired", signed, answer{to: askSend, kind: chain.KindExpired, sent: maybe}, actLook, ""},
		{"the node failed", signed, answer{to: askSend, kind: chain.KindNode, sent: maybe}, actLook, ""},
		{"the peer spoke nonsense", signed, answer{to: askSend, kind: chain.KindProtocol, sent: maybe}, actLook, ""},

		{"after a restart without a receipt, the same bytes", restarted, answer{to: askReceipt, kind: chain.KindNotFound}, actSend, ""},
		{"no receipt yet", exposed, answer{to: askReceipt, kind: chain.KindNotFound}, actLook, ""},
		{"nobody can be asked for the receipt", exposed, answer{to: askReceipt, kind: chain.KindUnavailable}, actLook, ""},
		{"no receipt, and too late", passed, answer{to: askReceipt, kind: chain.KindNotFound}, actProve, ""},
		{"no receipt though the nonce is used: sending again tells nothing", used, answer{to: askReceipt, kind: chain.KindNotFound}, actLook, ""},
		{"no receipt of refused bytes", refused, answer{to: askReceipt, kind: chain.KindNotFound}, actLook, ""},
		{"no receipt, but nothing may be sent any more", canceling, answer{to: askReceipt, kind: chain.KindNotFound}, actLook, ""},

		{"proven absent: sign again", passed, answer{to: askProof}, actSend, ""},
		{"proven absent, but the nonce is another's", usedPassed, answer{to: askProof}, actSettle, ItemRejected},
		{"proven absent and refused", refused, answer{to: askProof}, actSettle, ItemRejected},
		{"proven absent and canceled", canceling, answer{to: askProof}, actSettle, ItemCanceled},
		{"it may still land", passed, answer{to: askProof, kind: chain.KindPending}, actLook, ""},
		{"it landed after all", passed, answer{to: askProof, kind: chain.KindExists}, actLook, ""},
		{"nobody can be asked for the proof", passed, answer{to: askProof, kind: chain.KindUnavailable}, actProve, ""},

		{"given and refused: somebody else may have sent it", given, answer{to: askSend, kind: chain.KindInvalid, sent: no}, actLook, ""},
		{"given, refused, and on the chain", givenRefused, answer{to: askReceipt, succeeded: true}, actSettle, ItemConfirmed},
		{"given, refused, and not on the chain", givenRefused, answer{to: askReceipt, kind: chain.KindNotFound}, actSettle, ItemRejected},
		{"given, refused, and nobody can be asked", givenRefused, answer{to: askReceipt, kind: chain.KindUnavailable}, actLook, ""},
		{"given, and too late to be sent", givenPassed, answer{to: askSend, kind: chain.KindExpired, sent: no}, actProve, ""},
		{"given, and proven absent: nobody can sign it anew", givenPassed, answer{to: askProof}, actSettle, ItemExpired},

		{"too late to send what was never sent", late, answer{to: askSend, kind: chain.KindUnavailable, sent: no}, actSettle, ItemExpired},
		{"too late, but its answer was lost", late, answer{to: askSend, kind: chain.KindTimeout, sent: maybe}, actLook, ""},
		{"too late, but it landed", lateExposed, answer{to: askReceipt, succeeded: true}, actSettle, ItemConfirmed},
		{"too late, and proven absent", lateExposed, answer{to: askProof}, actSettle, ItemExpired},
		{"canceled while it had no connection", cancelingUnsent, answer{to: askSend, kind: chain.KindUnavailable, sent: no}, actSettle, ItemCanceled},
		{"canceled while its answer was lost", cancelingUnsent, answer{to: askSend, kind: chain.KindTimeout, sent: maybe}, actLook, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, got := decide(c.s, c.a)
			require.Equal(t, c.want, got.do)
			require.Equal(t, c.end, got.state)
		})
	}
}

func TestDecideIsTotal(t *testing.T) {
	t.Parallel()
	for _, to := range []question{askSend, askReceipt, askProof} {
		for _, kind := range append([]chain.Kind{"", "new kind"}, allKinds...) {
			for _, sent := range []chain.Sent{"", chain.SentNo, chain.SentMaybe, chain.SentYes} {
				s, _ := begin(1, false)
				_, next := decide(s, answer{to: to, kind: kind, sent: sent})
				require.NotEmpty(t, next.do, "%s %s %s", to, kind, sent)
				require.GreaterOrEqual(t, next.pause, time.Duration(0))
				require.LessOrEqual(t, next.pause, pauseMost)
			}
		}
	}
}

func TestPausesDoubleUpToABound(t *testing.T) {
	t.Parallel()
	var got []time.Duration
	for i := range 8 {
		got = append(got, pauseOf(i))
	}
	ms := time.Millisecond
	require.Equal(t, []time.Duration{0, 250 * ms, 500 * ms, 1000 * ms, 2000 * ms, 4000 * ms, 5000 * ms, 5000 * ms}, got)
}

// life drives decide as the engine does, and checks every step.
type life struct {
	t         *rapid.T
	s         standing
	next      step
	last      answer
	exposed   bool // truth: bytes that are not proven absent may have reached a node
	refusal   bool // the last answer was a definite refusal of bytes that were never exposed
	canceling bool
	late      bool
	signed    int
	trace     []string
}

func (l *life) check(ok bool, what string) {
	if !ok {
		l.t.Fatalf("%s, after %v", what, l.trace)
	}
}

func (l *life) cancel() {
	if l.canceling {
		return
	}
	l.canceling = true
	l.trace = append(l.trace, "cancel")
	l.last, l.refusal = answer{to: askProof, kind: chain.KindCanceled}, false
	l.s, l.next = l.s.cancel(l.next)
	l.checkEnd()
}

func (l *life) expire() {
	if l.late || l.canceling {
		return
	}
	l.late = true
	l.trace = append(l.trace, "expire")
	l.last, l.refusal = answer{to: askProof, kind: chain.KindCanceled}, false
	l.s, l.next = l.s.expire(l.next)
	l.checkEnd()
}

// step does what is next, with the answer that ask gives.
func (l *life) step(ask func(do action, signs bool) (a answer, signFails, limitPassed bool)) {
	do := l.next.do
	signs := do == actSend && l.s.free
	if do == actSend {
		l.check(!l.canceling, "sent after cancel")
	}
	if signs {
		l.check(!l.exposed, "new bytes without proof")
		l.check(!l.s.given || l.signed == 0, "other bytes than the given ones")
		l.check(!l.late, "new bytes too late")
	}
	a, signFails, limitPassed := ask(do, signs)
	if signs && !signFails {
		l.signed++
		l.s = l.s.signed()
	}
	if signFails {
		a.sent = chain.SentNo
	}
	l.trace = append(l.trace, fmt.Sprintf("%s→%s/%s", do, a.kind, a.sent))
	l.refusal = do == actSend && !l.exposed && (a.kind == chain.KindInvalid || a.kind == chain.KindDenied || a.kind == chain.KindUnsupported) && a.sent == chain.SentNo
	if do == actSend && a.sent != chain.SentNo {
		l.exposed = true
	}
	if do == actProve && a.kind == "" {
		l.exposed = false
	}
	if !l.s.free && a.kind != "" {
		l.s.limitPassed = limitPassed
	}
	l.last = a
	l.s, l.next = decide(l.s, a)
	l.checkEnd()
}

// checkEnd checks that an end has its evidence.
func (l *life) checkEnd() {
	if l.next.do != actSettle {
		return
	}
	a := l.last
	landed := a.kind == "" && a.to != askProof
	switch l.next.state {
	case ItemConfirmed:
		l.check(landed && a.succeeded, "confirmed without a receipt")
	case ItemReverted:
		l.check(landed && !a.succeeded, "reverted without a receipt")
	case ItemRejected:
		l.check(!landed && (!l.exposed || l.refusal), "rejected without evidence")
	case ItemExpired:
		l.check((l.late || l.s.given && a.to == askProof) && !landed && !l.exposed, "expired without evidence")
	case ItemCanceled:
		l.check(l.canceling && !landed && !l.exposed, "canceled without evidence")
	default:
		l.check(false, "no end: "+string(l.next.state))
	}
}

// Whatever the chain answers, in any order, also nonsense: new bytes only after
// a proof, ends only with evidence.
func TestDecideNeverDoublesWhateverTheChainSays(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		l := &life{t: t}
		attempts := rapid.IntRange(0, 2).Draw(t, "attempts")
		l.canceling = rapid.IntRange(0, 9).Draw(t, "canceled before") == 0
		l.exposed = attempts > 0
		l.s, l.next = begin(attempts, l.canceling)
		l.s.given = rapid.Bool().Draw(t, "given")
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			if l.next.do == actSettle || l.next.do == actHalt {
				return
			}
			if rapid.IntRange(0, 29).Draw(t, "cancel") == 0 {
				l.cancel()
				continue
			}
			if rapid.IntRange(0, 29).Draw(t, "expire") == 0 {
				l.expire()
				continue
			}
			l.step(func(do action, signs bool) (answer, bool, bool) {
				a := answer{to: map[action]question{actSend: askSend, actLook: askReceipt, actProve: askProof}[do]}
				if rapid.IntRange(0, 4).Draw(t, "fails") > 0 {
					a.kind = rapid.SampledFrom(allKinds).Draw(t, "kind")
					a.sent = rapid.SampledFrom([]chain.Sent{"", chain.SentNo, chain.SentMaybe, chain.SentYes}).Draw(t, "sent")
				}
				a.succeeded = rapid.Bool().Draw(t, "succeeded")
				signFails := signs && a.kind != "" && rapid.Bool().Draw(t, "sign fails")
				return a, signFails, rapid.Bool().Draw(t, "limit passed")
			})
		}
	})
}

// A chain that keeps its rules, loses any number of answers and then behaves,
// brings every item to its end: executed at most once, and confirmed if so.
func TestDecideComesToTheRightEnd(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		l := &life{t: t}
		l.s, l.next = begin(0, false)
		var (
			height, limit   = 100, 0
			landed, inPool  bool
			executions      int
			trouble         = rapid.IntRange(20, 60).Draw(t, "trouble")
			cancelAt        = rapid.SampledFrom([]int{-1, -1, 1, 2, 5, 10, 20, 50}).Draw(t, "cancel at") // -1 never
			expireAt        = rapid.SampledFrom([]int{-1, -1, 1, 2, 5, 10, 20, 50}).Draw(t, "expire at")
			land            = func() { landed, inPool = true, false; executions++ }
			maybe           = func(label string) bool { return rapid.Bool().Draw(t, label) }
			notFound, known = answer{to: askReceipt, kind: chain.KindNotFound}, answer{to: askSend, kind: chain.KindKnown, sent: chain.SentYes}
		)
		for i := 0; l.next.do != actSettle; i++ {
			if i > trouble+400 {
				t.Fatalf("no end: %v", l.trace)
			}
			if i == cancelAt {
				l.cancel()
				continue
			}
			if i == expireAt {
				l.expire()
				continue
			}
			bad := i < trouble
			height += rapid.SampledFrom([]int{0, 1, 10, 100, 600}).Draw(t, "blocks")
			if inPool && height <= limit && (!bad || maybe("lands")) {
				land()
			}
			if height > limit {
				inPool = false
			}
			l.step(func(do action, signs bool) (answer, bool, bool) {
				if signs {
					if bad && maybe("sign fails") {
						return answer{to: askSend, kind: chain.KindUnavailable, sent: chain.SentNo}, true, false
					}
					limit = height + 500
				}
				passed := height > limit
				switch do {
				case actSend:
					switch {
					case bad && maybe("lost before"):
						sent := rapid.SampledFrom([]chain.Sent{chain.SentNo, chain.SentMaybe}).Draw(t, "sent")
						return answer{to: askSend, kind: chain.KindUnavailable, sent: sent}, false, passed
					case inPool:
						return known, false, passed
					case landed:
						return answer{to: askSend, kind: chain.KindNonceUsed, sent: chain.SentMaybe}, false, passed
					case passed:
						return answer{to: askSend, kind: chain.KindExpired, sent: chain.SentMaybe}, false, passed
					case bad && maybe("answer lost"):
						inPool = true
						if maybe("at once") {
							land()
						}
						return answer{to: askSend, kind: chain.KindTimeout, sent: chain.SentMaybe}, false, passed
					default:
						land()
						return answer{to: askSend, succeeded: true}, false, passed
					}
				case actLook:
					switch {
					case bad && maybe("look fails"):
						return answer{to: askReceipt, kind: chain.KindTimeout}, false, passed
					case landed:
						return answer{to: askReceipt, succeeded: true}, false, passed
					default:
						return notFound, false, passed
					}
				default:
					switch {
					case landed:
						return answer{to: askProof, kind: chain.KindExists}, false, passed
					case !passed:
						return answer{to: askProof, kind: chain.KindPending}, false, passed
					default:
						return answer{to: askProof}, false, passed
					}
				}
			})
		}
		if executions > 1 {
			t.Fatalf("executed %d times: %v", executions, l.trace)
		}
		want := ItemConfirmed
		switch {
		case executions == 0 && l.canceling:
			want = ItemCanceled
		case executions == 0:
			want = ItemExpired
		}
		if l.next.state != want {
			t.Fatalf("%s, executed %d times: %v", l.next.state, executions, l.trace)
		}
	})
}
