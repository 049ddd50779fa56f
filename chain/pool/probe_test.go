package pool

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bcosgate/bcosgate/chain/chaintest"
)

// rescued is when the requests of a silent node are given up at the latest: silence,
// the judge's tick, a heartbeat without an answer, and a moment for all that.
const rescued = 2*silentAbove + lookEvery + time.Millisecond

// read is a lease on which an answer is owed.
type read struct {
	Lease

	began time.Time
	given atomic.Int64 // ns from began, when it was given up; 0: it was not
}

func (r *read) givenUp() time.Duration { return time.Duration(r.given.Load()) }

// readOn leases a place and lets the node owe an answer.
func readOn(t *testing.T, p *Pool, node string) *read {
	t.Helper()
	r := &read{Lease: leaseOn(t, p, node), began: time.Now()}
	r.AtOnce(func() {
		if !r.given.CompareAndSwap(0, int64(time.Since(r.began))) {
			panic("given up twice")
		}
	})
	return r
}

// mute makes a node answer nothing, and speak lets it answer again.
func mute(c *chaintest.Chain, node string) { c.Set(node, func(n *chaintest.Node) { n.Ask = silent }) }

func speak(c *chaintest.Chain, node string) { c.Set(node, func(n *chaintest.Node) { n.Ask = nil }) }

func TestReadsOfASilentNodeAreGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(two...)
		p := startPool(t, c, two)
		synctest.Wait()
		mute(c, "a:1")
		var reads []*read
		for range 200 {
			reads = append(reads, readOn(t, p, "a:1"))
		}
		other := readOn(t, p, "b:1")
		patient := leaseOn(t, p, "a:1")
		patient.AtOnce(nil)
		write := leaseOn(t, p, "a:1")
		time.Sleep(time.Second)
		other.Release(Outcome{Result: Answered})
		late := readOn(t, p, "a:1")
		time.Sleep(2 * time.Second)
		for _, r := range append(reads, late) {
			require.Greater(t, r.givenUp()+r.began.Sub(reads[0].began), 2*silentAbove)
			require.LessOrEqual(t, r.givenUp()+r.began.Sub(reads[0].began), rescued)
			require.InDelta(t, 2*silentAbove, r.GivenUp(), float64(lookEvery))
			r.Release(Outcome{Result: Failed})
		}
		require.Zero(t, other.givenUp())
		require.Zero(t, other.GivenUp())
		require.Zero(t, patient.GivenUp())
		require.Zero(t, write.GivenUp())
		require.True(t, p.Nodes()[0].Online)
		require.Zero(t, p.Stat().HeartbeatsMissed, "that is for regular heartbeats")
		patient.Release(Outcome{})
		write.Release(Outcome{})
	})
}

// What was given up is owed no more. The node is asked last all the same, until it
// answers something.
func TestNodeIsSilentUntilItAnswers(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]func(t *testing.T, c *chaintest.Chain, p *Pool){
		"a heartbeat": func(_ *testing.T, c *chaintest.Chain, _ *Pool) {
			speak(c, "a:1")
			time.Sleep(silentAbove + lookEvery) // not the next regular one, at 5 s
		},
		"a request": func(t *testing.T, _ *chaintest.Chain, p *Pool) {
			t.Helper()
			r := readOn(t, p, "a:1")
			r.Release(Outcome{Result: Answered})
		},
		"the identity, on a new connection": func(t *testing.T, c *chaintest.Chain, p *Pool) {
			t.Helper()
			c.Set("a:1", func(n *chaintest.Node) {
				n.Ask = func(ctx context.Context, op string) error {
					if op == "number" {
						return chaintest.Hang(ctx, op)
					}
					return nil
				}
			})
			c.Cut("a:1", nil)
			time.Sleep(100 * time.Millisecond) // the longest pause before the dial
			require.Equal(t, 2, c.Dials("a:1"))
			require.True(t, p.Nodes()[0].Online)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := chaintest.New(two...)
				p := startPool(t, c, two)
				synctest.Wait()
				n, err := p.Choose(Want{Node: "a:1"})
				require.NoError(t, err)
				mute(c, "a:1")
				r := readOn(t, p, "a:1")
				time.Sleep(rescued)
				require.NotZero(t, r.givenUp())
				r.Release(Outcome{}) // it tells nothing, so that only the silence can
				for range 20 {
					require.Greater(t, n.meter.silence(time.Now()), silentAbove)
					chosen, err := p.Choose(Want{})
					require.NoError(t, err)
					require.Equal(t, "b:1", chosen.Name())
					time.Sleep(50 * time.Millisecond)
				}
				again := readOn(t, p, "a:1") // it begins no new silence
				require.Greater(t, n.meter.silence(time.Now()), 3*silentAbove)
				again.Release(Outcome{})
				answer(t, c, p)
				require.Zero(t, n.meter.silence(time.Now()))
				next := readOn(t, p, "a:1")
				time.Sleep(time.Millisecond)
				require.Equal(t, time.Millisecond, n.meter.silence(time.Now()), "a new silence")
				next.Release(Outcome{})
				require.Zero(t, n.meter.silence(time.Now()))
			})
		})
	}
}

