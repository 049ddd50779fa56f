package web3

import (
	"context"
	"strconv"
	"strings"

	"github.com/ethereum/go-ethereum/common/hexutil"

	"github.com/bcosgate/bcosgate/devchain/nodejson"
)

func (s *Server) newBlockFilter(context.Context, call) (any, error) {
	return hexutil.EncodeUint64(s.filters.NewBlocks()), nil
}

func (s *Server) newPendingTransactionFilter(context.Context, call) (any, error) {
	return hexutil.EncodeUint64(s.filters.NewTransactions()), nil
}

func (s *Server) newFilter(_ context.Context, c call) (any, error) {
	q, err := nodejson.LogQuery(c.params.At(0))
	if err != nil {
		return nil, err
	}
	id, err := s.filters.NewLogs(q)
	if err != nil {
		return nil, err
	}
	return hexutil.EncodeUint64(id), nil
}

func (s *Server) getLogs(_ context.Context, c call) (any, error) {
	q, err := nodejson.LogQuery(c.params.At(0))
	if err != nil {
		return nil, err
	}
	logs, err := s.filters.Search(q)
	return logs, err
}

func (s *Server) uninstallFilter(_ context.Context, c call) (any, error) {
	return s.filters.Remove(filterID(c)), nil
}

func (s *Server) getFilterChanges(_ context.Context, c call) (any, error) {
	return s.filters.Changes(filterID(c))
}

func (s *Server) getFilterLogs(_ context.Context, c call) (any, error) {
	return s.filters.Logs(filterID(c))
}

// filterID reads a filter's name, in hex with or without 0x. What is no such
// number reads as 0, which is no filter.
func filterID(c call) uint64 {
	id, err := strconv.ParseUint(strings.TrimPrefix(c.params.Text(0), "0x"), 16, 64)
	if err != nil {
		return 0
	}
	return id
}
