//go:build unix

package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/internal/pgtest"
)

// Three gateways share a database and a job. One is killed in the middle, and the
// others end it: each row once, as counted on the chain.
func TestThreeGatewaysShareAJobAndOneIsKilled(t *testing.T) {
	t.Parallel()
	pgtest.Need(t)
	server, err := pgtest.Start()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Stop()) })
	location, err := server.Database()
	require.NoError(t, err)
	w := newWorld(t, 200*time.Millisecond).serve()
	w.write("gateway.yaml", strings.Replace(w.config(""), "path: store/jobs.db", "path: store/jobs.db\n  url: "+location, 1))
	var all []*process
	var services []*service
	for range 3 {
		p := w.process()
		all = append(all, p)
		services = append(services, (&service{t: t, url: p.url, client: http.DefaultClient, err: p.err}).ready())
	}
	services[0].ok(http.StatusOK, "POST", "/v1/transactions", `{"contract":"Evidence","deploy":true}`)
	const n = 2500
	id := services[0].ok(http.StatusCreated, "POST", "/v1/jobs", `{"contract":"Evidence","function":"save","rate":300,"shardBy":"range(20)"}`)["id"].(string)
	status, data := services[0].do("PUT", "/v1/jobs/"+id+"/rows", "text/csv", csvRows(1, n))
	require.Equal(t, http.StatusOK, status, "%s", data)

	sent := func(s *service) bool {
		_, metrics := s.do("GET", "/metrics", "", "")
		return strings.Contains(string(metrics), `bcosgate_items_settled_total{state="confirmed",target="main"}`) &&
			!strings.Contains(string(metrics), `bcosgate_items_settled_total{state="confirmed",target="main"} 0`)
	}
	services[2].eventually(func() bool { return sent(services[0]) && sent(services[1]) && sent(services[2]) })
	require.NoError(t, all[0].cmd.Process.Kill())
	require.Equal(t, -1, all[0].code())

	done := services[1].done(id)
	require.EqualValues(t, n, done["counts"].(map[string]any)["confirmed"], "%v", done)
	count := services[2].ok(http.StatusOK, "POST", "/v1/calls", `{"contract":"Evidence","function":"count"}`)
	require.Equal(t, fmt.Sprint(n), count["outputs"].([]any)[0].(map[string]any)["value"], "each row once: %v", count)
	require.Contains(t, all[1].err.String()+all[2].err.String(), "another process is dead")
}
