package loadgen

import (
	"context"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
)

// prepared is a request that waits for its start.
type prepared struct {
	fn   int
	shot Shot
	err  error
}

// preparer makes requests ready on all cores, a bounded number ahead of their use.
// When that many wait, it waits.
type preparer struct {
	queue  chan prepared // in about the order of their numbers
	filled chan struct{} // closed when the first requests are ready
	cancel context.CancelFunc
	done   sync.WaitGroup
	failed atomic.Pointer[error] // the first error; read it after filled
}

// startPreparer begins; stop ends it. most is how many there are at all.
func startPreparer(ctx context.Context, w Workload, m *mix, ahead int, most uint64) *preparer {
	ctx, cancel := context.WithCancel(ctx)
	first := min(uint64(ahead), most)
	p := &preparer{queue: make(chan prepared, ahead), filled: make(chan struct{}), cancel: cancel}
	var next, ready atomic.Uint64
	for range runtime.GOMAXPROCS(0) {
		p.done.Go(func() {
			for ctx.Err() == nil {
				n := next.Add(1) - 1
				if n >= most {
					return
				}
				request := prepared{fn: m.pick(n)}
				request.shot, request.err = w.Prepare(ctx, request.fn, n)
				if request.err != nil {
					p.failed.CompareAndSwap(nil, &request.err)
				}
				select {
				case p.queue <- request:
				case <-ctx.Done():
					return
				}
				if ready.Add(1) == first {
					close(p.filled)
				}
			}
		})
	}
	return p
}

// wait blocks until the first requests are ready, or gives the first error.
func (p *preparer) wait(ctx context.Context) error {
	select {
	case <-p.filled:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if err := p.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// stop ends the work and waits for it.
func (p *preparer) stop() {
	p.cancel()
	p.done.Wait()
}

// mostRequests bounds how many requests the profile has. Random arrivals exceed
// what is expected by more than six standard deviations once in a billion runs.
func mostRequests(p Profile) uint64 {
	most := float64(p.Most())
	if p.Poisson {
		most += 6*math.Sqrt(most) + 10
	}
	return uint64(most)
}
