package web3

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/bcosgate/bcosgate/devchain/faults"
	"github.com/bcosgate/bcosgate/devchain/nodehttp"
)

// writeTimeout is how long a peer may take to accept one message before it is
// given up.
const writeTimeout = 30 * time.Second

func (s *Server) upgrade(w http.ResponseWriter, r *http.Request) {
	ws, err := nodehttp.Upgrade(w, r)
	if err != nil {
		s.log.Debug("upgrade refused", "peer", r.RemoteAddr, "error", err)
		return
	}
	defer ws.CloseNow() //nolint:errcheck // it is the last word
	s.mu.Lock()
	late := s.stopping
	if !late {
		s.sessions.Add(1)
	}
	s.mu.Unlock()
	if late {
		return
	}
	defer s.sessions.Done()
	ws.SetReadLimit(s.cfg.BodyLimit)
	err = s.session(ws, wsLine{ws, connOf(r)})
	s.log.Debug("session ended", "peer", r.RemoteAddr, "error", err)
}

// session serves one WebSocket until the peer leaves or the server stops. Requests
// are served one after another: a peer that does not wait for its answers is not
// read meanwhile.
func (s *Server) session(ws *websocket.Conn, line faults.Line) error {
	ctx, cancel := context.WithCancel(s.base)
	subs := &subscriptions{names: map[string]struct{}{}}
	var pushing sync.WaitGroup
	defer pushing.Wait()
	defer cancel()
	pushing.Go(func() {
		defer cancel()
		s.pushHeads(ctx, ws, line, subs)
	})
	for {
		_, body, err := ws.Read(ctx)
		if err != nil {
			return err
		}
		message := s.answer(ctx, body, subs, line, faults.DamageText)
		if message == nil {
			continue
		}
		if err := write(ctx, ws, message); err != nil {
			return err
		}
	}
}

// write sends a message in a binary frame, as a node does. The connection is safe
// for several writers.
func write(ctx context.Context, ws *websocket.Conn, message []byte) error {
	ctx, cancel := context.WithTimeoutCause(ctx, writeTimeout, errors.New("the peer does not read"))
	defer cancel()
	return ws.Write(ctx, websocket.MessageBinary, message)
}
