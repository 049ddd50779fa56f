package report

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/batch"
)

// fakeSource is a job with what a test says.
type fakeSource struct {
	job      batch.Job
	items    []batch.TimedItem
	attempts []batch.AttemptRecord
	first    time.Time
}

func (s *fakeSource) Job() batch.Job                                  { return s.job }
func (s *fakeSource) Genesis() common.Hash                            { return common.HexToHash("0x9e") }
func (s *fakeSource) FirstAttempt(context.Context) (time.Time, error) { return s.first, nil }

func (s *fakeSource) Items(_ context.Context, f func(batch.TimedItem) error) error {
	for _, it := range s.items {
		if err := f(it); err != nil {
			return err
		}
	}
	return nil
}

func (s *fakeSource) Attempts(_ context.Context, f func(batch.AttemptRecord) error) error {
	for _, a := range s.attempts {
		if err := f(a); err != nil {
			return err
		}
	}
	return nil
}

// write gives one report of s.
func write(t testing.TB, s source, opt Options) string {
	t.Helper()
	var out bytes.Buffer
	w := bufio.NewWriter(&out)
	require.NoError(t, writers[opt.Format](context.Background(), s, opt, w))
	require.NoError(t, w.Flush())
	return out.String()
}

var began = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)

// newJob is a finished job with rows of every final state: row n reverted where
// n is a multiple of 10, rejected where of 15, canceled where of 7; all others
// are confirmed.
func newJob(columns []string, rows []json.RawMessage) *fakeSource {
	started, finished := began.Add(time.Second), began.Add(time.Hour)
	s := &fakeSource{first: began.Add(2 * time.Second)}
	s.job = batch.Job{ID: "0198c0de", State: batch.JobDone, Columns: columns, Rows: int64(len(rows)), InputSHA256: strings.Repeat("ab", 32),
		Spec:    batch.Spec{Target: "court", Account: "clerk", Contract: "Evidence", Function: "save(bytes32,string)"},
		Created: began, Started: &started, Finished: &finished}
	for i, row := range rows {
		n := int64(i + 1)
		hash := common.BigToHash(common.Big1)
		hash[0], hash[1] = byte(n), byte(n>>8)
		it := batch.TimedItem{Item: batch.Item{Row: n, Input: row, Attempts: 1, TxHash: &hash, LatencyMS: 1000 + n}}
		it.Attempted = s.first.Add(time.Duration(n) * 10 * time.Millisecond)
		it.Settled = it.Attempted.Add(time.Duration(it.LatencyMS) * time.Millisecond)
		status := 0
		switch {
		case n%10 == 0:
			status = 16
			it.State, it.Error, it.ErrorKind, it.Output = batch.ItemReverted, fmt.Sprintf("AlreadySaved(%d)", n), "reverted", "0x08c379a0"
			s.job.Counts.Reverted++
		case n%15 == 0:
			it.State, it.Error, it.ErrorKind = batch.ItemRejected, "no permission, \"said\" the\nnode \xff\x00", "denied"
			s.job.Counts.Rejected++
		case n%7 == 0:
			it.State, it.TxHash, it.Attempts, it.LatencyMS = batch.ItemCanceled, nil, 0, 0
			it.Attempted, it.Settled = time.Time{}, time.Time{}
			s.job.Counts.Canceled++
		default:
			it.State, it.Output = batch.ItemConfirmed, "0x"
			s.job.Counts.Confirmed++
		}
		if it.State == batch.ItemConfirmed || it.State == batch.ItemReverted {
			it.Status, it.Block, it.GasUsed = &status, uint64(100+n/4), 21000
		}
		s.items = append(s.items, it)
	}
	return s
}

// cellRows makes rows of a CSV with two columns.
func cellRows(n int) []json.RawMessage {
	rows := make([]json.RawMessage, n)
	for i := range rows {
		rows[i] = json.RawMessage(fmt.Sprintf(`["0x%064x","text %d, \"quoted\"\r\n=1+1"]`, i+1, i+1))
	}
	return rows
}

func TestCSVHasTheUsersCellsInTheirOrder(t *testing.T) {
	t.Parallel()
	text := write(t, newJob([]string{"digest", "odd; name"}, cellRows(30)), Options{})
	require.True(t, strings.HasPrefix(text, `digest,"odd; name",_state,_error,_tx_hash,_block,_status,_gas_used,_output,_contract,_attempts,_latency_ms`+"\n"), text[:100])
	lines, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	require.NoError(t, err)
	require.Len(t, lines, 31)
	for i, line := range lines[1:] {
		require.Equal(t, []string{fmt.Sprintf("0x%064x", i+1), fmt.Sprintf("text %d, \"quoted\"\n=1+1", i+1)}, line[:2])
	}
	require.Equal(t, []string{"confirmed", "", "0x0100" + strings.Repeat("0", 59) + "1", "100", "0", "21000", "0x", "", "1", "1001"}, lines[1][2:])
	require.Equal(t, []string{"canceled", "", "", "", "", "", "", "", "0", ""}, lines[7][2:])
	require.Equal(t, []string{"reverted", "AlreadySaved(10)", "0x0a00" + strings.Repeat("0", 59) + "1", "102", "16", "21000", "0x08c379a0", "", "1", "1010"}, lines[10][2:])
	require.Equal(t, "no permission, \"said\" the\nnode \ufffd\ufffd", lines[15][3], "what is no text would break readers")
}

