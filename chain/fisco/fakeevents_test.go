package fisco

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fakeEvents is the event service of a fakeNode, as wild as a real one: it scans
// batches of 10 blocks each 30 ms and pushes the blocks of a batch in any order.
// Where it breaks is decided by random.
type fakeEvents struct {
	t        testing.TB
	logs     func(block uint64) []Event // of a block
	breakage int                        // one push of so many is a reset of the connection instead; 0 is none

	mu      sync.Mutex
	head    uint64
	grown   chan struct{} // closed and replaced when head grows
	random  *rand.Rand
	active  map[string]chan struct{} // by id; closed ends it
	asked   []subscribeArgs
	ended   int // unsubscribed
	resets  int
	pending sync.WaitGroup
}

// newFakeEvents begins with a head; seed is for what goes wrong.
func newFakeEvents(t testing.TB, head, seed uint64) *fakeEvents {
	return &fakeEvents{t: t, head: head, grown: make(chan struct{}), active: map[string]chan struct{}{},
		random: rand.New(rand.NewPCG(seed, 0)),
		logs:   func(block uint64) []Event { return []Event{at(block, 0, 0), at(block, 1, 0), at(block, 1, 1)} },
	}
}

// node is a node that serves the events.
func (e *fakeEvents) node() *fakeNode {
	e.t.Cleanup(e.pending.Wait)
	return &fakeNode{
		handshake: fakeHandshake,
		answer: func(_ *fakeSession, _, _ string, _ []json.RawMessage) []byte {
			e.mu.Lock()
			defer e.mu.Unlock()
			return ok(fmt.Sprint(e.head))
		},
		frames: e.frame,
	}
}

func (e *fakeEvents) grow(head uint64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.head = head
	close(e.grown)
	e.grown = make(chan struct{})
}

func (e *fakeEvents) frame(s *fakeSession, f fakeFrame) {
	var r subscribeJSON
	if err := json.Unmarshal(f.payload, &r); err != nil {
		e.t.Errorf("a request is no JSON: %v", err)
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	switch f.typ {
	case 0x120:
		if e.active[r.ID] != nil {
			e.t.Errorf("id %s is used again", r.ID)
		}
		stop := make(chan struct{})
		e.active[r.ID], e.asked = stop, append(e.asked, r.Params)
		s.frame(0x120, f.seq, fmt.Appendf(nil, `{"id":"%s","status":0}`+"\n", r.ID))
		e.pending.Go(func() { e.follow(s, r, stop) })
	case 0x121:
		if stop := e.active[r.ID]; stop != nil {
			close(stop)
			delete(e.active, r.ID)
			e.ended++
		}
		s.frame(0x121, f.seq, fmt.Appendf(nil, `{"id":"%s","status":0}`+"\n", r.ID))
	default:
		e.t.Errorf("a frame of type %x", f.typ)
	}
}

func (e *fakeEvents) follow(s *fakeSession, r subscribeJSON, stop chan struct{}) {
	for next := r.Params.FromBlock; next <= r.Params.ToBlock; {
		e.mu.Lock()
		head, grown := e.head, e.grown
		e.mu.Unlock()
		if next > head {
			select {
			case <-grown:
				continue
			case <-stop:
			case <-s.gone:
			}
			return
		}
		var batch []uint64
		for ; next <= min(head, r.Params.ToBlock) && len(batch) < 10; next++ {
			batch = append(batch, next)
		}
		if !e.pushBatch(s, r.ID, stop, batch) {
			return
		}
		time.Sleep(30 * time.Millisecond)
	}
	s.frame(0x122, "", fmt.Appendf(nil, `{"id":"%s","status":1}`+"\n", r.ID))
}

// pushBatch pushes blocks in any order; false when the subscription is over.
func (e *fakeEvents) pushBatch(s *fakeSession, id string, stop chan struct{}, batch []uint64) bool {
	e.mu.Lock()
	e.random.Shuffle(len(batch), func(i, j int) { batch[i], batch[j] = batch[j], batch[i] })
	e.mu.Unlock()
	for _, block := range batch {
		events := e.logs(block)
		if len(events) == 0 {
			continue
		}
		select {
		case <-stop:
			return false
		case <-s.gone:
			return false
		default:
		}
		e.mu.Lock()
		e.random.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
		breaks := e.breakage > 0 && e.random.IntN(e.breakage) == 0
		if breaks {
			e.resets++
		}
		e.mu.Unlock()
		if breaks {
			s.reset()
			return false
		}
		s.frame(0x122, "", fmt.Appendf(nil, `{"id":"%s","result":%s,"status":0}`+"\n", id, pushText(e.t, events)))
	}
	return true
}

// want is every event of the blocks from to to.
func (e *fakeEvents) want(from, to uint64) []Event {
	var all []Event
	for block := from; block <= to; block++ {
		all = append(all, e.logs(block)...)
	}
	return all
}

// collect takes n events.
func collect(ctx context.Context, t testing.TB, s *Subscription, n int) []Event {
	t.Helper()
	events := make([]Event, 0, n)
	for len(events) < n {
		select {
		case e, open := <-s.Events():
			require.True(t, open, "the subscription ended: %v", s.Err())
			events = append(events, e)
		case <-ctx.Done():
			t.Fatalf("%d of %d events came", len(events), n)
		}
	}
	return events
}

// rest takes the events up to the end.
func rest(s *Subscription) []Event {
	var events []Event
	for e := range s.Events() {
		events = append(events, e)
	}
	return events
}
