package gateway

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
)

// series are the values of a family of counters, by the text of their labels.
func series(t *testing.T, m *Metrics, family string) map[string]float64 {
	t.Helper()
	families, err := m.registry.Gather()
	require.NoError(t, err)
	values := map[string]float64{}
	for _, f := range families {
		if f.GetName() != family {
			continue
		}
		for _, metric := range f.GetMetric() {
			text := ""
			for _, label := range metric.GetLabel() {
				text += label.GetName() + "=" + label.GetValue() + " "
			}
			values[strings.TrimSpace(text)] = metric.GetCounter().GetValue()
		}
	}
	return values
}

func TestCountingACallTakesNoMemory(t *testing.T) {
	m := NewMetrics("v1")
	call := ChainCall{Target: "main", Op: "call", Class: "query", Source: chain.SourceNode, Took: time.Millisecond}
	attempt := ChainAttempt{Target: "main", Node: "a:1", Class: "query"}
	count := func() {
		m.ChainCalled(call)
		m.ChainAttempted(attempt)
		m.ChainLimited("main", "query", "rate", false)
	}
	count()
	require.Zero(t, testing.AllocsPerRun(100, count))
}

func TestCallsAreCountedByManyAtOnce(t *testing.T) {
	t.Parallel()
	m := NewMetrics("v1")
	kinds := []chain.Kind{"", chain.KindTimeout, chain.KindNode, chain.KindUnavailable}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 400 {
				m.ChainCalled(ChainCall{Target: "main", Op: "call", Class: "query", Kind: kinds[i%len(kinds)]})
			}
		})
	}
	wg.Wait()
	require.Equal(t, map[string]float64{
		"class=query op=call outcome=ok source= target=main":          800,
		"class=query op=call outcome=timeout source= target=main":     800,
		"class=query op=call outcome=node source= target=main":        800,
		"class=query op=call outcome=unavailable source= target=main": 800,
	}, series(t, m, "bcosgate_calls_total"))
}

func TestNodesThatAreListedNoMoreAreForgotten(t *testing.T) {
	t.Parallel()
	m := NewMetrics("v1")
	attempt := func(target, node string) { m.ChainAttempted(ChainAttempt{Target: target, Node: node, Class: "query"}) }
	attempt("main", "a:1")
	attempt("main", "b:1")
	attempt("main", "")
	attempt("other", "b:1")
	m.chain.forget("main", map[string]bool{"a:1": true})
	const family, gone = "bcosgate_call_attempts_total", "class=query kind=first node=b:1 outcome=ok target=main"
	left := series(t, m, family)
	require.Len(t, left, 3, "what had no node stays")
	require.NotContains(t, left, gone)
	attempt("main", "b:1")
	require.Equal(t, 1.0, series(t, m, family)[gone], "it came back")
}

// BenchmarkCountCall is what the metrics of a call and its attempt cost.
func BenchmarkCountCall(b *testing.B) {
	m := NewMetrics("v1")
	call := ChainCall{Target: "main", Op: "call", Class: "query", Source: chain.SourceNode, Took: time.Millisecond}
	attempt := ChainAttempt{Target: "main", Node: "a:1", Class: "query"}
	b.ReportAllocs()
	for b.Loop() {
		m.ChainCalled(call)
		m.ChainAttempted(attempt)
	}
}
