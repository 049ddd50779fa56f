package rpc

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"github.com/ethereum/go-ethereum/common/hexutil"

	"github.com/bcosgate/bcosgate/devchain/logfilter"
	"github.com/bcosgate/bcosgate/devchain/nodejson"
)

// newFilters makes the filters of this endpoint: a filter is found only with the
// group's name that it was made with, and the empty name is one of them.
func (s *Server) newFilters() map[string]*logfilter.Filters {
	cfg := logfilter.Config{Timeout: s.cfg.FilterTimeout, Blocks: s.cfg.FilterBlocks, Clock: s.cfg.Clock}
	return map[string]*logfilter.Filters{"": logfilter.New(s.ledger, cfg), s.genesis.GroupID: logfilter.New(s.ledger, cfg)}
}

// filtersOf words an unknown group as the filter methods do.
func (s *Server) filtersOf(group, step string) (*logfilter.Filters, error) {
	if filters := s.filters[group]; filters != nil {
		return filters, nil
	}
	return nil, &fault{Code: codeNoSendGroup, Message: "group not exist,chain=" + s.genesis.ChainID + ",group=" + group + ",commond=" + step}
}

// Steps that a node names when it does not find the group.
const (
	stepHead = "getCurrentBlockNumber"
	stepLogs = "getLogsImpl"
)

func (s *Server) newBlockFilter(_ context.Context, p params) (any, error) {
	filters, err := s.filtersOf(p.text(0), stepHead)
	if err != nil {
		return nil, err
	}
	return hexutil.EncodeUint64(filters.NewBlocks()), nil
}

func (s *Server) newPendingTransactionFilter(_ context.Context, p params) (any, error) {
	filters, err := s.filtersOf(p.text(0), stepHead)
	if err != nil {
		return nil, err
	}
	return hexutil.EncodeUint64(filters.NewTransactions()), nil
}

func (s *Server) newFilter(_ context.Context, p params) (any, error) {
	q, err := parseLogQuery(p.at(1))
	if err != nil {
		return nil, err
	}
	if err := q.Validate(); err != nil { // a node looks at the range before the group
		return nil, filterFault(err)
	}
	filters, err := s.filtersOf(p.text(0), stepHead)
	if err != nil {
		return nil, err
	}
	id, err := filters.NewLogs(q)
	if err != nil {
		return nil, filterFault(err)
	}
	return hexutil.EncodeUint64(id), nil
}

func (s *Server) getLogs(_ context.Context, p params) (any, error) {
	q, err := parseLogQuery(p.at(1))
	if err != nil {
		return nil, err
	}
	filters, err := s.filtersOf(p.text(0), stepLogs)
	if err != nil {
		return nil, err
	}
	logs, err := filters.Search(q)
	return logs, filterFault(err)
}

func (s *Server) uninstallFilter(_ context.Context, p params) (any, error) {
	filters := s.filters[p.text(0)]
	return filters != nil && filters.Remove(filterID(p)), nil
}

func (s *Server) getFilterChanges(_ context.Context, p params) (any, error) {
	filters := s.filters[p.text(0)]
	if filters == nil {
		return nil, filterFault(logfilter.ErrNoFilter)
	}
	changes, err := filters.Changes(filterID(p))
	return changes, filterFault(err)
}

func (s *Server) getFilterLogs(_ context.Context, p params) (any, error) {
	filters := s.filters[p.text(0)]
	if filters == nil {
		return nil, filterFault(logfilter.ErrNoFilter)
	}
	logs, err := filters.Logs(filterID(p))
	return logs, filterFault(err)
}

// filterFault words what is wrong with a query or a filter's name; other errors
// stay as they are.
func filterFault(err error) error {
	for _, known := range []error{logfilter.ErrRange, logfilter.ErrBlock, logfilter.ErrNoFilter} {
		if errors.Is(err, known) {
			return &fault{Code: codeParams, Message: known.Error()}
		}
	}
	return err
}

// filterID reads a filter's name, in hex with or without 0x. What is no such
// number reads as 0, which is no filter.
func filterID(p params) uint64 {
	id, err := strconv.ParseUint(strings.TrimPrefix(p.text(1), "0x"), 16, 64)
	if err != nil {
		return 0
	}
	return id
}

// parseLogQuery reads the filter object of newFilter and getLogs.
func parseLogQuery(text json.RawMessage) (logfilter.Query, error) {
	q, err := nodejson.LogQuery(text)
	var wrongQuery *nodejson.QueryError
	var wrongType *nodejson.TypeError
	switch {
	case errors.As(err, &wrongQuery):
		return q, &fault{Code: codeParams, Message: wrongQuery.Text}
	case errors.As(err, &wrongType):
		return q, &fault{Code: codeInvalidRequest, Message: wrongType.Text}
	}
	return q, err
}
