package devchain

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/devchain/suite"
)

// agreeing starts two nodes of one chain; what a client sends to one is in sent.
func agreeing(t *testing.T, change ...func(*Config)) (a, b *testChain, sent chan []byte) {
	t.Helper()
	sent = make(chan []byte, 100)
	var nodes []*testChain
	for i := range byte(2) {
		cfg := testConfig(t)
		cfg.NodeKeys = []*suite.Key{nodeKeyOf(testKey(i))}
		cfg.Genesis.Sealers = []Sealer{{PublicKey: nodeKeyOf(testKey(0)).PublicKey()}, {PublicKey: nodeKeyOf(testKey(1)).PublicKey()}}
		cfg.Gossip = func(raw []byte) { sent <- raw }
		for _, f := range change {
			f(&cfg)
		}
		nodes = append(nodes, startTestChain(t, cfg))
	}
	return nodes[0], nodes[1], sent
}

// later sends a transaction in the background.
func (c *testChain) later(tx *Transaction) <-chan error {
	answer := make(chan error, 1)
	go func() {
		result, err := c.send(tx)
		if result.Dropped {
			err = errDropped
		}
		answer <- err
	}()
	return answer
}

var errDropped = errors.New("dropped")

// agree executes a proposal everywhere and puts it on all chains.
func agree(t *testing.T, p Proposal, nodes ...*testChain) {
	t.Helper()
	var signatures []Signature
	candidates := make([]*Candidate, len(nodes))
	for i, n := range nodes {
		var err error
		candidates[i], err = n.Execute(t.Context(), p)
		require.NoError(t, err)
		s, err := n.Sign(candidates[i].Hash())
		require.NoError(t, err)
		signatures = append(signatures, s)
	}
	for i, n := range nodes {
		require.Equal(t, candidates[0].Hash(), candidates[i].Hash())
		for _, s := range signatures {
			require.True(t, n.IsSignature(candidates[i].Hash(), s))
			require.False(t, n.IsSignature(common.Hash{1}, s))
		}
		require.NoError(t, n.Commit(candidates[i], signatures))
	}
}

func propose(t *testing.T, n *testChain) Proposal {
	t.Helper()
	p, ok := n.Propose(0)
	require.True(t, ok)
	return p
}

func TestNodesComeToTheSameBlock(t *testing.T) {
	t.Parallel()
	a, b, sent := agreeing(t)
	answer := a.later(a.tx("", initCode(storeCode)))
	require.NoError(t, b.Receive(<-sent))
	require.Equal(t, 1, b.PendingCount())
	_, err := b.SendTransaction(t.Context(), b.Waiting(1)[0])
	require.Equal(t, int(StatusAlreadyInTxPool), codeOf(t, err), "it is known from the other node")

	p := propose(t, b)
	require.Len(t, p.Transactions, 1)
	agree(t, p, a, b)
	require.NoError(t, <-answer)
	require.Equal(t, a.Head(), b.Head())
	require.Zero(t, a.PendingCount()+b.PendingCount())
	_, err = b.SendTransaction(t.Context(), p.Transactions[0])
	require.Equal(t, int(StatusNonceCheckFail), codeOf(t, err))
	block, err := a.BlockByNumber(1)
	require.NoError(t, err)
	require.Len(t, block.Signatures, 2)
	again, _, err := b.ProposalOf(1)
	require.NoError(t, err)
	require.Equal(t, p, again)
	_, _, err = b.ProposalOf(2)
	require.ErrorIs(t, err, ErrNotFound)
	_, ok := a.Propose(0)
	require.False(t, ok, "nothing waits")
}

// A node needs nothing but the proposal.
func TestANodeThatKnowsNoTransactionComesToTheBlock(t *testing.T) {
	t.Parallel()
	a, b, _ := agreeing(t)
	answer := a.later(a.tx(hello, word(1)))
	require.Eventually(t, func() bool { return a.PendingCount() == 1 }, 10*time.Second, time.Millisecond)
	agree(t, propose(t, a), a, b)
	require.NoError(t, <-answer)
	require.Equal(t, a.Head(), b.Head())
}

func TestOfTwoTransactionsWithOneNonceOneLands(t *testing.T) {
	t.Parallel()
	a, b, sent := agreeing(t)
	one := a.tx(hello, word(1))
	two := signed(b.key, Transaction{To: hello, Input: word(2), Nonce: one.Nonce, BlockLimit: one.BlockLimit})
	first, second := a.later(one), b.later(two)
	<-sent
	<-sent
	agree(t, propose(t, a), a, b)
	require.NoError(t, <-first)
	require.Equal(t, int(StatusNonceCheckFail), codeOf(t, <-second))
	require.Zero(t, b.PendingCount())
}

// Ethereum transactions reach the other nodes in their native form.
func TestEthereumTransactionsOfSeveralNodes(t *testing.T) {
	t.Parallel()
	a, b, sent := agreeing(t)
	a.fund(addressOf(a.key), 1000)
	b.fund(addressOf(a.key), 1000)
	first, err := a.SubmitEthereum(a.simple(0))
	require.NoError(t, err)
	require.NoError(t, b.Receive(<-sent))
	second, err := a.SubmitEthereum(a.simple(1)) // b does not hear of it
	require.NoError(t, err)
	<-sent
	agree(t, propose(t, a), a, b)
	for _, s := range []*Submission{first, second} {
		result, err := s.Wait(t.Context())
		require.NoError(t, err)
		require.Equal(t, StatusNone, result.Receipt.Status)
		_, err = b.Receipt(s.Hash)
		require.NoError(t, err)
	}
	require.Zero(t, b.PendingCount())
	next, err := b.PendingNonce(addressOf(a.key))
	require.NoError(t, err)
	require.EqualValues(t, 2, next)
	old, _, err := a.ProposalOf(1)
	require.NoError(t, err)
	head := b.Head()
	_, err = b.Execute(t.Context(), Proposal{Number: 2, Parent: head.Hash, Timestamp: head.Timestamp + 1, Transactions: old.Transactions[:1]})
	require.ErrorIs(t, err, ErrProposal, "its nonce is used up")
}

