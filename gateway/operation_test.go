package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/bcosgate/bcosgate/batch"
	"github.com/bcosgate/bcosgate/batch/reconcile"
	"github.com/bcosgate/bcosgate/chain"
)

var update = flag.Bool("update", false, "write testdata anew")

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		http.DefaultClient.CloseIdleConnections()
		os.Exit(code)
	}), goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"))
}

func TestReadinessSaysWhatIsNotWell(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := r.do("GET", "/readyz", "")
	require.Equal(t, http.StatusOK, a.status)
	require.JSONEq(t, `{"ready":true,"checks":[{"name":"gateway","ok":true},{"name":"store","ok":true},{"name":"target main","ok":true}]}`, string(a.body))

	r.nodes.set(Node{Node: "n1:1", Online: true, Exclusions: []Exclusion{{Reason: "cordoned", Text: "new disk"}, {Reason: "lagging", Text: "9 blocks behind"}}},
		Node{Node: "n2:1", Exclusions: []Exclusion{{Reason: "offline", Text: "refused"}}}, Node{Node: "n3:1", Error: "not dialled yet"})
	a = r.do("GET", "/readyz", "")
	require.Equal(t, http.StatusServiceUnavailable, a.status)
	require.Contains(t, string(a.body), "has no usable node; n1:1: cordoned (new disk), lagging (9 blocks behind); n2:1: offline (refused); n3:1: not dialled yet")

	r.nodes.set(Node{Node: "n1:1", Online: true, Usable: true, Exclusions: []Exclusion{{Reason: "slow"}}})
	require.Equal(t, http.StatusOK, r.do("GET", "/readyz", "").status, "a slow node is better than none")
	r.engine.fail["Jobs"] = io.ErrUnexpectedEOF
	a = r.do("GET", "/readyz", "")
	require.Equal(t, http.StatusServiceUnavailable, a.status)
	require.Contains(t, string(a.body), "the log has the cause")
	require.NotContains(t, string(a.body), io.ErrUnexpectedEOF.Error())
	require.Contains(t, r.log.String(), io.ErrUnexpectedEOF.Error())
}

func TestDrainedGatewayTakesNothingNew(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.gw.Drain()
	r.gw.Drain()
	a := r.do("POST", "/v1/jobs", evidenceJob+`}`)
	r.problem(a, http.StatusServiceUnavailable, "stopping")
	require.NotEmpty(t, a.header.Get("Retry-After"))
	require.Equal(t, http.StatusServiceUnavailable, r.do("GET", "/readyz", "").status)
	require.Equal(t, http.StatusOK, r.do("GET", "/healthz", "").status)
	require.Equal(t, http.StatusOK, r.do("GET", "/v1/jobs", "").status, "reading goes on")
}

func TestFullGatewayAsksToComeBack(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.MaxRequests = 1 })
	r.engine.hold = make(chan struct{})
	done := make(chan answer, 1)
	go func() { done <- r.do("POST", "/v1/transactions", `{"function":"save"}`) }()
	require.Eventually(t, func() bool {
		list, err := r.engine.Jobs(t.Context(), batch.JobFilter{State: batch.JobRunning, Limit: 1})
		return err == nil && len(list) == 1
	}, 10*time.Second, time.Millisecond)
	a := r.do("GET", "/v1/jobs", "")
	r.problem(a, http.StatusTooManyRequests, "too_many_requests")
	require.Equal(t, "1", a.header.Get("Retry-After"))
	require.Equal(t, http.StatusOK, r.do("GET", "/readyz", "").status, "a full gateway is still ready")
	close(r.engine.hold)
	require.Equal(t, http.StatusOK, (<-done).status)
	require.Equal(t, http.StatusOK, r.do("GET", "/v1/jobs", "").status, "the place is free again")
}

