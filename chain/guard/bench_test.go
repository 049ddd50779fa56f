package guard

import (
	"context"
	"encoding/binary"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/pool"
)

// instant is a connection that answers calls at once and allocates nothing, so that
// what remains is the cost of everything around it.
type instant struct {
	pool.Conn

	since  time.Time
	done   chan struct{}
	output []byte
}

func (c *instant) Head(context.Context) (chain.Head, error) {
	return chain.Head{Number: 100, At: c.since}, nil
}

func (c *instant) Done() <-chan struct{} { return c.done }
func (c *instant) Close() error          { return nil }

func (c *instant) Identity(context.Context) (chain.Identity, error) {
	return chain.Identity{ChainID: "chain0"}, nil
}

func (c *instant) BlockNumber(context.Context) (uint64, error) { return 100, nil }

func (c *instant) Call(context.Context, chain.CallMsg) (chain.CallResult, error) {
	return chain.CallResult{BlockNumber: 100, Output: c.output}, nil
}

// startInstant starts a pool of four nodes that answer at once.
func startInstant(b testing.TB) *pool.Pool {
	b.Helper()
	output := make([]byte, 32)
	p, err := pool.New(pool.Config{
		Target: chain.Target{Name: "main"},
		Nodes:  []string{"a:1", "b:1", "c:1", "d:1"},
		Dial: func(context.Context, string) (pool.Conn, error) {
			return &instant{since: time.Now(), done: make(chan struct{}), output: output}, nil
		},
	})
	require.NoError(b, err)
	require.NoError(b, p.Start(context.Background()))
	b.Cleanup(func() { require.NoError(b, p.Stop(context.Background())) })
	require.NoError(b, p.WaitReady(b.Context()))
	return p
}

// everything has every policy on, with limits that keep no call back.
func everything() Config {
	return Config{Query: Policy{Hedge: true, Rate: 1e9, Burst: 1e9, NodeRate: 1e9, NodeBurst: 1e9}}
}

// BenchmarkRead is a call that is in no cache, with every policy on.
func BenchmarkRead(b *testing.B) { benchmarkRead(b, everything()) }

// BenchmarkReadDefaults is the same with what is on by itself.
func BenchmarkReadDefaults(b *testing.B) { benchmarkRead(b, Config{}) }

func benchmarkRead(b *testing.B, cfg Config) {
	g, err := New(cfg, startInstant(b))
	require.NoError(b, err)
	input := make([]byte, 36)
	n := uint64(0)
	b.ReportAllocs()
	for b.Loop() {
		n++
		binary.BigEndian.PutUint64(input[4:], n)
		if _, err := g.Call(b.Context(), chain.CallMsg{To: common.MaxAddress, Input: input}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkReadCached is a call that is answered from the cache.
func BenchmarkReadCached(b *testing.B) {
	g, err := New(everything(), startInstant(b))
	require.NoError(b, err)
	input := make([]byte, 36)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := g.Call(b.Context(), chain.CallMsg{To: common.MaxAddress, Input: input}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkBare is the same call on a lease, without a guard.
func BenchmarkBare(b *testing.B) {
	p := startInstant(b)
	input := make([]byte, 36)
	b.ReportAllocs()
	for b.Loop() {
		n, err := p.Choose(pool.Want{})
		if err != nil {
			b.Fatal(err)
		}
		l, err := n.Lease(b.Context(), 0, false)
		if err != nil {
			b.Fatal(err)
		}
		_, err = l.Conn().Call(b.Context(), chain.CallMsg{To: common.MaxAddress, Input: input})
		l.Release(pool.Outcome{Result: pool.Answered})
		if err != nil {
			b.Fatal(err)
		}
	}
}
