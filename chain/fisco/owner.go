package fisco

import "sync"

// owner waits for the goroutines that it started. The zero value is ready.
type owner struct {
	mu     sync.Mutex
	closed bool           // guarded by mu; none may start any more
	group  sync.WaitGroup // added to under mu
}

// start runs f on a goroutine of its own; false when it is too late for that.
func (o *owner) start(f func()) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return false
	}
	o.group.Go(f)
	return true
}

// wait lets no more start and waits for those that run.
func (o *owner) wait() {
	o.mu.Lock()
	o.closed = true
	o.mu.Unlock()
	o.group.Wait()
}