// A node that answers heartbeats is alive, and a request may take its time. It is
// asked no more than once a second.
func TestSlowRequestIsNotGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(two...)
		p := startPool(t, c, two)
		synctest.Wait()
		var done []*read
		for range 100 {
			done = append(done, readOn(t, p, "a:1"))
			done[len(done)-1].Release(Outcome{Result: Answered})
		}
		r := readOn(t, p, "a:1")
		time.Sleep(8 * time.Second)
		require.Zero(t, r.givenUp())
		require.LessOrEqual(t, c.Count("a:1", "number"), 8)
		require.GreaterOrEqual(t, c.Count("a:1", "number"), 6)
		require.Equal(t, 1, c.Count("b:1", "number"), "which owes nothing")
		require.Equal(t, uint64(2), p.Stat().Heartbeats)

		mute(c, "a:1")
		time.Sleep(rescued)
		require.NotZero(t, r.givenUp(), "but it is watched on")
		for _, d := range done {
			require.Zero(t, d.givenUp(), "which have ended long ago")
		}
		r.Release(Outcome{})
	})
}

// A heartbeat that fails at once is the business of the regular ones.
func TestAnErrorIsNoSilence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(two...)
		p := startPool(t, c, two)
		synctest.Wait()
		c.Set("a:1", func(n *chaintest.Node) {
			n.Ask = func(context.Context, string) error { return chaintest.Refused }
		})
		r := readOn(t, p, "a:1")
		time.Sleep(10 * time.Second)
		require.Zero(t, r.givenUp())
		r.Release(Outcome{})
	})
}

func TestReadsWaitWhenNoOtherNodeAnswers(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(*testing.T, *chaintest.Chain, *Pool){
		"offline": func(_ *testing.T, c *chaintest.Chain, _ *Pool) { c.Cut("b:1", chaintest.Refused) },
		"cordoned": func(t *testing.T, _ *chaintest.Chain, p *Pool) {
			t.Helper()
			require.NoError(t, p.Cordon(t.Context(), "b:1", ""))
		},
		"silent, too": func(t *testing.T, c *chaintest.Chain, p *Pool) {
			t.Helper()
			mute(c, "b:1")
			r := readOn(t, p, "b:1")
			t.Cleanup(func() {
				require.Zero(t, r.givenUp())
				r.Release(Outcome{})
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := chaintest.New(two...)
				p := startPool(t, c, two)
				synctest.Wait()
				mute(c, "a:1")
				lose(t, c, p)
				synctest.Wait()
				r := readOn(t, p, "a:1")
				time.Sleep(8 * time.Second)
				require.Zero(t, r.givenUp())
				if name == "offline" { // they wait for it, too
					c.Cut("b:1", nil)
					time.Sleep(8 * time.Second)
					require.NotZero(t, r.givenUp())
				}
				r.Release(Outcome{})
			})
		})
	}
}

// An answer that comes while the heartbeat is under way ends the silence.
func TestNodeAnswersDuringTheProbe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(two...)
		p := startPool(t, c, two)
		synctest.Wait()
		mute(c, "a:1")
		answered, waits := readOn(t, p, "a:1"), readOn(t, p, "a:1")
		time.Sleep(1500 * time.Millisecond)
		require.Equal(t, 1, c.Count("a:1", "number"), "under way")
		answered.Release(Outcome{Result: Answered})
		time.Sleep(rescued - lookEvery)
		require.Zero(t, waits.givenUp())
		time.Sleep(3 * lookEvery)
		require.Greater(t, waits.givenUp(), 3500*time.Millisecond, "after another silence")
		waits.Release(Outcome{})
	})
}

