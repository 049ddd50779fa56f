package rows

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// readAll gives all rows and faults, as the engine reads them.
func readAll(t testing.TB, r Reader) (rows []Row, faults []*Fault) {
	t.Helper()
	for {
		row, err := r.Next()
		if err == io.EOF {
			_, again := r.Next()
			require.Equal(t, io.EOF, again, "the end stays the end")
			return rows, faults
		}
		var fault *Fault
		if errors.As(err, &fault) {
			faults = append(faults, fault)
			continue
		}
		require.NoError(t, err)
		rows = append(rows, row)
	}
}

func csvOf(t testing.TB, text string, opt CSVOptions) *CSV {
	t.Helper()
	r, err := NewCSV(strings.NewReader(text), opt)
	require.NoError(t, err)
	return r
}

func gbk(t testing.TB, s string) string {
	t.Helper()
	out, err := simplifiedchinese.GBK.NewEncoder().String(s)
	require.NoError(t, err)
	return out
}

func texts(rows []Row) (out [][]string) {
	for _, r := range rows {
		cells := []string{}
		for _, c := range r.Cells {
			cells = append(cells, c.Value.(string))
		}
		out = append(out, cells)
	}
	return out
}

func TestCSVReadsWhatPeopleWrite(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		text    string
		opt     CSVOptions
		columns []string
		want    [][]string
	}{
		"plain":                    {"a,b\n1,2\n3,4\n", CSVOptions{}, []string{"a", "b"}, [][]string{{"1", "2"}, {"3", "4"}}},
		"no line end at the end":   {"a,b\n1,2", CSVOptions{}, []string{"a", "b"}, [][]string{{"1", "2"}}},
		"CRLF":                     {"a,b\r\n1,2\r\n", CSVOptions{}, []string{"a", "b"}, [][]string{{"1", "2"}}},
		"one column":               {"a\nx\n", CSVOptions{}, []string{"a"}, [][]string{{"x"}}},
		"semicolon":                {"a;b\n1,5;2\n", CSVOptions{}, []string{"a", "b"}, [][]string{{"1,5", "2"}}},
		"tab":                      {"a\tb\n1\t2\n", CSVOptions{}, []string{"a", "b"}, [][]string{{"1", "2"}}},
		"bar":                      {"a|b\n1|2\n", CSVOptions{}, []string{"a", "b"}, [][]string{{"1", "2"}}},
		"named delimiter":          {"a;b,c\n1;2,3\n", CSVOptions{Comma: ','}, []string{"a;b", "c"}, [][]string{{"1;2", "3"}}},
		"delimiters in a name":     {"\"a;;;;b\",c\n1,2\n", CSVOptions{}, []string{"a;;;;b", "c"}, [][]string{{"1", "2"}}},
		"byte order mark":          {"\xef\xbb\xbfa,b\n1,2\n", CSVOptions{}, []string{"a", "b"}, [][]string{{"1", "2"}}},
		"mark before a quote":      {"\xef\xbb\xbf\"a\",b\n1,2\n", CSVOptions{}, []string{"a", "b"}, [][]string{{"1", "2"}}},
		"quotes":                   {"a,b\n\"x,\"\"y\"\"\",\"\"\n", CSVOptions{}, []string{"a", "b"}, [][]string{{`x,"y"`, ""}}},
		"line ends in a cell stay": {"a,b\n\"x\r\ny\nz\",1\r\n", CSVOptions{}, []string{"a", "b"}, [][]string{{"x\r\ny\nz", "1"}}},
		"a quoted cell at the end": {"a,b\n1,\"2\"", CSVOptions{}, []string{"a", "b"}, [][]string{{"1", "2"}}},
		"spaces stay":              {"a,b\n 1 , 2\n", CSVOptions{}, []string{"a", "b"}, [][]string{{" 1 ", " 2"}}},
		"empty cells":              {"a,b\n,\n", CSVOptions{}, []string{"a", "b"}, [][]string{{"", ""}}},
		"empty lines":              {"\n\r\na,b\n\n1,2\n\r\n\n", CSVOptions{}, []string{"a", "b"}, [][]string{{"1", "2"}}},
		"JSON in a cell":           {"to\n\"[\"\"0x1\"\",\"\"0x2\"\"]\"\n", CSVOptions{}, []string{"to"}, [][]string{{`["0x1","0x2"]`}}},
		"a header in two lines":    {"\"a\nb\",c\n1,2\n", CSVOptions{}, []string{"a\nb", "c"}, [][]string{{"1", "2"}}},
		"UTF-8":                    {"名称,b\n存证,ü\n", CSVOptions{}, []string{"名称", "b"}, [][]string{{"存证", "ü"}}},
		"UTF-16 LE":                {"\xff\xfea\x00\t\x00b\x00\r\x00\n\x00X[\t\x001\x00\r\x00\n\x00", CSVOptions{}, []string{"a", "b"}, [][]string{{"存", "1"}}},
		"UTF-16 BE":                {"\xfe\xff\x00a\x00,\x00b\x00\n[X\x00,\xd8\x3d\xde\x00\x00\n", CSVOptions{Encoding: "utf-16"}, []string{"a", "b"}, [][]string{{"存", "😀"}}},
		"results are not read":     {"a,_state,_tx_hash\n1,confirmed,0xab\n", CSVOptions{}, []string{"a", "_state", "_tx_hash"}, [][]string{{"1"}}},
		"replacement character":    {"a\n\ufffd\n", CSVOptions{}, []string{"a"}, [][]string{{"\ufffd"}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := csvOf(t, tt.text, tt.opt)
			require.Equal(t, tt.columns, r.Columns())
			rows, faults := readAll(t, r)
			require.Empty(t, faults)
			require.Equal(t, tt.want, texts(rows))
			require.Equal(t, sha256.Sum256([]byte(tt.text)), r.SHA256())
		})
	}
}

