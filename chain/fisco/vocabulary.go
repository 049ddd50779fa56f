package fisco

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/fisco/result"
	"github.com/bcosgate/bcosgate/chain/fisco/tx"
)

// abilities are those of package chain that a connection of either kind has.
type abilities interface {
	chain.HeadReader
	chain.Caller
	chain.Sender
	chain.ReceiptReader
	chain.BlockReader
	chain.CodeReader
	chain.Identifier
}

var _, _ abilities = (*Client)(nil), (*HTTPClient)(nil)

// The methods of this file speak package chain's vocabulary: what all families
// of chains have in common, with every answer checked against the question.

// genesisCache is the hash of block 0, asked for once.
type genesisCache struct {
	mu   sync.Mutex
	hash common.Hash // zero until asked for
}

// Identity is the chain and group of the configuration, which are the node's,
// and the hash by which the chain links to block 0, which the node is asked for
// once. On chains with executor version 1 it is not the hash that block 0 shows
// of itself, which covers the genesis text: the node makes a second, hidden block
// 0 for it, which no client can recompute (package proof verifies the text).
func (m *Methods) Identity(ctx context.Context) (chain.Identity, error) {
	m.genesis.mu.Lock()
	genesis := m.genesis.hash
	m.genesis.mu.Unlock()
	if genesis == (common.Hash{}) {
		var err error
		if genesis, err = m.GetBlockHashByNumber(ctx, 0); err != nil {
			return chain.Identity{}, err
		}
		m.genesis.mu.Lock()
		m.genesis.hash = genesis
		m.genesis.mu.Unlock()
	}
	return chain.Identity{ChainID: m.chainID, Group: m.group, Genesis: genesis}, nil
}

// Call reads on the node's newest state. A From other than the zero address needs a
// Signature, without which it is KindUnsupported. The node takes no block, so that
// a Block is compared with the one that it read at.
func (m *Methods) Call(ctx context.Context, msg chain.CallMsg) (chain.CallResult, error) {
	var answer result.Call
	var err error
	switch {
	case msg.From == nil || *msg.From == (common.Address{}):
		answer, err = m.CallContract(ctx, msg.To, msg.Input)
	case len(msg.Signature) == 0:
		err = m.at(&chain.Error{Kind: chain.KindUnsupported, Sent: chain.SentNo, Op: opCall, Msg: "a call from an account must be signed by its key"})
	default:
		answer, err = m.callSigned(ctx, msg.To, msg.Input, msg.Signature)
	}
	if err != nil {
		return chain.CallResult{}, err
	}
	number, err := m.height(opCall, answer.BlockNumber)
	if err != nil {
		return chain.CallResult{}, err
	}
	if msg.Block != nil && number != *msg.Block {
		return chain.CallResult{}, m.at(otherBlock(number, *msg.Block))
	}
	return chain.CallResult{BlockNumber: number, Status: answer.Status, StatusName: StatusName(answer.Status), Output: answer.Output}, nil
}

// otherBlock says why a block was not read at.
func otherBlock(got, want uint64) *chain.Error {
	if got < want {
		return &chain.Error{Kind: chain.KindNotFound, Sent: chain.SentNo, Op: opCall, Msg: fmt.Sprintf("block %d is not there yet, the node is at block %d", want, got)}
	}
	return &chain.Error{Kind: chain.KindUnsupported, Sent: chain.SentNo, Op: opCall,
		Msg: fmt.Sprintf("the node reads at its newest block only, which is %d: block %d cannot be read any more", got, want)}
}

// Code is the code of an account, empty when it has none.
func (m *Methods) Code(ctx context.Context, address common.Address) ([]byte, error) {
	return m.GetCode(ctx, address)
}

// BlockNumber asks the node for its newest block.
func (m *Methods) BlockNumber(ctx context.Context) (uint64, error) { return m.GetBlockNumber(ctx) }

// Receipt finds the receipt of a transaction; KindNotFound when the node has none (yet).
func (m *Methods) Receipt(ctx context.Context, hash common.Hash) (chain.Receipt, error) {
	answer, err := m.GetTransactionReceipt(ctx, hash, false)
	if err != nil {
		return chain.Receipt{}, err
	}
	receipt, err := receiptOf(&answer)
	if err != nil {
		return chain.Receipt{}, m.at(brokenAnswer(opReceipt, "the receipt cannot be read", err))
	}
	if receipt.TxHash != hash {
		return chain.Receipt{}, m.at(brokenAnswer(opReceipt, fmt.Sprintf("the receipt is of transaction %s, asked for was %s", receipt.TxHash, hash), nil))
	}
	if receipt.BlockNumber == 0 || receipt.Succeeded && !answer.HasHash() { // as judgeSend has it
		return chain.Receipt{}, m.at(brokenAnswer(opReceipt, "the receipt is empty: it names no block, or has no hash of its own", nil))
	}
	m.carrier.noteHead(receipt.BlockNumber)
	return receipt, nil
}

