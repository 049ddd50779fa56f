package rpc

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/bcosgate/bcosgate/devchain"
	"github.com/bcosgate/bcosgate/devchain/faults"
	"github.com/bcosgate/bcosgate/devchain/logfilter"
	"github.com/bcosgate/bcosgate/devchain/nodehttp"
)

// Node is how a node appears to clients.
type Node struct {
	ID          string // 128 lower-case hex digits; also its name in notices and in the handshake
	P2PID       string // hex of the DER of its TLS public key; only shown
	P2PEndpoint string // host:port; only shown
}

// Config says what the endpoint is and what it serves.
type Config struct {
	Ledger  Ledger
	Node    Node
	Network Network // nil: this node makes all blocks and there is no other
	// Neighbors have clients of other nodes for AMOP; nil: only clients of this node
	// take part.
	Neighbors Neighbors

	// TLS is the configuration of the port; nil makes it plain.
	TLS *tls.Config
	// ReturnInputParams echoes input and extraData in answers of sendTransaction.
	ReturnInputParams bool

	// A filter that nobody polls for FilterTimeout is forgotten; 0 is 5 minutes. One
	// answer looks at FilterBlocks blocks at most; 0 is 10.
	FilterTimeout time.Duration
	FilterBlocks  int64
	// Clock tells how old a filter is; nil is time.Now.
	Clock func() time.Time

	// AMOPWait is what a subscriber has to answer an AMOP request; 0 is 30 s.
	AMOPWait time.Duration

	// A silent WebSocket peer is pinged after PingAfter and given up after
	// CloseAfter; 0 is 5 s and 10 s, as a node has it.
	PingAfter, CloseAfter time.Duration
	// WriteTimeout is how long a WebSocket peer may take to accept one message
	// before it is given up; 0 is 30 s.
	WriteTimeout time.Duration

	// Faults are asked at every connection, request and push; nil has none. A
	// fault of one node is that of Name.
	Faults *faults.Set
	Name   string

	Logger *slog.Logger // nil: no log
}

// Validate lists everything that is missing.
func (c Config) Validate() error {
	var errs []error
	if c.Ledger == nil {
		errs = append(errs, errors.New("no ledger"))
	}
	if _, err := devchain.ParseNodeID(c.Node.ID); err != nil {
		errs = append(errs, err)
	}
	if c.PingAfter < 0 || c.CloseAfter < 0 || c.CloseAfter > 0 && c.CloseAfter <= c.PingAfter {
		errs = append(errs, errors.New("the time of silence before a close must be longer than that before a ping"))
	}
	if c.FilterTimeout < 0 || c.FilterBlocks < 0 {
		errs = append(errs, errors.New("the life of a filter and the blocks in one answer must be positive"))
	}
	if c.WriteTimeout < 0 {
		errs = append(errs, errors.New("the time to accept a message must be positive"))
	}
	return errors.Join(errs...)
}

// Server is the endpoint of a node: its port for clients.
type Server struct {
	cfg     Config
	ledger  Ledger
	genesis devchain.Genesis
	log     *slog.Logger
	methods map[string]method
	filters map[string]*logfilter.Filters // by the name of the group

	dataVersion uint32 // compatibility version as a number
	heads       *heads
	amop        amop

	http     *http.Server
	listener net.Listener
	cancel   context.CancelFunc // ends every session and request at once
	base     context.Context    // owned by Start and Stop
	ending   chan struct{}      // closed when Stop begins
	owned    sync.WaitGroup     // the accept loop and the notifier
	stopOnce sync.Once

	mu       sync.Mutex
	sessions map[*session]struct{} // guarded by mu
	fresh    map[net.Conn]struct{} // guarded by mu; connections without a first request
	stopping bool                  // guarded by mu; nothing may begin any more
	running  sync.WaitGroup        // sessions and HTTP requests, added to under mu
}

