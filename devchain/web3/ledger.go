package web3

import (
	"context"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/devchain"
	"github.com/bcosgate/bcosgate/devchain/logfilter"
)

// Ledger is what the port asks of a chain; *devchain.Chain is one.
type Ledger interface {
	logfilter.Ledger

	SubmitEthereum(raw []byte) (*devchain.Submission, error)
	Call(ctx context.Context, args devchain.CallArgs) (devchain.CallResult, error)

	Account(address common.Address) (devchain.Account, error)
	PendingNonce(address common.Address) (uint64, error)
	Code(address common.Address) ([]byte, error)
	Storage(address common.Address, slot common.Hash) (common.Hash, error)
	SystemConfig(key string) (devchain.Setting, error)

	Transactions(number uint64) ([]*devchain.Transaction, error)
	Transaction(hash common.Hash) (*devchain.Transaction, error)
	Receipt(hash common.Hash) (*devchain.Receipt, error)
	Subscribe() *devchain.Subscription
}
