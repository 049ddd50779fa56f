package system

import (
	"context"

	"github.com/bcosgate/bcosgate/chain"
)

// Write is a wanted change of a system contract. Sign and send its Intent, with
// `to` as 40 digits without 0x (protocol §4.5; tx.Signer does), then give the
// receipt to Result. It does not change and can be signed more than once.
type Write[T any] struct {
	Contract string // for example "Consensus"
	Function string // for example "addSealer"
	Intent   chain.Intent

	decode func(chain.Receipt) (T, error)
}

// Result is what the receipt of the intent says. A receipt of a change that did
// not happen gives an error, whose Sent is yes: *CodeError behind it when the
// contract refused, *StatusError when the execution failed.
func (w Write[T]) Result(r chain.Receipt) (T, error) { return w.decode(r) }

// None is the result of a write that has nothing to tell but success.
type None struct{}

// Transactor signs, sends and waits until the transaction is in a block. An error
// means that there is no receipt.
type Transactor interface {
	Transact(ctx context.Context, intent chain.Intent) (chain.Receipt, error)
}

// Do makes a change and decodes its outcome. The receipt is there also when the
// error is one of Result; it is the zero value when Transact failed, whose error
// is passed on as it is.
func Do[T any](ctx context.Context, t Transactor, w Write[T]) (T, chain.Receipt, error) {
	receipt, err := t.Transact(ctx, w.Intent)
	if err != nil {
		var none T
		return none, receipt, err
	}
	result, err := w.Result(receipt)
	return result, receipt, err
}

// write builds a write whose receipt decode explains; out are the outputs of an
// execution that succeeded.
func write[T any](c contract, signature string, decode func(out *outputs) T, args ...any) (Write[T], error) {
	f := c.function(signature)
	input, err := f.encode(args)
	if err != nil {
		return Write[T]{}, err
	}
	to := c.address
	return Write[T]{
		Contract: c.name,
		Function: f.Name(),
		Intent:   chain.Intent{To: &to, Input: input},
		decode: func(r chain.Receipt) (T, error) {
			if r.Status != 0 {
				var none T
				return none, f.statusError(r.Status, r.StatusName, r.Output, r.Message, chain.SentYes)
			}
			return decodeOutput(f, r.Output, chain.SentYes, decode)
		},
	}, nil
}

// change is a write of a function that returns a code and nothing else.
func (c contract) change(signature string, args ...any) (Write[None], error) {
	return write(c, signature+"(int256)", func(out *outputs) None { out.count(); return None{} }, args...)
}

// rows is a write of a function that returns a number of rows, or a code.
func (c contract) rows(signature string, args ...any) (Write[int64], error) {
	return write(c, signature+"(int256)", (*outputs).count, args...)
}
