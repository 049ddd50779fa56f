package main

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestNodesAreListedTakenOutAndLetInAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 20*time.Millisecond).serve()
	w.write("tokens.txt", "alice:0123456789abcdef\n")
	w.write("gateway.yaml", w.config("  token_file: tokens.txt"))
	s := w.run()
	first, second := w.net.Nodes[0], w.net.Nodes[1]
	node := func(args ...string) (code int, out, text string) {
		return command(t, append(append([]string{"node"}, args...), "--gateway", s.url, "--token", "0123456789abcdef")...)
	}
	s.eventually(func() bool {
		_, out, _ := node("list", "-o", "json")
		var list []targetNode
		require.NoError(t, json.Unmarshal([]byte(out), &list))
		return len(list) == 2 && list[0].Usable && list[1].Usable
	})
	code, out, text := node("list")
	require.Equal(t, exitOK, code, text)
	require.Regexp(t, `(?m)^TARGET +NODE +STATUS +HEAD +LAG +LATENCY +ERRORS +IN-FLIGHT +CONNECTIONS +BREAKER +WHY$`, out)
	require.Regexp(t, `(?m)^main +`+first+` +ok +`, out)

	code, out, text = node("cordon", first, "--reason", "new\ndisk")
	require.Equal(t, exitOK, code, text)
	require.Equal(t, "node "+first+" cordoned\n", out)
	require.Empty(t, text)
	_, out, _ = node("list", "--target", "main")
	require.Regexp(t, `(?m)^main +`+first+` +cordoned +.*new disk$`, out)

	code, out, text = node("cordon", second, "-o", "json")
	require.Equal(t, exitOK, code, text)
	require.Contains(t, text, "warning: no node of target main can be used")
	var changed targetNode
	require.NoError(t, json.Unmarshal([]byte(out), &changed))
	require.Equal(t, "main", changed.Target)
	require.False(t, changed.Usable)

	for _, name := range []string{first, second, second} {
		code, out, text = node("uncordon", name)
		require.Equal(t, exitOK, code, text)
		require.Equal(t, "node "+name+" uncordoned\n", out)
	}

	for want, args := range map[string][]string{
		"no node is named \"nowhere:1\": there are " + first: {"cordon", "nowhere:1"},
		`no target "other": it has main`:                     {"uncordon", first, "--target", "other"},
		"accepts 1 arg(s)":                                   {"cordon"},
		`--output "yaml" is neither`:                         {"list", "-o", "yaml"},
		"--timeout 0s is not more":                           {"list", "--timeout", "0s"},
		"--cert and --key go together":                       {"list", "--cert", "x"},
		"nothere.crt":                                        {"list", "--ca", "nothere.crt"},
	} {
		code, out, text = node(args...)
		require.Equal(t, exitFailed, code, "%v", args)
		require.Empty(t, out)
		require.Contains(t, text, want)
	}
	code, _, text = command(t, "node", "list", "--gateway", s.url)
	require.Equal(t, exitFailed, code)
	require.Contains(t, text, "$BCOSGATE_TOKEN")
}

func TestNodesOfAGatewayThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	code, out, text := command(t, "node", "list", "--gateway", "http://127.0.0.1:1")
	require.Equal(t, exitNoNode, code)
	require.Empty(t, out)
	require.Contains(t, text, "is the gateway running")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.Equal(t, exitInterrupted, execute(ctx, []string{"node", "list", "--gateway", "http://127.0.0.1:1"}, newBuffer(), newBuffer()))
}
