package report

import (
	"bufio"
	"context"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkWrite measures what a row costs in each form, without the store.
func BenchmarkWrite(b *testing.B) {
	for _, f := range []Format{CSV, NDJSON, JSON, HTML, Failed} {
		b.Run(string(f), func(b *testing.B) {
			s := newJob([]string{"digest", "text"}, cellRows(10_000))
			b.ReportAllocs()
			for b.Loop() {
				require.NoError(b, writers[f](context.Background(), s, Options{}, bufio.NewWriter(io.Discard)))
			}
			b.ReportMetric(10_000*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

// BenchmarkVerify measures what a row costs when a report is verified.
func BenchmarkVerify(b *testing.B) {
	text := reportText(newJob([]string{"digest", "text"}, cellRows(10_000)), Options{})
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		_, err := Verify(b.Context(), strings.NewReader(text), CSV, Expected{})
		require.NoError(b, err)
	}
	b.ReportMetric(10_000*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