// When all callers have gone while the heartbeat is under way, nothing is owed and
// nothing known.
func TestCallersLeaveDuringTheProbe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(two...)
		p := startPool(t, c, two)
		synctest.Wait()
		mute(c, "a:1")
		r := readOn(t, p, "a:1")
		time.Sleep(1500 * time.Millisecond)
		r.Release(Outcome{})
		time.Sleep(time.Second)
		require.Equal(t, 1, c.Count("a:1", "number"))
		again := readOn(t, p, "a:1")
		time.Sleep(2*silentAbove - 1)
		require.Zero(t, again.givenUp())
		time.Sleep(lookEvery + time.Millisecond)
		require.NotZero(t, again.givenUp(), "which it owes anew")
		again.Release(Outcome{})
	})
}

// So does the answer to a regular heartbeat.
func TestNodeAnswersAHeartbeatDuringTheProbe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(two...)
		p := startPool(t, c, two)
		synctest.Wait()
		time.Sleep(3500 * time.Millisecond)
		c.Set("a:1", func(n *chaintest.Node) {
			n.Ask = func(ctx context.Context, op string) error {
				if c.Count("a:1", op) == 1 { // the probe is lost; the beat at 5 s is answered
					return chaintest.Hang(ctx, op)
				}
				return nil
			}
		})
		r := readOn(t, p, "a:1")
		time.Sleep(8 * time.Second)
		require.Greater(t, c.Count("a:1", "number"), 2)
		require.Zero(t, r.givenUp())
		r.Release(Outcome{})
	})
}

// However much is owed and given up, a silent node gets one heartbeat a second, and
// goes offline with the third regular one, not before.
func TestProbesAreNoStorm(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(two...)
		p := startPool(t, c, two)
		synctest.Wait()
		mute(c, "a:1")
		reads := make(chan *read, 200)
		for range cap(reads) {
			reads <- readOn(t, p, "a:1")
		}
		for range 1790 { // 17.9 s
			time.Sleep(10 * time.Millisecond)
			r := <-reads
			if r.givenUp() != 0 {
				r.Release(Outcome{})
				r = readOn(t, p, "a:1") // as if there were a caller who wants no other
			}
			reads <- r
		}
		require.True(t, p.Nodes()[0].Online)
		require.Equal(t, uint64(2), p.Stat().HeartbeatsMissed)
		require.LessOrEqual(t, c.Count("a:1", "number"), 3+17)
		require.GreaterOrEqual(t, c.Count("a:1", "number"), 3+12)
		time.Sleep(200 * time.Millisecond)
		require.False(t, p.Nodes()[0].Online)
		for range cap(reads) {
			r := <-reads
			r.Release(Outcome{})
		}
	})
}

// A pool that stops, or a node that leaves, does not wait for a probe.
func TestProbeEndsWithItsNode(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(two...)
		p := startPool(t, c, two)
		synctest.Wait()
		mute(c, "a:1")
		r := readOn(t, p, "a:1")
		time.Sleep(1500 * time.Millisecond)
		require.Equal(t, 1, c.Count("a:1", "number"), "under way")
		require.NoError(t, p.SetNodes([]string{"b:1"}))
		r.Release(Outcome{})
		synctest.Wait()
		require.Len(t, p.Nodes(), 1, "it has gone")
		require.Zero(t, r.givenUp())
	})
}

// Places are given to one lease at a time, and their number stays that of the most
// leases at a time.
func TestPlacesOfLeases(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var o owed
		held := map[int32]bool{}
		var order []int32
		ended, most := 0, 0
		for range rapid.IntRange(1, 100).Draw(t, "steps") {
			switch {
			case len(order) == 0 || rapid.Bool().Draw(t, "add"):
				place := o.add(func() { ended++ })
				if place < 1 || held[place] {
					t.Fatalf("place %d was given twice", place)
				}
				held[place] = true
				order = append(order, place)
			default:
				i := rapid.IntRange(0, len(order)-1).Draw(t, "which")
				o.remove(order[i])
				delete(held, order[i])
				order = append(order[:i], order[i+1:]...)
			}
			most = max(most, len(order))
		}
		if len(o.places) != most {
			t.Fatalf("%d places for %d leases", len(o.places), most)
		}
		for range 2 { // again it gives up nothing
			for _, end := range o.giveUp(time.Second) {
				end()
			}
		}
		if ended != len(order) {
			t.Fatalf("%d of %d leases were given up", ended, len(order))
		}
	})
}
