package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/bcosgate/bcosgate/devchain"
	"github.com/bcosgate/bcosgate/devchain/faults"
)

// Ledger is what can be done to a chain; *devchain.Chain is one.
type Ledger interface {
	Genesis() devchain.Genesis
	Head() devchain.Head
	PendingCount() int
	Sealing() bool
	SetSealing(ctx context.Context, on bool) error
	Mine(ctx context.Context) (devchain.Head, error)
	MineBlocks(ctx context.Context, n int) (devchain.Head, error)
	Snapshots() []devchain.Snapshot
	TakeSnapshot(ctx context.Context, name string) (devchain.Snapshot, error)
	Revert(ctx context.Context, name string) (devchain.Head, error)
	DeleteSnapshot(ctx context.Context, name string) error
}

// Config says what an endpoint controls. All members but Logger must be set.
type Config struct {
	Ledger Ledger
	Faults *faults.Set
	Clock  *Clock
	Nodes  []string // the names of the nodes of the process
	// Anywhere answers also when the endpoint was asked for by another name than
	// that of this machine's loopback, as for Listen.
	Anywhere bool
	Logger   *slog.Logger // nil: no log
}

// Bounds of requests.
const (
	maxBody   = 64 << 10
	maxBlocks = 100_000
)

// Server is a control endpoint.
type Server struct {
	cfg      Config
	http     *http.Server
	unix     bool
	stopOnce sync.Once
	owned    sync.WaitGroup // the accept loop
}

// NewServer makes an endpoint. It opens nothing; Start does.
func NewServer(cfg Config) *Server {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Server{cfg: cfg}
}

// Start serves l until Stop and returns at once. The server closes l. It must be
// called once.
func (s *Server) Start(l net.Listener) {
	s.unix = l.Addr().Network() == "unix"
	s.http = &http.Server{
		Handler:           s.guard(s.routes()),
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          slog.NewLogLogger(s.cfg.Logger.Handler(), slog.LevelDebug),
	}
	s.owned.Go(func() {
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.cfg.Logger.Error("control endpoint stopped accepting", "error", err)
		}
	})
}

// Stop closes the port and waits for the requests in work; when ctx ends first it
// cuts them off, and the error says so. A server that was not started has nothing
// to stop.
func (s *Server) Stop(ctx context.Context) error {
	if s.http == nil {
		return nil
	}
	var err error
	s.stopOnce.Do(func() {
		if err = s.http.Shutdown(ctx); err != nil {
			err = errors.Join(fmt.Errorf("control endpoint: requests were cut off: %w", err), s.http.Close())
		}
		s.owned.Wait()
	})
	return err
}

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, h func(r *http.Request) (any, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			r.Body = http.MaxBytesReader(w, r.Body, maxBody)
			answer, err := h(r)
			s.write(w, r, answer, err)
		})
	}
	handle("GET /v1/status", func(*http.Request) (any, error) { return s.status(), nil })
	handle("GET /v1/faults", func(*http.Request) (any, error) { return s.cfg.Faults.List(), nil })
	handle("POST /v1/faults", s.addFault)
	handle("DELETE /v1/faults", func(*http.Request) (any, error) { return clearAnswer{s.cfg.Faults.Clear()}, nil })
	handle("DELETE /v1/faults/{id}", s.removeFault)
	handle("GET /v1/snapshots", s.listSnapshots)
	handle("POST /v1/snapshots", s.takeSnapshot)
	handle("DELETE /v1/snapshots/{name}", s.deleteSnapshot)
	handle("POST /v1/snapshots/{name}/revert", s.revert)
	handle("POST /v1/mine", s.mine)
	handle("PUT /v1/sealing", s.setSealing)
	handle("GET /v1/time", func(*http.Request) (any, error) { return s.cfg.Clock.Time(), nil })
	handle("POST /v1/time", s.changeTime)
	handle("/", func(r *http.Request) (any, error) {
		return nil, &Error{NotFound, "there is no " + r.Method + " " + r.URL.Path}
	})
	return mux
}

// guard keeps web pages out, which a browser on this machine lets ask any loopback
// port: they come by another name, or with a body of a simple type.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
		switch {
		case !s.unix && !s.cfg.Anywhere && !isLoopback(host):
			s.write(w, r, nil, &Error{Invalid, "the endpoint is for this machine: ask it as localhost"})
		case (r.Method == http.MethodPost || r.Method == http.MethodPut) && kind != "application/json":
			s.write(w, r, nil, &Error{Invalid, "Content-Type must be application/json"})
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func (s *Server) write(w http.ResponseWriter, r *http.Request, answer any, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		failure := errorOf(err)
		s.cfg.Logger.Info("control request failed", "method", r.Method, "path", r.URL.Path, "error", failure.Message)
		w.WriteHeader(statusOf(failure.Kind))
		_, _ = w.Write(text(failure)) // a client that left needs no answer
		return
	}
	if r.Method != http.MethodGet {
		s.cfg.Logger.Info("control request", "method", r.Method, "path", r.URL.Path)
	}
	_, _ = w.Write(text(answer))
}

