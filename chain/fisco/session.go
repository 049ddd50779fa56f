package fisco

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/fisco/result"
)

const opSession = "session"

// SessionConfig says how a Session is kept up.
type SessionConfig struct {
	DialConfig

	// After the connection ended, or a dial failed n times in a row, the next dial
	// waits a random time below BackoffMin · 2ⁿ, and below BackoffMax at most.
	BackoffMin time.Duration // 0 is 200 ms
	BackoffMax time.Duration // 0 is 10 s

	// BlockLimitWindow is the chain's own: [chain] block_limit of its genesis, 1 to
	// 5000. A node tells it to nobody. 0 is 1000, the default of genesis files.
	BlockLimitWindow uint64
	// StaleAfter is for how long the head may not have been heard of by push, answer
	// or poll before BlockLimit refuses. 0 is three heartbeats and ReadTimeout, within
	// which a poll has come back from any node that answers.
	StaleAfter time.Duration

	// OnState is told each time the connection is up or has ended, and of each dial
	// that failed; err says why it is not up. It must return soon and not close the
	// session.
	OnState func(up bool, err error)
}

func (c *SessionConfig) setDefaults() {
	c.DialConfig.setDefaults()
	if c.BackoffMin <= 0 {
		c.BackoffMin = 200 * time.Millisecond
	}
	if c.BackoffMax <= 0 {
		c.BackoffMax = 10 * time.Second
	}
	if c.BlockLimitWindow == 0 {
		c.BlockLimitWindow = 1000
	}
	if c.StaleAfter <= 0 {
		c.StaleAfter = 3*c.Heartbeat + c.ReadTimeout
	}
	if c.OnState == nil {
		c.OnState = func(bool, error) {}
	}
}

// Session keeps one connection to one node: when it ends another is dialed,
// until Close. Event subscriptions and topics go on over the new one. All methods
// are safe for concurrent use.
type Session struct {
	cfg   SessionConfig
	log   *slog.Logger
	life  context.Context // ends with Close
	stop  context.CancelFunc
	owned owner

	mu      sync.Mutex
	client  *Client       // the newest; it may have ended
	next    chan struct{} // closed when there is a newer one
	why     error         // of the last dial that failed since
	topics  []string
	window  uint64
	dropped uint64 // AMOP messages, by clients that ended
}

// OpenSession dials the node and keeps the connection up from then on. It fails,
// as Dial does, when the first dial fails: nothing is running then. Close must be
// called.
func OpenSession(ctx context.Context, cfg SessionConfig) (*Session, error) {
	cfg.setDefaults()
	if cfg.BlockLimitWindow > maxBlockLimitWindow {
		return nil, &chain.Error{Kind: chain.KindInvalid, Sent: chain.SentNo, Op: opSession,
			Msg: fmt.Sprintf("the block limit window is %d, not 1 to %d", cfg.BlockLimitWindow, maxBlockLimitWindow)}
	}
	c, err := Dial(ctx, cfg.DialConfig)
	if err != nil {
		return nil, err
	}
	s := &Session{cfg: cfg, log: cfg.Logger.With("node", cfg.Address), client: c, next: make(chan struct{}), window: cfg.BlockLimitWindow}
	s.life, s.stop = context.WithCancel(context.Background())
	s.owned.start(func() { s.run(c) })
	return s, nil
}

// Close ends the connection and all subscriptions, and waits for everything that
// was started. It may be called more than once; the error is always nil.
func (s *Session) Close() error {
	s.stop()
	s.owned.wait()
	return nil
}

// run goes from client to client.
func (s *Session) run(c *Client) {
	wait := backoff{lowest: s.cfg.BackoffMin, highest: s.cfg.BackoffMax}
	for c != nil {
		began := time.Now()
		s.cfg.OnState(true, nil)
		select {
		case <-c.Done():
		case <-s.life.Done():
			_ = c.Close()
			return
		}
		s.log.Info("connection ended", "error", c.Err())
		s.cfg.OnState(false, c.gone(opSession))
		ended := c // c is the next one soon
		if !s.owned.start(func() { s.bury(ended) }) {
			s.bury(ended) // the session is being closed
		}
		if time.Since(began) >= s.cfg.BackoffMax { // a node that hangs up at once gets no rest otherwise
			wait.failures = 0
		}
		c = s.redial(&wait)
	}
}

// bury waits for what a client that ended has still running, which must not keep
// the next one from coming.
func (s *Session) bury(c *Client) {
	_ = c.Close()
	s.mu.Lock()
	s.dropped += c.AMOPDropped()
	s.mu.Unlock()
}

