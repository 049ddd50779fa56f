package guard

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"github.com/bcosgate/bcosgate/chain"
)

// Config says how the calls of a target are guarded. Zero values take the
// defaults.
type Config struct {
	Query Policy // reads
	Write Policy // transactions

	// RetryShare is how many retries and hedges there may be for each call, in the
	// long run; 0 is 0.2, below 0 is none. A few more are allowed at once.
	RetryShare float64

	Cache CacheConfig

	Observer Observer     // nil observes nothing
	Logger   *slog.Logger // nil logs nothing
}

// Policy bounds the calls of one class.
type Policy struct {
	// ConnectTimeout bounds the wait for a connection; 0 is 3 s for queries and 5 s
	// for writes.
	ConnectTimeout time.Duration
	// AnswerTimeout bounds one attempt, its waits included; 0 is 10 s for queries and
	// 30 s for writes.
	AnswerTimeout time.Duration

	// Retries is how many further attempts a call may have; 0 is 2 for queries and 1
	// for writes, below 0 is none. A write is only repeated when nothing was sent.
	Retries int
	// The pause before the k-th retry is random between 0 and BackoffMin·2^k, at most
	// BackoffMax, and not shorter than what the node asked for; 0 are 50 ms and 2 s.
	BackoffMin, BackoffMax time.Duration

	Rate      float64 // attempts a second to all nodes of the target; 0 is no limit
	Burst     int     // attempts at once under Rate; 0 is a twentieth of a second's worth
	NodeRate  float64 // the same for each node
	NodeBurst int
	InFlight  int // attempts at a time; 0 is 4096
	// Refuse makes a call that finds a limit reached fail at once with KindOverloaded
	// and RetryAfter. Without it the call waits as long as its deadline allows, and
	// fails at once only when that cannot be enough.
	Refuse bool

	Breaker Breaker

	// Hedge sends a query that takes longer than 95 % of its kind to a second node as
	// well, as far as RetryShare allows, and takes the first answer. It has no effect
	// on writes.
	Hedge bool
}

// Breaker says when a node is left alone by a class of calls.
type Breaker struct {
	// Failures of the last Window attempts open the breaker; 0 are 5 of 10. So many
	// in a row do it, too.
	Failures, Window uint
	// OpenFor is how long it stays open before a few attempts are let through; 0 is 1 s.
	OpenFor time.Duration
	// Probes is how many of them must succeed to close it; 0 is 3.
	Probes uint
}

// Observer is told of calls and attempts. Its methods are called on the paths of
// the calls and must return at once.
type Observer interface {
	// Called is told of the end of each call. kind is empty when it was answered.
	Called(c Called)
	// Attempted is told of the end of each attempt.
	Attempted(a Attempted)
	// Limited is told when a call has to wait for a limit, or is refused by one.
	Limited(target string, class Class, by Limit, refused bool)
}

// Called is one call as a whole.
type Called struct {
	Target string
	Op     string // "call", "send", …: few values
	Class  Class
	Kind   chain.Kind
	Source chain.Source
	Took   time.Duration
}

// Attempted is one attempt of a call.
type Attempted struct {
	Target string
	Node   string // empty when none could be chosen
	Op     string
	Class  Class
	Kind   chain.Kind
	Took   time.Duration
	Retry  bool // it followed another one
	Hedge  bool // it went beside another one
}

// Limit names what keeps a call back.
type Limit string

// The limits.
const (
	LimitRate     Limit = "rate"      // Policy.Rate
	LimitNodeRate Limit = "node_rate" // Policy.NodeRate, of all nodes that could be asked
	LimitInFlight Limit = "in_flight" // Policy.InFlight
	LimitBudget   Limit = "budget"    // Config.RetryShare
)

type silent struct{}

func (silent) Called(Called)                      {}
func (silent) Attempted(Attempted)                {}
func (silent) Limited(string, Class, Limit, bool) {}

