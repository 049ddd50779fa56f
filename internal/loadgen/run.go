package loadgen

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/bcosgate/bcosgate/chain"
)

// Config says how a run goes. Zero values of the bounds take the defaults.
type Config struct {
	Profile   Profile     `json:"profile"`
	Functions []Function  `json:"functions"`
	Seed      uint64      `json:"seed"`
	Goals     []Objective `json:"objectives,omitempty"` // judged at the end; with Stairs also after each step

	InFlight int           `json:"inFlight"`   // requests without an outcome; what comes when all are taken waits
	MaxDelay time.Duration `json:"maxDelayNs"` // a request that has not started so long after its intended start is dropped
	Timeout  time.Duration `json:"timeoutNs"`  // of one request, from its real start
	Ahead    int           `json:"ahead"`      // requests that are ready before they are due, and before the clock starts
}

// Defaults of a Config.
const (
	// DefaultInFlight is twice what a node that makes 1,900 transactions a second
	// holds with a block a second.
	DefaultInFlight = 4096
	// DefaultMaxDelay is longer than a pause of the garbage collector or a slow
	// block, and shorter than anybody would wait to begin.
	DefaultMaxDelay = 2 * time.Second
	// DefaultTimeout is that of a batch write, with room for its connection.
	DefaultTimeout = 45 * time.Second
	// DefaultAhead keeps about 20 MB of signed transactions, ten seconds of work for
	// a fast chain.
	DefaultAhead = 20000
)

func (c *Config) setDefaults() {
	if c.InFlight == 0 {
		c.InFlight = DefaultInFlight
	}
	if c.MaxDelay == 0 {
		c.MaxDelay = DefaultMaxDelay
	}
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	if c.Ahead == 0 {
		c.Ahead = DefaultAhead
	}
}

// Validate says what is wrong with a configuration.
func (c Config) Validate() error {
	_, err := newMix(c.Functions, c.Seed)
	err = errors.Join(err, c.Profile.Validate())
	for name, negative := range map[string]bool{"in flight": c.InFlight < 0, "longest delay": c.MaxDelay < 0, "time-out": c.Timeout < 0, "ahead": c.Ahead < 0} {
		if negative {
			err = errors.Join(err, fmt.Errorf("%s is negative", name))
		}
	}
	return err
}

// run is one run while it goes.
type run struct {
	cfg     Config
	mix     *mix
	rec     *recorder
	ready   *preparer
	places  chan struct{} // one for each request in flight
	began   time.Time
	sending sync.WaitGroup
	turn    uint64 // requests that came to their turn
}

// Run prepares, sends the requests at their times, waits for all outcomes and tells
// what came of them. It blocks for the whole of it.
//
// The end of ctx ends the sending: requests in flight still have their outcome waited
// for, and the result says that it was interrupted. It is an error only before the
// clock starts, as is a request that cannot be prepared then. onSecond, where it is
// not nil, is told of each second soon after it is over, by one goroutine.
func Run(ctx context.Context, cfg Config, w Workload, onSecond func(Second)) (*Result, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg.setDefaults()
	m, err := newMix(cfg.Functions, cfg.Seed)
	if err != nil {
		return nil, err
	}
	r := &run{cfg: cfg, mix: m, rec: newRecorder(len(cfg.Functions)), places: make(chan struct{}, cfg.InFlight)}
	r.ready = startPreparer(ctx, w, m, cfg.Ahead, mostRequests(cfg.Profile))
	defer r.ready.stop()
	if err := r.ready.wait(ctx); err != nil {
		return nil, err
	}
	r.began = time.Now()
	stopTelling := r.tell(onSecond)
	steps := r.steps(ctx)
	stopTelling()
	return r.result(steps, ctx.Err() != nil), nil
}

func (r *run) elapsed() time.Duration { return time.Since(r.began) }

