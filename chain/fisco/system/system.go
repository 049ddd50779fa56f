// Package system has the system contracts of FISCO BCOS 3.x as typed Go methods
// (protocol §8): configuration, consensus members, tables, the file system BFS,
// cryptography, permissions, account status, the governance committee, balances
// and shards.
//
// A read is a method with a context that asks through a chain.Caller. A write is
// a method that gives a Write: the intent to sign and send, and the decoder of
// its receipt. The package itself never signs, sends or repeats anything, and
// knows no wire format: who sends keeps the rules of what may be sent again.
//
// Every error of its own is a *chain.Error. Behind it there is a *CodeError when
// the contract answered with a return code, or a *StatusError when the execution
// failed. Errors of the caller or transactor keep their kind.
package system

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/fisco/suite"
	"github.com/bcosgate/bcosgate/contracts"
)

// Contracts reaches the system contracts of one group. It is safe for concurrent
// use.
type Contracts struct {
	caller  chain.Caller
	suite   suite.Suite
	methods sync.Map // signature to *contracts.Method, so that each is parsed once
}

// New makes the contracts of a group whose ledger has the suite, on which the
// selectors depend. caller answers the reads; it may be nil for writes alone.
func New(caller chain.Caller, s suite.Suite) *Contracts {
	return &Contracts{caller: caller, suite: s}
}

// contract is one system contract of a group.
type contract struct {
	group   *Contracts
	name    string
	address common.Address
}

func (c *Contracts) at(name string, address common.Address) contract {
	return contract{group: c, name: name, address: address}
}

// fixed is the contract at one of the addresses of protocol §8.1.
func (c *Contracts) fixed(name string, address int64) contract {
	return c.at(name, common.BytesToAddress([]byte{byte(address >> 16), byte(address >> 8), byte(address)}))
}

// Address is where the contract lives.
func (c contract) Address() common.Address { return c.address }

// method parses a signature. Signatures are literals of this package, each of
// which a test calls: a wrong one is a fault of the program.
func (c *Contracts) method(signature string) *contracts.Method {
	if m, ok := c.methods.Load(signature); ok {
		return m.(*contracts.Method)
	}
	m, err := contracts.MethodFromSignature(signature)
	if err != nil {
		panic(err)
	}
	if c.suite == suite.GM {
		m = m.ForGM()
	}
	c.methods.Store(signature, m)
	return m
}

// function is one function of a contract, and how errors call it.
type function struct {
	*contracts.Method
	contract contract
}

func (c contract) function(signature string) function {
	return function{Method: c.group.method(signature), contract: c}
}

func (f function) op() string { return f.contract.name + "." + f.Name() }

func (f function) encode(args []any) ([]byte, error) {
	values := make([]any, len(args))
	for i, a := range args {
		values[i] = argument(a)
	}
	input, err := f.Encode(values)
	if err != nil {
		return nil, &chain.Error{Kind: chain.KindInvalid, Sent: chain.SentNo, Op: f.op(), Err: err}
	}
	return input, nil
}

// invalid refuses arguments that no node takes.
func (c contract) invalid(function, format string, args ...any) error {
	return &chain.Error{Kind: chain.KindInvalid, Sent: chain.SentNo, Op: c.name + "." + function, Msg: fmt.Sprintf(format, args...)}
}

// read calls a function and gives what decode makes of its outputs.
func read[T any](ctx context.Context, c contract, signature string, decode func(*outputs) T, args ...any) (T, error) {
	var none T
	f := c.function(signature)
	input, err := f.encode(args)
	if err != nil {
		return none, err
	}
	result, err := c.group.caller.Call(ctx, chain.CallMsg{To: c.address, Input: input})
	if err != nil {
		return none, fmt.Errorf("%s: %w", f.op(), err)
	}
	if result.Status != 0 {
		return none, f.statusError(result.Status, result.StatusName, result.Output, "", chain.SentNo)
	}
	return decodeOutput(f, result.Output, chain.SentNo, decode)
}

// decodeOutput reads the outputs of an execution that succeeded, among which may
// be a return code that says it did not.
func decodeOutput[T any](f function, output []byte, sent chain.Sent, decode func(*outputs) T) (T, error) {
	var none T
	values, err := f.DecodeOutput(output)
	if err != nil {
		return none, f.broken(sent, err)
	}
	out := &outputs{}
	for _, v := range values {
		out.list = append(out.list, v.Value)
	}
	result := decode(out)
	switch {
	case out.err != nil:
		return none, f.broken(sent, out.err)
	case out.code < 0:
		return none, f.codeError(out.code, sent)
	case out.missing != "":
		return none, &chain.Error{Kind: chain.KindNotFound, Sent: sent, Op: f.op(), Msg: out.missing}
	}
	return result, nil
}

func (f function) broken(sent chain.Sent, err error) error {
	return &chain.Error{Kind: chain.KindProtocol, Sent: sent, Op: f.op(), Msg: "the output cannot be read", Err: err}
}

// hexText is an address as system contracts take it in a text: 40 digits without 0x.
func hexText(a common.Address) string { return strings.ToLower(a.Hex()[2:]) }
