package rows

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// role is what a column means to the reader.
type role int

const (
	roleCell    role = iota // an argument
	roleID                  // _id
	roleTo                  // _to
	roleFn                  // _fn
	roleAfter               // _after
	roleSkipped             // a result column of a report that is fed back: kept in Source only
	roleRefused             // reserved, and nothing can be done with it yet
)

// roleOf tells reserved names by their underscore.
func roleOf(name string) role {
	switch name {
	case "_id":
		return roleID
	case "_to":
		return roleTo
	case "_fn":
		return roleFn
	case "_after":
		return roleAfter
	case "_from", "_value":
		return roleRefused
	}
	if strings.HasPrefix(name, "_") {
		return roleSkipped
	}
	return roleCell
}

const refusedReason = "this name is reserved for a later version and not supported yet: remove it"

func rolesOf(names []string) []role {
	roles := make([]role, len(names))
	for i, name := range names {
		roles[i] = roleOf(name)
	}
	return roles
}

// headerFaults tells everything that is wrong with a header at once, and the
// column that the first of it is about. badText says why a name is no text.
func headerFaults(names []string, badText func(string) string) (reasons []string, column string) {
	add := func(name, format string, args ...any) {
		if len(reasons) == 0 {
			column = name
		}
		reasons = append(reasons, fmt.Sprintf(format, args...))
	}
	seen := map[string]int{}
	for i, name := range names {
		first, twice := seen[name]
		switch bad := badText(name); {
		case strings.TrimSpace(name) == "":
			add("", "the header has no name for column %d", i+1)
		case bad != "":
			add("", "the name of column %d %s", i+1, bad)
		case strings.TrimSpace(name) != name:
			add(name, "the name of column %d has spaces around it", i+1)
		case twice:
			add(name, "columns %d and %d have the same name %q", first+1, i+1, name)
		case roleOf(name) == roleRefused:
			add(name, "%s", refusedReason)
		}
		if !twice {
			seen[name] = i
		}
	}
	return reasons, column
}

// notUTF8 says where text is not UTF-8, or "".
func notUTF8(text string) string {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		if r == utf8.RuneError && size == 1 {
			return fmt.Sprintf("is neither valid UTF-8 nor GBK: byte 0x%02x at position %d", text[i], i+1)
		}
		i += size
	}
	return ""
}
