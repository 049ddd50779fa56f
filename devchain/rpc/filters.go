package rpc

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"

	"github.com/bcosgate/bcosgate/devchain/logfilter"
)

// Texts of the JSON library of a node that reach clients.
const (
	noObject = "in Json::Value::find(begin, end): requires objectValue or nullValue"
	noArray  = "in Json::Value::operator[](ArrayIndex)const: requires arrayValue"
	noString = "Type is not convertible to string"
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

// parseLogQuery reads the filter object of newFilter and getLogs. Which of several
// faults is reported follows a node.
func parseLogQuery(text json.RawMessage) (logfilter.Query, error) {
	var q logfilter.Query
	members, wrong := queryMembers(text)
	if wrong != nil {
		return q, wrong
	}
	if q.From, wrong = parseBound(members["fromBlock"]); wrong != nil {
		return q, wrong
	}
	if q.To, wrong = parseBound(members["toBlock"]); wrong != nil {
		return q, wrong
	}
	if q.Addresses, wrong = parseTexts(members["address"]); wrong != nil {
		return q, wrong
	}
	for i, address := range q.Addresses {
		q.Addresses[i] = strings.ToLower(address)
	}
	if q.Topics, wrong = parseTopics(members["topics"]); wrong != nil {
		return q, wrong
	}
	if q.Block, wrong = parseBlockHash(members["blockhash"]); wrong != nil {
		return q, wrong
	}
	return q, nil
}

func queryMembers(text json.RawMessage) (map[string]json.RawMessage, *fault) {
	var members map[string]json.RawMessage
	if len(text) > 0 && text[0] != 'n' && (text[0] != '{' || json.Unmarshal(text, &members) != nil) {
		return nil, &fault{Code: codeInvalidRequest, Message: noObject}
	}
	for _, name := range []string{"fromBlock", "toBlock", "address", "topics"} {
		if isNull(members[name]) {
			return nil, &fault{Code: codeParams, Message: name + " is null"}
		}
	}
	return members, nil
}

func isNull(v json.RawMessage) bool { return len(v) == 0 || v[0] == 'n' }

var hexNumber = regexp.MustCompile(`^0x[0-9a-fA-F]+$`)

// parseBound reads a block tag or a hex number.
func parseBound(v json.RawMessage) (logfilter.Bound, *fault) {
	text, ok := asString(v)
	if !ok {
		return logfilter.Bound{}, &fault{Code: codeInvalidRequest, Message: noString}
	}
	switch text {
	case "", "latest", "pending", "safe", "finalized":
		return logfilter.Bound{Latest: true}, nil
	case "earliest":
		return logfilter.Bound{}, nil
	}
	if !hexNumber.MatchString(text) {
		return logfilter.Bound{}, &fault{Code: codeParams, Message: "Invalid Block Number: " + text}
	}
	number, err := strconv.ParseUint(text[2:], 16, 64)
	if err != nil {
		return logfilter.Bound{}, &fault{Code: codeInvalidRequest, Message: "stoull"}
	}
	if number > math.MaxInt64 {
		return logfilter.Bound{Number: -1}, nil // a node wraps it: negative, too
	}
	return logfilter.Bound{Number: int64(number)}, nil
}

// parseTexts reads one text or a list of them; numbers and bools count as text.
func parseTexts(v json.RawMessage) ([]string, *fault) {
	items := []json.RawMessage{v}
	if v[0] == '[' {
		items = list(v)
	}
	texts := make([]string, len(items))
	for i, item := range items {
		text, ok := asString(item)
		if !ok {
			return nil, &fault{Code: codeInvalidRequest, Message: noString}
		}
		texts[i] = text
	}
	return texts, nil
}

// parseTopics reads the positions; what is no list and no object means any.
func parseTopics(v json.RawMessage) ([][]string, *fault) {
	var members map[string]json.RawMessage
	positions := list(v)
	if v[0] == '{' && json.Unmarshal(v, &members) == nil && len(members) > 0 && len(members) <= maxTopicPositions {
		return nil, &fault{Code: codeInvalidRequest, Message: noArray}
	}
	if max(len(positions), len(members)) > maxTopicPositions {
		return nil, &fault{Code: codeParams, Message: "exceed max topics"}
	}
	topics := make([][]string, len(positions))
	for i, position := range positions {
		if isNull(position) {
			continue
		}
		var wrong *fault
		if topics[i], wrong = parseTexts(position); wrong != nil {
			return nil, wrong
		}
	}
	return topics, nil
}

// parseBlockHash reads the hash of the only block to look at; nil when there is
// none. A text that is no hash is the hash of no block.
func parseBlockHash(v json.RawMessage) (*common.Hash, *fault) {
	if isNull(v) {
		return nil, nil
	}
	text, ok := asString(v)
	switch {
	case !ok:
		return nil, &fault{Code: codeInvalidRequest, Message: noString}
	case text == "":
		return nil, nil
	}
	hash, wrong := decodeHash(text)
	if wrong != nil {
		return &common.Hash{}, nil
	}
	return &hash, nil
}
