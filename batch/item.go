package batch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/bcosgate/bcosgate/chain"
)

// itemRun is an item at work. Only its own goroutine touches it.
type itemRun struct {
	todo
	work *work
	s    standing
	next step

	permitted time.Time // when it got the permit that it holds; zero without one

	tx      chain.SignedTx // of the last attempt; empty when the bytes are not made again yet
	receipt *chain.Receipt // the receipt that was found
	landed  int            // number of the attempt that it belongs to
	kind    chain.Kind     // of the last answer that was no receipt
	text    string         // its words
	proof   string         // the evidence that nothing landed
	noted   chain.Kind     // what is written beside the last attempt
}

func newItemRun(t todo, w *work) *itemRun { return &itemRun{todo: t, work: w} }

// permit reports whether the item holds one.
func (it *itemRun) permit() bool { return !it.permitted.IsZero() }

// last is the last attempt; there is one.
func (it *itemRun) last() attempt { return it.attempts[len(it.attempts)-1] }

// carry works on one item until it is settled or the run ends. With a permit it may
// send at once. It does what decide says, and keeps no rules itself.
func (r *run) carry(it *itemRun) {
	resolving := false
	defer func() {
		if resolving {
			r.target.stats.resolving.Add(-1)
		}
	}()
	it.s, it.next = begin(len(it.attempts), r.canceled.Load())
	it.s.given = r.rec.Spec.Signed != nil
	if !it.s.free { // nothing is asked of a chain that may be another
		_ = r.whenKnown(r.living) // at whose end await ends the work
	}
	for {
		if !r.await(it) {
			if it.permit() {
				r.unused(it)
			}
			r.leave(it)
			return
		}
		if it.permit() && it.next.do != actSend {
			r.unused(it)
		}
		if !resolving && (it.next.do == actLook || it.next.do == actProve) {
			resolving = true
			r.target.stats.resolving.Add(1)
		}
		var ans answer
		switch it.next.do {
		case actSend:
			if !it.permit() && r.admit(r.sendable(it), it) != nil {
				continue // canceled, paused or at the end: await sees it
			}
			ans = r.send(it)
		case actLook:
			ans = r.look(it)
		case actProve:
			ans = r.prove(it)
		case actSettle:
			r.settle(it, it.next.state)
			return
		case actHalt:
			r.halt(it.text)
			r.leave(it)
			return
		}
		if !it.s.free && ans.kind != "" {
			it.s.limitPassed = r.limitPassed(it)
		}
		it.s, it.next = decide(it.s, ans)
		if ans.kind != "" {
			r.trace(it, "no receipt", slog.String("asked", string(ans.to)), slog.String("kind", string(ans.kind)), slog.String("error", it.text))
		}
		r.note(it, ans)
	}
}

// sendable ends when the item may not be sent any more.
func (r *run) sendable(it *itemRun) context.Context {
	switch {
	case it.s.free:
		return r.fresh
	case !it.s.exposed:
		return r.timely
	default:
		return r.sending
	}
}

// await waits as long as the next step says. It changes the step when the job
// is canceled or the rows expire that were never sent, and is false when the run ends
// first, or has to leave the item as it is because the job is paused.
func (r *run) await(it *itemRun) bool {
	if it.next.do == actSettle || it.next.do == actHalt {
		return true
	}
	expires := r.late.Load() != nil && !it.s.late
	if !it.s.canceling && !r.canceled.Load() && !expires {
		if sleep(r.sendable(it), jitter(it.next.pause)) {
			return true
		}
		it.next.pause = 0
	}
	if r.living.Err() != nil {
		return false
	}
	if r.canceled.Load() && !it.s.canceling {
		it.s, it.next = it.s.cancel(it.next)
		return true
	}
	if r.late.Load() != nil && !it.s.late {
		it.s, it.next = it.s.expire(it.next)
		return true
	}
	if it.s.free && it.next.do == actSend && r.paused.Load() {
		return false
	}
	return sleep(r.living, jitter(it.next.pause))
}

