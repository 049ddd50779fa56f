package system

import (
	"context"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
)

// Balance is contract 0x1011: balances in wei. It is there with
// feature_balance_precompiled; without it all functions give KindUnsupported.
// Only registered callers change balances.
type Balance struct{ contract }

// Balance is the contract of this group.
func (c *Contracts) Balance() Balance { return Balance{c.fixed("Balance", 0x1011)} }

// Of is the balance of an account.
func (b Balance) Of(ctx context.Context, account common.Address) (*big.Int, error) {
	return read(ctx, b.contract, "getBalance(address)(uint256)", (*outputs).big, account)
}

// Add creates wei for an account.
func (b Balance) Add(account common.Address, wei *big.Int) (Write[None], error) {
	return b.change("addBalance(address,uint256)", account, wei)
}

// Sub destroys wei of an account.
func (b Balance) Sub(account common.Address, wei *big.Int) (Write[None], error) {
	return b.change("subBalance(address,uint256)", account, wei)
}

// Transfer moves wei between any two accounts.
func (b Balance) Transfer(from, to common.Address, wei *big.Int) (Write[None], error) {
	return b.change("transfer(address,address,uint256)", from, to, wei)
}

// RegisterCaller lets an account change balances. For governors.
func (b Balance) RegisterCaller(account common.Address) (Write[None], error) {
	return b.change("registerCaller(address)", account)
}

// UnregisterCaller forbids an account to change balances. For governors.
func (b Balance) UnregisterCaller(account common.Address) (Write[None], error) {
	return b.change("unregisterCaller(address)", account)
}

// Callers are the accounts that may change balances.
func (b Balance) Callers(ctx context.Context) ([]common.Address, error) {
	return read(ctx, b.contract, "listCaller()(address[])", (*outputs).addresses)
}

// Sharding is contract 0x1010: groups of contracts that are executed apart. It is
// there with feature_sharding; without it all functions give KindUnsupported.
type Sharding struct{ contract }

// Sharding is the contract of this group.
func (c *Contracts) Sharding() Sharding { return Sharding{c.fixed("Sharding", 0x1010)} }

// Make makes a shard; its path is /shards/NAME.
func (s Sharding) Make(shard string) (Write[None], error) {
	return s.change("makeShard(string)", shard)
}

// Link puts a contract into a shard.
func (s Sharding) Link(shard string, address common.Address) (Write[None], error) {
	return s.change("linkShard(string,string)", shard, hexText(address))
}

// Of is the path of the shard that a contract is in, "" when it is in none.
func (s Sharding) Of(ctx context.Context, address common.Address) (string, error) {
	return read(ctx, s.contract, "getContractShard(string)(int256,string)", func(out *outputs) string {
		out.count()
		return out.text()
	}, hexText(address))
}