func TestCSVRowsKnowWhereTheyAre(t *testing.T) {
	t.Parallel()
	r := csvOf(t, "digest,_id,_to,memo,_fn,_state,_after\n\nd1,r-1,0xaa,m1,save,confirmed,\n\"d\n2\",r-2,,m2,,,r-1\nd3,r-3,,<m3>,,,\n", CSVOptions{})
	rows, faults := readAll(t, r)
	require.Empty(t, faults)
	require.Equal(t, []Row{
		{Number: 1, Line: 3, ID: "r-1", To: "0xaa", Fn: "save", Cells: []Cell{{"digest", "d1"}, {"memo", "m1"}}, Source: rows[0].Source},
		{Number: 2, Line: 4, ID: "r-2", After: "r-1", Cells: []Cell{{"digest", "d\n2"}, {"memo", "m2"}}, Source: rows[1].Source},
		{Number: 3, Line: 6, ID: "r-3", Cells: []Cell{{"digest", "d3"}, {"memo", "<m3>"}}, Source: rows[2].Source},
	}, rows)
	var source []string
	require.NoError(t, json.Unmarshal(rows[0].Source, &source))
	require.Equal(t, []string{"d1", "r-1", "0xaa", "m1", "save", "confirmed", ""}, source)
}

func TestCSVSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		text string
		opt  CSVOptions
		want []string
		rows int
	}{
		"empty file":            {"", CSVOptions{}, []string{"input: is empty"}, 0},
		"only a mark":           {"\xef\xbb\xbf", CSVOptions{}, []string{"input: is empty"}, 0},
		"only empty lines":      {"\n\r\n\n", CSVOptions{}, []string{"input: is empty"}, 0},
		"only a header":         {"a,b\n", CSVOptions{}, []string{"input: has a header but no data rows"}, 0},
		"a name is missing":     {"a,,c\n1,2,3\n", CSVOptions{}, []string{"input (line 1): the header has no name for column 2"}, 0},
		"a name twice":          {"a,b,a\n1,2,3\n", CSVOptions{}, []string{`input (line 1), column "a": columns 1 and 3 have the same name "a"`}, 0},
		"spaces around a name":  {"a, b\n1,2\n", CSVOptions{}, []string{`input (line 1), column " b": the name of column 2 has spaces around it`}, 0},
		"all faults of it":      {"a,a,\n1,2,3\n", CSVOptions{}, []string{`input (line 1), column "a": columns 1 and 2 have the same name "a"; the header has no name for column 3`}, 0},
		"_from is reserved":     {"a,_from\n1,2\n", CSVOptions{}, []string{`input (line 1), column "_from": this name is reserved for a later version and not supported yet: remove it`}, 0},
		"_value is reserved":    {"_value\n1\n", CSVOptions{}, []string{`input (line 1), column "_value": this name is reserved for a later version and not supported yet: remove it`}, 0},
		"broken header":         {"a\"b,c\n1,2\n", CSVOptions{}, []string{"input (line 1): the header has a quote in a cell that does not begin with one: put the cell in quotes and write each quote inside it twice"}, 0},
		"too few cells":         {"a,b\n1\n1,2\n", CSVOptions{}, []string{"row 1 (line 2): has 1 cell, but the header has 2 columns"}, 1},
		"too many cells":        {"a,b\n1,2\n1,2,3\n", CSVOptions{}, []string{"row 2 (line 3): has 3 cells, but the header has 2 columns"}, 1},
		"wrong delimiter":       {"a,b\n1;2\n", CSVOptions{}, []string{"row 1 (line 2): has 1 cell, but the header has 2 columns"}, 0},
		"a quote inside":        {"a,b\n1,2\"x\"\n3,4\n", CSVOptions{}, []string{`row 1 (line 2), column "b": has a quote in a cell that does not begin with one: put the cell in quotes and write each quote inside it twice`}, 1},
		"text behind a quote":   {"a,b\n\"1\" ,2\n3,4\n", CSVOptions{}, []string{`row 1 (line 2), column "a": has ' ' behind the closing quote: write a quote inside a cell twice`}, 1},
		"behind a long cell":    {"a,b\n\"x\ny\"z,2\n3,4\n", CSVOptions{}, []string{`row 1 (line 3), column "a": has 'z' behind the closing quote: write a quote inside a cell twice`}, 1},
		"a quote never closed":  {"a,b\n1,2\n3,\"4\n5,6\n", CSVOptions{}, []string{`row 2 (line 3), column "b": has a quote that is opened in line 3 and never closed`}, 1},
		"never closed, no end":  {"a\n\"", CSVOptions{}, []string{`row 1 (line 2), column "a": has a quote that is opened in line 2 and never closed`}, 0},
		"old Mac line ends":     {"a,b\r1,2\r", CSVOptions{}, []string{"input (line 1): the header has a carriage return without a line feed: put the cell in quotes, or end lines with LF or CRLF"}, 0},
		"a carriage return":     {"a,b\n1,2\r3\n4,5\n", CSVOptions{}, []string{`row 1 (line 2), column "b": has a carriage return without a line feed: put the cell in quotes, or end lines with LF or CRLF`}, 1},
		"neither UTF-8 nor GBK": {"a,b\n1,\xff\xfe\xff\n2,3\n", CSVOptions{}, []string{`row 1 (line 2), column "b": is neither valid UTF-8 nor GBK: byte 0xff at position 1`}, 1},
		"Latin-1":               {"name,x\nJos\xe9,1\n", CSVOptions{}, []string{`row 1 (line 2), column "name": is neither valid UTF-8 nor GBK: byte 0xe9 at position 4`}, 0},
		"a broken name":         {"a,\xff\n1,2\n", CSVOptions{}, []string{"input (line 1): the name of column 2 is neither valid UTF-8 nor GBK: byte 0xff at position 1"}, 0},
		"one damaged byte":      {"a\n" + strings.Repeat("存证\n", 3) + "存\xe8\xaf\n存证\n", CSVOptions{}, []string{`row 4 (line 5), column "a": is neither valid UTF-8 nor GBK: byte 0xe8 at position 4`}, 4},
		"UTF-8 was said":        {"a\n\xb4\xe6\xd6\xa4\n", CSVOptions{Encoding: "utf-8"}, []string{`row 1 (line 2), column "a": is neither valid UTF-8 nor GBK: byte 0xb4 at position 1`}, 0},
		"GBK was said":          {"a\n\xff\n", CSVOptions{Encoding: "gbk"}, []string{`row 1 (line 2), column "a": is not valid GBK, which the text before it is`}, 0},
		"mark and GBK":          {"\xef\xbb\xbfa\n1\n", CSVOptions{Encoding: "gbk"}, []string{"input: has the byte order mark of UTF-8, but the encoding was said to be GBK"}, 0},
		"UTF-16 without a mark": {"a\x00\n\x001\x00\n\x00", CSVOptions{}, []string{"input: is not text: it has zero bytes"}, 0},
		"a workbook":            {"PK\x03\x04xyz", CSVOptions{}, []string{"input: is a zip file, perhaps an Excel workbook: save it as CSV (UTF-8) first"}, 0},
		"UTF-16 was said":       {"a\n1\n", CSVOptions{Encoding: "utf-16"}, []string{"input: has no byte order mark, which UTF-16 needs: save it as UTF-8"}, 0},
		"mark and UTF-16":       {"\xef\xbb\xbfa\n1\n", CSVOptions{Encoding: "utf-16"}, []string{"input: has the byte order mark of UTF-8, but the encoding was said to be UTF-16"}, 0},
		"broken UTF-16":         {"\xff\xfea\x00\n\x00\x00\xd8x\x00\n\x001\x00\n\x00", CSVOptions{}, []string{`row 1 (line 2), column "a": is not valid UTF-16, which the text before it is`}, 1},
		"half of UTF-16":        {"\xff\xfea\x00\n\x001", CSVOptions{}, []string{`row 1 (line 2), column "a": is not valid UTF-16, which the text before it is`}, 0},
		"a zero in UTF-16":      {"\xff\xfea\x00\n\x00\x00\x00", CSVOptions{}, []string{`row 1 (line 2), column "a": has a zero byte`}, 0},
		"a rounded _after":      {"_after,a\n1.23E+18,1\n", CSVOptions{}, []string{`row 1 (line 2), column "_after": "1.23E+18" is how a spreadsheet writes a number that it has rounded: make the column text there, and take the values from their source`}, 0},
		"a rounded _id":         {"_id,a\n1.23E+18,1\n\"1,23E+18\",2\n1E+1x,3\n", CSVOptions{}, []string{`row 1 (line 2), column "_id": "1.23E+18" is how a spreadsheet writes a number that it has rounded: make the column text there, and take the values from their source`, `row 2 (line 3), column "_id": "1,23E+18" is how a spreadsheet writes a number that it has rounded: make the column text there, and take the values from their source`}, 1},
		"a late zero byte":      {"a\n" + strings.Repeat("x\n", blockSize) + "\x00\n", CSVOptions{}, []string{fmt.Sprintf(`row %d (line %d), column "a": has a zero byte`, blockSize+1, blockSize+2)}, blockSize},
		"many faults":           {"a,b\n1\n\"x\"y,2\n3,4\n5,6,7\n", CSVOptions{}, []string{"row 1 (line 2): has 1 cell, but the header has 2 columns", `row 2 (line 3), column "a": has 'y' behind the closing quote: write a quote inside a cell twice`, "row 4 (line 5): has 3 cells, but the header has 2 columns"}, 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rows, faults := readAll(t, csvOf(t, tt.text, tt.opt))
			got := []string{}
			for _, f := range faults {
				got = append(got, f.Error())
			}
			require.Equal(t, tt.want, got)
			require.Len(t, rows, tt.rows)
		})
	}
}

