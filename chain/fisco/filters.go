package fisco

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/fisco/result"
)

// LogFilter says which logs are wanted of which blocks.
type LogFilter struct {
	FromBlock uint64
	ToBlock   uint64           // 0 is the newest block
	Addresses []common.Address // none is any
	Topics    [][]common.Hash  // by position, at most four; alternatives of one position; none is any
	BlockHash *common.Hash     // of one block, instead of a range
}

// object is the filter as the node wants it: all members are there, addresses
// and topics in lower case behind 0x, since a node finds nothing for others
// (protocol §3.7).
func (f LogFilter) object() (map[string]any, error) {
	if len(f.Topics) > maxTopics {
		return nil, &chain.Error{Kind: chain.KindInvalid, Sent: chain.SentNo, Op: "logFilter", Msg: fmt.Sprintf("%d topic positions; a log has at most %d", len(f.Topics), maxTopics)}
	}
	addresses := make([]string, len(f.Addresses))
	for i, a := range f.Addresses {
		addresses[i] = strings.ToLower(a.Hex())
	}
	topics := make([]any, len(f.Topics))
	for i, alternatives := range f.Topics {
		if len(alternatives) == 0 {
			continue // null is any
		}
		texts := make([]string, len(alternatives))
		for j, topic := range alternatives {
			texts[j] = topic.Hex()
		}
		topics[i] = texts
	}
	object := map[string]any{
		"fromBlock": fmt.Sprintf("0x%x", f.FromBlock),
		"toBlock":   "latest",
		"address":   addresses,
		"topics":    topics,
	}
	if f.ToBlock != 0 {
		object["toBlock"] = fmt.Sprintf("0x%x", f.ToBlock)
	}
	if f.BlockHash != nil {
		object["blockhash"] = "0x" + hex.EncodeToString(f.BlockHash[:])
	}
	return object, nil
}

// maxTopics is how many topics a log can have.
const maxTopics = 4

// logPage is how many blocks a node scans per request; it leaves out the rest
// without a word (protocol §3.7).
const logPage = 10

// GetLogs finds the logs of a range of blocks, in the order of the chain. The
// range is asked for in steps of 10 blocks, which is all that a node scans at
// once. From node 3.9 on. Each step has a read time limit of its own.
func (m *Methods) GetLogs(ctx context.Context, f LogFilter) ([]result.FilterLog, error) {
	const op = "getLogs"
	if f.BlockHash != nil {
		object, err := f.object()
		if err != nil {
			return nil, m.at(err)
		}
		return read[[]result.FilterLog](ctx, m, op, m.group, object)
	}
	last, err := m.GetBlockNumber(ctx)
	if err != nil {
		return nil, err
	}
	if f.ToBlock != 0 {
		last = min(last, f.ToBlock)
	}
	var out []result.FilterLog
	for from := f.FromBlock; from <= last; from += logPage {
		page := f
		page.FromBlock, page.ToBlock = from, min(from+logPage-1, last)
		object, err := page.object()
		if err != nil {
			return nil, m.at(err)
		}
		if page.ToBlock == 0 { // block 0 alone; object writes 0 as "latest"
			object["toBlock"] = "0x0"
		}
		logs, err := read[[]result.FilterLog](ctx, m, op, m.group, object)
		if err != nil {
			return nil, err
		}
		out = append(out, logs...)
	}
	return out, nil
}

// NewBlockFilter makes a filter of block hashes. A node forgets a filter that is
// not asked for 300 s (protocol §3.7). From node 3.9 on, as all filters.
func (m *Methods) NewBlockFilter(ctx context.Context) (id string, err error) {
	return read[string](ctx, m, "newBlockFilter", m.group)
}

// NewPendingTransactionFilter makes a filter of the hashes of transactions in
// committed blocks, in spite of its name.
func (m *Methods) NewPendingTransactionFilter(ctx context.Context) (id string, err error) {
	return read[string](ctx, m, "newPendingTransactionFilter", m.group)
}

// NewFilter makes a filter of logs.
func (m *Methods) NewFilter(ctx context.Context, f LogFilter) (id string, err error) {
	object, err := f.object()
	if err != nil {
		return "", m.at(err)
	}
	return read[string](ctx, m, "newFilter", m.group, object)
}

// UninstallFilter forgets a filter; false when there was none.
func (m *Methods) UninstallFilter(ctx context.Context, id string) (bool, error) {
	return read[bool](ctx, m, "uninstallFilter", m.group, id)
}

// GetFilterHashes is getFilterChanges of a filter of blocks or transactions: the
// hashes since the last time, of at most 10 blocks. KindNotFound when the node
// has forgotten the filter.
func (m *Methods) GetFilterHashes(ctx context.Context, id string) ([]common.Hash, error) {
	return read[[]common.Hash](ctx, m, "getFilterChanges", m.group, id)
}

// GetFilterChanges is the logs of a log filter since the last time, of at most 10
// blocks. KindNotFound when the node has forgotten the filter.
func (m *Methods) GetFilterChanges(ctx context.Context, id string) ([]result.FilterLog, error) {
	return read[[]result.FilterLog](ctx, m, "getFilterChanges", m.group, id)
}

// GetFilterLogs is the logs of the first 10 blocks of a log filter's range, the
// same each time (protocol §3.7): GetLogs has no such limit.
func (m *Methods) GetFilterLogs(ctx context.Context, id string) ([]result.FilterLog, error) {
	return read[[]result.FilterLog](ctx, m, "getFilterLogs", m.group, id)
}