func TestProposalsThatCannotBeTheNextBlock(t *testing.T) {
	t.Parallel()
	a, _, _ := agreeing(t)
	good := Proposal{Number: 1, Parent: a.GenesisHash(), Timestamp: 1, Transactions: [][]byte{encodeTx(a.tx(hello, word(1)))}}
	for name, change := range map[string]func(*Proposal){
		"number":       func(p *Proposal) { p.Number = 2 },
		"parent":       func(p *Proposal) { p.Parent = common.Hash{1} },
		"time":         func(p *Proposal) { p.Timestamp = 0 },
		"sealer":       func(p *Proposal) { p.Sealer = 2 },
		"below sealer": func(p *Proposal) { p.Sealer = -1 },
		"empty":        func(p *Proposal) { p.Transactions = nil },
		"too many":     func(p *Proposal) { p.Transactions = make([][]byte, 1001) },
		"rubbish":      func(p *Proposal) { p.Transactions = [][]byte{{1, 2, 3}} },
		"twice":        func(p *Proposal) { p.Transactions = append(p.Transactions, p.Transactions[0]) },
		"block limit": func(p *Proposal) {
			p.Transactions = [][]byte{encodeTx(signed(a.key, Transaction{To: hello, Nonce: "n", BlockLimit: 5000}))}
		},
		"group": func(p *Proposal) {
			p.Transactions = [][]byte{encodeTx(signed(a.key, Transaction{GroupID: "group1", To: hello, Nonce: "n", BlockLimit: 5}))}
		},
		"signature": func(p *Proposal) {
			tx := a.tx(hello, word(1))
			tx.Signature = make([]byte, 65)
			p.Transactions = [][]byte{encodeTx(tx)}
		},
	} {
		p := good
		change(&p)
		_, err := a.Execute(t.Context(), p)
		require.ErrorIs(t, err, ErrProposal, name)
	}
	candidate, err := a.Execute(t.Context(), good)
	require.NoError(t, err)
	require.NoError(t, a.Commit(candidate, nil))
	again := good
	again.Number, again.Parent, again.Timestamp = 2, candidate.Hash(), 2
	_, err = a.Execute(t.Context(), again)
	require.ErrorIs(t, err, ErrProposal, "its nonce is used up")

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	again.Transactions = [][]byte{encodeTx(a.tx(hello, word(3)))}
	_, err = a.Execute(ended, again)
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, ErrProposal)
}

// What other nodes may have agreed on does not expire; the rest does.
func TestTransactionsOfAProposalDoNotExpire(t *testing.T) {
	t.Parallel()
	a, _, sent := agreeing(t, func(cfg *Config) { cfg.TxExpiration = 20 * time.Millisecond })
	held := a.later(a.tx(hello, word(1)))
	<-sent
	p := propose(t, a)
	candidate, err := a.Execute(t.Context(), p)
	require.NoError(t, err)
	other := a.later(a.tx(hello, word(2)))
	<-sent
	require.Eventually(t, func() bool { a.Expire(); return a.PendingCount() == 1 }, 10*time.Second, time.Millisecond)
	require.ErrorIs(t, <-other, errDropped)
	require.Equal(t, p.Transactions, a.Waiting(10))
	require.NoError(t, a.Commit(candidate, nil))
	require.NoError(t, <-held)
}

func TestAProposalIsOneMessage(t *testing.T) {
	t.Parallel()
	a, _, _ := agreeing(t)
	for range 3 {
		require.NoError(t, a.Receive(encodeTx(a.tx(hello, make([]byte, maxProposalBytes/2)))))
	}
	require.Len(t, propose(t, a).Transactions, 1, "two are more than it may have")
	require.NoError(t, a.Receive(encodeTx(a.tx(hello, nil))))
}

func TestVotesAreKept(t *testing.T) {
	t.Parallel()
	a, _, _ := agreeing(t)
	vote, err := a.Vote()
	require.NoError(t, err)
	require.Nil(t, vote)
	require.NoError(t, a.SaveVote([]byte("one")))
	require.NoError(t, a.SaveVote([]byte("two")))
	require.NoError(t, a.Close())
	again, err := Open(a.cfg)
	require.NoError(t, err)
	defer again.Close()
	vote, err = again.Vote()
	require.NoError(t, err)
	require.Equal(t, "two", string(vote))
}

func TestOrdersAreRefusedInAgreement(t *testing.T) {
	t.Parallel()
	a, _, sent := agreeing(t)
	_, err := a.Mine(t.Context())
	require.ErrorIs(t, err, ErrAgreed)
	_, err = a.TakeSnapshot(t.Context(), "")
	require.ErrorIs(t, err, ErrAgreed)
	a.later(a.tx(hello, nil))
	<-sent
	require.NoError(t, a.SetSealing(t.Context(), false))
	_, due := a.Due(time.Time{})
	require.False(t, due, "it takes no part")
	require.NoError(t, a.SetSealing(t.Context(), true))
	_, due = a.Due(time.Time{})
	require.True(t, due)
}

func TestOneKeyAndNoRequestsForBlocksInAgreement(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	cfg.Gossip, cfg.Manual = func([]byte) {}, true
	cfg.NodeKeys = append(cfg.NodeKeys, nodeKeyOf(testKey(1)))
	err := cfg.Validate()
	require.ErrorContains(t, err, "one consensus key")
	require.ErrorContains(t, err, "blocks on request")
}
