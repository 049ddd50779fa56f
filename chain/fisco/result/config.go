package result

import (
	"github.com/bcosgate/bcosgate/chain/jsonrpc"
)

// GenesisConfig is what GroupInfo.GenesisConfig says.
type GenesisConfig struct {
	BlockTxCountLimit     int64    `json:"blockTxCountLimit"`
	ConsensusLeaderPeriod int64    `json:"consensusLeaderPeriod"` // blocks
	ConsensusType         string   `json:"consensusType"`         // "pbft" or "rpbft"
	SealerList            []Sealer `json:"sealerList"`
	TxGasLimit            int64    `json:"txGasLimit"`
	jsonrpc.Form
}

// Members lists the members for package jsonrpc.
func (c *GenesisConfig) Members(o *jsonrpc.Object) {
	o.Int64("blockTxCountLimit", &c.BlockTxCountLimit)
	o.Int64("consensusLeaderPeriod", &c.ConsensusLeaderPeriod)
	o.String("consensusType", &c.ConsensusType)
	jsonrpc.List(o, "sealerList", &c.SealerList)
	o.Int64("txGasLimit", &c.TxGasLimit)
}

// UnmarshalJSON reads the configuration.
func (c *GenesisConfig) UnmarshalJSON(data []byte) error { return jsonrpc.Unmarshal(data, c) }

// MarshalJSON writes the configuration as it was read.
func (c GenesisConfig) MarshalJSON() ([]byte, error) { return jsonrpc.Marshal(&c) }

// NodeConfig is what GroupNode.IniConfig says.
type NodeConfig struct {
	BinaryInfo         BinaryInfo `json:"binaryInfo"`
	ChainID            string     `json:"chainID"`
	GroupID            string     `json:"groupID"`
	NodeID             string     `json:"nodeID"`
	NodeName           string     `json:"nodeName"`
	GatewayServiceName string     `json:"gatewayServiceName"`
	RPCServiceName     string     `json:"rpcServiceName"`
	IsAuthCheck        bool       `json:"isAuthCheck"`
	IsSerialExecute    bool       `json:"isSerialExecute"`
	IsWasm             bool       `json:"isWasm"`
	SMCryptoType       bool       `json:"smCryptoType"` // GM
	jsonrpc.Form
}

// Members lists the members for package jsonrpc.
func (c *NodeConfig) Members(o *jsonrpc.Object) {
	jsonrpc.Nested(o, "binaryInfo", &c.BinaryInfo)
	o.String("chainID", &c.ChainID)
	o.String("gatewayServiceName", &c.GatewayServiceName)
	o.String("groupID", &c.GroupID)
	o.Bool("isAuthCheck", &c.IsAuthCheck)
	o.Bool("isSerialExecute", &c.IsSerialExecute)
	o.Bool("isWasm", &c.IsWasm)
	o.String("nodeID", &c.NodeID)
	o.String("nodeName", &c.NodeName)
	o.String("rpcServiceName", &c.RPCServiceName)
	o.Bool("smCryptoType", &c.SMCryptoType)
}

// UnmarshalJSON reads the configuration.
func (c *NodeConfig) UnmarshalJSON(data []byte) error { return jsonrpc.Unmarshal(data, c) }

// MarshalJSON writes the configuration as it was read.
func (c NodeConfig) MarshalJSON() ([]byte, error) { return jsonrpc.Marshal(&c) }

// BinaryInfo is where a node's program comes from.
type BinaryInfo struct {
	BuildTime     string `json:"buildTime"`
	GitCommitHash string `json:"gitCommitHash"`
	Platform      string `json:"platform"`
	Version       string `json:"version"` // for example "3.16.4"
	jsonrpc.Form
}

// Members lists the members for package jsonrpc.
func (b *BinaryInfo) Members(o *jsonrpc.Object) {
	o.String("buildTime", &b.BuildTime)
	o.String("gitCommitHash", &b.GitCommitHash)
	o.String("platform", &b.Platform)
	o.String("version", &b.Version)
}

// UnmarshalJSON reads the origin.
func (b *BinaryInfo) UnmarshalJSON(data []byte) error { return jsonrpc.Unmarshal(data, b) }

// MarshalJSON writes the origin as it was read.
func (b BinaryInfo) MarshalJSON() ([]byte, error) { return jsonrpc.Marshal(&b) }
