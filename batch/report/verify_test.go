package report

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bcosgate/bcosgate/batch"
)

func reportText(s source, opt Options) string {
	var out bytes.Buffer
	w := bufio.NewWriter(&out)
	if err := errors.Join(writers[opt.Format](context.Background(), s, opt, w), w.Flush()); err != nil {
		panic(err)
	}
	return out.String()
}

func verified(t require.TestingT, text string, f Format, want Expected) Verification {
	v, err := Verify(context.Background(), strings.NewReader(text), f, want)
	require.NoError(t, err)
	return v
}

func expectedOf(s source) Expected {
	var sum Summary
	if err := json.Unmarshal([]byte(reportText(s, Options{Format: JSON})), &sum); err != nil {
		panic(err)
	}
	return sum.Expected()
}

func TestAReportIsVerified(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		columns := anyColumns().Draw(t, "columns")
		s := sourceOf(columns, anyTable(t, columns, 0, 40))
		want := expectedOf(s)
		text := reportText(s, Options{})
		for _, f := range []Format{CSV, NDJSON} {
			v := verified(t, reportText(s, Options{Format: f}), f, want)
			if len(v.Problems) > 0 || v.Root != want.Root || v.Rows != s.job.Rows {
				t.Fatalf("%s: %+v", f, v)
			}
		}
		// As an editor may have saved it.
		if v := verified(t, "\ufeff"+strings.TrimSuffix(text, "\n"), CSV, want); len(v.Problems) > 0 {
			t.Fatalf("with a mark and without the last line end: %+v", v)
		}
	})
}

func TestLineEndsBetweenRowsDoNotCount(t *testing.T) {
	t.Parallel()
	s := newJob([]string{"a"}, []json.RawMessage{json.RawMessage(`["1"]`), json.RawMessage(`["2"]`)})
	text := strings.ReplaceAll(write(t, s, Options{}), "\n", "\r\n")
	require.Empty(t, verified(t, text, CSV, expectedOf(s)).Problems)
}

// Any cell that is changed and any row that is removed, added or moved is found
// by the root alone, and so is a column that is renamed.
func TestEveryChangeIsFound(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		columns := anyColumns().Draw(t, "columns")
		s := sourceOf(columns, anyTable(t, columns, 2, 40))
		root := Expected{Root: expectedOf(s).Root}
		table := readLines(reportText(s, Options{}))
		at := rapid.IntRange(1, len(table)-1).Draw(t, "row")
		other := rapid.IntRange(1, len(table)-1).Draw(t, "other row")
		switch rapid.SampledFrom([]string{"change", "shift", "remove", "add", "copy", "swap", "rename"}).Draw(t, "fault") {
		case "change":
			cell := rapid.IntRange(0, len(table[at])-1).Draw(t, "cell")
			to := anyCell().Draw(t, "to")
			if table[at][cell] == to {
				t.Skip("that is no change")
			}
			table[at][cell] = to
		case "shift": // a character from one cell to the next
			if table[at][0] == "" {
				t.Skip("there is none")
			}
			last := len(table[at][0]) - 1
			for last > 0 && table[at][0][last]&0xc0 == 0x80 {
				last--
			}
			table[at][1], table[at][0] = table[at][0][last:]+table[at][1], table[at][0][:last]
		case "remove":
			table = slices.Delete(table, at, at+1)
		case "add":
			line := slices.Clone(table[at])
			line[0] = anyCell().Draw(t, "new")
			table = slices.Insert(table, other, line)
		case "copy":
			table = append(table, table[at])
		case "swap":
			if slices.Equal(table[at], table[other]) {
				t.Skip("they are alike")
			}
			table[at], table[other] = table[other], table[at]
		case "rename":
			table[0][0] += "x"
		}
		if v := verified(t, writeLines(table), CSV, root); v.ProblemCount == 0 {
			t.Fatalf("not found: %+v", v)
		}
	})
}

func readLines(text string) [][]string {
	in := newLineReader(strings.NewReader(text))
	var table [][]string
	for {
		cells, err := in.next()
		if errors.Is(err, io.EOF) {
			return table
		}
		if err != nil {
			panic(err)
		}
		table = append(table, slices.Clone(cells))
	}
}

func writeLines(table [][]string) string {
	var out bytes.Buffer
	w := bufio.NewWriter(&out)
	c := csvWriter{w, ','}
	for _, cells := range table {
		if err := c.line(cells); err != nil {
			panic(err)
		}
	}
	_ = w.Flush()
	return out.String()
}

func TestEveryChangeOfAnNDJSONReportIsFound(t *testing.T) {
	t.Parallel()
	s := newJob([]string{"digest", "text"}, cellRows(12))
	want := expectedOf(s)
	text := write(t, s, Options{Format: NDJSON})
	lines := strings.SplitAfter(strings.TrimSuffix(text, "\n"), "\n")
	for name, changed := range map[string]string{
		"a cell":       strings.Replace(text, "text 3", "text 4", 1),
		"a state":      strings.Replace(text, `"reverted"`, `"confirmed"`, 1),
		"a block":      strings.Replace(text, `"block":100`, `"block":101`, 1),
		"a row less":   strings.Join(slices.Delete(slices.Clone(lines), 4, 5), ""),
		"a row more":   text + lines[11],
		"rows moved":   lines[1] + lines[0] + strings.Join(lines[2:], ""),
		"a cell less":  strings.Replace(text, `"input":["`, `"input":[],"x":["`, 1),
		"no JSON":      text + "{",
		"another kind": text + "[1]",
	} {
		require.NotEqual(t, text, changed, name)
		require.NotZero(t, verified(t, changed, NDJSON, want).ProblemCount, name)
	}
	require.NotZero(t, verified(t, text, NDJSON, Expected{Root: want.Root, Columns: []string{"digest", "note"}}).ProblemCount, "other columns")
}