func TestBodiesShareTheirMemory(t *testing.T) {
	t.Parallel()
	const limit = 100 << 10
	r := newRig(t, func(c *Config) { c.BodyLimit = limit })
	r.engine.hold = make(chan struct{})
	big := `{"function":"save","args":["` + strings.Repeat("x", limit-100) + `"]}`
	var wg sync.WaitGroup
	for range fullBodies {
		wg.Go(func() { r.do("POST", "/v1/transactions", big) })
	}
	require.Eventually(t, func() bool {
		list, err := r.engine.Jobs(t.Context(), batch.JobFilter{State: batch.JobRunning, Limit: 10})
		return err == nil && len(list) == fullBodies
	}, 10*time.Second, time.Millisecond)
	a := r.do("POST", "/v1/transactions", big)
	p := r.problem(a, http.StatusTooManyRequests, "too_many_requests")
	require.True(t, p.Retryable)
	require.NotEmpty(t, a.header.Get("Retry-After"))
	close(r.engine.hold)
	wg.Wait()
	require.Equal(t, http.StatusOK, r.do("POST", "/v1/transactions", big).status, "the memory is given back")
}

func TestChainsShowTheirNodes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := r.do("GET", "/v1/chains", "")
	require.JSONEq(t, `{"chains":[{"name":"main","family":"fisco3","chainId":"chain0","group":"group0","head":42,
		"genesis":"0x00000000000000000000000000000000000000000000000000000000000000ab",
		"nodes":[{"node":"127.0.0.1:20200","online":true,"usable":true,"exclusions":[],"head":42,"lag":0,"latencyMs":1.5,"errorRate":0,
		          "inFlight":0,"waiting":0,"connections":{"open":2,"idle":1},
		          "breakers":[{"class":"query","state":"closed"},{"class":"write","state":"open","openForMs":700}]},
		         {"node":"127.0.0.1:20201","online":false,"usable":false,
		          "exclusions":[{"reason":"offline","text":"connection refused","since":"2023-11-14T22:13:20Z"}],"head":0,"lag":0,"latencyMs":0,"errorRate":0,
		          "inFlight":0,"waiting":0,"connections":{"open":0,"idle":0},"breakers":[],"error":"connection refused"}],
		"pool":{"nodes":2,"usable":1,"open":2,"idle":1,"dialing":0,"inFlight":0,"waiting":0,"dials":9,"dialFailures":7,"leases":11,"waits":3,"waitMs":1500,
		        "refused":0,"heartbeats":0,"heartbeatsMissed":4},
		"calls":{"query":{"inFlight":6,"places":4096},"write":{"inFlight":0,"places":64},"retriesLeft":16}}]}`, string(a.body))
	r.chain.err = &chain.Error{Kind: chain.KindUnavailable}
	a = r.do("GET", "/v1/chains", "")
	require.Equal(t, http.StatusOK, a.status, "a chain that is away is still listed")
	require.Contains(t, string(a.body), "no node of the chain can be used")
	require.NotContains(t, a.json(t)["chains"].([]any)[0], "head")
}

func TestContractsAreListed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := r.do("GET", "/v1/contracts?target=main", "")
	require.Equal(t, http.StatusOK, a.status)
	require.Equal(t, "0x31ed5233b81c79d5adddeef991f531a9bbc2ad01", a.json(t)["contracts"].([]any)[0].(map[string]any)["address"])
	r.problem(r.do("GET", "/v1/contracts?target=other", ""), http.StatusUnprocessableEntity, "unknown_target")
}

