package result

import (
	"github.com/bcosgate/bcosgate/chain/jsonrpc"
)

// Handshake is the answer to a handshake (protocol §2.3).
type Handshake struct {
	GroupBlockNumber []map[string]int64 `json:"groupBlockNumber"` // the head of each group, in maps of one entry
	GroupInfoList    []GroupInfo        `json:"groupInfoList"`
	ProtocolVersion  *int               `json:"protocolVersion"` // nil when the node says none
	jsonrpc.Form
}

// Members lists the members for package jsonrpc.
func (h *Handshake) Members(o *jsonrpc.Object) {
	jsonrpc.Any(o, "groupBlockNumber", &h.GroupBlockNumber)
	jsonrpc.List(o, "groupInfoList", &h.GroupInfoList)
	jsonrpc.Any(o, "protocolVersion", &h.ProtocolVersion)
}

// UnmarshalJSON reads the answer.
func (h *Handshake) UnmarshalJSON(data []byte) error { return jsonrpc.Unmarshal(data, h) }

// MarshalJSON writes the answer as it was read.
func (h Handshake) MarshalJSON() ([]byte, error) { return jsonrpc.Marshal(&h) }

// BlockNotify is what a node pushes after each block (protocol §2.4).
type BlockNotify struct {
	BlockNumber int64  `json:"blockNumber"`
	Group       string `json:"group"`
	NodeName    string `json:"nodeName"`
	jsonrpc.Form
}

// Members lists the members for package jsonrpc.
func (n *BlockNotify) Members(o *jsonrpc.Object) {
	o.Int64("blockNumber", &n.BlockNumber)
	o.String("group", &n.Group)
	o.String("nodeName", &n.NodeName)
}

// UnmarshalJSON reads the news.
func (n *BlockNotify) UnmarshalJSON(data []byte) error { return jsonrpc.Unmarshal(data, n) }

// MarshalJSON writes the news as it was read.
func (n BlockNotify) MarshalJSON() ([]byte, error) { return jsonrpc.Marshal(&n) }
