package gateway

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/batch"
	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/contracts"
)

// allKinds reads the closed list of chain kinds from its source, so that a new
// kind without a rule fails here.
func allKinds(t *testing.T) []chain.Kind {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../chain/errors.go", nil, 0)
	require.NoError(t, err)
	var kinds []chain.Kind
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, "Kind") {
			return true
		}
		text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		require.NoError(t, err)
		kinds = append(kinds, chain.Kind(text))
		return true
	})
	require.Greater(t, len(kinds), 10)
	return kinds
}

func TestEveryChainKindHasAStatus(t *testing.T) {
	t.Parallel()
	want := map[chain.Kind]int{
		chain.KindInvalid: 422, chain.KindUnsupported: 501, chain.KindNotFound: 404, chain.KindDenied: 403, chain.KindNonceUsed: 409,
		chain.KindKnown: 409, chain.KindExpired: 409, chain.KindDropped: 503, chain.KindPending: 409, chain.KindExists: 409,
		chain.KindOverloaded: 429, chain.KindUnavailable: 503, chain.KindTimeout: 504, chain.KindCanceled: 499, chain.KindWrongChain: 502,
		chain.KindProtocol: 502, chain.KindNode: 502,
	}
	rules := chainRules()
	kinds := allKinds(t)
	require.Len(t, rules, len(kinds))
	codes := map[string]bool{}
	for _, kind := range kinds {
		p := chainProblem(rules, &chain.Error{Kind: kind, Op: "call", Node: "10.1.2.3:20200", Code: 7, Msg: "node text", Err: errors.New("inner cause")})
		require.Equal(t, want[kind], p.Status, kind)
		require.Equal(t, string(kind), p.Kind)
		require.False(t, codes[p.Code], "code %s stands twice", p.Code)
		codes[p.Code] = true
		require.Contains(t, p.Detail, "node code 7: node text")
		require.NotContains(t, p.Detail, "10.1.2.3")
		require.NotContains(t, p.Detail, "inner cause")
		retry := p.GetHeaders().Get("Retry-After")
		if p.Status == 429 || p.Status == 503 {
			require.NotEmpty(t, retry, "%s says when to come back", kind)
			require.True(t, p.Retryable)
		}
	}
	p := chainProblem(rules, &chain.Error{Kind: chain.KindOverloaded, RetryAfter: 2500 * time.Millisecond})
	require.Equal(t, "3", p.GetHeaders().Get("Retry-After"), "rounded up")
	require.Equal(t, 500, chainProblem(rules, &chain.Error{Kind: "new"}).Status)
}

// Every kind must come out over the wire as the table says.
func TestChainErrorsOnTheWire(t *testing.T) {
	t.Parallel()
	for _, kind := range allKinds(t) {
		r := newRig(t)
		r.chain.err = fmt.Errorf("read: %w", &chain.Error{Kind: kind, Msg: "node text"})
		rule := chainRules()[kind]
		a := r.do("POST", "/v1/calls", `{"to":"0x31ed5233b81c79d5adddeef991f531a9bbc2ad01","function":"get(bytes32)","args":["0x`+strings.Repeat("ab", 32)+`"]}`)
		p := r.problem(a, rule.status, rule.code)
		require.Equal(t, string(kind), p.Kind)
		require.Equal(t, rule.retryable, p.Retryable)
		if rule.retryAfter > 0 {
			require.Equal(t, "1", a.header.Get("Retry-After"))
		}
	}
}

func TestErrorsOfTheEngineOnTheWire(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		err    error
		status int
		code   string
	}{
		"not found":    {batch.ErrNotFound, 404, "job_not_found"},
		"conflict":     {batch.ErrConflict, 409, "conflict"},
		"budget":       {batch.ErrBudget, 409, "budget_used"},
		"state":        {batch.ErrState, 409, "wrong_state"},
		"no retry":     {batch.ErrNoRetry, 409, "no_retry"},
		"not started":  {batch.ErrNotStarted, 503, "stopping"},
		"not deployed": {batch.ErrNotDeployed, 422, "invalid_request"},
		"spec":         {&batch.SpecError{Field: "account", Reason: "there is no account x"}, 422, "invalid_request"},
		"rows":         {&batch.InvalidRowsError{JobID: "job1", Count: 3, Faults: []batch.RowFault{{Row: 1, Reason: "odd length"}}}, 422, "invalid_rows"},
		"argument":     {&contracts.ArgError{Name: "digest", Reason: "odd length"}, 422, "invalid_arguments"},
		"overload":     {&chain.Error{Kind: chain.KindOverloaded}, 429, "chain_overloaded"},
		"database":     {&pgconn.PgError{Code: "57P03", Message: "secret: the database system is starting up"}, 503, "store_unavailable"},
		"anything":     {errors.New("secret path /var/lib/x"), 500, "internal"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.engine.fail["Create"] = fmt.Errorf("create: %w", tc.err)
			p := r.problem(r.do("POST", "/v1/jobs", evidenceJob+`}`), tc.status, tc.code)
			require.NotContains(t, p.Detail, "secret")
			if tc.status == http.StatusInternalServerError {
				require.Contains(t, r.log.String(), "secret path", "the log has the cause")
				require.Contains(t, r.log.String(), p.RequestID)
				require.Equal(t, kindGateway, p.Kind)
			}
		})
	}
}

func TestPanicIsAProblemAndTheGatewayLives(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.chain.panics = true
	a := r.do("POST", "/v1/calls", `{"to":"0x31ed5233b81c79d5adddeef991f531a9bbc2ad01","function":"count()"}`)
	p := r.problem(a, http.StatusInternalServerError, "internal")
	require.NotContains(t, string(a.body), "secret")
	require.Contains(t, r.log.String(), "exploded with a secret")
	require.Contains(t, r.log.String(), p.RequestID)
	require.Equal(t, http.StatusOK, r.do("GET", "/healthz", "").status)
}
