package cluster

import "sync"

// Bounds of what waits to be sent to one node.
const (
	maxUrgent      = 1024
	maxUrgentBytes = 2 * maxMessage
	maxBulk        = 16384
	maxBulkBytes   = 16 << 20
)

// queue holds the frames for one node: urgent ones, and in bulk the transactions.
// A full queue refuses.
type queue struct {
	wake chan struct{} // one token: there may be something to take

	mu          sync.Mutex
	urgent      [][]byte
	urgentBytes int
	bulk        [][]byte
	bulkBytes   int
}

func newQueue() *queue { return &queue{wake: make(chan struct{}, 1)} }

// put is false when there is no room.
func (q *queue) put(frame []byte, urgent bool) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if urgent {
		if len(q.urgent) >= maxUrgent || q.urgentBytes+len(frame) > maxUrgentBytes {
			return false
		}
		q.urgent, q.urgentBytes = append(q.urgent, frame), q.urgentBytes+len(frame)
	} else {
		if len(q.bulk) >= maxBulk || q.bulkBytes+len(frame) > maxBulkBytes {
			return false
		}
		q.bulk, q.bulkBytes = append(q.bulk, frame), q.bulkBytes+len(frame)
	}
	select {
	case q.wake <- struct{}{}:
	default: // the token that is there already will do
	}
	return true
}

// take gives the next frame, urgent ones first; nil when there is none.
func (q *queue) take() []byte {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.urgent) > 0 {
		next := q.urgent[0]
		q.urgent, q.urgentBytes = q.urgent[1:], q.urgentBytes-len(next)
		return next
	}
	if len(q.bulk) > 0 {
		next := q.bulk[0]
		q.bulk, q.bulkBytes = q.bulk[1:], q.bulkBytes-len(next)
		return next
	}
	return nil
}

// clear forgets everything.
func (q *queue) clear() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.urgent, q.urgentBytes, q.bulk, q.bulkBytes = nil, 0, nil, 0
}
