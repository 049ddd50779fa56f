package rpc

import (
	"context"
	"errors"

	"github.com/bcosgate/bcosgate/devchain"
	"github.com/bcosgate/bcosgate/devchain/faults"
)

// Codes of the ledger (protocol §3.2).
const (
	codeArgument = 3003
	codeBlock    = 3006
	codeStorage  = 3008
)

// method serves one JSON-RPC method. A nil result is an answer: null.
type method func(ctx context.Context, p params) (any, error)

// Error lets a fault travel as an error.
func (f *fault) Error() string { return f.Message }

// methodTable lists every method of this node (protocol §3.4).
func (s *Server) methodTable() map[string]method {
	return map[string]method{
		"call":            s.grouped("call", s.call),
		"sendTransaction": s.sendTransaction,

		"getTransaction":           s.grouped("getTransaction", s.getTransaction),
		"getTransactionReceipt":    s.grouped("getTransactionReceipt", s.getTransactionReceipt),
		"getBlockByHash":           s.grouped("getBlockByHash", s.getBlockByHash),
		"getBlockByNumber":         s.grouped("getBlockByNumber", s.getBlockByNumber),
		"getBlockHashByNumber":     s.grouped("getBlockHashByNumber", s.getBlockHashByNumber),
		"getBlockNumber":           s.grouped("getBlockNumber", s.getBlockNumber),
		"getCode":                  s.grouped("getCode", s.getCode),
		"getABI":                   s.grouped("getABI", s.getABI),
		"getSystemConfigByKey":     s.grouped("getSystemConfigByKey", s.getSystemConfigByKey),
		"getTotalTransactionCount": s.grouped("getTotalTransactionCount", s.getTotalTransactionCount),
		"getPendingTxSize":         s.grouped("getPendingTxSize", s.getPendingTxSize),

		"getSealerList":      s.grouped("getSealerList", s.getSealerList),
		"getObserverList":    s.grouped("getObserverList", s.getObserverList),
		"getNodeListByType":  s.grouped("getNodeListByType", s.getNodeListByType),
		"getPbftView":        s.grouped("getPbftView", s.getPbftView),
		"getSyncStatus":      s.grouped("getSyncStatus", s.getSyncStatus),
		"getConsensusStatus": s.grouped("getConsensusStatus", s.getConsensusStatus),
		"getPeers":           s.getPeers,
		"getGroupPeers":      s.getGroupPeers,
		"getGroupList":       s.getGroupList,
		"getGroupInfo":       s.getGroupInfo,
		"getGroupInfoList":   s.getGroupInfoList,
		"getGroupNodeInfo":   s.getGroupNodeInfo,

		"newBlockFilter":              s.newBlockFilter,
		"newPendingTransactionFilter": s.newPendingTransactionFilter,
		"newFilter":                   s.newFilter,
		"uninstallFilter":             s.uninstallFilter,
		"getFilterChanges":            s.getFilterChanges,
		"getFilterLogs":               s.getFilterLogs,
		"getLogs":                     s.getLogs,
	}
}

// grouped checks the first parameter: the name of the group, or empty for the
// only one (protocol §3.3). The second, the node's name, is not looked at.
func (s *Server) grouped(name string, m method) method {
	return func(ctx context.Context, p params) (any, error) {
		if group := p.text(0); group != "" && group != s.genesis.GroupID {
			return nil, s.noGroup(name, group)
		}
		return m(ctx, p)
	}
}

func (s *Server) noGroup(name, group string) *fault {
	return &fault{Code: codeNoGroup, Message: "Invalid request for the specified node of doesn't exist or doesn't started!,request=" +
		name + ",chain=" + s.genesis.ChainID + ",group=" + group + ",node="}
}

// answer serves one request as the faults let it, and gives the message to send
// back; nil when nothing is to be sent.
func (s *Server) answer(ctx context.Context, body []byte, way way) []byte {
	r, wrong := parseRequest(body)
	return s.cfg.Faults.Do(ctx, faults.Exchange{
		Point: s.point(r.Method, way.transport),
		Line:  way.line,
		Serve: func(ctx context.Context) []byte {
			if wrong != nil {
				return way.wrap(answer{Fault: wrong}.bytes())
			}
			return way.wrap(s.execute(ctx, r))
		},
		Refuse: func(code int, message string) []byte {
			return way.wrap(answer{ID: r.ID, JSONRPC: r.JSONRPC, Fault: &fault{Code: code, Message: message}}.bytes())
		},
		Damage: way.damage,
	})
}

// execute runs a request and gives the text of its answer.
func (s *Server) execute(ctx context.Context, r request) []byte {
	a := answer{ID: r.ID, JSONRPC: r.JSONRPC}
	m, known := s.methods[r.Method]
	if !known {
		a.Fault = &fault{Code: codeNoMethod, Message: "The method does not exist/is not available."}
		return a.bytes()
	}
	result, err := m(ctx, r.Params)
	if err != nil {
		a.Fault = s.faultOf(ctx, r.Method, err)
	} else {
		a.Result = result
	}
	return a.bytes()
}

// faultOf turns any error into the error member of an answer.
func (s *Server) faultOf(ctx context.Context, method string, err error) *fault {
	var worded *fault
	var refused *devchain.Error
	switch {
	case errors.As(err, &worded):
		return worded
	case errors.As(err, &refused):
		return &fault{Code: refused.Code, Message: refused.Message}
	case errors.Is(err, devchain.ErrStopped):
		return &fault{Code: codeNotReady, Message: "the node is stopping"}
	case ctx.Err() != nil:
		return &fault{Code: codeInternal, Message: "the request was given up"} // nobody reads it
	}
	s.log.Error("request failed", "method", method, "error", err)
	return &fault{Code: codeInternal, Message: "Internal error: " + err.Error()}
}
