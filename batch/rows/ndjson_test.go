package rows

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

func ndjsonOf(t testing.TB, text string) *NDJSON {
	t.Helper()
	r, err := NewNDJSON(strings.NewReader(text))
	require.NoError(t, err)
	return r
}

func TestNDJSONReadsObjectsAndArrays(t *testing.T) {
	t.Parallel()
	text := "\xef\xbb\xbf" + `{"z":123456789012345678901234567890,"a":["x",null,true],"_id":7,"_to":"0xaa","_fn":"save","_after":6,"_state":"confirmed"}` +
		"\r\n\n  [\"p\",{\"k\":1.50}] \n{}"
	r := ndjsonOf(t, text)
	require.Nil(t, r.Columns())
	rows, faults := readAll(t, r)
	require.Empty(t, faults)
	require.Equal(t, []Row{
		{
			Number: 1, Line: 1, ID: "7", To: "0xaa", Fn: "save", After: "6", Source: rows[0].Source,
			Cells: []Cell{{"z", json.Number("123456789012345678901234567890")}, {"a", []any{"x", nil, true}}},
		},
		{Number: 2, Line: 3, Cells: []Cell{{"", "p"}, {"", map[string]any{"k": json.Number("1.50")}}}, Source: json.RawMessage(`["p",{"k":1.50}]`)},
		{Number: 3, Line: 4, Cells: []Cell{}, Source: json.RawMessage(`{}`)},
	}, rows)
	require.Equal(t, sha256.Sum256([]byte(text)), r.SHA256())
}

func TestNDJSONSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		text string
		want []string
		rows int
	}{
		"empty":              {"", []string{"input: is empty"}, 0},
		"only a mark":        {"\xef\xbb\xbf", []string{"input: is empty"}, 0},
		"only empty lines":   {"\n \r\n", []string{"input: has no rows"}, 0},
		"broken, then good":  {"{\"a\":1\n{\"a\":1}\n", []string{"row 1 (line 1): is not JSON: unexpected end of JSON input (byte 6)"}, 1},
		"two values":         {"{} {}\n", []string{"row 1 (line 1): is not JSON: invalid character '{' after top-level value (byte 4)"}, 0},
		"a text":             {"\"x\"\n", []string{"row 1 (line 1): is neither a JSON object nor a JSON array"}, 0},
		"a name twice":       {"{}\n\n{\"a\":1,\"a\":2}\n", []string{`row 2 (line 3): has the name "a" twice in one object`}, 1},
		"a name is empty":    {"{\"\":1}\n", []string{"row 1 (line 1): has an empty name"}, 0},
		"not UTF-8":          {"{\"a\":\"\xb4\xe6\"}\n", []string{"row 1 (line 1): is not valid UTF-8 at byte 7"}, 0},
		"half a character":   {`{"a":"\ud83d"}`, []string{`row 1 (line 1): has \ud83d, which is half of a character (byte 13)`}, 0},
		"_value is reserved": {`{"a":1,"_value":5}`, []string{`row 1 (line 1), column "_value": this name is reserved for a later version and not supported yet: remove it`}, 0},
		"_id is a list":      {`{"_id":[]}`, []string{`row 1 (line 1), column "_id": must be a text or a number`}, 0},
		"_to is a number":    {`{"_to":1}`, []string{`row 1 (line 1), column "_to": must be a text`}, 0},
		"UTF-16":             {"\xff\xfe{\x00}\x00", []string{"input: is UTF-16: save it as UTF-8 first (in Excel: CSV UTF-8)"}, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rows, faults := readAll(t, ndjsonOf(t, tt.text))
			got := []string{}
			for _, f := range faults {
				got = append(got, f.Error())
			}
			require.Equal(t, tt.want, got)
			require.Len(t, rows, tt.rows)
		})
	}
}

func TestNDJSONRowsAreBounded(t *testing.T) {
	t.Parallel()
	r, err := NewNDJSON(io.MultiReader(strings.NewReader("{}\n{\"a\":\""), endless("0123456")))
	require.NoError(t, err)
	rows, faults := readAll(t, r)
	require.Len(t, rows, 1)
	require.Len(t, faults, 1)
	require.Equal(t, "input (line 2): row 2 is longer than 4 MiB", faults[0].Error())
}

func TestNDJSONPassesErrorsOfTheReader(t *testing.T) {
	t.Parallel()
	broken := errors.New("connection reset")
	_, err := NewNDJSON(iotest.ErrReader(broken))
	require.ErrorIs(t, err, broken)
	r, err := NewNDJSON(io.MultiReader(strings.NewReader(strings.Repeat("{}\n", blockSize)), iotest.ErrReader(broken)))
	require.NoError(t, err)
	for err == nil {
		_, err = r.Next()
	}
	require.ErrorIs(t, err, broken)
}