// send sends the bytes of the last attempt, and makes a new attempt first when
// the item is free. It uses up the permit.
func (r *run) send(it *itemRun) answer {
	if it.s.free {
		if err := r.sign(it); err != nil {
			return r.unsent(it, err)
		}
	} else if it.tx.Raw == nil {
		if err := r.signAgain(it); err != nil {
			return r.unsent(it, err)
		}
	}
	// An engine that stops gently sends what is written down: left alone it would
	// stay in flight in the store, and only the chain's later blocks could tell.
	if r.canceled.Load() || r.haltReason() != "" || r.e.hard.Err() != nil {
		return r.unsent(it, &chain.Error{Kind: chain.KindCanceled, Sent: chain.SentNo, Op: "send", Msg: "canceled before it was sent"})
	}
	ctx, cancel := context.WithTimeout(r.e.hard, sendTimeout)
	defer cancel()
	r.inFlight.Add(1)
	r.target.stats.sent.Add(1)
	began := time.Now()
	receipt, err := r.target.Chain.Send(ctx, it.tx)
	took := time.Since(began)
	r.inFlight.Add(-1)
	if err == nil && receipt.TxHash != it.tx.Hash {
		err = &chain.Error{Kind: chain.KindProtocol, Sent: chain.SentMaybe, Op: "send", Msg: fmt.Sprintf("the receipt of %s came for %s", receipt.TxHash, it.tx.Hash)}
	}
	r.answered(it, err)
	if err == nil {
		r.commits.size.answered(took)
		r.expiry.move(time.Now())
		r.e.cfg.Observer.Answered(r.target.Info.Name, "", took)
		it.receipt, it.landed = &receipt, it.last().number
		return answer{to: askSend, succeeded: receipt.Succeeded}
	}
	ans := r.failed(it, askSend, err)
	r.e.cfg.Observer.Answered(r.target.Info.Name, ans.kind, took)
	if ans.sent != chain.SentNo {
		r.expiry.move(time.Now())
	}
	return ans
}

// unsent is the answer when a send came to nothing before the chain was asked.
func (r *run) unsent(it *itemRun, err error) answer {
	if chain.Is(err, chain.KindUnavailable, chain.KindOverloaded) {
		r.answered(it, err)
	} else {
		r.unused(it)
	}
	ans := r.failed(it, askSend, err)
	ans.sent = chain.SentNo
	return ans
}

// failed puts an error into the form that decide judges, and keeps its words.
func (r *run) failed(it *itemRun, to question, err error) answer {
	ans := answer{to: to, kind: chain.KindNode, sent: chain.SentMaybe}
	if e, ok := errors.AsType[*chain.Error](err); ok {
		ans.kind, ans.sent = e.Kind, e.Sent
	} else if errors.Is(err, context.DeadlineExceeded) {
		ans.kind = chain.KindTimeout
	} else if errors.Is(err, context.Canceled) {
		ans.kind = chain.KindCanceled
	}
	it.kind, it.text = ans.kind, err.Error()
	if to == askSend {
		r.target.stats.countFailure(ans.kind)
	}
	return ans
}

// sign makes a new attempt and puts it into the store.
func (r *run) sign(it *itemRun) error {
	ctx, cancel := context.WithTimeout(r.e.hard, queryTimeout)
	defer cancel()
	head, err := r.target.Chain.Head(ctx)
	if err != nil {
		return err
	}
	r.noteHead(head.Number)
	tx, err := r.maker.attempt(r.e.hard, it, head.Number)
	if err != nil {
		return err
	}
	a := attempt{number: it.tried + len(it.attempts) + 1, hash: tx.Hash, nonce: tx.Terms.Nonce, limit: tx.Terms.BlockLimit, created: time.Now()}
	err = r.commits.commit(write{job: r.rec.seq, item: itemID(r.rec.seq, it.row), from: it.state, to: ItemSubmitted, attempt: &a})
	if err != nil {
		r.halt(fmt.Sprintf("row %d: the attempt cannot be saved: %v", it.row, err))
		return err
	}
	r.moved(it.state, ItemSubmitted)
	r.target.stats.signed.Add(1)
	it.attempts, it.state, it.tx, it.noted = append(it.attempts, a), ItemSubmitted, tx, ""
	it.s = it.s.signed()
	r.trace(it, "attempt stored")
	if head.Number >= a.limit { // only given ones can be that old
		return &chain.Error{Kind: chain.KindExpired, Sent: chain.SentNo, Op: "send", Msg: fmt.Sprintf("its block limit %d has passed, the chain is at block %d", a.limit, head.Number)}
	}
	return nil
}

