package devchain

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/devchain/flatstate"
)

// This is what several nodes need that agree on the blocks of one chain: blocks
// are proposed, executed by every node, and put on the chain when enough of them
// have signed. Which proposal it is, is decided elsewhere (package cluster).
// Propose, Execute and Commit belong to one goroutine, which makes the blocks in
// place of the chain.

// ErrProposal is the answer to a proposal that cannot be the next block: no node
// of the chain can make a block of it.
var ErrProposal = errors.New("devchain: the proposal cannot be the next block")

// Proposal is all that a block follows from: every node that executes it on the
// block before comes to the same block.
type Proposal struct {
	Number       uint64
	Parent       common.Hash
	Timestamp    int64 // milliseconds since 1970
	Sealer       int   // index of the proposer in Sealers
	Transactions [][]byte
}

// agreed tells whether blocks are agreed on with other nodes.
func (c *Chain) agreed() bool { return c.cfg.Gossip != nil }

// spread sends a transaction that a client sent here to the other nodes.
func (c *Chain) spread(entry *pending) {
	if c.agreed() {
		c.cfg.Gossip(entry.tx.raw)
	}
}

// Receive takes in a transaction that another node took from a client. Nobody
// waits for it here. The error is as that of SendTransaction.
func (c *Chain) Receive(raw []byte) error {
	tx, refused := readSpread(c.cfg.Genesis.Suite, raw, c.cfg.Genesis.ChainID, c.cfg.Clock().UnixMilli())
	if refused != nil {
		return refused
	}
	_, err := c.admit(tx)
	return err
}

// Waiting are the transactions that are in no block yet, the oldest first, at
// most n.
func (c *Chain) Waiting(n int) [][]byte { return rawsOf(c.pool.peek(n)) }

// Expire throws out the transactions that have waited too long, except those of
// the executed proposal: other nodes may have agreed on it.
func (c *Chain) Expire() { c.pool.expire(time.Now().Add(-c.cfg.TxExpiration)) }

// Arrivals tells, some time after it happened, that transactions have arrived.
func (c *Chain) Arrivals() <-chan struct{} { return c.pool.wake }

// Due is when the next block is due, the block before having been begun at last;
// false while nothing waits for one.
func (c *Chain) Due(last time.Time) (time.Time, bool) { return c.nextBlockAt(last) }

// Propose makes a proposal of what waits, as the proposer with that index among
// the Sealers; false when nothing waits. The transactions go on waiting.
func (c *Chain) Propose(sealer int) (Proposal, bool) {
	c.Expire()
	batch := rawsOf(c.pool.peek(c.blockSize()))
	if len(batch) == 0 {
		return Proposal{}, false
	}
	head := c.Head()
	p := Proposal{Number: head.Number + 1, Parent: head.Hash, Timestamp: c.timestamp(head, c.cfg.Clock()), Sealer: sealer}
	size := 0
	for i, raw := range batch {
		if size += len(raw); i > 0 && size > maxProposalBytes {
			break
		}
		p.Transactions = append(p.Transactions, raw)
	}
	return p, true
}

// maxProposalBytes is where a proposal of more than one transaction ends, so that
// it is one message to the other nodes.
const maxProposalBytes = 8 << 20

func rawsOf(batch []*pending) [][]byte {
	raws := make([][]byte, len(batch))
	for i, entry := range batch {
		raws[i] = entry.tx.raw
	}
	return raws
}

// Execute makes a candidate of a proposal, on the newest block. The error is
// ErrProposal, or that of ctx; any other ends the chain.
func (c *Chain) Execute(ctx context.Context, p Proposal) (*Candidate, error) {
	head, err := c.newest()
	if err != nil {
		return nil, err
	}
	switch {
	case p.Number != head.Number+1, p.Parent != head.Hash:
		return nil, fmt.Errorf("%w: block %d after %s, the newest is %d, %s", ErrProposal, p.Number, p.Parent, head.Number, head.Hash)
	case p.Timestamp <= head.Timestamp, p.Sealer < 0, p.Sealer >= len(c.sealers):
		return nil, fmt.Errorf("%w: time %d, sealer %d", ErrProposal, p.Timestamp, p.Sealer)
	case len(p.Transactions) == 0, len(p.Transactions) > c.blockSize():
		return nil, fmt.Errorf("%w: it has %d transactions", ErrProposal, len(p.Transactions))
	}
	batch, err := c.batchOf(p)
	if err != nil {
		return nil, err
	}
	c.pool.hold(batch)
	candidate, err := c.execute(ctx, c.blockAfter(head, p.Timestamp, p.Sealer), batch)
	if err != nil && ctx.Err() == nil {
		c.fail(nil, err)
	}
	return candidate, err
}

