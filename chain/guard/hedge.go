package guard

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/bcosgate/bcosgate/chain/pool"
)

// hedger makes a second attempt beside one that is slow.
type hedger struct {
	guard  *Guard
	budget *budget
	next   handler
	paces  map[string]*pace // by op; not changed after New
	duels  sync.Pool        // of *duel, each with its timer
}

// hedge asks a second node when the first takes longer than 95 % of the attempts of
// its op, and gives the answer that comes first. The other attempt is cancelled and
// has ended when hedge returns. An attempt that fails before it is slow is left to
// retry.
func (g *Guard) hedge(b *budget, next handler) handler {
	if !g.cfg.Query.Hedge {
		return next
	}
	h := &hedger{guard: g, budget: b, next: next, paces: map[string]*pace{}}
	for _, op := range []string{opCall, opReceipt, opBlock, opCode} {
		h.paces[op] = &pace{}
	}
	return func(ctx context.Context, r *request) (any, error) {
		p := h.paces[r.op]
		if p == nil {
			return next(ctx, r)
		}
		d, _ := h.duels.Get().(*duel)
		if d == nil {
			d = &duel{hedger: h, ended: make(chan struct{}, 1)}
		}
		d.ctx, d.pace, d.call = ctx, p, *r
		result, err := d.run(r)
		d.reset()
		h.duels.Put(d)
		return result, err
	}
}

// duel is a first attempt, in the goroutine of its caller, and perhaps a second one
// beside it, in that of the timer. Which of them writes a field stands beside it;
// the timer's start orders what the first wrote before.
type duel struct {
	hedger *hedger
	timer  *time.Timer   // the first; nil until a duel was timed
	ended  chan struct{} // the second sends when it has ended

	ctx  context.Context //nolint:containedctx // of the call, for the second, which run waits for
	pace *pace
	call request // as it was before the first attempt

	asks      *pool.Node         // the first
	began     time.Time          // the first; when it asked
	stopFirst context.CancelFunc // the first
	timed     bool               // the first; the timer was started

	mu         sync.Mutex
	over       bool               // the first has ended
	answered   bool               // the first has brought the answer
	won        bool               // the second has brought the answer
	stopSecond context.CancelFunc // nil before it began
	result     any                // of the second
	err        error
	node       *pool.Node
	panicked   any
}

func (d *duel) reset() {
	*d = duel{hedger: d.hedger, timer: d.timer, ended: d.ended}
}

// isAnswer reports whether an attempt brought what another one would bring, too.
func isAnswer(r *request, err error) bool { return err == nil || verdict(r, err) == pool.Answered }

// run makes the first attempt and settles the duel.
func (d *duel) run(r *request) (any, error) {
	r.duel = d
	defer d.end(true) // when the attempt panics, nobody waits for an answer
	result, err := d.hedger.next(d.ctx, r)
	took := time.Since(d.began)
	answered := isAnswer(r, err)
	d.end(answered)
	if d.panicked != nil {
		panic(d.panicked) // who makes the call hears of it
	}
	// One that lost took at least so long. Without it, the slow ones would be missing
	// from the window, and ever more would count as slow.
	if (answered || d.won) && !d.began.IsZero() {
		d.pace.add(took)
	}
	if d.won {
		return d.result, d.err
	}
	if d.node != nil {
		r.want.Avoid = append(slices.Clip(r.want.Avoid), d.node.Name())
	}
	return result, err
}

// asked notes that the first attempt has its permits and its node is asked now,
// which is when its time begins to count.
func (d *duel) asked(r *request) {
	if d == nil {
		return
	}
	d.asks, d.stopFirst, d.began = r.node, r.cancel, time.Now()
	delay := d.pace.delay()
	if delay == 0 {
		return
	}
	d.timed = true
	if d.timer == nil {
		d.timer = time.AfterFunc(delay, d.second)
	} else {
		d.timer.Reset(delay)
	}
}

// end is the end of the first attempt: a second one is not begun any more, is
// cancelled when there is an answer, and is waited for.
func (d *duel) end(answered bool) {
	if !d.timed {
		return
	}
	d.timed = false
	if d.timer.Stop() {
		return
	}
	d.mu.Lock()
	d.over, d.answered = true, answered
	stop := d.stopSecond
	d.mu.Unlock()
	if answered && stop != nil {
		stop()
	}
	<-d.ended
}

// second makes the attempt beside the first, unless there is no other node, or too
// much is asked twice already.
func (d *duel) second() {
	defer func() {
		if p := recover(); p != nil {
			d.panicked = fmt.Sprintf("in an attempt beside another one: %v\n\n%s", p, debug.Stack())
		}
		d.ended <- struct{}{}
	}()
	g, r := d.hedger.guard, d.call.beside(d.asks)
	if _, err := g.pool.Choose(r.want); err != nil {
		return
	}
	if !d.hedger.budget.take() {
		g.cfg.Observer.Limited(g.target, r.class, LimitBudget, true)
		return
	}
	ctx, cancel := context.WithCancel(d.ctx)
	defer cancel()
	d.mu.Lock()
	over := d.over
	d.stopSecond = cancel
	d.mu.Unlock()
	if over {
		return
	}
	result, err := d.hedger.next(ctx, r)
	d.mu.Lock()
	d.result, d.err, d.node = result, err, r.node
	d.won = isAnswer(r, err) && !d.answered
	won := d.won
	d.mu.Unlock()
	if won {
		d.stopFirst()
	}
}
