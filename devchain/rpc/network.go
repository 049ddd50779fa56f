package rpc

import "github.com/ethereum/go-ethereum/common"

// Peer is another node of the chain that is connected.
type Peer struct {
	Node
	Number uint64 // its newest block
	Hash   common.Hash
}

// View is where this node is in agreeing on the next block with the others.
type View struct {
	Round   uint64 // 0 unless a leader was given up
	Leader  int    // index of the leader among the sealers
	Syncing bool   // blocks are being fetched from another node
}

// Network tells of the other nodes of a chain and of the consensus with them.
type Network interface {
	Peers() []Peer
	View() View
}

// alone is the network of a node that makes all blocks itself.
type alone struct{ s *Server }

func (alone) Peers() []Peer { return nil }

func (a alone) View() View {
	next := a.s.ledger.Head().Number + 1
	return View{Leader: int(next / max(a.s.genesis.LeaderPeriod, 1) % uint64(len(a.s.ledger.Sealers())))}
}
