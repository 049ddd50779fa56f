package devchain

import "sync"

// Subscription tells of committed blocks. It holds one notice: when its reader is
// slow, a newer head takes the place of the older one, so it never holds up the
// chain. Whoever must see every block reads those between by number.
type Subscription struct {
	c    chan Head
	from *subscriptions
}

// C gives the newest committed head, some time after it was committed and at most
// once each. It is closed by Close and when the chain is closed.
func (s *Subscription) C() <-chan Head { return s.c }

// Close ends the subscription. It may be called more than once.
func (s *Subscription) Close() { s.from.remove(s) }

type subscriptions struct {
	mu     sync.Mutex
	all    map[*Subscription]struct{}
	closed bool
}

func newSubscriptions() *subscriptions {
	return &subscriptions{all: map[*Subscription]struct{}{}}
}

func (s *subscriptions) add() *Subscription {
	s.mu.Lock()
	defer s.mu.Unlock()
	sub := &Subscription{c: make(chan Head, 1), from: s}
	if s.closed {
		close(sub.c)
		return sub
	}
	s.all[sub] = struct{}{}
	return sub
}

func (s *subscriptions) remove(sub *Subscription) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.all[sub]; ok {
		delete(s.all, sub)
		close(sub.c)
	}
}

func (s *subscriptions) publish(head Head) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for sub := range s.all {
		select {
		case <-sub.c: // an older head that nobody has read
		default:
		}
		sub.c <- head // room is certain: only publish sends, and under the lock
	}
}

func (s *subscriptions) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for sub := range s.all {
		delete(s.all, sub)
		close(sub.c)
	}
}
