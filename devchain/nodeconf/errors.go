package nodeconf

import (
	"fmt"
	"strings"
)

// Problem is one thing that is wrong with a file.
type Problem struct {
	File    string // path as it was opened
	Section string // without brackets; empty when the file as a whole is meant
	Key     string // empty when the section as a whole is meant
	Value   string // as written; empty when there is none
	Reason  string // what is wrong and what to do
}

// String says file, section, key, value and reason on one line.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Section != "" {
		fmt.Fprintf(&b, ": [%s]", p.Section)
		if p.Key != "" {
			b.WriteString(" " + p.Key)
			if p.Value != "" {
				fmt.Fprintf(&b, "=%s", p.Value)
			}
		}
	}
	return b.String() + ": " + p.Reason
}

// Error lists every problem that was found in one file, in the order of reading.
type Error struct{ Problems []Problem }

// Error joins the problems with line ends.
func (e *Error) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}
