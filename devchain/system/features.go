package system

// Flags of the chain that change what this development chain does.
const (
	FeatureEVMTimestamp       = "feature_evm_timestamp" // contracts see seconds
	featureSharding           = "feature_sharding"
	featureBalance            = "feature_balance"
	featureBalancePrecompiled = "feature_balance_precompiled"
	featureBalancePolicy1     = "feature_balance_policy1"
	featurePaillierRaw        = "feature_paillier_add_raw"
	featureRPBFT              = "feature_rpbft"
)

// optional are the flags that are off until somebody sets them.
var optional = []string{
	"feature_dmc2serial", featureSharding, featureRPBFT, "feature_paillier", featureBalance, featureBalancePrecompiled,
	featureBalancePolicy1, featurePaillierRaw, "feature_evm_cancun", FeatureEVMTimestamp, "feature_evm_address",
	"feature_rpbft_term_weight", "feature_raw_address", "feature_rpbft_vrf_type_secp256k1", "feature_balance_policy2",
}

// corrections are the flags that come with a data version, by version.
var corrections = []struct {
	version uint32
	flags   []string
}{
	{0x03020300, []string{"bugfix_revert"}},
	{0x03020400, []string{"bugfix_statestorage_hash", "bugfix_evm_create2_delegatecall_staticcall_codecopy"}},
	{0x03020700, []string{"bugfix_event_log_order", "bugfix_call_noaddr_return", "bugfix_precompiled_codehash", "bugfix_dmc_revert"}},
	{0x03060100, []string{"bugfix_keypage_system_entry_hash", "bugfix_internal_create_redundant_storage"}},
	{0x03070000, []string{
		"bugfix_empty_abi_reset", "bugfix_eip55_addr", "bugfix_sharding_call_in_child_executive",
		"bugfix_internal_create_permission_denied",
	}},
	{0x03080000, []string{
		"bugfix_eoa_as_contract", "bugfix_dmc_deploy_gas_used", "bugfix_evm_exception_gas_used", "bugfix_set_row_with_dirty_flag",
	}},
	{0x03090000, []string{
		"bugfix_staticcall_noaddr_return", "bugfix_support_transfer_receive_fallback", "bugfix_eoa_match_failed",
	}},
	{0x030c0000, []string{"bugfix_rpbft_vrf_blocknumber_input"}},
	{0x030d0000, []string{"bugfix_delete_account_code", "bugfix_policy1_empty_code_address", "bugfix_precompiled_gasused"}},
	{0x030e0000, []string{"bugfix_nonce_not_increase_when_revert", "bugfix_set_contract_nonce_when_create"}},
	{0x030f0100, []string{"bugfix_precompiled_gascalc"}},
	{0x030f0200, []string{"bugfix_method_auth_sender", "bugfix_precompiled_evm_status"}},
	{0x03100000, []string{"bugfix_delegatecall_transfer", "bugfix_nonce_initialize", "bugfix_v1_timestamp"}},
	{0x03100400, []string{"bugfix_revert_logs"}},
}

// isFlag reports whether a key of the system configuration is a flag.
func isFlag(key string) bool {
	for _, name := range optional {
		if name == key {
			return true
		}
	}
	for _, c := range corrections {
		for _, name := range c.flags {
			if name == key {
				return true
			}
		}
	}
	return false
}

// flagsBetween are the flags that come with versions above from up to to.
func flagsBetween(from, to uint32) (flags []string) {
	for _, c := range corrections {
		if from < c.version && to >= c.version {
			flags = append(flags, c.flags...)
		}
	}
	return flags
}
