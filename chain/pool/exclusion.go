package pool

import (
	"slices"
	"strings"
	"time"

	"github.com/bcosgate/bcosgate/chain"
)

// news is something that is logged once and counted.
type news struct {
	reason      Reason
	began       bool
	text        string
	unreachable error // a dial failed for a new reason
	err         error // of a node that goes offline
}

// exclude notes a reason that keeps requests away, once.
func (n *Node) exclude(reason Reason, text string) {
	if n.excluded(reason) {
		return
	}
	n.bar(reason, text, time.Now())
	n.news = append(n.news, news{reason: reason, began: true, text: text, err: n.lastErr})
}

// bar is exclude without telling of it. Lists that were given away stay as they are.
func (n *Node) bar(reason Reason, text string, since time.Time) {
	n.exclusions = append(slices.Clip(n.exclusions), Exclusion{Reason: reason, Text: text, Since: since})
}

// admit ends a reason.
func (n *Node) admit(reason Reason) {
	if !n.excluded(reason) {
		return
	}
	n.exclusions = slices.DeleteFunc(slices.Clone(n.exclusions), func(e Exclusion) bool { return e.Reason == reason })
	n.news = append(n.news, news{reason: reason})
}

// reword changes the text of a reason, which is no news.
func (n *Node) reword(reason Reason, text string) {
	for i, e := range n.exclusions {
		if e.Reason == reason {
			e.Text = text
			n.exclusions = slices.Clone(n.exclusions)
			n.exclusions[i] = e
		}
	}
}

func (n *Node) excluded(reason Reason) bool {
	return slices.ContainsFunc(n.exclusions, func(e Exclusion) bool { return e.Reason == reason })
}

// Parts of a tier. A node that fails is worse than one that is behind, which is
// worse than one that is slow.
const (
	slowTier int32 = 1 << iota
	laggingTier
	failingTier
)

// tierOf is how good a node with these exclusions is: it is asked only when there
// is none in a lower tier.
func tierOf(exclusions []Exclusion) (tier int32) {
	for _, e := range exclusions {
		switch e.Reason {
		case Slow:
			tier |= slowTier
		case Lagging:
			tier |= laggingTier
		case Failing:
			tier |= failingTier
		}
	}
	return tier
}

// tell logs and counts what happened to a node.
func (p *Pool) tell(node string, list []news) {
	if len(list) == 0 {
		return
	}
	for _, one := range list {
		switch {
		case one.unreachable != nil:
			p.log.Warn("node cannot be reached", "node", node, "error", one.unreachable)
			continue
		case one.reason == Offline && one.began:
			p.log.Warn("node offline", "node", node, "error", one.err)
		case one.reason == Offline:
			p.log.Info("node online", "node", node)
		case one.began:
			p.log.Warn("node excluded", "node", node, "reason", string(one.reason), "text", one.text)
		default:
			p.log.Info("node no longer excluded", "node", node, "reason", string(one.reason))
		}
		p.mu.Lock()
		change := p.changes[one.reason]
		if one.began {
			change.Began++
		} else {
			change.Ended++
		}
		p.changes[one.reason] = change
		p.mu.Unlock()
	}
	p.announce()
}

// obstacle says for people what keeps all requests away from the node, or how the
// last connection ended.
func (n *Node) obstacle() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var texts []string
	for _, e := range n.exclusions {
		if e.Reason.bars() && (e.Reason != Offline || !n.excluded(WrongChain)) {
			texts = append(texts, e.Text)
		}
	}
	if texts == nil {
		return "its connection has just ended"
	}
	return strings.Join(texts, ", ")
}

// problems says for people what is wrong with each node; nodes with the same
// problem stand together.
func (p *Pool) problems() string {
	var order []string
	nodes := map[string][]string{}
	for _, n := range *p.nodes.Load() {
		text := "left out of this request"
		if !n.askable.Load() {
			text = n.obstacle()
		}
		if nodes[text] == nil {
			order = append(order, text)
		}
		nodes[text] = append(nodes[text], n.name)
	}
	if order == nil {
		return "none is listed yet"
	}
	for i, text := range order {
		order[i] = strings.Join(nodes[text], ", ") + ": " + text
	}
	return strings.Join(order, "; ")
}

// unavailable is the error without a usable node.
func (p *Pool) unavailable(op string, cause error) error {
	msg := "no node of target \"" + p.cfg.Target.Name + "\" is online: " + p.problems()
	if p.stopped.Load() {
		msg = "the connections to target \"" + p.cfg.Target.Name + "\" are closed for good"
	}
	return &chain.Error{Kind: chain.KindUnavailable, Sent: chain.SentNo, Op: op, Err: cause, Msg: msg}
}