// CacheConfig bounds what is kept of answers.
type CacheConfig struct {
	// Off keeps nothing, so that there is nothing to fall back on either. A chain that
	// can be set back, as a development chain can, needs it: blocks and receipts that
	// were found are kept for ever.
	Off bool
	// MaxBytes bounds the memory of the answers; 0 is 32 MiB.
	MaxBytes uint64
	// HeadBoundFor bounds for how long an answer that depends on the newest block
	// holds, also while no new block is heard of, because the news may be late; 0 is
	// 1 s. It is at most 30 s: for so long is remembered what callers were told.
	HeadBoundFor time.Duration
	// StaleFor bounds the age of answers that are given when no node can be asked, for
	// callers that allow them (chain.AllowStale); 0 is 10 min.
	StaleFor time.Duration
}

// validate lists what is wrong with the bounds of the cache, after defaults.
func (c *CacheConfig) validate() error {
	var errs []error
	if c.HeadBoundFor < 0 || c.HeadBoundFor > floorFor {
		errs = append(errs, fmt.Errorf("guard: cache: an answer that depends on the head holds for 0 to %s, not for %s", floorFor, c.HeadBoundFor))
	}
	if c.StaleFor < 0 {
		errs = append(errs, fmt.Errorf("guard: cache: the age of outdated answers, %s, is negative", c.StaleFor))
	}
	return errors.Join(errs...)
}

func (c *Config) setDefaults() {
	c.Query.setDefaults(Policy{ConnectTimeout: 3 * time.Second, AnswerTimeout: 10 * time.Second, Retries: 2})
	c.Write.setDefaults(Policy{ConnectTimeout: 5 * time.Second, AnswerTimeout: 30 * time.Second, Retries: 1})
	setDefault(&c.RetryShare, 0.2)
	setDefault(&c.Cache.MaxBytes, 32<<20)
	setDefault(&c.Cache.HeadBoundFor, time.Second)
	setDefault(&c.Cache.StaleFor, 10*time.Minute)
	if c.Observer == nil {
		c.Observer = silent{}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
}

// policy is that of a class.
func (c *Config) policy(class Class) *Policy {
	if class == Write {
		return &c.Write
	}
	return &c.Query
}

// Validate lists everything that is wrong with the configuration.
func (c Config) Validate() error {
	c.setDefaults() // so that a value is checked against the default of another
	var share error
	if math.IsNaN(c.RetryShare) {
		share = errors.New("guard: the share of retries is not a number")
	}
	return errors.Join(c.Query.validate(Query), c.Write.validate(Write), c.Cache.validate(), share)
}

// validate lists what is wrong with the policy of a class, after defaults.
func (p *Policy) validate(class Class) error {
	var errs []error
	add := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("guard: class %s: "+format, append([]any{class}, args...)...))
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"connect timeout", p.ConnectTimeout},
		{"answer timeout", p.AnswerTimeout},
		{"least backoff", p.BackoffMin},
		{"most backoff", p.BackoffMax},
		{"open time of the breaker", p.Breaker.OpenFor},
	} {
		if d.value < 0 {
			add("the %s %s is negative", d.name, d.value)
		}
	}
	if p.Burst < 0 || p.NodeBurst < 0 || p.InFlight < 0 || !(p.Rate >= 0) || !(p.NodeRate >= 0) { // nor NaN
		add("a limit is negative, or not a number")
	}
	if p.Breaker.Failures > p.Breaker.Window {
		add("the breaker cannot see %d failures among %d attempts", p.Breaker.Failures, p.Breaker.Window)
	}
	return errors.Join(errs...)
}

func (p *Policy) setDefaults(class Policy) {
	setDefault(&p.ConnectTimeout, class.ConnectTimeout)
	setDefault(&p.AnswerTimeout, class.AnswerTimeout)
	setDefault(&p.Retries, class.Retries)
	setDefault(&p.BackoffMin, 50*time.Millisecond)
	setDefault(&p.BackoffMax, 2*time.Second)
	setDefault(&p.InFlight, 4096)
	setDefault(&p.Breaker.Failures, 5)
	setDefault(&p.Breaker.Window, 10)
	setDefault(&p.Breaker.OpenFor, time.Second)
	setDefault(&p.Breaker.Probes, 3)
}

func setDefault[T comparable](value *T, def T) {
	var zero T
	if *value == zero {
		*value = def
	}
}
