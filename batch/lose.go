package batch

import (
	"context"
	"time"
)

// startPatience bounds one try to start over.
const startPatience = 30 * time.Second

// lose is called when the others have declared this process dead. What it knows of
// its shards is old, so that it writes and sends nothing more: it ends as in a hard
// stop, and starts over.
func (e *Engine) lose() {
	if !e.lost.CompareAndSwap(false, true) {
		return
	}
	e.log.Error("other processes took this one for dead and carry its shards: it starts over")
	e.endSoft(ErrNotStarted)
	e.endHard()
	e.anew.Go(e.startOver)
}

// isLost reports whether the store was lost and is not back yet.
func (e *Engine) isLost() bool { return e.lost.Load() }

func (e *Engine) startOver() {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	_ = e.stop(ended) // it gives no error
	for {
		ctx, cancel := context.WithTimeout(e.life, startPatience)
		err := e.start(ctx)
		cancel()
		if err == nil {
			e.log.Info("this process is back")
			e.changed.broadcast()
			return
		}
		e.log.Error("this process does not come back; trying again", "error", err)
		if !sleep(e.life, time.Second) {
			e.lost.Store(false)
			e.changed.broadcast()
			return
		}
	}
}
