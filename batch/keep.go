package batch

import (
	"time"
)

// keepEvery is how often the engine looks for jobs that are older than it keeps.
const keepEvery = time.Hour

// keep deletes old jobs, at once and then each hour, until the engine stops.
func (e *Engine) keep() {
	tick := time.NewTicker(keepEvery)
	defer tick.Stop()
	for {
		began := time.Now()
		p, err := e.prune(e.soft, began.Add(-e.cfg.Keep))
		if p.Jobs > 0 {
			e.log.Info("old jobs were deleted", "jobs", p.Jobs, "rows", p.Rows, "keep", e.cfg.Keep, "took", time.Since(began))
			e.cfg.Observer.Pruned(p)
		}
		if err != nil && e.soft.Err() == nil {
			e.log.Error("old jobs are not deleted; trying again in an hour", "error", err)
		}
		select {
		case <-tick.C:
		case <-e.soft.Done():
			return
		}
	}
}