// batchOf makes the checks of SendTransaction on all transactions of a proposal.
// Those that the pool knows have passed most of them.
func (c *Chain) batchOf(p Proposal) ([]*pending, error) {
	batch := make([]*pending, len(p.Transactions))
	used := map[nonceDigest]bool{}
	for i, raw := range p.Transactions {
		entry, err := c.entryOf(raw, p.Timestamp)
		if err == nil && used[entry.digest] {
			err = refusal(StatusNonceCheckFail)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: its transaction %d: %w", ErrProposal, i, err)
		}
		batch[i], used[entry.digest] = entry, true
	}
	return batch, nil
}

func (c *Chain) entryOf(raw []byte, importTime int64) (*pending, error) {
	tx, refused := readSpread(c.cfg.Genesis.Suite, raw, c.cfg.Genesis.ChainID, importTime)
	if refused != nil {
		return nil, refused
	}
	if tx.Ethereum != nil {
		return c.typedEntryOf(tx)
	}
	if tx.GroupID != c.cfg.Genesis.GroupID {
		return nil, refusal(StatusInvalidGroupID)
	}
	digest := digestNonce(tx.Nonce)
	known, refused := c.pool.candidate(tx, digest)
	if refused != nil {
		return nil, refused
	}
	if known != nil {
		return known, nil
	}
	var err error
	if tx.Sender, err = c.cfg.Genesis.Suite.Sender(tx.Hash, tx.Signature); err != nil {
		return nil, refusal(StatusInvalidSignature)
	}
	return &pending{tx: tx, digest: digest}, nil
}

func (c *Chain) typedEntryOf(tx *Transaction) (*pending, error) {
	if refused := checkTyped(tx); refused != nil {
		return nil, refused
	}
	digest := digestAccountNonce(tx.Sender, tx.Ethereum.Nonce)
	known, refused := c.pool.candidate(tx, digest)
	if refused == nil && c.nonceUsed(tx) {
		refused = refusal(StatusNonceCheckFail)
	}
	if refused != nil {
		return nil, refused
	}
	if known != nil {
		return known, nil
	}
	return &pending{tx: tx, digest: digest}, nil
}

// Commit puts a candidate on the chain with the signatures of its sealers, which
// the caller has checked and sorted, shows it to readers and answers those who
// wait for its transactions. An error ends the chain.
func (c *Chain) Commit(x *Candidate, signatures []Signature) error {
	x.block.Signatures = signatures
	if err := c.append(x); err != nil {
		c.fail(nil, err)
		return err
	}
	answer := c.pool.settled(x)
	c.subs.publish(x.head()) // before the answers: who has one may rely on it
	answer()
	return nil
}

// LeaderPeriod is how many blocks in a row one sealer proposes, as of the next block.
func (c *Chain) LeaderPeriod() uint64 { return c.settings().LeaderPeriod }

// ProposalOf gives a block back as the proposal that it was; ErrNotFound when
// there is no such block (yet).
func (c *Chain) ProposalOf(number uint64) (Proposal, *Block, error) {
	block, err := c.BlockByNumber(number)
	if err != nil {
		return Proposal{}, nil, err
	}
	txs, err := c.Transactions(number)
	if err != nil {
		return Proposal{}, nil, err
	}
	p := Proposal{Number: number, Parent: block.Parent, Timestamp: block.Timestamp, Sealer: block.Sealer}
	for _, tx := range txs {
		p.Transactions = append(p.Transactions, tx.raw)
	}
	return p, block, nil
}

// Sign signs a hash with the key of this node.
func (c *Chain) Sign(hash common.Hash) (Signature, error) {
	signature, err := c.keys[0].key.SignBlock(hash)
	return Signature{SealerIndex: c.keys[0].index, Signature: signature}, err
}

// IsSignature tells whether the sealer that a signature names has made it for hash.
func (c *Chain) IsSignature(hash common.Hash, s Signature) bool {
	return s.SealerIndex >= 0 && s.SealerIndex < len(c.sealers) &&
		c.cfg.Genesis.Suite.HasSigned(c.sealers[s.SealerIndex].PublicKey, hash, s.Signature)
}

// SaveVote keeps on disk what this node has promised to others, in place of what
// it kept before. When it returns it survives a crash. An error ends the chain.
func (c *Chain) SaveVote(vote []byte) error {
	err := c.ledger.write([]flatstate.Change{{Key: []byte{keyVote}, Value: vote}})
	if err != nil {
		c.fail(nil, err)
	}
	return err
}

// Vote is what SaveVote kept; nil when there is nothing.
func (c *Chain) Vote() ([]byte, error) { return c.ledger.Get([]byte{keyVote}) }
