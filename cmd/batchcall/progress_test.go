package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/batch"
	"github.com/bcosgate/bcosgate/gateway/client"
)

func TestProgressLineLeavesOutWhatDoesNotMatter(t *testing.T) {
	t.Parallel()
	require.Equal(t, "0/s, confirmed 0", jobLine(batch.Progress{}))
	require.Equal(t, "812/s, ETA 1m5s, confirmed 800, reverted 2, rejected 1, unknown 3, in flight 400, waiting: no node is online",
		jobLine(batch.Progress{Rate: 812.4, ETA: 65 * time.Second, InFlight: 400, Waiting: "no node\nis online",
			Counts: batch.Counts{Confirmed: 800, Reverted: 2, Rejected: 1, Unknown: 3}}))
}

func TestPrintedProgressIsALineNowAndThen(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	now := time.Unix(0, 0)
	p := &printed{out: &out, interval: 5 * time.Second, now: func() time.Time { return now }}
	for range 110 { // eleven seconds
		p.job(batch.Progress{Rows: 100, Rate: 10, Counts: batch.Counts{Confirmed: 50}})
		now = now.Add(100 * time.Millisecond)
	}
	p.end()
	require.Equal(t, strings.Repeat("50 of 100 rows, 10/s, confirmed 50\n", 2), out.String())
}

func TestDrawnProgressFitsTheTerminal(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	d := &drawn{out: &out, width: func() int { return 60 }}
	d.bytes(10, 100)
	d.job(batch.Progress{Rows: 1000, Rate: 10, Counts: batch.Counts{Confirmed: 500, Reverted: 3, Rejected: 4, Unknown: 5}})
	require.Contains(t, out.String(), "checking rows")
	require.Contains(t, out.String(), "confirmed 500")
	require.NotContains(t, out.String(), "unknown 5", "it does not fit")
	drawn := out.Len()
	d.end()
	require.Greater(t, out.Len(), drawn, "the drawing is taken away")
	d.end()
	d.job(batch.Progress{}) // nothing to draw of no rows
}

func TestCutCountsCharacters(t *testing.T) {
	t.Parallel()
	require.Equal(t, "数据", cut("数据", 2))
	require.Equal(t, "数…", cut("数据库", 2))
	require.Equal(t, "", cut("abc", 0))
	require.Equal(t, "", cut("abc", -5))
}

// scriptedReader answers Progress from a list, the last for ever.
type scriptedReader struct {
	jobReader
	answers []any // batch.Progress or error
	asked   int
}

func (s *scriptedReader) Progress(context.Context, string) (batch.Progress, error) {
	answer := s.answers[min(s.asked, len(s.answers)-1)]
	s.asked++
	if err, ok := answer.(error); ok {
		return batch.Progress{}, err
	}
	return answer.(batch.Progress), nil
}

func TestFollowing(t *testing.T) {
	t.Parallel()
	running, done := batch.Progress{State: batch.JobRunning, Rows: 2}, batch.Progress{State: batch.JobDone, Rows: 2}
	away := &client.UnreachableError{URL: "http://gate", Err: errors.New("refused")}
	halted := batch.Progress{State: batch.JobRunning, Halted: true, Reason: "the chain was rebuilt"}
	refused := &client.Problem{Status: 401, Detail: "no token"}
	for name, tc := range map[string]struct {
		answers []any
		fails   error
		says    string
		takes   time.Duration
	}{
		"to the end":              {answers: []any{running, running, done}, takes: 2 * remotePoll},
		"at once":                 {answers: []any{done}},
		"a gateway that restarts": {answers: []any{running, away, away, running, away, done}, says: "asking again", takes: 5 * remotePoll},
		"a gateway that is gone":  {answers: []any{running, away}, fails: away, takes: patience + remotePoll},
		"a gateway that refuses":  {answers: []any{running, refused}, fails: refused, takes: remotePoll},
		"a job that stands still": {answers: []any{running, halted}, fails: errStands, takes: remotePoll},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var stderr bytes.Buffer
				a := &app{streams: streams{err: &stderr}}
				began := time.Now()
				err := a.follow(t.Context(), &scriptedReader{answers: tc.answers}, "j")
				require.Equal(t, tc.takes, time.Since(began))
				require.Contains(t, stderr.String(), tc.says)
				if tc.fails == nil {
					require.NoError(t, err)
				} else {
					require.ErrorIs(t, err, tc.fails)
				}
			})
		})
	}
}

func TestFollowingEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(3*time.Second, func() { cancel(errInterrupted) })
		a := &app{streams: streams{err: new(bytes.Buffer)}}
		err := a.follow(ctx, &scriptedReader{answers: []any{batch.Progress{State: batch.JobRunning}}}, "j")
		require.ErrorIs(t, err, errInterrupted)
	})
}
