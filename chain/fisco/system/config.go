package system

import (
	"context"
	"regexp"
	"strconv"
	"strings"
)

// SystemConfig is contract 0x1000: settings of the chain that take effect in the
// next block. On a chain with permissions only the committee may change them.
type SystemConfig struct{ contract }

// SystemConfig is the contract of this group.
func (c *Contracts) SystemConfig() SystemConfig {
	return SystemConfig{c.fixed("SystemConfig", 0x1000)}
}

// SetValue changes a setting. It refuses what is never right on a 3.x chain: a
// value outside of the rule of its key (protocol §8.1), above all an
// executor_version other than 0 and 1, which ends every node, and a
// compatibility_version that is no 3.x version (§5.7). Keys without a rule here
// are left to the node. Whether a compatibility_version is above what the nodes
// run cannot be seen here: nodes take it, and are not made for it.
func (s SystemConfig) SetValue(key, value string) (Write[None], error) {
	if err := s.checkSetting("setValueByKey", key, value); err != nil {
		return Write[None]{}, err
	}
	return s.change("setValueByKey(string,string)", key, value)
}

// Setting is the value of a setting and the block from which on it holds, 0 for
// one of the genesis block.
type Setting struct {
	Value string
	Block uint64
}

// Value reads a setting. KindNotFound when it is not set or the node does not
// know the key.
func (s SystemConfig) Value(ctx context.Context, key string) (Setting, error) {
	return read(ctx, s.contract, "getValueByKey(string)(string,int256)", func(out *outputs) Setting {
		value, block := out.text(), out.int64()
		if block < 0 {
			out.missing = "the setting is not set, or the node does not know it"
			return Setting{}
		}
		return Setting{Value: value, Block: uint64(block)}
	}, key)
}

// settingRule is what a value must be, at least.
type settingRule struct {
	fits func(value string) bool
	want string
}

// settingRules has the rules of protocol §8.1. The node knows keys in lower case.
var settingRules = map[string]settingRule{
	"tx_gas_limit":                   wholeFrom(100000),
	"tx_gas_price":                   {regexp.MustCompile(`^0x[0-9a-fA-F]+$`).MatchString, "hex behind 0x"},
	"tx_count_limit":                 wholeFrom(1),
	"consensus_leader_period":        wholeFrom(1),
	"auth_check_status":              whole(0, 255),
	"compatibility_version":          {regexp.MustCompile(`^3\.\d{1,3}\.\d{1,3}$`).MatchString, "a version 3.x.y"},
	"feature_rpbft_epoch_block_num":  wholeFrom(1),
	"feature_rpbft_epoch_sealer_num": wholeFrom(1),
	"web3_chain_id":                  whole(0, 1<<32-1),
	"balance_transfer":               wholeFrom(0),
	"executor_version":               {regexp.MustCompile(`^[01]$`).MatchString, "0 or 1: any other ends the nodes of the chain"},
}

// flagRule is that of features and fixes, which cannot be switched off again.
var flagRule = settingRule{func(value string) bool { return value == "1" }, `"1"`}

func wholeFrom(least int64) settingRule { return whole(least, 1<<63-1) }

func whole(least, most int64) settingRule {
	want := "a whole number from " + strconv.FormatInt(least, 10)
	if most < 1<<63-1 {
		want += " to " + strconv.FormatInt(most, 10)
	}
	return settingRule{func(value string) bool {
		n, err := strconv.ParseInt(value, 10, 64)
		return err == nil && n >= least && n <= most
	}, want}
}

// checkSetting refuses what no node should get.
func (c contract) checkSetting(function, key, value string) error {
	key = strings.ToLower(key)
	rule, ok := settingRules[key]
	if !ok && (strings.HasPrefix(key, "feature_") || strings.HasPrefix(key, "bugfix_")) {
		rule, ok = flagRule, true
	}
	if ok && !rule.fits(value) {
		return c.invalid(function, "%s must be %s, not %q", key, rule.want, value)
	}
	return nil
}
