package system

import (
	"bytes"
	"strings"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/rlp"
)

// tableList names all tables; a row holds the names of the table's columns.
const tableList = "s_tables"

// Prefixes of paths.
const (
	appsPrefix  = "/apps/"
	tablePrefix = "/tables/"
	sysPrefix   = "/sys/"
	userPrefix  = "/usr/"
	shardPrefix = "/shards/"
)

// isTable reports whether there is a table or file of that name. Contracts and
// accounts are tables below /apps/.
func isTable(state State, name string) bool {
	if name == tableList {
		return true
	}
	if _, ok := state.Get(tableList, name); ok {
		return true
	}
	rest, ok := strings.CutPrefix(name, appsPrefix)
	if !ok || len(rest) != 2*common.AddressLength || strings.Trim(rest, "0123456789abcdef") != "" {
		return false
	}
	return state.Exists(common.HexToAddress(rest))
}

// createTable makes a table; it fails when there is one.
func createTable(state State, name, columns string) error {
	if isTable(state, name) {
		return errInternal
	}
	state.Set(tableList, name, columns)
	return nil
}

func createIfMissing(state State, name, columns string) {
	if !isTable(state, name) {
		state.Set(tableList, name, columns)
	}
}

// A row with several fields is kept as their list.
func fieldsOf(row string) []string {
	var fields []string
	if rlp.DecodeBytes([]byte(row), &fields) != nil {
		return nil
	}
	return fields
}

func rowOf(fields []string) string {
	data, _ := rlp.EncodeToBytes(fields) // texts can be encoded
	return string(data)
}

// keysOf are the first keys of a table that satisfy a condition, count at most; 0
// is no limit. From an offset above 0 on there are none, as on a node with
// executor version 1.
func keysOf(store Store, table string, valid func(key string) bool, offset, count uint64) []string {
	var keys []string
	if offset > 0 {
		return nil
	}
	store.Keys(table, func(key string) bool {
		if valid == nil || valid(key) {
			keys = append(keys, key)
		}
		return count == 0 || uint64(len(keys)) < count
	})
	return keys
}

// boundPrefix begins the code of accounts that stand for a table or an account:
// the contract behind them and a path follow.
const boundPrefix = "[PRECOMPILED]"

// Bound reports whether an account with this code is a table or the like, see RunBound.
func Bound(code []byte) bool { return bytes.HasPrefix(code, []byte(boundPrefix)) }

func boundCode(contract uint32, path string) []byte {
	return []byte(boundPrefix + "," + hexText(Address(contract)) + "," + path)
}

// bound splits such code.
func bound(code []byte) (contract common.Address, path string, err error) {
	parts := strings.Split(string(code), ",")
	if len(parts) < 3 {
		return contract, "", errInternal
	}
	return common.HexToAddress(parts[1]), parts[2], nil
}

// createBound makes an account with such code, and a link to it in the file system.
func createBound(x *context, account common.Address, contract uint32, path string) error {
	if result := innerTouch(x, path, typeLink, appsAndTables); result != codeSuccess {
		return errInternal
	}
	if err := createTable(x.State, path, "value"); err != nil {
		return err
	}
	if x.State.Exists(account) {
		return errInternal
	}
	x.State.SetCode(account, boundCode(contract, path))
	setAdmin(x.State, account, x.Origin)
	writeLink(x.State, path, hexText(account), "")
	return nil
}
