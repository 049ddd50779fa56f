package guard_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/fisco"
	"github.com/bcosgate/bcosgate/chain/fisco/suite"
	"github.com/bcosgate/bcosgate/chain/fisco/tx"
	"github.com/bcosgate/bcosgate/chain/guard"
	"github.com/bcosgate/bcosgate/chain/pool"
	"github.com/bcosgate/bcosgate/contracts"
	"github.com/bcosgate/bcosgate/internal/testkit"
)

func startPool(t *testing.T, d *testkit.Devnet) (*pool.Pool, *guard.Guard) {
	t.Helper()
	client := d.ClientTLS(t)
	p, err := pool.New(pool.Config{
		Target: chain.Target{Name: "dev", Family: chain.FISCO3, ChainID: "chain0", Group: "group0"},
		Nodes:  d.Nodes,
		Dial: func(ctx context.Context, node string) (pool.Conn, error) {
			c, err := fisco.Dial(ctx, fisco.DialConfig{Address: node, TLS: client, ChainID: "chain0", Group: "group0"})
			if err != nil {
				return nil, err // not a nil *Client inside a Conn
			}
			return c, nil
		},
	})
	require.NoError(t, err)
	require.NoError(t, p.Start(context.Background()))
	t.Cleanup(func() { require.NoError(t, p.Stop(context.Background())) })
	g, err := guard.New(guard.Config{}, p)
	require.NoError(t, err)
	return p, g
}

// The whole way: keys, transactions, TLS, WebSocket, pool, and a chain that
// executes with a real EVM.
func TestEndToEnd(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	d := testkit.NewDevnet(t, 3, -1).Serve()
	p, g := startPool(t, d)
	require.NoError(t, p.WaitReady(ctx))

	id, err := g.Identity(ctx)
	require.NoError(t, err)
	require.Equal(t, chain.Identity{ChainID: "chain0", Group: "group0", Genesis: d.Chain.GenesisHash()}, id)
	genesis, err := g.Block(ctx, 0)
	require.NoError(t, err)
	require.Equal(t, d.Chain.GenesisHash(), genesis.Hash)

	key, err := suite.GenerateKey(suite.Standard)
	require.NoError(t, err)
	signer := tx.NewSigner(key, "chain0", "group0")
	sign := func(intent chain.Intent, ref string, limit uint64) chain.SignedTx {
		signed, err := signer.Sign(intent, chain.Terms{Nonce: signer.Nonce(ref), BlockLimit: limit})
		require.NoError(t, err)
		return signed
	}
	evidence, found := contracts.Builtin("Evidence")
	require.True(t, found)
	save, err := evidence.ABI.Method("save")
	require.NoError(t, err)
	intent := func(to common.Address, digest, text string) chain.Intent {
		input, err := save.Encode([]any{digest, text})
		require.NoError(t, err)
		return chain.Intent{To: &to, Input: input}
	}

	// Deploy, and read the code back.
	deployed, err := g.Send(ctx, sign(chain.Intent{Input: evidence.Bytecode, ABI: evidence.ABI.JSON()}, "deploy", 500))
	require.NoError(t, err)
	require.True(t, deployed.Succeeded)
	require.NotNil(t, deployed.Contract)
	require.Nil(t, deployed.To)
	address := *deployed.Contract
	code, err := g.Code(ctx, address)
	require.NoError(t, err)
	require.NotEmpty(t, code)

	// Many at once, over all nodes.
	const n = 200
	var wg sync.WaitGroup
	for i := range n {
		tx := sign(intent(address, common.BigToHash(common.Big32).Hex()[:62]+fmt.Sprintf("%04x", i), "text"), fmt.Sprint(i), 500)
		wg.Go(func() {
			receipt, err := g.Send(ctx, tx)
			if err != nil || !receipt.Succeeded || len(receipt.Logs) != 1 || receipt.From != signer.Address() {
				t.Errorf("transaction %d: %v, %+v", i, err, receipt)
				return
			}
			again, err := g.Receipt(ctx, tx.Hash)
			if err != nil || again.BlockNumber != receipt.BlockNumber {
				t.Errorf("receipt %d: %v", i, err)
			}
		})
	}
	wg.Wait()

	// A revert is a result, and so is that of a call.
	twice := sign(intent(address, common.BigToHash(common.Big32).Hex()[:62]+"0000", "again"), "twice", 500)
	reverted, err := g.Send(ctx, twice)
	require.NoError(t, err)
	require.False(t, reverted.Succeeded)
	require.Equal(t, "RevertInstruction", reverted.StatusName)
	called, err := g.Call(ctx, chain.CallMsg{To: address, Input: intent(address, common.BigToHash(common.Big32).Hex()[:62]+"0000", "again").Input})
	require.NoError(t, err)
	require.Equal(t, 16, called.Status)
	require.Equal(t, reverted.Output, called.Output)

	// The same bytes again are known by their nonce, and are not executed again.
	_, err = g.Send(ctx, twice)
	require.True(t, chain.Is(err, chain.KindNonceUsed), "%v", err)

	// A block limit that is too far ahead, or past.
	for _, limit := range []uint64{1, 100000} {
		_, err = g.Send(ctx, sign(intent(address, common.MaxHash.Hex(), "x"), fmt.Sprint("limit", limit), limit))
		require.True(t, chain.Is(err, chain.KindExpired), "%v", err)
	}

	// What was never sent is absent once the head is past its limit, not before.
	head, err := g.Head(ctx)
	require.NoError(t, err)
	lost := sign(intent(address, common.MaxHash.Hex(), "lost"), "lost", head.Number+1)
	_, err = g.ProveAbsent(ctx, lost.Hash, lost.Terms.BlockLimit)
	require.True(t, chain.Is(err, chain.KindPending), "%v", err)
	_, err = g.ProveAbsent(ctx, twice.Hash, twice.Terms.BlockLimit)
	require.True(t, chain.Is(err, chain.KindExists), "%v", err)
	for i := range 4 {
		_, err = g.Send(ctx, sign(intent(address, common.MaxHash.Hex(), "block"), fmt.Sprint("block", i), 500))
		require.NoError(t, err)
	}
	proof, err := g.ProveAbsent(ctx, lost.Hash, lost.Terms.BlockLimit)
	require.NoError(t, err)
	require.Len(t, proof.Witnesses, 2)
	require.Greater(t, proof.Head, lost.Terms.BlockLimit+2)

	// Two of three nodes stop: the third goes on.
	require.NoError(t, d.Endpoints[0].Stop(ctx))
	require.NoError(t, d.Endpoints[1].Stop(ctx))
	require.Eventually(t, func() bool { return !p.Nodes()[0].Online && !p.Nodes()[1].Online }, 20*time.Second, time.Millisecond)
	receipt, err := g.Send(ctx, sign(intent(address, common.MaxHash.Hex()[:64]+"00", "after"), "after", 500))
	require.NoError(t, err)
	require.True(t, receipt.Succeeded)
	_, err = g.ProveAbsent(ctx, lost.Hash, lost.Terms.BlockLimit)
	require.True(t, chain.Is(err, chain.KindUnavailable), "the word of one of three nodes is not enough: %v", err)
	require.Contains(t, p.Nodes()[0].Error, d.Nodes[0])
}
