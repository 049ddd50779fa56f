package devchain

import "sync"

// Notice tells that there is a newer block, or that the ledger was reverted.
type Notice struct {
	Head // the newest block
	// Reverted says that since the notice before this one the ledger was reverted,
	// perhaps more than once. Kept is the newest block that was there all the time:
	// those after it are new, also where the notice before had a higher number.
	Reverted bool
	Kept     uint64
}

// Subscription tells of committed blocks. It holds one notice: when its reader is
// slow, a newer one takes the place of the older one, so it never holds up the
// chain. Whoever must see every block reads those between by number.
type Subscription struct {
	c    chan Notice
	from *subscriptions
}

// C gives the newest committed head, some time after it was committed and at most
// once each. It is closed by Close and when the chain is closed.
func (s *Subscription) C() <-chan Notice { return s.c }

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
	sub := &Subscription{c: make(chan Notice, 1), from: s}
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

// publish tells of a new block.
func (s *subscriptions) publish(head Head) { s.tell(Notice{Head: head}) }

// reverted tells that head is the newest block again.
func (s *subscriptions) reverted(head Head) {
	s.tell(Notice{Head: head, Reverted: true, Kept: head.Number})
}

func (s *subscriptions) tell(notice Notice) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for sub := range s.all {
		next := notice
		select {
		case unread := <-sub.c:
			next = unread.with(notice)
		default:
		}
		sub.c <- next // room is certain: only tell sends, and under the lock
	}
}

// with is n and then newer in one notice.
func (n Notice) with(newer Notice) Notice {
	if n.Reverted && (!newer.Reverted || n.Kept < newer.Kept) {
		newer.Reverted, newer.Kept = true, n.Kept
	}
	return newer
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
