package pool

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/chaintest"
)

var one = []string{"a:1"}

// lease takes a lease on the only node, which must have a place at once.
func lease(t *testing.T, p *Pool) Lease {
	t.Helper()
	n, err := p.Choose(Want{})
	require.NoError(t, err)
	l, err := n.Lease(t.Context(), time.Nanosecond, false)
	require.NoError(t, err)
	return l
}

func TestConnectionsAreOpenedOnDemand(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(one...)
		p := startPool(t, c, one, func(cfg *Config) { cfg.MaxConns, cfg.PerConn, cfg.MaxPerConn = 3, 2, 4 })
		synctest.Wait()
		require.Equal(t, 1, c.Open("a:1"), "one without requests")
		var leases []Lease
		for _, open := range []int{1, 1, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3} {
			leases = append(leases, lease(t, p))
			synctest.Wait()
			require.Equal(t, open, c.Open("a:1"), "with %d in flight", len(leases))
		}
		require.Equal(t, Stat{Nodes: 1, Usable: 1, Open: 3, InFlight: 12, Dials: 3, Leases: 12, Changes: p.Stat().Changes}, p.Stat())
		for _, m := range p.first().members {
			require.Equal(t, 4, m.inFlight)
		}
		_, err := p.first().Lease(t.Context(), time.Second, false)
		require.True(t, chain.Is(err, chain.KindOverloaded), "%v", err)
		require.True(t, chain.Unsent(err))
		for _, l := range leases {
			l.Release(Outcome{})
		}
		require.Zero(t, p.Stat().InFlight)
	})
}

// first is the first node of the list.
func (p *Pool) first() *Node { return (*p.nodes.Load())[0] }

func TestWaitsAreServedInTheirOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(one...)
		p := startPool(t, c, one, func(cfg *Config) { cfg.MaxConns, cfg.MaxPerConn = 1, 1 })
		synctest.Wait()
		held := lease(t, p)
		var served []int
		var wg sync.WaitGroup
		for i := range 5 {
			wg.Go(func() {
				l, err := p.first().Lease(t.Context(), 0, false)
				if err != nil {
					t.Error(err)
					return
				}
				served = append(served, i) // one at a time has the only place
				time.Sleep(time.Second)
				l.Release(Outcome{})
			})
			synctest.Wait()
		}
		require.Equal(t, 5, p.Stat().Waiting)
		time.Sleep(time.Second)
		held.Release(Outcome{})
		wg.Wait()
		require.Equal(t, []int{0, 1, 2, 3, 4}, served)
		s := p.Stat()
		require.Equal(t, uint64(5), s.Waits)
		require.Equal(t, (1+2+3+4+5)*time.Second, s.WaitTime)
		require.Zero(t, s.Refused)
	})
}

func TestWaitForALeaseIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(one...)
		p := startPool(t, c, one, func(cfg *Config) { cfg.MaxConns, cfg.MaxPerConn = 1, 1 })
		synctest.Wait()
		held := lease(t, p)
		began := time.Now()
		_, err := p.first().Lease(t.Context(), 3*time.Second, false)
		require.True(t, chain.Is(err, chain.KindOverloaded), "%v", err)
		require.Equal(t, 3*time.Second, time.Since(began))

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = p.first().Lease(ctx, 0, false)
		require.True(t, chain.Is(err, chain.KindOverloaded), "%v", err)
		require.ErrorIs(t, err, context.DeadlineExceeded)

		ctx, cancel = context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		_, err = p.first().Lease(ctx, time.Hour, false)
		require.True(t, chain.Is(err, chain.KindCanceled), "%v", err)
		require.True(t, chain.Unsent(err))
		require.Equal(t, uint64(3), p.Stat().Refused)
		require.Zero(t, p.Stat().Waiting)

		held.Release(Outcome{})
		lease(t, p).Release(Outcome{}) // nobody who gave up kept the place
	})
}

func TestWaitEndsWhenTheNodeGoesOffline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(one...)
		p := startPool(t, c, one, func(cfg *Config) { cfg.MaxConns, cfg.MaxPerConn = 1, 1 })
		synctest.Wait()
		held := lease(t, p)
		time.AfterFunc(time.Second, func() { c.Cut("a:1", chaintest.Refused) })
		began := time.Now()
		_, err := p.first().Lease(t.Context(), time.Minute, false)
		require.True(t, chain.Is(err, chain.KindUnavailable), "%v", err)
		require.Equal(t, time.Second, time.Since(began))
		held.Release(Outcome{Result: Failed})
	})
}

