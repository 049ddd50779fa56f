package cluster

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/devchain"
)

// Times of a round.
const (
	// patience is how long a leader that is connected may take from when a block is
	// due. It doubles with the first rounds, so that slow machines keep up.
	patience    = time.Second
	maxDoubling = 2
	// goneAfter is how long nodes wait for a leader that is not connected: it may be
	// just starting.
	goneAfter = 20 * time.Millisecond
	// behindAfter is how long a node waits for the votes of a block that another one
	// has already, before it asks for the block.
	behindAfter = 150 * time.Millisecond
	// askAgain is how long a node waits for blocks that it asked for.
	askAgain = 2 * time.Second
	// idle is when to look again if nothing happens.
	idle = 250 * time.Millisecond
)

// block is a proposal that was executed.
type block interface{ Hash() common.Hash }

// ledger is the chain of this node.
type ledger interface {
	Head() devchain.Head
	LeaderPeriod() uint64
	Due(last time.Time) (time.Time, bool)
	Propose(sealer int) (devchain.Proposal, bool)
	Execute(ctx context.Context, p devchain.Proposal) (block, error)
	Commit(b block, signatures []devchain.Signature) error
	Expire()
	Sign(hash common.Hash) (devchain.Signature, error)
	IsSignature(hash common.Hash, s devchain.Signature) bool
	SaveVote(data []byte) error
	Vote() ([]byte, error)
}

// network reaches the other sealers, by their index. Nothing of it blocks.
type network interface {
	broadcast(message any)
	send(to int, message any)
	share(to int) // sends the transactions that wait
	connected(sealer int) bool
}

// agreement is one node's part in agreeing on the next block. It is used by one
// goroutine. An error of its methods is the end of it: the ledger does not work.
type agreement struct {
	ledger  ledger
	net     network
	sealers sealers
	self    int
	log     *slog.Logger

	height   uint64 // of the next block
	round    uint64 // this node takes no proposal of an earlier one
	accepted *proposed
	digest   common.Hash         // of the accepted proposal
	executed block               // the accepted proposal; nil when it could not be executed
	votes    map[int]vote        // the latest of every sealer
	changes  map[int]roundChange // the latest of every sealer
	early    map[int]early       // for the block after the next, by sender

	now   time.Time // of what is being handled
	since time.Time // when this round began to have something to do; zero: it has nothing
	begun time.Time // when the accepted proposal was accepted
	last  time.Time // when the newest block was begun

	expired time.Time // when what has waited too long was last thrown out

	peers  map[int]status // newest blocks of the others
	behind time.Time      // since when another node has the next block; zero: none
	asked  time.Time      // when one was asked for blocks; zero: none is asked
	turn   int            // counts the questions, so that they go round
}

// early is what one sealer sent for the block after the next: this node may just
// not have the votes yet.
type early struct {
	proposed *proposed
	vote     *vote
	change   *roundChange
}

func newAgreement(l ledger, n network, s sealers, self int, log *slog.Logger) *agreement {
	return &agreement{
		ledger: l, net: n, sealers: s, self: self, log: log,
		early: map[int]early{}, peers: map[int]status{},
	}
}

// begin takes up what this node had promised before it was started.
func (a *agreement) begin(ctx context.Context) error {
	a.next()
	data, err := a.ledger.Vote()
	if err != nil || data == nil {
		return err
	}
	saved, err := decodeAs[roundChange](data)
	if err != nil {
		return err
	}
	promise := saved.(roundChange)
	if promise.Number != a.height {
		return nil // of a block that is on the chain since
	}
	a.round = promise.Round
	if a.round > 0 {
		a.changes[a.self] = promise
	}
	if len(promise.Accepted) == 0 {
		return nil
	}
	accepted := promise.Accepted[0]
	executed, err := a.run(ctx, accepted.Proposal)
	if err != nil && !errors.Is(err, devchain.ErrProposal) {
		return err
	}
	a.take(accepted, executed)
	if executed == nil {
		return nil
	}
	return a.cast(ctx)
}

