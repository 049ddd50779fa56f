package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/devchain"
)

// A simulation runs the agreement of several nodes in one goroutine and in its own
// time: messages are late and lost, links break, nodes crash between any two things
// that they do and come back with what they had on disk. The seed says it all.
type simulation struct {
	t     *testing.T
	rand  *rand.Rand
	now   time.Time
	nodes []*simNode
	chain []common.Hash     // what any node has on its chain, by height
	place map[string]uint64 // the block of every transaction that is on a chain
	sent  int               // transactions so far
	rough bool              // links break and nodes crash
}

// simNode is what a node has on disk, and the rest while it is up.
type simNode struct {
	s      *simulation
	index  int
	chain  []simBlock
	vote   []byte
	pool   map[string]bool
	up     bool
	brain  *agreement
	next   time.Time
	link   []bool  // to others
	queues [][]any // to others; first in, first out
}

type simBlock struct{ proposal devchain.Proposal }

func (b simBlock) Hash() common.Hash {
	p := onWire(b.proposal)
	return crypto.Keccak256Hash([]byte("block"), encode(p))
}

// crash is thrown where a node ends.
type crash struct{}

func (n *simNode) mayCrash() {
	if n.s.rough && n.s.rand.IntN(400) == 0 {
		panic(crash{})
	}
}

func (n *simNode) Head() devchain.Head {
	if len(n.chain) == 0 {
		return devchain.Head{}
	}
	last := n.chain[len(n.chain)-1]
	return devchain.Head{Number: last.proposal.Number, Hash: last.Hash(), Timestamp: last.proposal.Timestamp}
}

func (n *simNode) LeaderPeriod() uint64 { return 1 + uint64(len(n.chain))/10%2 }

func (n *simNode) Due(last time.Time) (time.Time, bool) { return last, len(n.pool) > 0 }

func (n *simNode) Propose(sealer int) (devchain.Proposal, bool) {
	if len(n.pool) == 0 {
		return devchain.Proposal{}, false
	}
	head := n.Head()
	p := devchain.Proposal{Number: head.Number + 1, Parent: head.Hash, Timestamp: n.s.now.UnixMilli(), Sealer: sealer}
	for tx := range n.pool {
		p.Transactions = append(p.Transactions, []byte(tx))
	}
	slices.SortFunc(p.Transactions, func(a, b []byte) int { return slices.Compare(a, b) })
	return p, true
}

func (n *simNode) Execute(_ context.Context, p devchain.Proposal) (block, error) {
	head := n.Head()
	if p.Number != head.Number+1 || p.Parent != head.Hash {
		return nil, devchain.ErrProposal
	}
	return simBlock{p}, nil
}

func (n *simNode) Commit(b block, signatures []devchain.Signature) error {
	n.mayCrash()
	s, number, hash := n.s, n.Head().Number+1, b.Hash()
	require.True(s.t, n.brain.sealers.isQuorum(func(i int) bool {
		return slices.ContainsFunc(signatures, func(one devchain.Signature) bool { return one.SealerIndex == i && n.IsSignature(hash, one) })
	}))
	if uint64(len(s.chain)) < number {
		s.chain = append(s.chain, hash)
	}
	require.Equal(s.t, s.chain[number-1], hash, "two blocks %d", number)
	for _, tx := range b.(simBlock).proposal.Transactions {
		at, known := s.place[string(tx)]
		require.True(s.t, !known || at == number, "transaction %s is in blocks %d and %d", tx, at, number)
		s.place[string(tx)] = number
		delete(n.pool, string(tx))
	}
	n.chain = append(n.chain, b.(simBlock))
	n.mayCrash()
	return nil
}

func (n *simNode) Expire() {}

func (n *simNode) Sign(hash common.Hash) (devchain.Signature, error) {
	return devchain.Signature{SealerIndex: n.index, Signature: fmt.Append(nil, n.index, hash)}, nil
}

func (n *simNode) IsSignature(hash common.Hash, s devchain.Signature) bool {
	return string(s.Signature) == fmt.Sprint(s.SealerIndex, hash)
}

func (n *simNode) SaveVote(data []byte) error {
	n.mayCrash()
	n.vote = data
	n.mayCrash()
	return nil
}

func (n *simNode) Vote() ([]byte, error) { return n.vote, nil }

func (n *simNode) connected(i int) bool {
	other := n.s.nodes[i]
	return other.up && n.link[i] && other.link[n.index]
}

func (n *simNode) broadcast(message any) {
	for i := range n.s.nodes {
		if i != n.index {
			n.send(i, message)
		}
	}
}