func TestIdleConnectionsBeyondTheLeastAreClosed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(one...)
		p := startPool(t, c, one, func(cfg *Config) {
			cfg.MaxConns, cfg.MinConns, cfg.PerConn, cfg.IdleTimeout, cfg.Lifetime = 5, 2, 1, time.Minute, -1
		})
		synctest.Wait()
		require.Equal(t, 2, c.Open("a:1"))
		var leases []Lease
		for c.Open("a:1") < 5 {
			leases = append(leases, lease(t, p))
			synctest.Wait()
		}
		leases = append(leases, lease(t, p)) // on the last one
		time.Sleep(time.Hour)
		require.Equal(t, 5, c.Open("a:1"), "all are in use")
		for _, l := range leases[1:] {
			l.Release(Outcome{})
		}
		time.Sleep(54*time.Second - time.Nanosecond)
		require.Equal(t, 5, c.Open("a:1"), "a tenth earlier is the earliest")
		time.Sleep(12 * time.Second) // and a heartbeat is how often the owner looks
		synctest.Wait()
		require.Equal(t, 2, c.Open("a:1"))
		require.Equal(t, uint64(3), p.Stat().ClosedIdle)
		leases[0].Release(Outcome{})
		time.Sleep(time.Hour / 2)
		require.Equal(t, 2, c.Open("a:1"))
		require.True(t, p.Nodes()[0].Online)
	})
}

func TestOldConnectionsAreReplacedBeforeTheyAreRetired(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(one...)
		p := startPool(t, c, one, func(cfg *Config) { cfg.Lifetime, cfg.DrainTimeout = time.Minute, 10*time.Second })
		synctest.Wait()
		began := time.Now()
		old := lease(t, p)
		for c.Dials("a:1") < 2 {
			time.Sleep(10 * time.Millisecond)
			require.True(t, p.Nodes()[0].Online)
		}
		require.InDelta(t, 57, time.Since(began).Seconds(), 3.1, "jitter takes up to a tenth off")
		synctest.Wait()
		require.Equal(t, 2, c.Open("a:1"), "the old one has a request in flight")
		next := lease(t, p)
		require.NotSame(t, old.Conn(), next.Conn(), "no new leases on the old one")
		next.Release(Outcome{})

		old.Release(Outcome{})
		synctest.Wait()
		require.Equal(t, 1, c.Open("a:1"), "closed with the last lease")
		require.Equal(t, uint64(1), p.Stat().ClosedLifetime)

		// One that is not released is closed when its time is over.
		hung := lease(t, p)
		time.Sleep(61 * time.Second)
		require.Equal(t, 2, c.Open("a:1"))
		time.Sleep(10 * time.Second)
		synctest.Wait()
		require.Equal(t, 1, c.Open("a:1"))
		<-hung.Conn().Done()
		hung.Release(Outcome{})
		require.Zero(t, p.Stat().Changes[Offline].Began, "the node was never offline")

		// Without requests the successor comes first, too.
		c.Set("a:1", func(n *chaintest.Node) {
			n.Ask = func(_ context.Context, op string) error {
				if op == "dial" {
					time.Sleep(time.Second)
				}
				return nil
			}
		})
		for dials := c.Dials("a:1"); c.Dials("a:1") < dials+2; time.Sleep(10 * time.Millisecond) {
			require.Len(t, *p.first().open.Load(), 1)
		}
	})
}

// A further connection serves those who wait in their order; who wants a new one
// gets no old one, and holds nobody up who takes any.
func TestANewConnectionServesThoseWhoWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(one...)
		c.Set("a:1", func(n *chaintest.Node) {
			n.Ask = func(_ context.Context, op string) error {
				if op == "dial" {
					time.Sleep(time.Second)
				}
				return nil
			}
		})
		p := startPool(t, c, one, func(cfg *Config) { cfg.MaxConns, cfg.MaxPerConn = 2, 2 })
		require.NoError(t, p.WaitReady(t.Context()))
		held := []Lease{lease(t, p), lease(t, p)}
		type served struct {
			who   string
			after time.Duration
			conn  Conn
		}
		var order []served
		var mu sync.Mutex
		var wg sync.WaitGroup
		began := time.Now()
		for _, who := range []string{"fresh", "any 1", "any 2", "any 3"} {
			wg.Go(func() {
				l, err := p.first().Lease(t.Context(), 0, who == "fresh")
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				order = append(order, served{who, time.Since(began), l.Conn()})
				mu.Unlock()
				time.Sleep(time.Minute)
				l.Release(Outcome{})
			})
			synctest.Wait()
		}
		time.Sleep(time.Second / 2)
		held[0].Release(Outcome{})
		synctest.Wait()
		soFar := func() []served {
			mu.Lock()
			defer mu.Unlock()
			return slices.Clone(order)
		}
		require.Equal(t, []served{{"any 1", time.Second / 2, held[0].Conn()}}, soFar())
		time.Sleep(time.Second)
		synctest.Wait()
		require.Len(t, soFar(), 3, "the new connection has two places")
		require.Equal(t, 1, p.Stat().Waiting)
		for _, s := range soFar()[1:] {
			require.NotEqual(t, "any 3", s.who)
			require.Equal(t, time.Second, s.after)
			require.NotSame(t, held[0].Conn(), s.conn)
		}
		held[1].Release(Outcome{})
		wg.Wait()
		require.Equal(t, "any 3", order[3].who)
	})
}

