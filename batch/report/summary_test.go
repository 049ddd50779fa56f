package report

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/batch"
)

func summaryOf(t testing.TB, s source) Summary {
	t.Helper()
	var sum Summary
	require.NoError(t, json.Unmarshal([]byte(write(t, s, Options{Format: JSON})), &sum))
	return sum
}

func TestSummaryCounts(t *testing.T) {
	t.Parallel()
	s := newJob([]string{"digest", "text"}, cellRows(30)) // reverted 10 20 30, rejected 15, canceled 7 14 21 28
	s.items[0].Attempts, s.items[0].LatencyMS = 3, 5000   // its first attempt was stored 4 seconds earlier
	s.items[0].Attempted = s.items[0].Settled.Add(-time.Second)
	sum := summaryOf(t, s)
	require.Equal(t, s.job, sum.Job)
	require.Equal(t, s.Genesis(), sum.Genesis)
	require.EqualValues(t, 26, sum.Settled)
	require.EqualValues(t, 28, sum.Attempts)
	require.EqualValues(t, 25*21000, sum.GasUsed)
	require.EqualValues(t, 100, sum.FirstBlock)
	require.EqualValues(t, 107, sum.LastBlock)
	require.Equal(t, s.first, sum.First)
	require.Equal(t, s.items[29].Settled, sum.Last)
	require.InDelta(t, 26/sum.Last.Sub(sum.First).Seconds(), sum.Rate, 1e-9)

	require.Equal(t, []Cause{
		{Kind: "canceled", Count: 4, Row: 7},
		{Kind: "reverted", Count: 3, Row: 10, Text: "AlreadySaved(10)"},
		{Kind: "denied", Count: 1, Row: 15, Text: "no permission, \"said\" the\nnode \ufffd\ufffd"},
	}, sum.Errors)

	stages := map[StageName]Stage{}
	for _, stage := range sum.Stages {
		stages[stage.Name] = stage
	}
	require.Len(t, stages, 4)
	require.EqualValues(t, 25, stages[StageTotal].Count)
	require.Equal(t, sum.LatencyMS, stages[StageTotal].LatencyMS)
	require.InEpsilon(t, 5000, float64(stages[StageTotal].LatencyMS.Max), .01)
	require.EqualValues(t, 1, stages[StageResolving].Count)
	require.InEpsilon(t, 4000, float64(stages[StageResolving].LatencyMS.P50), .01)
	require.InEpsilon(t, 1029, float64(stages[StageLanding].LatencyMS.Max), .01)
	require.InEpsilon(t, 1300, float64(stages[StageWaiting].LatencyMS.Max), .01, "a second after the start, then 10 ms a row")

	require.Equal(t, MerkleAlgorithm, sum.Merkle.Algorithm)
	require.EqualValues(t, 31, sum.Merkle.Leaves)
	require.Len(t, sum.Merkle.Root, 64)
}

func TestSummaryOfAJobThatSentNothing(t *testing.T) {
	t.Parallel()
	s := &fakeSource{job: batch.Job{ID: "x", State: batch.JobReady, Columns: []string{"a"}, Rows: 1, Counts: batch.Counts{Queued: 1}},
		items: []batch.TimedItem{{Item: batch.Item{Row: 1, State: batch.ItemQueued, Input: json.RawMessage(`["1"]`)}}}}
	text := write(t, s, Options{Format: JSON})
	require.Contains(t, text, `"errors": []`)
	require.Contains(t, text, `"stages": []`)
	require.Contains(t, text, `"confirmed": []`)
	sum := summaryOf(t, s)
	require.Zero(t, sum.Settled)
	require.Zero(t, sum.Rate)
	require.Zero(t, sum.First)
	require.EqualValues(t, 2, sum.Merkle.Leaves)
}

func TestTimelineKeepsEveryOutcome(t *testing.T) {
	t.Parallel()
	line := timeline{from: began}
	const n = 50_000
	for i := range n { // over half a day
		state := batch.ItemConfirmed
		if i%5 == 0 {
			state = batch.ItemReverted
		}
		line.add(began.Add(time.Duration(i)*time.Second), state)
	}
	got := line.Timeline()
	require.LessOrEqual(t, len(got.Confirmed), maxSteps)
	require.Greater(t, len(got.Confirmed), maxSteps/2, "as fine as there is room for")
	require.Len(t, got.Failed, len(got.Confirmed))
	step := time.Duration(got.StepMS) * time.Millisecond
	var confirmed, failed int64
	for i := range got.Confirmed {
		confirmed, failed = confirmed+got.Confirmed[i], failed+got.Failed[i]
		begin, end := time.Duration(i)*step, min(time.Duration(i+1)*step, n*time.Second)
		seconds := int64((end+time.Second-1)/time.Second) - int64((begin+time.Second-1)/time.Second)
		require.Equal(t, seconds, got.Confirmed[i]+got.Failed[i], "step %d", i)
	}
	require.EqualValues(t, n-n/5, confirmed)
	require.EqualValues(t, n/5, failed)

	early := timeline{from: began}
	early.add(began.Add(-time.Minute), batch.ItemConfirmed) // a clock that was set back
	require.Equal(t, []int64{1}, early.Timeline().Confirmed)
}
