package batch

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/batch/rows"
)

func TestParseSharding(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]sharding{
		"":                      {rows: DefaultShardRows},
		"range(500)":            {rows: 500},
		"key(account)":          {column: "account"},
		"key( account number )": {column: "account number"},
		"time(at,1h)":           {column: "at", width: time.Hour},
		"time(a,b, 90s)":        {column: "a,b", width: 90 * time.Second},
	} {
		got, err := parseSharding(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"range", "range()", "range(0)", "range(-1)", "range(x)", "key()", "time(at)", "time(at,0s)", "time(,1h)", "color(red)", "range(5"} {
		_, err := parseSharding(text)
		require.ErrorContains(t, err, "use range(500), key(COLUMN) or time(COLUMN,1h)", text)
	}
}

func cell(column string, value any) rows.Row {
	return rows.Row{Cells: []rows.Cell{{Column: column, Value: value}}}
}

// Whatever the rows are, each is in one shard, and equal keys are in the same one.
func TestEveryRowIsInOneShard(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int64{1, 249, 250, 251, 3000} {
		for canary, by := range []sharding{{rows: 250}, {rows: 1}, {rows: 250}, {rows: 7}, {column: "k"}, {column: "k", width: time.Hour}} {
			if by.byLane() {
				canary = 0
			}
			c := newShardCutter(by, canary)
			places := map[int64]int64{} // lanes, or rows, with how many rows
			for row := int64(1); row <= n; row++ {
				lane, fault := c.lane(cell("k", fmt.Sprint(random.Int64N(500)*1000)))
				require.Nil(t, fault)
				if by.byLane() {
					places[*lane]++
				} else {
					require.Nil(t, lane)
					places[row]++
				}
			}
			var count, before int64 = 0, -1
			for i, sh := range c.cut(n) {
				require.EqualValues(t, i+1, sh.number)
				require.Greater(t, sh.low, before, "in order, and none twice")
				require.GreaterOrEqual(t, sh.high, sh.low)
				before = sh.high
				for place, rows := range places {
					if place >= sh.low && place <= sh.high {
						count += rows
					}
				}
			}
			require.Equal(t, n, count, "%+v", by)
		}
	}
}

func TestLanes(t *testing.T) {
	t.Parallel()
	require.Equal(t, laneOfKey("17"), laneOfKey(json.Number("17")), "the same key in CSV and in NDJSON")
	c := newShardCutter(sharding{column: "at", width: time.Hour}, 0)
	hour := func(value any) int64 {
		lane, fault := c.lane(cell("at", value))
		require.Nil(t, fault, "%v", value)
		return *lane
	}
	for _, same := range []any{"2026-01-02T03:04:05Z", "2026-01-02 03:59", "2026-01-02T05:00:00+02:00", json.Number("1767323045"), "1767323045000"} {
		require.Equal(t, hour("2026-01-02T03:00:00Z"), hour(same), "%v", same)
	}
	require.Less(t, hour("1969-12-31T23:59:59Z"), hour("1970-01-01"), "before 1970, too")
	_, fault := c.lane(cell("at", "yesterday"))
	require.Contains(t, fault.Reason, `"yesterday" is no time`)
	_, fault = c.lane(cell("when", "2026-01-02"))
	require.Contains(t, fault.Reason, "is missing")
	narrow := newShardCutter(sharding{column: "at", width: time.Millisecond}, 0)
	for ms := range mostBuckets {
		_, fault := narrow.lane(cell("at", fmt.Sprint(int64(leastMillis+ms))))
		require.Nil(t, fault)
	}
	_, fault = narrow.lane(cell("at", "2026-01-02"))
	require.Contains(t, fault.Reason, "greater width")
}

// However a job is cut, it ends the same; time goes from old to new.
func TestAJobEndsTheSameHoweverItIsCut(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, location string) {
		for _, by := range []string{"range(7)", "key(group)", "time(at,1h)"} {
			b := newBenchAt(t, location)
			var text strings.Builder
			text.WriteString("digest,text,group,at\n")
			const n = 600
			for i := range n {
				fmt.Fprintf(&text, "0x%064x,text %d,g%d,%d\n", i+1, i+1, i%50, (n-i)*100)
			}
			spec := saveSpec()
			spec.ShardBy = by
			if strings.HasPrefix(by, "time") {
				spec.InFlight = 1
			}
			job, err := b.load(spec, fromCSV(t, text.String()))
			require.NoError(t, err)
			require.NoError(t, b.engine.Run(context.Background(), job.ID))
			b.settles(job.ID, func(p Progress) bool { return p.Counts.Confirmed > n/3 })
			b.restart() // in the middle of shards
			job = b.wait(job.ID)
			require.Equal(t, Counts{Confirmed: n}, job.Counts, by)
			b.verify(job)
			var open int64
			require.NoError(t, b.store.read.QueryRow("SELECT count(*) FROM shards WHERE state <> 'done'").Scan(&open))
			require.Zero(t, open)
			b.stop()
		}
	})
}

func TestACanceledJobEndsWithShardsThatWereNeverBegun(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, location string) {
		b := newBenchAt(t, location)
		spec := saveSpec()
		spec.ShardBy, spec.Rate = "range(1)", 100
		job := b.run(spec, 2000)
		b.settles(job.ID, func(p Progress) bool { return p.Counts.Confirmed > 0 })
		_, err := b.engine.Cancel(context.Background(), job.ID)
		require.NoError(t, err)
		job = b.wait(job.ID)
		require.Equal(t, JobCanceled, job.State)
		require.Positive(t, job.Counts.Canceled)
		b.checkCounts(job.ID)
	})
}
