package fisco

import (
	"context"
	"errors"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/fisco/result"
	"github.com/bcosgate/bcosgate/chain/jsonrpc"
)

// GetSealerList lists the nodes that make blocks, with their weights.
func (m *Methods) GetSealerList(ctx context.Context) ([]result.Sealer, error) {
	return read[[]result.Sealer](ctx, m, "getSealerList", m.group, "")
}

// GetObserverList lists the ids (128 hex digits without 0x) of the nodes that
// follow the chain without making blocks.
func (m *Methods) GetObserverList(ctx context.Context) ([]string, error) {
	return read[[]string](ctx, m, "getObserverList", m.group, "")
}

// NodeType is a role of a node in consensus.
type NodeType string

// The roles; AllNodes asks for every one.
const (
	AllNodes        NodeType = ""
	Sealers         NodeType = "consensus_sealer"
	Observers       NodeType = "consensus_observer"
	CandidateSealer NodeType = "consensus_candidate_sealer"
)

// GetNodeListByType lists the nodes of a role. From node 3.5 on.
func (m *Methods) GetNodeListByType(ctx context.Context, role NodeType) ([]result.Sealer, error) {
	return read[[]result.Sealer](ctx, m, "getNodeListByType", m.group, "", string(role))
}

// GetPbftView is the view of the consensus.
func (m *Methods) GetPbftView(ctx context.Context) (int64, error) {
	return read[int64](ctx, m, "getPbftView", m.group, "")
}

// GetPendingTxSize is how many transactions wait in the node's pool.
func (m *Methods) GetPendingTxSize(ctx context.Context) (int64, error) {
	return read[int64](ctx, m, "getPendingTxSize", m.group, "")
}

// GetSyncStatus says how far the node and its peers are.
func (m *Methods) GetSyncStatus(ctx context.Context) (result.SyncStatus, error) {
	return read[result.SyncStatus](ctx, m, "getSyncStatus", m.group, "")
}

// GetConsensusStatus says how the consensus stands.
func (m *Methods) GetConsensusStatus(ctx context.Context) (result.ConsensusStatus, error) {
	return read[result.ConsensusStatus](ctx, m, "getConsensusStatus", m.group, "")
}

// GetSystemConfigByKey reads a setting of the chain, for example "tx_gas_limit";
// KindNotFound when the key is unknown or not set. Keys are lower case.
func (m *Methods) GetSystemConfigByKey(ctx context.Context, key string) (result.SystemConfig, error) {
	return read[result.SystemConfig](ctx, m, "getSystemConfigByKey", m.group, "", key)
}

// GetTotalTransactionCount counts the transactions of the chain.
func (m *Methods) GetTotalTransactionCount(ctx context.Context) (result.TransactionCount, error) {
	return read[result.TransactionCount](ctx, m, "getTotalTransactionCount", m.group, "")
}

// GetPeers lists the node's peers over p2p.
func (m *Methods) GetPeers(ctx context.Context) (result.Peers, error) {
	return read[result.Peers](ctx, m, "getPeers")
}

// GetGroupPeers lists the ids of the group's nodes that this node knows.
func (m *Methods) GetGroupPeers(ctx context.Context) ([]string, error) {
	return read[[]string](ctx, m, "getGroupPeers", m.group)
}

// GetGroupList lists the groups that the node serves.
func (m *Methods) GetGroupList(ctx context.Context) (result.GroupList, error) {
	return read[result.GroupList](ctx, m, "getGroupList")
}

// GetGroupInfo describes the group. KindNotFound when the node has it no more.
func (m *Methods) GetGroupInfo(ctx context.Context) (result.GroupInfo, error) {
	return found(read[result.GroupInfo](ctx, m, "getGroupInfo", m.group))
}

// GetGroupInfoList describes all groups that the node serves.
func (m *Methods) GetGroupInfoList(ctx context.Context) ([]result.GroupInfo, error) {
	return read[[]result.GroupInfo](ctx, m, "getGroupInfoList")
}

// GetGroupNodeInfo describes a node of the group by its name; KindNotFound when
// there is none.
func (m *Methods) GetGroupNodeInfo(ctx context.Context, node string) (result.GroupNode, error) {
	return found(read[result.GroupNode](ctx, m, "getGroupNodeInfo", m.group, node))
}

// found turns null, which some methods answer for what is not there, into
// KindNotFound.
func found[T any](answer T, err error) (T, error) {
	if e, ok := errors.AsType[*chain.Error](err); ok && errors.Is(err, jsonrpc.ErrNull) {
		e.Kind, e.Msg = chain.KindNotFound, "the node knows none of that name"
	}
	return answer, err
}
