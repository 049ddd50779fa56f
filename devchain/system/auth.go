package system

import (
	"encoding/hex"
	"strings"

	"github.com/ethereum/go-ethereum/common"
)

// Every contract has a table with its administrator and its permissions, in rows
// with these keys. Lists of a function are rows of their own: the key of the list,
// the function's selector and the account; the value is 1 when the account may
// call it.
const (
	authSuffix  = "_accessAuth"
	adminKey    = "admin"
	statusKey   = "status"
	methodTypes = "method_auth_type"
	methodWhite = "method_auth_white"
	methodBlack = "method_auth_black"
)

// Kinds of permission lists.
const (
	listWhite = 1
	listBlack = 2
)

// Status of a contract as it is stored.
var contractStatus = []string{"normal", "frozen", "abolish"}

func authTable(account common.Address) string { return appsPrefix + hexText(account) + authSuffix }

// setAdmin begins the permissions of a new contract.
func setAdmin(store Store, account, admin common.Address) {
	store.Set(authTable(account), adminKey, hexText(admin))
	store.Set(authTable(account), statusKey, contractStatus[0])
}

// Created must be called for every new contract; origin is who signed the
// transaction.
func Created(store Store, account, origin common.Address) { setAdmin(store, account, origin) }

func adminOf(store Store, account common.Address) (common.Address, bool) {
	admin, ok := store.Get(authTable(account), adminKey)
	return common.HexToAddress(admin), ok
}

// AuthManager, 0x1005.
func (c *Contracts) authManager() contract {
	return contract{
		name: "AuthManagerPrecompiled",
		methods: c.functions(map[string]method{
			"getAdmin(address)": func(x *context, args *arguments) ([]byte, error) {
				x.Calls++
				admin, _ := adminOf(x.State, args.address())
				return encode(address(admin)), nil
			},
			"resetAdmin(address,address)": resetAdmin,
			"setMethodAuthType(address,bytes4,uint8)": byAdmin(func(x *context, account common.Address, args *arguments) ([]byte, error) {
				function, kind := selectorText(args), args.bytes32()
				x.State.Set(authTable(account), methodTypes+function, string(kind[31:]))
				return code(codeSuccess)
			}),
			"openMethodAuth(address,bytes4,address)":  byAdmin(setMethodAuth(false)),
			"closeMethodAuth(address,bytes4,address)": byAdmin(setMethodAuth(true)),
			"checkMethodAuth(address,bytes4,address)": func(x *context, args *arguments) ([]byte, error) {
				x.Calls++
				account, function := args.address(), selectorText(args)
				return encode(boolean(mayCall(x.State, account, function, args.address()))), nil
			},
			"getMethodAuth(address,bytes4)": func(x *context, args *arguments) ([]byte, error) {
				x.Calls++
				return getMethodAuth(x.State, args.address(), selectorText(args)), nil
			},
			"setContractStatus(address,bool)": byAdmin(func(x *context, account common.Address, args *arguments) ([]byte, error) {
				status := 0
				if args.bool() {
					status = 1
				}
				return setContractStatus(x, account, contractStatus[status], "")
			}),
			"setContractStatus(address,uint8)": byAdmin(func(x *context, account common.Address, args *arguments) ([]byte, error) {
				status := int(args.uint8())
				if status >= len(contractStatus) {
					return nil, errReverted
				}
				return setContractStatus(x, account, contractStatus[status], contractStatus[2])
			}),
			"contractAvailable(address)": func(x *context, args *arguments) ([]byte, error) {
				x.Calls++
				status, ok := x.State.Get(authTable(args.address()), statusKey)
				if !ok {
					return nil, errReverted
				}
				return encode(boolean(status == contractStatus[0])), nil
			},
			"deployType()":             func(x *context, _ *arguments) ([]byte, error) { return code(int64(deployType(x.State))) },
			"setDeployAuthType(uint8)": setDeployType,
			"openDeployAuth(address)":  setDeployAuth(false),
			"closeDeployAuth(address)": setDeployAuth(true),
			"hasDeployAuth(address)": func(x *context, args *arguments) ([]byte, error) {
				return encode(boolean(MayDeploy(x.State, args.address()))), nil
			},
			"initAuth(string)": func(*context, *arguments) ([]byte, error) {
				return nil, refuse("Committee contract already exist.")
			},
		}),
	}
}

// errReverted is what a contract says about a failure of another one.
var errReverted = &Refused{"External call revert: "}