func (n *simNode) send(to int, message any) {
	n.mayCrash()
	if n.link[to] {
		again, err := decode(kindOf(message), encode(message)) // as the wire does
		require.NoError(n.s.t, err)
		n.queues[to] = append(n.queues[to], again)
	}
}

func newSimulation(t *testing.T, nodes int, seed uint64) *simulation {
	s := &simulation{t: t, rand: rand.New(rand.NewPCG(seed, 1)), now: time.UnixMilli(1e12), place: map[string]uint64{}}
	for i := range nodes {
		s.nodes = append(s.nodes, &simNode{s: s, index: i, link: make([]bool, nodes), queues: make([][]any, nodes)})
	}
	return s
}

// as runs a part of a node's life, which it may not survive.
func (s *simulation) as(n *simNode, do func() error) {
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(crash); !ok {
				panic(r)
			}
			s.kill(n)
		}
	}()
	require.NoError(s.t, do())
}

// kill ends a node: what it sent and what is on its way to it is lost, from some
// message on.
func (s *simulation) kill(n *simNode) {
	n.up, n.brain = false, nil
	for i, other := range s.nodes {
		n.queues[i] = n.queues[i][:s.rand.IntN(len(n.queues[i])+1)]
		other.queues[n.index], other.link[n.index], n.link[i] = nil, false, false
	}
}

func (s *simulation) start(n *simNode) {
	n.up, n.pool, n.next = true, map[string]bool{}, s.now
	members := make([]devchain.Sealer, len(s.nodes))
	for i := range members {
		members[i] = devchain.Sealer{Weight: 1}
	}
	n.brain = newAgreement(n, n, sealers{members, 1}, n.index, slog.New(slog.DiscardHandler))
	n.brain.now = s.now
	s.as(n, func() error { return n.brain.begin(context.Background()) })
}

// connect brings up all links that are down.
func (s *simulation) connect() {
	for _, n := range s.nodes {
		for i, other := range s.nodes {
			if n.up && other.up && n != other && !n.link[i] {
				n.link[i] = true
				s.as(n, func() error { return n.brain.linked(i) })
			}
		}
	}
}

func (n *simNode) share(to int) {
	for tx := range n.pool {
		n.gossip(to, tx)
	}
}

// gossip reaches the other node at once or never.
func (n *simNode) gossip(to int, tx string) {
	if other := n.s.nodes[to]; other.up && n.link[to] && n.s.place[tx] == 0 {
		other.pool[tx] = true
	}
}

// client sends a transaction to a node.
func (s *simulation) client(n *simNode) string {
	s.sent++
	tx := fmt.Sprint("tx", s.sent)
	n.pool[tx] = true
	for i := range s.nodes {
		if i != n.index && (!s.rough || s.rand.IntN(4) > 0) {
			n.gossip(i, tx)
		}
	}
	return tx
}

// deliver hands over one message, if there is one.
func (s *simulation) deliver() {
	from, to := s.nodes[s.rand.IntN(len(s.nodes))], s.rand.IntN(len(s.nodes))
	if len(from.queues[to]) == 0 {
		return
	}
	m := from.queues[to][0]
	from.queues[to] = from.queues[to][1:]
	n := s.nodes[to]
	if !n.up {
		return
	}
	s.as(n, func() error {
		if ask, ok := m.(getBlocks); ok {
			return n.answer(from.index, ask)
		}
		return n.brain.receive(context.Background(), from.index, m, s.now)
	})
}

func (n *simNode) answer(to int, ask getBlocks) error {
	var m blocks
	for _, b := range n.chain[min(ask.From-1, uint64(len(n.chain))):] {
		f := finished{Proposal: onWire(b.proposal), Hash: b.Hash()}
		for i := range n.s.nodes {
			f.Signatures = append(f.Signatures, signature{uint64(i), fmt.Append(nil, i, b.Hash())})
		}
		m.Blocks = append(m.Blocks, f)
		if len(m.Blocks) == 3 {
			break
		}
	}
	n.send(to, m)
	return nil
}

func (s *simulation) think() {
	for _, n := range s.nodes {
		if n.up && !n.next.After(s.now) {
			s.as(n, func() error {
				next, err := n.brain.step(context.Background(), s.now)
				n.next = next
				if s.rand.IntN(8) == 0 {
					n.brain.net.broadcast(n.brain.status())
				}
				return err
			})
		}
	}
}

