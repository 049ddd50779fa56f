//go:build linux

package main

import (
	"context"
	"time"

	"github.com/bcosgate/bcosgate/internal/devnodes"
)

// peakEvery is how often the memory of a process is looked at. Its peak is kept by
// the system, so that only what grows in the last moment is missed.
const peakEvery = 10 * time.Millisecond

// measured is a process and what it takes.
type measured struct {
	*process
	begun   time.Time
	cost    cost // complete after end or kill
	watched chan struct{}
}

func (m *million) startMeasured(ctx context.Context, rows int, args ...string) (*measured, error) {
	s := &measured{begun: time.Now(), cost: cost{rows: rows}, watched: make(chan struct{})}
	var err error
	if s.process, err = m.engine.start(ctx, args...); err != nil {
		return nil, err
	}
	go s.watchPeak()
	return s, nil
}

func (s *measured) watchPeak() {
	defer close(s.watched)
	tick := time.NewTicker(peakEvery)
	defer tick.Stop()
	for {
		s.cost.peak = max(s.cost.peak, devnodes.PeakBytes(s.cmd.Process.Pid))
		select {
		case <-tick.C:
		case <-s.ended:
			return
		}
	}
}

// end waits for the end of the process.
func (s *measured) end() error {
	<-s.ended
	s.finish()
	return s.failure()
}

// kill is process.kill.
func (s *measured) kill() bool {
	killed := s.process.kill()
	s.finish()
	return killed
}

func (s *measured) finish() {
	<-s.watched
	state := s.cmd.ProcessState
	s.cost.wall, s.cost.cpu = s.finished.Sub(s.begun), state.UserTime()+state.SystemTime()
}
