package nodejson

import (
	"encoding/hex"
	"encoding/json"
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/devchain/logfilter"
)

// QueryError is what is wrong with a filter object, in the words of a node.
type QueryError struct {
	Text     string
	BlockTag bool // it is a block tag that cannot be read
}

func (e *QueryError) Error() string { return e.Text }

const maxTopicPositions = 4

// LogQuery reads the filter object of newFilter and getLogs (protocol §3.7). Which
// of several faults is reported follows a node. The error is a *QueryError or a
// *TypeError.
func LogQuery(v json.RawMessage) (q logfilter.Query, err error) {
	members, err := Members(v)
	if err != nil {
		return q, err
	}
	for _, name := range []string{"fromBlock", "toBlock", "address", "topics"} {
		if IsNull(members[name]) {
			return q, &QueryError{Text: name + " is null"}
		}
	}
	if q.From, err = bound(members["fromBlock"]); err != nil {
		return q, err
	}
	if q.To, err = bound(members["toBlock"]); err != nil {
		return q, err
	}
	if q.Addresses, err = texts(members["address"]); err != nil {
		return q, err
	}
	for i, address := range q.Addresses {
		q.Addresses[i] = strings.ToLower(address)
	}
	if q.Topics, err = topics(members["topics"]); err != nil {
		return q, err
	}
	q.Block, err = blockHash(members["blockhash"])
	return q, err
}

func bound(v json.RawMessage) (logfilter.Bound, error) {
	text, err := Text(v)
	if err != nil {
		return logfilter.Bound{}, err
	}
	return BlockTag(text)
}

var hexNumber = regexp.MustCompile(`^0x[0-9a-fA-F]+$`)

// BlockTag reads a block tag or a hex number. The error is a *QueryError, or a
// *TypeError for a number of more than 64 bits.
func BlockTag(text string) (logfilter.Bound, error) {
	switch text {
	case "", "latest", "pending", "safe", "finalized":
		return logfilter.Bound{Latest: true}, nil
	case "earliest":
		return logfilter.Bound{}, nil
	}
	if !hexNumber.MatchString(text) {
		return logfilter.Bound{}, &QueryError{Text: "Invalid Block Number: " + text, BlockTag: true}
	}
	number, err := strconv.ParseUint(text[2:], 16, 64)
	if err != nil {
		return logfilter.Bound{}, &TypeError{Text: "stoull", Exception: "std::out_of_range"}
	}
	if number > math.MaxInt64 {
		return logfilter.Bound{Number: -1}, nil // a node wraps it: negative, too
	}
	return logfilter.Bound{Number: int64(number)}, nil
}

// list reads the elements of an array; anything else has none.
func list(v json.RawMessage) []json.RawMessage {
	var items []json.RawMessage
	if v[0] != '[' || json.Unmarshal(v, &items) != nil {
		return nil
	}
	return items
}

// texts reads one text or a list of them; numbers and bools count as text.
func texts(v json.RawMessage) (out []string, err error) {
	items := []json.RawMessage{v}
	if v[0] == '[' {
		items = list(v)
	}
	out = make([]string, len(items))
	for i, item := range items {
		if out[i], err = Text(item); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// topics reads the positions; what is no list and no object means any.
func topics(v json.RawMessage) ([][]string, error) {
	var members map[string]json.RawMessage
	positions := list(v)
	if v[0] == '{' && json.Unmarshal(v, &members) == nil && len(members) > 0 && len(members) <= maxTopicPositions {
		return nil, typeError("in Json::Value::operator[](ArrayIndex)const: requires arrayValue")
	}
	if max(len(positions), len(members)) > maxTopicPositions {
		return nil, &QueryError{Text: "exceed max topics"}
	}
	out := make([][]string, len(positions))
	for i, position := range positions {
		if IsNull(position) {
			continue
		}
		var err error
		if out[i], err = texts(position); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// blockHash reads the hash of the only block to look at; nil when there is none. A
// text that is no hash is the hash of no block.
func blockHash(v json.RawMessage) (*common.Hash, error) {
	text, err := Text(v)
	if err != nil || text == "" {
		return nil, err
	}
	digits := strings.TrimPrefix(text, "0x")
	data, err := hex.DecodeString(digits)
	if err != nil || len(data) > common.HashLength {
		return &common.Hash{}, nil //nolint:nilerr // no block has it
	}
	hash := common.BytesToHash(data)
	return &hash, nil
}
