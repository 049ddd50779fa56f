package report

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/bcosgate/bcosgate/batch"
)

// elements gives all elements of a page and the text of all of them.
func elements(t *testing.T, page string) (list []*html.Node, text string) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	require.NoError(t, err)
	var words strings.Builder
	for n := range root.Descendants() {
		switch n.Type {
		case html.ElementNode:
			list = append(list, n)
		case html.TextNode:
			words.WriteString(n.Data + " ")
		}
	}
	return list, words.String()
}

func TestThePageShowsTheJob(t *testing.T) {
	t.Parallel()
	s := newJob([]string{"digest", "text"}, cellRows(30))
	s.items[0].Attempts = 2
	list, text := elements(t, write(t, s, Options{Format: HTML}))
	sum := summaryOf(t, s)
	for _, want := range []string{s.job.ID, s.job.InputSHA256, sum.Merkle.Root, s.Genesis().Hex(), "court", "clerk", "Evidence", "save(bytes32,string)",
		"2026-03-01 09:00:00 UTC", "100 – 107", "525000", "confirmed 已确认", "reverted 已回滚", "rejected 被拒绝", "canceled 已取消",
		"waiting", "resolving", "landing", "total", "AlreadySaved(10)", "Failed rows", s.items[9].TxHash.Hex()} {
		require.Contains(t, text, want)
	}
	drawings := map[string]int{}
	for _, e := range list {
		drawings[e.Data]++
	}
	require.Equal(t, 4, drawings["svg"], "states, rate, latency, errors")
	require.GreaterOrEqual(t, drawings["rect"], 4+3)
	require.Equal(t, 2+4, drawings["path"], "confirmed and failed over time, percentiles of four stages")
}

// A page that is opened years later, or by the other side of a case, asks
// nothing of anybody and runs nothing.
func TestThePageIsWholeInItself(t *testing.T) {
	t.Parallel()
	evil := `<script>alert(1)</script><img src=http://evil.example/x onerror=alert(2)>"' onload="x`
	s := newJob([]string{"a"}, []json.RawMessage{json.RawMessage(`["1"]`)})
	s.job.Spec.Name, s.job.Spec.Contract, s.job.Reason, s.job.Spec.Function = evil, evil, evil, evil
	s.items[0].State, s.items[0].Error, s.items[0].ErrorKind, s.items[0].ID = batch.ItemRejected, evil, evil, evil
	s.job.Counts = batch.Counts{Rejected: 1}
	page := write(t, s, Options{Format: HTML})
	list, text := elements(t, page)
	require.Contains(t, text, evil, "it is shown")
	for _, e := range list {
		require.NotContains(t, []string{"script", "img", "link", "iframe", "object", "base", "a", "form"}, e.Data)
		for _, a := range e.Attr {
			require.NotContains(t, []string{"src", "href", "xlink:href", "style"}, a.Key)
			require.False(t, strings.HasPrefix(a.Key, "on"), a.Key)
		}
	}
	require.NotContains(t, page, "url(")
	require.NotContains(t, page, "@import")
	require.NotContains(t, page, "ZgotmplZ")
}

func TestThePageOfAJobWithoutResults(t *testing.T) {
	t.Parallel()
	s := &fakeSource{job: batch.Job{ID: "x", State: batch.JobLoading}}
	_, text := elements(t, write(t, s, Options{Format: HTML}))
	require.Contains(t, text, "There are no rows.")
	require.Contains(t, text, "Nothing has an outcome yet.")
	require.NotContains(t, text, "NaN")
}

func TestThePageNamesTheFirstFailedRows(t *testing.T) {
	t.Parallel()
	s := newJob([]string{"digest", "text"}, cellRows(1500))
	c := s.job.Counts
	page := write(t, s, Options{Format: HTML})
	_, text := elements(t, page)
	require.Contains(t, text, groupDigits(c.Reverted+c.Rejected+c.Canceled-shownRows)+" more are in the failed report")
	require.Less(t, len(page), 200_000)
	require.Equal(t, "1\u202f234\u202f567", groupDigits(1234567))
	require.Equal(t, "-123", groupDigits(-123))
}
