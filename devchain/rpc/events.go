package rpc

import (
	"context"
	"encoding/hex"
	"errors"
	"sync"

	"github.com/bcosgate/bcosgate/devchain"
	"github.com/bcosgate/bcosgate/devchain/faults"
)

// Statuses of event messages (protocol §7.2).
const (
	eventOK             = 0
	eventEnd            = 1
	eventInvalidParams  = -41000
	eventInvalidRequest = -41001
	eventNoGroup        = -41002
)

const (
	// eventBatch is how many blocks a subscription with toBlock 0 looks at.
	eventBatch = 10
	// maxSubscriptions of one session; more are refused with eventInvalidRequest.
	maxSubscriptions = 1000
)

// eventStatus is the payload of answers and of the completion.
type eventStatus struct {
	ID     string `json:"id"`
	Status int    `json:"status"`
}

// eventPush is the payload of a push: the matching logs of one block.
type eventPush struct {
	ID     string     `json:"id"`
	Result []eventLog `json:"result"`
	Status int        `json:"status"`
}

type eventLog struct {
	Address          string   `json:"address"` // without 0x
	BlockNumber      uint64   `json:"blockNumber"`
	Data             string   `json:"data"`
	LogIndex         int      `json:"logIndex"` // within the transaction
	Topics           []string `json:"topics"`
	TransactionHash  string   `json:"transactionHash"`
	TransactionIndex int      `json:"transactionIndex"`
}

// subscriptions are those of one session, by id. The zero value is ready.
type subscriptions struct {
	mu      sync.Mutex
	active  map[string]*subscription // guarded by mu
	stopped bool                     // guarded by mu; none may start any more
	owned   sync.WaitGroup           // added to under mu
}

type subscription struct{ cancel context.CancelFunc }

// add starts work as the subscription id. It reports false when there are too
// many; an id that is active already is left as it is.
func (s *subscriptions) add(ctx context.Context, id string, work func(context.Context)) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped || s.active[id] != nil {
		return true
	}
	if len(s.active) >= maxSubscriptions {
		return false
	}
	if s.active == nil {
		s.active = map[string]*subscription{}
	}
	ctx, cancel := context.WithCancel(ctx)
	sub := &subscription{cancel}
	s.active[id] = sub
	s.owned.Go(func() {
		defer cancel()
		work(ctx)
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.active[id] == sub { // not when it was removed and added anew
			delete(s.active, id)
		}
	})
	return true
}

// remove ends a subscription without waiting for it; an unknown id is no fault.
func (s *subscriptions) remove(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sub := s.active[id]; sub != nil {
		sub.cancel()
		delete(s.active, id)
	}
}

// stop ends all subscriptions and waits for them.
func (s *subscriptions) stop() {
	s.mu.Lock()
	s.stopped = true
	for _, sub := range s.active {
		sub.cancel()
	}
	s.mu.Unlock()
	s.owned.Wait()
}

// subscribe begins a subscription, which pushes nothing before answered is closed.
func (s *session) subscribe(f frame, answered <-chan struct{}) ([]byte, error) {
	r, ok := parseSubscribe(f.Payload)
	switch {
	case !ok:
		return reply(f, eventStatus{Status: eventInvalidParams})
	case r.group != s.server.genesis.GroupID:
		return reply(f, eventStatus{ID: r.id, Status: eventNoGroup})
	}
	added := s.events.add(s.ctx, r.id, func(ctx context.Context) {
		<-answered
		if err := s.follow(ctx, r); err != nil && ctx.Err() == nil {
			s.log.Warn("event subscription failed", "id", r.id, "error", err)
			s.cancel(err)
		}
	})
	if !added {
		return reply(f, eventStatus{ID: r.id, Status: eventInvalidRequest})
	}
	return reply(f, eventStatus{ID: r.id, Status: eventOK})
}

func (s *session) unsubscribe(f frame) ([]byte, error) {
	id, ok := parseUnsubscribe(f.Payload)
	if !ok {
		return reply(f, eventStatus{Status: eventInvalidParams})
	}
	s.events.remove(id)
	return reply(f, eventStatus{ID: id, Status: eventOK})
}

// follow pushes the logs of r block by block, first those of the past and then
// those of each new block, until the last block asked for or the end of ctx.
// A node pushes blocks of one batch in any order; here they come in theirs.
// When the ledger is reverted it goes on with the first block that is new.
func (s *session) follow(ctx context.Context, r eventRequest) error {
	reader := s.server.heads.reader()
	head := max(reader.head, s.server.ledger.Head().Number) // of blocks that are not announced yet
	next, lowest := head, uint64(0)
	if r.from > 0 {
		next, lowest = uint64(r.from), uint64(r.from)
	}
	var last uint64 // with ends: the last block to look at
	ends := r.to >= 0
	switch {
	case r.to == 0: // one batch, and no waiting
		last = min(head, next+eventBatch-1)
	case r.to > 0:
		last = uint64(r.to)
		if last < next {
			<-ctx.Done() // never pushes and never ends (protocol §7.1)
			return ctx.Err()
		}
	}
	for !ends || next <= last {
		if kept, reverted := reader.look(); reverted {
			next = max(lowest, min(next, kept+1))
		}
		if next > reader.head {
			if err := reader.wait(ctx); err != nil {
				return err
			}
			continue
		}
		logs, err := s.server.logs(next, &r.filter)
		if errors.Is(err, devchain.ErrNotFound) { // reverted, and the word is on its way
			if err := reader.wait(ctx); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		if len(logs) > 0 {
			if err := s.pushEvent(ctx, eventPush{ID: r.id, Result: logs, Status: eventOK}); err != nil {
				return err
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		next++
	}
	return s.pushEvent(ctx, eventStatus{ID: r.id, Status: eventEnd})
}

func (s *session) pushEvent(ctx context.Context, payload any) error {
	text, err := line(payload)
	if err != nil {
		return err
	}
	message := s.server.cfg.Faults.Do(ctx, faults.Exchange{
		Point:  s.server.point(faults.EventPush, faults.WebSocket),
		Line:   s.line(),
		Serve:  func(context.Context) []byte { return frame{Type: typeEventPush, Payload: text}.bytes() },
		Damage: damagedFrame,
	})
	if message == nil {
		return ctx.Err()
	}
	return s.push(ctx, message)
}

// logs are the logs of a block that a filter wants. Those of failed transactions
// are not held back: a node pushes them, too, when a receipt has any.
func (s *Server) logs(number uint64, filter *eventFilter) ([]eventLog, error) {
	receipts, err := s.ledger.Receipts(number)
	if err != nil {
		return nil, err
	}
	var logs []eventLog
	for i, receipt := range receipts {
		for k := range receipt.Logs {
			log := &receipt.Logs[k]
			if !filter.matches(log) {
				continue
			}
			logs = append(logs, eventLog{
				Address: hex.EncodeToString(log.Address[:]), BlockNumber: number, Data: hex0x(log.Data), LogIndex: k,
				Topics: topicTexts(log.Topics), TransactionHash: receipt.TxHash.Hex(), TransactionIndex: i,
			})
		}
	}
	return logs, nil
}
