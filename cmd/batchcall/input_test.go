package main

import (
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/batch/rows"
)

func TestInputFormatIsFound(t *testing.T) {
	t.Parallel()
	const csv, tabs, ndjson = "a,b\n1,2\n", "a\tb\n1\t2\n", "{\"a\":1}\n"
	for name, tc := range map[string]struct {
		file, text string
		opt        inputOptions
		format     rows.Format
		comma      rune
		fails      string
	}{
		"by its name":                 {file: "x.csv", text: csv, format: rows.FormatCSV, comma: ','},
		"tabs":                        {file: "x.tsv", text: tabs, format: rows.FormatCSV, comma: '\t'},
		"lines of JSON":               {file: "x.jsonl", text: ndjson, format: rows.FormatNDJSON},
		"by its content":              {file: "x", text: ndjson, format: rows.FormatNDJSON},
		"by its content, a CSV":       {file: "x.dat", text: tabs, format: rows.FormatCSV, comma: '\t'},
		"packed":                      {file: "x.csv.gz", text: packed(t, tabs), format: rows.FormatCSV, comma: '\t'},
		"packed, without a name":      {file: "x", text: packed(t, ndjson), format: rows.FormatNDJSON},
		"Parquet":                     {file: "x", text: "PAR1", format: rows.FormatParquet},
		"Parquet is said":             {file: "x", text: "PAR1", opt: inputOptions{format: "parquet"}, format: rows.FormatParquet},
		"as it is said":               {file: "x.csv", text: ndjson, opt: inputOptions{format: "NDJSON"}, format: rows.FormatNDJSON},
		"jsonl is said as well":       {file: "x", text: ndjson, opt: inputOptions{format: "jsonl"}, format: rows.FormatNDJSON},
		"delimiter by its name":       {file: "x.csv", text: "a;b\n1;2\n", opt: inputOptions{delimiter: "semicolon"}, format: rows.FormatCSV, comma: ';'},
		"delimiter as it is":          {file: "x.csv", text: "a|b\n1|2\n", opt: inputOptions{delimiter: "|"}, format: rows.FormatCSV, comma: '|'},
		"an unknown format":           {file: "x.csv", opt: inputOptions{format: "xml"}, fails: "not known"},
		"an unknown encoding":         {file: "x.csv", text: csv, opt: inputOptions{encoding: "latin1"}, fails: "not known"},
		"a delimiter of letters":      {file: "x.csv", opt: inputOptions{delimiter: "xx"}, fails: "one character"},
		"a delimiter that is no text": {file: "x.csv", opt: inputOptions{delimiter: "\xff"}, fails: "one character"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tc.opt.file = filepath.Join(t.TempDir(), tc.file)
			require.NoError(t, os.WriteFile(tc.opt.file, []byte(tc.text), 0o600))
			in, err := openInput(tc.opt, nil)
			if tc.fails != "" {
				require.ErrorContains(t, err, tc.fails)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tc.format, in.format)
			require.Equal(t, tc.comma, in.csv.Comma)
			require.EqualValues(t, len(tc.text), in.size)
			require.Equal(t, sha256.Sum256([]byte(tc.text)), in.sha256)
			require.NoError(t, in.close())
			require.FileExists(t, tc.opt.file)
		})
	}
}

func packed(t *testing.T, text string) string {
	var out strings.Builder
	w := gzip.NewWriter(&out)
	_, err := io.WriteString(w, text)
	require.NoError(t, errors.Join(err, w.Close()))
	return out.String()
}

func TestStandardInputIsKeptUntilItIsDone(t *testing.T) {
	t.Parallel()
	const text = "a,b\n1,2\n"
	in, err := openInput(inputOptions{file: "-"}, strings.NewReader(text))
	require.NoError(t, err)
	require.Equal(t, rows.FormatCSV, in.format)
	for range 2 { // as often as it is sent
		f, err := in.open()
		require.NoError(t, err)
		data, err := io.ReadAll(f)
		require.NoError(t, err)
		require.NoError(t, f.Close())
		require.Equal(t, text, string(data))
	}
	require.NoError(t, in.close())
	require.NoFileExists(t, in.path)
}

func TestStandardInputThatBreaksIsNoInput(t *testing.T) {
	t.Parallel()
	broken := errors.New("pipe broke")
	_, err := openInput(inputOptions{file: "-"}, io.MultiReader(strings.NewReader("a,b\n"), brokenReader{broken}))
	require.ErrorIs(t, err, broken)
}

type brokenReader struct{ err error }

func (b brokenReader) Read([]byte) (int, error) { return 0, b.err }
