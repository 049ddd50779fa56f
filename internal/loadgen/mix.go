package loadgen

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// Function is one of the things that a run does, and how often.
type Function struct {
	Name   string  `json:"name"`
	Weight float64 `json:"weight"` // its share among the sum of all weights
}

// mix draws functions by their weights.
type mix struct {
	seed uint64
	upTo []float64 // sums of the weights so far
}

func newMix(functions []Function, seed uint64) (*mix, error) {
	if len(functions) == 0 {
		return nil, fmt.Errorf("there is no function to call")
	}
	m := &mix{seed: seed}
	sum := 0.0
	for _, f := range functions {
		if !(f.Weight > 0 && f.Weight <= maxRate) {
			return nil, fmt.Errorf("%s: a weight of %g", f.Name, f.Weight)
		}
		sum += f.Weight
		m.upTo = append(m.upTo, sum)
	}
	return m, nil
}

// pick is the function of request n, always the same for the same seed.
func (m *mix) pick(n uint64) int {
	if len(m.upTo) == 1 {
		return 0
	}
	v := rand.New(rand.NewPCG(m.seed+n, mixStream)).Float64() * m.upTo[len(m.upTo)-1]
	at, _ := slices.BinarySearchFunc(m.upTo, v, func(sum, v float64) int {
		if sum <= v {
			return -1
		}
		return 1
	})
	return min(at, len(m.upTo)-1)
}