func TestWhatCannotBeTrueIsNamed(t *testing.T) {
	t.Parallel()
	hash := "0x" + strings.Repeat("ab", 32)
	const header = "a,_state,_error,_tx_hash,_block,_status,_gas_used,_output,_contract,_attempts,_latency_ms\n"
	for line, want := range map[string]string{
		"1,confirmed,," + hash + ",7,0,21000,0x,,1,5":  "",
		"1,queued,,,,,,,,0,":                           "",
		"1,unknown,no answer," + hash + ",,,,,,1,":     "",
		"1,done,," + hash + ",7,0,21000,0x,,1,5":       `_state "done" is none`,
		"1,confirmed,,0xab,7,0,21000,0x,,1,5":          `_tx_hash "0xab" is no hash`,
		"1,confirmed,," + hash + ",,0,21000,0x,,1,5":   "_tx_hash, _block, _status or _gas_used is missing",
		"1,reverted,,,7,0,21000,0x,,1,5":               "_tx_hash, _block, _status or _gas_used is missing",
		"1,rejected,," + hash + ",7,0,,,,1,5":          "is rejected, but has a _block",
		"1,queued,," + hash + ",,,,,,0,":               "is queued, but has a _tx_hash",
		"1,confirmed,," + hash + ",seven,0,21000,,,1,": "is no number",
		"1,confirmed":           "has 2 cells, the header has 11",
		"1,\"confirmed\"x":      "has 'x' behind the closing quote",
		"1,con\"firmed":         "has a quote in a cell that does not begin with one",
		"1,\"confirmed":         "has a quote that is never closed",
		"1,confirmed\rqueued,,": "has a carriage return without a line feed",
	} {
		v := verified(t, header+line+"\n", CSV, Expected{})
		if want == "" {
			require.Empty(t, v.Problems, line)
			continue
		}
		require.NotEmpty(t, v.Problems, line)
		require.EqualValues(t, 1, v.Problems[0].Row, line)
		require.Contains(t, v.Problems[0].Reason, want, line)
	}
	for _, text := range []string{"", "a,b\n", strings.Replace(header, "a,", "", 1), strings.Replace(header, "_block", "_bloc", 1)} {
		v := verified(t, text, CSV, Expected{})
		require.Len(t, v.Problems, 1, text)
		require.Zero(t, v.Problems[0].Row)
		require.Empty(t, v.Root)
	}
	many := verified(t, header+strings.Repeat("1,lost,,,,,,,,0,\n", 250), CSV, Expected{})
	require.Len(t, many.Problems, maxProblems)
	require.EqualValues(t, 250, many.ProblemCount)
	rows := int64(3)
	v := verified(t, header+"1,queued,,,,,,,,0,\n", CSV, Expected{Rows: &rows, States: map[batch.ItemState]int64{batch.ItemQueued: 3}})
	require.Equal(t, []Problem{{0, "the report has 1 rows, not 3"}, {0, "1 rows are queued, not 3"}}, v.Problems)
}

func TestVerifyGivesTheErrorOfItsReader(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken disk")
	for _, f := range []Format{CSV, NDJSON} {
		_, err := Verify(t.Context(), iotest.ErrReader(broken), f, Expected{})
		require.ErrorIs(t, err, broken, f)
	}
	_, err := Verify(t.Context(), strings.NewReader(""), HTML, Expected{})
	require.ErrorContains(t, err, `"html" cannot be verified`)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := newJob([]string{"a"}, []json.RawMessage{json.RawMessage(`["1"]`)})
	_, err = Verify(ctx, strings.NewReader(write(t, s, Options{})), CSV, Expected{})
	require.ErrorIs(t, err, context.Canceled)
}

// FuzzVerify reads whatever it is given, and cells that were read are written as
// the same cells.
func FuzzVerify(f *testing.F) {
	s := newJob([]string{"digest", "text"}, cellRows(3))
	f.Add([]byte(reportText(s, Options{})))
	f.Add([]byte(reportText(s, Options{Format: NDJSON})))
	f.Add([]byte("\ufeff\"a\"\"\r\n\",b\r\n,\n\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, format := range []Format{CSV, NDJSON} {
			if _, err := Verify(t.Context(), bytes.NewReader(data), format, Expected{Columns: []string{"digest", "text"}}); err != nil {
				t.Fatal(err)
			}
		}
		in := newLineReader(bytes.NewReader(data))
		for {
			cells, err := in.next()
			if err != nil {
				return
			}
			again, err := newLineReader(strings.NewReader(writeLines([][]string{cells}))).next()
			require.NoError(t, err)
			require.Equal(t, cells, again)
		}
	})
}
