package conformance

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/internal/golden"
)

// ledger plays tx/NAME.jsonl from the empty chain on, and holds every answer
// against the node's, and every block, when blocks/NAME.jsonl is there.
type ledger struct {
	*stack
	t       *testing.T
	table   *table
	name    string // of the recording
	suite   suite
	blocks  map[int64]string // recorded answers of getBlockByNumber
	entries []golden.Entry
}

// playLedger plays a recording and leaves its chain behind.
func playLedger(t *testing.T, tb *table, name string, entries []golden.Entry) *ledger {
	chain := strings.TrimSuffix(path.Base(name), ".jsonl")
	l := &ledger{stack: newStack(t, settings(chain)), t: t, table: tb, name: name, suite: suiteOf(name), entries: entries, blocks: map[int64]string{}}
	if file := "blocks/" + chain + ".jsonl"; golden.Has(file) {
		for _, b := range golden.Blocks(t, file) {
			l.blocks[b.Number] = string(b.Response)
		}
	}
	l.learnBlock(0)
	for i := 0; i < len(entries); {
		if entries[i].Request != nil {
			l.read(entries[i])
			i++
			continue
		}
		n := max(1, entries[i].Together)
		l.transactions(entries[i : i+n])
		i += n
	}
	return l
}

// settings names the recorded configuration for a recording: its own, or that of
// the plain chain of its kind.
func settings(chain string) string {
	switch {
	case golden.Has("config/" + chain + ".genesis"):
		return chain
	case golden.GM(chain):
		return "gm"
	}
	return "std"
}

func (l *ledger) count(e golden.Entry, what string, v verdict) {
	l.t.Helper()
	l.table.count(l.t, l.name, fmt.Sprintf("%s n %d (%s), %s", l.name, e.N, e.Note, what), v)
}

// transactions sends those that share a block.
func (l *ledger) transactions(entries []golden.Entry) {
	raw := make([]string, len(entries))
	arrived := make([]int64, len(entries))
	for i, e := range entries {
		raw[i] = e.Raw
		arrived[i] = importTime(e)
	}
	height := int64(l.chain.Head().Number) + 1
	answers := l.send(raw, arrived, l.timestamp(height))
	l.learnBlock(height)
	for i, e := range entries {
		l.answer(e, answers[i])
	}
}

// importTime is when the recorded node took the transaction; 0 when it is not known.
func importTime(e golden.Entry) int64 {
	var tx struct{ Result struct{ ImportTime int64 } }
	if e.Transaction == nil || json.Unmarshal(e.Transaction, &tx) != nil {
		return 0
	}
	return tx.Result.ImportTime
}

// recordedBlock is what is used of a recorded block.
type recordedBlock struct {
	Result struct {
		Hash       string
		Timestamp  int64
		ParentInfo []struct{ BlockHash string }
	}
}

func (l *ledger) recorded(height int64) (b recordedBlock, ok bool) {
	text, ok := l.blocks[height]
	if ok {
		require.NoError(l.t, json.Unmarshal([]byte(text), &b))
	}
	return b, ok
}

func (l *ledger) timestamp(height int64) int64 {
	b, _ := l.recorded(height)
	return b.Result.Timestamp
}

// learnBlock remembers which hash of our chain stands for the recorded one. What
// the node takes for the hash of block 0 elsewhere is only in block 1.
func (l *ledger) learnBlock(height int64) {
	b, ok := l.recorded(height)
	if !ok || uint64(height) > l.chain.Head().Number {
		return
	}
	learn := func(recorded string, height int64) {
		ours, err := l.chain.BlockHash(uint64(height))
		require.NoError(l.t, err)
		l.known.add(strings.TrimPrefix(recorded, "0x"), strings.TrimPrefix(ours.Hex(), "0x"))
	}
	learn(b.Result.Hash, height)
	if height == 1 {
		learn(b.Result.ParentInfo[0].BlockHash, 0)
	}
}

// answer compares what came back for a transaction, and what is read of it later.
func (l *ledger) answer(e golden.Entry, sent string) {
	l.count(e, "sendTransaction", l.judge(sent, string(e.Response)))
	for method, recorded := range map[string]json.RawMessage{"getTransactionReceipt": e.Receipt, "getTransaction": e.Transaction} {
		if recorded == nil {
			continue
		}
		ours := l.must(fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"%s","params":["group0","","%s",false]}`, method, e.Hash))
		l.count(e, method, l.judge(ours, string(recorded)))
	}
}

// read compares the answer to a request that changes nothing.
func (l *ledger) read(e golden.Entry) {
	ours := l.must(l.known.apply(string(e.Request)))
	l.count(e, "read", l.judge(ours, string(e.Response)))
}

// judge compares an answer with the recorded one. Gas may differ, and with it the
// hash of a receipt: that must be right for the gas used here, and the node's for
// the gas used there.
func (l *ledger) judge(ours, recorded string) verdict {
	expected := l.known.apply(recorded)
	skip := []string{".gasUsed"}
	receipts := isReceipt(recorded) && isReceipt(ours)
	if receipts {
		skip = append(skip, ".result.hash")
	}
	reason := ""
	if other := likeOurGas(ours, expected, l.chain.Genesis().GasLimit); other != expected {
		expected, reason = other, "gas-left"
	}
	found := differences(l.t, ours, expected, skip...)
	if receipts && len(found) == 0 {
		found = append(l.suite.checkReceipt(ours, ours), l.suite.checkReceipt(l.known.undo(ours), recorded)...)
	}
	if len(found) == 0 && reason != "" {
		return verdict{reason: reason, difference: "shows the gas that is left"}
	}
	return verdict{difference: strings.Join(found, "; ")}
}

// likeOurGas replaces words of an expected answer that must be the gas that is
// left of a transaction, because they and ours are a little below its limit, by ours.
func likeOurGas(ours, expected string, limit uint64) string {
	low, high := fmt.Sprintf("%064x", limit-limit/100), fmt.Sprintf("%064x", limit)
	if len(ours) != len(expected) {
		return expected
	}
	is := func(word string) bool { return low <= word && word < high && strings.Trim(word, "0123456789abcdef") == "" }
	for i := 0; i+len(high) <= len(ours); i++ {
		if a, b := ours[i:i+len(high)], expected[i:i+len(high)]; a != b && is(a) && is(b) {
			expected = expected[:i] + a + expected[i+len(high):]
		}
	}
	return expected
}

func isReceipt(answer string) bool {
	return strings.Contains(answer, `"gasUsed"`) && strings.Contains(answer, `"logEntries"`)
}

// compareBlocks holds every block of the chain against the recorded one.
func (l *ledger) compareBlocks() {
	for _, height := range slices.Sorted(maps.Keys(l.blocks)) {
		ours := l.must(fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"getBlockByNumber","params":["group0","",%d,false,false]}`, height))
		// What follows from gas, keys and the node's own tables.
		found := differences(l.t, ours, l.known.apply(l.blocks[height]), ".gasUsed", ".receiptsRoot", ".stateRoot", ".signature", ".extraData")
		l.table.count(l.t, "blocks/"+path.Base(l.name), fmt.Sprintf("block %d", height), verdict{difference: strings.Join(found, "; ")})
	}
}
