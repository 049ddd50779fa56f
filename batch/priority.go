package batch

import "slices"

// Priority says which jobs of a target are served first.
type Priority string

// The priorities. Single transactions are high unless their spec says otherwise,
// because somebody waits for each of them; files are normal.
const (
	PriorityLow    Priority = "low"
	PriorityNormal Priority = "normal"
	PriorityHigh   Priority = "high"
)

// Priorities lists all priorities, the lowest first.
var Priorities = []Priority{PriorityLow, PriorityNormal, PriorityHigh}

// rank counts from the lowest; -1 is no priority.
func (p Priority) rank() int { return slices.Index(Priorities, p) }

// priority is that of a spec; one that says nothing has the default of its kind.
func (s Spec) priority() Priority {
	switch {
	case s.Priority != "":
		return s.Priority
	case s.Kind == KindTransaction:
		return PriorityHigh
	}
	return PriorityNormal
}

// claim keeps lower priorities from what becomes free at the window while the feed
// prepares the next item. Only the feed calls it.
func (r *run) claim() {
	p := r.limits.priority()
	if r.claimed == p {
		return
	}
	r.unclaim()
	r.window.claim(p)
	r.claimed = p
}

// unclaim is for when the feed waits for anything but the window.
func (r *run) unclaim() {
	if r.claimed != "" {
		r.window.unclaim(r.claimed)
		r.claimed = ""
	}
}
