package fisco

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/jsonrpc"
)

// Client is one connection to one node, for one group. All methods are safe for
// concurrent use and share the connection: answers come in any order. When the
// connection breaks, Done is closed, every wait ends with KindUnavailable, and
// the client stays broken: dial another. Close must be called in any case.
type Client struct {
	cfg      DialConfig
	log      *slog.Logger
	session  *session
	group    GroupInfo // as the handshake told
	protocol int

	headMu sync.Mutex
	head   chain.Head

	genesisMu sync.Mutex
	genesis   common.Hash // zero until asked for

	watchers sync.WaitGroup
}

var _ interface {
	chain.HeadReader
	chain.Caller
	chain.Sender
	chain.ReceiptReader
	chain.BlockReader
	chain.CodeReader
	chain.Identifier
} = (*Client)(nil)

// Node is the address that was dialled, host:port.
func (c *Client) Node() string { return c.cfg.Address }

// Group is what the node said of the group in the handshake.
func (c *Client) Group() GroupInfo { return c.group }

// Protocol is the version that the handshake agreed on, 0 to 2.
func (c *Client) Protocol() int { return c.protocol }

// Done is closed when the connection has ended, by Close or by itself.
func (c *Client) Done() <-chan struct{} { return c.session.closed }

// Err says why the connection ended; nil while it is up.
func (c *Client) Err() error {
	select {
	case <-c.session.closed:
		return c.session.cause
	default:
		return nil
	}
}

// Close ends the connection and waits for its goroutines. Waits that are in
// progress end with KindUnavailable. It may be called more than once; the error
// is always nil.
func (c *Client) Close() error {
	c.session.close()
	c.watchers.Wait()
	return nil
}

// Identity is the chain and group of the configuration, which are the node's,
// and the hash of block 0, which the node is asked for once. The hash that the
// block itself shows is not used: a real node shows a wrong one for block 0
// (protocol §6.5).
func (c *Client) Identity(ctx context.Context) (chain.Identity, error) {
	c.genesisMu.Lock()
	genesis := c.genesis
	c.genesisMu.Unlock()
	if genesis == (common.Hash{}) {
		var err error
		if genesis, err = c.BlockHash(ctx, 0); err != nil {
			return chain.Identity{}, err
		}
		c.genesisMu.Lock()
		c.genesis = genesis
		c.genesisMu.Unlock()
	}
	return chain.Identity{ChainID: c.cfg.ChainID, Group: c.cfg.Group, Genesis: genesis}, nil
}

// BlockNumber asks the node for its newest block.
func (c *Client) BlockNumber(ctx context.Context) (uint64, error) {
	n, err := read[int64](ctx, c, "getBlockNumber", c.cfg.Group, "")
	if err != nil {
		return 0, err
	}
	if n < 0 {
		return 0, c.at(brokenAnswer("getBlockNumber", fmt.Sprintf("block number %d", n), nil))
	}
	c.noteHead(uint64(n))
	return uint64(n), nil
}

// Call reads on the node's newest state, without a sender: a From other than the
// zero address would have to be signed and is KindUnsupported.
func (c *Client) Call(ctx context.Context, msg chain.CallMsg) (chain.CallResult, error) {
	const op = "call"
	if msg.From != nil && *msg.From != (common.Address{}) {
		return chain.CallResult{}, c.at(&chain.Error{Kind: chain.KindUnsupported, Sent: chain.SentNo, Op: op, Msg: "a call from an account must be signed, which is not supported"})
	}
	result, err := read[callJSON](ctx, c, op, c.cfg.Group, "", hex.EncodeToString(msg.To[:]), jsonrpc.Hex(msg.Input))
	if err != nil {
		return chain.CallResult{}, err
	}
	if result.BlockNumber < 0 {
		return chain.CallResult{}, c.at(brokenAnswer(op, fmt.Sprintf("block number %d", result.BlockNumber), nil))
	}
	return chain.CallResult{
		BlockNumber: uint64(result.BlockNumber),
		Status:      result.Status,
		StatusName:  StatusName(result.Status),
		Output:      result.Output,
	}, nil
}

