package system

import (
	"encoding/hex"

	"github.com/ethereum/go-ethereum/common"
)

// Denial says why a call or creation is not permitted.
type Denial int

// The denials, in the order of the checks.
const (
	AccountFrozen Denial = iota + 1
	AccountAbolished
	ContractFrozen
	ContractAbolished
	CallDenied
	DeployDenied
)

// CheckSender looks at the status of the account that signed a transaction; 0 when
// it may go on.
func CheckSender(store Store, account common.Address, block uint64) Denial {
	switch statusOf(store, accountPath(account), block) {
	case statusFrozen:
		return AccountFrozen
	case statusAbolished:
		return AccountAbolished
	}
	return 0
}

// CheckDeploy is 0 when who signed a transaction may deploy.
func CheckDeploy(store Store, origin common.Address) Denial {
	if !MayDeploy(store, origin) {
		return DeployDenied
	}
	return 0
}

// CheckCall is 0 when sender may call a contract that is not built in.
func (c *Contracts) CheckCall(store Store, sender, at common.Address, static bool, input []byte) Denial {
	if _, builtIn := c.contracts[at]; builtIn {
		return 0
	}
	switch status, _ := store.Get(authTable(at), statusKey); status {
	case contractStatus[1]:
		return ContractFrozen
	case contractStatus[2]:
		return ContractAbolished
	}
	function := hex.EncodeToString(input[:min(len(input), 4)])
	if !static && !mayCall(store, at, function, sender) {
		return CallDenied
	}
	return 0
}
