//go:build unix

package main

import (
	"context"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/certs"
	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/fisco"
)

// dialNode is a client of one node that takes AMOP messages.
func dialNode(ctx context.Context, t *testing.T, home string, node int, take func(fisco.AMOPMessage) []byte) *fisco.Client {
	t.Helper()
	at := func(name string) string { return filepath.Join(home, "sdk", name) }
	cert, roots, err := certs.LoadTLSCert(certs.Files{CA: at("ca.crt"), Cert: at("sdk.crt"), Key: at("sdk.key")})
	require.NoError(t, err)
	client, err := fisco.Dial(ctx, fisco.DialConfig{
		Address: address(t, home, node), TLS: certs.ClientConfig(cert, roots), ChainID: "chain0", Group: "group0", OnAMOP: take,
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// Clients of two processes talk to each other, until one process is killed.
func TestAMOPBetweenProcesses(t *testing.T) {
	home := startable(t, 2)
	text, code := runScript(t, home, "start_all.sh")
	require.Zero(t, code, text)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	asked, release := make(chan fisco.AMOPMessage, 10), make(chan struct{})
	far := dialNode(ctx, t, home, 1, func(m fisco.AMOPMessage) []byte {
		asked <- m
		if string(m.Data) == "wait" {
			<-release
		}
		return append([]byte("re: "), m.Data...)
	})
	defer close(release)
	caller := dialNode(ctx, t, home, 0, func(m fisco.AMOPMessage) []byte { return []byte("caller has " + string(m.Data)) })
	requireRefused := func(err error, code int) {
		t.Helper()
		var refused *chain.Error
		require.ErrorAs(t, err, &refused)
		require.Equal(t, code, refused.Code, err)
	}
	// until says when the nodes have heard of each other and of a topic.
	until := func(c *fisco.Client, topic, data, want string) {
		t.Helper()
		require.Eventually(t, func() bool {
			answer, err := c.Publish(ctx, topic, []byte(data))
			return err == nil && string(answer) == want
		}, 20*time.Second, 20*time.Millisecond)
	}

	_, err := caller.Publish(ctx, "topic", []byte("hello"))
	requireRefused(err, 3001)
	require.NoError(t, far.SubscribeTopics(ctx, "topic"))
	require.NoError(t, caller.SubscribeTopics(ctx, "caller's"))
	until(caller, "topic", "hello", "re: hello")
	until(far, "caller's", "hello", "caller has hello")
	require.Equal(t, fisco.AMOPMessage{Topic: "topic", Data: []byte("hello")}, <-asked)
	require.NoError(t, caller.Broadcast(ctx, "topic", []byte("to all")))
	require.Equal(t, fisco.AMOPMessage{Topic: "topic", Data: []byte("to all"), Broadcast: true}, <-asked)

	failed := make(chan error)
	go func() {
		_, err := caller.Publish(ctx, "topic", []byte("wait"))
		failed <- err
	}()
	require.Equal(t, "wait", string((<-asked).Data))
	require.NoError(t, syscall.Kill(readPID(t, home, 1), syscall.SIGKILL))
	requireRefused(<-failed, 3003)
	_, err = caller.Publish(ctx, "topic", []byte("hello"))
	requireRefused(err, 3001)
}
