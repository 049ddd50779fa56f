package fisco

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/chain"
)

const (
	// subscribeWindow is how many blocks a subscription asks a node for at a time.
	// Only the end of a window proves that a node told of all its blocks, so this is
	// what is scanned again at most when a connection breaks after long silence:
	// 3 s at 10 blocks in 30 ms.
	subscribeWindow = 1000
	// retryPause is the wait after a node could not do what may work soon.
	retryPause = time.Second
)

// Subscription delivers the events of a filter, each once and in the order of
// block, transaction and log. Close must be called, or the client or session that
// made it be closed.
//
// Blocks are held back until they are complete: until the node has told of one
// more than 9 higher, or 100 ms have passed without a push. A node that pauses for
// longer amid a batch of 10 blocks makes events come late, behind those of a
// higher block; none is lost.
//
// The consumer may be slow. At most 256 pushes (or 32 MiB, if they are large)
// wait for it; then the subscription ends at the node, and begins again where it
// was when the consumer has taken what waits. Nothing is lost, memory is bounded.
type Subscription struct {
	filter EventFilter
	source func(context.Context) (*Client, error) // a client that is up
	ctx    context.Context                        // ends with Close or with the owner
	cancel context.CancelFunc
	closed atomic.Bool // by Close
	events chan Event
	done   chan struct{}

	// Of the goroutine that delivers.
	order    *ordering
	judged   common.Hash // the last transaction whose receipt was asked for
	accepted bool        // it succeeded

	mu     sync.Mutex
	cursor uint64
	err    error
}

// Subscribe subscribes to events over this connection (protocol §7). It returns
// when the node has accepted; ctx bounds only that. The subscription ends with
// KindUnavailable when the connection does: Session.Subscribe survives that.
func (c *Client) Subscribe(ctx context.Context, filter EventFilter) (*Subscription, error) {
	return subscribe(ctx, c.life, &c.owned, filter, c.alive)
}

// subscribe starts a subscription that lives as long as life, on a goroutine of o.
func subscribe(ctx, life context.Context, o *owner, filter EventFilter, source func(context.Context) (*Client, error)) (*Subscription, error) {
	for _, number := range []uint64{filter.FromBlock, filter.ToBlock} {
		if err := checkNumber(opSubscribe, number); err != nil {
			return nil, err
		}
	}
	c, err := source(ctx)
	if err != nil {
		return nil, err
	}
	from := filter.FromBlock
	if from == 0 { // a number of our own, so that the place is known when the connection breaks
		head, err := c.Head(ctx)
		if err != nil {
			return nil, err
		}
		from = max(1, head.Number)
	}
	s := &Subscription{
		filter: filter, source: source, events: make(chan Event), done: make(chan struct{}), order: newOrdering(from), cursor: from,
	}
	s.ctx, s.cancel = context.WithCancel(life)
	first, err := s.open(ctx, c)
	if err != nil {
		s.cancel()
		return nil, err
	}
	if !o.start(func() { s.run(first) }) {
		s.cancel()
		first.close()
		return nil, closedError(opSubscribe)
	}
	return s, nil
}

// closedError refuses what comes after Close.
func closedError(op string) error {
	return &chain.Error{Kind: chain.KindCanceled, Sent: chain.SentNo, Op: op, Msg: "the client or session was closed"}
}

// Events delivers the events. It is closed when the subscription has ended: Err
// says why.
func (s *Subscription) Events() <-chan Event { return s.events }

// Err says why Events was closed: nil after the last block that was asked for or
// after Close, KindCanceled when the owner was closed. It is nil before.
func (s *Subscription) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Cursor is the block from which another subscription gets everything that this
// one has not delivered. Of that block and up to 9 behind it events may have been
// delivered already: block, transaction hash and log index tell.
func (s *Subscription) Cursor() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cursor
}

// Close ends the subscription here and at the node, and waits until that is
// done, at most 2 s for the node. What was not taken from Events is dropped. It
// may be called more than once; the error is always nil.
func (s *Subscription) Close() error {
	s.closed.Store(true)
	s.cancel()
	<-s.done
	return nil
}

func (s *Subscription) run(f *feed) {
	err := s.follow(f)
	switch {
	case err == nil || s.closed.Load():
		err = nil
	case s.ctx.Err() != nil:
		err = closedError(opSubscribe)
	}
	s.cancel()
	s.mu.Lock()
	s.err = err
	s.mu.Unlock()
	close(s.events)
	close(s.done)
}