// NewServer checks the configuration. It opens nothing; Start does.
func NewServer(cfg Config) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("rpc endpoint: %w", err)
	}
	if cfg.PingAfter == 0 {
		cfg.PingAfter = 5 * time.Second
	}
	if cfg.CloseAfter == 0 {
		cfg.CloseAfter = max(10*time.Second, 2*cfg.PingAfter)
	}
	if cfg.AMOPWait <= 0 {
		cfg.AMOPWait = 30 * time.Second
	}
	if cfg.WriteTimeout == 0 {
		cfg.WriteTimeout = 30 * time.Second
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{cfg: cfg, ledger: cfg.Ledger, genesis: cfg.Ledger.Genesis(), log: cfg.Logger,
		ending: make(chan struct{}), sessions: map[*session]struct{}{}, fresh: map[net.Conn]struct{}{}}
	block0, err := s.genesis.Block()
	if err != nil {
		return nil, fmt.Errorf("rpc endpoint: %w", err)
	}
	s.dataVersion = block0.Version
	s.amop.others, s.amop.wait = cfg.Neighbors, cfg.AMOPWait
	if s.cfg.Network == nil {
		s.cfg.Network = alone{s}
	}
	s.methods, s.filters = s.methodTable(), s.newFilters()
	return s, nil
}

// Start serves l until Stop and returns at once. The server closes l. It must be
// called once, after the ledger was started.
func (s *Server) Start(l net.Listener) {
	s.base, s.cancel = context.WithCancel(context.Background())
	commits := s.ledger.Subscribe()
	s.heads = newHeads(s.ledger.Head().Number)

	s.listener = activityListener{faults.Listener{Listener: l, Faults: s.cfg.Faults, Point: s.point("", "")}}
	if s.cfg.TLS != nil {
		s.listener = tls.NewListener(s.listener, s.cfg.TLS)
	}
	s.http = &http.Server{
		Handler:     http.HandlerFunc(s.serve),
		BaseContext: func(net.Listener) context.Context { return s.base },
		ConnContext: faults.WithConn,
		ConnState:   s.noteFresh,
		ErrorLog:    slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		// A node waits longer than 45 s for the first byte; after a minute there
		// is nobody. Between requests a client may pool its connection.
		ReadHeaderTimeout: time.Minute,
		IdleTimeout:       5 * time.Minute,
		MaxHeaderBytes:    64 << 10,
	}
	s.owned.Go(func() {
		if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("endpoint stopped accepting", "error", err)
		}
	})
	s.owned.Go(func() {
		defer commits.Close()
		s.notify(commits.C())
	})
}

// Stop closes the port, lets requests in work finish and answers them, closes
// all connections and waits for every goroutine. When ctx ends first, what is
// left is cut off, and the error says so; nothing runs any more in either case.
// The ledger must still be running, or waiting requests cannot finish. A server
// that was not started has nothing to stop.
func (s *Server) Stop(ctx context.Context) error {
	if s.http == nil {
		return nil
	}
	var err error
	s.stopOnce.Do(func() { err = s.stop(ctx) })
	return err
}

func (s *Server) stop(ctx context.Context) error {
	close(s.ending)
	s.mu.Lock()
	s.stopping = true
	var draining sync.WaitGroup
	for session := range s.sessions {
		draining.Go(func() { session.drain(ctx) })
	}
	for c := range s.fresh { // Shutdown would give them five seconds
		_ = c.Close()
	}
	s.mu.Unlock()

	err := s.http.Shutdown(ctx) // closes the port; WebSockets are not among its connections
	draining.Wait()
	ended := make(chan struct{})
	go func() {
		s.running.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-ctx.Done():
		err = errors.Join(err, ctx.Err())
	}
	s.cancel()
	_ = s.http.Close()
	<-ended
	s.owned.Wait()
	if err != nil {
		return fmt.Errorf("rpc endpoint: requests were cut off: %w", err)
	}
	return nil
}

