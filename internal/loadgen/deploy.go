package loadgen

import (
	"context"
	"fmt"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/chain"
)

// Deploy puts a contract on the chain for a run, and gives its address. run and ahead
// are those of NewTransactions, run with a name of its own.
func Deploy(ctx context.Context, c Writer, signer chain.Signer, code []byte, abi, run string, ahead uint64) (common.Address, error) {
	head, err := c.Head(ctx)
	if err != nil {
		return common.Address{}, err
	}
	tx, err := signer.Sign(chain.Intent{Input: code, ABI: abi}, chain.Terms{Nonce: signer.Nonce("bench " + run), BlockLimit: head.Number + ahead})
	if err != nil {
		return common.Address{}, err
	}
	receipt, err := c.Send(ctx, tx)
	switch {
	case err != nil:
		return common.Address{}, fmt.Errorf("deployment %s: %w", tx.Hash, err)
	case !receipt.Succeeded || receipt.Contract == nil:
		return common.Address{}, fmt.Errorf("deployment %s: %w: %s", tx.Hash, ErrReverted, receipt.StatusName)
	}
	return *receipt.Contract, nil
}
