package conformance

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// differences lists where two JSON texts differ, as "path: ours, the node's".
// Members whose path ends in one of skip are compared by presence and kind only.
func differences(t *testing.T, ours, recorded string, skip ...string) []string {
	t.Helper()
	return masked(t, ours, recorded, func(_, recorded string) string { return recorded }, skip...)
}

// masked is differences with texts that may differ in part: mask turns the
// recorded one into what is expected here.
func masked(t *testing.T, ours, recorded string, mask func(ours, recorded string) string, skip ...string) []string {
	t.Helper()
	var a, b any
	require.NoError(t, decode(ours, &a), ours)
	require.NoError(t, decode(recorded, &b), recorded)
	c := comparison{mask: mask, skip: skip}
	c.compare("", a, b)
	return c.found
}

// decode keeps numbers as they are written.
func decode(text string, into any) error {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	return d.Decode(into)
}

type comparison struct {
	mask  func(ours, recorded string) string
	skip  []string
	found []string
}

func (c *comparison) note(path, format string, args ...any) {
	c.found = append(c.found, strings.TrimPrefix(path, ".")+": "+fmt.Sprintf(format, args...))
}

func (c *comparison) compare(path string, a, b any) {
	if fmt.Sprintf("%T", a) != fmt.Sprintf("%T", b) {
		c.note(path, "%.200v, the node's is %.200v", a, b)
		return
	}
	switch b := b.(type) {
	case map[string]any:
		c.objects(path, a.(map[string]any), b)
	case []any:
		c.arrays(path, a.([]any), b)
	case string:
		if path == ".error.message" {
			b, a = lastLines(b), lastLines(a.(string))
		}
		c.values(path, a, c.mask(a.(string), b))
	default:
		c.values(path, a, b)
	}
}

func (c *comparison) objects(path string, a, b map[string]any) {
	for _, name := range slices.Sorted(maps.Keys(b)) {
		if value, ok := a[name]; ok {
			c.compare(path+"."+name, value, b[name])
		} else {
			c.note(path+"."+name, "missing")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(a)) {
		if _, ok := b[name]; !ok {
			c.note(path+"."+name, "not a member of the node's answer")
		}
	}
}

func (c *comparison) arrays(path string, a, b []any) {
	if len(a) != len(b) {
		c.note(path, "%d elements, the node has %d", len(a), len(b))
		return
	}
	for i := range b {
		c.compare(fmt.Sprintf("%s[%d]", path, i), a[i], b[i])
	}
}

func (c *comparison) values(path string, a, b any) {
	if a == b || slices.ContainsFunc(c.skip, func(end string) bool { return strings.HasSuffix(path, end) }) {
		return
	}
	c.note(path, "%.300v, the node's is %.300v", a, b)
}

// lastLines of a diagnostic dump say what was wrong; those before name source files.
func lastLines(text string) string {
	_, what, found := strings.Cut(text, "std::exception::what: ")
	if !found {
		return text
	}
	what, _, _ = strings.Cut(what, "\n")
	return what
}
