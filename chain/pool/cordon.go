package pool

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/bcosgate/bcosgate/chain"
)

// Cordon is a node that was taken out by hand.
type Cordon struct {
	Node   string
	Reason string // for people, as the operator gave it; may be empty
	Since  time.Time
}

// CordonBook keeps cordons over restarts. Its methods must be safe for concurrent
// use. target is the name of the pool's target.
type CordonBook interface {
	// Cordons is all that is kept of a target, in any order. Nodes may be among them
	// that are listed no more.
	Cordons(ctx context.Context, target string) ([]Cordon, error)
	// SetCordon keeps a cordon until it is cleared. One of the same node is replaced.
	SetCordon(ctx context.Context, target string, c Cordon) error
	// ClearCordon forgets the cordon of a node; nil also when there is none.
	ClearCordon(ctx context.Context, target, node string) error
}

func (c Cordon) text() string {
	if c.Reason == "" {
		return "taken out by hand"
	}
	return "taken out by hand: " + c.Reason
}

// Cordon takes a node out of use: it gets no more leases, and those that are out go
// on. Its connections and heartbeat stay. It is kept in Config.Cordons first, whose
// error is given back. It is allowed for the last usable node, too, which the log
// says. A node that is not listed is KindNotFound; one that is cordoned gets the
// new reason.
func (p *Pool) Cordon(ctx context.Context, node, reason string) error {
	done, err := p.cordonable(ctx, "cordon", node)
	if err != nil {
		return err
	}
	defer done()
	c := Cordon{Node: node, Reason: reason, Since: time.Now()}
	if known, ok := p.cordon(node); ok {
		c.Since = known.Since
	}
	if p.cfg.Cordons != nil {
		if err := p.cfg.Cordons.SetCordon(ctx, p.cfg.Target.Name, c); err != nil {
			return fmt.Errorf("cordon node %s: %w", node, err)
		}
	}
	p.mu.Lock()
	p.cordons[node] = c
	p.mu.Unlock()
	p.withNode(node, func(n *Node) {
		n.exclude(Cordoned, c.text())
		n.reword(Cordoned, c.text())
	})
	if p.Stat().Usable == 0 {
		p.log.Warn("no node of the target can be asked any more", "cordoned", node)
	}
	return nil
}

// Uncordon takes a node back into use; nil also when it was not cordoned. A node
// that is not listed is KindNotFound, unless it is cordoned.
func (p *Pool) Uncordon(ctx context.Context, node string) error {
	done, err := p.cordonable(ctx, "uncordon", node)
	if err != nil {
		return err
	}
	defer done()
	if p.cfg.Cordons != nil {
		if err := p.cfg.Cordons.ClearCordon(ctx, p.cfg.Target.Name, node); err != nil {
			return fmt.Errorf("uncordon node %s: %w", node, err)
		}
	}
	p.mu.Lock()
	delete(p.cordons, node)
	p.mu.Unlock()
	p.withNode(node, func(n *Node) { n.admit(Cordoned) })
	return nil
}

// cordonable takes the turn to change the cordon of a node that there is.
func (p *Pool) cordonable(ctx context.Context, op, node string) (done func(), err error) {
	select {
	case p.cordoning <- struct{}{}:
	case <-ctx.Done():
		return nil, &chain.Error{Kind: chain.KindCanceled, Sent: chain.SentNo, Op: op, Node: node, Err: ctx.Err()}
	}
	listed := slices.ContainsFunc(*p.nodes.Load(), func(n *Node) bool { return n.name == node })
	if _, known := p.cordon(node); !listed && !(known && op == "uncordon") {
		<-p.cordoning
		return nil, &chain.Error{Kind: chain.KindNotFound, Sent: chain.SentNo, Op: op, Node: node, Msg: "the target has no such node"}
	}
	return func() { <-p.cordoning }, nil
}

// withNode changes the node of that name, if it is listed or drains. A node that
// is listed later finds its cordon in p.cordons.
func (p *Pool) withNode(name string, change func(*Node)) {
	p.listing.Lock()
	defer p.listing.Unlock()
	for _, n := range *p.nodes.Load() {
		if n.name == name {
			n.update(func() { change(n) })
		}
	}
}

// cordon is that of a node, if there is one.
func (p *Pool) cordon(node string) (Cordon, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c, ok := p.cordons[node]
	return c, ok
}

// loadCordons reads the book.
func (p *Pool) loadCordons(ctx context.Context) error {
	if p.cfg.Cordons == nil {
		return nil
	}
	list, err := p.cfg.Cordons.Cordons(ctx, p.cfg.Target.Name)
	if err != nil {
		return fmt.Errorf("pool: cordons of target %q: %w", p.cfg.Target.Name, err)
	}
	for _, c := range list {
		p.mu.Lock()
		p.cordons[c.Node] = c
		p.mu.Unlock()
		p.withNode(c.Node, func(n *Node) {
			n.admit(Cordoned)
			n.bar(Cordoned, c.text(), c.Since)
		})
		p.log.Warn("node is cordoned", "node", c.Node, "text", c.text())
	}
	return nil
}
