package batch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/chain"
)

// reading is what a run of reads has beside what every run has.
type reading struct {
	from    *common.Address  // whom the contract sees as the caller; nil is nobody
	signer  chain.CallSigner // of from; nil where the family wants no signature
	block   *uint64          // that every row must be read at; nil is any
	decode  *decoder
	refusal atomic.Pointer[string] // why no row can be read at block any more
}

// newReading prepares a run of reads. It is nil for jobs that send.
func newReading(rec record, signer chain.Signer) *reading {
	if !rec.Spec.Kind.Reads() {
		return nil
	}
	reads := &reading{block: rec.Spec.Block, decode: newDecoder(rec)}
	if signer != nil {
		from := signer.Address()
		reads.from = &from
		reads.signer, _ = signer.(chain.CallSigner)
	}
	return reads
}

// noteBlock notes at which block the job began to read, once for ever. It is false
// when the run is to end.
func (r *run) noteBlock() bool {
	if r.reads == nil || r.canceled.Load() {
		return true
	}
	for misses := 1; r.rec.Block == 0; misses++ {
		ctx, cancel := context.WithTimeout(r.e.hard, queryTimeout)
		head, err := r.target.Chain.Head(ctx)
		cancel()
		if err == nil {
			block := head.Number
			if r.rec.Spec.Block != nil {
				block = *r.rec.Spec.Block
			}
			err := patiently(r.living, func() (err error) { // of another process, if one was faster
				block, err = r.e.Store.setBlock(r.rec.seq, block)
				return err
			})
			if err != nil {
				r.halt("the store cannot be written: " + err.Error())
				return false
			}
			r.rec.Block = block
			r.setWaiting("")
			break
		}
		r.setWaiting("the target cannot be asked for its newest block: " + err.Error())
		if !sleep(r.living, jitter(pauseOf(misses))) {
			return false
		}
	}
	if r.rec.Spec.SameBlock {
		r.reads.block = &r.rec.Block
	}
	return true
}

// carryRead asks about one item until it is settled or the run ends. It does what
// decideRead says, and keeps no rules itself. It begins with a permit.
func (r *run) carryRead(it *itemRun) {
	s, next := readStanding{}, step{do: actRead}
	began, tries := time.Now(), 0
	for {
		switch next.do {
		case actRead:
			if !it.permit() && (!sleep(r.fresh, jitter(next.pause)) || r.admit(r.fresh, it) != nil) {
				switch {
				case r.living.Err() != nil:
					r.leave(it)
					return
				case r.canceled.Load():
					next = step{do: actSettle, state: ItemCanceled}
				case r.late.Load() != nil:
					next = step{do: actSettle, state: ItemExpired}
				default: // the job is paused
					r.leave(it)
					return
				}
				continue
			}
			tries++
			ans := r.ask(it)
			s, next = decideRead(s, ans)
			if ans.kind != "" {
				r.trace(it, "no result", slog.String("kind", string(ans.kind)), slog.String("error", it.text))
			}
		case actSettle:
			r.settleRead(it, next.state, tries, time.Since(began))
			return
		default:
			r.halt(it.text)
			r.leave(it)
			return
		}
	}
}

// ask makes the call of an item, and uses up the permit. What came back stands in
// it.receipt, or in it.kind and it.text.
func (r *run) ask(it *itemRun) readAnswer {
	if why := r.reads.refusal.Load(); why != nil {
		r.unused(it)
		it.kind, it.text = chain.KindUnsupported, *why
		return readAnswer{kind: it.kind}
	}
	result, err := r.call(it)
	r.answered(it, err)
	if err == nil {
		if _, bad := r.reads.decode.outputs(it.input, result.Output); bad != nil && result.Status == 0 {
			err = &chain.Error{Kind: chain.KindInvalid, Op: "call", Err: bad,
				Msg: fmt.Sprintf("what the contract returned at block %d does not fit the function; is it another contract, or are its types others?", result.BlockNumber)}
		}
	}
	if err != nil {
		ans := readAnswer{kind: chain.KindNode}
		if e, ok := errors.AsType[*chain.Error](err); ok {
			ans.kind = e.Kind
		} else if errors.Is(err, context.DeadlineExceeded) {
			ans.kind = chain.KindTimeout
		}
		it.kind, it.text = ans.kind, err.Error()
		if r.reads.block != nil && ans.kind == chain.KindUnsupported {
			r.reads.refusal.Store(&it.text) // blocks do not come back
		}
		r.target.stats.countFailure(ans.kind)
		return ans
	}
	it.receipt = &chain.Receipt{BlockNumber: result.BlockNumber, Succeeded: result.Status == 0, Status: result.Status,
		StatusName: result.StatusName, Output: result.Output}
	return readAnswer{succeeded: result.Status == 0}
}

func (r *run) call(it *itemRun) (chain.CallResult, error) {
	msg := chain.CallMsg{From: r.reads.from, To: *it.recipient, Input: it.input, Block: r.reads.block}
	if r.reads.signer != nil {
		var err error
		if msg.Signature, err = r.reads.signer.SignCall(msg.To, msg.Input); err != nil {
			return chain.CallResult{}, err
		}
	}
	ctx, cancel := context.WithTimeout(r.e.hard, queryTimeout)
	defer cancel()
	r.inFlight.Add(1)
	defer r.inFlight.Add(-1)
	return r.target.Chain.Call(ctx, msg)
}

// settleRead hands the outcome to the committer, which ends the work on the item.
func (r *run) settleRead(it *itemRun, state ItemState, tries int, took time.Duration) {
	o := &outcome{state: state, attempts: it.tried + tries, latency: took, settled: time.Now()}
	switch state {
	case ItemConfirmed:
		o.receipt = it.receipt
	case ItemReverted:
		o.receipt, o.kind, o.text = it.receipt, "reverted", r.revertText(it.receipt)
	case ItemRejected:
		o.kind, o.text = string(it.kind), it.text
	case ItemExpired:
		o.kind, o.text = r.whyExpired(it)
	case ItemCanceled:
		o.text = "canceled before it was read"
	}
	r.end(it, o)
}
