package rows

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"
)

// mostHeap is what reading any number of rows may add to the heap: buffers, the
// window of zstd, the pages of a row group, and what the collector has not taken
// away yet.
const mostHeap = 48 << 20

var inputs = []string{"rows.csv", "rows.ndjson", "rows.csv.gz", "rows.ndjson.zst", "rows.parquet"}

// writeInput writes a file with n rows for save(bytes32,string), as its name says.
func writeInput(t testing.TB, name string, n int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	f, err := os.Create(path)
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	if filepath.Ext(name) == ".parquet" {
		writeParquet(t, f, n)
		return path
	}
	var w io.WriteCloser = f
	switch filepath.Ext(name) {
	case ".gz":
		w = gzip.NewWriter(f)
		defer func() { require.NoError(t, w.Close()) }()
	case ".zst":
		w, err = zstd.NewWriter(f)
		require.NoError(t, err)
		defer func() { require.NoError(t, w.Close()) }()
	}
	line := "{\"digest\":\"0x%064x\",\"text\":\"file %d\"}\n"
	if extension(name) == ".csv" {
		line = "0x%064x,file %d\n"
		_, err = io.WriteString(w, "digest,text\n")
		require.NoError(t, err)
	}
	for i := range n {
		_, err = fmt.Fprintf(w, line, uint64(i)*0x9E3779B97F4A7C15, i)
		require.NoError(t, err)
	}
	return path
}

func writeParquet(t testing.TB, f io.Writer, n int) {
	t.Helper()
	type record struct {
		Digest [32]byte `parquet:"digest"`
		Text   string   `parquet:"text,zstd"`
	}
	w := parquet.NewGenericWriter[record](f, parquet.MaxRowsPerRowGroup(100_000))
	var r record
	for i := range n {
		r.Digest[i%32]++
		r.Text = fmt.Sprintf("file %d", i)
		_, err := w.Write([]record{r})
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
}

// readInput reads all rows of a file, and gives their number and by how much the
// heap grew at most.
func readInput(t testing.TB, path string) (rows int, grown uint64) {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	format, opt, err := Detect(path, f, CSVOptions{})
	require.NoError(t, err)
	_, err = f.Seek(0, io.SeekStart)
	require.NoError(t, err)
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	before := m.HeapAlloc
	r, err := New(format, f, opt)
	require.NoError(t, err)
	for {
		if _, err = r.Next(); err != nil {
			break
		}
		if rows++; rows%5000 == 0 {
			runtime.ReadMemStats(&m)
			grown = max(grown, m.HeapAlloc-min(before, m.HeapAlloc))
		}
	}
	require.True(t, errors.Is(err, io.EOF), "%v", err)
	return rows, grown
}

// This test is not parallel, because it looks at the heap of the whole process.
func TestMemoryDoesNotGrowWithTheRows(t *testing.T) {
	const n = 30_000
	for _, name := range inputs {
		path := writeInput(t, name, n)
		rows, grown := readInput(t, path)
		t.Logf("%s: %d rows, heap grew by %.1f MB at most", name, rows, float64(grown)/1e6)
		require.Equal(t, n, rows)
		require.Less(t, grown, uint64(mostHeap), name)
	}
}

// BenchmarkMillionRows reads a million rows in each format and holds the same
// bound.
func BenchmarkMillionRows(b *testing.B) {
	const n = 1_000_000
	for _, name := range inputs {
		b.Run(name, func(b *testing.B) {
			path := writeInput(b, name, n)
			var grown uint64
			for b.Loop() {
				rows, most := readInput(b, path)
				require.Equal(b, n, rows)
				grown = max(grown, most)
			}
			require.Less(b, grown, uint64(mostHeap))
			b.ReportMetric(float64(grown)/1e6, "heap-MB")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/row")
		})
	}
}
