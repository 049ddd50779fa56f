package web3

import (
	"context"

	"github.com/ethereum/go-ethereum/common/hexutil"

	"github.com/bcosgate/bcosgate/devchain/faults"
	"github.com/bcosgate/bcosgate/devchain/nodejson"
)

// call is what a method gets.
type call struct {
	params nodejson.Params
	subs   *subscriptions // of a WebSocket; nil over HTTP
}

// method serves one JSON-RPC method. A nil result is an answer: null.
type method func(ctx context.Context, c call) (any, error)

// methodTable lists every method of a node's Web3 port.
func (s *Server) methodTable() map[string]method {
	return map[string]method{
		"web3_clientVersion": constant(clientVersion),
		"web3_sha3":          sha3,

		"net_version":   s.netVersion,
		"net_listening": constant(true),
		"net_peerCount": s.peerCount,

		"eth_protocolVersion":      protocolVersion,
		"eth_syncing":              constant(false),
		"eth_coinbase":             constant(s.coinbase()),
		"eth_chainId":              s.chainID,
		"eth_mining":               constant(false),
		"eth_hashrate":             constant("0x0"),
		"eth_gasPrice":             s.gasPrice,
		"eth_maxPriorityFeePerGas": constant("0x0"),
		"eth_accounts":             constant([]string{}),
		"eth_blockNumber":          s.blockNumber,

		"eth_getBalance":          s.getBalance,
		"eth_getTransactionCount": s.getTransactionCount,
		"eth_getCode":             s.getCode,
		"eth_getStorageAt":        s.getStorageAt,
		"eth_call":                s.call,
		"eth_estimateGas":         s.estimateGas,

		"eth_sign":               constant("0x00"),
		"eth_signTransaction":    constant("0x00"),
		"eth_sendTransaction":    constant("0x0000000000000000000000000000000000000000000000000000000000000000"),
		"eth_sendRawTransaction": s.sendRawTransaction,

		"eth_getBlockByHash":                      s.getBlockByHash,
		"eth_getBlockByNumber":                    s.getBlockByNumber,
		"eth_getBlockTransactionCountByHash":      s.getBlockTransactionCountByHash,
		"eth_getBlockTransactionCountByNumber":    s.getBlockTransactionCountByNumber,
		"eth_getTransactionByHash":                s.getTransactionByHash,
		"eth_getTransactionByBlockHashAndIndex":   s.getTransactionByBlockHashAndIndex,
		"eth_getTransactionByBlockNumberAndIndex": s.getTransactionByBlockNumberAndIndex,
		"eth_getTransactionReceipt":               s.getTransactionReceipt,
		"eth_getUncleCountByBlockHash":            constant("0x0"),
		"eth_getUncleCountByBlockNumber":          constant("0x0"),
		"eth_getUncleByBlockHashAndIndex":         constant("null"), // a text, as on a node
		"eth_getUncleByBlockNumberAndIndex":       constant("null"),

		"eth_newFilter":                   s.newFilter,
		"eth_newBlockFilter":              s.newBlockFilter,
		"eth_newPendingTransactionFilter": s.newPendingTransactionFilter,
		"eth_uninstallFilter":             s.uninstallFilter,
		"eth_getFilterChanges":            s.getFilterChanges,
		"eth_getFilterLogs":               s.getFilterLogs,
		"eth_getLogs":                     s.getLogs,

		"eth_subscribe":   s.subscribe,
		"eth_unsubscribe": s.unsubscribe,
	}
}

func constant(result any) method {
	return func(context.Context, call) (any, error) { return result, nil }
}

func protocolVersion(context.Context, call) (any, error) {
	return nil, &fault{Code: codeNoMethod, Message: "This API has not been implemented yet!"}
}

func (s *Server) blockNumber(ctx context.Context, _ call) (any, error) {
	return hexutil.EncodeUint64(faults.Height(ctx, s.ledger.Head().Number)), nil
}

func (s *Server) peerCount(context.Context, call) (any, error) {
	return s.cfg.Peers(), nil
}
