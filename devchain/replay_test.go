package devchain

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/internal/golden"

	"github.com/bcosgate/bcosgate/devchain/suite"
)

// recorded is one line of a recording of a real node.
type recorded struct {
	N        int    `json:"n"`
	Note     string `json:"note"`
	Raw      string `json:"raw"`
	Hash     string `json:"hash"`
	Together int    `json:"together"`
	Request  *struct {
		Method string `json:"method"`
		Params []any  `json:"params"`
	} `json:"request"`
	Response struct {
		Result json.RawMessage `json:"result"`
		Error  *struct {
			Code    int    `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	} `json:"response"`
	Receipt struct {
		Result *recordedReceipt `json:"result"`
	} `json:"receipt"`
}

type recordedReceipt struct {
	Version         int32  `json:"version"`
	BlockNumber     uint64 `json:"blockNumber"`
	Status          int    `json:"status"`
	ContractAddress string `json:"contractAddress"`
	From            string `json:"from"`
	GasUsed         string `json:"gasUsed"`
	Output          string `json:"output"`
	TransactionHash string `json:"transactionHash"`
	Hash            string `json:"hash"`
	LogEntries      []struct {
		Address string   `json:"address"`
		Topics  []string `json:"topics"`
		Data    string   `json:"data"`
	} `json:"logEntries"`
}

func readRecording(t *testing.T, name string) []recorded {
	if golden.Small() {
		t.Skipf("the small part of the recordings is no whole ledger; %s names the folder of all of them", golden.Variable)
	}
	f, err := os.Open(golden.Path(t, name))
	require.NoError(t, err)
	defer f.Close()
	var all []recorded
	scanner := bufio.NewScanner(f)
	scanner.Buffer(nil, 16<<20)
	for scanner.Scan() {
		var line recorded
		require.NoError(t, json.Unmarshal(scanner.Bytes(), &line))
		all = append(all, line)
	}
	require.NoError(t, scanner.Err())
	return all
}

// replay drives a chain block by block, so that transactions which were sent at
// the same moment share a block.
type replay struct {
	*testChain
	differences map[int]string
}

func newReplay(t *testing.T) *replay {
	c, err := Open(testConfig(t))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	c.pool.start()
	return &replay{testChain: &testChain{Chain: c, t: t}, differences: map[int]string{}}
}

func (r *replay) differs(line recorded, format string, args ...any) {
	r.differences[line.N] = line.Note + ": " + fmt.Sprintf(format, args...)
}

// transactions sends lines that share a block.
func (r *replay) transactions(lines []recorded) {
	entries := make([]*pending, len(lines))
	for i, line := range lines {
		entry, err := r.submit(unhex(line.Raw))
		if err != nil {
			r.refusal(line, err)
			continue
		}
		if line.Response.Error != nil {
			r.differs(line, "taken, the node said %s", line.Response.Error.Message)
		}
		entries[i] = entry
	}
	batch := r.pool.cut(1000, time.Time{})
	if len(batch) == 0 {
		return
	}
	require.NoError(r.t, r.sealBlock(batch, time.Now()))
	for i, entry := range entries {
		if entry != nil && lines[i].Receipt.Result != nil {
			r.receipt(lines[i], entry.result)
		}
	}
}

func (r *replay) refusal(line recorded, err error) {
	want := line.Response.Error
	var got *Error
	switch {
	case want == nil:
		r.differs(line, "refused: %v", err)
	case !errors.As(err, &got), got.Code != want.Code, !strings.HasSuffix(want.Message, got.Message):
		r.differs(line, "refused: %v, the node said %d %s", err, want.Code, want.Message)
	}
}

func (r *replay) receipt(line recorded, got Result) {
	want, receipt := line.Receipt.Result, got.Receipt
	same := func(what string, have, want any) {
		if have != want {
			r.differs(line, "%s %v, the node's is %v", what, have, want)
		}
	}
	contract := ""
	if receipt.ContractAddress != nil {
		contract = "0x" + hexOf(*receipt.ContractAddress)
	}
	same("version", receipt.Version, want.Version)
	same("block", receipt.BlockNumber, want.BlockNumber)
	same("status", int(receipt.Status), want.Status)
	same("contract", contract, want.ContractAddress)
	same("output", hexutil.Encode(receipt.Output), want.Output)
	same("hash", receipt.TxHash.Hex(), want.TransactionHash)
	same("sender", "0x"+hexOf(got.Transaction.Sender), want.From)
	same("number of logs", len(receipt.Logs), len(want.LogEntries))
	for i := range min(len(receipt.Logs), len(want.LogEntries)) {
		log, want := receipt.Logs[i], want.LogEntries[i]
		same("log address", hexOf(log.Address), want.Address)
		same("log data", hexutil.Encode(log.Data), want.Data)
		var topics []string
		for _, topic := range log.Topics {
			topics = append(topics, topic.Hex())
		}
		same("log topics", strings.Join(topics, " "), strings.Join(want.Topics, " "))
	}
	// With the node's gas the receipt hash must be the node's.
	copied := *receipt
	_, err := fmt.Sscan(want.GasUsed, &copied.GasUsed)
	require.NoError(r.t, err)
	same("receipt hash", copied.computeHash(suite.Standard).Hex(), want.Hash)
}

func (r *replay) read(line recorded) {
	if line.Response.Error != nil {
		return // keys of settings that do not exist; nothing of the ledger
	}
	var want any
	require.NoError(r.t, json.Unmarshal(line.Response.Result, &want))
	param := func(i int) string { return line.Request.Params[i].(string) }
	switch line.Request.Method {
	case "call":
		input, err := hexutil.Decode(param(3))
		require.NoError(r.t, err)
		got, err := r.Call(r.t.Context(), CallArgs{To: param(2), Input: input})
		require.NoError(r.t, err)
		have := fmt.Sprint(map[string]any{"blockNumber": got.BlockNumber, "status": int(got.Status), "output": hexutil.Encode(got.Output)})
		if have != fmt.Sprint(want) {
			r.differs(line, "%.300s, the node's is %.300s", have, want)
		}
	case "getCode":
		code, err := r.Code(common.HexToAddress(param(2)))
		require.NoError(r.t, err)
		if hexutil.Encode(code) != want {
			r.differs(line, "other code")
		}
	case "getABI":
		abi, err := r.ABI(common.HexToAddress(param(2)))
		require.NoError(r.t, err)
		if abi != want {
			r.differs(line, "ABI %q", abi)
		}
	case "getBlockNumber":
		if float64(r.Head().Number) != want {
			r.differs(line, "block %d, the node's is %v", r.Head().Number, want)
		}
	}
}

// reasonOf says why a line may differ from the recording; the empty text when it
// may not.
func reasonOf(line recorded) string {
	switch {
	case strings.HasPrefix(line.Note, "call EnvProbe."), strings.HasPrefix(line.Note, "EnvProbe."), strings.HasPrefix(line.Note, "remember"):
		return "shows time stamps, block hashes or gas left"
	}
	return ""
}

// What a real node answered to the same transactions, from the empty chain on.
func TestReplayOfARealNode(t *testing.T) {
	t.Parallel()
	lines := readRecording(t, "tx/std.jsonl")
	r := newReplay(t)
	for i := 0; i < len(lines); {
		line := lines[i]
		n := max(1, line.Together)
		if line.Request != nil {
			r.read(line)
		} else {
			r.transactions(lines[i : i+n])
		}
		i += n
	}
	agreed := 0
	reasons := map[string]int{}
	for _, line := range lines {
		difference, differs := r.differences[line.N]
		if !differs {
			agreed++
			continue
		}
		if reason := reasonOf(line); reason != "" {
			reasons[reason]++
			continue
		}
		t.Errorf("line %d, %s", line.N, difference)
	}
	t.Logf("%d of %d lines agree; the others: %v", agreed, len(lines), reasons)
}