// run goes on for a time.
func (s *simulation) run(d time.Duration) {
	for end := s.now.Add(d); s.now.Before(end); s.now = s.now.Add(time.Duration(s.rand.IntN(2000)) * time.Microsecond) {
		for range 1 + s.rand.IntN(20) {
			s.deliver()
		}
		for _, n := range s.nodes { // a node looks at its work after every message
			n.next = s.now
		}
		s.think()
		if !s.rough {
			s.connect()
			continue
		}
		n := s.nodes[s.rand.IntN(len(s.nodes))]
		switch s.rand.IntN(40) {
		case 0:
			s.connect()
		case 1, 2:
			if !n.up {
				s.start(n)
			}
		case 3:
			if i := s.rand.IntN(len(s.nodes)); n.up && n.link[i] && s.rand.IntN(4) == 0 {
				n.link[i], n.queues[i] = false, nil
			}
		case 4, 5, 6:
			if n.up {
				s.client(n)
			}
		}
	}
}

func (s *simulation) heal() {
	s.rough = false
	for _, n := range s.nodes {
		if !n.up {
			s.start(n)
		}
	}
	s.connect()
}

// settled tells whether all nodes have the same chain and nothing waits.
func (s *simulation) settled() bool {
	for _, n := range s.nodes {
		if n.Head() != s.nodes[0].Head() || len(n.pool) > 0 {
			return false
		}
	}
	return true
}

// Whatever crashes and whatever is lost, all nodes have the same chain, no
// transaction is on it twice, and it goes on when a quorum is connected.
func TestNodesAgreeWhateverCrashes(t *testing.T) {
	t.Parallel()
	seeds := uint64(20)
	if text := os.Getenv("CLUSTER_SEEDS"); text != "" {
		var err error
		seeds, err = strconv.ParseUint(text, 10, 32)
		require.NoError(t, err)
	}
	var made int
	for _, nodes := range []int{2, 3, 4, 7} {
		for seed := range seeds {
			s := newSimulation(t, nodes, seed)
			for _, n := range s.nodes {
				s.start(n)
			}
			s.rough = true
			s.run(6 * time.Second)
			s.heal()
			tx := s.client(s.nodes[s.rand.IntN(nodes)])
			for end := s.now.Add(20 * time.Second); s.now.Before(end) && !s.settled(); {
				s.run(100 * time.Millisecond)
			}
			require.NotZero(t, s.place[tx], "%d nodes, seed %d: the chain stands", nodes, seed)
			for i, n := range s.nodes {
				require.Equal(t, s.nodes[0].Head(), n.Head(), "%d nodes, seed %d: node %d", nodes, seed, i)
			}
			made += len(s.chain)
		}
	}
	require.Greater(t, made, int(seeds)*40, "the chains grow while nodes crash")
	t.Logf("%d blocks", made)
}

var errLost = errors.New("lost")

// A leader that is gone holds up the others for far less than two seconds, one that
// hangs for not much more than the patience of a round.
func TestOthersGoOnWithoutTheLeader(t *testing.T) {
	t.Parallel()
	for _, hangs := range []bool{false, true} {
		for lost := range 4 {
			s := newSimulation(t, 4, uint64(lost))
			for _, n := range s.nodes {
				s.start(n)
			}
			s.connect()
			for s.nodes[0].brain.leader(0) != lost { // up to the block that it leads
				tx := s.client(s.nodes[0])
				for s.place[tx] == 0 || s.nodes[0].pool[tx] {
					s.run(time.Millisecond)
				}
				s.run(50 * time.Millisecond)
			}
			limit := 500 * time.Millisecond
			if hangs {
				limit = 1900 * time.Millisecond
				s.nodes[lost].next = s.now.Add(time.Hour)
				s.nodes[lost].brain.ledger = stuckLedger{s.nodes[lost]}
			} else {
				s.kill(s.nodes[lost])
			}
			for i, n := range s.nodes {
				if i == lost {
					continue
				}
				begin, tx := s.now, s.client(n)
				for s.place[tx] == 0 {
					s.run(time.Millisecond)
					require.Less(t, s.now.Sub(begin), limit, "hangs %t, without %d, sent to %d", hangs, lost, i)
				}
			}
		}
	}
}

// stuckLedger never comes to a proposal.
type stuckLedger struct{ *simNode }

func (stuckLedger) Due(time.Time) (time.Time, bool)       { return time.Time{}, false }
func (stuckLedger) Propose(int) (devchain.Proposal, bool) { return devchain.Proposal{}, false }
func (stuckLedger) Execute(context.Context, devchain.Proposal) (block, error) {
	return nil, fmt.Errorf("%w: %w", devchain.ErrProposal, errLost)
}
