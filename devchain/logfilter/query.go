package logfilter

import (
	"errors"
	"slices"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"

	"github.com/bcosgate/bcosgate/devchain"
)

// Faults of a query or of a filter's name. The texts are a node's and go to
// clients as they are.
var (
	ErrRange    = errors.New("invalid block range params")
	ErrBlock    = errors.New("unknown block")
	ErrNoFilter = errors.New("filter not found")
)

// Bound is one end of a range of blocks.
type Bound struct {
	Latest bool  // the newest block, whichever that is when the blocks are read
	Number int64 // without Latest; a negative one makes the range invalid
}

// Query says which logs are wanted.
type Query struct {
	From, To Bound
	// Block is the one block to look at, whatever the range says; nil for the
	// range. Only Search and Filters.Logs heed it.
	Block *common.Hash
	// Addresses and Topics are compared as text with 0x and lower-case hex digits:
	// any other text matches nothing. No address means any, as does no text at a
	// position of Topics. A log needs at least as many topics as there are positions.
	Addresses []string
	Topics    [][]string
}

// Validate returns ErrRange when no block can ever be in the range.
func (q Query) Validate() error {
	switch {
	case !q.From.Latest && q.From.Number < 0, !q.To.Latest && q.To.Number < 0:
		return ErrRange
	case q.From.Latest && !q.To.Latest:
		return ErrRange
	case !q.From.Latest && !q.To.Latest && q.To.Number < q.From.Number:
		return ErrRange
	}
	return nil
}

func (q Query) matches(log *devchain.Log) bool {
	if len(q.Addresses) > 0 && !slices.Contains(q.Addresses, hexutil.Encode(log.Address[:])) {
		return false
	}
	if len(q.Topics) > len(log.Topics) {
		return false
	}
	for i, wanted := range q.Topics {
		if len(wanted) > 0 && !slices.Contains(wanted, log.Topics[i].Hex()) {
			return false
		}
	}
	return true
}
