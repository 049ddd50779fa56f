package system

import (
	"strings"

	"github.com/ethereum/go-ethereum/common"
)

// Genesis is what a chain begins with.
type Genesis struct {
	Settings map[string]string // of the system configuration
	Version  uint32            // data version, which brings flags
	Nodes    []Node
	Governor common.Address // the only one at first
}

// sysFiles are the names below /sys.
var sysFiles = map[string]uint32{
	"status": sysConfigAt, "table_storage": tableAt, "table_manager": tableManagerAt, "consensus": consensusAt,
	"auth": authManagerAt, "kv_storage": kvTableAt, "crypto_tools": cryptoAt, "dag_test": dagTransferAt, "bfs": bfsAt,
	"group_sig": groupSigAt, "ring_sig": ringSigAt, "discrete_zkp": zkpAt, "account_manager": accountManageAt,
	"cast_tools": castAt, "sharding": shardingAt,
}

// Write writes what block 0 leaves in the tables.
func (g Genesis) Write(store Store) {
	for key, v := range g.Settings {
		writeSetting(store, key, Setting{Value: v})
	}
	for _, flag := range flagsBetween(0, g.Version) {
		writeSetting(store, flag, Setting{Value: "1"})
	}
	writeNodes(store, g.Nodes)
	committeeRow{Governors: []governor{{g.Governor, 1}}}.write(store)
	for _, table := range []string{configTable, nodeTable} {
		store.Set(tableList, table, "value")
	}
	store.Set(tableList, "/", directoryColumns)
	for _, directory := range []string{"apps", "sys", "tables", "usr"} {
		store.Set("/", directory, fileRow(typeDirectory))
		store.Set(tableList, "/"+directory, directoryColumns)
	}
	for name, at := range sysFiles {
		store.Set(strings.TrimSuffix(sysPrefix, "/"), name, fileRow(typeLink))
		store.Set(tableList, sysPrefix+name, "value")
		writeLink(store, sysPrefix+name, hexText(Address(at)), "")
	}
}
