package loadgen

import (
	"context"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeWorkload answers as the test says; nil answers at once.
type fakeWorkload struct {
	prepare func(n uint64) error
	answer  func(ctx context.Context, fn int, n uint64) error
}

func (w fakeWorkload) Prepare(_ context.Context, fn int, n uint64) (Shot, error) {
	if w.prepare != nil {
		if err := w.prepare(n); err != nil {
			return nil, err
		}
	}
	return func(ctx context.Context) error {
		if w.answer == nil {
			return nil
		}
		return w.answer(ctx, fn, n)
	}, nil
}

// takes is an answer after a time.
func takes(d time.Duration) func(context.Context, int, uint64) error {
	return func(ctx context.Context, _ int, _ uint64) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// steady is a configuration with one function.
func steady(rate float64, d time.Duration) Config {
	return Config{Profile: Profile{Shape: Steady, From: rate, Duration: d}, Functions: []Function{{"f", 1}}, Seed: 1}
}
