package batch

import (
	"math/rand/v2"
	"slices"
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
	p := newPace(1, 4000, now)
	sizes := []int{p.size}
	for range 2 { // a block each 600 ms takes all there is
		now = p.playRound(now, p.size, 600*time.Millisecond)
		sizes = append(sizes, p.size)
	}
	require.Equal(t, []int{1024, 2048, 4000}, sizes)
	p.playRound(now, p.size, 600*time.Millisecond)
	require.Equal(t, 4000, p.size, "never above the most")
}

func TestPaceTakesADoublingBackThatGainedNothing(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	p := newPace(1, 100_000, now)
	// The chain makes 2000 a second, more in flight only waits longer.
	play := func() {
		now = p.playRound(now, p.size, max(500*time.Millisecond, time.Duration(p.size)*time.Millisecond/2))
	}
	for p.phase == paceStarting {
		play()
	}
	require.Equal(t, 1024, p.size)
	play()
	require.Equal(t, 1024, p.size, "it is held, and measured")
}

func TestPaceForgivesOneSlowRound(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	p := newPace(1, 4096, now)
	now = p.playRound(now, p.size, time.Second)
	now = p.playRound(now, p.size, 3*time.Second)
	require.Equal(t, 2048, p.size)
	p.playRound(now, p.size, time.Second)
	require.Equal(t, 4096, p.size)
}

// playTrial plays rounds, each as long as took says, until a trial was begun and
// judged, and gives the window before, during and after it.
func (p *pace) playTrial(now time.Time, took func(size int) time.Duration) (then time.Time, sizes [3]int) {
	for p.phase != paceTrying {
		sizes[0] = p.size
		now = p.playRound(now, p.size, took(p.size))
	}
	sizes[1] = p.size
	for size := p.size; p.phase == paceTrying && p.size == size; {
		now = p.playRound(now, p.size, took(p.size))
	}
	sizes[2] = p.size
	return now, sizes
}

func TestPaceTriesOtherSizes(t *testing.T) {
	t.Parallel()
	block := func(int) time.Duration { return 500 * time.Millisecond }                                // all in flight, each time
	queue := func(size int) time.Duration { return time.Duration(size) * time.Millisecond }           // 1000 a second
	worse := func(size int) time.Duration { return time.Duration(size*size) * 10 * time.Microsecond } // the less in flight, the faster
	for name, c := range map[string]struct {
		took func(int) time.Duration
		down bool
		want [3]int
	}{
		"a larger one that is faster is kept, and the next is tried": {block, false, [3]int{400, 500, 625}},
		"a larger one that only waits longer is not kept":            {queue, false, [3]int{400, 500, 400}},
		"a smaller one that is slower is not kept":                   {block, true, [3]int{400, 300, 400}},
		"a smaller one that is as fast is kept":                      {queue, true, [3]int{400, 300, 300}},
		"a larger one that is slower is not kept":                    {worse, false, [3]int{400, 500, 400}},
		"a smaller one that is faster is kept":                       {worse, true, [3]int{400, 300, 300}},
	} {
		now := time.Unix(0, 0)
		p := newPace(1, 1000, now)
		p.size, p.down = 400, c.down
		p.hold(1)
		p.round(now)
		_, sizes := p.playTrial(now, c.took)
		require.Equal(t, c.want, sizes, name)
	}
}

func TestPaceTriesLessOftenInVain(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	p := newPace(1, 1000, now)
	p.size, p.patient = 400, paceRest
	p.hold(1)
	p.round(now)
	var rests, sides []int
	for range 6 {
		var sizes [3]int
		// A smaller window is slower, a larger one is no faster.
		now, sizes = p.playTrial(now, func(size int) time.Duration { return time.Duration(max(size, 400)) * time.Millisecond })
		require.Equal(t, 400, sizes[2])
		sides, rests = append(sides, sizes[1]), append(rests, p.patient)
	}
	require.Equal(t, []int{500, 300, 500, 300, 500, 300}, sides)
	require.Equal(t, []int{16, 32, 64, 64, 64, 64}, rests)
}

func TestPaceStaysWithinItsBounds(t *testing.T) {
	t.Parallel()
	for _, bounds := range [][2]int{{1, 1}, {1, 2}, {300, 300}, {600, 5000}, {100, 400}} {
		now := time.Unix(0, 0)
		p := newPace(bounds[0], bounds[1], now)
		r := rand.New(rand.NewPCG(1, 2))
		for range 2000 {
			if r.IntN(10) == 0 {
				now = now.Add(time.Millisecond)
				p.answered(now, now, loadTooMuch)
			} else {
				now = p.playRound(now, p.size, time.Duration(1+r.IntN(1000))*time.Millisecond)
			}
			require.GreaterOrEqual(t, p.size, bounds[0])
			require.LessOrEqual(t, p.size, bounds[1])
		}
	}
}

