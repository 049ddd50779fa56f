package report

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bcosgate/bcosgate/batch"
	"github.com/bcosgate/bcosgate/batch/rows"
)

// anyCell is a cell as a CSV can have one.
func anyCell() *rapid.Generator[string] {
	return rapid.StringOf(rapid.SampledFrom([]rune("ab0 ,;|\t\"\r\n\ufeff存=é'\\.")))
}

// anyColumns is a header that package rows takes.
func anyColumns() *rapid.Generator[[]string] {
	name := rapid.Custom(func(t *rapid.T) string {
		return rapid.SampledFrom([]string{"a", "b;c", "d|", "e,f,g", "h\ti", "\"j\"", "存证", "k l", "_id", "_state", "_error", "\ufeffm"}).Draw(t, "name")
	})
	return rapid.SliceOfNDistinct(name, 1, 5, rapid.ID[string]).Filter(func(columns []string) bool {
		return len(keptColumns(columns)) > 0
	})
}

func sourceOf(columns []string, table [][]string) *fakeSource {
	raw := make([]json.RawMessage, len(table))
	for i, cells := range table {
		raw[i], _ = json.Marshal(cells)
	}
	return newJob(columns, raw)
}

func anyTable(t *rapid.T, columns []string, least, most int) [][]string {
	line := rapid.SliceOfN(anyCell(), len(columns), len(columns))
	return rapid.SliceOfN(line, least, most).Draw(t, "table")
}

// Whatever is in the cells, names and delimiters, the file of the failed rows is
// read as exactly those rows.
func TestFailedRowsAreReadBackAsTheyWere(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		columns := anyColumns().Draw(t, "columns")
		table := anyTable(t, columns, 10, 35)
		s := sourceOf(columns, table)
		comma := rapid.SampledFrom([]rune{0, ',', ';', '\t', '|'}).Draw(t, "delimiter")
		text := reportText(s, Options{Format: Failed, Delimiter: comma})
		in, err := rows.NewCSV(strings.NewReader(text), rows.CSVOptions{})
		if err != nil {
			t.Fatal(err)
		}
		kept := keptColumns(columns)
		var want [][]string
		for i, it := range s.items {
			if it.State.Failed() {
				var cells []string
				for _, k := range kept {
					cells = append(cells, table[i][k])
				}
				want = append(want, append(cells, string(it.State), cleanText(it.Error)))
			}
		}
		var names []string
		for _, k := range kept {
			names = append(names, columns[k])
		}
		if got := strings.Join(in.Columns(), "\x01"); got != strings.Join(append(names, "_state", "_error"), "\x01") {
			t.Fatalf("columns %q of %q", in.Columns(), text)
		}
		for i := 0; ; i++ {
			row, err := in.Next()
			if errors.Is(err, io.EOF) {
				if i != len(want) {
					t.Fatalf("%d rows, not %d", i, len(want))
				}
				return
			}
			if err != nil {
				t.Fatalf("%v in %q", err, text)
			}
			var cells []string
			if err := json.Unmarshal(row.Source, &cells); err != nil {
				t.Fatal(err)
			}
			if strings.Join(cells, "\x01") != strings.Join(want[i], "\x01") {
				t.Fatalf("row %d is %q, not %q", i+1, cells, want[i])
			}
		}
	})
}

// A row that may still be executed must not be sent as another one.
func TestOnlyWhatTookNoEffectIsFedBack(t *testing.T) {
	t.Parallel()
	var columns = []string{"a"}
	s := &fakeSource{job: batch.Job{Columns: columns}}
	for i, state := range batch.ItemStates {
		s.items = append(s.items, batch.TimedItem{Item: batch.Item{Row: int64(i + 1), State: state, Input: json.RawMessage(`["` + string(state) + `"]`)}})
	}
	require.Equal(t, "a,_state,_error\nreverted,reverted,\nrejected,rejected,\nexpired,expired,\ncanceled,canceled,\n", write(t, s, Options{Format: Failed}))
	s.job.Columns = nil
	require.Equal(t, "[\"reverted\"]\n[\"rejected\"]\n[\"expired\"]\n[\"canceled\"]\n", write(t, s, Options{Format: Failed}))
}

// What a failed row waited for is in the file only when that failed, too.
func TestFailedRowsDoNotWaitForRowsThatSucceeded(t *testing.T) {
	t.Parallel()
	set := func(s *fakeSource) string {
		s.items[0].State, s.items[0].AfterState = batch.ItemReverted, batch.ItemConfirmed
		s.items[1].State, s.items[1].AfterState = batch.ItemRejected, batch.ItemReverted
		return reportText(s, Options{Format: Failed})
	}
	text := set(sourceOf([]string{"_id", "_after", "a"}, [][]string{{"r2", "r1", "x"}, {"r3", "r2", "y"}}))
	require.Equal(t, []string{"r2,,x", "r3,r2,y"}, []string{strings.Split(text, "\n")[1][:5], strings.Split(text, "\n")[2][:7]})

	text = set(newJob(nil, []json.RawMessage{
		json.RawMessage(`{"_id":"r2","_after":"r1","n":123456789012345678901,"o":{"_after":1}}`), json.RawMessage(`{"_id":"r3","_after":"r2"}`)}))
	require.Equal(t, `{"_id":"r2","n":123456789012345678901,"o":{"_after":1}}`+"\n"+`{"_id":"r3","_after":"r2"}`+"\n", text)
}