// follow goes from feed to feed, window by window and over broken connections.
func (s *Subscription) follow(f *feed) error {
	for {
		err := s.drain(f)
		f.close()
		switch {
		case err == nil && f.to == s.filter.ToBlock:
			return nil
		case err != nil && !errors.Is(err, errOverrun) && !mayPass(err):
			return err
		}
		if f, err = persist(s, s.open); err != nil {
			return err
		}
		s.order.resumed()
	}
}

// mayPass reports whether the same may work soon, perhaps over another connection.
func mayPass(err error) bool {
	return chain.Is(err, chain.KindUnavailable, chain.KindTimeout, chain.KindOverloaded)
}

// open subscribes to the next window.
func (s *Subscription) open(ctx context.Context, c *Client) (*feed, error) {
	from := s.order.resume()
	to := from + subscribeWindow - 1
	if last := s.filter.ToBlock; last != 0 {
		to = min(to, last)
	}
	return c.openFeed(ctx, &s.filter, from, to)
}

// persist asks a client for something until one gives it or it fails for good.
// There is no pause when a connection broke: the source has one of its own.
func persist[T any](s *Subscription, ask func(context.Context, *Client) (T, error)) (T, error) {
	for {
		var none T
		c, err := s.source(s.ctx)
		if err != nil {
			return none, err
		}
		v, err := ask(s.ctx, c)
		if err == nil || !mayPass(err) {
			return v, err
		}
		if c.broken() != nil {
			continue
		}
		select {
		case <-time.After(retryPause):
		case <-s.ctx.Done():
			return none, s.ctx.Err()
		}
	}
}

// drain delivers what a feed brings. It gives nil when the node told of the last
// block that it was asked for.
func (s *Subscription) drain(f *feed) error {
	silence := time.NewTimer(0)
	defer silence.Stop()
	for {
		pushes, over, end := f.take()
		for _, push := range pushes {
			if err := s.accept(f, push); err != nil {
				return err
			}
		}
		switch {
		case over && end == nil:
			return s.deliver(s.order.completed(f.to))
		case over:
			return end
		case len(pushes) > 0:
			continue // the consumer may have taken its time: silence begins only now
		}
		if err := f.client.gone(opSubscribe); err != nil {
			return err // its silence means nothing
		}
		if err := s.deliver(s.order.release(time.Now())); err != nil {
			return err
		}
		if due, settles := s.order.due(); settles {
			silence.Reset(time.Until(due))
		} else {
			silence.Stop()
		}
		select {
		case <-f.wake:
		case <-silence.C:
		case <-f.client.Done():
		case <-s.ctx.Done():
			return s.ctx.Err()
		}
	}
}

// errLateBlock ends a subscription: the node tells of what it was not asked for.
var errLateBlock = errors.New("the node pushed an event of a block behind the last that was asked for")

// accept takes one push and delivers what is complete by it.
func (s *Subscription) accept(f *feed, push json.RawMessage) error {
	events, err := decodeEvents(push)
	if err == nil && slices.ContainsFunc(events, func(e Event) bool { return e.Block > f.to }) {
		err = errLateBlock
	}
	now := time.Now()
	if err == nil {
		err = s.order.add(now, events)
	}
	if err != nil {
		return f.client.at(brokenAnswer(opSubscribe, "a push breaks the rules", err))
	}
	return s.deliver(s.order.release(now))
}

// deliver hands events to the consumer, as slow as that may be.
func (s *Subscription) deliver(events []Event) error {
	for i := range events {
		e := &events[i]
		s.setCursor(min(e.Block, s.order.resume()))
		if wanted, err := s.wants(e); err != nil {
			return err
		} else if !wanted {
			continue
		}
		if s.filter.Decode != nil {
			e.Decoded, e.DecodeErr = s.filter.Decode(e.Log())
		}
		select {
		case s.events <- *e:
		case <-s.ctx.Done():
			return s.ctx.Err()
		}
	}
	s.setCursor(s.order.resume())
	return nil
}

func (s *Subscription) setCursor(block uint64) {
	s.mu.Lock()
	s.cursor = block
	s.mu.Unlock()
}

// wants reports whether the event's transaction succeeded, if that matters.
func (s *Subscription) wants(e *Event) (bool, error) {
	if !s.filter.OnlySucceeded || s.judged == e.TxHash {
		return !s.filter.OnlySucceeded || s.accepted, nil
	}
	receipt, err := persist(s, func(ctx context.Context, c *Client) (chain.Receipt, error) { return c.Receipt(ctx, e.TxHash) })
	if err != nil {
		return false, err
	}
	s.judged, s.accepted = e.TxHash, receipt.Succeeded
	return s.accepted, nil
}
