package rpc

import (
	"context"
	"slices"
	"sync"
	"time"
)

// owed are the AMOP requests that a session was sent and has not answered, and the
// topics it is subscribed to. The zero value is ready.
type owed struct {
	mu       sync.Mutex
	requests []*owedRequest // guarded by mu; in the order of asking
	topics   []string       // guarded by mu while the session reads; each once
	ended    bool           // guarded by mu; nothing may be added any more
}

type owedRequest struct {
	seq    string
	answer chan owedAnswer // has room for the one answer
}

type owedAnswer struct {
	frame *frame
	err   error
}

// add notes a request; a request of the same seq is forgotten, as on a node.
func (o *owed) add(seq []byte) (*owedRequest, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended {
		return nil, false
	}
	r := &owedRequest{seq: string(seq), answer: make(chan owedAnswer, 1)}
	o.take(r.seq)
	o.requests = append(o.requests, r)
	return r, true
}

// take is called under mu.
func (o *owed) take(seq string) *owedRequest {
	at := slices.IndexFunc(o.requests, func(r *owedRequest) bool { return r.seq == seq })
	if at < 0 {
		return nil
	}
	r := o.requests[at]
	o.requests = slices.Delete(o.requests, at, at+1)
	return r
}

// settle takes f as the answer to the request of its seq, whatever its type is;
// false when there is none.
func (o *owed) settle(f frame) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	r := o.take(string(f.Seq))
	if r != nil {
		r.answer <- owedAnswer{frame: &f}
	}
	return r != nil
}

func (o *owed) forget(r *owedRequest) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.requests = slices.DeleteFunc(o.requests, func(other *owedRequest) bool { return other == r })
}

// subscribe adds topics, up to maxTopics, and gives those that were added.
func (o *owed) subscribe(topics []string) []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	var added []string
	for _, topic := range topics {
		if !o.ended && len(o.topics) < maxTopics && !slices.Contains(o.topics, topic) {
			o.topics, added = append(o.topics, topic), append(added, topic)
		}
	}
	return added
}

// end gives up what is owed. Only one request, the newest, ends with an error; the
// others end with nothing at all. So does a node.
func (o *owed) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ended = true
	for i, r := range o.requests {
		var a owedAnswer
		if i == len(o.requests)-1 {
			a.err = errGone
		}
		r.answer <- a
	}
	o.requests = nil
}

// ask sends an AMOP request to the peer of this session.
func (s *session) ask(ctx context.Context, f frame) (*frame, error) {
	r, ok := s.owed.add(f.Seq)
	if !ok {
		return nil, errGone
	}
	defer s.owed.forget(r)
	s.send(f.bytes(), nil)
	wait := time.NewTimer(s.server.cfg.AMOPWait)
	defer wait.Stop()
	select {
	case a := <-r.answer:
		return a.frame, a.err
	case <-wait.C:
		return nil, errNoAnswer
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *session) tell(f frame) { s.send(f.bytes(), nil) }
