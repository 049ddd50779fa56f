package cluster

import "sync"

// asked are the asks that other nodes have not answered yet. The zero value is ready.
type asked struct {
	mu      sync.Mutex
	newest  uint64                // guarded by mu
	waiting map[uint64]waitingAsk // guarded by mu
}

type waitingAsk struct {
	sealer int
	answer chan answer // has room for the one answer; closed when the node is lost
}

func (a *asked) add(sealer int) (uint64, <-chan answer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.waiting == nil {
		a.waiting = map[uint64]waitingAsk{}
	}
	a.newest++
	w := waitingAsk{sealer, make(chan answer, 1)}
	a.waiting[a.newest] = w
	return a.newest, w.answer
}

// take gives where the answer of a sealer belongs, once; nil when nobody waits for it.
func (a *asked) take(id uint64, sealer int) chan<- answer {
	a.mu.Lock()
	defer a.mu.Unlock()
	w, ok := a.waiting[id]
	if !ok || w.sealer != sealer {
		return nil
	}
	delete(a.waiting, id)
	return w.answer
}

// lose gives up what a sealer owes.
func (a *asked) lose(sealer int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for id, w := range a.waiting {
		if w.sealer == sealer {
			delete(a.waiting, id)
			close(w.answer)
		}
	}
}

// serving counts the asks of other nodes that are in work. The zero value is ready.
type serving struct {
	mu    sync.Mutex
	asks  int
	bytes int
}

// begin is false when there is no room for one more.
func (s *serving) begin(m ask) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.asks >= maxServing || s.bytes+len(m.Payload) > maxServingBytes {
		return false
	}
	s.asks, s.bytes = s.asks+1, s.bytes+len(m.Payload)
	return true
}

func (s *serving) end(m ask) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asks, s.bytes = s.asks-1, s.bytes-len(m.Payload)
}
