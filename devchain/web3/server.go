package web3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/bcosgate/bcosgate/devchain"
	"github.com/bcosgate/bcosgate/devchain/faults"
	"github.com/bcosgate/bcosgate/devchain/logfilter"
	"github.com/bcosgate/bcosgate/devchain/nodehttp"
)

// The values of a node without settings.
const (
	DefaultBatchLimit = 8
	DefaultBodyLimit  = 10_240_000
)

// CORS are the headers that let browsers use the port (protocol §9.1).
type CORS struct {
	Origins     string
	Methods     string
	Headers     string
	MaxAge      int // seconds
	Credentials bool
}

// Config says what one port is and what it serves.
type Config struct {
	Ledger Ledger
	NodeID string // of the node, 128 lower-case hex digits
	// Peers is the number of nodes that are up, with the node itself.
	Peers func() int

	FilterTimeout time.Duration // how long a filter lives that nobody polls; 0 is logfilter.DefaultTimeout
	FilterBlocks  int64         // looked at in one answer; 0 is logfilter.DefaultBlocks
	BatchLimit    int           // requests in one message; 0 is DefaultBatchLimit
	BodyLimit     int64         // bytes of a message; 0 is DefaultBodyLimit. A longer one ends the connection
	CORS          *CORS         // nil sends no such headers
	// SyncTransaction answers eth_sendRawTransaction when the transaction is in a
	// block, and not at once.
	SyncTransaction bool

	// Faults are asked at every connection, message and push; nil has none. A fault
	// of one node is that of Name.
	Faults *faults.Set
	Name   string

	Logger *slog.Logger // nil: no log
}

// Validate lists everything that is wrong.
func (c Config) Validate() error {
	var errs []error
	if c.Ledger == nil {
		errs = append(errs, errors.New("no ledger"))
	}
	if _, err := devchain.ParseNodeID(c.NodeID); err != nil {
		errs = append(errs, err)
	}
	if c.FilterTimeout < 0 || c.FilterBlocks < 0 || c.BatchLimit < 0 || c.BodyLimit < 0 {
		errs = append(errs, errors.New("limits must not be negative"))
	}
	return errors.Join(errs...)
}

// Server is the Web3 port of a node.
type Server struct {
	cfg     Config
	ledger  Ledger
	log     *slog.Logger
	nodeKey [64]byte
	methods map[string]method
	filters *logfilter.Filters

	http   *http.Server
	base   context.Context // owned by Start and Stop
	cancel context.CancelFunc
	ending chan struct{}  // closed when Stop begins
	accept sync.WaitGroup // the accept loop and what follows the ledger

	mu       sync.Mutex
	stopping bool           // guarded by mu; no WebSocket may begin any more
	sessions sync.WaitGroup // WebSockets, added to under mu
}

// NewServer checks the configuration. It opens nothing; Start does.
func NewServer(cfg Config) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("web3 port: %w", err)
	}
	if cfg.BatchLimit == 0 {
		cfg.BatchLimit = DefaultBatchLimit
	}
	if cfg.BodyLimit == 0 {
		cfg.BodyLimit = DefaultBodyLimit
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Peers == nil {
		cfg.Peers = func() int { return 1 }
	}
	s := &Server{cfg: cfg, ledger: cfg.Ledger, log: cfg.Logger, ending: make(chan struct{})}
	s.nodeKey, _ = devchain.ParseNodeID(cfg.NodeID) // Validate has read it
	s.filters = logfilter.New(cfg.Ledger, logfilter.Config{Timeout: cfg.FilterTimeout, Blocks: cfg.FilterBlocks})
	s.methods = s.methodTable()
	return s, nil
}

// Start serves l until Stop and returns at once. The server closes l. It must be
// called once, after the ledger was started.
func (s *Server) Start(l net.Listener) {
	s.base, s.cancel = context.WithCancel(context.Background())
	s.http = &http.Server{
		Handler:           http.HandlerFunc(s.handle),
		BaseContext:       func(net.Listener) context.Context { return s.base },
		ConnContext:       faults.WithConn,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		ReadHeaderTimeout: time.Minute,
		IdleTimeout:       5 * time.Minute,
		MaxHeaderBytes:    64 << 10,
	}
	l = faults.Listener{Listener: l, Faults: s.cfg.Faults, Point: s.point("")}
	s.accept.Go(func() {
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("web3 port stopped accepting", "error", err)
		}
	})
	commits := s.ledger.Subscribe()
	s.accept.Go(func() {
		defer commits.Close()
		s.followReverts(commits.C())
	})
}

// followReverts keeps the filters true until the server stops.
func (s *Server) followReverts(commits <-chan devchain.Notice) {
	for {
		select {
		case notice, open := <-commits:
			if !open {
				return
			}
			if notice.Reverted {
				s.filters.Revert(notice.Kept)
			}
		case <-s.base.Done():
			return
		}
	}
}

// Stop closes the port, lets requests over HTTP finish and answers them, ends all
// WebSockets and waits for every goroutine. When ctx ends first, what is left is
// cut off, and the error says so; nothing runs any more in either case. The ledger
// must still be running, or waiting requests cannot finish. A server that was not
// started has nothing to stop.
func (s *Server) Stop(ctx context.Context) error {
	if s.http == nil {
		return nil
	}
	s.mu.Lock()
	if !s.stopping {
		close(s.ending)
	}
	s.stopping = true
	s.mu.Unlock()
	err := s.http.Shutdown(ctx) // WebSockets are not among its connections
	s.cancel()
	if err != nil {
		_ = s.http.Close()
		err = fmt.Errorf("web3 port: requests were cut off: %w", err)
	}
	s.sessions.Wait()
	s.accept.Wait()
	return err
}

// handle is the one handler of the port: neither path nor method are looked at.
func (s *Server) handle(w http.ResponseWriter, r *http.Request) {
	if nodehttp.IsUpgrade(r) {
		s.upgrade(w, r)
		return
	}
	s.writeHeaders(w.Header())
	if r.Method == http.MethodOptions {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	if r.ContentLength > s.cfg.BodyLimit {
		panic(http.ErrAbortHandler) // the connection is dropped without an answer, as a node does
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, s.cfg.BodyLimit+1))
	if err != nil || int64(len(body)) > s.cfg.BodyLimit {
		panic(http.ErrAbortHandler)
	}
	request := faults.NewHTTPRequest(connOf(r))
	request.Send(r.Context(), w, s.answer(r.Context(), body, nil, request, request.Damage), s.ending)
}

func (s *Server) writeHeaders(h http.Header) {
	h.Set("Server", nodehttp.ServerName)
	h.Set("Content-Type", "application/json")
	if cors := s.cfg.CORS; cors != nil {
		h.Set("Access-Control-Allow-Origin", cors.Origins)
		h.Set("Access-Control-Allow-Methods", cors.Methods)
		h.Set("Access-Control-Allow-Headers", cors.Headers)
		h.Set("Access-Control-Max-Age", strconv.Itoa(cors.MaxAge))
		h.Set("Access-Control-Allow-Credentials", strconv.FormatBool(cors.Credentials))
	}
}
