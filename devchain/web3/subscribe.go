package web3

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"maps"
	"slices"
	"sync"

	"github.com/coder/websocket"

	"github.com/bcosgate/bcosgate/devchain"
	"github.com/bcosgate/bcosgate/devchain/faults"
	"github.com/bcosgate/bcosgate/devchain/nodejson"
)

// maxSubscriptions of one connection; one more is refused. A real node has no bound.
const maxSubscriptions = 100

// subscriptions are those of one WebSocket, by their names.
type subscriptions struct {
	mu    sync.Mutex
	names map[string]struct{} // guarded by mu
}

func (s *subscriptions) add(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.names) >= maxSubscriptions {
		return false
	}
	s.names[name] = struct{}{}
	return true
}

func (s *subscriptions) remove(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, found := s.names[name]
	delete(s.names, name)
	return found
}

func (s *subscriptions) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.names))
}

var errNoSocket = &fault{Code: codeInvalidRequest, Message: "Subscribe request only support websocket protocol"}

func (s *Server) subscribe(_ context.Context, c call) (any, error) {
	if c.subs == nil {
		return nil, errNoSocket
	}
	kind, err := nodejson.Text(c.params.At(0))
	if err != nil {
		return nil, err
	}
	if kind != "newHeads" {
		return nil, &fault{Code: codeInvalidRequest, Message: "Unsupported eth_subscribe method"}
	}
	random := make([]byte, 16)
	_, _ = rand.Read(random) // never fails
	name := "0x" + hex.EncodeToString(random)
	if !c.subs.add(name) {
		return nil, &fault{Code: codeInternal, Message: "too many subscriptions on this connection"}
	}
	return name, nil
}

func (s *Server) unsubscribe(_ context.Context, c call) (any, error) {
	if c.subs == nil {
		return nil, errNoSocket
	}
	name, err := nodejson.Text(c.params.At(0))
	if err != nil {
		return nil, err
	}
	return c.subs.remove(name), nil
}

// pushHeads tells the subscriptions of every block until ctx ends or the peer
// cannot be written to. The feed holds the newest head only: the blocks before it
// are told with it.
func (s *Server) pushHeads(ctx context.Context, ws *websocket.Conn, line faults.Line, subs *subscriptions) {
	commits := s.ledger.Subscribe()
	defer commits.Close()
	told := s.ledger.Head().Number
	for {
		select {
		case notice, open := <-commits.C():
			if !open {
				return
			}
			if notice.Reverted {
				told = min(told, notice.Kept)
			}
			for ; told < notice.Number; told++ {
				if s.pushHead(ctx, ws, line, subs, told+1) != nil {
					return
				}
			}
		case <-ctx.Done():
			return
		}
	}
}

func (s *Server) pushHead(ctx context.Context, ws *websocket.Conn, line faults.Line, subs *subscriptions, number uint64) error {
	names := subs.all()
	if len(names) == 0 {
		return nil
	}
	block, err := s.ledger.BlockByNumber(number)
	if errors.Is(err, devchain.ErrNotFound) {
		return nil // reverted meanwhile
	}
	if err != nil {
		return err
	}
	head := headerOf(block)
	if head.Size, err = s.sizeText(block); err != nil {
		return err
	}
	type params struct {
		Result       blockResult `json:"result"`
		Subscription string      `json:"subscription"`
	}
	for _, name := range names {
		text := encoded(struct {
			JSONRPC string `json:"jsonrpc"`
			Method  string `json:"method"`
			Params  params `json:"params"`
		}{"2.0", "eth_subscription", params{head, name}})
		message := s.cfg.Faults.Do(ctx, faults.Exchange{
			Point:  s.point(faults.BlockNotify),
			Line:   line,
			Serve:  func(context.Context) []byte { return text },
			Damage: faults.DamageText,
		})
		if message == nil {
			continue
		}
		if err := write(ctx, ws, message); err != nil {
			return err
		}
	}
	return nil
}
