package gateway

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"
	"golang.org/x/sync/semaphore"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/gateway/uploads"
)

// Defaults of Config.
const (
	DefaultBodyLimit   = 8 << 20
	DefaultMaxRequests = 512
)

// fullBodies is how many JSON bodies of the largest size may be in memory at
// once, as read; parsed they take several times as much.
const fullBodies = 2

// Config is what a Gateway is built from.
type Config struct {
	Version     string // of the program, for the OpenAPI document and the metrics
	Engine      Engine
	Reports     Reports
	Auditor     Auditor
	Planner     Planner
	Targets     []Target
	Tokens      []Token        // empty asks nobody for a token
	BodyLimit   int64          // bytes of a JSON body; 0 is DefaultBodyLimit
	RowsLimit   int64          // bytes of streamed rows, packed and unpacked; 0 is no limit, because rows need no memory
	Uploads     *uploads.Store // nil takes rows in one request only, and no Parquet
	MaxRequests int            // requests at once, more get 429; 0 is DefaultMaxRequests
	Metrics     *Metrics       // nil makes its own
	Logger      *slog.Logger   // nil logs nothing
}

// Validate lists every problem of the configuration.
func (c Config) Validate() error {
	var problems []error
	if c.Engine == nil {
		problems = append(problems, errors.New("there is no engine"))
	}
	if c.Reports == nil {
		problems = append(problems, errors.New("nothing writes reports"))
	}
	if c.Auditor == nil {
		problems = append(problems, errors.New("there is no auditor"))
	}
	if c.Planner == nil {
		problems = append(problems, errors.New("nothing makes plans"))
	}
	if len(c.Targets) == 0 {
		problems = append(problems, errors.New("there is no target"))
	}
	seen := map[string]bool{}
	for i, t := range c.Targets {
		switch {
		case t.Info.Name == "":
			problems = append(problems, fmt.Errorf("target %d has no name", i))
		case seen[t.Info.Name]:
			problems = append(problems, fmt.Errorf("there are two targets %q", t.Info.Name))
		case t.Chain == nil || t.Nodes == nil:
			problems = append(problems, fmt.Errorf("target %q has no connections", t.Info.Name))
		}
		seen[t.Info.Name] = true
	}
	if c.BodyLimit < 0 || c.RowsLimit < 0 || c.MaxRequests < 0 {
		problems = append(problems, errors.New("a limit is negative"))
	}
	return errors.Join(problems...)
}

// Gateway is the HTTP API as an http.Handler. It owns no goroutines and is safe
// for concurrent use.
type Gateway struct {
	cfg         Config
	log         *slog.Logger
	router      *gin.Engine
	api         huma.API
	metrics     *Metrics
	chainRules  map[chain.Kind]chainRule
	crossOrigin *http.CrossOriginProtection
	slots       chan struct{}
	bodies      *semaphore.Weighted // bytes of JSON bodies in memory
	streaming   map[string]bool     // method and gin path of routes whose body streams

	drainOnce sync.Once
	drain     chan struct{} // closed while the gateway stops

	openapi []byte // the document, written once
	docs    []byte // the page, written once
}

// New builds the handler with all its routes.
func New(cfg Config) (*Gateway, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	if cfg.BodyLimit == 0 {
		cfg.BodyLimit = DefaultBodyLimit
	}
	if cfg.MaxRequests == 0 {
		cfg.MaxRequests = DefaultMaxRequests
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Metrics == nil {
		cfg.Metrics = NewMetrics(cfg.Version)
	}
	gin.SetMode(gin.ReleaseMode) // gin has no other way to keep its notes off stdout
	g := &Gateway{
		cfg:         cfg,
		log:         cfg.Logger,
		router:      gin.New(),
		metrics:     cfg.Metrics,
		chainRules:  chainRules(),
		crossOrigin: http.NewCrossOriginProtection(),
		slots:       make(chan struct{}, cfg.MaxRequests),
		bodies:      semaphore.NewWeighted(fullBodies * (cfg.BodyLimit + 1)),
		streaming:   map[string]bool{},
		drain:       make(chan struct{}),
	}
	if err := g.metrics.watch(cfg.Engine, cfg.Targets); err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	g.build()
	if err := g.document(); err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	return g, nil
}

// build puts middleware and routes into the router.
func (g *Gateway) build() {
	r := g.router
	r.HandleMethodNotAllowed = true
	r.RedirectTrailingSlash = false
	r.Use(g.begin, g.deadlines, g.rescue, g.admit, g.authenticate)
	r.NoRoute(func(c *gin.Context) {
		g.abort(c, newProblem(http.StatusNotFound, "route_not_found", "there is no such route: /docs lists them"))
	})
	r.NoMethod(func(c *gin.Context) {
		g.abort(c, newProblem(http.StatusMethodNotAllowed, "method_not_allowed",
			"this route does not take "+c.Request.Method+", but "+c.Writer.Header().Get("Allow")))
	})
	g.api = humagin.New(r, g.humaConfig())
	for _, route := range routes() {
		if route.stream {
			g.streaming[route.Method+" "+ginPath(route.Path)] = true
		}
		route.register(g, route)
	}
	r.GET(pathOpenAPI, g.serveOpenAPI)
	r.GET(pathDocs, g.serveDocs)
}

// ServeHTTP answers one request.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) { g.router.ServeHTTP(w, r) }

// Drain makes the gateway take nothing new: /readyz fails, writes get 503, and
// requests that wait for a receipt answer with what is known. It returns at once.
func (g *Gateway) Drain() { g.drainOnce.Do(func() { close(g.drain) }) }

func (g *Gateway) draining() bool {
	select {
	case <-g.drain:
		return true
	default:
		return false
	}
}

// streams reports whether the body of this request may be of any length.
func (g *Gateway) streams(c *gin.Context) bool {
	return g.streaming[c.Request.Method+" "+c.FullPath()]
}

// target finds a target by name; "" is the only one.
func (g *Gateway) target(name, location string) (Target, error) {
	names := make([]string, 0, len(g.cfg.Targets))
	for _, t := range g.cfg.Targets {
		if t.Info.Name == name || name == "" && len(g.cfg.Targets) == 1 {
			return t, nil
		}
		names = append(names, t.Info.Name)
	}
	what := fmt.Sprintf("there is no target %q", name)
	if name == "" {
		what = "there are several targets, name one"
	}
	what += ": configured are " + strings.Join(names, ", ")
	return Target{}, newProblem(http.StatusUnprocessableEntity, "unknown_target", what).at(location, what)
}

// ginPath writes a path of OpenAPI as gin wants it.
func ginPath(path string) string {
	return strings.NewReplacer("{", ":", "}", "").Replace(path)
}