func errorOf(err error) *Error {
	var worded *Error
	if errors.As(err, &worded) {
		return worded
	}
	kind := Internal
	switch {
	case errors.Is(err, devchain.ErrNotFound), errors.Is(err, faults.ErrNotFound):
		kind = NotFound
	case errors.Is(err, devchain.ErrSnapshotName):
		kind = Invalid
	case errors.Is(err, devchain.ErrSnapshotExists), errors.Is(err, devchain.ErrSnapshots), errors.Is(err, devchain.ErrAgreed),
		errors.Is(err, faults.ErrTooMany):
		kind = Conflict
	case errors.Is(err, devchain.ErrStopped):
		kind = Stopped
	}
	return &Error{kind, err.Error()}
}

func statusOf(kind Kind) int {
	switch kind {
	case Invalid:
		return http.StatusBadRequest
	case NotFound:
		return http.StatusNotFound
	case Conflict:
		return http.StatusConflict
	case Stopped:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

func read[T any](r *http.Request) (T, error) {
	var body T
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	err := d.Decode(&body)
	if err == nil && d.More() {
		err = errors.New("something follows it")
	}
	if err != nil && !errors.Is(err, io.EOF) { // no body is an empty one
		return body, &Error{Invalid, "the body cannot be read: " + err.Error()}
	}
	return body, nil
}

func (s *Server) status() Status {
	genesis := s.cfg.Ledger.Genesis()
	active := 0
	for _, f := range s.cfg.Faults.List() {
		if !f.Spent() {
			active++
		}
	}
	return Status{
		ChainID: genesis.ChainID, GroupID: genesis.GroupID, Nodes: s.cfg.Nodes, Block: blockOf(s.cfg.Ledger.Head()),
		Pending: s.cfg.Ledger.PendingCount(), Sealing: s.cfg.Ledger.Sealing(), Time: s.cfg.Clock.Time(),
		Faults: active, Snapshots: len(s.cfg.Ledger.Snapshots()),
	}
}

func (s *Server) addFault(r *http.Request) (any, error) {
	f, err := read[faults.Fault](r)
	if err != nil {
		return nil, err
	}
	if f.Node != "" && !slices.Contains(s.cfg.Nodes, f.Node) {
		return nil, &Error{Invalid, fmt.Sprintf("this process has no node %q, but %q", f.Node, s.cfg.Nodes)}
	}
	if err := f.Validate(); err != nil {
		return nil, &Error{Invalid, err.Error()}
	}
	return s.cfg.Faults.Add(f)
}

func (s *Server) removeFault(r *http.Request) (any, error) {
	id, err := strconv.Atoi(r.PathValue("id"))
	if err != nil {
		return nil, &Error{Invalid, "a fault is named by its number"}
	}
	return s.cfg.Faults.Remove(id)
}

func (s *Server) listSnapshots(*http.Request) (any, error) {
	list := []Snapshot{}
	for _, one := range s.cfg.Ledger.Snapshots() {
		list = append(list, snapshotOf(one))
	}
	return list, nil
}

func (s *Server) takeSnapshot(r *http.Request) (any, error) {
	body, err := read[snapshotRequest](r)
	if err != nil {
		return nil, err
	}
	taken, err := s.cfg.Ledger.TakeSnapshot(r.Context(), body.Name)
	return snapshotOf(taken), err
}

func (s *Server) deleteSnapshot(r *http.Request) (any, error) {
	return struct{}{}, s.cfg.Ledger.DeleteSnapshot(r.Context(), r.PathValue("name"))
}

func (s *Server) revert(r *http.Request) (any, error) {
	head, err := s.cfg.Ledger.Revert(r.Context(), r.PathValue("name"))
	return blockOf(head), err
}

func (s *Server) mine(r *http.Request) (any, error) {
	body, err := read[mineRequest](r)
	if err != nil {
		return nil, err
	}
	var head devchain.Head
	switch n := body.Blocks; {
	case n < 0 || n > maxBlocks:
		return nil, &Error{Invalid, fmt.Sprintf("blocks must be between 0 and %d", maxBlocks)}
	case n == 0:
		head, err = s.cfg.Ledger.Mine(r.Context())
	default:
		head, err = s.cfg.Ledger.MineBlocks(r.Context(), n)
	}
	return blockOf(head), err
}

func (s *Server) setSealing(r *http.Request) (any, error) {
	body, err := read[sealingRequest](r)
	if err != nil {
		return nil, err
	}
	return body, s.cfg.Ledger.SetSealing(r.Context(), body.On)
}

func (s *Server) changeTime(r *http.Request) (any, error) {
	change, err := read[TimeChange](r)
	if err != nil {
		return nil, err
	}
	if err := s.cfg.Clock.Change(change); err != nil {
		return nil, err
	}
	return s.cfg.Clock.Time(), nil
}
