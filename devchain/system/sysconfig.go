package system

import (
	"math"
	"strconv"
	"strings"
)

// newest is the highest data version that this chain behaves as.
const (
	newest     = 0x03100400
	newestText = "3.16.4"
)

// SystemConfig, 0x1000.
func (c *Contracts) sysConfig() contract {
	return contract{
		name: "SystemConfigPrecompiled",
		methods: c.functions(map[string]method{
			"setValueByKey(string,string)": setValueByKey,
			"getValueByKey(string)":        getValueByKey,
		}),
	}
}

func getValueByKey(x *context, args *arguments) ([]byte, error) {
	s, ok := ReadSetting(x.State, strings.ToLower(args.string()))
	if !ok {
		return encode(text(""), integer(-1)), nil
	}
	return encode(text(s.Value), number(s.Since)), nil
}

func setValueByKey(x *context, args *arguments) ([]byte, error) {
	if x.Config.AuthCheck && x.call.Sender != Address(committeeAt) {
		return code(codeNoAuthorized)
	}
	key, value := strings.ToLower(args.string()), args.string()
	if err := checkSetting(x, key, value); err != nil {
		return nil, err
	}
	writeSetting(x.State, key, Setting{Value: value, Since: x.Block + 1})
	if key == keyVersion {
		version, _ := parseVersion(value)
		for _, flag := range flagsBetween(x.Config.Version, version) {
			if _, ok := ReadSetting(x.State, flag); !ok {
				writeSetting(x.State, flag, Setting{Value: "1"})
			}
		}
	}
	if key == featureBalancePrecompiled {
		for _, governor := range governors(x.State) {
			x.State.Set(balanceCallers, hexText(governor), "1")
		}
		createIfMissing(x.State, balanceCallers, "value")
	}
	return code(codeSuccess)
}

// lowest is the least value of the settings that are plain numbers.
var lowest = map[string]int64{
	keyGasLimit: 100_000, keyCountLimit: 1, keyLeaderPeriod: 1, keyAuthCheck: 0, keyTransfer: 0, keyExecutor: 0,
	"feature_rpbft_epoch_block_num": 1, "feature_rpbft_epoch_sealer_num": 1,
}

// checkSetting says why a value cannot be set; nil when it can.
func checkSetting(x *context, key, value string) error {
	least, plain := lowest[key]
	flag := isFlag(key)
	if !plain && !flag && key != keyVersion && key != keyGasPrice && key != keyWeb3ChainID {
		return refuse("unsupported key %s", key)
	}
	if value == "" {
		return refuse("The value for %s must be non-empty.", key)
	}
	switch {
	case flag:
		return checkFlag(x, key, value)
	case key == keyVersion:
		return checkVersion(x, value)
	case key == keyGasPrice:
		if _, ok := parseGasPrice(value); !ok {
			return noNumber(key)
		}
		return nil
	case key == keyWeb3ChainID:
		if n, ok := parseUnsigned(value); !ok || n.GtUint64(math.MaxUint32) {
			return noNumber(key)
		}
		return nil
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return noNumber(key)
	}
	if n < least {
		return refuse("Invalid value %d ,the value for %s must be no less than %d", n, key, least)
	}
	return checkLimits(key, n)
}

func noNumber(key string) error { return refuse("The value for %s must be a valid number.", key) }

// checkLimits refuses numbers that a node takes, to its own harm or because it has
// what is missing here.
func checkLimits(key string, n int64) error {
	switch {
	case key == keyAuthCheck && n > math.MaxUint8:
		return refuse("Invalid status value, must less than %d", math.MaxUint8)
	case key == keyExecutor && n != 1:
		return refuse("executor_version %d is not available on a development chain, only 1", n)
	}
	return nil
}

func checkFlag(x *context, key, value string) error {
	if value != "1" {
		return noNumber(key) // a node loses the better text that it had
	}
	switch {
	case key == featureBalancePrecompiled && !x.Config.On(featureBalance):
		return refuse("must set feature_balance first")
	case key == featureBalancePolicy1 && !x.Config.On(featureBalancePrecompiled):
		return refuse("must set feature_balance_precompiled first")
	case key == featureRPBFT:
		return refuse("feature_rpbft is not available on a development chain")
	}
	return nil
}

func checkVersion(x *context, value string) error {
	version, ok := parseVersion(value)
	switch {
	case !ok:
		return refuse("Invalid value for %s. The version must be in format of major_version.middle_version.minimum_version, "+
			"and the minimum version is optional. The major version must between 3 to 255", keyVersion)
	case version < x.Config.Version:
		return noNumber(keyVersion)
	case version > newest:
		return refuse("compatibility_version %s is above %s, the newest that a development chain knows", value, newestText)
	}
	return nil
}