// signAgain makes the bytes of the last attempt again. They are the same, or
// the run halts: other bytes could land beside the ones that were sent.
func (r *run) signAgain(it *itemRun) error {
	a := it.last()
	tx, err := r.maker.again(r.e.hard, it)
	if err != nil {
		return err
	}
	if tx.Hash != a.hash {
		err := fmt.Errorf("row %d: signing attempt %d again gives %s, it was %s: the key or the program has changed; nothing is sent", it.row, a.number, tx.Hash, a.hash)
		r.halt(err.Error())
		return err
	}
	it.tx = tx
	return nil
}

// look asks for the receipts of all attempts, the newest first.
func (r *run) look(it *itemRun) answer {
	select {
	case r.target.lookups <- struct{}{}:
		defer func() { <-r.target.lookups }()
	case <-r.living.Done():
		return answer{to: askReceipt, kind: chain.KindCanceled}
	}
	for i := len(it.attempts) - 1; i >= 0; i-- {
		a := it.attempts[i]
		ctx, cancel := context.WithTimeout(r.e.hard, queryTimeout)
		receipt, err := r.target.Chain.Receipt(ctx, a.hash)
		cancel()
		r.target.stats.lookups.Add(1)
		if err == nil && receipt.TxHash != a.hash {
			err = &chain.Error{Kind: chain.KindProtocol, Op: "receipt", Msg: fmt.Sprintf("the receipt of %s came for %s", receipt.TxHash, a.hash)}
		}
		if err == nil {
			it.receipt, it.landed = &receipt, a.number
			return answer{to: askReceipt, succeeded: receipt.Succeeded}
		}
		if !chain.Is(err, chain.KindNotFound) {
			kind, text := it.kind, it.text
			ans := r.failed(it, askReceipt, err)
			if ans.kind != chain.KindWrongChain {
				it.kind, it.text = kind, text // the reason for asking tells more
			}
			return ans
		}
	}
	return answer{to: askReceipt, kind: chain.KindNotFound}
}

// limitPassed reports whether the head is past the last attempt's block limit;
// false when the head is not known.
func (r *run) limitPassed(it *itemRun) bool {
	ctx, cancel := context.WithTimeout(r.e.hard, queryTimeout)
	defer cancel()
	head, err := r.target.Chain.Head(ctx)
	if err != nil {
		return false
	}
	r.noteHead(head.Number)
	return head.Number > it.last().limit
}

// prove asks for the proof that no attempt can land any more.
func (r *run) prove(it *itemRun) answer {
	select {
	case r.target.lookups <- struct{}{}:
		defer func() { <-r.target.lookups }()
	case <-r.living.Done():
		return answer{to: askProof, kind: chain.KindCanceled}
	}
	// A chain that was rebuilt under us knows none of our hashes, and would
	// prove anything.
	if err := r.checkIdentity(r.e.hard); err != nil {
		return answer{to: askProof, kind: chain.KindUnavailable}
	}
	limit := it.last().limit // the highest: each attempt's is later than the one before
	var evidence []string
	for _, a := range it.attempts {
		ctx, cancel := context.WithTimeout(r.e.hard, queryTimeout)
		absence, err := r.target.Chain.ProveAbsent(ctx, a.hash, limit)
		cancel()
		if err != nil {
			kind, text := it.kind, it.text
			ans := r.failed(it, askProof, err)
			if ans.kind != chain.KindWrongChain {
				it.kind, it.text = kind, text
			}
			return ans
		}
		evidence = append(evidence, proofText(a, absence))
	}
	it.proof = strings.Join(evidence, "; ")
	r.write(it, ItemUnknown, note{number: it.last().number, kind: chain.KindNotFound, text: it.proof})
	return answer{to: askProof}
}

