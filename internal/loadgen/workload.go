package loadgen

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/chain"
)

// Workload makes the requests of a run.
type Workload interface {
	// Prepare makes request n ready, which calls function fn of the run: all that
	// can be done before its start is done here. It is called by several
	// goroutines at once, in any order of n, once for each n.
	Prepare(ctx context.Context, fn int, n uint64) (Shot, error)
}

// Shot makes one request and waits for its outcome. nil is a success; an error that
// wraps ErrReverted was executed and undone; others are sorted by their chain.Kind.
type Shot func(ctx context.Context) error

// ErrReverted is the outcome of a request that was executed and did not succeed.
var ErrReverted = errors.New("reverted")

// Target is one function of one contract with the arguments for it.
type Target struct {
	To        common.Address
	Arguments *Arguments
}

// headPatience bounds the wait for a first head while transactions are signed.
const headPatience = 10 * time.Second

// Writer is what transactions need of a chain.
type Writer interface {
	chain.HeadReader
	chain.Sender
}

// Transactions is a Workload that sends signed transactions.
type Transactions struct {
	chain   Writer
	signer  chain.Signer
	targets []Target
	seed    uint64
	run     string
	ahead   uint64
}

// NewTransactions makes a workload whose function i is targets[i]. run is unique to
// the run, because nonces are made of it. A transaction may land up to ahead blocks
// after the head that it was signed at.
func NewTransactions(c Writer, signer chain.Signer, targets []Target, seed uint64, run string, ahead uint64) *Transactions {
	return &Transactions{chain: c, signer: signer, targets: targets, seed: seed, run: run, ahead: max(1, ahead)}
}

// Prepare encodes and signs. The transaction is signed anew, with the same nonce,
// when the head comes near its block limit before it is sent: nothing was sent, so
// that is safe.
func (w *Transactions) Prepare(ctx context.Context, fn int, n uint64) (Shot, error) {
	target := w.targets[fn]
	input, err := target.Arguments.Encode(w.seed, n)
	if err != nil {
		return nil, err
	}
	intent := chain.Intent{To: &target.To, Input: input}
	nonce := w.signer.Nonce(fmt.Sprintf("bench %s %d", w.run, n))
	ctx, cancel := context.WithTimeout(ctx, headPatience)
	defer cancel()
	head, err := w.chain.Head(ctx)
	if err != nil {
		return nil, err
	}
	tx, err := w.sign(intent, nonce, head)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		// Half of the blocks that it had are left for the way to the chain.
		if head, err := w.chain.Head(ctx); err == nil && head.Number+w.ahead/2 > tx.Terms.BlockLimit {
			if tx, err = w.sign(intent, nonce, head); err != nil {
				return err
			}
		}
		receipt, err := w.chain.Send(ctx, tx)
		if err == nil && !receipt.Succeeded {
			return fmt.Errorf("%w: %s", ErrReverted, receipt.StatusName)
		}
		return err
	}, nil
}

func (w *Transactions) sign(intent chain.Intent, nonce string, head chain.Head) (chain.SignedTx, error) {
	return w.signer.Sign(intent, chain.Terms{Nonce: nonce, BlockLimit: head.Number + w.ahead})
}

// Calls is a Workload that reads.
type Calls struct {
	chain   chain.Caller
	targets []Target
	seed    uint64
}

// NewCalls makes a workload whose function i is targets[i].
func NewCalls(c chain.Caller, targets []Target, seed uint64) *Calls {
	return &Calls{chain: c, targets: targets, seed: seed}
}

// Prepare encodes.
func (w *Calls) Prepare(_ context.Context, fn int, n uint64) (Shot, error) {
	target := w.targets[fn]
	input, err := target.Arguments.Encode(w.seed, n)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		result, err := w.chain.Call(ctx, chain.CallMsg{To: target.To, Input: input})
		if err == nil && result.Status != 0 {
			return fmt.Errorf("%w: %s", ErrReverted, result.StatusName)
		}
		return err
	}, nil
}

// Names of failures that are no chain.Kind.
const (
	failReverted = "reverted"
	failDropped  = "dropped" // it could not start in time
	failPrepare  = "prepare" // it could not be encoded or signed
	failOther    = "other"
)

// failureOf names an outcome for counting; "" is a success.
func failureOf(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, ErrReverted):
		return failReverted
	}
	if kind := chain.KindOf(err); kind != "" {
		return string(kind)
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return string(chain.KindTimeout)
	case errors.Is(err, context.Canceled):
		return string(chain.KindCanceled)
	}
	return failOther
}
