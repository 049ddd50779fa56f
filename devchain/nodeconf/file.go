package nodeconf

import (
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"

	"gopkg.in/ini.v1"
)

// maxFile bounds what is read: real files have some kilobytes.
const maxFile = 1 << 20

// file is one open configuration file and the problems found in it so far.
// The getters note a problem and go on with the default, so that one run finds
// everything that is wrong.
type file struct {
	path     string
	ini      *ini.File
	problems []Problem
}

func open(path string) (*file, error) {
	fail := func(reason string) error {
		return &Error{Problems: []Problem{{File: path, Reason: reason}}}
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fail("cannot be read: " + err.Error())
	}
	if info.IsDir() || info.Size() > maxFile {
		return nil, fail("is no configuration file")
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fail("cannot be read: " + err.Error())
	}
	// The node's own parser knows neither inline comments nor continued lines nor
	// quoted values, and ends a key at the first "=" (the node ids of a genesis
	// file have a colon behind them).
	parsed, err := ini.LoadSources(ini.LoadOptions{
		IgnoreInlineComment:        true,
		IgnoreContinuation:         true,
		KeyValueDelimiters:         "=",
		PreserveSurroundedQuote:    true,
		AllowShadows:               true,
		AllowDuplicateShadowValues: true,
	}, data)
	if err != nil {
		return nil, fail("is no ini file: " + err.Error())
	}
	return &file{path: path, ini: parsed}, nil
}

func (f *file) note(section, key, value, reason string) {
	f.problems = append(f.problems, Problem{File: f.path, Section: section, Key: key, Value: value, Reason: reason})
}

func (f *file) err() error {
	if len(f.problems) == 0 {
		return nil
	}
	return &Error{Problems: f.problems}
}

// raw gives the text of a key and whether it is there and not empty.
func (f *file) raw(section, key string) (string, bool) {
	s, err := f.ini.GetSection(section)
	if err != nil || !s.HasKey(key) {
		return "", false
	}
	k := s.Key(key)
	if values := k.ValueWithShadows(); len(values) > 1 {
		f.note(section, key, strings.Join(values, ", "), "stands there more than once: keep one line")
	}
	v := strings.TrimSpace(k.Value())
	return v, v != ""
}

func (f *file) text(section, key, def string) string {
	if v, ok := f.raw(section, key); ok {
		return v
	}
	return def
}

func (f *file) boolean(section, key string, def bool) bool {
	v, ok := f.raw(section, key)
	if !ok {
		return def
	}
	switch v {
	case "true", "1":
		return true
	case "false", "0":
		return false
	}
	f.note(section, key, v, "must be true or false")
	return def
}

func (f *file) number(section, key string, def, lowest, highest int64) int64 {
	v, ok := f.raw(section, key)
	if !ok {
		return def
	}
	n, err := strconv.ParseInt(v, 10, 64)
	switch {
	case err != nil:
		f.note(section, key, v, "must be a whole number")
	case n < lowest && highest == math.MaxInt64:
		f.note(section, key, v, fmt.Sprintf("must be %d or more", lowest))
	case n < lowest || n > highest:
		f.note(section, key, v, fmt.Sprintf("must be between %d and %d", lowest, highest))
	default:
		return n
	}
	return def
}
