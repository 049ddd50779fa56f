package loadgen

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// starts are all intended starts of a step.
func starts(p Profile, seed uint64, step int) []time.Duration {
	var list []time.Duration
	s := newSchedule(p.steps()[step], p.Poisson, seed, step)
	for at, ok := s.next(); ok; at, ok = s.next() {
		list = append(list, at)
	}
	return list
}

func TestSteadyStartsAreEvenlySpaced(t *testing.T) {
	t.Parallel()
	list := starts(Profile{Shape: Steady, From: 100, Duration: 2 * time.Second}, 0, 0)
	require.Len(t, list, 200)
	for i, at := range list {
		require.InDelta(t, float64(i)*1e7, float64(at), 2)
	}
	require.Len(t, starts(Profile{Shape: Steady, From: 0.5, Duration: time.Second}, 0, 0), 1)
	require.Len(t, starts(Profile{Shape: Steady, From: 333.3, Duration: 3 * time.Second}, 0, 0), 1000, "the last one is due within the time")
}

func TestRampGoesEvenlyUpOrDown(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ from, to float64 }{{100, 500}, {500, 100}, {1, 1000}, {1000, 1}, {200, 200 + 1e-9}} {
		p := Profile{Shape: Ramp, From: c.from, To: c.to, Duration: 10 * time.Second}
		list := starts(p, 0, 0)
		require.InDelta(t, (c.from+c.to)/2*10, len(list), 1)
		require.Equal(t, p.Most(), int64(len(list)))
		require.True(t, slices.IsSorted(list))
		require.Less(t, list[len(list)-1], 10*time.Second)
		for second := range 10 { // the rate in the middle of each second
			in := 0
			for _, at := range list {
				if at/time.Second == time.Duration(second) {
					in++
				}
			}
			require.InDelta(t, c.from+(c.to-c.from)*(float64(second)+0.5)/10, in, 1.01, "second %d of %v", second, c)
		}
	}
}

func TestStairsHaveStepsUpToTheHighestRate(t *testing.T) {
	t.Parallel()
	p := Profile{Shape: Stairs, From: 100, By: 0.1, To: 100.3, Duration: time.Second}
	require.Len(t, p.steps(), 4, "in spite of rounding")
	p = Profile{Shape: Stairs, From: 100, By: 150, To: 500, Duration: time.Second}
	var rates []float64
	for _, r := range p.steps() {
		require.Equal(t, r.from, r.to)
		rates = append(rates, r.from)
	}
	require.Equal(t, []float64{100, 250, 400}, rates)
	require.Equal(t, int64(750), p.Most())
}

func TestPoissonStartsAreRandomAndReproducible(t *testing.T) {
	t.Parallel()
	p := Profile{Shape: Steady, From: 1000, Duration: 20 * time.Second, Poisson: true}
	list := starts(p, 7, 0)
	require.Equal(t, list, starts(p, 7, 0))
	require.NotEqual(t, list, starts(p, 8, 0))
	require.InDelta(t, 20000, len(list), 6*math.Sqrt(20000))
	require.LessOrEqual(t, uint64(len(list)), mostRequests(p))
	require.True(t, slices.IsSorted(list))
	var sum, squares float64 // of exponential gaps, mean and deviation are the same
	for i := 1; i < len(list); i++ {
		gap := (list[i] - list[i-1]).Seconds() * 1000
		sum, squares = sum+gap, squares+gap*gap
	}
	n := float64(len(list) - 1)
	mean := sum / n
	require.InDelta(t, 1, mean, 0.05)
	require.InDelta(t, 1, math.Sqrt(squares/n-mean*mean), 0.05)
}

func TestProfilesThatCannotBe(t *testing.T) {
	t.Parallel()
	good := Profile{Shape: Stairs, From: 1, To: 2, By: 1, Duration: time.Second}
	require.NoError(t, good.Validate())
	for want, change := range map[string]func(*Profile){
		"a duration of":        func(p *Profile) { p.Duration = 0 },
		"rate 0 is not":        func(p *Profile) { p.From = 0 },
		"rate NaN is not":      func(p *Profile) { p.From = math.NaN() },
		"rate +Inf is not":     func(p *Profile) { p.From = math.Inf(1) },
		"is below the first":   func(p *Profile) { p.To = 0.5 },
		"a step of 0":          func(p *Profile) { p.By = 0 },
		"there is no shape":    func(p *Profile) { p.Shape = "cliff" },
		"the rate at the end":  func(p *Profile) { p.Shape, p.To = Ramp, 0 },
		"the highest rate -1 ": func(p *Profile) { p.To = -1 },
	} {
		p := good
		change(&p)
		require.ErrorContains(t, p.Validate(), want)
	}
}
