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

	"github.com/bcosgate/bcosgate/devchain/suite"
	"github.com/bcosgate/bcosgate/internal/golden"
)

// ledger plays tx/NAME.jsonl from the empty chain on, and holds every answer
// against the node's, and every block, when blocks/NAME.jsonl is there.
type ledger struct {
	*stack
	t      *testing.T
	table  *table
	name   string // of the recording
	suite  suite.Suite
	blocks map[int64]string // recorded answers of getBlockByNumber
	// importTimes are when the recorded node took the transactions in its blocks, by hash.
	importTimes map[string]int64
	hashes      map[string]bool // of our blocks
	telling     map[int64]bool  // blocks with a receipt that tells the hash of a block
}

// playLedger plays a recording and leaves its chain behind.
func playLedger(t *testing.T, tb *table, name string, entries []golden.Entry) *ledger {
	chain := strings.TrimSuffix(strings.TrimSuffix(path.Base(name), ".jsonl"), ".diff")
	if classicExecutor(t, settings(chain)) {
		for _, e := range entries {
			tb.count(t, name, e.Note, verdict{reason: "executor-0", difference: "such a chain is refused"})
		}
		return nil
	}
	l := &ledger{stack: newStack(t, settings(chain)), t: t, table: tb, name: name, suite: suiteOf(name), blocks: map[int64]string{}, importTimes: map[string]int64{}, hashes: map[string]bool{}, telling: map[int64]bool{}}
	if file := "blocks/" + chain + ".jsonl"; golden.Has(file) {
		for _, b := range golden.Blocks(t, file) {
			l.blocks[b.Number] = string(b.Response)
			block, _ := l.recorded(b.Number)
			for _, tx := range block.Result.Transactions {
				l.importTimes[tx.Hash] = tx.ImportTime
			}
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
	case golden.HasSupport("config/" + chain + ".genesis"):
		return chain
	case golden.GM(chain):
		return "gm"
	}
	return "std"
}

// classicExecutor reports whether a recorded chain has executor version 0.
func classicExecutor(t *testing.T, name string) bool {
	text := string(golden.Support(t, "config/"+name+".genesis"))
	_, executor, ok := strings.Cut(text, "[executor]")
	return ok && !strings.Contains(executor, "version=1")
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
		arrived[i] = l.importTimes[e.Hash]
	}
	height := int64(l.chain.Head().Number) + 1
	answers := l.send(raw, arrived, l.timestamp(height))
	l.learnBlock(height)
	for i, e := range entries {
		l.answer(e, answers[i])
	}
}

