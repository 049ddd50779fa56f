// Package discovery keeps the list of a target's nodes current while the program
// runs: a Source says where nodes are listed (in the configuration, in DNS, in a
// file, in etcd), and a Watcher hands each new list to whoever keeps the
// connections.
//
// It never connects to a node, never judges whether one works, and never takes
// all nodes away: a source that fails or lists nothing leaves the last list.
package discovery

import (
	"context"
	"errors"
	"fmt"
)

// ErrNoNodes is reported when a source answers and lists no usable node: a file
// without lines, a DNS name without records, an etcd prefix without keys, or
// nothing but malformed entries. The last list stays, because the usual cause is a
// file that is being written, a name that was just removed and will be back or a
// wrong prefix, and all of them would end every connection at once. Whoever wants
// no nodes stops the gateway.
var ErrNoNodes = errors.New("the source lists no nodes")

// maxNodes bounds one list: a chain has some tens of nodes, and each costs
// connections. A longer list is a mistake (a wrong prefix, a wrong file) and is
// refused as a whole.
const maxNodes = 1000

// Entry is one node as a source lists it, not yet checked.
type Entry struct {
	Where   string // the place for messages: "line 3", "key /nodes/a"
	Address string // meant to be host:port
	Err     error  // instead of an address: what the source could not do, reported like a malformed entry
}

// Source is a place where nodes are listed. Static, DNS, File and Etcd make one;
// a Watcher runs it. The zero list is a valid answer of a source and never stands
// for a failure.
type Source interface {
	// Watch calls emit with the whole list at first and again at least when it has
	// changed, and blocks until ctx ends or the source cannot be read; the error
	// says why and is never nil. It may be called again after that, but not while it
	// runs. It has no goroutine or connection left when it returns. emit is called
	// by Watch itself, one call after the other.
	//
	// The error of each attempt at the same trouble has the same text, so that
	// trouble that lasts is reported once.
	Watch(ctx context.Context, emit func([]Entry)) error

	// String names the source for people: "file /etc/bcosgate/nodes".
	String() string
}

// Static is the list of the configuration. It never changes.
func Static(nodes []string) Source {
	entries := make([]Entry, len(nodes))
	for i, node := range nodes {
		entries[i] = Entry{Where: fmt.Sprintf("entry %d", i+1), Address: node}
	}
	return static(entries)
}

type static []Entry

func (s static) String() string { return "static list" }

func (s static) Watch(ctx context.Context, emit func([]Entry)) error {
	emit(s)
	<-ctx.Done()
	return ctx.Err()
}