func TestCSVInGBKIsDetectedLate(t *testing.T) {
	t.Parallel()
	// The bar and the backslash are second bytes of GBK characters, as in 亅 and 乗.
	text := "digest|memo\n" + strings.Repeat("0x00|plain\n", 3*blockSize/11) + gbk(t, "0x01|存证亅乗\n") + gbk(t, "0x02|€\n")
	r := csvOf(t, text, CSVOptions{})
	rows, faults := readAll(t, r)
	require.Empty(t, faults)
	require.Equal(t, "gbk", r.Encoding())
	require.Equal(t, '|', r.Comma())
	require.Equal(t, "存证亅乗", rows[len(rows)-2].Cells[1].Value)
	require.Equal(t, "€", rows[len(rows)-1].Cells[1].Value)
	require.Equal(t, sha256.Sum256([]byte(text)), r.SHA256())
}

func TestCSVInGBKReportsBrokenBytes(t *testing.T) {
	t.Parallel()
	text := gbk(t, "名称,memo\n甲,一\n乙,") + "\xff\n" + gbk(t, "丙,三\n")
	rows, faults := readAll(t, csvOf(t, text, CSVOptions{}))
	require.Len(t, faults, 1)
	require.Equal(t, `row 2 (line 3), column "memo": is not valid GBK, which the text before it is`, faults[0].Error())
	require.Len(t, rows, 2)

	// The same where the broken byte comes later than the block that decides.
	text = gbk(t, "名称,memo\n"+strings.Repeat("甲,一\n", blockSize)) + "\xff,x\n" + gbk(t, "丙,三\n")
	rows, faults = readAll(t, csvOf(t, text, CSVOptions{}))
	require.Len(t, faults, 1)
	require.Equal(t, Fault{Row: blockSize + 1, Line: blockSize + 2, Column: "名称", Reason: "is not valid GBK, which the text before it is"}, *faults[0])
	require.Len(t, rows, blockSize+1)
}