// Transaction finds a transaction and rebuilds it. Its hash is computed from the
// fields and must be the one asked for; KindNotFound when the node has none (yet).
func (m *Methods) Transaction(ctx context.Context, hash common.Hash) (tx.Transaction, error) {
	answer, err := m.GetTransaction(ctx, hash, false)
	if err != nil {
		return tx.Transaction{}, err
	}
	out, err := answer.Rebuild(m.suite)
	if err == nil && out.Hash != hash {
		err = fmt.Errorf("asked for was %s", hash)
	}
	if err != nil {
		return tx.Transaction{}, m.at(brokenAnswer(opTransaction, "the transaction cannot be read", err))
	}
	return out, nil
}

// Block reads a block; KindNotFound when it is not there (yet).
func (m *Methods) Block(ctx context.Context, number uint64) (chain.Block, error) {
	answer, err := m.GetBlockByNumber(ctx, number, BlockHashes)
	if err != nil {
		return chain.Block{}, err
	}
	block, err := blockOf(&answer)
	if err == nil && block.Number != number {
		err = fmt.Errorf("it is block %d, asked for was %d", block.Number, number)
	}
	if err != nil {
		return chain.Block{}, m.at(brokenAnswer(opBlock, "the block cannot be read", err))
	}
	if number == 0 { // block 1 may link to another hash than block 0 shows: see Identity
		id, err := m.Identity(ctx)
		if err != nil {
			return chain.Block{}, err
		}
		block.Hash = id.Genesis
	}
	return block, nil
}

// receiptOf turns a receipt into the vocabulary of all chains.
func receiptOf(r *result.Receipt) (chain.Receipt, error) {
	if r.BlockNumber < 0 {
		return chain.Receipt{}, fmt.Errorf("block number %d", r.BlockNumber)
	}
	out := chain.Receipt{
		TxHash:      r.TransactionHash,
		BlockNumber: uint64(r.BlockNumber),
		Succeeded:   r.Status == 0,
		Status:      r.Status,
		StatusName:  StatusName(r.Status),
		Output:      r.Output,
		Message:     r.Message,
	}
	var err error
	if r.From != "" { // missing when the node's second look-up failed (protocol §6.1)
		if out.From, err = parseAddress(r.From); err != nil {
			return chain.Receipt{}, fmt.Errorf("from: %w", err)
		}
	}
	if r.To != "" { // as the sender wrote it, of any length
		to := common.HexToAddress(r.To)
		out.To = &to
	}
	if r.GasUsed != "" {
		if out.GasUsed, err = strconv.ParseUint(r.GasUsed, 10, 64); err != nil {
			return chain.Receipt{}, fmt.Errorf("gasUsed: %w", err)
		}
	}
	if !out.Succeeded {
		return out, nil // logs of a failed transaction do not count (§5.4), it made no contract
	}
	if r.ContractAddress != "" && r.To == "" {
		contract, err := parseAddress(r.ContractAddress)
		if err != nil {
			return chain.Receipt{}, fmt.Errorf("contractAddress: %w", err)
		}
		out.Contract = &contract
	}
	if len(r.LogEntries) > 0 {
		out.Logs = make([]chain.Log, len(r.LogEntries))
	}
	for i := range r.LogEntries {
		l := &r.LogEntries[i]
		out.Logs[i] = chain.Log{Data: l.Data, Index: i, Topics: l.Topics}
		if out.Logs[i].Address, err = parseAddress(l.Address); err != nil {
			return chain.Receipt{}, fmt.Errorf("address of log %d: %w", i, err)
		}
	}
	return out, nil
}

// blockOf turns a block into the vocabulary of all chains.
func blockOf(b *result.Block) (chain.Block, error) {
	if b.Number < 0 {
		return chain.Block{}, fmt.Errorf("number %d", b.Number)
	}
	out := chain.Block{
		Number: uint64(b.Number), Hash: b.Hash, StateRoot: b.StateRoot,
		Time: time.UnixMilli(b.Timestamp).UTC(), TxHashes: make([]common.Hash, len(b.Transactions)),
	}
	if len(b.ParentInfo) > 0 {
		out.Parent = b.ParentInfo[0].BlockHash
	} else if b.Number > 0 {
		return chain.Block{}, errors.New("no parent")
	}
	for i, t := range b.Transactions {
		out.TxHashes[i] = t.Hash
	}
	return out, nil
}

var errHexLength = errors.New("wrong length")

// parseAddress reads 40 hex digits with or without 0x.
func parseAddress(s string) (common.Address, error) {
	var a common.Address
	s = strings.TrimPrefix(s, "0x")
	if len(s) != 2*len(a) {
		return a, fmt.Errorf("%w: %d hex digits instead of %d", errHexLength, len(s), 2*len(a))
	}
	_, err := hex.Decode(a[:], []byte(s))
	return a, err
}
