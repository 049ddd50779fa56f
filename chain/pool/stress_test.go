package pool

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/chaintest"
)

// usage counts the leases on each connection.
type usage struct {
	mu    sync.Mutex
	now   map[Conn]int
	most  int
	total int
}

func (u *usage) add(c Conn, by int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.now[c] += by
	if u.now[c] == 0 {
		delete(u.now, c)
	}
	u.most = max(u.most, u.now[c])
	u.total += max(by, 0)
}

// caller leases and releases until ctx ends.
func caller(ctx context.Context, t *testing.T, p *Pool, u *usage) {
	for ctx.Err() == nil {
		asking, cancel := context.WithTimeout(context.Background(), rand.N(2*time.Second))
		ask(asking, t, p, u)
		cancel()
		time.Sleep(rand.N(20 * time.Millisecond))
	}
}

func ask(ctx context.Context, t *testing.T, p *Pool, u *usage) {
	n, err := p.Choose(Want{})
	if err != nil {
		if !chain.Is(err, chain.KindUnavailable) || !chain.Unsent(err) {
			t.Errorf("choose: %v", err)
		}
		return
	}
	l, err := n.Lease(ctx, rand.N(time.Second), rand.IntN(10) == 0)
	if err != nil {
		if !chain.Is(err, chain.KindUnavailable, chain.KindOverloaded) || !chain.Unsent(err) {
			t.Errorf("lease: %v", err)
		}
		return
	}
	u.add(l.Conn(), 1)
	began := time.Now()
	_, err = l.Conn().Call(ctx, chain.CallMsg{})
	o := Outcome{Result: Answered, Latency: time.Since(began)}
	if err != nil {
		o.Result = Result(rand.IntN(3))
	}
	u.add(l.Conn(), -1)
	l.Release(o)
}

// mischief makes one thing bad, or good again.
func mischief(ctx context.Context, p *Pool, c *chaintest.Chain, nodes []string) {
	node := nodes[rand.IntN(len(nodes))]
	late := func(ctx context.Context, op string) error {
		select {
		case <-time.After(rand.N(100 * time.Millisecond)):
			return nil
		case <-ctx.Done():
			return chaintest.Hang(ctx, op)
		}
	}
	switch rand.IntN(12) {
	case 0:
		c.Cut(node, chaintest.Refused)
	case 1, 2:
		c.Cut(node, nil)
	case 3:
		c.Set(node, func(n *chaintest.Node) { n.Ask = chaintest.Hang })
	case 4, 5, 6:
		c.Set(node, func(n *chaintest.Node) { n.Ask, n.Down, n.Unserved = late, nil, nil })
	case 7:
		c.Set(node, func(n *chaintest.Node) { n.Unserved = chaintest.Refused })
	case 8:
		_ = p.Cordon(ctx, node, "stress") // it may not be listed
	case 9:
		_ = p.Uncordon(ctx, node)
	case 10:
		_ = p.SetNodes(nodes)
	case 11:
		some := append([]string(nil), nodes...)
		rand.Shuffle(len(some), func(i, j int) { some[i], some[j] = some[j], some[i] })
		_ = p.SetNodes(some[:1+rand.IntN(len(some))])
	}
}

// Whatever happens to nodes, bounds hold, nothing is lost and nothing is left.
func TestStress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		nodes := []string{"a:1", "b:1", "c:1", "d:1", "e:1"}
		c := chaintest.New(nodes...)
		var dialing, mostDials atomic.Int32
		cfg := Config{
			Target: chain.Target{Name: "main"}, Nodes: nodes, MaxConns: 3, PerConn: 2, MaxPerConn: 4, MaxDials: 2,
			IdleTimeout: time.Second, Lifetime: 3 * time.Second, DrainTimeout: 2 * time.Second,
			Dial: func(ctx context.Context, node string) (Conn, error) {
				mostDials.Store(max(mostDials.Load(), dialing.Add(1)))
				defer dialing.Add(-1)
				return dialler(c)(ctx, node)
			},
		}
		p, err := New(cfg)
		require.NoError(t, err)
		require.NoError(t, p.Start(t.Context()))

		u := &usage{now: map[Conn]int{}}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var wg sync.WaitGroup
		for range 40 {
			wg.Go(func() { caller(ctx, t, p, u) })
		}
		for ctx.Err() == nil {
			mischief(ctx, p, c, nodes)
			time.Sleep(rand.N(100 * time.Millisecond))
		}
		wg.Wait()
		require.LessOrEqual(t, u.most, 4, "requests on a connection")
		require.Greater(t, u.total, 1000)
		for _, name := range nodes {
			require.LessOrEqual(t, c.MostOpen(name), 3, "connections to a node")
		}
		require.LessOrEqual(t, mostDials.Load(), int32(2))

		// All is well again, and so is the pool.
		c.SetAll(func(n *chaintest.Node) { n.Ask, n.Down, n.Unserved = nil, nil, nil })
		require.NoError(t, p.SetNodes(nodes))
		for _, name := range nodes {
			require.NoError(t, p.Uncordon(t.Context(), name))
		}
		time.Sleep(20 * time.Second)
		s := p.Stat()
		t.Logf("%d leases given, %+v", u.total, s)
		require.Equal(t, 5, s.Usable, "%+v", p.Nodes())
		require.Zero(t, s.InFlight)
		require.Zero(t, s.Waiting)
		require.Zero(t, s.Dialing)
		require.Equal(t, uint64(u.total), s.Leases)
		require.Equal(t, nodes, names(p))
		require.NoError(t, p.Stop(t.Context()))
		for _, name := range nodes {
			require.Zero(t, c.Open(name))
		}
	})
}