func TestCSVEncodingDoesNotDependOnReadSizes(t *testing.T) {
	t.Parallel()
	for _, encode := range []func(testing.TB, string) string{gbk, func(_ testing.TB, s string) string { return s }} {
		text := encode(t, "id,说明\n"+strings.Repeat("1,\"存证\r\n记录\"\n", 50))
		want, faults := readAll(t, csvOf(t, text, CSVOptions{}))
		require.Empty(t, faults)
		for _, r := range []io.Reader{iotest.OneByteReader(strings.NewReader(text)), iotest.DataErrReader(strings.NewReader(text)), iotest.HalfReader(strings.NewReader(text))} {
			c, err := NewCSV(r, CSVOptions{})
			require.NoError(t, err)
			got, faults := readAll(t, c)
			require.Empty(t, faults)
			require.Equal(t, want, got)
			require.Equal(t, sha256.Sum256([]byte(text)), c.SHA256())
		}
	}
}

func TestDetectEncodingSurvivesTheEndOfABlock(t *testing.T) {
	t.Parallel()
	for cut := range 6 {
		for text, want := range map[string]encoding{"存证记录": encodingUTF8, gbk(t, "存证记录"): encodingGBK} {
			block := []byte(strings.Repeat(text, 100))
			require.Equal(t, want, detectEncoding(block[:len(block)-cut], false), "%q cut by %d", text, cut)
		}
	}
}

