package batch

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTheRateOfASharedJobCountsWhatExpires(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &sharing{rates: map[string]*progressRate{}}
		job := Job{ID: "one"}
		require.Zero(t, s.rate(job))
		time.Sleep(time.Second)
		job.Counts = Counts{Confirmed: 50, Expired: 100}
		require.Positive(t, s.rate(job))
		require.EqualValues(t, 150, s.rates[job.ID].settled)
	})
}
