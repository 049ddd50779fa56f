package devchain

import (
	"fmt"
	"strconv"
)

// SystemConfig reads a value of the system configuration by its key in lower
// case; ErrNotFound for keys that are not set. It is what the genesis wrote
// (protocol section 11.4): nothing can change it yet.
func (c *Chain) SystemConfig(key string) (Setting, error) {
	g := c.cfg.Genesis
	var value string
	switch key {
	case "tx_count_limit":
		value = strconv.FormatUint(g.TxCountLimit, 10)
	case "tx_gas_limit":
		value = strconv.FormatUint(g.GasLimit, 10)
	case "tx_gas_price":
		value = "0x0"
	case "consensus_leader_period":
		value = strconv.FormatUint(g.LeaderPeriod, 10)
	case "compatibility_version":
		value = g.Version
	case "auth_check_status":
		value = "0"
	case "web3_chain_id":
		value = strconv.FormatUint(g.Web3ChainID, 10)
	case "executor_version", "balance_transfer":
		value = "1"
	default:
		return Setting{}, fmt.Errorf("setting %q: %w", key, ErrNotFound)
	}
	return Setting{Value: value}, nil
}
