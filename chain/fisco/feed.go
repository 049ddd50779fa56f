package fisco

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	// feedLen is how many pushes a feed holds for its consumer, or feedBytes, but
	// never fewer than feedLeast: after an overrun up to 9 blocks come again, and
	// there must be room for what is new behind them.
	feedLen   = 256
	feedBytes = 32 << 20
	feedLeast = 4 * scanBatch
	// unsubscribeWait is how long a node may take to confirm the end of a feed.
	unsubscribeWait = 2 * time.Second
)

// errOverrun ends a feed whose consumer was too slow.
var errOverrun = errors.New("the events came faster than they were taken")

// feed is one subscription as the node knows it. The reading goroutine puts
// pushes in and never waits: when the feed is full it ends, and what it holds is
// whole up to its last push.
type feed struct {
	client *Client
	id     string        // random, because nodes ignore an id that is in use (protocol §7.1)
	to     uint64        // the last block asked for
	wake   chan struct{} // holds one: there is something to take

	mu     sync.Mutex
	pushes []json.RawMessage
	size   int
	over   bool  // nothing more is put in
	end    error // why, when it is not complete
}

// put takes a push.
func (f *feed) put(m *eventMessage) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.over:
		return
	case m.Status != eventStatusOK:
		f.over, f.end = true, eventError(opSubscribe, m.Status)
	case len(f.pushes) >= feedLen || len(f.pushes) >= feedLeast && f.size+len(m.Result) > feedBytes:
		f.over, f.end = true, errOverrun
	default:
		f.pushes = append(f.pushes, m.Result)
		f.size += len(m.Result)
	}
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// take gives all pushes that wait. over tells that there will be no more, and
// end why; nil when the node told of the last block.
func (f *feed) take() (pushes []json.RawMessage, over bool, end error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	pushes, f.pushes, f.size = f.pushes, nil, 0
	return pushes, f.over, f.end
}

// openFeed subscribes to the events of the blocks from to to, both included.
// close must be called.
func (c *Client) openFeed(ctx context.Context, filter *EventFilter, from, to uint64) (*feed, error) {
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails
	f := &feed{client: c, id: hex.EncodeToString(random[:]), to: to, wake: make(chan struct{}, 1)}
	payload, err := filter.subscribePayload(f.id, c.group, from, to)
	if err != nil {
		return nil, c.at(err)
	}
	c.feedMu.Lock()
	c.feeds[f.id] = f // before the node knows it: pushes may overtake the answer
	c.feedMu.Unlock()
	if err := c.askEvents(ctx, opSubscribe, FrameEventSubscribe, f.id, payload); err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

// close ends the feed here, and at the node unless it is over there.
func (f *feed) close() {
	c := f.client
	c.feedMu.Lock()
	delete(c.feeds, f.id)
	c.feedMu.Unlock()
	f.mu.Lock()
	complete := f.over && f.end == nil
	f.mu.Unlock()
	if complete || c.broken() != nil {
		return
	}
	payload, err := unsubscribePayload(f.id, c.group)
	if err == nil {
		ctx, cancel := context.WithTimeout(context.Background(), unsubscribeWait)
		defer cancel()
		err = c.askEvents(ctx, opUnsubscribe, FrameEventUnsubscribe, f.id, payload)
	}
	if err != nil { // pushes for an id that is not known here are ignored
		c.log.Debug("ending an event subscription failed", "id", f.id, "error", err)
	}
}

// askEvents sends a request about subscription id and reads the answer's status.
func (c *Client) askEvents(ctx context.Context, op string, typ FrameType, id string, payload []byte) error {
	ctx, cancel := context.WithTimeout(ctx, c.readTimeout)
	defer cancel()
	frame, taken, err := c.conn.do(ctx, typ, func(dst []byte) ([]byte, error) { return append(dst, payload...), nil })
	if err != nil {
		return c.unanswered(op, taken, err)
	}
	var answer eventMessage
	if err := json.Unmarshal(frame.Payload, &answer); err != nil {
		return c.at(brokenAnswer(op, "the node's answer cannot be read", err))
	}
	if err := eventError(op, answer.Status); err != nil {
		return c.at(err)
	}
	if answer.ID != id {
		return c.at(brokenAnswer(op, fmt.Sprintf("the answer is about subscription %q", answer.ID), nil))
	}
	return nil
}

// pushEvents hands a push to its feed.
func (c *Client) pushEvents(payload []byte) {
	var m eventMessage
	if err := json.Unmarshal(payload, &m); err != nil {
		c.log.Warn("event push cannot be read", "error", err)
		return
	}
	c.feedMu.Lock()
	f := c.feeds[m.ID]
	c.feedMu.Unlock()
	if f != nil {
		f.put(&m)
	}
}
