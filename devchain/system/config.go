package system

import (
	"math"
	"strconv"
	"strings"

	"github.com/ethereum/go-ethereum/rlp"
	"github.com/holiman/uint256"
)

// Names of values of the system configuration.
const (
	keyGasLimit     = "tx_gas_limit"
	keyGasPrice     = "tx_gas_price"
	keyCountLimit   = "tx_count_limit"
	keyLeaderPeriod = "consensus_leader_period"
	keyAuthCheck    = "auth_check_status"
	keyVersion      = "compatibility_version"
	keyWeb3ChainID  = "web3_chain_id"
	keyTransfer     = "balance_transfer"
	keyExecutor     = "executor_version"
)

// configTable has the system configuration: settings by key.
const configTable = "s_config"

// Setting is a value of the system configuration and the block from which on it
// counts.
type Setting struct {
	Value string
	Since uint64
}

// ReadSetting reads a setting, also one that counts only from a later block on.
func ReadSetting(store Store, key string) (Setting, bool) {
	data, ok := store.Get(configTable, key)
	var s Setting
	if !ok || rlp.DecodeBytes([]byte(data), &s) != nil {
		return Setting{}, false
	}
	return s, true
}

func writeSetting(store Store, key string, s Setting) {
	data, _ := rlp.EncodeToBytes(&s) // a text and a number can be encoded
	store.Set(configTable, key, string(data))
}

// Config is the system configuration that is in force in one block. It is not
// changed once made.
type Config struct {
	GasLimit     uint64
	GasPrice     *uint256.Int
	CountLimit   uint64
	LeaderPeriod uint64
	AuthCheck    bool
	Version      uint32 // of the data, for example 0x03100000
	Web3ChainID  uint64
	Transfer     bool   // value moves with transactions and calls
	Newest       uint64 // the block from which on the value counts that was set last
	flags        map[string]bool
}

// On reports whether a flag is on.
func (c *Config) On(flag string) bool { return c.flags[flag] }

// ReadConfig is the configuration in force in a block; the rows are those that the
// block before it left.
func ReadConfig(store Store, block uint64) *Config {
	c := &Config{flags: map[string]bool{}, GasPrice: new(uint256.Int)}
	number := func(s Setting) uint64 {
		n, _ := strconv.ParseInt(s.Value, 10, 64) // checked when it was set
		return uint64(n)
	}
	store.Keys(configTable, func(key string) bool {
		s, ok := ReadSetting(store, key)
		if !ok || s.Since > block {
			return true
		}
		c.Newest = max(c.Newest, s.Since)
		switch key {
		case keyGasLimit:
			c.GasLimit = number(s)
		case keyGasPrice:
			c.GasPrice, _ = parseGasPrice(s.Value)
		case keyCountLimit:
			c.CountLimit = number(s)
		case keyLeaderPeriod:
			c.LeaderPeriod = number(s)
		case keyAuthCheck:
			c.AuthCheck = number(s) != 0
		case keyVersion:
			c.Version, _ = parseVersion(s.Value)
		case keyWeb3ChainID:
			n, _ := parseUnsigned(s.Value)
			c.Web3ChainID = n.Uint64()
		case keyTransfer:
			c.Transfer = s.Value != "0"
		default:
			c.flags[key] = isFlag(key)
		}
		return true
	})
	return c
}

func parseGasPrice(text string) (*uint256.Int, bool) {
	digits, ok := strings.CutPrefix(text, "0x")
	if !ok || digits == "" || strings.Trim(digits, "0123456789abcdefABCDEF") != "" {
		return new(uint256.Int), false
	}
	digits = strings.TrimLeft(digits, "0")
	if digits == "" {
		return new(uint256.Int), true
	}
	n, err := uint256.FromHex("0x" + digits)
	if err != nil {
		return new(uint256.Int), false
	}
	return n, true
}

// parseVersion reads MAJOR.MINOR or MAJOR.MINOR.PATCH; more parts are ignored with
// the patch, as on a node.
func parseVersion(text string) (uint32, bool) {
	parts := strings.Split(text, ".")
	if len(parts) < 2 {
		return 0, false
	}
	numbers := [3]uint64{}
	for i := range min(len(parts), 3) {
		if i == 2 && len(parts) != 3 {
			break
		}
		n, err := strconv.ParseUint(parts[i], 10, 32)
		if err != nil {
			return 0, false
		}
		numbers[i] = n
	}
	if numbers[0] < 3 || numbers[0] > math.MaxUint8 {
		return 0, false
	}
	return uint32(numbers[0]<<24 + numbers[1]<<16 + numbers[2]<<8), true
}
