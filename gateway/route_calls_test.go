package gateway

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
)

const countCall = `{"to":"0x31ed5233b81c79d5adddeef991f531a9bbc2ad01","function":"count()"`

func TestCallsTellWhereTheAnswerIsFrom(t *testing.T) {
	t.Parallel()
	for source, age := range map[chain.Source]any{chain.SourceNode: nil, chain.SourceMerged: nil, chain.SourceCache: 0.0, chain.SourceStale: 1500.0} {
		r := newRig(t)
		r.chain.during = func(ctx context.Context) {
			taken, _ := age.(float64)
			chain.CallLogOf(ctx).Answered(source, time.Duration(taken)*time.Millisecond)
		}
		a := r.do("POST", "/v1/calls", countCall+`}`)
		require.Equal(t, http.StatusOK, a.status, "%s", a.body)
		got := a.json(t)
		require.Equal(t, string(source), got["source"])
		require.Equal(t, age, got["ageMs"], source)
		require.NotContains(t, got, "attempts", "nobody asked for them")
	}
}

func TestCallsTellTheirAttemptsWhenAsked(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.chain.during = func(ctx context.Context) {
		log := chain.CallLogOf(ctx)
		log.Attempted(chain.Attempt{Node: "a:1", Kind: chain.KindTimeout, Duration: 2500 * time.Microsecond})
		log.Attempted(chain.Attempt{Node: "b:1", Duration: time.Second, Hedge: true})
	}
	a := r.do("POST", "/v1/calls", countCall+`,"attempts":true}`)
	require.Equal(t, http.StatusOK, a.status, "%s", a.body)
	require.Equal(t, []any{
		map[string]any{"node": "a:1", "kind": "timeout", "durationMs": 2.5},
		map[string]any{"node": "b:1", "durationMs": 1000.0, "hedge": true},
	}, a.json(t)["attempts"])
}

func TestCallsThatFailTellTheirAttempts(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.chain.during = func(ctx context.Context) {
		chain.CallLogOf(ctx).Attempted(chain.Attempt{Node: "a:1", Kind: chain.KindUnavailable, Duration: time.Millisecond})
	}
	r.chain.err = &chain.Error{Kind: chain.KindUnavailable, Node: "a:1", Err: errors.New("dial tcp 10.1.2.3: refused")}
	a := r.do("POST", "/v1/calls", countCall+`}`)
	p := r.problem(a, http.StatusServiceUnavailable, "chain_unavailable")
	require.Equal(t, []CallAttempt{{Node: "a:1", Kind: "unavailable", DurationMS: 1}}, p.Attempts)
	require.NotContains(t, string(a.body), "10.1.2.3", "texts of causes stay inside")
}

func TestARefusedCallSaysWhenToComeBack(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		kind   chain.Kind
		after  time.Duration
		status int
		want   string
	}{
		{chain.KindOverloaded, 0, 429, "1"},
		{chain.KindOverloaded, time.Millisecond, 429, "1"},
		{chain.KindOverloaded, 1001 * time.Millisecond, 429, "2"},
		{chain.KindUnavailable, 700 * time.Millisecond, 503, "1"},
		{chain.KindUnavailable, 4 * time.Second, 503, "4"},
	} {
		r := newRig(t)
		r.chain.err = &chain.Error{Kind: test.kind, Sent: chain.SentNo, RetryAfter: test.after}
		a := r.do("POST", "/v1/calls", countCall+`}`)
		require.Equal(t, test.status, a.status)
		require.Equal(t, test.want, a.header.Get("Retry-After"), "%v", test)
		require.Equal(t, true, a.json(t)["retryable"])
	}
}

func TestStaleAnswersAreTakenWhenAllowed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var allowed time.Duration
	r.chain.during = func(ctx context.Context) { allowed = chain.StaleAllowed(ctx) }
	require.Equal(t, http.StatusOK, r.do("POST", "/v1/calls", countCall+`}`).status)
	require.Zero(t, allowed)
	require.Equal(t, http.StatusOK, r.do("POST", "/v1/calls", countCall+`,"maxStaleMs":60000}`).status)
	require.Equal(t, time.Minute, allowed)
	for _, wrong := range []string{"0", "-1", "604800001", `"1m"`, "1.5"} {
		r.problem(r.do("POST", "/v1/calls", countCall+`,"maxStaleMs":`+wrong+`}`), http.StatusUnprocessableEntity, "invalid_request")
	}
}
