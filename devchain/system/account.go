package system

import (
	"strconv"

	"github.com/ethereum/go-ethereum/common"
	"github.com/holiman/uint256"
)

// Rows of an account. The status is kept as one byte.
const (
	accountStatus     = "status"
	accountLastStatus = "last_status"
	accountLastUpdate = "last_update"
)

const (
	statusFrozen    = 1
	statusAbolished = 2
)

func accountPath(account common.Address) string { return userPrefix + hexText(account) }

// AccountManager, 0x10003.
func (c *Contracts) accountManager() contract {
	return contract{
		name: "AccountManagerPrecompiled",
		methods: c.functions(map[string]method{
			"setAccountStatus(address,uint8)": manageAccountStatus,
			"getAccountStatus(address)": func(x *context, args *arguments) ([]byte, error) {
				x.Calls++
				account := args.address()
				if !Bound(x.State.Code(account)) {
					return encode(number(0)), nil
				}
				return encode(number(uint64(statusOf(x.State, accountPath(account), x.Block)))), nil
			},
		}),
	}
}

func manageAccountStatus(x *context, args *arguments) ([]byte, error) {
	account, status := args.address(), args.uint8()
	x.Calls += 2 // asks the committee for the governors
	switch {
	case !isGovernor(x.State, x.call.Sender):
		return code(codeNoAuthorized)
	case isGovernor(x.State, account):
		return nil, refuse("Should not set governor's status.")
	}
	path := accountPath(account)
	if !isTable(x.State, path) {
		if isTable(x.State, appsPrefix+hexText(account)) {
			return code(codeAccountExists)
		}
		if createBound(x, account, accountAt, path) != nil {
			return nil, refuse("Create account error.")
		}
		if x.inner(func() error { return setStatus(x, path, status) }) != nil {
			return nil, refuse("Set account status failed.")
		}
		return code(codeSuccess)
	}
	if x.inner(func() error { return setStatus(x, path, status) }) != nil {
		return nil, errReverted
	}
	return code(codeSuccess)
}

// Account, 0x10004: the contract behind accounts with a status or a balance.
func (c *Contracts) account() contract {
	return contract{
		name:  "AccountPrecompiled",
		bound: true,
		pays:  true,
		methods: c.functions(map[string]method{
			"setAccountStatus(uint8)": func(x *context, args *arguments) ([]byte, error) {
				if !isTable(x.State, x.table) {
					return nil, refuse("Account table not exist!")
				}
				if x.call.Sender != Address(accountManageAt) {
					return code(codeNoAuthorized)
				}
				if err := setStatus(x, x.table, args.uint8()); err != nil {
					return nil, err
				}
				return code(codeSuccess)
			},
			"getAccountStatus()": func(x *context, _ *arguments) ([]byte, error) {
				if !isTable(x.State, x.table) {
					return nil, refuse("Account table not exist!")
				}
				return encode(number(uint64(statusOf(x.State, x.table, x.Block)))), nil
			},
			"getAccountBalance()": func(x *context, _ *arguments) ([]byte, error) {
				return encode(unsigned(x.State.Balance(accountOf(x.table)))), nil
			},
			"addAccountBalance(uint256)": onlyBalance(addTo),
			"subAccountBalance(uint256)": onlyBalance(takeFrom),
		}),
	}
}

// accountOf is the account of a path.
func accountOf(path string) common.Address {
	_, name := split(path)
	return common.HexToAddress(name)
}

func onlyBalance(f func(State, common.Address, *uint256.Int) error) method {
	return func(x *context, args *arguments) ([]byte, error) {
		if x.call.Sender != Address(balanceAt) && x.Origin != Address(balanceAt) {
			return code(codeNoAuthorized)
		}
		if err := f(x.State, accountOf(x.table), args.uint256()); err != nil {
			return nil, err
		}
		return code(codeSuccess)
	}
}

func setStatus(x *context, path string, status uint8) error {
	old, ok := x.State.Get(path, accountStatus)
	switch {
	case ok && old == string(rune(statusAbolished)) && status != statusAbolished:
		return refuse("Account already abolish, should not set any status.")
	case !ok:
		old = "0" // the digit, of which a node makes status 48
	}
	x.State.Set(path, accountLastStatus, old)
	x.State.Set(path, accountStatus, string([]byte{status}))
	x.State.Set(path, accountLastUpdate, strconv.FormatUint(x.Block, 10))
	return nil
}

// statusOf is the status that counts in a block: a change counts from the next one on.
func statusOf(store Store, path string, block uint64) uint8 {
	since, ok := store.Get(path, accountLastUpdate)
	if !ok {
		return 0
	}
	key := accountStatus
	if changed, _ := strconv.ParseUint(since, 10, 64); block <= changed {
		key = accountLastStatus
	}
	status, _ := store.Get(path, key)
	if status == "" {
		return 0
	}
	return status[0]
}
