package rpc

import (
	"context"
	"encoding/hex"
	"slices"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/devchain"
)

type sealerEntry struct {
	NodeID     string `json:"nodeID"`
	TermWeight uint64 `json:"termWeight"`
	Weight     uint64 `json:"weight"`
}

func (s *Server) sealers() []sealerEntry {
	members := s.ledger.Sealers()
	list := make([]sealerEntry, len(members))
	for i, m := range members {
		list[i] = sealerEntry{NodeID: m.NodeID(), Weight: m.Weight}
	}
	return list
}

// nodes are the members of the group of one kind; the empty text is all kinds.
func (s *Server) nodes(kind string) ([]sealerEntry, error) {
	all, err := s.ledger.Nodes()
	list := []sealerEntry{}
	for _, n := range all {
		if kind == "" || kind == n.Kind {
			list = append(list, sealerEntry{NodeID: n.ID, Weight: n.Weight, TermWeight: n.TermWeight})
		}
	}
	return list, err
}

func (s *Server) getSealerList(context.Context, params) (any, error) {
	return s.nodes(devchain.KindSealer)
}

func (s *Server) getObserverList(context.Context, params) (any, error) {
	observers, err := s.nodes(devchain.KindObserver)
	ids := make([]string, len(observers))
	for i, n := range observers {
		ids[i] = n.NodeID
	}
	return ids, err
}

func (s *Server) getNodeListByType(_ context.Context, p params) (any, error) {
	return s.nodes(p.text(2))
}

// getPbftView counts the leaders that were given up for the next block.
func (s *Server) getPbftView(context.Context, params) (any, error) {
	return s.cfg.Network.View().Round, nil
}

type syncPeer struct {
	ArchivedBlockNumber uint64 `json:"archivedBlockNumber"`
	BlockNumber         uint64 `json:"blockNumber"`
	GenesisHash         string `json:"genesisHash"` // hashes are without 0x here
	LatestHash          string `json:"latestHash"`
	NodeID              string `json:"nodeID"`
}

// getSyncStatus answers a string that holds JSON (protocol §3.5.3).
func (s *Server) getSyncStatus(context.Context, params) (any, error) {
	head, genesis := s.ledger.Head(), s.ledger.GenesisHash()
	highest, peers := head, []syncPeer{}
	for _, p := range s.cfg.Network.Peers() {
		peers = append(peers, syncPeer{
			BlockNumber: p.Number, GenesisHash: bareHex(genesis), LatestHash: bareHex(p.Hash), NodeID: p.ID,
		})
		if p.Number > highest.Number {
			highest = devchain.Head{Number: p.Number, Hash: p.Hash}
		}
	}
	return lineText(struct {
		ArchivedBlockNumber uint64     `json:"archivedBlockNumber"`
		BlockNumber         uint64     `json:"blockNumber"`
		GenesisHash         string     `json:"genesisHash"`
		IsSyncing           bool       `json:"isSyncing"`
		KnownHighestNumber  uint64     `json:"knownHighestNumber"`
		KnownLatestHash     string     `json:"knownLatestHash"`
		LatestHash          string     `json:"latestHash"`
		NodeID              string     `json:"nodeID"`
		Peers               []syncPeer `json:"peers"`
	}{
		BlockNumber: head.Number, GenesisHash: bareHex(genesis), IsSyncing: s.cfg.Network.View().Syncing,
		KnownHighestNumber: highest.Number, KnownLatestHash: bareHex(highest.Hash), LatestHash: bareHex(head.Hash),
		NodeID: s.cfg.Node.ID, Peers: peers,
	})
}

func bareHex(h common.Hash) string { return hex.EncodeToString(h[:]) }

type consensusNode struct {
	Index      int    `json:"index"`
	NodeID     string `json:"nodeID"`
	TermWeight uint64 `json:"termWeight"`
	Weight     uint64 `json:"weight"`
}

