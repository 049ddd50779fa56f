package batch

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// round answers n sends that all began at the start of the round and took d.
func (p *pace) playRound(now time.Time, n int, d time.Duration) time.Time {
	p.full = p.full || n >= p.size
	end := now.Add(d)
	for range n {
		p.answered(end, now, loadFine)
	}
	return end
}

func TestPaceDoublesWhileItHelps(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	p := newPace(2000, now)
	sizes := []int{p.size}
	for range 3 { // a block each 600 ms takes all there is
		now = p.playRound(now, p.size, 600*time.Millisecond)
		sizes = append(sizes, p.size)
	}
	require.Equal(t, []int{256, 512, 1024, 2000}, sizes)
	require.Less(t, now.Sub(time.Unix(0, 0)), 2*time.Second)
	p.playRound(now, p.size, 600*time.Millisecond)
	require.Equal(t, 2000, p.size, "never above the most")
}

func TestPaceStopsDoublingWhenItGainsNothing(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	p := newPace(100_000, now)
	for range 12 { // the chain makes 1000 a second, more in flight only waits longer
		now = p.playRound(now, p.size, max(500*time.Millisecond, time.Duration(p.size)*time.Millisecond))
	}
	require.LessOrEqual(t, p.size, 2048*17/16*17/16*17/16*17/16*17/16*17/16*17/16*17/16)
	require.False(t, p.slowStart)
	before := p.size
	p.playRound(now, p.size, time.Second)
	require.Equal(t, before+before/16, p.size, "additive growth")
}

func TestPaceHalvesOnceForOneOverload(t *testing.T) {
	t.Parallel()
	start := time.Unix(0, 0)
	p := newPace(2000, start)
	now := start
	for p.size < 2000 {
		now = p.playRound(now, p.size, 500*time.Millisecond)
	}
	sent, hit := now, now.Add(time.Second)
	for range 300 { // all of them were sent before anyone knew
		p.answered(hit, sent, loadTooMuch)
	}
	require.Equal(t, 1000, p.size)
	p.answered(hit.Add(time.Second), hit.Add(time.Millisecond), loadTooMuch)
	require.Equal(t, 500, p.size)
	for range 100 {
		hit = hit.Add(time.Second)
		p.answered(hit.Add(time.Millisecond), hit, loadTooMuch)
	}
	require.Equal(t, 1, p.size, "one always goes")
}

func TestPaceDoesNotGrowWhenItIsNotUsed(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	p := newPace(2000, now)
	for range 1000 { // one at a time
		sent := now
		now = now.Add(time.Millisecond)
		p.answered(now, sent, loadFine)
		p.answered(now, sent, loadUnstated)
	}
	require.Equal(t, 256, p.size)
}

func TestMeterForgetsAfterTenSeconds(t *testing.T) {
	t.Parallel()
	start := time.Unix(100, 0)
	m := meter{began: start}
	require.Zero(t, m.rate(start))
	for i := range 200 {
		m.add(start.Add(time.Duration(i)*10*time.Millisecond), 5)
	}
	require.InDelta(t, 500, m.rate(start.Add(2*time.Second)), 10)
	require.InDelta(t, 100, m.rate(start.Add(9999*time.Millisecond)), 3)
	require.Zero(t, m.rate(start.Add(13*time.Second)))
	m.add(start.Add(100*time.Second), 10)
	require.InDelta(t, 1.1, m.rate(start.Add(100*time.Second)), 0.1)
}
