package conformance

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"
)

// session is one connection of a recording.
type session struct {
	ws    *websocket.Conn
	ended chan struct{}

	mu      sync.Mutex
	inbox   []frame       // guarded by mu; what no recorded frame has claimed
	arrived chan struct{} // guarded by mu; closed and replaced with each frame
}

func (n *node) dial() *session {
	ctx, cancel := context.WithTimeout(n.t.Context(), patience)
	defer cancel()
	ws, _, err := websocket.Dial(ctx, "ws://"+n.addr("")+"/", nil)
	require.NoError(n.t, err)
	ws.SetReadLimit(64 << 20)
	s := &session{ws: ws, ended: make(chan struct{}), arrived: make(chan struct{})}
	go func() { // ends with the connection, which close waits for
		defer close(s.ended)
		for {
			_, data, err := ws.Read(context.Background())
			if err != nil {
				return
			}
			if f, ok := parseFrame(data); ok {
				s.mu.Lock()
				s.inbox = append(s.inbox, f)
				close(s.arrived)
				s.arrived = make(chan struct{})
				s.mu.Unlock()
			}
		}
	}()
	return s
}

func (s *session) close() {
	_ = s.ws.CloseNow()
	<-s.ended
}

// claim takes the first frame that fits out of the inbox, and waits for it.
func (s *session) claim(fits func(frame) bool, wait time.Duration) (frame, bool) {
	deadline := time.After(wait)
	for {
		s.mu.Lock()
		at := slices.IndexFunc(s.inbox, fits)
		if at >= 0 {
			f := s.inbox[at]
			s.inbox = slices.Delete(s.inbox, at, at+1)
			s.mu.Unlock()
			return f, true
		}
		arrived := s.arrived
		s.mu.Unlock()
		select {
		case <-arrived:
		case <-s.ended:
			select {
			case <-arrived: // the last frame and the end came together
				continue
			default:
			}
			return frame{}, false
		case <-deadline:
			return frame{}, false
		}
	}
}

// has reports whether a frame that fits has come and was not claimed.
func (s *session) has(fits func(frame) bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.inbox, fits)
}