// noteFresh keeps the connections on which nothing has been asked yet, so that
// Stop need not wait for them.
func (s *Server) noteFresh(c net.Conn, state http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if state != http.StateNew {
		delete(s.fresh, c)
		return
	}
	s.fresh[c] = struct{}{}
	if s.stopping {
		_ = c.Close()
	}
}

// begin counts a request or a session, with nil for a request, among what Stop
// waits for; false means that it comes too late. end must follow.
func (s *Server) begin(session *session) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		return false
	}
	if session != nil {
		s.sessions[session] = struct{}{}
	}
	s.running.Add(1)
	return true
}

func (s *Server) end(session *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, session)
	s.running.Done()
}

// serve is the one handler of the port (protocol §1.1): the path is not looked at.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	if nodehttp.IsUpgrade(r) {
		s.serveWebSocket(w, r)
		return
	}
	if !s.begin(nil) {
		panic(http.ErrAbortHandler) // as if the port had been closed already
	}
	defer s.end(nil)
	h := w.Header()
	h.Set("Server", nodehttp.ServerName)
	h.Set("Content-Type", "application/json")
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Allow-Methods", "GET, POST, OPTIONS")
	h.Set("Access-Control-Allow-Headers", "Content-Type, Authorization, X-Requested-With")
	h.Set("Access-Control-Max-Age", "86400")
	h.Set("Access-Control-Allow-Credentials", "true")
	if r.Method == http.MethodOptions {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	if r.ContentLength > maxMessage {
		panic(http.ErrAbortHandler) // the connection is dropped without an answer, as a node does
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxMessage+1))
	if err != nil || len(body) > maxMessage {
		panic(http.ErrAbortHandler)
	}
	request := faults.NewHTTPRequest(connOf(r).Conn)
	request.Send(r.Context(), w, s.answer(r.Context(), body, overHTTP(request)), s.ending)
}

// connOf is the connection of a request.
func connOf(r *http.Request) *activityConn {
	c, _ := faults.ConnOf(r.Context()).(*activityConn) // the listener gives no other
	return c
}

func (s *Server) serveWebSocket(w http.ResponseWriter, r *http.Request) {
	ws, err := nodehttp.Upgrade(w, r)
	if err != nil {
		s.log.Debug("upgrade refused", "peer", r.RemoteAddr, "error", err)
		return
	}
	session := newSession(s.base, s, ws, connOf(r))
	if !s.begin(session) {
		session.cancel(nil)
		_ = ws.CloseNow()
		return
	}
	defer s.end(session)
	session.run()
}

// notify tells every session of every block, and wakes the subscriptions. It
// ends with the server. The feed holds the newest notice only: the blocks before it
// are announced with it. After a revert the blocks have the numbers of those that
// are gone.
func (s *Server) notify(commits <-chan devchain.Notice) {
	announced := s.heads.reader().head
	for {
		select {
		case notice, open := <-commits:
			if !open {
				return
			}
			if notice.Reverted {
				announced = min(announced, notice.Kept)
				s.heads.revert(announced)
				for _, filters := range s.filters {
					filters.Revert(announced)
				}
			}
			for announced < notice.Number {
				announced++
				s.announce(announced)
			}
			s.heads.advance(notice.Number)
		case <-s.base.Done():
			return
		}
	}
}

// announce sends a BLOCK_NOTIFY to every session. It never blocks.
func (s *Server) announce(number uint64) {
	data := s.blockNotice(number)
	s.mu.Lock()
	defer s.mu.Unlock()
	for session := range s.sessions {
		session.notice(data, number)
	}
}

// blockNotice is a BLOCK_NOTIFY in the layout of a node (protocol §2.4).
func (s *Server) blockNotice(number uint64) []byte {
	payload := fmt.Sprintf("{\n\t\"blockNumber\" : %d,\n\t\"group\" : %q,\n\t\"nodeName\" : %q\n}\n", number, s.genesis.GroupID, s.cfg.Node.ID)
	return frame{Type: typeBlockNotify, Payload: []byte(payload)}.bytes()
}