func TestMetricsTellWhatHappened(t *testing.T) {
	t.Parallel()
	m := NewMetrics("v1")
	r := newRig(t, func(c *Config) { c.Metrics = m })
	r.engine.stats = []batch.TargetStats{{Target: "main", Window: 64, SubBatch: 120, InFlight: 3, Queued: 9, Jobs: 1, Unknown: 2, Signed: 11, Sent: 12, Lookups: 4,
		Settled: map[batch.ItemState]uint64{batch.ItemConfirmed: 5}, Failures: map[chain.Kind]uint64{chain.KindTimeout: 1}}}
	m.Answered("main", "", 20*time.Millisecond)
	m.Answered("main", chain.KindTimeout, time.Second)
	m.Settled("main", batch.ItemConfirmed, time.Second)
	m.Committed(500, 3*time.Millisecond)
	m.Reconciled("main", reconcile.Result{State: reconcile.Differs, Checked: 9, Kinds: map[reconcile.Kind]int64{reconcile.WrongBlock: 2}})
	m.ChainCalled(ChainCall{Target: "main", Op: "call", Class: "query", Source: chain.SourceNode, Took: 2 * time.Millisecond})
	m.ChainCalled(ChainCall{Target: "main", Op: "call", Class: "query", Kind: chain.KindOverloaded, Source: chain.SourceNode})
	m.ChainCalled(ChainCall{Target: "main", Op: "call", Class: "query", Source: chain.SourceCache})
	m.ChainAttempted(ChainAttempt{Target: "main", Node: "127.0.0.1:20201", Class: "query", Kind: chain.KindTimeout})
	m.ChainAttempted(ChainAttempt{Target: "main", Node: "127.0.0.1:20200", Class: "query", Retry: true})
	m.ChainAttempted(ChainAttempt{Target: "main", Node: "127.0.0.1:20200", Class: "query", Hedge: true})
	m.ChainAttempted(ChainAttempt{Target: "main", Node: "gone:1", Class: "query"})
	m.ChainLimited("main", "query", "rate", true)
	m.ChainLimited("main", "write", "in_flight", false)
	r.do("GET", "/v1/jobs/nope", "")
	r.do("BREW", "/coffee", "")
	r.do("GET", "/another/unknown/path", "")
	a := r.do("GET", "/metrics", "")
	require.Equal(t, http.StatusOK, a.status)
	require.Contains(t, a.header.Get("Content-Type"), "text/plain")
	text := string(a.body)
	for _, line := range []string{
		`bcosgate_http_requests_total{method="GET",route="/v1/jobs/:id",status="404"} 1`,
		`bcosgate_http_requests_total{method="other",route="unmatched",status="404"} 1`,
		`bcosgate_http_requests_total{method="GET",route="unmatched",status="404"} 1`,
		`bcosgate_http_requests_in_flight 1`,
		`bcosgate_http_request_duration_seconds_count{method="GET",route="/v1/jobs/:id"} 1`,
		`bcosgate_send_duration_seconds_count{outcome="receipt",target="main"} 1`,
		`bcosgate_send_duration_seconds_count{outcome="timeout",target="main"} 1`,
		`bcosgate_item_latency_seconds_count{state="confirmed",target="main"} 1`,
		`bcosgate_store_commit_duration_seconds_count 1`,
		`bcosgate_store_committed_rows_total 500`,
		`bcosgate_reconcile_jobs_total{state="differs",target="main"} 1`,
		`bcosgate_reconcile_rows_total{target="main"} 9`,
		`bcosgate_reconcile_mismatches_total{kind="wrong_block",target="main"} 2`,
		`bcosgate_items_settled_total{state="confirmed",target="main"} 5`,
		`bcosgate_items_settled_total{state="reverted",target="main"} 0`,
		`bcosgate_send_failures_total{kind="timeout",target="main"} 1`,
		`bcosgate_transactions_window{target="main"} 64`,
		`bcosgate_node_online{node="127.0.0.1:20200",target="main"} 1`,
		`bcosgate_node_online{node="127.0.0.1:20201",target="main"} 0`,
		`bcosgate_node_head_block{node="127.0.0.1:20200",target="main"} 42`,
		`bcosgate_build_info{version="v1"} 1`,
		`bcosgate_calls_total{class="query",op="call",outcome="ok",source="node",target="main"} 1`,
		`bcosgate_calls_total{class="query",op="call",outcome="ok",source="cache",target="main"} 1`,
		`bcosgate_calls_total{class="query",op="call",outcome="overloaded",source="node",target="main"} 1`,
		`bcosgate_call_duration_seconds_count{class="query",op="call",source="node",target="main"} 2`,
		`bcosgate_call_attempts_total{class="query",kind="first",node="127.0.0.1:20201",outcome="timeout",target="main"} 1`,
		`bcosgate_call_attempts_total{class="query",kind="retry",node="127.0.0.1:20200",outcome="ok",target="main"} 1`,
		`bcosgate_call_attempts_total{class="query",kind="hedge",node="127.0.0.1:20200",outcome="ok",target="main"} 1`,
		`bcosgate_calls_limited_total{class="query",limit="rate",refused="true",target="main"} 1`,
		`bcosgate_calls_limited_total{class="write",limit="in_flight",refused="false",target="main"} 1`,
		`bcosgate_node_excluded{node="127.0.0.1:20201",reason="offline",target="main"} 1`,
		`bcosgate_node_breaker_state{class="query",node="127.0.0.1:20200",target="main"} 0`,
		`bcosgate_node_breaker_state{class="write",node="127.0.0.1:20200",target="main"} 2`,
		`bcosgate_node_latency_seconds{node="127.0.0.1:20200",target="main"} 0.0015`,
		`bcosgate_node_connections_open{node="127.0.0.1:20200",target="main"} 2`,
		`bcosgate_node_connections_idle{node="127.0.0.1:20200",target="main"} 1`,
		`bcosgate_pool_dials_total{target="main"} 9`,
		`bcosgate_pool_dial_failures_total{target="main"} 7`,
		`bcosgate_pool_connections_closed_total{target="main",why="idle"} 5`,
		`bcosgate_pool_wait_seconds_total{target="main"} 1.5`,
		`bcosgate_pool_heartbeats_missed_total{target="main"} 4`,
		`bcosgate_pool_exclusions_began_total{reason="offline",target="main"} 3`,
		`bcosgate_pool_exclusions_ended_total{reason="offline",target="main"} 2`,
		`bcosgate_calls_in_flight{class="query",target="main"} 6`,
		`bcosgate_calls_in_flight_limit{class="write",target="main"} 64`,
		`bcosgate_calls_retries_left{target="main"} 16`,
	} {
		require.Contains(t, text, line)
	}
	require.NotContains(t, text, "coffee")
	require.NotContains(t, text, "nope")

	doc, err := os.ReadFile("METRICS.md")
	require.NoError(t, err)
	inUse := map[string]bool{}
	for _, found := range regexp.MustCompile(`(?m)^# TYPE (bcosgate_\S+)`).FindAllStringSubmatch(text, -1) {
		inUse[found[1]] = true
		require.Contains(t, string(doc), "`"+found[1]+"`", "METRICS.md has every name")
	}
	for _, found := range regexp.MustCompile("`(bcosgate_\\w+)`").FindAllStringSubmatch(string(doc), -1) {
		require.True(t, inUse[found[1]], "METRICS.md has a name that is not there: %s", found[1])
	}
	_, err = New(Config{Engine: r.engine, Auditor: r.auditor, Planner: r.engine, Reports: r.engine, Targets: []Target{{Info: chain.Target{Name: "x"}, Chain: r.chain, Nodes: r.nodes}}, Metrics: m})
	require.ErrorContains(t, err, "another gateway")
}

