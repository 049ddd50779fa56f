package system

import (
	"github.com/ethereum/go-ethereum/common"
	"github.com/holiman/uint256"
)

// balanceCallers has a row for every account that may change balances.
const balanceCallers = "s_balance_caller"

// Balance, 0x1011: there only with feature_balance_precompiled.
func (c *Contracts) balance() contract {
	return contract{
		feature: featureBalancePrecompiled,
		unknown: func(*context, *arguments) ([]byte, error) { return nil, refuse("invalid function selector") },
		methods: c.functions(map[string]method{
			"getBalance(address)": func(x *context, args *arguments) ([]byte, error) {
				x.Calls++
				return encode(unsigned(x.State.Balance(args.address()))), nil
			},
			"addBalance(address,uint256)":       changeBalance("addBalance", addTo),
			"subBalance(address,uint256)":       changeBalance("subBalance", takeFrom),
			"transfer(address,address,uint256)": transferBalance,
			"registerCaller(address)":           byGovernor(registerCaller),
			"unregisterCaller(address)":         byGovernor(unregisterCaller),
			"listCaller()":                      listCallers,
		}),
	}
}

// addTo and takeFrom fail like the account contract of a node.

func addTo(state State, account common.Address, n *uint256.Int) error {
	sum, overflow := new(uint256.Int).AddOverflow(state.Balance(account), n)
	if overflow {
		return refuse("Account balance overflow!")
	}
	state.SetBalance(account, sum)
	return nil
}

func takeFrom(state State, account common.Address, n *uint256.Int) error {
	left, missing := new(uint256.Int).SubOverflow(state.Balance(account), n)
	if missing {
		return errInternal
	}
	state.SetBalance(account, left)
	return nil
}

// mayChange fails for accounts that are no callers; what names the function in the text.
func mayChange(x *context, what string) error {
	if _, ok := x.State.Get(balanceCallers, hexText(x.call.Sender)); !ok {
		return refuse("Permission denied. Please use \"listBalanceGovernor\" to check which account(or contract) can %s", what)
	}
	return nil
}

// ready makes the account, when nobody knows it yet.
func ready(x *context, account common.Address) error {
	if isTable(x.State, appsPrefix+hexText(account)) {
		return nil
	}
	if createBound(x, account, accountAt, accountPath(account)) != nil {
		return refuse("Create account error.")
	}
	return nil
}

func changeBalance(what string, change func(State, common.Address, *uint256.Int) error) method {
	return func(x *context, args *arguments) ([]byte, error) {
		account, n := args.address(), args.uint256()
		if err := mayChange(x, what); err != nil {
			return nil, err
		}
		if err := ready(x, account); err != nil {
			return nil, err
		}
		if x.inner(func() error { return change(x.State, account, n) }) != nil {
			return nil, errReverted
		}
		return code(codeSuccess)
	}
}

func transferBalance(x *context, args *arguments) ([]byte, error) {
	from, to, n := args.address(), args.address(), args.uint256()
	if err := mayChange(x, "transferBalance"); err != nil {
		return nil, err
	}
	if err := ready(x, from); err != nil {
		return nil, err
	}
	if x.inner(func() error { return takeFrom(x.State, from, n) }) != nil {
		return nil, refuse("transfer failed, account subBalance failed, please check the account balance")
	}
	if err := ready(x, to); err != nil {
		return nil, err
	}
	if x.inner(func() error { return addTo(x.State, to, n) }) != nil {
		return nil, refuse("transfer failed")
	}
	return code(codeSuccess)
}

// byGovernor lets in what a governor has signed.
func byGovernor(m method) method {
	return func(x *context, args *arguments) ([]byte, error) {
		x.Calls += 2 // asks the committee for the governors
		if !isGovernor(x.State, x.Origin) {
			return nil, refuse("only governor can register caller")
		}
		return m(x, args)
	}
}

func callers(store Store) []string { return keysOf(store, balanceCallers, nil, 0, maxRows) }

func registerCaller(x *context, args *arguments) ([]byte, error) {
	account := hexText(args.address())
	if len(callers(x.State)) >= maxRows {
		return nil, refuse("caller table size exceed limit")
	}
	if _, ok := x.State.Get(balanceCallers, account); ok {
		return nil, refuse("caller already exist")
	}
	createIfMissing(x.State, balanceCallers, "value")
	x.State.Set(balanceCallers, account, "1")
	return code(codeSuccess)
}

func unregisterCaller(x *context, args *arguments) ([]byte, error) {
	account := hexText(args.address())
	if len(callers(x.State)) == 1 {
		return nil, refuse("BalanceGovernor table only has one account, prohibit to unregister")
	}
	if _, ok := x.State.Get(balanceCallers, account); !ok {
		return nil, refuse("caller not exist")
	}
	x.State.Delete(balanceCallers, account)
	return code(codeSuccess)
}

func listCallers(x *context, _ *arguments) ([]byte, error) {
	if !isTable(x.State, balanceCallers) {
		return nil, refuse("caller table not exist.")
	}
	all := callers(x.State)
	if len(all) == 0 {
		return nil, refuse("caller table is empty.")
	}
	addresses := make([]value, len(all))
	for i, account := range all {
		addresses[i] = address(common.HexToAddress(account))
	}
	return encode(array(addresses...)), nil
}