func TestTheOnlyConnectionIsReplacedInAMomentWithoutRequests(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(one...)
		c.Set("a:1", func(n *chaintest.Node) {
			n.Ask = func(_ context.Context, op string) error {
				if op == "dial" {
					time.Sleep(time.Second)
				}
				return nil
			}
		})
		p := startPool(t, c, one, func(cfg *Config) { cfg.MaxConns, cfg.Lifetime = 1, time.Minute })
		require.NoError(t, p.WaitReady(t.Context()))
		l := lease(t, p)
		time.Sleep(time.Hour)
		require.Equal(t, 1, c.Dials("a:1"))
		l.Release(Outcome{})
		synctest.Wait()
		require.Equal(t, 2, c.Dials("a:1"))
		n, err := p.Choose(Want{})
		require.NoError(t, err, "it is not offline")
		began := time.Now()
		again, err := n.Lease(t.Context(), 3*time.Second, false)
		require.NoError(t, err)
		require.Equal(t, time.Second, time.Since(began), "the wait shares the dial")
		require.NotSame(t, l.Conn(), again.Conn())
		again.Release(Outcome{})
		require.Equal(t, 1, c.MostOpen("a:1"))
		require.Zero(t, p.Stat().Changes[Offline].Began)
	})
}

func TestFreshLeases(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(one...)
		var fail atomic.Bool
		c.Set("a:1", func(n *chaintest.Node) {
			n.Ask = func(_ context.Context, op string) error {
				if op == "dial" {
					time.Sleep(time.Second)
					if fail.Load() {
						return chaintest.Refused
					}
				}
				return nil
			}
		})
		p := startPool(t, c, one, func(cfg *Config) { cfg.MaxConns = 3 })
		require.NoError(t, p.WaitReady(t.Context()))
		first := lease(t, p)
		take := func(wait time.Duration) (Lease, time.Duration) {
			began := time.Now()
			l, err := p.first().Lease(t.Context(), wait, true)
			require.NoError(t, err)
			return l, time.Since(began)
		}
		fresh, took := take(3 * time.Second)
		require.Equal(t, time.Second, took, "it is dialled for")
		require.NotSame(t, first.Conn(), fresh.Conn())

		// A failed dial falls back on the youngest, and so does a fresh lease until the
		// pause before the next dial is over.
		fail.Store(true)
		youngest, took := take(3 * time.Second)
		require.Equal(t, time.Second, took)
		require.Same(t, fresh.Conn(), youngest.Conn())
		fail.Store(false)
		time.Sleep(time.Minute)

		// Many share one dial.
		var wg sync.WaitGroup
		conns := make([]Conn, 10)
		for i := range conns {
			wg.Go(func() { l, _ := take(3 * time.Second); conns[i] = l.Conn(); l.Release(Outcome{}) })
		}
		wg.Wait()
		for _, conn := range conns {
			require.Same(t, conns[0], conn)
		}
		require.Equal(t, 3, c.Open("a:1"))

		// With all connections open it is the youngest.
		last, took := take(time.Nanosecond)
		require.Zero(t, took)
		require.Same(t, conns[0], last.Conn())
		for _, l := range []Lease{first, fresh, youngest, last} {
			l.Release(Outcome{})
		}
		require.Equal(t, 3, c.MostOpen("a:1"))
	})
}

func TestFreshLeaseTakesWhatThereIsWhenTheDialHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(one...)
		p := startPool(t, c, one)
		require.NoError(t, p.WaitReady(t.Context()))
		c.Set("a:1", func(n *chaintest.Node) {
			n.Ask = func(ctx context.Context, op string) error {
				if op == "dial" {
					<-ctx.Done()
				}
				return ctx.Err()
			}
		})
		began := time.Now()
		l, err := p.first().Lease(t.Context(), 3*time.Second, true)
		require.NoError(t, err)
		require.Equal(t, 3*time.Second, time.Since(began))
		l.Release(Outcome{})

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = p.first().Lease(ctx, 3*time.Second, true)
		require.True(t, chain.Is(err, chain.KindOverloaded), "nobody waits for it any more: %v", err)
	})
}

func TestDialsAreFewAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		nodes := []string{"a:1", "b:1", "c:1", "d:1", "e:1", "f:1", "g:1"}
		c := chaintest.New(nodes...)
		var now, most atomic.Int32
		each := map[string]*atomic.Int32{}
		for _, name := range nodes {
			each[name] = new(atomic.Int32)
			c.Set(name, func(n *chaintest.Node) {
				n.Ask = func(_ context.Context, op string) error {
					if op != "dial" {
						return nil
					}
					if each[name].Add(1) > 1 {
						return errors.New("two dials to one node")
					}
					most.Store(max(most.Load(), now.Add(1)))
					time.Sleep(time.Second)
					now.Add(-1)
					each[name].Add(-1)
					return nil
				}
			})
		}
		p := startPool(t, c, nodes, func(cfg *Config) { cfg.MinConns, cfg.MaxConns, cfg.MaxDials = 4, 4, 3 })
		time.Sleep(time.Minute)
		require.Equal(t, int32(3), most.Load())
		require.Zero(t, p.Stat().DialFailures)
		require.Equal(t, 28, p.Stat().Open)
	})
}
