package assemble

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/configs"
	"github.com/bcosgate/bcosgate/internal/testkit"
)

// list puts a file with nodes in the place of the one before.
func list(t *testing.T, path string, nodes ...string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path+".new", []byte("# nodes\n"+strings.Join(nodes, "\n")+"\n"), 0o600))
	require.NoError(t, os.Rename(path+".new", path))
}

func TestNodesComeAndGoAsTheyAreListed(t *testing.T) {
	t.Parallel()
	net := testkit.NewDevnet(t, 2, -1).Serve()
	path := filepath.Join(t.TempDir(), "nodes.txt")
	c := target()
	c.TLS = configs.TargetTLS{CA: filepath.Join(net.Certs, "ca.crt"), Cert: filepath.Join(net.Certs, "sdk.crt"), Key: filepath.Join(net.Certs, "sdk.key")}
	c.Nodes, c.Discovery.File.Path = nil, path
	targets, err := Targets(configs.Config{Targets: []configs.Target{c}}, accounts(t), Deps{})
	require.NoError(t, err)
	require.NoError(t, Start(context.Background(), targets))
	defer func() { require.NoError(t, Stop(context.Background(), targets)) }()

	conns := targets[0].Pool
	_, err = targets[0].Guard.Call(t.Context(), chain.CallMsg{})
	require.True(t, chain.Is(err, chain.KindUnavailable), "%v", err)
	require.ErrorContains(t, err, "none is listed yet")

	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	list(t, path, net.Nodes[0])
	require.NoError(t, conns.WaitReady(ctx))
	require.Equal(t, net.Nodes[0], conns.Nodes()[0].Node)

	list(t, path, net.Nodes[1])
	require.Eventually(t, func() bool {
		nodes := conns.Nodes()
		return len(nodes) == 1 && nodes[0].Node == net.Nodes[1] && nodes[0].Usable()
	}, 30*time.Second, 5*time.Millisecond, "the one is drained, the other is used")
	_, err = targets[0].Guard.Block(ctx, 0)
	require.NoError(t, err)
}

func TestNodesAreListedOnceForWhatIsDoneByHand(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	fixed, err := ListNodes(ctx, target())
	require.NoError(t, err)
	require.Equal(t, target().Nodes, fixed)

	path := filepath.Join(t.TempDir(), "nodes.txt")
	list(t, path, "b.example:2", "A.example:1")
	c := target()
	c.Nodes, c.Discovery.File.Path = nil, path
	listed, err := ListNodes(ctx, c)
	require.NoError(t, err)
	require.Equal(t, []string{"a.example:1", "b.example:2"}, listed)

	list(t, path)
	short, end := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer end()
	_, err = ListNodes(short, c)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "the source lists no nodes")
	_, err = Session(short, c, nil)
	require.ErrorContains(t, err, "target main: ")
}

func TestPlacesOfNodesThatCannotBeReadAreNamed(t *testing.T) {
	t.Parallel()
	empty := filepath.Join(t.TempDir(), "empty.txt")
	require.NoError(t, os.WriteFile(empty, []byte("\nsecret\n"), 0o600))
	etcd := configs.DiscoveryEtcd{Endpoints: []string{"127.0.0.1:1"}, Prefix: "/a/"}
	for want, change := range map[string]func(*configs.DiscoveryEtcd){
		"nothere.txt":             func(e *configs.DiscoveryEtcd) { e.Username, e.PasswordFile = "u", "nothere.txt" },
		"has an empty first line": func(e *configs.DiscoveryEtcd) { e.Username, e.PasswordFile = "u", empty },
		"nothere.crt":             func(e *configs.DiscoveryEtcd) { e.TLS.CA = "nothere.crt" },
		"nothere.pem":             func(e *configs.DiscoveryEtcd) { e.TLS.Cert, e.TLS.Key = "nothere.pem", "nothere.key" },
		"no prefix":               func(e *configs.DiscoveryEtcd) { e.Prefix = "" },
	} {
		broken := etcd
		change(&broken)
		c := target()
		c.Nodes, c.Discovery.Etcd = nil, broken
		_, err := Targets(configs.Config{Targets: []configs.Target{c}}, nil, Deps{})
		require.ErrorContains(t, err, "target main: ")
		require.NotContains(t, err.Error(), "secret")
		require.ErrorContains(t, err, want)
	}
	c := target()
	c.Nodes, c.Discovery.Etcd = nil, etcd
	_, err := Targets(configs.Config{Targets: []configs.Target{c}}, accounts(t), Deps{})
	require.NoError(t, err, "nothing is asked yet")
}