// recordedBlock is what is used of a recorded block.
type recordedBlock struct {
	Result struct {
		Transactions []struct {
			Hash       string
			ImportTime int64
		}
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
	if uint64(height) > l.chain.Head().Number {
		return
	}
	hash := func(height int64) string {
		ours, err := l.chain.BlockHash(uint64(height))
		require.NoError(l.t, err)
		return strings.TrimPrefix(ours.Hex(), "0x")
	}
	l.hashes[hash(height)] = true
	b, ok := l.recorded(height)
	if !ok {
		return
	}
	l.known.add(strings.TrimPrefix(b.Result.Hash, "0x"), hash(height))
	if height == 1 {
		l.known.add(strings.TrimPrefix(b.Result.ParentInfo[0].BlockHash, "0x"), hash(0))
	}
}

// answer compares what came back for a transaction, and what is read of it later.
func (l *ledger) answer(e golden.Entry, sent string) {
	if l.known.apply(string(e.Receipt)) != string(e.Receipt) {
		l.telling[e.Height+1] = true
	}
	l.count(e, "sendTransaction", l.judge(sent, string(e.Response)))
	for method, recorded := range map[string]json.RawMessage{"getTransactionReceipt": e.Receipt, "getTransaction": e.Transaction} {
		if recorded == nil {
			continue
		}
		ours := l.ask(fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"%s","params":["group0","","%s",false]}`, method, e.Hash))
		l.count(e, method, l.judge(ours, string(recorded)))
	}
}

// read compares the answer to a request that changes nothing.
func (l *ledger) read(e golden.Entry) {
	ours := l.ask(l.known.apply(string(e.Request)))
	l.count(e, "read", l.judge(ours, string(e.Response)))
}

// judge compares an answer with the recorded one. Gas may differ, and with it the
// hash of a receipt: that must be right for the gas used here, and the node's for
// the gas used there.
func (l *ledger) judge(ours, recorded string) verdict {
	expected := l.known.apply(recorded)
	skip := []string{".gasUsed"}
	if len(l.blocks) == 0 {
		skip = append(skip, ".importTime")
	}
	receipts := isReceipt(recorded) && isReceipt(ours)
	if receipts {
		skip = append(skip, ".result.hash")
	}
	var gasLeft, otherBlocks bool // are shown
	found := masked(l.t, ours, expected, func(ours, expected string) string {
		if len(l.blocks) == 0 {
			own := replaceWords(ours, expected, l.isOfBlock)
			otherBlocks = otherBlocks || own != expected
			expected = own
		}
		own := replaceWords(ours, expected, l.isGasLeft)
		gasLeft = gasLeft || own != expected
		return own
	}, skip...)
	if receipts && len(found) == 0 {
		found = checkReceipt(l.suite, ours, ours)
		if !gasLeft && !otherBlocks {
			found = append(found, checkReceipt(l.suite, l.known.undo(ours), recorded)...)
		}
	}
	switch {
	case len(found) > 0:
		return verdict{difference: strings.Join(found, "; ")}
	case gasLeft:
		return verdict{reason: "gas-left", difference: "shows the gas that is left"}
	}
	return otherGas(l.t, ours, expected)
}

// otherGas is the verdict on answers that agree but for the gas, perhaps.
func otherGas(t *testing.T, ours, expected string) verdict {
	t.Helper()
	for _, difference := range differences(t, ours, expected) {
		if strings.Contains(difference, "gasUsed: ") {
			return verdict{reason: "gas-used", difference: difference}
		}
	}
	return verdict{}
}

// isGasLeft reports whether words must be the gas that is left of a transaction:
// they are a little below its limit.
func (l *ledger) isGasLeft(ours, expected string) bool {
	limit := l.chain.Genesis().GasLimit
	low, high := fmt.Sprintf("%064x", limit-limit/100), fmt.Sprintf("%064x", limit)
	is := func(word string) bool { return low <= word && word < high && isHex(word) }
	return is(ours) && is(expected)
}

// isOfBlock reports whether our word is the time stamp or the hash of a block. It
// serves recordings without their blocks: nobody knows those of the recorded chain.
func (l *ledger) isOfBlock(ours, expected string) bool {
	low, high := fmt.Sprintf("%064x", int64(1e12)), fmt.Sprintf("%064x", int64(1e13))
	isTime := func(word string) bool { return low <= word && word < high && isHex(word) }
	return isTime(ours) && isTime(expected) || l.hashes[ours] && isHex(expected)
}

// replaceWords puts our words of 32 bytes (64 hex digits) in the place of those of
// an expected text that may differ.
func replaceWords(ours, expected string, may func(ours, expected string) bool) string {
	const digits = 64
	if len(ours) != len(expected) {
		return expected
	}
	for i := 0; i+digits <= len(ours); i++ {
		if a, b := ours[i:i+digits], expected[i:i+digits]; a != b && may(a, b) {
			expected = expected[:i] + a + expected[i+digits:]
		}
	}
	return expected
}

func isHex(text string) bool { return strings.Trim(text, "0123456789abcdef") == "" }

func isReceipt(answer string) bool {
	return strings.Contains(answer, `"gasUsed"`) && strings.Contains(answer, `"logEntries"`)
}

// compareBlocks holds every block of the chain against the recorded one.
func (l *ledger) compareBlocks() {
	for _, height := range slices.Sorted(maps.Keys(l.blocks)) {
		ours := l.ask(fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"getBlockByNumber","params":["group0","",%d,false,false]}`, height))
		expected := l.known.apply(l.blocks[height])
		keys := []string{".stateRoot", ".signature", ".extraData"} // follow from keys and the node's own tables
		v := verdict{difference: strings.Join(differences(l.t, ours, expected, append(keys, ".gasUsed", ".receiptsRoot")...), "; ")}
		if v.difference == "" {
			v = otherGas(l.t, ours, expected)
		}
		if v.difference == "" {
			v.difference = strings.Join(differences(l.t, ours, expected, keys...), "; ")
			if l.telling[height] {
				v.reason = "block-hash"
			}
		}
		l.table.count(l.t, "blocks/"+path.Base(l.name), fmt.Sprintf("block %d", height), v)
	}
}