func TestJSONReadsValues(t *testing.T) {
	t.Parallel()
	r := NewJSON([]json.RawMessage{json.RawMessage(`{"a":1}`), json.RawMessage(`7`), json.RawMessage(`["x"]`)})
	rows, faults := readAll(t, r)
	require.Len(t, faults, 1)
	require.Equal(t, "row 2: is neither a JSON object nor a JSON array", faults[0].Error())
	require.Equal(t, []Row{
		{Number: 1, Cells: []Cell{{"a", json.Number("1")}}, Source: json.RawMessage(`{"a":1}`)},
		{Number: 3, Cells: []Cell{{"", "x"}}, Source: json.RawMessage(`["x"]`)},
	}, rows)
	require.Equal(t, sha256.Sum256([]byte("{\"a\":1}\n7\n[\"x\"]")), r.SHA256())

	_, faults = readAll(t, NewJSON(nil))
	require.Len(t, faults, 1)
	require.Equal(t, "input: has no rows", faults[0].Error())
}

func TestDetectChoosesTheFormat(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text string
		want       Format
	}{
		{"rows.csv", "{a}\n1\n", FormatCSV},
		{"rows.CSV", "a\n1\n", FormatCSV},
		{`C:\data\rows.tsv`, "a,b\tc\n1\t2\n", FormatCSV},
		{"rows.ndjson", "{}\n", FormatNDJSON},
		{"rows.jsonl", "{}\n", FormatNDJSON},
		{"rows.csv.gz", packed(t, "gzip", "{a}\n1\n"), FormatCSV},
		{"rows.jsonl.zst", packed(t, "zstd", "{}\n"), FormatNDJSON},
		{"rows.gz", packed(t, "gzip", "{}\n"), FormatNDJSON},
		{"-", packed(t, "zstd", "a\n1\n"), FormatCSV},
		{"rows.csv", "PAR1", FormatParquet},
		{"rows.parquet", "", FormatParquet},
		{"-", "{}\n", FormatNDJSON},
		{"", "\xef\xbb\xbf\n [1]\n", FormatNDJSON},
		{"", "a,b\n1,2\n", FormatCSV},
		{"rows.txt", "a,b\n1,2\n", FormatCSV},
		{"rows.json", "{\"a\":1}\n", FormatNDJSON},
		{"no.suffix/rows", "", FormatCSV},
		{"-", "\x1f\x8b broken", FormatCSV},
	}
	for _, tt := range tests {
		format, opt, err := Detect(tt.name, strings.NewReader(tt.text), CSVOptions{})
		require.NoError(t, err)
		require.Equal(t, tt.want, format, "%q %q", tt.name, tt.text)
		require.Equal(t, strings.HasSuffix(tt.name, ".tsv"), opt.Comma == '\t')
	}
	_, opt, err := Detect("rows.tsv", strings.NewReader("a"), CSVOptions{Comma: ';'})
	require.NoError(t, err)
	require.Equal(t, ';', opt.Comma, "what was said stands")
	_, _, err = Detect("-", iotest.ErrReader(io.ErrClosedPipe), CSVOptions{})
	require.ErrorIs(t, err, io.ErrClosedPipe)
}

func TestNewTakesNamedFormats(t *testing.T) {
	t.Parallel()
	r, err := New(FormatCSV, strings.NewReader("a\n1\n"), CSVOptions{})
	require.NoError(t, err)
	require.IsType(t, &CSV{}, r)
	r, err = New(FormatNDJSON, strings.NewReader("{}"), CSVOptions{})
	require.NoError(t, err)
	require.IsType(t, &NDJSON{}, r)
	_, err = New("xlsx", strings.NewReader(""), CSVOptions{})
	require.ErrorContains(t, err, `format "xlsx" is not known; use csv, ndjson or parquet`)
	_, err = New(FormatParquet, io.MultiReader(), CSVOptions{})
	require.ErrorContains(t, err, "parquet can only be read from a file")
	for name, want := range map[string]Format{"CSV": FormatCSV, "jsonl": FormatNDJSON, "ndjson": FormatNDJSON, "parquet": FormatParquet} {
		got, err := ParseFormat(name)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

// FuzzNDJSON holds the reader's promises on any bytes: it ends, never panics,
// and gives a row or a fault for each line that is not empty.
func FuzzNDJSON(f *testing.F) {
	for _, s := range []string{"{\"a\":1}\n[2]\n", "\xef\xbb\xbf{}\r\n", "{\"a\":1,\"a\":2}\n{}", "\n \n", "[[[[[[]]]]]]", "{\"_id\":{}}", "{\"a\":\"\\ud800\"}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := NewNDJSON(bytes.NewReader(data))
		require.NoError(t, err)
		rows, faults := readAll(t, r)
		if len(faults) == 1 && faults[0].Row == 0 {
			require.Empty(t, rows)
			return
		}
		lines := 0
		for line := range bytes.SplitSeq(bytes.TrimPrefix(data, []byte(utf8BOM)), []byte("\n")) {
			if len(bytes.TrimSpace(line)) > 0 {
				lines++
			}
		}
		require.Equal(t, lines, len(rows)+len(faults))
		require.Equal(t, sha256.Sum256(data), r.SHA256())
		for _, row := range rows {
			require.True(t, json.Valid(row.Source))
		}
	})
}

func BenchmarkNDJSON(b *testing.B) {
	row := `{"digest":"0x` + strings.Repeat("ab", 32) + `","text":"src/net/http/server.go"}` + "\n"
	b.SetBytes(int64(len(row)))
	r, err := NewNDJSON(endless(row))
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Next(); err != nil {
			b.Fatal(err)
		}
	}
}