// Code is the code of an account, empty when it has none.
func (c *Client) Code(ctx context.Context, addr common.Address) ([]byte, error) {
	code, err := read[jsonrpc.Hex](ctx, c, "getCode", c.cfg.Group, "", hex.EncodeToString(addr[:]))
	return code, err
}

// Receipt finds the receipt of a transaction; KindNotFound when the node has none (yet).
func (c *Client) Receipt(ctx context.Context, tx common.Hash) (chain.Receipt, error) {
	const op = "getTransactionReceipt"
	result, err := read[receiptJSON](ctx, c, op, c.cfg.Group, "", tx.Hex(), false)
	if err != nil {
		return chain.Receipt{}, err
	}
	receipt, err := result.receipt()
	if err != nil {
		return chain.Receipt{}, c.at(brokenAnswer(op, "the receipt cannot be read", err))
	}
	if receipt.TxHash != tx {
		return chain.Receipt{}, c.at(brokenAnswer(op, fmt.Sprintf("the receipt is of transaction %s, asked for was %s", receipt.TxHash, tx), nil))
	}
	if receipt.BlockNumber == 0 || receipt.Succeeded && !result.hasHash() { // as judgeSend has it
		return chain.Receipt{}, c.at(brokenAnswer(op, "the receipt is empty: it names no block, or has no hash of its own", nil))
	}
	c.noteHead(receipt.BlockNumber)
	return receipt, nil
}

// Transaction finds a transaction and rebuilds it. Its hash is computed from the
// fields and must be the one asked for; KindNotFound when the node has none (yet).
func (c *Client) Transaction(ctx context.Context, tx common.Hash) (Transaction, error) {
	const op = "getTransaction"
	result, err := read[transactionJSON](ctx, c, op, c.cfg.Group, "", tx.Hex(), false)
	if err != nil {
		return Transaction{}, err
	}
	out, err := result.transaction()
	if err == nil && out.Hash != tx {
		err = fmt.Errorf("asked for was %s", tx)
	}
	if err != nil {
		return Transaction{}, c.at(brokenAnswer(op, "the transaction cannot be read", err))
	}
	return out, nil
}

// Block reads a block; KindNotFound when it is not there (yet).
func (c *Client) Block(ctx context.Context, number uint64) (chain.Block, error) {
	if number > math.MaxInt64 {
		return chain.Block{}, c.at(&chain.Error{Kind: chain.KindInvalid, Sent: chain.SentNo, Op: opBlock, Msg: "a block number is below 2^63"})
	}
	result, err := read[blockJSON](ctx, c, opBlock, c.cfg.Group, "", number, false, true)
	if err != nil {
		return chain.Block{}, err
	}
	block, err := result.block()
	if err == nil && block.Number != number {
		err = fmt.Errorf("it is block %d, asked for was %d", block.Number, number)
	}
	if err != nil {
		return chain.Block{}, c.at(brokenAnswer(opBlock, "the block cannot be read", err))
	}
	if number == 0 { // the hash that block 0 shows of itself is wrong (protocol §6.5)
		id, err := c.Identity(ctx)
		if err != nil {
			return chain.Block{}, err
		}
		block.Hash = id.Genesis
	}
	return block, nil
}

// BlockHash is the hash of a block; KindNotFound when it is not there (yet).
func (c *Client) BlockHash(ctx context.Context, number uint64) (common.Hash, error) {
	const op = "getBlockHashByNumber"
	text, err := read[string](ctx, c, op, c.cfg.Group, "", number)
	if err != nil {
		return common.Hash{}, err
	}
	hash, err := parseHash(text)
	if err != nil {
		return common.Hash{}, c.at(brokenAnswer(op, "the hash cannot be read", err))
	}
	if hash == (common.Hash{}) { // what a node says for a block that it does not have
		return common.Hash{}, c.at(&chain.Error{Kind: chain.KindNotFound, Sent: chain.SentNo, Op: op, Msg: fmt.Sprintf("no block %d", number)})
	}
	return hash, nil
}

