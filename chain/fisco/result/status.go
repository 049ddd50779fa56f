package result

import (
	"github.com/bcosgate/bcosgate/chain/jsonrpc"
)

// SyncStatus is the answer of getSyncStatus, JSON inside a string (protocol §3.5.3).
// Hashes are 64 hex digits without 0x.
type SyncStatus struct {
	IsSyncing           bool       `json:"isSyncing"`
	GenesisHash         string     `json:"genesisHash"`
	NodeID              string     `json:"nodeID"` // 128 hex digits without 0x
	BlockNumber         int64      `json:"blockNumber"`
	ArchivedBlockNumber int64      `json:"archivedBlockNumber"`
	LatestHash          string     `json:"latestHash"`
	KnownHighestNumber  int64      `json:"knownHighestNumber"` // among the peers
	KnownLatestHash     string     `json:"knownLatestHash"`
	Peers               []SyncPeer `json:"peers"`
	jsonrpc.Quoted
}

// Members lists the members for package jsonrpc.
func (s *SyncStatus) Members(o *jsonrpc.Object) {
	o.Int64("archivedBlockNumber", &s.ArchivedBlockNumber)
	o.Int64("blockNumber", &s.BlockNumber)
	o.String("genesisHash", &s.GenesisHash)
	o.Bool("isSyncing", &s.IsSyncing)
	o.Int64("knownHighestNumber", &s.KnownHighestNumber)
	o.String("knownLatestHash", &s.KnownLatestHash)
	o.String("latestHash", &s.LatestHash)
	o.String("nodeID", &s.NodeID)
	jsonrpc.List(o, "peers", &s.Peers)
}

// UnmarshalJSON reads the answer.
func (s *SyncStatus) UnmarshalJSON(data []byte) error { return jsonrpc.Unmarshal(data, s) }

// MarshalJSON writes the answer as it was read.
func (s SyncStatus) MarshalJSON() ([]byte, error) { return jsonrpc.Marshal(&s) }

// SyncPeer is how far a peer is.
type SyncPeer struct {
	NodeID              string `json:"nodeID"`
	GenesisHash         string `json:"genesisHash"`
	BlockNumber         int64  `json:"blockNumber"`
	LatestHash          string `json:"latestHash"`
	ArchivedBlockNumber int64  `json:"archivedBlockNumber"`
	jsonrpc.Form
}

// Members lists the members for package jsonrpc.
func (p *SyncPeer) Members(o *jsonrpc.Object) {
	o.Int64("archivedBlockNumber", &p.ArchivedBlockNumber)
	o.Int64("blockNumber", &p.BlockNumber)
	o.String("genesisHash", &p.GenesisHash)
	o.String("latestHash", &p.LatestHash)
	o.String("nodeID", &p.NodeID)
}

// UnmarshalJSON reads the peer.
func (p *SyncPeer) UnmarshalJSON(data []byte) error { return jsonrpc.Unmarshal(data, p) }

// MarshalJSON writes the peer as it was read.
func (p SyncPeer) MarshalJSON() ([]byte, error) { return jsonrpc.Marshal(&p) }

// ConsensusStatus is the answer of getConsensusStatus, JSON inside a string (protocol
// §3.5.4). On a node that takes no part in the consensus an index is 2^64-1.
type ConsensusStatus struct {
	NodeID            string          `json:"nodeID"` // 128 hex digits without 0x
	Index             uint64          `json:"index"`  // of the node among the sealers
	LeaderIndex       uint64          `json:"leaderIndex"`
	ConsensusNodesNum uint64          `json:"consensusNodesNum"`
	MaxFaultyQuorum   uint64          `json:"maxFaultyQuorum"`
	MinRequiredQuorum uint64          `json:"minRequiredQuorum"`
	IsConsensusNode   bool            `json:"isConsensusNode"`
	BlockNumber       int64           `json:"blockNumber"`
	Hash              string          `json:"hash"`    // 64 hex digits without 0x
	Timeout           bool            `json:"timeout"` // a view change is going on
	ChangeCycle       uint64          `json:"changeCycle"`
	View              uint64          `json:"view"`
	ConnectedNodeList uint64          `json:"connectedNodeList"` // how many
	ConsensusNodeList []ConsensusNode `json:"consensusNodeList"`
	jsonrpc.Quoted
}

// Members lists the members for package jsonrpc.
func (s *ConsensusStatus) Members(o *jsonrpc.Object) {
	o.Int64("blockNumber", &s.BlockNumber)
	o.Uint64("changeCycle", &s.ChangeCycle)
	o.Uint64("connectedNodeList", &s.ConnectedNodeList)
	jsonrpc.List(o, "consensusNodeList", &s.ConsensusNodeList)
	o.Uint64("consensusNodesNum", &s.ConsensusNodesNum)
	o.String("hash", &s.Hash)
	o.Uint64("index", &s.Index)
	o.Bool("isConsensusNode", &s.IsConsensusNode)
	o.Uint64("leaderIndex", &s.LeaderIndex)
	o.Uint64("maxFaultyQuorum", &s.MaxFaultyQuorum)
	o.Uint64("minRequiredQuorum", &s.MinRequiredQuorum)
	o.String("nodeID", &s.NodeID)
	o.Bool("timeout", &s.Timeout)
	o.Uint64("view", &s.View)
}

// UnmarshalJSON reads the answer.
func (s *ConsensusStatus) UnmarshalJSON(data []byte) error { return jsonrpc.Unmarshal(data, s) }

// MarshalJSON writes the answer as it was read.
func (s ConsensusStatus) MarshalJSON() ([]byte, error) { return jsonrpc.Marshal(&s) }

// ConsensusNode is a sealer as the consensus sees it.
type ConsensusNode struct {
	NodeID     string `json:"nodeID"`
	Weight     int64  `json:"weight"`
	TermWeight int64  `json:"termWeight"`
	Index      uint64 `json:"index"`
	jsonrpc.Form
}

// Members lists the members for package jsonrpc.
func (n *ConsensusNode) Members(o *jsonrpc.Object) {
	o.Uint64("index", &n.Index)
	o.String("nodeID", &n.NodeID)
	o.Int64("termWeight", &n.TermWeight)
	o.Int64("weight", &n.Weight)
}

// UnmarshalJSON reads the node.
func (n *ConsensusNode) UnmarshalJSON(data []byte) error { return jsonrpc.Unmarshal(data, n) }

// MarshalJSON writes the node as it was read.
func (n ConsensusNode) MarshalJSON() ([]byte, error) { return jsonrpc.Marshal(&n) }
