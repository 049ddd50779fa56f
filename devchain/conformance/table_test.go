package conformance

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"

	"github.com/stretchr/testify/require"
)

// table counts what was compared, by recording.
type table struct {
	reasons map[string]bool // the ids of DIFFERENCES.md

	mu   sync.Mutex
	rows map[string]*row
}

type row struct {
	cases, agreed int
	differing     map[string]int // by reason
}

// reasonID is the first column of a row of DIFFERENCES.md that has an id.
var reasonID = regexp.MustCompile("(?m)^\\| `([a-z0-9-]+)` \\|")

func newTable(t *testing.T) *table {
	text, err := os.ReadFile("../DIFFERENCES.md")
	require.NoError(t, err)
	reasons := map[string]bool{}
	for _, id := range reasonID.FindAllStringSubmatch(string(text), -1) {
		require.False(t, reasons[id[1]], "%s stands twice in DIFFERENCES.md", id[1])
		reasons[id[1]] = true
	}
	return &table{reasons: reasons, rows: map[string]*row{}}
}

// verdict is what comes of one recorded answer.
type verdict struct {
	reason     string // id of DIFFERENCES.md; empty when there is none
	difference string // empty when the answers agree
}

// count notes the verdict on one answer of a recording. A difference without a
// reason, or with one that is not listed, fails the test.
func (tb *table) count(t *testing.T, recording, place string, v verdict) {
	t.Helper()
	tb.mu.Lock()
	defer tb.mu.Unlock()
	r := tb.rows[recording]
	if r == nil {
		r = &row{differing: map[string]int{}}
		tb.rows[recording] = r
	}
	r.cases++
	switch {
	case v.difference == "":
		r.agreed++
	case v.reason == "":
		r.differing["NO REASON"]++
		t.Errorf("%s: %s", place, v.difference)
	case !tb.reasons[v.reason]:
		r.differing["NOT LISTED: "+v.reason]++
		t.Errorf("%s: %s: the reason %q is not listed in DIFFERENCES.md", place, v.difference, v.reason)
	default:
		r.differing[v.reason]++
	}
}

// print writes the table to the log of the test.
func (tb *table) print(t *testing.T) {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	var out strings.Builder
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "recording\tcases\tagreed\tdiffering with reason")
	var all row
	for _, name := range slices.Sorted(maps.Keys(tb.rows)) {
		r := tb.rows[name]
		var reasons []string
		for _, id := range slices.Sorted(maps.Keys(r.differing)) {
			reasons = append(reasons, fmt.Sprintf("%s %d", id, r.differing[id]))
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%s\n", name, r.cases, r.agreed, strings.Join(reasons, ", "))
		all.cases += r.cases
		all.agreed += r.agreed
	}
	fmt.Fprintf(w, "all\t%d\t%d\t%d\n", all.cases, all.agreed, all.cases-all.agreed)
	_ = w.Flush() // to memory
	t.Log("\n" + out.String())
}
