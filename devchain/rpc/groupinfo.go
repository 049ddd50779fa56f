package rpc

import (
	"github.com/bcosgate/bcosgate/devchain/nodehttp"
	"github.com/bcosgate/bcosgate/devchain/suite"
)

// The GroupInfo of protocol §3.6, the way a 3.16.4 node fills it in. Official
// clients read it from the handshake and refuse a node whose members are missing.

type groupInfo struct {
	ChainID       string     `json:"chainID"`
	GenesisConfig string     `json:"genesisConfig"` // JSON as text
	GroupID       string     `json:"groupID"`
	IniConfig     string     `json:"iniConfig"`
	NodeList      []nodeInfo `json:"nodeList"`
}

type nodeInfo struct {
	FeatureKeys    []string      `json:"featureKeys"`
	IniConfig      string        `json:"iniConfig"` // JSON as text
	MicroService   bool          `json:"microService"`
	Name           string        `json:"name"` // also the nodeName of block notices
	NodeID         string        `json:"nodeID"`
	Protocol       protocolInfo  `json:"protocol"`
	ServiceInfo    []serviceInfo `json:"serviceInfo"`
	SupportConfigs []string      `json:"supportConfigs"`
	Type           int           `json:"type"` // 0: standard cryptography, 1: GM
}

type protocolInfo struct {
	CompatibilityVersion uint32 `json:"compatibilityVersion"`
	MaxSupportedVersion  int    `json:"maxSupportedVersion"`
	MinSupportedVersion  int    `json:"minSupportedVersion"`
}

type serviceInfo struct {
	ServiceName string `json:"serviceName"`
	Type        int    `json:"type"`
}

// binaryInfo names the node version whose behaviour this is: clients compare it.
type binaryInfo struct {
	BuildTime     string `json:"buildTime"`
	GitCommitHash string `json:"gitCommitHash"`
	Platform      string `json:"platform"`
	Version       string `json:"version"`
}

// The node that this front end was modelled on.
const (
	behavesAs       = "3.16.4"
	behavesAsCommit = "fb904507481607d24ca07a2743444ddf77500798"
)

// groupInfo has this node only: a node of the Air edition knows no other.
func (s *Server) groupInfo() groupInfo {
	type sealer struct {
		NodeID string `json:"nodeID"`
		Weight uint64 `json:"weight"`
	}
	sealers := []sealer{}
	for _, m := range s.sealers() {
		sealers = append(sealers, sealer{m.NodeID, m.Weight})
	}
	config, _ := lineText(struct { // strings and numbers only: cannot fail
		BlockTxCountLimit     uint64   `json:"blockTxCountLimit"`
		ConsensusLeaderPeriod uint64   `json:"consensusLeaderPeriod"`
		ConsensusType         string   `json:"consensusType"`
		SealerList            []sealer `json:"sealerList"`
		TxGasLimit            uint64   `json:"txGasLimit"`
	}{s.genesis.TxCountLimit, s.genesis.LeaderPeriod, s.genesis.ConsensusType, sealers, s.genesis.GasLimit})
	return groupInfo{ChainID: s.genesis.ChainID, GenesisConfig: config, GroupID: s.genesis.GroupID, NodeList: []nodeInfo{s.nodeInfo()}}
}

func (s *Server) nodeInfo() nodeInfo {
	config, _ := lineText(struct { // strings and bools only: cannot fail
		BinaryInfo         binaryInfo `json:"binaryInfo"`
		ChainID            string     `json:"chainID"`
		GatewayServiceName string     `json:"gatewayServiceName"`
		GroupID            string     `json:"groupID"`
		IsAuthCheck        bool       `json:"isAuthCheck"`
		IsSerialExecute    bool       `json:"isSerialExecute"`
		IsWasm             bool       `json:"isWasm"`
		NodeID             string     `json:"nodeID"`
		NodeName           string     `json:"nodeName"`
		RPCServiceName     string     `json:"rpcServiceName"`
		SMCryptoType       bool       `json:"smCryptoType"`
	}{
		BinaryInfo: binaryInfo{GitCommitHash: behavesAsCommit, Platform: nodehttp.ServerName, Version: behavesAs}, ChainID: s.genesis.ChainID, GroupID: s.genesis.GroupID,
		IsAuthCheck: s.genesis.AuthCheck, IsSerialExecute: s.genesis.SerialExecute, NodeID: s.cfg.Node.ID, NodeName: s.cfg.Node.ID,
		SMCryptoType: s.genesis.Suite == suite.GM,
	})
	return nodeInfo{
		FeatureKeys: featureKeys(), IniConfig: config, Name: s.cfg.Node.ID, NodeID: s.cfg.Node.ID,
		Protocol: protocolInfo{s.dataVersion, highestProtocol, lowestProtocol},
		ServiceInfo: []serviceInfo{
			{"LedgerServiceObj", 2}, {"SchedulerServiceObj", 3}, {"FrontServiceObj", 4}, {"", 6}, {"", 7}, {"TxPoolServiceObj", 8},
		},
		SupportConfigs: supportConfigs(), Type: int(s.genesis.Suite),
	}
}

// featureKeys are the flags that a 3.16.4 node knows, set or not.
func featureKeys() []string {
	return []string{
		"bugfix_revert", "bugfix_statestorage_hash", "bugfix_evm_create2_delegatecall_staticcall_codecopy",
		"bugfix_event_log_order", "bugfix_call_noaddr_return", "bugfix_precompiled_codehash", "bugfix_dmc_revert",
		"bugfix_keypage_system_entry_hash", "bugfix_internal_create_redundant_storage",
		"bugfix_internal_create_permission_denied", "bugfix_sharding_call_in_child_executive", "bugfix_empty_abi_reset",
		"bugfix_eip55_addr", "bugfix_eoa_as_contract", "bugfix_eoa_match_failed", "bugfix_evm_exception_gas_used",
		"bugfix_dmc_deploy_gas_used", "bugfix_staticcall_noaddr_return", "bugfix_support_transfer_receive_fallback",
		"bugfix_set_row_with_dirty_flag", "bugfix_rpbft_vrf_blocknumber_input", "bugfix_delete_account_code",
		"bugfix_policy1_empty_code_address", "bugfix_precompiled_gasused", "bugfix_nonce_not_increase_when_revert",
		"bugfix_set_contract_nonce_when_create", "bugfix_precompiled_gascalc", "bugfix_method_auth_sender",
		"bugfix_precompiled_evm_status", "bugfix_delegatecall_transfer", "bugfix_nonce_initialize", "bugfix_v1_timestamp",
		"bugfix_revert_logs", "feature_dmc2serial", "feature_sharding", "feature_rpbft", "feature_paillier",
		"feature_balance", "feature_balance_precompiled", "feature_balance_policy1", "feature_paillier_add_raw",
		"feature_evm_cancun", "feature_evm_timestamp", "feature_evm_address", "feature_rpbft_term_weight",
		"feature_raw_address", "feature_rpbft_vrf_type_secp256k1", "feature_balance_policy2",
	}
}

// supportConfigs are the keys of the system configuration that a node announces.
func supportConfigs() []string {
	return []string{
		"tx_gas_limit", "tx_gas_price", "tx_count_limit", "consensus_leader_period", "auth_check_status",
		"compatibility_version", "feature_rpbft", "feature_rpbft_epoch_block_num", "feature_rpbft_epoch_sealer_num",
		"feature_rpbft_notify_rotate", "feature_balance_precompiled", "web3_chain_id", "balance_transfer",
		"executor_version",
	}
}
