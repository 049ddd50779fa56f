package plan

import (
	"fmt"
	"math"

	"github.com/bcosgate/bcosgate/batch"
)

// gasOf takes what rows of an earlier job took for what these will take.
func gasOf(past *batch.Gas, rows int64) GasEstimate {
	if past == nil {
		return GasEstimate{Basis: "unknown: a simulated call does not tell its gas, and no earlier job called this function of this contract"}
	}
	return GasEstimate{PerRow: past.Mean, Min: past.Min, Max: past.Max, Total: past.Mean * uint64(rows),
		Basis: fmt.Sprintf("the mean of %d confirmed rows of job %s, times the rows that would succeed", past.Rows, past.JobID)}
}

// timeOf takes the rate of earlier jobs, within the limit, for that of this one.
func timeOf(past batch.Pace, limit float64, rows int64) TimeEstimate {
	rate := past.Rate()
	var t TimeEstimate
	switch {
	case rate == 0 && limit == 0:
		return TimeEstimate{Basis: fmt.Sprintf("unknown: no earlier job of this target had %d rows or more, and there is no limit of the rate", paceRows)}
	case rate == 0:
		t = TimeEstimate{Rate: limit, Basis: "the limit of the rate; it takes no less, and longer if the chain is slower"}
	case limit > 0 && limit < rate:
		t = TimeEstimate{Rate: limit, Basis: fmt.Sprintf("the limit of the rate; %s", earlierJobs(past))}
	default:
		t = TimeEstimate{Rate: rate, Basis: earlierJobs(past)}
	}
	t.Rate = math.Round(t.Rate*10) / 10
	if t.Rate > 0 {
		t.Seconds = math.Round(float64(rows)/t.Rate*10) / 10
	}
	return t
}

func earlierJobs(p batch.Pace) string {
	what := fmt.Sprintf("the last %d jobs of this target", p.Jobs)
	if p.Jobs == 1 {
		what = "the last job of this target"
	}
	return fmt.Sprintf("%s executed %d rows at %.1f a second", what, p.Rows, p.Rate())
}
