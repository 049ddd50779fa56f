package pool

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/chaintest"
)

var two = []string{"a:1", "b:1"}

// silent is an Ask of a node that answers nothing but accepts connections.
func silent(ctx context.Context, op string) error {
	if op == "dial" {
		return nil
	}
	return chaintest.Hang(ctx, op)
}

func TestHeartbeatAsksEachNode(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(two...)
		p := startPool(t, c, two)
		time.Sleep(time.Minute + time.Second)
		require.Equal(t, 12, c.Count("a:1", "number"))
		require.Equal(t, 12, c.Count("b:1", "number"))
		require.Equal(t, uint64(24), p.Stat().Heartbeats)
		require.Zero(t, p.Stat().HeartbeatsMissed)
	})
}

func TestThreeMissedHeartbeatsTakeANodeOffline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		c := chaintest.New(two...)
		p := startPool(t, c, two, func(cfg *Config) { cfg.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
		synctest.Wait()
		hung := lease(t, p)
		for hung.Node() != "a:1" {
			hung.Release(Outcome{})
			hung = lease(t, p)
		}
		asked := make(chan error, 1)
		c.Set("a:1", func(n *chaintest.Node) { n.Ask = silent })
		go func() { _, err := hung.Conn().Block(context.Background(), 1); asked <- err }()

		time.Sleep(17 * time.Second) // beats at 5, 10 and 15 s, each with 3 s
		require.True(t, p.Nodes()[0].Online, "two are not enough")
		require.Equal(t, Failing, p.Nodes()[0].Exclusions[0].Reason, "but they show")
		time.Sleep(time.Second)
		synctest.Wait()
		status := p.Nodes()[0]
		require.False(t, status.Online)
		require.Zero(t, status.Connections)
		require.Contains(t, status.Error, "none of the last 3 heartbeats")
		require.Equal(t, chain.KindUnavailable, status.Kind)
		require.Equal(t, []Exclusion{{Reason: Offline, Text: "it answered none of the last 3 heartbeats", Since: time.Now()}}, status.Exclusions)
		require.True(t, chain.Is(<-asked, chain.KindUnavailable), "what waits there ends")
		hung.Release(Outcome{Result: Failed})
		for range 20 {
			l := lease(t, p)
			require.Equal(t, "b:1", l.Node())
			l.Release(Outcome{Result: Answered})
		}

		// It goes on for hours, and is seen soon when it is well again.
		time.Sleep(3 * time.Hour)
		require.Equal(t, uint64(3), p.Stat().HeartbeatsMissed)
		require.Equal(t, Change{Began: 1}, p.Stat().Changes[Offline].less(2))
		c.Set("a:1", func(n *chaintest.Node) { n.Ask = nil })
		well := time.Now()
		for !p.Nodes()[0].Online {
			time.Sleep(10 * time.Millisecond)
		}
		require.Less(t, time.Since(well), 10*time.Second, "two heartbeats")
		require.Equal(t, 1, strings.Count(log.String(), "node offline"), "%s", log.String())
		require.Equal(t, 3, strings.Count(log.String(), "node online"))
		require.Equal(t, 1, strings.Count(log.String(), "node excluded"))
		require.Equal(t, 1, strings.Count(log.String(), "node cannot be reached"))
	})
}

// less takes the ends of exclusions away that came of the start.
func (c Change) less(ended uint64) Change { return Change{Began: c.Began, Ended: c.Ended - ended} }

func TestTwoMissedHeartbeatsAreForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(one...)
		p := startPool(t, c, one)
		time.Sleep(2 * time.Second) // two beats fall into the bad ten seconds, one into the good five
		for range 10 {
			c.Set("a:1", func(n *chaintest.Node) { n.Ask = silent })
			time.Sleep(10 * time.Second)
			c.Set("a:1", func(n *chaintest.Node) { n.Ask = nil })
			time.Sleep(5 * time.Second)
		}
		require.True(t, p.Nodes()[0].Online)
		require.Equal(t, 1, c.Dials("a:1"))
		require.Equal(t, uint64(20), p.Stat().HeartbeatsMissed)
		require.Zero(t, p.Stat().ClosedBroken)
	})
}

func TestANodeThatIsFullIsNotDead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(one...)
		c.Set("a:1", func(n *chaintest.Node) {
			n.Ask = func(_ context.Context, op string) error {
				if op == "number" {
					return &chain.Error{Kind: chain.KindOverloaded, Sent: chain.SentNo, Op: op}
				}
				return nil
			}
		})
		p := startPool(t, c, one)
		time.Sleep(time.Hour)
		require.True(t, p.Nodes()[0].Online)
		require.Empty(t, p.Nodes()[0].Exclusions)
		require.Zero(t, p.Stat().Heartbeats)
	})
}

// However a node was bad, and whenever it comes back, it is online within two
// heartbeats.
func TestRecoveryIsSeenWithinTwoHeartbeats(t *testing.T) {
	t.Parallel()
	for name, bad := range map[string]func(*chaintest.Node){
		"refuses":       func(n *chaintest.Node) { n.Down = chaintest.Refused },
		"answers not":   func(n *chaintest.Node) { n.Ask = silent },
		"black hole":    func(n *chaintest.Node) { n.Ask = chaintest.Hang },
		"other chain":   func(n *chaintest.Node) { n.Genesis = common.HexToHash("0x01") },
		"serves others": func(n *chaintest.Node) { n.Down = &chain.Error{Kind: chain.KindWrongChain} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := chaintest.New(two...)
				p := startPool(t, c, two)
				synctest.Wait()
				for round := range 50 {
					c.Set("a:1", bad)
					c.Cut("a:1", nil)
					c.Set("a:1", bad)
					time.Sleep(time.Minute + time.Duration(round)*331*time.Millisecond)
					require.False(t, p.Nodes()[0].Online)
					c.Set("a:1", func(n *chaintest.Node) { n.Down, n.Ask, n.Genesis = nil, nil, common.MaxHash })
					well := time.Now()
					for !p.Nodes()[0].Online && time.Since(well) < time.Minute {
						time.Sleep(10 * time.Millisecond)
					}
					require.Less(t, time.Since(well), 5100*time.Millisecond, "the longest pause, or dial")
				}
			})
		})
	}
}