// redial dials until it works; nil after Close.
func (s *Session) redial(wait *backoff) *Client {
	for {
		select {
		case <-time.After(wait.next()):
		case <-s.life.Done():
			return nil
		}
		c, err := Dial(s.life, s.cfg.DialConfig)
		if err == nil {
			s.put(c)
			return c
		}
		if s.life.Err() != nil {
			return nil
		}
		s.log.Debug("dialing failed", "error", err)
		s.mu.Lock()
		s.why = err
		s.mu.Unlock()
		s.cfg.OnState(false, err)
	}
}

// put makes c the client of the session, and a subscriber of the topics.
func (s *Session) put(c *Client) {
	s.mu.Lock()
	s.client, s.why = c, nil
	close(s.next)
	s.next = make(chan struct{})
	topics := slices.Clone(s.topics)
	s.mu.Unlock()
	for some := range slices.Chunk(topics, maxAMOPTopics) {
		if err := c.SubscribeTopics(s.life, some...); err != nil {
			s.log.Debug("subscribing topics again failed", "error", err)
			return // it broke again, or the session was closed
		}
	}
}

// backoff is the wait between dials: exponential, with full jitter.
type backoff struct {
	lowest, highest time.Duration
	failures        int
}

func (b *backoff) next() time.Duration {
	limit := b.highest
	if b.failures < 32 {
		limit = min(limit, b.lowest<<b.failures)
	}
	b.failures++
	return rand.N(max(limit, 1))
}

// Client gives the client that is up, and waits for one as long as ctx allows.
// It belongs to the session; closing it makes the session dial again. The error
// is KindUnavailable, or KindCanceled when the caller or Close gave up.
func (s *Session) Client(ctx context.Context) (*Client, error) {
	for {
		if s.life.Err() != nil {
			return nil, closedError(opSession)
		}
		s.mu.Lock()
		c, next := s.client, s.next
		s.mu.Unlock()
		if c.broken() == nil {
			return c, nil
		}
		select {
		case <-next:
		case <-s.life.Done():
		case <-ctx.Done():
			return nil, s.down(ctx, c)
		}
	}
}

// down is the error of a wait for a client after c.
func (s *Session) down(ctx context.Context, c *Client) error {
	s.mu.Lock()
	why := s.why
	s.mu.Unlock()
	if why == nil {
		why = c.Err()
	}
	e := &chain.Error{Kind: chain.KindUnavailable, Sent: chain.SentNo, Op: opSession, Node: s.cfg.Address, Msg: "no connection", Err: why}
	if errors.Is(ctx.Err(), context.Canceled) {
		e.Kind = chain.KindCanceled
	}
	return e
}

// current is the newest client, which may have ended.
func (s *Session) current() *Client {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.client
}

// Head is Client.Head of the client that is up. It never waits.
func (s *Session) Head(ctx context.Context) (chain.Head, error) { return s.current().Head(ctx) }

// Group is what the node said last of the group.
func (s *Session) Group() result.GroupInfo { return s.current().Group() }

// Subscribe subscribes to events. The subscription survives the end of
// connections without gap or duplicate, until Close of it or of the session. It
// waits for a connection and for the node to accept; ctx bounds only that.
func (s *Session) Subscribe(ctx context.Context, filter EventFilter) (*Subscription, error) {
	return subscribe(ctx, s.life, &s.owned, filter, s.Client)
}

// SubscribeTopics is Client.SubscribeTopics, now and after each dial. Without a
// connection it is left for the next one.
func (s *Session) SubscribeTopics(ctx context.Context, topics ...string) error {
	if _, err := topicsPayload(topics); err != nil {
		return err
	}
	s.mu.Lock()
	for _, topic := range topics {
		if !slices.Contains(s.topics, topic) {
			s.topics = append(s.topics, topic)
		}
	}
	c := s.client
	s.mu.Unlock()
	err := c.SubscribeTopics(ctx, topics...)
	if err != nil && c.broken() != nil {
		return nil
	}
	return err
}

// Publish is Client.Publish on the client that is up; it waits for one.
func (s *Session) Publish(ctx context.Context, topic string, data []byte) ([]byte, error) {
	c, err := s.Client(ctx)
	if err != nil {
		return nil, err
	}
	return c.Publish(ctx, topic, data)
}

// Broadcast is Client.Broadcast on the client that is up; it waits for one.
func (s *Session) Broadcast(ctx context.Context, topic string, data []byte) error {
	c, err := s.Client(ctx)
	if err != nil {
		return err
	}
	return c.Broadcast(ctx, topic, data)
}

// AMOPDropped is Client.AMOPDropped of all clients of the session.
func (s *Session) AMOPDropped() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dropped + s.client.AMOPDropped()
}