func TestNothingInternalIsExposed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, path := range []string{"/debug/pprof/", "/debug/vars", "/schemas/Job.json", "/openapi.yaml"} {
		r.problem(r.do("GET", path, ""), http.StatusNotFound, "route_not_found")
	}
}

func TestOpenAPIDocumentsEverything(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := r.do("GET", "/openapi.json", "")
	require.Equal(t, http.StatusOK, a.status)
	require.Equal(t, "application/openapi+json", a.header.Get("Content-Type"))
	require.Equal(t, a.body, newRig(t).do("GET", "/openapi.json", "").body, "the same every time")

	var doc struct {
		OpenAPI string
		Info    struct{ Title, Version string }
		Paths   map[string]map[string]struct {
			OperationID, Summary, Description string
			Responses                         map[string]struct {
				Description string
				Content     map[string]struct{ Schema map[string]any }
			}
		}
		Components struct {
			Schemas map[string]struct {
				AdditionalProperties any
				Properties           map[string]struct{ Description string }
			}
		}
	}
	require.NoError(t, json.Unmarshal(a.body, &doc))
	require.Equal(t, "3.1.0", doc.OpenAPI)
	require.Equal(t, "test", doc.Info.Version)
	documented := 0
	for _, route := range r.gw.router.Routes() {
		path := regexp.MustCompile(`:(\w+)`).ReplaceAllString(route.Path, "{$1}")
		if path == pathOpenAPI || path == pathDocs {
			continue
		}
		op, ok := doc.Paths[path][strings.ToLower(route.Method)]
		require.True(t, ok, "%s %s is not documented", route.Method, path)
		documented++
		require.NotEmpty(t, op.OperationID)
		require.NotEmpty(t, op.Summary)
		require.NotEmpty(t, op.Description)
		success := false
		for status, response := range op.Responses {
			code, err := strconv.Atoi(status)
			require.NoError(t, err, "%s has the status %q", op.OperationID, status)
			require.NotEmpty(t, response.Description, "%s %s", op.OperationID, status)
			success = success || code < 300
			if _, problem := response.Content["application/problem+json"]; problem {
				require.GreaterOrEqual(t, code, 400)
				require.Equal(t, "#/components/schemas/Problem", response.Content["application/problem+json"].Schema["$ref"])
			} else {
				require.True(t, code < 300 || path == pathReady && code == 503, "%s %s is no problem", op.OperationID, status)
			}
		}
		require.True(t, success, op.OperationID)
	}
	require.Equal(t, len(routes()), documented)
	for name, schema := range doc.Components.Schemas {
		require.Equal(t, false, schema.AdditionalProperties, "%s takes unknown members", name)
		for member, p := range schema.Properties {
			require.NotEmpty(t, p.Description, "%s.%s has no description", name, member)
		}
	}
	for _, ref := range regexp.MustCompile(`#/components/schemas/(\w+)`).FindAllSubmatch(a.body, -1) {
		require.Contains(t, doc.Components.Schemas, string(ref[1]), "a reference that leads nowhere")
	}

	const golden = "testdata/openapi.json"
	if *update {
		require.NoError(t, os.WriteFile(golden, a.body, 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.True(t, bytes.Equal(want, a.body), "the API has changed: look at the difference, then run go test ./gateway -run OpenAPI -update")
}

// Every status that the tests of this package meet must be in the document; here
// for the ones that every route can give.
func TestStatusesOfBadRequestsAreDocumented(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, route := range routes() {
		op := r.gw.operation(route)
		has := func(status int) {
			_, ok := op.Responses[strconv.Itoa(status)]
			require.True(t, ok, "%s does not document %d", op.OperationID, status)
		}
		has(500)
		if route.Path == pathHealth {
			continue
		}
		has(401)
		has(422) // an unknown query parameter
		has(429)
		if strings.Contains(route.Path, "{id}") {
			has(404)
		}
		if route.Method != http.MethodGet {
			has(503)
		}
		if route.Path == "/v1/calls" || route.Path == "/v1/transactions" || route.Path == "/v1/jobs" && route.Method == http.MethodPost {
			for _, rule := range chainRules() {
				if rule.status != statusClientClosed {
					has(rule.status)
				}
			}
		}
	}
}

func TestDocsPageNeedsNothingElse(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := r.do("GET", "/docs", "")
	require.Equal(t, http.StatusOK, a.status)
	require.Contains(t, a.header.Get("Content-Type"), "text/html")
	require.Contains(t, a.header.Get("Content-Security-Policy"), "default-src 'none'")
	page := string(a.body)
	for _, route := range routes() {
		require.Contains(t, page, `id="`+route.OperationID+`"`)
		require.Contains(t, page, "<code>"+route.Path+"</code>")
		require.NotEmpty(t, route.curl, "%s has no example", route.OperationID)
	}
	require.Contains(t, page, `id="schema-Problem"`)
	require.Contains(t, page, "curl -X POST")
	require.NotContains(t, page, "<script")
	require.NotRegexp(t, `(src|href)="(https?:)?//`, page)
	for _, link := range regexp.MustCompile(`href="#([^"]+)"`).FindAllStringSubmatch(page, -1) {
		require.Contains(t, page, `id="`+link[1]+`"`, "a link that leads nowhere")
	}
}

func TestManyClientsAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			for i := range 10 {
				key := fmt.Sprintf("key-%d-%d", n%4, i) // two clients share each key
				a := r.do("POST", "/v1/jobs", fmt.Sprintf(`%s,"idempotencyKey":%q,"rows":[["1","a"]]}`, evidenceJob, key))
				if a.status != http.StatusCreated && a.status != http.StatusOK {
					t.Errorf("job: %d %s", a.status, a.body)
				}
				id := a.json(t)["id"].(string)
				for _, path := range []string{"/v1/jobs/" + id, "/v1/jobs/" + id + "/rows", "/v1/jobs?limit=3", "/v1/chains", "/readyz", "/metrics"} {
					if got := r.do("GET", path, ""); got.status != http.StatusOK {
						t.Errorf("%s: %d %s", path, got.status, got.body)
					}
				}
			}
		})
	}
	wg.Wait()
	list, err := r.engine.Jobs(t.Context(), batch.JobFilter{Limit: 1000})
	require.NoError(t, err)
	require.Len(t, list, 40, "one job for each key")
}