// write puts a note beside an attempt, with the state that follows from it.
func (r *run) write(it *itemRun, to ItemState, n note) {
	r.commits.add(write{job: r.rec.seq, item: itemID(r.rec.seq, it.row), from: it.state, to: to, note: &n, done: func(error) {}})
	r.moved(it.state, to)
	it.state = to
}

func proofText(a attempt, p chain.Absence) string {
	return fmt.Sprintf("attempt %d (%s) did not land and cannot any more: no receipt at block %d, its limit was %d, asked %s",
		a.number, p.Hash, p.Head, a.limit, strings.Join(p.Witnesses, ", "))
}

// note writes beside the attempt that its outcome became unknown, and why.
func (r *run) note(it *itemRun, ans answer) {
	if ans.to != askSend || !it.s.exposed || ans.kind == "" || ans.kind == it.noted || it.next.do == actSettle {
		return
	}
	it.noted = ans.kind
	r.write(it, ItemUnknown, note{number: it.last().number, kind: ans.kind, text: it.text})
}

// canceledText is the error of an item that was never sent.
const canceledText = "canceled before it was sent"

// settle makes the outcome of an item.
func (r *run) settle(it *itemRun, state ItemState) {
	r.trace(it, "item ended", slog.String("state", string(state)))
	now := time.Now()
	o := &outcome{state: state, attempts: it.tried + len(it.attempts), settled: now}
	if len(it.attempts) > 0 {
		o.latency = max(now.Sub(it.attempts[0].created), 0)
	}
	switch state {
	case ItemConfirmed, ItemReverted:
		o.receipt, o.landed = it.receipt, it.landed
		if state == ItemReverted {
			o.kind, o.text = "reverted", r.revertText(it.receipt)
		}
	case ItemRejected:
		o.kind, o.text = it.whyRejected()
	case ItemExpired:
		o.kind, o.text = r.whyExpired(it)
	case ItemCanceled:
		o.text = canceledText
		if it.proof != "" {
			o.text = "canceled; " + it.proof
		}
	}
	r.end(it, o)
}

// end hands an outcome to the committer, which ends the work on the item.
func (r *run) end(it *itemRun, o *outcome) {
	row, from, state := it.row, it.state, o.state
	r.commits.add(write{job: r.rec.seq, item: itemID(r.rec.seq, row), from: from, to: state, outcome: o,
		done: func(err error) {
			if err != nil {
				r.halt(fmt.Sprintf("row %d: the outcome cannot be saved: %v", row, err))
				r.leave(it)
				return
			}
			r.target.stats.countSettled(state)
			r.e.cfg.Observer.Settled(r.target.Info.Name, state, o.latency)
			r.settled(it, from, state)
		}})
}

// whyRejected says why the item will never be included.
func (it *itemRun) whyRejected() (kind, text string) {
	kind, text = string(it.kind), it.text
	switch {
	case it.s.nonceUsed:
		kind = string(chain.KindNonceUsed)
		text = "another transaction has used this item's nonce (was the idempotency key used with another store?)"
	case it.s.refused != "":
		kind = string(it.s.refused)
	}
	if it.proof != "" {
		text += "; " + it.proof
	}
	return kind, text
}

// whyExpired says what the item was too late for.
func (r *run) whyExpired(it *itemRun) (kind, text string) {
	if it.s.given && it.proof != "" {
		return string(byBlockLimit), fmt.Sprintf("it was not included before its block limit %d: plan the row again; %s", it.last().limit, it.proof)
	}
	cause := r.late.Load()
	kind, text = string(cause.by), cause.text
	if it.proof != "" {
		text += "; " + it.proof
	}
	return kind, text
}

// revertText says why a contract refused, as well as the receipt tells.
func (r *run) revertText(receipt *chain.Receipt) string {
	if reason := r.abi.RevertReason(receipt.Output); reason != "" {
		return reason
	}
	text := fmt.Sprintf("status %d", receipt.Status)
	if receipt.StatusName != "" {
		text = receipt.StatusName
	}
	if receipt.Message != "" {
		text += ": " + receipt.Message
	}
	return text
}
