package chain

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Attempt is one try of a call.
type Attempt struct {
	Node     string        // host:port; empty when none could be chosen
	Kind     Kind          // empty: it brought an answer
	Duration time.Duration // of this try, the wait for permits and connections included
	Hedge    bool          // it was sent beside a slow one, not after a failed one
}

// Source says where the answer of a call came from.
type Source string

// The sources of an answer.
const (
	SourceNode   Source = "node"   // a node was asked for this call
	SourceMerged Source = "merged" // a node was asked the same at the same time, once for all
	SourceCache  Source = "cache"  // it was known, and still holds
	SourceStale  Source = "stale"  // it was known and may be outdated: no node could be asked (AllowStale)
)

// CallLog is what happened to one call, or to several that are made with the same
// context. It is safe for concurrent use. A nil CallLog records nothing.
type CallLog struct {
	mu       sync.Mutex
	attempts []Attempt
	source   Source
	age      time.Duration
}

type callLogKey struct{}

// WithCallLog gives a context whose calls are recorded, and their record. The
// record may be read as soon as a call has returned, whether it failed or not.
func WithCallLog(ctx context.Context) (context.Context, *CallLog) {
	log := &CallLog{}
	return context.WithValue(ctx, callLogKey{}, log), log
}

// CallLogOf is the record of a context; nil when it has none.
func CallLogOf(ctx context.Context) *CallLog {
	log, _ := ctx.Value(callLogKey{}).(*CallLog)
	return log
}

// Attempted notes one try.
func (l *CallLog) Attempted(a Attempt) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.attempts = append(l.attempts, a)
}

// Attempts lists the tries in the order of their ends. A call that another one was
// asked for, or whose answer was known, has none.
func (l *CallLog) Attempts() []Attempt {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.attempts)
}

// Answered notes where the answer came from, and how old it is.
func (l *CallLog) Answered(source Source, age time.Duration) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.source, l.age = source, age
}

// Source is where the last answer came from, empty without one, and its age when
// it was kept.
func (l *CallLog) Source() (source Source, age time.Duration) {
	if l == nil {
		return "", 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.source, l.age
}

type staleKey struct{}

// AllowStale gives a context whose reads may be answered with a value of up to
// that age when no node can be asked. Such an answer is marked in the CallLog, and
// its age is told there.
func AllowStale(ctx context.Context, age time.Duration) context.Context {
	return context.WithValue(ctx, staleKey{}, age)
}

// StaleAllowed is the age that AllowStale gave; 0 without it.
func StaleAllowed(ctx context.Context) time.Duration {
	age, _ := ctx.Value(staleKey{}).(time.Duration)
	return age
}