func TestInputWithoutAHeader(t *testing.T) {
	t.Parallel()
	s := newJob(nil, []json.RawMessage{json.RawMessage(`{"a": 1.50, "b": "<x> y"}`), json.RawMessage("[ 1,\n2 ]")})
	lines, err := csv.NewReader(strings.NewReader(write(t, s, Options{Format: CSV}))).ReadAll()
	require.NoError(t, err)
	require.Equal(t, inputColumn, lines[0][0])
	require.Equal(t, `{"a":1.50,"b":"<x> y"}`, lines[1][0])
	require.Equal(t, "[1,2]", lines[2][0])

	ndjson := strings.Split(strings.TrimSpace(write(t, s, Options{Format: NDJSON})), "\n")
	require.Len(t, ndjson, 2)
	var line struct {
		Row    int64
		Input  json.RawMessage
		Result map[string]any
	}
	require.NoError(t, json.Unmarshal([]byte(ndjson[0]), &line))
	require.EqualValues(t, 1, line.Row)
	require.Equal(t, `{"a":1.50,"b":"<x> y"}`, string(line.Input))
	require.Equal(t, "confirmed", line.Result["state"])
	require.NotContains(t, line.Result, "input")
	require.NotContains(t, line.Result, "row")
}

func TestARowThatDoesNotFitTheHeaderIsNoReport(t *testing.T) {
	t.Parallel()
	s := newJob([]string{"a", "b"}, []json.RawMessage{json.RawMessage(`["1"]`)})
	for _, f := range []Format{CSV, JSON, HTML} {
		err := writers[f](context.Background(), s, Options{}, bufio.NewWriter(&bytes.Buffer{}))
		require.ErrorContains(t, err, "row 1 has 1 cells, the input has 2 columns", f)
	}
}

func TestAttemptsAreLogged(t *testing.T) {
	t.Parallel()
	s := &fakeSource{attempts: []batch.AttemptRecord{
		{Row: 3, ID: "case 3", Number: 1, TxHash: common.HexToHash("0x01"), Nonce: "77", BlockLimit: 510, Created: began, Kind: "timeout", Text: "no answer, yet"},
		{Row: 3, ID: "case 3", Number: 2, Generation: 1, TxHash: common.HexToHash("0x02"), Nonce: "77", BlockLimit: 900, Created: began.Add(1500 * time.Millisecond), Landed: true, Block: 612},
	}}
	lines, err := csv.NewReader(strings.NewReader(write(t, s, Options{Format: AttemptsCSV}))).ReadAll()
	require.NoError(t, err)
	require.Equal(t, [][]string{
		{"row", "id", "number", "generation", "tx_hash", "nonce", "block_limit", "created", "kind", "text", "landed", "block"},
		{"3", "case 3", "1", "0", common.HexToHash("0x01").Hex(), "77", "510", "2026-03-01T08:00:00Z", "timeout", "no answer, yet", "false", ""},
		{"3", "case 3", "2", "1", common.HexToHash("0x02").Hex(), "77", "900", "2026-03-01T08:00:01.5Z", "", "", "true", "612"},
	}, lines)
	var read []batch.AttemptRecord
	in := json.NewDecoder(strings.NewReader(write(t, s, Options{Format: Attempts})))
	for in.More() {
		var a batch.AttemptRecord
		require.NoError(t, in.Decode(&a))
		read = append(read, a)
	}
	require.Equal(t, s.attempts, read)
}

// noStore has no job.
type noStore struct{}

func (noStore) Snapshot(_ context.Context, id string, _ func(*batch.Snapshot) error) error {
	return fmt.Errorf("job %s: %w", id, batch.ErrNotFound)
}

func TestWhatCannotBeWritten(t *testing.T) {
	t.Parallel()
	w := NewWriter(noStore{})
	require.ErrorIs(t, w.WriteReport(t.Context(), "x", Options{}, &bytes.Buffer{}), batch.ErrNotFound)
	err := w.WriteReport(t.Context(), "x", Options{Format: "xlsx"}, &bytes.Buffer{})
	var unknown *UnknownFormatError
	require.ErrorAs(t, err, &unknown)
	require.ErrorContains(t, err, `"xlsx" is not known; use one of csv, ndjson, json, html, failed, attempts, attempts-csv`)
	for _, f := range Formats {
		require.ErrorIs(t, w.WriteReport(t.Context(), "x", Options{Format: f}, &bytes.Buffer{}), batch.ErrNotFound, f)
	}
}
