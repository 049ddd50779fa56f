package configs

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestConnectionsPageIsTrue: the table of defaults is that of package guard, and
// the metrics that are named are there.
func TestConnectionsPageIsTrue(t *testing.T) {
	t.Parallel()
	metrics, err := os.ReadFile("../gateway/METRICS.md")
	require.NoError(t, err)
	calls := callDefaults()
	rows := func(p Policy) map[string]any {
		return map[string]any{
			"connect_timeout": p.ConnectTimeout, "answer_timeout": p.AnswerTimeout, "retries": p.Retries, "backoff_min": p.BackoffMin, "backoff_max": p.BackoffMax,
			"rate": p.Rate, "node_rate": p.NodeRate, "in_flight": p.InFlight, "when_full": p.WhenFull, "breaker.failures": p.Breaker.Failures,
			"breaker.window": p.Breaker.Window, "breaker.open_for": p.Breaker.OpenFor, "breaker.probes": p.Breaker.Probes,
		}
	}
	query, write := rows(calls.Query), rows(calls.Write)
	for _, page := range []string{"../docs/connections.md", "../docs/connections.zh-CN.md"} {
		data, err := os.ReadFile(page)
		require.NoError(t, err)
		for key := range query {
			require.Contains(t, string(data), fmt.Sprintf("| `%s` | %v | %v |", key, query[key], write[key]), page)
		}
		for _, name := range regexp.MustCompile(`bcosgate_\w+`).FindAllString(string(data), -1) {
			require.Contains(t, string(metrics), "`"+strings.TrimSuffix(name, "_bucket")+"`", "%s has a metric that is not there", page)
		}
	}
}
