package devchain

import (
	"fmt"
	"math"
	"strconv"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/devchain/flatstate"
	"github.com/bcosgate/bcosgate/devchain/system"
	"github.com/bcosgate/bcosgate/devchain/tables"
)

// SystemConfig reads a value of the system configuration by its key, also one that
// counts only from the next block on; ErrNotFound for keys that are not set.
func (c *Chain) SystemConfig(key string) (Setting, error) {
	return read(c, func(v *view) (Setting, error) {
		rows := tables.New(v)
		s, ok := system.ReadSetting(rows, key)
		if err := rows.Err(); err != nil {
			return Setting{}, err
		}
		if !ok {
			return Setting{}, fmt.Errorf("setting %q: %w", key, ErrNotFound)
		}
		return Setting{Value: s.Value, BlockNumber: s.Since}, nil
	})
}

// Nodes are the members of the group as the next block will find them.
func (c *Chain) Nodes() ([]Node, error) {
	return read(c, func(v *view) ([]Node, error) {
		rows := tables.New(v)
		var nodes []Node
		for _, node := range system.Nodes(rows) {
			if node.Since <= v.head.Number+1 {
				nodes = append(nodes, Node{ID: node.ID, Kind: node.Kind, Weight: node.Weight, TermWeight: node.Term})
			}
		}
		return nodes, rows.Err()
	})
}

// settings are what is in force in the next block; those of the last one when the
// chain is closed.
func (c *Chain) settings() *system.Config { return c.inForce.Load() }

// blockSize is the most transactions of the next block.
func (c *Chain) blockSize() int { return int(min(c.settings().CountLimit, math.MaxInt32)) }

// tables are the rows that the genesis leaves (protocol section 11.4).
func (g Genesis) tables(version uint32) []flatstate.Change {
	var nodes []system.Node
	for _, s := range g.sortedSealers() {
		nodes = append(nodes, system.Node{ID: s.NodeID(), Kind: system.KindSealer, Weight: s.Weight})
	}
	rows := tables.New(noRows{})
	system.Genesis{
		Settings: map[string]string{
			"tx_count_limit":          strconv.FormatUint(g.TxCountLimit, 10),
			"tx_gas_limit":            strconv.FormatUint(g.GasLimit, 10),
			"tx_gas_price":            "0x0",
			"consensus_leader_period": strconv.FormatUint(g.LeaderPeriod, 10),
			"compatibility_version":   g.Version,
			"auth_check_status":       strconv.Itoa(flag(g.AuthCheck)),
			"web3_chain_id":           strconv.FormatUint(g.Web3ChainID, 10),
			"executor_version":        "1",
			"balance_transfer":        "1",
		},
		Version:  version,
		Nodes:    nodes,
		Governor: common.HexToAddress(g.AuthAdminAccount),
	}.Write(rows)
	return rows.Changes()
}

// noRows is the store before block 0.
type noRows struct{}

func (noRows) Get([]byte) ([]byte, error)                      { return nil, nil }
func (noRows) Scan([]byte, func(key, value []byte) bool) error { return nil }
