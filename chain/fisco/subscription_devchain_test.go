package fisco

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/fisco/suite"
	"github.com/bcosgate/bcosgate/chain/fisco/tx"
	"github.com/bcosgate/bcosgate/contracts"
	"github.com/bcosgate/bcosgate/internal/testkit"
)

// cutter passes connections on to a node, and resets each after a random number
// of bytes from the node while it is on.
type cutter struct {
	node string
	on   atomic.Bool
	cuts atomic.Int64

	mu     sync.Mutex
	random *rand.Rand
}

func (c *cutter) serve(client net.Conn) {
	node, err := net.Dial("tcp", c.node)
	if err != nil {
		return
	}
	defer node.Close()
	var up sync.WaitGroup
	up.Go(func() {
		_, _ = io.Copy(node, client)
		_ = node.Close()
	})
	c.mu.Lock()
	budget := int64(100_000 + c.random.IntN(100_000)) // more than what is pushed again: 10 blocks
	c.mu.Unlock()
	for {
		n, err := io.CopyN(client, node, 512)
		budget -= n
		if err != nil {
			break
		}
		if budget < 0 && c.on.Load() {
			c.cuts.Add(1)
			_ = client.(*net.TCPConn).SetLinger(0) // what is on its way is lost
			break
		}
	}
	_ = client.Close()
	up.Wait()
}

// Over a chain that executes with a real EVM and a connection that is reset again
// and again: history and live, each event once, in order and decoded.
func TestEventsOfADevelopmentChain(t *testing.T) {
	t.Parallel()
	const blocks, each = 60, 5
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	d := testkit.NewDevnet(t, 1, 20*time.Millisecond).Serve()
	cut := &cutter{node: d.Nodes[0], random: rand.New(rand.NewPCG(seed, 0))}
	cut.on.Store(true)

	cfg := DialConfig{Address: d.Nodes[0], TLS: d.ClientTLS(t), ChainID: "chain0", Group: "group0"}
	writer, err := Dial(ctx, cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, writer.Close()) })
	cfg.Address = listen(t, cut.serve)
	var session *Session
	for session == nil { // it may be cut while it is being opened
		session, err = OpenSession(ctx, SessionConfig{DialConfig: cfg, BackoffMin: time.Millisecond, BackoffMax: 20 * time.Millisecond})
		require.NoError(t, ctx.Err(), "%v", err)
	}
	t.Cleanup(func() { require.NoError(t, session.Close()) })

	// One account writes evidence, each in a transaction of its own.
	key, err := suite.GenerateKey(suite.Standard)
	require.NoError(t, err)
	signer := tx.NewSigner(key, "chain0", "group0")
	send := func(intent chain.Intent, ref string) chain.Receipt {
		signed, err := signer.Sign(intent, chain.Terms{Nonce: signer.Nonce(ref), BlockLimit: 500})
		if err != nil {
			t.Error(err)
			return chain.Receipt{}
		}
		receipt, err := writer.Send(ctx, signed)
		if err != nil || !receipt.Succeeded {
			t.Errorf("%s: %v %+v", ref, err, receipt)
		}
		return receipt
	}
	evidence, found := contracts.Builtin("Evidence")
	require.True(t, found)
	contract := send(chain.Intent{Input: evidence.Bytecode}, "deploy").Contract
	require.NotNil(t, contract)
	save, err := evidence.ABI.Method("save")
	require.NoError(t, err)
	var mu sync.Mutex
	sent := map[common.Hash]chain.Receipt{}
	write := func(from, to int) {
		for block := from; block < to; block++ {
			var wg sync.WaitGroup
			for i := range each {
				input, err := save.Encode([]any{common.BigToHash(common.Big1).Hex()[:58] + fmt.Sprintf("%08x", block*each+i), fmt.Sprint("text ", block)})
				require.NoError(t, err)
				wg.Go(func() {
					receipt := send(chain.Intent{To: contract, Input: input}, fmt.Sprint(block, "/", i))
					mu.Lock()
					sent[receipt.TxHash] = receipt
					mu.Unlock()
				})
			}
			wg.Wait()
		}
	}

	write(0, blocks/2)
	var sub *Subscription
	for sub == nil {
		sub, err = session.Subscribe(ctx, EventFilter{
			FromBlock: 1, Addresses: []common.Address{*contract}, OnlySucceeded: true,
			Decode: func(log chain.Log) (any, error) { return evidence.ABI.DecodeLog(log) },
		})
		require.NoError(t, ctx.Err(), "%v", err)
	}
	var live sync.WaitGroup
	live.Go(func() { write(blocks/2, blocks) })
	got := collect(ctx, t, sub, blocks*each)
	live.Wait()

	mu.Lock()
	defer mu.Unlock()
	require.Len(t, sent, blocks*each)
	for i, e := range got {
		if i > 0 {
			require.Negative(t, inOrder(got[i-1], e), "event %d", i)
		}
		receipt, mine := sent[e.TxHash]
		require.True(t, mine, "event %d came twice or from nowhere", i)
		delete(sent, e.TxHash)
		require.Equal(t, receipt.BlockNumber, e.Block)
		require.Equal(t, receipt.Logs[0], e.Log())
		require.NoError(t, e.DecodeErr)
		require.Equal(t, "Saved", e.Decoded.(contracts.Event).Name)
	}
	require.Empty(t, sent)
	require.Greater(t, cut.cuts.Load(), int64(1), "the connection was reset")
	t.Logf("%d events, %d resets", len(got), cut.cuts.Load())

	// Nothing more comes, and Close says so at once.
	cut.on.Store(false)
	require.NoError(t, sub.Close())
	require.Empty(t, rest(sub))
	require.NoError(t, sub.Err())

	// The node ends what has an end; its own order is checked again.
	head, err := writer.BlockNumber(ctx)
	require.NoError(t, err)
	whole, err := writer.Subscribe(ctx, EventFilter{FromBlock: 1, ToBlock: head})
	require.NoError(t, err)
	again := rest(whole)
	require.NoError(t, whole.Err())
	require.Equal(t, places(got), places(again))

	// It knows no AMOP subscribers.
	_, err = writer.Publish(ctx, "topic", []byte("data"))
	require.True(t, chain.Is(err, chain.KindNotFound), "%v", err)
	require.NoError(t, writer.Broadcast(ctx, "topic", []byte("data")))
	_, err = writer.BlockNumber(ctx)
	require.NoError(t, err)
}
