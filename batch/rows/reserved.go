package rows

import "strings"

// role is what a column means to the reader.
type role int

const (
	roleCell    role = iota // an argument
	roleID                  // _id
	roleTo                  // _to
	roleFn                  // _fn
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
	case "_from", "_value", "_after":
		return roleRefused
	}
	if strings.HasPrefix(name, "_") {
		return roleSkipped
	}
	return roleCell
}

const refusedReason = "this name is reserved for a later version and not supported yet: remove it"
