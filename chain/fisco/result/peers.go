package result

import (
	"github.com/bcosgate/bcosgate/chain/jsonrpc"
)

// Peers is the answer of getPeers (protocol §3.5.5).
type Peers struct {
	P2PNodeID       string         `json:"p2pNodeID"` // hex of the public key in the certificate; some versions give bytes that are no text for peers
	EndPoint        string         `json:"endPoint"`  // where the node listens, host:port
	GroupNodeIDInfo []GroupNodeIDs `json:"groupNodeIDInfo"`
	Peers           []Peer         `json:"peers"`
	jsonrpc.Form
}

// Members lists the members for package jsonrpc.
func (p *Peers) Members(o *jsonrpc.Object) {
	o.String("endPoint", &p.EndPoint)
	jsonrpc.List(o, "groupNodeIDInfo", &p.GroupNodeIDInfo)
	o.String("p2pNodeID", &p.P2PNodeID)
	jsonrpc.List(o, "peers", &p.Peers)
}

// UnmarshalJSON reads the answer.
func (p *Peers) UnmarshalJSON(data []byte) error { return jsonrpc.Unmarshal(data, p) }

// MarshalJSON writes the answer as it was read.
func (p Peers) MarshalJSON() ([]byte, error) { return jsonrpc.Marshal(&p) }

// Peer is a node at the other end of a p2p connection.
type Peer struct {
	P2PNodeID       string         `json:"p2pNodeID"` // see Peers
	EndPoint        string         `json:"endPoint"`  // host:port
	GroupNodeIDInfo []GroupNodeIDs `json:"groupNodeIDInfo"`
	jsonrpc.Form
}

// Members lists the members for package jsonrpc.
func (p *Peer) Members(o *jsonrpc.Object) {
	o.String("endPoint", &p.EndPoint)
	jsonrpc.List(o, "groupNodeIDInfo", &p.GroupNodeIDInfo)
	o.String("p2pNodeID", &p.P2PNodeID)
}

// UnmarshalJSON reads the peer.
func (p *Peer) UnmarshalJSON(data []byte) error { return jsonrpc.Unmarshal(data, p) }

// MarshalJSON writes the peer as it was read.
func (p Peer) MarshalJSON() ([]byte, error) { return jsonrpc.Marshal(&p) }

// GroupNodeIDs is the nodes of a group.
type GroupNodeIDs struct {
	Group      string   `json:"group"`
	NodeIDList []string `json:"nodeIDList"` // 128 hex digits without 0x
	jsonrpc.Form
}

// Members lists the members for package jsonrpc.
func (g *GroupNodeIDs) Members(o *jsonrpc.Object) {
	o.String("group", &g.Group)
	o.Strings("nodeIDList", &g.NodeIDList)
}

// UnmarshalJSON reads the list.
func (g *GroupNodeIDs) UnmarshalJSON(data []byte) error { return jsonrpc.Unmarshal(data, g) }

// MarshalJSON writes the list as it was read.
func (g GroupNodeIDs) MarshalJSON() ([]byte, error) { return jsonrpc.Marshal(&g) }