func TestServerStopsAfterTheLastRequest(t *testing.T) {
	t.Parallel()
	started, release := make(chan struct{}), make(chan struct{})
	s := NewServer(ServerConfig{Listen: "127.0.0.1:0", Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "begin ")
		_ = http.NewResponseController(w).Flush()
		close(started)
		<-release
		_, _ = io.WriteString(w, "end")
	})})
	require.NoError(t, s.Start(t.Context()))
	got := make(chan string, 1)
	go func() {
		resp, err := http.Get(s.URL())
		if err != nil {
			got <- err.Error()
			return
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		got <- fmt.Sprint(string(body), err)
	}()
	<-started
	stopped := make(chan error, 1)
	go func() { stopped <- s.Stop(t.Context()) }()
	require.Eventually(t, func() bool {
		_, err := http.Get(s.URL())
		return err != nil
	}, 10*time.Second, time.Millisecond, "nothing new is taken")
	close(release)
	require.Equal(t, "begin end<nil>", <-got, "what was in flight is finished")
	require.NoError(t, <-stopped)
}

func TestServerCutsWhatDoesNotEnd(t *testing.T) {
	t.Parallel()
	started := make(chan struct{})
	ended := make(chan struct{})
	s := NewServer(ServerConfig{Listen: "127.0.0.1:0", Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(started)
		<-r.Context().Done()
		close(ended)
	})})
	require.NoError(t, s.Start(t.Context()))
	failed := make(chan error, 1)
	go func() {
		resp, err := http.Get(s.URL())
		if err == nil {
			_ = resp.Body.Close()
		}
		failed <- err
	}()
	<-started
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorContains(t, s.Stop(ctx), "cut off")
	select {
	case <-ended:
	default:
		t.Fatal("a handler outlived Stop")
	}
	require.Error(t, <-failed)
}

func TestServerSaysThatThePortIsTaken(t *testing.T) {
	t.Parallel()
	first := NewServer(ServerConfig{Listen: "127.0.0.1:0", Handler: http.NotFoundHandler()})
	require.NoError(t, first.Start(t.Context()))
	second := NewServer(ServerConfig{Listen: first.Addr().String(), Handler: http.NotFoundHandler()})
	err := second.Start(t.Context())
	require.ErrorContains(t, err, "--listen")
	require.NoError(t, second.Stop(t.Context()))
	require.NoError(t, first.Stop(t.Context()))
}

func TestConfigListsEveryProblem(t *testing.T) {
	t.Parallel()
	_, err := New(Config{BodyLimit: -1, Targets: []Target{{}, {Info: chain.Target{Name: "a"}}}})
	for _, want := range []string{"no engine", "nothing writes reports", "target 0 has no name", `target "a" has no connections`, "negative"} {
		require.ErrorContains(t, err, want)
	}
}
