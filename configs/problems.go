package configs

import (
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is wrong with the configuration.
type Problem struct {
	Key    string // "targets[0].nodes[1]"; empty when it is not about one setting
	Source string // the environment variable or the flag that set it; empty for the file and for defaults
	Reason string // what is wrong and what is expected
}

// String is one line: key, source, reason.
func (p Problem) String() string {
	switch {
	case p.Key == "":
		return p.Reason
	case p.Source != "":
		return fmt.Sprintf("%s (from %s): %s", p.Key, p.Source, p.Reason)
	}
	return p.Key + ": " + p.Reason
}

// ProblemsError lists everything that is wrong with a configuration, sorted by key.
type ProblemsError struct {
	File     string // the configuration file; empty when there is none
	Problems []Problem
}

func (e *ProblemsError) Error() string {
	var b strings.Builder
	b.WriteString("the configuration")
	if e.File != "" {
		b.WriteString(" " + e.File)
	}
	if len(e.Problems) == 1 {
		b.WriteString(" has a problem:")
	} else {
		fmt.Fprintf(&b, " has %d problems:", len(e.Problems))
	}
	for _, p := range e.Problems {
		b.WriteString("\n  " + p.String())
	}
	return b.String()
}

// problems collects. A second problem about the same setting, or about a part of
// one, would only be a consequence of the first, and is dropped.
type problems struct {
	list    []Problem
	sources map[string]string // by key
	noFiles bool              // files are not looked at
}

func (p *problems) add(key, format string, args ...any) {
	for _, known := range p.list {
		if known.Key != "" && isPartOf(key, known.Key) {
			return
		}
	}
	p.list = append(p.list, Problem{Key: key, Source: p.sources[key], Reason: fmt.Sprintf(format, args...)})
}

func isPartOf(key, whole string) bool {
	rest, ok := strings.CutPrefix(key, whole)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

func (p *problems) err(file string) error {
	if len(p.list) == 0 {
		return nil
	}
	slices.SortStableFunc(p.list, func(a, b Problem) int { return strings.Compare(a.Key, b.Key) })
	return &ProblemsError{File: file, Problems: p.list}
}
