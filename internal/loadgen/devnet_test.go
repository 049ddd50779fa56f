package loadgen

import (
	"context"
	"math/big"
	"path/filepath"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/configs"
	"github.com/bcosgate/bcosgate/contracts"
	"github.com/bcosgate/bcosgate/internal/assemble"
	"github.com/bcosgate/bcosgate/internal/testkit"
)

// network is a target over sockets with an Evidence contract.
type network struct {
	*testkit.Devnet
	assemble.Target
	signer   chain.Signer
	contract common.Address
}

func newNetwork(t *testing.T, sealTime time.Duration) *network {
	t.Helper()
	net := testkit.NewDevnet(t, 2, sealTime).Serve()
	cfg := configs.Default()
	cfg.Accounts = []configs.Account{{Name: "a", File: filepath.Join(t.TempDir(), "key.pem"), Create: true}}
	cfg.Targets = []configs.Target{{Name: "main", Family: "fisco3", Chain: "chain0", Group: "group0", Nodes: net.Nodes, Account: "a",
		TLS: configs.TargetTLS{CA: filepath.Join(net.Certs, "ca.crt"), Cert: filepath.Join(net.Certs, "sdk.crt"), Key: filepath.Join(net.Certs, "sdk.key")}}}
	require.NoError(t, cfg.Validate())
	accounts, err := assemble.Accounts(cfg.Accounts)
	require.NoError(t, err)
	targets, err := assemble.Targets(cfg, accounts, assemble.Deps{})
	require.NoError(t, err)
	require.NoError(t, assemble.Start(context.Background(), targets))
	t.Cleanup(func() { require.NoError(t, assemble.Stop(context.Background(), targets)) })
	require.NoError(t, targets[0].Pool.WaitReady(t.Context()))
	n := &network{Devnet: net, Target: targets[0], signer: targets[0].Accounts["a"]}
	artifact, _ := contracts.Builtin("Evidence")
	n.contract, err = Deploy(t.Context(), n.Guard, n.signer, artifact.Bytecode, artifact.ABI.JSON(), "deploy", 500)
	require.NoError(t, err)
	return n
}

func (n *network) target(t *testing.T, function string, args ...string) Target {
	t.Helper()
	artifact, _ := contracts.Builtin("Evidence")
	method, err := artifact.ABI.Method(function)
	require.NoError(t, err)
	arguments, err := ParseArguments(method, args)
	require.NoError(t, err)
	return Target{To: n.contract, Arguments: arguments}
}

// count is what the chain says of how many digests were saved.
func (n *network) count(t *testing.T) int64 {
	t.Helper()
	artifact, _ := contracts.Builtin("Evidence")
	method, err := artifact.ABI.Method("count")
	require.NoError(t, err)
	input, err := method.Encode(nil)
	require.NoError(t, err)
	answer, err := n.Guard.Call(t.Context(), chain.CallMsg{To: n.contract, Input: input})
	require.NoError(t, err)
	return new(big.Int).SetBytes(answer.Output).Int64()
}

func TestEachRequestIsOnTheChainOnce(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, 20*time.Millisecond)
	cfg := steady(200, 2*time.Second)
	cfg.MaxDelay = time.Minute // also on a machine that is busy
	cfg.Functions = []Function{{"save", 9}, {"again", 1}}
	again := n.target(t, "save", "0x0000000000000000000000000000000000000000000000000000000000000001", "x")
	w := NewTransactions(n.Guard, n.signer, []Target{n.target(t, "save"), again}, cfg.Seed, "run 1", 500)
	result, err := Run(t.Context(), cfg, w, nil)
	require.NoError(t, err)
	total := result.Total
	require.Equal(t, int64(400), total.Intended)
	require.Equal(t, total.Sent, total.Good+total.Failures["reverted"], "%v", total.Failures)
	require.Equal(t, total.Good, n.count(t), "what is said to be good is on the chain")
	require.Equal(t, int64(1), result.Functions[1].Good, "the same digest is saved once")
	require.Equal(t, total.Sent, total.Attempts)
	require.Equal(t, total.Sent, result.Nodes[n.Devnet.Nodes[0]]+result.Nodes[n.Devnet.Nodes[1]])
	require.Positive(t, total.Latency.Answer.Percentile(50))
}

func TestTransactionsThatWaitedTooLongAreSignedAnew(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, -1) // a block for each transaction
	cfg := steady(100, time.Second)
	cfg.MaxDelay = time.Minute
	w := NewTransactions(n.Guard, n.signer, []Target{n.target(t, "save")}, cfg.Seed, "run 1", 10)
	result, err := Run(t.Context(), cfg, w, nil)
	require.NoError(t, err)
	require.Empty(t, result.Total.Failures, "all were signed at the same head, with ten blocks to land")
	require.Equal(t, int64(100), n.count(t))
}

func TestReadsAreMeasuredToo(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, 20*time.Millisecond)
	cfg := steady(200, time.Second)
	cfg.MaxDelay = time.Minute
	cfg.Functions = []Function{{"count", 1}, {"get", 1}}
	w := NewCalls(n.Guard, []Target{n.target(t, "count"), n.target(t, "get")}, cfg.Seed)
	result, err := Run(t.Context(), cfg, w, nil)
	require.NoError(t, err)
	require.Equal(t, result.Functions[0].Intended, result.Functions[0].Good)
	require.Equal(t, result.Functions[1].Intended, result.Functions[1].Failures["reverted"], "nobody saved these")
	require.Zero(t, n.count(t))
	var answers int64
	for _, n := range result.Sources {
		answers += n
	}
	require.Equal(t, int64(200), answers)
	require.Positive(t, result.Sources[chain.SourceNode])
}

func TestDeploymentsThatFail(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, 20*time.Millisecond)
	_, err := Deploy(t.Context(), n.Guard, n.signer, common.FromHex("0x60006000fd"), "", "broken", 500) // it reverts
	require.ErrorIs(t, err, ErrReverted)
}