// next begins with the block after the head.
func (a *agreement) next() {
	a.height, a.round = a.ledger.Head().Number+1, 0
	a.sealers.period = a.ledger.LeaderPeriod()
	a.accepted, a.executed, a.digest = nil, nil, common.Hash{}
	a.votes, a.changes = map[int]vote{}, map[int]roundChange{}
	a.since, a.behind, a.asked = time.Time{}, time.Time{}, time.Time{}
}

func (a *agreement) leader(round uint64) int { return a.sealers.leader(a.height, round) }

// step does what is due now and tells when to call it again at the latest.
func (a *agreement) step(ctx context.Context, now time.Time) (time.Time, error) {
	a.now = now
	if now.Sub(a.expired) >= idle { // it looks at everything that waits
		a.ledger.Expire()
		a.expired = now
	}
	again := now.Add(idle)
	soonest := func(t time.Time) {
		if t.Before(again) {
			again = t
		}
	}
	a.catchUp(soonest)
	if !a.sealers.isQuorum(func(i int) bool { return i == a.self || a.net.connected(i) }) {
		a.since = time.Time{}
		return again, nil
	}
	if err := a.lead(ctx); err != nil {
		return again, err
	}
	if !a.busy(soonest) {
		a.since = time.Time{}
		return again, nil
	}
	if a.since.IsZero() {
		a.since = now
	}
	if end := a.since.Add(a.limit()); now.Before(end) {
		soonest(end)
		return again, nil
	}
	round := a.round + 1
	for range a.sealers.members {
		if leader := a.leader(round); leader == a.self || a.net.connected(leader) {
			break
		}
		round++
	}
	a.log.Info("change of round", "block", a.height, "round", round, "leader", a.leader(round), "before", a.leader(a.round))
	return now, a.enter(round)
}

// busy tells whether this node wants a block now.
func (a *agreement) busy(soonest func(time.Time)) bool {
	due, waiting := a.ledger.Due(a.last)
	if waiting && a.now.Before(due) {
		soonest(due)
	}
	return a.accepted != nil || a.round > 0 || waiting && !a.now.Before(due)
}

// limit is how long this round may take from when this node wants a block.
func (a *agreement) limit() time.Duration {
	if leader := a.leader(a.round); leader != a.self && !a.net.connected(leader) {
		return goneAfter
	}
	return patience << min(a.round, maxDoubling)
}

// lead proposes when this node is the leader and may.
func (a *agreement) lead(ctx context.Context) error {
	if a.leader(a.round) != a.self || a.accepted != nil && a.accepted.Round == a.round {
		return nil
	}
	if a.round > 0 {
		if !a.sealers.isQuorum(a.hasPromised) {
			return nil
		}
		done, err := a.proposeAgain(ctx)
		if done || err != nil {
			return err
		}
	}
	if due, waiting := a.ledger.Due(a.last); !waiting || a.now.Before(due) {
		return nil
	}
	p, ok := a.ledger.Propose(a.self)
	if !ok {
		return nil
	}
	return a.propose(ctx, proposed{a.round, onWire(p)})
}

// hasPromised tells whether a sealer takes no proposal of an earlier round than this.
func (a *agreement) hasPromised(sealer int) bool {
	m, ok := a.changes[sealer]
	return ok && m.Round == a.round
}

// proposeAgain proposes what has been taken last in an earlier round, if anything
// has. What cannot be executed has no vote, so that another may take its place.
func (a *agreement) proposeAgain(ctx context.Context) (bool, error) {
	old := a.lastTaken()
	if old == nil {
		return false, nil
	}
	executed, err := a.run(ctx, old.Proposal)
	if errors.Is(err, devchain.ErrProposal) {
		a.log.Error("the proposal of an earlier round is dropped", "block", a.height, "error", err)
		return false, nil
	}
	if err != nil {
		return false, err
	}
	again := proposed{a.round, old.Proposal}
	a.take(again, executed)
	return true, a.propose(ctx, again)
}

