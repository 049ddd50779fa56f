package pool

import (
	"errors"
	"fmt"
	"slices"
)

// SetNodes replaces the list of nodes. A node that is new is dialled. One that is
// listed no more gets no new leases, and its connections are closed when their
// leases end, or after Config.DrainTimeout; when it is listed again meanwhile, it
// goes on with them. An empty list, an empty name and a double one are refused.
func (p *Pool) SetNodes(names []string) error {
	if len(names) == 0 {
		return fmt.Errorf("pool: target %q would have no nodes", p.cfg.Target.Name)
	}
	if err := checkNodes(p.cfg.Target.Name, names); err != nil {
		return err
	}
	p.listing.Lock()
	if p.stopped.Load() {
		p.listing.Unlock()
		return errors.New("pool: stopped")
	}
	p.arrange(names)
	p.listing.Unlock()
	p.announce()
	return nil
}

// arrange makes the list of nodes. listing is held.
func (p *Pool) arrange(names []string) {
	old := map[string]*Node{}
	if list := p.nodes.Load(); list != nil {
		for _, n := range *list {
			old[n.name] = n
		}
	}
	list := make([]*Node, 0, len(names))
	for _, name := range names {
		n := old[name]
		if n == nil || !n.listed && !n.comeBack() {
			n = newNode(p, name)
			if p.life != nil {
				n.start()
			}
		}
		n.listed = true
		delete(old, name)
		list = append(list, n)
	}
	if before := p.nodes.Load(); before != nil {
		for _, n := range *before {
			if old[n.name] != n || p.life == nil {
				continue
			}
			if n.listed {
				n.listed = false
				n.update(func() {
					n.exclude(Draining, "it is listed no more")
					n.leave(p.cfg.DrainTimeout)
				})
			}
			list = append(list, n)
		}
	}
	p.nodes.Store(&list)
}

// forget drops a node that has drained.
func (p *Pool) forget(n *Node) {
	p.listing.Lock()
	defer p.listing.Unlock()
	if n.listed { // the pool has stopped: its last state may be looked at
		return
	}
	list := slices.DeleteFunc(slices.Clone(*p.nodes.Load()), func(other *Node) bool { return other == n })
	p.nodes.Store(&list)
}