func TestCSVRowsAreBounded(t *testing.T) {
	t.Parallel()
	for name, cell := range map[string][3]string{"quoted": {"\"", "0123456"}, "plain": {"", "0123456"}, "many lines": {"\"", "0123456\n", "b"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			input := &countingReader{r: io.MultiReader(strings.NewReader("a,b\n1,2\n3,"+cell[0]), endless(cell[1]))}
			r, err := NewCSV(input, CSVOptions{})
			require.NoError(t, err)
			rows, faults := readAll(t, r)
			require.Len(t, rows, 1)
			require.Len(t, faults, 1)
			require.Zero(t, faults[0].Row)
			require.Contains(t, faults[0].Reason, "row 2 is longer than 4 MiB")
			require.Equal(t, cell[2], faults[0].Column, "in one line, only the row is known")
			require.Equal(t, int64(3), faults[0].Line)
			require.Less(t, input.n, int64(MaxRow+4*blockSize))
		})
	}
}

func TestCSVMemoryIsFlat(t *testing.T) {
	t.Parallel()
	r, err := NewCSV(io.MultiReader(strings.NewReader("a,b\n"), io.LimitReader(endless("12345678,\"存证\"\n"), 18*400_000)), CSVOptions{})
	require.NoError(t, err)
	n := 0
	for {
		if _, err = r.Next(); err != nil {
			break
		}
		n++
	}
	require.Equal(t, io.EOF, err)
	require.Equal(t, 400_000, n)
	require.Less(t, cap(r.buf)+cap(r.lines.long), 1<<10)
}

func TestCSVPassesErrorsOfTheReader(t *testing.T) {
	t.Parallel()
	broken := errors.New("connection reset")
	_, err := NewCSV(iotest.ErrReader(broken), CSVOptions{})
	require.ErrorIs(t, err, broken)

	text := "a,b\n" + strings.Repeat("1,2\n", blockSize)
	r, err := NewCSV(io.MultiReader(strings.NewReader(text), iotest.ErrReader(broken)), CSVOptions{})
	require.NoError(t, err)
	for err == nil {
		_, err = r.Next()
	}
	require.ErrorIs(t, err, broken)
	var fault *Fault
	require.False(t, errors.As(err, &fault), "an error of the reader is not the fault of a row")

	// An end that is wrapped is a broken input, not its end.
	broken = fmt.Errorf("connection lost: %w", io.EOF)
	for _, format := range []Format{FormatCSV, FormatNDJSON} {
		text := map[Format]string{FormatCSV: "a\n1\n", FormatNDJSON: "{}\n"}[format]
		r, err := New(format, io.MultiReader(strings.NewReader(strings.Repeat(text, blockSize)), iotest.ErrReader(broken)), CSVOptions{})
		require.NoError(t, err)
		for err == nil {
			_, err = r.Next()
		}
		require.ErrorIs(t, err, broken)
		require.NotEqual(t, io.EOF, err)
	}
}