// ContractAuthManager, 0x10002: only AuthManager may call it, which does its work
// here.
func (c *Contracts) contractAuth() contract {
	return contract{
		name:   "ContractAuthMgrPrecompiled",
		before: func(*context, [4]byte, *arguments) ([]byte, error) { return nil, errInternal },
	}
}

// byAdmin lets only the administrator of a contract in; its address is the first
// argument.
func byAdmin(f func(x *context, account common.Address, args *arguments) ([]byte, error)) method {
	return func(x *context, args *arguments) ([]byte, error) {
		x.Calls++
		account := args.address()
		if admin, _ := adminOf(x.State, account); admin != x.call.Sender {
			return code(codeNoAuthorized)
		}
		x.Calls++
		if _, ok := adminOf(x.State, account); !ok {
			return code(codeTableMissing)
		}
		return f(x, account, args)
	}
}

func selectorText(args *arguments) string {
	w := args.bytes32()
	return hex.EncodeToString(w[:4])
}

func resetAdmin(x *context, args *arguments) ([]byte, error) {
	account, admin := args.address(), args.address()
	if x.call.Sender != Address(committeeAt) {
		return code(codeNoAuthorized)
	}
	x.Calls++
	if _, ok := adminOf(x.State, account); !ok {
		if !isTable(x.State, appsPrefix+hexText(account)) {
			return nil, errReverted
		}
		x.State.Set(authTable(account), statusKey, contractStatus[0])
	}
	x.State.Set(authTable(account), adminKey, hexText(admin))
	return code(codeSuccess)
}

// methodType is the kind of list of a function; false when there is none.
func methodType(store Store, account common.Address, function string) (byte, bool) {
	kind, ok := store.Get(authTable(account), methodTypes+function)
	if !ok || kind == "" {
		return 0, false
	}
	return kind[0], true
}

func listOf(kind byte) string {
	if kind == listWhite {
		return methodWhite
	}
	return methodBlack
}

func setMethodAuth(closes bool) func(*context, common.Address, *arguments) ([]byte, error) {
	return func(x *context, account common.Address, args *arguments) ([]byte, error) {
		function, who := selectorText(args), args.address()
		kind, _ := methodType(x.State, account, function)
		if kind != listWhite && kind != listBlack {
			return code(codeWrongAuthType)
		}
		x.State.Set(authTable(account), listOf(kind)+function+hexText(who), flagText(closes == (kind == listBlack)))
		return code(codeSuccess)
	}
}

func flagText(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

// mayCall reports whether the permissions of a contract let an account call a function.
func mayCall(store Store, account common.Address, function string, who common.Address) bool {
	kind, ok := methodType(store, account, function)
	if !ok {
		return true
	}
	all, own := 0, 0 // entries of the list, of this function
	var may string
	store.Keys(authTable(account), func(key string) bool {
		if rest, ok := strings.CutPrefix(key, listOf(kind)); ok {
			all++
			if listed, ok := strings.CutPrefix(rest, function); ok {
				own++
				if listed == hexText(who) {
					may, _ = store.Get(authTable(account), key)
				}
			}
		}
		return true
	})
	switch {
	case may != "":
		return (may == "1") != (kind == listBlack)
	case all > 0 && own == 0:
		return true // there is a list, but none for this function
	}
	return kind == listBlack
}

func getMethodAuth(store Store, account common.Address, function string) []byte {
	kind, ok := methodType(store, account, function)
	open, closed := []string{}, []string{}
	if !ok {
		return encode(number(0), texts(open), texts(closed))
	}
	start := listOf(kind) + function
	store.Keys(authTable(account), func(key string) bool {
		who, ok := strings.CutPrefix(key, start)
		if !ok {
			return true
		}
		on, _ := store.Get(authTable(account), key)
		if on == "1" && kind == listWhite || on != "1" && kind == listBlack {
			open = append(open, who)
		} else {
			closed = append(closed, who)
		}
		return true
	})
	return encode(number(uint64(kind)), texts(open), texts(closed))
}

// setContractStatus changes whether a contract can be called; abolished contracts
// stay so, but may be set to except once more.
func setContractStatus(x *context, account common.Address, status, except string) ([]byte, error) {
	if old, _ := x.State.Get(authTable(account), statusKey); old == contractStatus[2] && status != except {
		return nil, errReverted
	}
	x.State.Set(authTable(account), statusKey, status)
	return code(codeSuccess)
}