// GroupInfo asks the node for the group's description anew.
func (c *Client) GroupInfo(ctx context.Context) (GroupInfo, error) {
	return read[GroupInfo](ctx, c, "getGroupInfo", c.cfg.Group)
}

// Send sends a signed transaction and waits until it is in a block, as long as
// ctx allows: a node has no time limit of its own (protocol §5.1). What must not
// reach a node, or was made for another chain, is refused before (KindInvalid,
// KindWrongChain; sent no). An error's Sent is no only when no byte left this
// process or no node can accept them; see judgeSend for the answers. A receipt
// with another status than success is a result, not an error.
func (c *Client) Send(ctx context.Context, tx chain.SignedTx) (chain.Receipt, error) {
	if err := c.check(tx); err != nil {
		return chain.Receipt{}, c.at(err)
	}
	answer, err := c.request(ctx, opSend, c.cfg.Group, "", jsonrpc.Hex(tx.Raw), false)
	if err != nil {
		return chain.Receipt{}, err
	}
	receipt, err := judgeSend(tx.Hash, answer)
	if err != nil {
		return chain.Receipt{}, c.at(err)
	}
	c.noteHead(receipt.BlockNumber)
	return receipt, nil
}

// check refuses what the node must not get, or what is not what it says.
func (c *Client) check(tx chain.SignedTx) error {
	refuse := func(kind chain.Kind, msg string) error {
		return &chain.Error{Kind: kind, Sent: chain.SentNo, Op: opSend, Msg: msg}
	}
	t, err := DecodeTransaction(tx.Raw)
	switch {
	case err != nil:
		return err
	case t.Hash != tx.Hash:
		return refuse(chain.KindInvalid, fmt.Sprintf("the transaction hashes to %s, not to %s", t.Hash, tx.Hash))
	case t.Data.ChainID != c.cfg.ChainID || t.Data.GroupID != c.cfg.Group:
		return refuse(chain.KindWrongChain, fmt.Sprintf("the transaction is for group %s of chain %s, the node serves group %s of chain %s",
			t.Data.GroupID, t.Data.ChainID, c.cfg.Group, c.cfg.ChainID))
	}
	return nil
}

// read makes a request that writes nothing and decodes its answer.
func read[T any](ctx context.Context, c *Client, op string, params ...any) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.ReadTimeout)
	defer cancel()
	var none T
	answer, err := c.request(ctx, op, params...)
	if err != nil {
		return none, err
	}
	result, err := jsonrpc.DecodeResponse[T](answer)
	if err != nil {
		return none, c.at(answerError(op, err))
	}
	return result, nil
}

// request sends one JSON-RPC request and waits for the answer's bytes.
func (c *Client) request(ctx context.Context, op string, params ...any) ([]byte, error) {
	answer, taken, err := c.session.do(ctx, FrameRPC, func(dst []byte) ([]byte, error) {
		return jsonrpc.AppendRequest(dst, 1, op, params...)
	})
	if err == nil {
		return answer, nil
	}
	failure := &chain.Error{Sent: chain.SentNo, Op: op, Err: err}
	if taken && op == opSend {
		failure.Sent = chain.SentMaybe
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		failure.Kind, failure.Msg = chain.KindTimeout, "no answer in time"
	case errors.Is(err, context.Canceled):
		failure.Kind, failure.Msg = chain.KindCanceled, "given up while waiting for the answer"
	case errors.Is(err, errFull):
		failure.Kind = chain.KindOverloaded
	case errors.Is(err, errTooLarge):
		failure.Kind = chain.KindInvalid
	case c.Err() != nil:
		failure.Kind, failure.Msg = chain.KindUnavailable, "the connection broke"
	default:
		failure.Kind = chain.KindInvalid // the request could not be written as JSON
	}
	return nil, c.at(failure)
}

// at names the node in an error of ours.
func (c *Client) at(err error) error {
	if e, ok := errors.AsType[*chain.Error](err); ok {
		e.Node = c.cfg.Address
	}
	return err
}