func TestCSVOptionsAreChecked(t *testing.T) {
	t.Parallel()
	_, err := NewCSV(strings.NewReader("a\n1\n"), CSVOptions{Encoding: "latin1"})
	require.ErrorContains(t, err, `encoding "latin1" is not known`)
	_, err = NewCSV(strings.NewReader("a\n1\n"), CSVOptions{Comma: '"'})
	require.ErrorContains(t, err, `delimiter '"' cannot be used`)
	_, err = NewCSV(strings.NewReader("a\n1\n"), CSVOptions{Comma: '，'})
	require.ErrorContains(t, err, "cannot be used")
}

// endless repeats text for ever.
func endless(text string) io.Reader { return &endlessReader{text: text} }

type endlessReader struct {
	text string
	at   int
}

func (e *endlessReader) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = e.text[e.at]
		e.at = (e.at + 1) % len(e.text)
	}
	return len(p), nil
}

type countingReader struct {
	r io.Reader
	n int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// writeCSV quotes every cell, so that reading it back must give the same cells.
func writeCSV(rows [][]string, eol string) string {
	var b strings.Builder
	for _, row := range rows {
		for i, cell := range row {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(`"` + strings.ReplaceAll(cell, `"`, `""`) + `"`)
		}
		b.WriteString(eol)
	}
	return b.String()
}

func TestCSVKeepsEveryCell(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	alphabet := []rune("ab,;|\t\"\r\n 0存é😀\u2028\\")
	for range 200 {
		table := [][]string{{"x", "y", "z"}}
		for range rng.IntN(5) + 1 {
			row := make([]string, 3)
			for i := range row {
				for range rng.IntN(8) {
					row[i] += string(alphabet[rng.IntN(len(alphabet))])
				}
			}
			table = append(table, row)
		}
		rows, faults := readAll(t, csvOf(t, writeCSV(table, []string{"\n", "\r\n"}[rng.IntN(2)]), CSVOptions{Comma: ',', Encoding: "utf-8"}))
		require.Empty(t, faults)
		require.Equal(t, table[1:], texts(rows))
	}
}

// FuzzCSV holds the reader's promises on any bytes: it ends, never panics,
// counts every row or fault once, and what it reads can be written and read
// again.
func FuzzCSV(f *testing.F) {
	for _, s := range []string{"a,b\n1,2\n", "a;b\r\n\"x\r\ny\";\"\"\"\"\n", "\xef\xbb\xbfa\n存\n", "a\n\xb4\xe6\n", "a,b\n\"1\"x,2\n3\n", "a\n\"", "\n\n", "a,_id,_state\n1,2,3\n", "PK\x03\x04", "a\r1\r", "a\n\x00"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := NewCSV(bytes.NewReader(data), CSVOptions{})
		require.NoError(t, err)
		rows, faults := readAll(t, r)
		require.NotEmpty(t, len(rows)+len(faults), "no input passes without a word")
		var line, number int64
		table := [][]string{r.Columns()}
		for _, row := range rows {
			require.Greater(t, row.Number, number)
			require.Greater(t, row.Line, line)
			number, line = row.Number, row.Line
			var source []string
			require.NoError(t, json.Unmarshal(row.Source, &source))
			require.Len(t, source, len(r.Columns()))
			table = append(table, source)
		}
		for _, f := range faults {
			require.NotEmpty(t, f.Reason)
			if f.Row == 0 {
				require.Len(t, faults, 1, "nothing comes behind a fault of the whole input but that fault is the last")
			}
		}
		if len(rows) == 0 || len(faults) > 0 {
			return
		}
		require.Equal(t, sha256.Sum256(data), r.SHA256())
		text := writeCSV(table, "\n")
		if !strings.Contains(text, "\r") { // which encoding/csv changes inside cells
			want, err := csv.NewReader(strings.NewReader(text)).ReadAll()
			require.NoError(t, err)
			require.Equal(t, want, table, "what encoding/csv reads")
		}
		again, faults := readAll(t, csvOf(t, text, CSVOptions{Comma: ',', Encoding: "utf-8"}))
		require.Empty(t, faults)
		require.Len(t, again, len(rows))
		for i := range rows {
			require.Equal(t, rows[i].Cells, again[i].Cells)
			require.Equal(t, rows[i].ID, again[i].ID)
		}
	})
}

func BenchmarkCSV(b *testing.B) {
	row := strings.Repeat("ab", 32) + ",src/net/http/server.go\n"
	b.SetBytes(int64(len(row)))
	r, err := NewCSV(io.MultiReader(strings.NewReader("digest,text\n"), endless(row)), CSVOptions{})
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Next(); err != nil {
			b.Fatal(err)
		}
	}
}
