package cluster

import "sync"

// lane tells what a frame is, and so when it is sent and what happens when too many
// wait.
type lane int

const (
	urgent lane = iota // for the agreement, sent before all others
	talk               // AMOP
	bulk               // transactions
	lanes
)

// bounds of what waits to be sent to one node. An AMOP message is up to 32 MiB long.
var bounds = [lanes]struct{ frames, bytes int }{
	urgent: {1024, 2 * maxMessage},
	talk:   {1024, 64 << 20},
	bulk:   {16384, 16 << 20},
}

// queue holds the frames for one node. A full lane refuses.
type queue struct {
	wake chan struct{} // one token: there may be something to take

	mu     sync.Mutex
	frames [lanes][][]byte // guarded by mu
	bytes  [lanes]int      // guarded by mu
	turn   lane            // of talk and bulk, which is next; guarded by mu
}

func newQueue() *queue { return &queue{wake: make(chan struct{}, 1), turn: talk} }

// put is false when there is no room.
func (q *queue) put(frame []byte, in lane) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.frames[in]) >= bounds[in].frames || q.bytes[in]+len(frame) > bounds[in].bytes {
		return false
	}
	q.frames[in], q.bytes[in] = append(q.frames[in], frame), q.bytes[in]+len(frame)
	select {
	case q.wake <- struct{}{}:
	default: // the token that is there already will do
	}
	return true
}

// take gives the next frame, urgent ones first, then in turns; nil when there is none.
func (q *queue) take() []byte {
	q.mu.Lock()
	defer q.mu.Unlock()
	next := q.turn
	q.turn = talk + bulk - q.turn
	for _, from := range [...]lane{urgent, next, q.turn} {
		if waiting := q.frames[from]; len(waiting) > 0 {
			q.frames[from], q.bytes[from] = waiting[1:], q.bytes[from]-len(waiting[0])
			return waiting[0]
		}
	}
	return nil
}

// clear forgets everything.
func (q *queue) clear() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.frames, q.bytes = [lanes][][]byte{}, [lanes]int{}
}
