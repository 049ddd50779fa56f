package rpc

import (
	"context"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/devchain"
)

// Ledger is what an endpoint asks of a chain; *devchain.Chain is one.
type Ledger interface {
	SendTransaction(ctx context.Context, raw []byte) (devchain.Result, error)
	Call(ctx context.Context, args devchain.CallArgs) (devchain.CallResult, error)

	Genesis() devchain.Genesis
	GenesisHash() common.Hash
	Sealers() []devchain.Sealer // in the order of block headers
	Nodes() ([]devchain.Node, error)

	Head() devchain.Head
	BlockByNumber(number uint64) (*devchain.Block, error)
	BlockByHash(hash common.Hash) (*devchain.Block, error)
	BlockHash(number uint64) (common.Hash, error)
	Transactions(number uint64) ([]*devchain.Transaction, error)
	Receipts(number uint64) ([]*devchain.Receipt, error)
	Transaction(hash common.Hash) (*devchain.Transaction, error)
	Receipt(hash common.Hash) (*devchain.Receipt, error)
	TransactionProof(hash common.Hash) ([]string, error)
	ReceiptProof(hash common.Hash) ([]string, error)
	Code(address common.Address) ([]byte, error)
	ABI(address common.Address) (string, error)
	SystemConfig(key string) (devchain.Setting, error)
	Totals() devchain.Totals
	PendingCount() int
	Subscribe() *devchain.Subscription
}