// lastTaken is the proposal of the latest round that the promises for this round name.
func (a *agreement) lastTaken() *proposed {
	var last *proposed
	for sealer, m := range a.changes {
		if a.hasPromised(sealer) && len(m.Accepted) > 0 && (last == nil || m.Accepted[0].Round > last.Round) {
			last = &m.Accepted[0]
		}
	}
	return last
}

// propose sends a proposal and votes for it. It is on disk before it is sent: after
// a crash this node must not make another one for the same round.
func (a *agreement) propose(ctx context.Context, p proposed) error {
	if a.digest != p.Proposal.digest() {
		a.take(p, nil)
	}
	a.begun = a.now
	if err := a.save(); err != nil {
		return err
	}
	a.net.broadcast(p)
	executed, err := a.run(ctx, p.Proposal)
	if errors.Is(err, devchain.ErrProposal) {
		a.log.Error("this node's own proposal cannot be executed", "block", a.height, "error", err)
		return nil
	}
	if err != nil {
		return err
	}
	a.executed = executed
	return a.cast(ctx)
}

// take makes p the accepted proposal.
func (a *agreement) take(p proposed, executed block) {
	a.accepted, a.digest, a.executed = &p, p.Proposal.digest(), executed
}

// run executes a proposal, unless it is the accepted one and that is done.
func (a *agreement) run(ctx context.Context, p proposal) (block, error) {
	if a.executed != nil && a.digest == p.digest() {
		return a.executed, nil
	}
	return a.ledger.Execute(ctx, p.value())
}

// cast sends the vote for the accepted proposal, which is on disk.
func (a *agreement) cast(ctx context.Context) error {
	v, err := a.ownVote()
	if err != nil {
		return err
	}
	a.net.broadcast(v)
	a.votes[a.self] = v
	return a.decide(ctx)
}

func (a *agreement) ownVote() (vote, error) {
	hash := a.executed.Hash()
	s, err := a.ledger.Sign(hash)
	return vote{a.height, a.accepted.Round, hash, s.Signature}, err
}

// decide puts the executed proposal on the chain when enough votes for it are there.
// Votes of different rounds do not add up.
func (a *agreement) decide(ctx context.Context) error {
	if a.executed == nil {
		return nil // the other nodes will give us the block
	}
	hash := a.executed.Hash()
	for _, first := range a.votes {
		counts := func(sealer int) bool {
			v, ok := a.votes[sealer]
			return ok && v.Hash == hash && v.Round == first.Round
		}
		if !a.sealers.isQuorum(counts) {
			continue
		}
		var signatures []devchain.Signature
		for i := range a.sealers.members {
			if counts(i) {
				signatures = append(signatures, devchain.Signature{SealerIndex: i, Signature: a.votes[i].Signature})
			}
		}
		return a.commit(ctx, a.executed, signatures)
	}
	return nil
}

// commit puts a block on the chain and goes on with the next one.
func (a *agreement) commit(ctx context.Context, b block, signatures []devchain.Signature) error {
	if err := a.ledger.Commit(b, signatures); err != nil {
		return err
	}
	a.last = a.begun
	a.next()
	a.net.broadcast(a.status())
	return a.replay(ctx)
}

func (a *agreement) status() status {
	head := a.ledger.Head()
	return status{head.Number, head.Hash}
}

// promise is what this node has on disk and tells others.
func (a *agreement) promise() roundChange {
	m := roundChange{Number: a.height, Round: a.round}
	if a.accepted != nil {
		m.Accepted = []proposed{*a.accepted}
	}
	return m
}

func (a *agreement) save() error { return a.ledger.SaveVote(encode(a.promise())) }

// enter goes to a later round and tells all.
func (a *agreement) enter(round uint64) error {
	a.round, a.since = round, a.now
	if err := a.save(); err != nil {
		return err
	}
	a.changes[a.self] = a.promise()
	a.net.broadcast(a.changes[a.self])
	if leader := a.leader(round); leader != a.self {
		a.net.share(leader) // it may not have what we want a block for
	}
	return nil
}
