package pool

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/chaintest"
)

func TestStop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(two...)
		c.Cut("b:1", chaintest.Refused)
		p := startPool(t, c, two)
		require.Error(t, p.Start(t.Context()), "twice")
		synctest.Wait()
		require.NoError(t, p.Stop(t.Context()))
		require.Zero(t, c.Open("a:1"))
		dials := c.Dials("b:1")
		time.Sleep(time.Hour)
		require.Equal(t, dials, c.Dials("b:1"))
		require.False(t, p.Nodes()[0].Online)
		_, err := p.Choose(Want{})
		require.True(t, chain.Is(err, chain.KindUnavailable))
		require.ErrorContains(t, err, "closed for good")
		require.True(t, chain.Is(p.WaitReady(t.Context()), chain.KindUnavailable), "it does not wait for what will not be")
		require.NoError(t, p.Stop(t.Context()), "twice")
		require.Error(t, p.Start(t.Context()))
	})
}

func TestStopWaitsForLeases(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(two...)
		p := startPool(t, c, two)
		synctest.Wait()
		l := leaseOn(t, p, "a:1")
		node := l.node
		time.AfterFunc(time.Minute, func() {
			_, err := node.Lease(context.Background(), 0, false)
			if !chain.Is(err, chain.KindUnavailable) {
				t.Errorf("a lease while the pool stops: %v", err)
			}
			if _, err := l.Conn().Call(context.Background(), chain.CallMsg{}); err != nil {
				t.Errorf("a call on a lease: %v", err)
			}
			l.Release(Outcome{})
		})
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		require.NoError(t, p.Stop(ctx))
		require.Equal(t, time.Minute, time.Since(began))
		require.Zero(t, c.Open("a:1"))
		require.Equal(t, uint64(2), p.Stat().ClosedDrained)
	})
}

func TestStopCutsOffWhatHasNoTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(one...)
		p := startPool(t, c, one)
		synctest.Wait()
		c.Set("a:1", func(n *chaintest.Node) { n.Ask = chaintest.Hang })
		l := lease(t, p)
		asked := make(chan error, 1)
		go func() { _, err := l.Conn().Call(context.Background(), chain.CallMsg{}); asked <- err }()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		err := p.Stop(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "1 requests")
		require.Equal(t, time.Second, time.Since(began))
		require.Zero(t, c.Open("a:1"), "it has closed the connections")
		require.True(t, chain.Is(<-asked, chain.KindUnavailable))
		l.Release(Outcome{})
	})
}

func TestStopGivesUpOnADiallerThatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hang := make(chan struct{})
		p := startPool(t, chaintest.New(one...), one, func(cfg *Config) {
			cfg.Dial = func(context.Context, string) (Conn, error) { // a dialler that ignores its context
				<-hang
				return nil, chaintest.Refused
			}
		})
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, p.Stop(ctx), context.DeadlineExceeded)
		close(hang)
	})
}

// The end of the context that Start was given is a Stop that does not wait.
func TestEndOfLife(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(two...)
		p, err := New(Config{Nodes: two, Dial: dialler(c)})
		require.NoError(t, err)
		ctx, end := context.WithCancel(t.Context())
		require.NoError(t, p.Start(ctx))
		synctest.Wait()
		l := leaseOn(t, p, "a:1")
		end()
		synctest.Wait()
		require.Zero(t, c.Open("a:1"))
		require.Zero(t, c.Open("b:1"))
		l.Release(Outcome{Result: Failed})
		_, err = p.Choose(Want{})
		require.True(t, chain.Is(err, chain.KindUnavailable))
		require.NoError(t, p.Stop(t.Context()))
	})
}

func TestStopBeforeStart(t *testing.T) {
	t.Parallel()
	p, err := New(Config{Nodes: two, Dial: dialler(chaintest.New(two...))})
	require.NoError(t, err)
	_, err = p.Choose(Want{})
	require.True(t, chain.Is(err, chain.KindUnavailable))
	require.NoError(t, p.Stop(t.Context()))
	require.Error(t, p.Start(t.Context()))
}
