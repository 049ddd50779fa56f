package cluster

import (
	"context"
	"errors"
	"time"

	"github.com/bcosgate/bcosgate/devchain"
)

// receive takes a message of another sealer. What is out of place is left alone:
// it is late, or comes again in another way.
func (a *agreement) receive(ctx context.Context, from int, message any, now time.Time) error {
	a.now = now
	switch m := message.(type) {
	case status:
		a.peers[from] = m
	case proposed:
		switch m.Proposal.Number {
		case a.height:
			return a.onProposal(ctx, from, m)
		case a.height + 1:
			a.keep(from, func(e *early) { e.proposed = &m })
		}
	case vote:
		switch m.Number {
		case a.height:
			return a.onVote(ctx, from, m)
		case a.height + 1:
			a.keep(from, func(e *early) { e.vote = &m })
		}
	case roundChange:
		switch m.Number {
		case a.height:
			return a.onRoundChange(from, m)
		case a.height + 1:
			a.keep(from, func(e *early) { e.change = &m })
		}
	case blocks:
		return a.onBlocks(ctx, from, m)
	}
	return nil
}

func (a *agreement) keep(from int, set func(e *early)) {
	e := a.early[from]
	set(&e)
	a.early[from] = e
}

// replay takes what came before its time and is for the next block now.
func (a *agreement) replay(ctx context.Context) error {
	kept, height := a.early, a.height
	a.early = map[int]early{}
	for from, e := range kept {
		var messages []any
		if e.change != nil {
			messages = append(messages, *e.change)
		}
		if e.proposed != nil {
			messages = append(messages, *e.proposed)
		}
		if e.vote != nil {
			messages = append(messages, *e.vote)
		}
		for _, m := range messages {
			if a.height != height {
				return nil // one of them made the next block
			}
			if err := a.receive(ctx, from, m, a.now); err != nil {
				return err
			}
		}
	}
	return nil
}

// onProposal takes the first proposal of a round that is not over. It is executed
// first: a vote is for the block that comes of it.
func (a *agreement) onProposal(ctx context.Context, from int, m proposed) error {
	if m.Round < a.round || from != a.leader(m.Round) || a.accepted != nil && a.accepted.Round >= m.Round {
		return nil
	}
	executed, err := a.run(ctx, m.Proposal)
	if errors.Is(err, devchain.ErrProposal) {
		a.log.Error("a proposal is refused", "block", a.height, "round", m.Round, "leader", from, "error", err)
		return nil
	}
	if err != nil {
		return err
	}
	a.round = m.Round
	a.take(m, executed)
	a.begun, a.since = a.now, time.Time{}
	if err := a.save(); err != nil {
		return err
	}
	return a.cast(ctx)
}

func (a *agreement) onVote(ctx context.Context, from int, m vote) error {
	old, ok := a.votes[from]
	if ok && old.Round >= m.Round || !a.ledger.IsSignature(m.Hash, devchain.Signature{SealerIndex: from, Signature: m.Signature}) {
		return nil
	}
	a.votes[from] = m
	return a.decide(ctx)
}

// onRoundChange notes a promise, and goes along when it is for a later round: a
// round needs a quorum, and whoever left this one does not come back.
func (a *agreement) onRoundChange(from int, m roundChange) error {
	if old, ok := a.changes[from]; ok && old.Round > m.Round {
		return nil
	}
	a.changes[from] = m
	if m.Round > a.round {
		return a.enter(m.Round)
	}
	return nil
}

// linked tells a sealer that can be reached again what it may have missed.
func (a *agreement) linked(to int) error {
	a.net.send(to, a.status())
	a.net.share(to)
	if a.round > 0 {
		a.net.send(to, a.promise())
	}
	if a.accepted == nil {
		return nil
	}
	if a.accepted.Round == a.round && a.leader(a.round) == a.self {
		a.net.send(to, *a.accepted)
	}
	if a.executed == nil {
		return nil
	}
	v, err := a.ownVote()
	if err != nil {
		return err
	}
	a.net.send(to, v)
	return nil
}

// catchUp asks another node for the blocks that it has and this one has not.
func (a *agreement) catchUp(soonest func(time.Time)) {
	var ahead []int
	var highest uint64
	for i := range a.sealers.members {
		if s, ok := a.peers[i]; ok && s.Number >= a.height && a.net.connected(i) {
			ahead = append(ahead, i)
			highest = max(highest, s.Number)
		}
	}
	if len(ahead) == 0 {
		a.behind = time.Time{}
		return
	}
	if a.behind.IsZero() {
		a.behind = a.now
	}
	wait := a.behind
	if highest == a.height {
		wait = wait.Add(behindAfter)
	}
	if !a.asked.IsZero() {
		wait = a.asked.Add(askAgain)
	}
	if a.now.Before(wait) {
		soonest(wait)
		return
	}
	a.asked = a.now
	a.turn++
	a.net.send(ahead[a.turn%len(ahead)], getBlocks{a.height})
	soonest(a.now.Add(askAgain))
}

// onBlocks takes blocks that others have agreed on. Their signatures are checked,
// and this node comes to the same blocks or stays where it is.
func (a *agreement) onBlocks(ctx context.Context, from int, m blocks) error {
	for _, b := range m.Blocks {
		if b.Proposal.Number != a.height {
			continue
		}
		signatures, ok := a.signatures(b)
		if !ok {
			a.log.Error("a block with too few signatures", "block", a.height, "from", from)
			return nil
		}
		executed, err := a.run(ctx, b.Proposal)
		if err != nil && !errors.Is(err, devchain.ErrProposal) {
			return err
		}
		if err != nil || executed.Hash() != b.Hash {
			a.log.Error("this node comes to another block than the others", "block", a.height, "hash", b.Hash, "error", err)
			return nil
		}
		if err := a.commit(ctx, executed, signatures); err != nil {
			return err
		}
	}
	a.asked = time.Time{}
	return nil
}

// signatures are those of a block in the order of the sealers; false when they are
// not enough.
func (a *agreement) signatures(b finished) ([]devchain.Signature, bool) {
	signed := map[int][]byte{}
	for _, s := range b.Signatures {
		if s.Sealer < uint64(len(a.sealers.members)) && a.ledger.IsSignature(b.Hash, devchain.Signature{SealerIndex: int(s.Sealer), Signature: s.Signature}) {
			signed[int(s.Sealer)] = s.Signature
		}
	}
	var list []devchain.Signature
	for i := range a.sealers.members {
		if s, ok := signed[i]; ok {
			list = append(list, devchain.Signature{SealerIndex: i, Signature: s})
		}
	}
	return list, a.sealers.isQuorum(func(i int) bool { return signed[i] != nil })
}
