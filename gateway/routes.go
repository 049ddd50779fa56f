package gateway

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// Paths that other parts of the gateway know.
const (
	pathHealth  = "/healthz"
	pathReady   = "/readyz"
	pathMetrics = "/metrics"
	pathOpenAPI = "/openapi.json"
	pathDocs    = "/docs"
)

// requestTimeout bounds a request that does not stream and has no time of its
// own: longer than two queries of a chain with 10 s each.
const requestTimeout = 30 * time.Second

// route is one line of the table of routes.
type route struct {
	huma.Operation
	curl     string        // an example for people
	problems []int         // statuses beside those that every route has
	stream   bool          // the body of the request may be of any length
	timeout  time.Duration // 0 is none
	register func(*Gateway, route)
}

// routes is the table of all routes that the OpenAPI document has.
func routes() []route {
	return []route{
		createJobRoute(),
		listJobsRoute(),
		getJobRoute(),
		loadRowsRoute(),
		headUploadRoute(),
		appendUploadRoute(),
		loadUploadRoute(),
		removeUploadRoute(),
		listRowsRoute(),
		reportRoute(),
		planRoute(),
		startJobRoute(),
		pauseJobRoute(),
		resumeJobRoute(),
		cancelJobRoute(),
		retryJobRoute(),
		reconcileJobRoute(),
		getReconciliationRoute(),
		transactionRoute(),
		callRoute(),
		listContractsRoute(),
		listChainsRoute(),
		cordonRoute(),
		uncordonRoute(),
		healthRoute(),
		readyRoute(),
		metricsRoute(),
	}
}

// handle puts a handler of the gateway into the table. The errors that it
// returns become problems here.
func handle[I, O any](h func(*Gateway, context.Context, *I) (*O, error)) func(*Gateway, route) {
	return func(g *Gateway, r route) {
		huma.Register(g.api, g.operation(r), func(ctx context.Context, in *I) (*O, error) {
			if r.timeout > 0 {
				bounded, cancel := context.WithTimeout(ctx, r.timeout)
				defer cancel()
				ctx = bounded
			}
			out, err := h(g, ctx, in)
			if err != nil {
				return nil, g.problemOf(err)
			}
			return out, nil
		})
	}
}

// operation completes what the table says about a route.
func (g *Gateway) operation(r route) huma.Operation {
	op := r.Operation
	// huma refuses a body that reaches its limit; ours may.
	op.MaxBodyBytes = g.cfg.BodyLimit + 1
	// bodyReader has better deadlines than one for the whole body.
	op.BodyReadTimeout = -1
	op.Responses = responsesOf(op)
	for _, status := range append(commonProblems(op.Path), r.problems...) {
		op.Responses[strconv.Itoa(status)] = g.problemResponse(status)
	}
	if r.curl != "" {
		op.Extensions = map[string]any{"x-codeSamples": []map[string]string{{"lang": "shell", "label": "curl", "source": r.curl}}}
	}
	if op.Path == pathHealth {
		op.Security = []map[string][]string{}
	}
	return op
}

// commonProblems are the statuses that any request can end with.
func commonProblems(path string) []int {
	if path == pathHealth {
		return []int{http.StatusInternalServerError}
	}
	return []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests, http.StatusInternalServerError}
}

// problemsOfBody are those of routes that take a body.
func problemsOfBody(more ...int) []int {
	return append([]int{http.StatusBadRequest, http.StatusRequestTimeout, http.StatusRequestEntityTooLarge,
		http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity, http.StatusServiceUnavailable}, more...)
}

// problemsOfChain are those of routes that may ask a chain.
func problemsOfChain() []int {
	statuses := []int{http.StatusGatewayTimeout}
	for _, rule := range chainRules() {
		if rule.status != statusClientClosed { // nobody is left to read it
			statuses = append(statuses, rule.status)
		}
	}
	return statuses
}
