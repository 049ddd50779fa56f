package batch

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"github.com/bcosgate/bcosgate/chain"
)

// Chain is what the engine needs of a target's connections.
type Chain interface {
	chain.HeadReader
	chain.Caller
	chain.Sender
	chain.ReceiptReader
	chain.CodeReader
	chain.Identifier
	chain.AbsenceProver
}

// Limits bound what is sent to a target, by all jobs together.
type Limits struct {
	Rate     float64 // transactions a second; 0 is no limit
	Burst    int     // how many may go at once under Rate; 0 is a twentieth of a second's worth
	InFlight int     // most transactions in flight; 0 is DefaultInFlight

	// InFlightLeast is below what the window of transactions in flight does not go,
	// however loaded the target is; 0 is 1. Equal to InFlight it fixes the window.
	InFlightLeast int
}

// DefaultInFlight is the most transactions in flight where Limits say nothing:
// four full blocks of a FISCO BCOS chain with its usual 1000 transactions each. One
// is executed, one is ready to be, and two are on their ways: answered and read here,
// signed and sent anew.
const DefaultInFlight = 4000

// Target is one target as the engine uses it.
type Target struct {
	Info           chain.Target
	Chain          Chain
	Accounts       map[string]chain.Signer // by configured name
	DefaultAccount string                  // key of Accounts; "" is the only one, if there is one
	TxReader       chain.TxReader          // reads transactions that were signed elsewhere; nil: no jobs of such
	Limits         Limits
}

// Config is what an Engine is built from.
type Config struct {
	Store    *Store // open; the engine does not close it
	Targets  []Target
	Logger   *slog.Logger // nil discards
	Workers  int          // how many transactions are signed at a time; 0 is the number of cores
	Observer Observer     // nil observes nothing

	// Keep is for how long jobs are kept after their end; 0 is for ever. Jobs that
	// are not final, and deployments of contracts with a name, are always kept.
	Keep time.Duration

	SubBatch SubBatch // bounds of how many items are signed and written ahead together

	// BlockLimitAhead is how many blocks after the head an attempt may land;
	// 0 is DefaultBlockLimitAhead.
	BlockLimitAhead uint64
}

// SubBatch bounds how many writes share a group commit of the store: how many
// items, of all targets, are written ahead together before any of them is sent.
// The engine finds out how many are good. Equal bounds fix it.
type SubBatch struct {
	Least int // 0 is 1
	Most  int // 0 is DefaultSubBatch
}

// DefaultBlockLimitAhead is half of the 1000 blocks for which a FISCO BCOS
// chain remembers nonces, so that an attempt is still remembered when the next
// attempt of the same item goes out.
const DefaultBlockLimitAhead = 500

// Validate lists everything that is wrong with the configuration.
func (c Config) Validate() error {
	var errs []error
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.Store == nil {
		add("there is no store")
	}
	if c.Workers < 0 {
		add("workers is negative")
	}
	if c.Keep < 0 {
		add("keep is negative")
	}
	if c.SubBatch.Least < 0 || c.SubBatch.Most < 0 {
		add("a bound of the sub-batch is negative")
	}
	if most := cmp.Or(c.SubBatch.Most, DefaultSubBatch); c.SubBatch.Least > most {
		add("a sub-batch is to have at least %d writes, and at most %d", c.SubBatch.Least, most)
	}
	seen := map[string]bool{}
	for i, t := range c.Targets {
		name := t.Info.Name
		if name == "" {
			add("target %d has no name", i)
		}
		if seen[name] {
			add("two targets are called %q", name)
		}
		seen[name] = true
		if t.Chain == nil {
			add("target %q has no chain", name)
		}
		if _, ok := t.Accounts[t.DefaultAccount]; t.DefaultAccount != "" && !ok {
			add("the default account %q of target %q is not among its accounts", t.DefaultAccount, name)
		}
		if t.Limits.Rate < 0 || t.Limits.Burst < 0 || t.Limits.InFlight < 0 || t.Limits.InFlightLeast < 0 {
			add("a limit of target %q is negative", name)
		}
		if most := cmp.Or(t.Limits.InFlight, DefaultInFlight); t.Limits.InFlightLeast > most {
			add("target %q is to have at least %d transactions in flight, and at most %d", name, t.Limits.InFlightLeast, most)
		}
	}
	return errors.Join(errs...)
}

// mostReads is how many calls of read jobs a target may have in flight: a node
// answers each as soon as it is executed, so that these keep all of its cores busy,
// and leave time for everybody else.
const mostReads = 128

// target is a Target at work.
type target struct {
	Target
	window  *window
	reads   *window       // of calls, which are answered at once and not with a block
	lookups chan struct{} // a place for each question about receipts that may be open
	stats   counters
}

// Receipts that may be asked for at a time, for one target. They are small
// questions, but after a break there may be thousands.
const mostLookups = 64

func newTarget(t Target) *target {
	if t.DefaultAccount == "" && len(t.Accounts) == 1 {
		for name := range t.Accounts {
			t.DefaultAccount = name
		}
	}
	t.Limits.InFlight = cmp.Or(t.Limits.InFlight, DefaultInFlight)
	t.Limits.InFlightLeast = cmp.Or(t.Limits.InFlightLeast, 1)
	return &target{
		Target:  t,
		window:  newWindow(t.Limits.InFlightLeast, t.Limits.InFlight, newLimiter(t.Limits.Rate, t.Limits.Burst)),
		reads:   newWindow(1, min(t.Limits.InFlight, mostReads), newLimiter(0, 0)), // the limit of the rate is one of transactions
		lookups: make(chan struct{}, mostLookups),
	}
}

// newLimiter takes the burst from the rate when it is 0.
func newLimiter(perSecond float64, burst int) *rate.Limiter {
	if burst <= 0 {
		burst = burstOf(perSecond)
	}
	return rate.NewLimiter(limitOf(perSecond), burst)
}

// limitOf is a configured rate, of which 0 is none.
func limitOf(perSecond float64) rate.Limit {
	if perSecond <= 0 {
		return rate.Inf
	}
	return rate.Limit(perSecond)
}

// burstOf is a twentieth of a second's worth.
func burstOf(perSecond float64) int {
	return max(1, int(math.Ceil(perSecond/20)))
}

func (e *Engine) target(name string) *target {
	for _, t := range e.targets {
		if t.Info.Name == name {
			return t
		}
	}
	return nil
}

func (e *Engine) targetNames() string {
	if len(e.targets) == 0 {
		return "none"
	}
	list := make([]string, len(e.targets))
	for i, t := range e.targets {
		list[i] = t.Info.Name
	}
	return quoted(list)
}

func names(accounts map[string]chain.Signer) string {
	if len(accounts) == 0 {
		return "none"
	}
	return quoted(slices.Sorted(maps.Keys(accounts)))
}