func TestPaceHalvesOnceForOneOverload(t *testing.T) {
	t.Parallel()
	start := time.Unix(0, 0)
	p := newPace(1, 2000, start)
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

func TestPaceRemembersWhatTheTargetTook(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	p := newPace(1, 2000, now)
	p.playRound(now, 512, time.Second)
	require.Equal(t, 1024, p.size)
	for range 224 { // it takes 800
		p.answered(now.Add(time.Second), now, loadTooMuch)
	}
	require.Equal(t, 512, p.size, "halved")
	now = p.playRound(now.Add(time.Second), 512, time.Second)
	require.Equal(t, 750, p.size, "a sixteenth below what it took")
	for range paceRest - 1 {
		now = p.playRound(now, p.size, time.Second)
		require.Equal(t, 750, p.size, "and not more for a while")
	}
}

func TestPaceGrowsSlowlyAfterTimeouts(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	p := newPace(1, 2000, now)
	p.playRound(now, 512, time.Second)
	for range 1024 { // nothing was answered at all
		p.answered(now.Add(time.Second), now, loadTooMuch)
	}
	require.Equal(t, 512, p.size)
	p.playRound(now.Add(time.Second), 512, time.Second)
	require.Equal(t, 512, p.size)
}

// simChain is a chain in virtual time, and the engine before it: a send arrives after
// the engine's own work and a delay, waits in a pool, and is answered with its block,
// which is made every so often, or as soon as it is full, and takes time for each
// transaction.
type simChain struct {
	every  time.Duration // between blocks that are not full
	full   int           // transactions of a full block
	each   time.Duration // that a transaction takes
	own    time.Duration // that the engine works for each row
	delay  time.Duration // of a request
	pool   int           // most transactions that wait; 0 is no limit
	pauses *rand.Rand    // nil: none; else a block takes up to twice its time
}

// run keeps as many in flight as the pace allows for so long, and gives the
// number of answers.
func (c simChain) run(p *pace, span time.Duration) (answered int) {
	start := time.Unix(0, 0)
	engine := start      // when it is free
	var pool []simulated // in order of arrival
	inFlight := 0
	send := func(now time.Time) {
		for inFlight < p.size {
			permits := p.size - inFlight
			inFlight += permits
			p.full = true
			engine = latest(engine, now)
			for range permits {
				engine = engine.Add(c.own)
				if c.pool == 0 || len(pool) < c.pool {
					pool = append(pool, simulated{now, engine.Add(c.delay)})
					continue
				}
				inFlight--
				p.answered(engine, now, loadTooMuch)
			}
			now = engine
		}
	}
	send(start)
	for now, last := start, start; now.Sub(start) < span; {
		begin := latest(now, last.Add(c.every), pool[0].arrives)
		if len(pool) >= c.full {
			if full := latest(now, pool[c.full-1].arrives); full.Before(begin) {
				begin = full
			}
		}
		n := 0
		for n < min(len(pool), c.full) && !pool[n].arrives.After(begin) {
			n++
		}
		took := time.Duration(n) * c.each
		if c.pauses != nil {
			took += time.Duration(c.pauses.Int64N(int64(took) + 1))
		}
		last, now = begin, begin.Add(took)
		block := pool[:n]
		pool = pool[n:]
		for _, tx := range block {
			inFlight--
			answered++
			if inFlight >= p.size {
				p.full = true
			}
			p.answered(now, tx.permitted, loadFine)
			send(now)
		}
	}
	return answered
}

type simulated struct{ permitted, arrives time.Time }

func latest(times ...time.Time) time.Time { return slices.MaxFunc(times, time.Time.Compare) }

// The promise of the benchmark (make bench-adaptive), in virtual time.
func TestPaceFindsAlmostTheBestFixedWindow(t *testing.T) {
	t.Parallel()
	block := simChain{every: 500 * time.Millisecond, full: 1000, own: 10 * time.Microsecond}
	for name, change := range map[string]func(*simChain){
		"fast":           func(c *simChain) { c.each = 150 * time.Microsecond },
		"noisy":          func(c *simChain) { c.each, c.pauses = 150*time.Microsecond, rand.New(rand.NewPCG(3, 4)) },
		"50 ms delay":    func(c *simChain) { c.each, c.delay = 150*time.Microsecond, 50*time.Millisecond },
		"pool of 500":    func(c *simChain) { c.each, c.pool = 150*time.Microsecond, 500 },
		"pool of 3000":   func(c *simChain) { c.each, c.pool = 150*time.Microsecond, 3000 },
		"slow":           func(c *simChain) { c.each = 10 * time.Millisecond },
		"endless blocks": func(c *simChain) { c.each, c.full = 10*time.Microsecond, 100_000 },
		"one at a time":  func(c *simChain) { c.every, c.full, c.each = 0, 1, time.Millisecond },
		"small pool and busy engine": func(c *simChain) {
			c.each, c.own, c.pool = 150*time.Microsecond, 120*time.Microsecond, 500
		},
		"busy engine": func(c *simChain) { c.each, c.own = 150*time.Microsecond, 120*time.Microsecond },
		"real node": func(c *simChain) {
			c.each, c.own, c.pauses = 400*time.Microsecond, 120*time.Microsecond, rand.New(rand.NewPCG(5, 6))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := block
			change(&c)
			best, bestSize := 0, 0
			for size := 16; size <= 4096; size *= 2 {
				if c.pool > 0 && size > c.pool {
					break // it would be refused for ever
				}
				if got := c.run(newPace(size, size, time.Unix(0, 0)), 30*time.Second); got > best {
					best, bestSize = got, size
				}
			}
			p := newPace(1, 4096, time.Unix(0, 0))
			got := c.run(p, 30*time.Second)
			require.GreaterOrEqual(t, got, best*9/10, "the best is %d, with %d in flight; the window ends at %d", best, bestSize, p.size)
		})
	}
}

func TestPaceFollowsTheTarget(t *testing.T) {
	t.Parallel()
	slow := simChain{every: 500 * time.Millisecond, full: 1000, each: 2 * time.Millisecond, own: 10 * time.Microsecond}
	p := newPace(1, 4096, time.Unix(0, 0))
	slow.run(p, 10*time.Minute)
	require.Less(t, p.size, 1500, "500 a second need no more than fits into a block, and a little")
}

func TestPaceDoesNotGrowWhenItIsNotUsed(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	p := newPace(1, 2000, now)
	for range 1000 { // one at a time
		sent := now
		now = now.Add(time.Millisecond)
		p.answered(now, sent, loadFine)
		p.answered(now, sent, loadUnstated)
	}
	require.Equal(t, paceFirst, p.size)
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
