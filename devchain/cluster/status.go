package cluster

import (
	"slices"
	"time"

	"github.com/ethereum/go-ethereum/common"
)

// View is where this node is in agreeing on the next block.
type View struct {
	Round   uint64 // 0 unless a leader was given up
	Leader  int    // index of the round's leader among the sealers
	Syncing bool   // blocks are being fetched from another node
}

// View tells where this node is in agreeing on the next block.
func (n *Node) View() View {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.view
}

// show keeps what View answers.
func (n *Node) show(a *agreement) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.view = View{Round: a.round, Leader: a.leader(a.round), Syncing: !a.asked.IsZero()}
}

// Peer is another node of the chain that is connected.
type Peer struct {
	NodeID  string // 128 hex digits
	TLSID   string // hex of the DER of its RSA key; empty on plain connections
	Address string // of its p2p port
	Number  uint64 // its newest block
	Hash    common.Hash
}

// Peers are the other nodes that are connected, in the order of the sealers.
func (n *Node) Peers() []Peer {
	var peers []Peer
	for sealer, member := range n.sealers.members {
		i := slices.IndexFunc(n.links, func(l *link) bool { return l.reaches(sealer) })
		if i < 0 || !n.hears(sealer) {
			continue
		}
		p := Peer{NodeID: member.NodeID(), TLSID: n.links[i].tlsID(), Address: n.links[i].address}
		n.mu.Lock()
		p.Number, p.Hash = n.states[sealer].Number, n.states[sealer].Hash
		n.mu.Unlock()
		peers = append(peers, p)
	}
	return peers
}

// hears tells whether a sealer has lately been heard.
func (n *Node) hears(sealer int) bool {
	return time.Since(time.Unix(0, n.heard[sealer].Load())) < lostAfter
}

// connected tells whether messages go both ways.
func (n *Node) connected(sealer int) bool {
	return n.hears(sealer) && n.reaches(sealer)
}

// reaches tells whether messages to a sealer have a way.
func (n *Node) reaches(sealer int) bool {
	return slices.ContainsFunc(n.links, func(l *link) bool { return l.reaches(sealer) })
}

// HasQuorum tells whether enough nodes are connected to make blocks.
func (n *Node) HasQuorum() bool {
	return n.sealers.isQuorum(func(i int) bool { return i == n.self || n.connected(i) })
}
