package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// Bounds of the listener. There is none for the time of a whole answer, because
// reports stream for as long as they need; each piece of a stream has a deadline
// instead (see stream.go).
const (
	defaultReadHeaderTimeout = 10 * time.Second
	idleTimeout              = 2 * time.Minute
	maxHeaderBytes           = 32 << 10
)

// ServerConfig says where and how a Server listens.
type ServerConfig struct {
	Listen            string      // host:port; port 0 lets the system choose
	TLS               *tls.Config // nil listens without TLS
	Handler           http.Handler
	ReadHeaderTimeout time.Duration // 0 is 10 s
	Logger            *slog.Logger  // nil logs nothing
}

// Server is one HTTP listener with bounded headers and timeouts. Start and Stop
// are called once each.
type Server struct {
	cfg    ServerConfig
	http   *http.Server
	addr   net.Addr
	failed chan error
	cut    context.CancelFunc // ends the contexts of all requests
	wg     sync.WaitGroup     // the goroutine that accepts

	mu      sync.Mutex
	closed  bool
	running int
	idle    chan struct{} // closed when closed and nothing runs
}

// NewServer builds a server; nothing listens before Start.
func NewServer(cfg ServerConfig) *Server {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.ReadHeaderTimeout == 0 {
		cfg.ReadHeaderTimeout = defaultReadHeaderTimeout
	}
	base, cut := context.WithCancel(context.Background())
	s := &Server{cfg: cfg, failed: make(chan error, 1), cut: cut, idle: make(chan struct{})}
	s.http = &http.Server{
		Handler:           http.HandlerFunc(s.serve),
		TLSConfig:         cfg.TLS,
		ReadHeaderTimeout: cfg.ReadHeaderTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		BaseContext:       func(net.Listener) context.Context { return base },
		ErrorLog:          slog.NewLogLogger(cfg.Logger.Handler(), slog.LevelDebug),
	}
	return s
}

// Start listens and returns; requests are served until Stop. The error says
// what to do when the address is in use.
func (s *Server) Start(ctx context.Context) error {
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.cfg.Listen)
	if err != nil {
		return fmt.Errorf("listen on %s: %w (is another program using the port? choose another with --listen or http.listen)", s.cfg.Listen, err)
	}
	s.addr = ln.Addr()
	s.wg.Go(func() {
		var err error
		if s.cfg.TLS != nil {
			err = s.http.ServeTLS(ln, "", "")
		} else {
			err = s.http.Serve(ln)
		}
		if !errors.Is(err, http.ErrServerClosed) {
			s.failed <- fmt.Errorf("listener %s: %w", ln.Addr(), err)
		}
	})
	return nil
}

// Addr is where the server listens, with the real port; nil before Start.
func (s *Server) Addr() net.Addr { return s.addr }

// URL is the base address for clients on this machine, after Start.
func (s *Server) URL() string {
	scheme := "http"
	if s.cfg.TLS != nil {
		scheme = "https"
	}
	host, port, _ := net.SplitHostPort(s.addr.String())
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}

// Failed yields one error when the listener dies before Stop.
func (s *Server) Failed() <-chan error { return s.failed }

// Stop takes no new connection and waits for the requests in flight. When ctx
// ends first, their connections are cut and their contexts ended, and the error
// says so. No handler runs any more when it returns. It may be called without
// Start.
func (s *Server) Stop(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(fmt.Errorf("requests in flight were cut off: %w", err), s.http.Close())
	}
	s.cut()
	s.wg.Wait()
	s.mu.Lock()
	s.closed = true
	if s.running == 0 {
		close(s.idle)
	}
	s.mu.Unlock()
	<-s.idle
	return err
}

// serve counts the handlers that run, because net/http does not wait for those
// whose connections it cuts.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		panic(http.ErrAbortHandler)
	}
	s.running++
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.running--
		if s.closed && s.running == 0 {
			close(s.idle)
		}
	}()
	s.cfg.Handler.ServeHTTP(w, r)
}
