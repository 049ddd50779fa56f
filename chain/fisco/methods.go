package fisco

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/fisco/shield"
	"github.com/bcosgate/bcosgate/chain/fisco/suite"
	"github.com/bcosgate/bcosgate/chain/jsonrpc"
)

// Methods are the JSON-RPC methods of a node for one group (protocol §3.4), the
// same over WebSocket (Client) and over HTTPS (HTTPClient), which embed them.
// They are safe for concurrent use.
//
// A method named like that of the node (GetBlockByNumber) gives the node's own
// answer, a result type with every member. Those of package chain's vocabulary
// (Block) give what all families have in common, and check more.
//
// Every method blocks until the answer, the end of ctx or the read time limit of
// the configuration, and fails with a *chain.Error. What could harm the node is
// refused before the wire (KindInvalid, with a *shield.Refusal inside).
type Methods struct {
	carrier     carrier
	address     string // host:port
	chainID     string
	group       string
	suite       suite.Suite
	readTimeout time.Duration
	genesis     genesisCache
}

// carrier takes one request of a node's JSON-RPC to the node and brings the
// answer back.
type carrier interface {
	// carry sends the method with its parameters. taken says whether bytes of the
	// request may have reached the node.
	carry(ctx context.Context, op string, params []any) (answer []byte, taken bool, err error)
	// broken says why nothing can be carried any more, nil while it can.
	broken() error
	// noteHead takes news of a block.
	noteHead(number uint64)
}

// Node is the address of the node, host:port.
func (m *Methods) Node() string { return m.address }

// Suite is the cryptography of the group's ledger, as the node says.
func (m *Methods) Suite() suite.Suite { return m.suite }

// Do makes any request of protocol §3.4, with the parameters as the node wants
// them (the group first), and gives the result as the node wrote it. Methods
// that the protocol does not have are refused, and so is sendTransaction, whose
// outcome takes more care: see SendTransaction.
func (m *Methods) Do(ctx context.Context, method string, params ...any) (json.RawMessage, error) {
	if method == opSend {
		return nil, m.at(&chain.Error{Kind: chain.KindUnsupported, Sent: chain.SentNo, Op: opSend, Msg: "send transactions with SendTransaction"})
	}
	return read[json.RawMessage](ctx, m, method, params...)
}

// read makes a request that writes nothing and decodes its answer.
func read[T any](ctx context.Context, m *Methods, op string, params ...any) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, m.readTimeout)
	defer cancel()
	var none T
	answer, err := m.request(ctx, op, params...)
	if err != nil {
		return none, err
	}
	result, err := jsonrpc.DecodeResponse[T](answer)
	if err != nil {
		return none, m.at(answerError(op, err))
	}
	return result, nil
}

// request sends one JSON-RPC request that cannot harm the node, and waits for
// the answer's bytes.
func (m *Methods) request(ctx context.Context, op string, params ...any) ([]byte, error) {
	if err := shield.Request(op, m.suite, params); err != nil {
		return nil, m.at(err)
	}
	return m.ask(ctx, op, params...)
}

// ask is request for what was checked already.
func (m *Methods) ask(ctx context.Context, op string, params ...any) ([]byte, error) {
	answer, taken, err := m.carrier.carry(ctx, op, params)
	if err == nil {
		return answer, nil
	}
	if dial, ok := errors.AsType[*chain.Error](err); ok {
		return nil, dial
	}
	return nil, m.unanswered(op, taken && op == opSend, err)
}

// unanswered is the border error of a request that brought no answer. exposed
// says that the request changes something and that bytes of it may have left.
func (m *Methods) unanswered(op string, exposed bool, err error) error {
	failure := &chain.Error{Kind: chain.KindUnavailable, Sent: chain.SentNo, Op: op, Err: err}
	if exposed {
		failure.Sent = chain.SentMaybe
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		failure.Kind, failure.Msg = chain.KindTimeout, "no answer in time"
	case errors.Is(err, context.Canceled):
		failure.Kind, failure.Msg = chain.KindCanceled, "given up while waiting for the answer"
	case errors.Is(err, errFull):
		failure.Kind = chain.KindOverloaded
	case errors.Is(err, errTooLarge), errors.Is(err, errWrite):
		failure.Kind = chain.KindInvalid
	case errors.Is(err, errAnswer):
		failure.Kind = chain.KindProtocol
	default:
		failure.Msg = "the connection broke"
	}
	return m.at(failure)
}

// at names the node in an error of ours.
func (m *Methods) at(err error) error {
	if e, ok := errors.AsType[*chain.Error](err); ok {
		e.Node = m.address
	}
	return err
}

// height checks a block number of an answer and takes it as news of the head.
func (m *Methods) height(op string, n int64) (uint64, error) {
	if n < 0 {
		return 0, m.at(brokenAnswer(op, fmt.Sprintf("block number %d", n), nil))
	}
	m.carrier.noteHead(uint64(n))
	return uint64(n), nil
}