// getConsensusStatus answers a string that holds JSON (protocol §3.5.4).
func (s *Server) getConsensusStatus(context.Context, params) (any, error) {
	head, view := s.ledger.Head(), s.cfg.Network.View()
	members := s.sealers()
	nodes, index, total := make([]consensusNode, len(members)), -1, uint64(0)
	for i, m := range members {
		nodes[i] = consensusNode{Index: i, NodeID: m.NodeID, Weight: m.Weight}
		total += m.Weight
		if m.NodeID == s.cfg.Node.ID {
			index = i
		}
	}
	faulty := (total - 1) / 3 // protocol §6.7
	return lineText(struct {
		BlockNumber       uint64          `json:"blockNumber"`
		ChangeCycle       int             `json:"changeCycle"`
		ConnectedNodeList int             `json:"connectedNodeList"`
		ConsensusNodeList []consensusNode `json:"consensusNodeList"`
		ConsensusNodesNum int             `json:"consensusNodesNum"`
		Hash              string          `json:"hash"`
		Index             int             `json:"index"`
		IsConsensusNode   bool            `json:"isConsensusNode"`
		LeaderIndex       int             `json:"leaderIndex"`
		MaxFaultyQuorum   uint64          `json:"maxFaultyQuorum"`
		MinRequiredQuorum uint64          `json:"minRequiredQuorum"`
		NodeID            string          `json:"nodeID"`
		Timeout           bool            `json:"timeout"`
		View              uint64          `json:"view"`
	}{
		BlockNumber: head.Number, ConnectedNodeList: 1 + len(s.cfg.Network.Peers()), ConsensusNodeList: nodes, ConsensusNodesNum: len(nodes),
		Hash: bareHex(head.Hash), Index: index, IsConsensusNode: index >= 0, LeaderIndex: view.Leader,
		MaxFaultyQuorum: faulty, MinRequiredQuorum: total - faulty, NodeID: s.cfg.Node.ID, Timeout: view.Round > 0, View: view.Round,
	})
}

type groupNodes struct {
	Group      string   `json:"group"`
	NodeIDList []string `json:"nodeIDList"`
}

type peerEntry struct {
	EndPoint        string       `json:"endPoint"`
	GroupNodeIDInfo []groupNodes `json:"groupNodeIDInfo"`
	P2PNodeID       string       `json:"p2pNodeID"`
}

func (s *Server) peerEntry(n Node) peerEntry {
	return peerEntry{
		EndPoint: n.P2PEndpoint, P2PNodeID: n.P2PID,
		GroupNodeIDInfo: []groupNodes{{Group: s.genesis.GroupID, NodeIDList: []string{n.ID}}},
	}
}

func (s *Server) getPeers(context.Context, params) (any, error) {
	peers := []peerEntry{}
	for _, p := range s.cfg.Network.Peers() {
		peers = append(peers, s.peerEntry(p.Node))
	}
	return struct {
		peerEntry
		Peers []peerEntry `json:"peers"`
	}{s.peerEntry(s.cfg.Node), peers}, nil
}

// getGroupPeers has the ids of all nodes that are up, this one too.
func (s *Server) getGroupPeers(_ context.Context, p params) (any, error) {
	ids := []string{}
	if p.text(0) != s.genesis.GroupID {
		return ids, nil
	}
	for _, p := range s.cfg.Network.Peers() {
		ids = append(ids, p.ID)
	}
	ids = append(ids, s.cfg.Node.ID)
	slices.Sort(ids)
	return ids, nil
}

func (s *Server) getGroupList(context.Context, params) (any, error) {
	return struct {
		Code      int      `json:"code"`
		GroupList []string `json:"groupList"`
		Msg       string   `json:"msg"`
	}{0, []string{s.genesis.GroupID}, "success"}, nil
}

func (s *Server) getGroupInfo(_ context.Context, p params) (any, error) {
	if p.text(0) != s.genesis.GroupID {
		return nil, nil
	}
	return s.groupInfo(), nil
}

func (s *Server) getGroupInfoList(context.Context, params) (any, error) {
	return []groupInfo{s.groupInfo()}, nil
}

func (s *Server) getGroupNodeInfo(_ context.Context, p params) (any, error) {
	if p.text(0) != s.genesis.GroupID || p.text(1) != s.cfg.Node.ID {
		return nil, nil
	}
	return s.nodeInfo(), nil
}

// lineText is JSON as text with a line end, for a member that holds JSON.
func lineText(v any) (string, error) {
	b, err := line(v)
	return string(b), err
}
