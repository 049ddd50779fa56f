package batch

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var jobEvents = []jobEvent{eventLoad, eventRefuse, eventStart, eventPause, eventResume, eventCancel, eventRetry, eventSettle}

func TestAJobMovesOnlyAsItMay(t *testing.T) {
	t.Parallel()
	for _, from := range JobStates {
		for _, e := range jobEvents {
			to, err := from.after(e)
			if err != nil {
				require.ErrorIs(t, err, ErrState)
				require.Equal(t, from, to)
				continue
			}
			require.Contains(t, JobStates, to)
			if from.Final() && e != eventRetry {
				require.Equal(t, from, to, "%s on %s: nothing follows an end", e, from)
			}
			if from == JobCanceling {
				require.Contains(t, []JobState{JobCanceling, JobCanceled}, to, "what is canceled is not sent again")
			}
			if to == JobRunning && from != to {
				require.Contains(t, []jobEvent{eventStart, eventResume}, e, "only the user sends")
			}
			again, err := to.after(e)
			if err == nil {
				require.Equal(t, to, again, "%s twice is once", e)
			}
		}
	}
}

// Whatever happens in any order, every job that has begun can still come to an end
// that the user wants, and the store says what the rule says.
func TestTheStoreKeepsTheLifeOfAJob(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx := context.Background()
	rapid.Check(t, func(t *rapid.T) {
		job, _, err := b.engine.Create(ctx, saveSpec())
		require.NoError(t, err)
		rec, err := jobByID(ctx, b.store.read, job.ID)
		require.NoError(t, err)
		want := JobLoading
		for _, e := range rapid.SliceOfN(rapid.SampledFrom(jobEvents), 1, 12).Draw(t, "events") {
			next, wantErr := want.after(e)
			from, to, err := b.store.moveJob(rec.seq, jobMove{event: e, at: time.Now(), by: StopCanary, reason: "so far"})
			require.Equal(t, wantErr, err)
			require.Equal(t, want, from)
			require.Equal(t, next, to)
			want = next
			stored, err := b.store.Job(ctx, job.ID)
			require.NoError(t, err)
			require.Equal(t, want, stored.State)
			require.Equal(t, want.Final(), stored.Finished != nil)
			if want == JobRunning {
				require.NotNil(t, stored.Started)
			}
		}
		for want.sends() {
			if !slices.Contains([]JobState{JobPaused, JobRunning}, want) {
				want, err = want.after(eventSettle)
			} else {
				want, err = want.after(rapid.SampledFrom([]jobEvent{eventCancel, eventSettle}).Draw(t, "end"))
			}
			require.NoError(t, err)
		}
	})
}
