package gateway

import (
	"cmp"
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"

	"github.com/bcosgate/bcosgate/batch"
)

// storeTimeout bounds the question to the store for /readyz.
const storeTimeout = 2 * time.Second

// Health is the answer of /healthz.
type Health struct {
	Status  string `json:"status" doc:"Always ok: the process is up" example:"ok"`
	Version string `json:"version" doc:"Version of the gateway"`
}

type healthInput struct{}
type healthOutput struct{ Body Health }

func healthRoute() route {
	return route{
		Operation: huma.Operation{
			OperationID: "health", Method: http.MethodGet, Path: pathHealth, Tags: []string{"operation"},
			Summary: "Is the process up?", Description: "Asks for no token, and says nothing about the chains: see /readyz.",
		},
		curl:     `curl http://127.0.0.1:8080/healthz`,
		register: handle((*Gateway).health),
	}
}

func (g *Gateway) health(context.Context, *healthInput) (*healthOutput, error) {
	return &healthOutput{Body: Health{Status: "ok", Version: g.cfg.Version}}, nil
}

// Readiness is the answer of /readyz.
type Readiness struct {
	Ready  bool    `json:"ready" doc:"The gateway can do its work"`
	Checks []Check `json:"checks" nullable:"false" doc:"What was looked at"`
}

// Check is one thing that must be well.
type Check struct {
	Name   string `json:"name" doc:"gateway, store, or target and its name" example:"target main"`
	OK     bool   `json:"ok" doc:"It is well"`
	Reason string `json:"reason,omitempty" doc:"Why it is not"`
}

type readyInput struct{}
type readyOutput struct {
	Status int
	Body   Readiness
}

func readyRoute() route {
	return route{
		Operation: huma.Operation{
			OperationID: "ready", Method: http.MethodGet, Path: pathReady, Tags: []string{"operation"},
			Summary:     "Can the gateway do its work?",
			Description: "200 when the store answers and every target has a node that can be used, else 503 with what is not well. While the gateway stops it is 503.",
			Responses:   map[string]*huma.Response{"503": {Description: "Something is not well", Content: jsonOf("Readiness")}},
		},
		curl:     `curl http://127.0.0.1:8080/readyz`,
		problems: []int{http.StatusUnprocessableEntity},
		timeout:  requestTimeout,
		register: handle((*Gateway).ready),
	}
}

func (g *Gateway) ready(ctx context.Context, _ *readyInput) (*readyOutput, error) {
	checks := []Check{{Name: "gateway", OK: !g.draining()}, g.checkStore(ctx)}
	if !checks[0].OK {
		checks[0].Reason = "is stopping"
	}
	for _, t := range g.cfg.Targets {
		checks = append(checks, checkTarget(t))
	}
	out := &readyOutput{Status: http.StatusOK, Body: Readiness{Ready: true, Checks: checks}}
	for _, c := range checks {
		if !c.OK {
			out.Status, out.Body.Ready = http.StatusServiceUnavailable, false
		}
	}
	return out, nil
}

func (g *Gateway) checkStore(ctx context.Context) Check {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	if _, err := g.cfg.Engine.Jobs(ctx, batch.JobFilter{Limit: 1}); err != nil {
		requestFrom(ctx).cause = err
		return Check{Name: "store", Reason: "cannot be read: the log has the cause"}
	}
	return Check{Name: "store", OK: true}
}

func checkTarget(t Target) Check {
	nodes := t.Nodes.List()
	c := Check{Name: "target " + t.Info.Name, OK: anyUsable(nodes)}
	if c.OK {
		return c
	}
	c.Reason = "has no usable node"
	for _, n := range nodes {
		c.Reason += "; " + n.Node + ": " + whyNot(n)
	}
	return c
}

// whyNot says what keeps requests away from a node.
func whyNot(n Node) string {
	var reasons []string
	for _, e := range n.Exclusions {
		text := e.Reason
		if e.Text != "" {
			text += " (" + e.Text + ")"
		}
		reasons = append(reasons, text)
	}
	if len(reasons) == 0 {
		return cmp.Or(n.Error, "offline")
	}
	return strings.Join(reasons, ", ")
}

type metricsInput struct{}

func metricsRoute() route {
	return route{
		Operation: huma.Operation{
			OperationID: "metrics", Method: http.MethodGet, Path: pathMetrics, Tags: []string{"operation"},
			Summary: "Metrics for Prometheus", Description: "gateway/METRICS.md has all names.",
			Responses: map[string]*huma.Response{"200": {
				Description: "The metrics in the text format of Prometheus",
				Content:     map[string]*huma.MediaType{"text/plain": {Schema: &huma.Schema{Type: huma.TypeString}}},
			}},
		},
		curl:     `curl http://127.0.0.1:8080/metrics`,
		problems: []int{http.StatusUnprocessableEntity},
		register: handle((*Gateway).serveMetrics),
	}
}

func (g *Gateway) serveMetrics(context.Context, *metricsInput) (*huma.StreamResponse, error) {
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		c := humagin.Unwrap(hc)
		g.metrics.handler.ServeHTTP(c.Writer, c.Request)
	}}, nil
}