// tell tells of seconds until the function that it gives is called, which waits.
func (r *run) tell(onSecond func(Second)) (stop func()) {
	if onSecond == nil {
		return func() {}
	}
	ended, finished := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(finished)
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for told := 0; ; {
			for _, second := range r.rec.over(told, r.elapsed()) {
				onSecond(second)
				told++
			}
			select {
			case <-tick.C:
			case <-ended:
				return
			}
		}
	}()
	return func() { close(ended); <-finished }
}

// steps sends the steps of the profile until one does not hold, or ctx ends.
func (r *run) steps(ctx context.Context) []Step {
	var steps []Step
	for i, rates := range r.cfg.Profile.steps() {
		base := r.elapsed()
		if i == 0 {
			base = 0
		}
		r.dispatch(ctx, newSchedule(rates, r.cfg.Profile.Poisson, r.cfg.Seed, i), base)
		sent := r.elapsed() - base
		r.sending.Wait()
		measure, answering := r.rec.nextStep()
		if ctx.Err() == nil {
			sent = rates.duration // the last start is a little before the end
		}
		step := newStep(rates, sent, answering, measure)
		if r.cfg.Profile.Shape == Stairs {
			step.judge(r.cfg.Goals)
		}
		steps = append(steps, step)
		if ctx.Err() != nil || r.cfg.Profile.Shape == Stairs && step.Broken != "" {
			break
		}
	}
	return steps
}

// dispatch starts the requests of a step at their times.
func (r *run) dispatch(ctx context.Context, s *schedule, base time.Duration) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for at, ok := s.next(); ok; at, ok = s.next() {
		intended := base + at
		if wait := intended - r.elapsed(); wait > 0 {
			timer.Reset(wait)
			select {
			case <-timer.C:
			case <-ctx.Done():
				return
			}
		}
		if ctx.Err() != nil {
			return
		}
		if !r.start(ctx, intended, timer) {
			return
		}
	}
}

// start starts the request that is due, or drops it when that cannot be done in
// time; false when ctx ended first.
func (r *run) start(ctx context.Context, intended time.Duration, timer *time.Timer) bool {
	left := intended + r.cfg.MaxDelay - r.elapsed()
	timer.Reset(left)
	number := r.turn
	r.turn++
	request, got := take(ctx, r.ready.queue, timer)
	if got {
		got = left > 0 && r.place(ctx, timer)
	} else {
		request.fn = r.mix.pick(number)
	}
	if ctx.Err() != nil {
		if got {
			<-r.places
		}
		return false
	}
	r.rec.intend(request.fn, intended)
	switch {
	case !got:
		r.rec.end(sample{fn: request.fn, intended: intended, ended: r.elapsed(), failure: failDropped})
	case request.err != nil:
		<-r.places
		r.rec.end(sample{fn: request.fn, intended: intended, ended: r.elapsed(), failure: failPrepare})
	default:
		r.sending.Go(func() { r.send(context.WithoutCancel(ctx), request, intended) })
	}
	return true
}

// take waits for a prepared request until the timer fires.
func take(ctx context.Context, queue <-chan prepared, timer *time.Timer) (prepared, bool) {
	select { // as in place
	case p := <-queue:
		return p, true
	default:
	}
	select {
	case p := <-queue:
		return p, true
	case <-timer.C:
	case <-ctx.Done():
	}
	return prepared{}, false
}

// place waits for a free place until the timer fires.
func (r *run) place(ctx context.Context, timer *time.Timer) bool {
	select { // a place that is free goes before a timer that fires at the same time
	case r.places <- struct{}{}:
		return true
	default:
	}
	select {
	case r.places <- struct{}{}:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

func (r *run) send(ctx context.Context, request prepared, intended time.Duration) {
	defer func() { <-r.places }()
	ctx, cancel := context.WithTimeout(ctx, r.cfg.Timeout)
	defer cancel()
	ctx, log := chain.WithCallLog(ctx)
	started := r.elapsed()
	r.rec.start(started)
	err := request.shot(ctx)
	source, _ := log.Source()
	r.rec.end(sample{fn: request.fn, intended: intended, started: started, ended: r.elapsed(), sent: true,
		failure: failureOf(err), attempts: log.Attempts(), source: source})
}
