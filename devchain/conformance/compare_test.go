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

// comparison walks through a recorded JSON value and ours, and lists where they
// differ. Values must be of the same kind, objects have the same members, and
// arrays the same length; of other values same is asked when they are not equal.
type comparison struct {
	same        func(m member, recorded, ours any) bool
	differences []string
}

// member is a place in an answer, and the objects that it is in.
type member struct {
	path           string // .result.logEntries[0].topics
	recorded, ours map[string]any
}

func (m member) name() string { return nameOf(m.path) }

// nameOf is the member that a path ends with, whichever element of it.
func nameOf(path string) string {
	path, _, _ = strings.Cut(path[strings.LastIndexByte(path, '.')+1:], "[")
	return path
}

func (c *comparison) values(m member, recorded, ours any) {
	switch r := recorded.(type) {
	case map[string]any:
		if o, ok := ours.(map[string]any); ok {
			c.objects(m.path, r, o)
			return
		}
	case []any:
		if o, ok := ours.([]any); ok && len(r) == len(o) {
			for i := range r {
				c.values(member{fmt.Sprintf("%s[%d]", m.path, i), m.recorded, m.ours}, r[i], o[i])
			}
			return
		}
	default:
		if recorded == ours || fmt.Sprintf("%T", recorded) == fmt.Sprintf("%T", ours) && c.same(m, recorded, ours) {
			return
		}
	}
	c.differ(m.path, recorded, ours)
}

func (c *comparison) objects(path string, recorded, ours map[string]any) {
	const missing = "(no such member)"
	for _, name := range slices.Sorted(maps.Keys(recorded)) {
		if value, found := ours[name]; found {
			c.values(member{path + "." + name, recorded, ours}, recorded[name], value)
		} else {
			c.differ(path+"."+name, recorded[name], missing)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(ours)) {
		if _, found := recorded[name]; !found {
			c.differ(path+"."+name, missing, ours[name])
		}
	}
}

func (c *comparison) differ(path string, recorded, ours any) {
	c.differences = append(c.differences, difference(path, recorded, ours))
}

// difference is a line for people that begins with the path.
func difference(path string, recorded, ours any) string {
	return fmt.Sprintf("%s: recorded %.300s, here %.300s", path, asJSON(recorded), asJSON(ours))
}

func asJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(text)
}

// differences lists where two JSON texts differ. Members whose path ends in one of
// skip are compared by presence and kind only.
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
	c := comparison{same: func(m member, recorded, ours any) bool {
		text, ok := recorded.(string)
		if ok && sameText(m, text, ours.(string), mask) {
			return true
		}
		return slices.ContainsFunc(skip, func(end string) bool { return strings.HasSuffix(m.path, end) })
	}}
	c.values(member{}, b, a)
	return c.differences
}

func sameText(m member, recorded, ours string, mask func(ours, recorded string) string) bool {
	if m.path == ".error.message" {
		recorded, ours = lastLines(recorded), lastLines(ours)
	}
	return mask(ours, recorded) == ours
}

// decode keeps numbers as they are written.
func decode(text string, into any) error {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	return d.Decode(into)
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
