package pool

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/chaintest"
)

// steady is a connection whose head costs nothing, so that the pool is measured.
type steady struct {
	Conn
	head chain.Head
}

func (s steady) Head(context.Context) (chain.Head, error) { return s.head, nil }

// Nothing is allocated while connections have places.
func BenchmarkLease(b *testing.B) {
	p := benchPool(b)
	b.ReportAllocs()
	for b.Loop() {
		if err := once(b.Context(), p); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLeaseParallel(b *testing.B) {
	p := benchPool(b)
	b.ReportAllocs()
	b.SetParallelism(100)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := once(b.Context(), p); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func giveUp() {}

// once chooses, leases and releases.
func once(ctx context.Context, p *Pool) error {
	n, err := p.Choose(Want{MinHead: 7})
	if err != nil {
		return err
	}
	l, err := n.Lease(ctx, time.Second, false)
	if err != nil {
		return err
	}
	l.AtOnce(giveUp)
	l.Release(Outcome{Result: Answered, Latency: time.Millisecond})
	return nil
}

// benchPool is a pool with four nodes that are online.
func benchPool(b *testing.B) *Pool {
	b.Helper()
	c := chaintest.New(four...)
	p, err := New(Config{Nodes: four, Dial: func(ctx context.Context, node string) (Conn, error) {
		conn, err := c.Dial(ctx, node)
		return steady{Conn: conn, head: chain.Head{Number: 100, At: time.Now()}}, err
	}})
	require.NoError(b, err)
	require.NoError(b, p.Start(b.Context()))
	b.Cleanup(func() { require.NoError(b, p.Stop(context.Background())) })
	for p.Stat().Usable < len(four) {
		require.NoError(b, p.WaitReady(b.Context()))
	}
	return p
}

// That nothing is allocated holds in every run, not only in a benchmark.
func TestLeaseAllocatesNothing(t *testing.T) { //nolint:paralleltest // testing.AllocsPerRun forbids it
	c := chaintest.New(four...)
	p := startPool(t, c, four)
	for p.Stat().Usable < len(four) {
		require.NoError(t, p.WaitReady(t.Context()))
	}
	require.LessOrEqual(t, testing.AllocsPerRun(1000, func() {
		if err := once(t.Context(), p); err != nil {
			t.Error(err)
		}
	}), 1.0)
}
