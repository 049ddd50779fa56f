package fisco

import (
	"sync"
	"sync/atomic"
)

// pendingShards is how many locks share the requests that wait: with one, ten
// thousand callers and the reader would line up behind each other.
const pendingShards = 64

// pending is the requests of a connection that wait for their answers.
type pending struct {
	max    int64
	next   atomic.Uint64
	count  atomic.Int64
	shards [pendingShards]struct {
		mu       sync.Mutex
		requests map[uint64]*request
		_        [40]byte // so that two locks never share a cache line
	}
}

// add gives a request its id; false when max are waiting already.
func (p *pending) add(r *request) (id uint64, ok bool) {
	if p.count.Add(1) > p.max {
		p.count.Add(-1)
		return 0, false
	}
	id = p.next.Add(1)
	shard := &p.shards[id%pendingShards]
	shard.mu.Lock()
	if shard.requests == nil {
		shard.requests = make(map[uint64]*request)
	}
	shard.requests[id] = r
	shard.mu.Unlock()
	return id, true
}

// take removes a request and gives it, nil when it does not wait any more.
func (p *pending) take(id uint64) *request {
	shard := &p.shards[id%pendingShards]
	shard.mu.Lock()
	r := shard.requests[id]
	delete(shard.requests, id)
	shard.mu.Unlock()
	if r != nil {
		p.count.Add(-1)
	}
	return r
}
