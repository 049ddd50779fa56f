package guard

import (
	"sync"

	"github.com/ethereum/go-ethereum/common"
)

// affinityLen is how many transactions each of the two generations remembers:
// more than are in flight at any time, in a few megabytes.
const affinityLen = 16384

// affinity remembers which node had a transaction first. It is bounded: when the
// young generation is full it becomes the old one, and the old one is forgotten,
// after which a resend may go to any node, which costs a detour but no truth.
type affinity struct {
	mu         sync.Mutex
	young, old map[common.Hash]string
}

// node is the node that had tx last, "" when unknown.
func (a *affinity) node(tx common.Hash) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if name, ok := a.young[tx]; ok {
		return name
	}
	return a.old[tx]
}

func (a *affinity) remember(tx common.Hash, node string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.young) >= affinityLen {
		a.old, a.young = a.young, nil
	}
	if a.young == nil {
		a.young = make(map[common.Hash]string)
	}
	a.young[tx] = node
}
