package faults

import (
	"context"
	"time"
)

// Line is the connection of a request or push. Its methods return at once.
type Line interface {
	Close()    // ends it in order
	Reset()    // ends it with a TCP RST
	HalfOpen() // keeps it open and dead: see the action HalfOpen
}

// Exchange is one request, push or new connection on its way through a front end.
type Exchange struct {
	Point
	Line Line
	// Serve executes the request, or makes the push, and gives the message to send.
	Serve func(ctx context.Context) []byte
	// Refuse words an error in the place of an answer; nil where there is none.
	Refuse func(code int, message string) []byte
	// Damage spoils a message; nil where there is none.
	Damage func(message []byte, part Part) []byte
}

// Do carries an exchange through the fault that strikes it, if any, and gives the
// message to send. Nil means that nothing is sent: it was dropped, what had to be
// done to the connection has been done, or ctx ended a wait.
func (s *Set) Do(ctx context.Context, x Exchange) []byte {
	f := s.Strike(x.Point)
	if f == nil {
		return x.Serve(ctx)
	}
	return f.Carry(ctx, x)
}

// Carry is Do for a fault that has struck.
func (f Fault) Carry(ctx context.Context, x Exchange) []byte {
	if f.Action == BlockNumber {
		ctx = context.WithValue(ctx, heightKey{}, f.By)
	}
	if !f.After && !pause(ctx, time.Duration(f.Delay)) {
		return nil
	}
	var message []byte
	if f.After || f.Action == Delay || f.Action == Corrupt || f.Action == BlockNumber {
		message = x.Serve(ctx)
	}
	if f.After && !pause(ctx, time.Duration(f.Delay)) {
		return nil
	}
	switch f.Action {
	case Drop:
		return nil
	case Error, PoolFull:
		return x.Refuse(f.Code, f.Message)
	case Close:
		x.Line.Close()
		return nil
	case Reset:
		x.Line.Reset()
		return nil
	case HalfOpen:
		x.Line.HalfOpen()
		return nil
	case Corrupt:
		if message != nil {
			return x.Damage(message, f.Part)
		}
	}
	return message
}

// pause waits, or reports false when ctx ends first.
func pause(ctx context.Context, span time.Duration) bool {
	if span == 0 {
		return true
	}
	timer := time.NewTimer(span)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

type heightKey struct{}

// Height is the block height to tell in an exchange: number, unless a fault of
// the kind BlockNumber has struck the one that ctx belongs to.
func Height(ctx context.Context, number uint64) uint64 {
	by, _ := ctx.Value(heightKey{}).(int64)
	if by < 0 && uint64(-by) > number {
		return 0
	}
	return number + uint64(by)
}
