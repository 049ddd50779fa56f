package fisco

import (
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/fisco/result"
	"github.com/bcosgate/bcosgate/chain/fisco/suite"
	"github.com/bcosgate/bcosgate/chain/fisco/tx"
	"github.com/bcosgate/bcosgate/chain/jsonrpc"
	"github.com/bcosgate/bcosgate/internal/golden"
)

func suiteOfRecording(name string) suite.Suite {
	if golden.GM(name) {
		return suite.GM
	}
	return suite.Standard
}

// ledgers are the recorded ledgers, without those that list only differences.
func ledgers(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, name := range golden.Files(t, "tx/*.jsonl") {
		if !strings.HasSuffix(name, ".diff.jsonl") {
			out = append(out, name)
		}
	}
	require.NotEmpty(t, out)
	return out
}

// Each recorded transaction has the hash and the sender that the real node gave
// it, its bytes come out of our encoder again, and its answers are understood.
func TestRecordedTransactions(t *testing.T) {
	t.Parallel()
	for _, name := range ledgers(t) {
		counted := map[string]int{}
		s := suiteOfRecording(name)
		for _, e := range golden.Ledger(t, name) {
			if e.Raw == "" {
				continue
			}
			counted["all"]++
			decoded, err := tx.Decode(s, unhex(t, e.Raw))
			if err != nil { // damaged on purpose, or a `to` that only a raw transaction can have
				require.True(t, chain.Is(err, chain.KindInvalid), e.Note)
				counted["refused"]++
				continue
			}
			require.Equal(t, common.HexToHash(e.Hash), decoded.Hash, e.Note)
			if decoded.Data.Nonce != "" && decoded.Data.BlockLimit != 0 { // the recorder wrote these out
				require.Equal(t, e.Raw, hex.EncodeToString(decoded.Append(nil)), e.Note)
			}
			full, receipt, err := judgeSend(decoded.Hash, e.Response)
			if e.Expect == "error" {
				require.Error(t, err, e.Note)
				require.NotEqual(t, chain.KindProtocol, chain.KindOf(err), "%s: %v", e.Note, err)
				counted["errors"]++
				continue
			}
			require.NoError(t, err, e.Note)
			sender, err := decoded.Sender()
			require.NoError(t, err, e.Note)
			require.Equal(t, sender, receipt.From, e.Note)
			require.Equal(t, decoded.Data.To, full.To, "as sent")

			if len(e.Receipt) > 0 {
				again, err := jsonrpc.DecodeResponse[result.Receipt](e.Receipt)
				require.NoError(t, err, e.Note)
				other, err := receiptOf(&again)
				require.NoError(t, err, e.Note)
				require.Equal(t, receipt, other, "%s: sendTransaction and getTransactionReceipt tell the same", e.Note)
				counted["receipts"]++
			}
			if len(e.Transaction) > 0 {
				view, err := jsonrpc.DecodeResponse[result.Transaction](e.Transaction)
				require.NoError(t, err, e.Note)
				rebuilt, err := view.Rebuild(s)
				require.NoError(t, err, e.Note)
				require.Equal(t, decoded.Hash, rebuilt.Hash, e.Note)
				require.Equal(t, decoded.Signature, rebuilt.Signature, e.Note)
				counted["transactions"]++
			}
		}
		t.Log(name, counted)
		require.Positive(t, counted["receipts"])
		require.Less(t, counted["refused"], 1+counted["all"]/10)
	}
}

// Each recorded frame of either side is parsed, and comes out of our encoder
// again. Those that end a session at a real node are refused.
func TestRecordedFrames(t *testing.T) {
	t.Parallel()
	for _, name := range golden.Files(t, "ws/*.txt") {
		frames, broken := 0, 0
		for _, m := range golden.Messages(t, name) {
			f, err := ParseFrame(m.Data)
			if err != nil {
				require.True(t, m.Sent, "%s:%d: a node sends whole frames", name, m.Line)
				broken++
				continue
			}
			again, err := AppendFrame(nil, f)
			require.NoError(t, err)
			require.Equal(t, m.Data, again, "%s:%d", name, m.Line)
			frames++
			if m.Sent {
				continue
			}
			switch f.Type {
			case FrameHandshake:
				var reply result.Handshake
				require.NoError(t, json.Unmarshal(f.Payload, &reply))
				require.NotEmpty(t, reply.GroupInfoList[0].ChainID)
				require.NotEmpty(t, reply.GroupBlockNumber)
				require.Equal(t, suiteOfRecording(name), suiteOf(&reply.GroupInfoList[0]), name)
			case FrameBlockNotify:
				var news result.BlockNotify
				require.NoError(t, json.Unmarshal(f.Payload, &news))
				require.NotEmpty(t, news.Group)
				require.Positive(t, news.BlockNumber)
			}
		}
		t.Log(name, frames, broken)
		require.True(t, frames > 0 || strings.Contains(name, "upgrade"), name)
	}
}

// The blocks of a recorded chain link to each other, and say what we make of them.
func TestRecordedBlocks(t *testing.T) {
	t.Parallel()
	for _, name := range golden.Files(t, "blocks/*.jsonl") {
		var last common.Hash
		for i, b := range golden.Blocks(t, name) {
			full, err := jsonrpc.DecodeResponse[result.Block](b.Response)
			require.NoError(t, err)
			block, err := blockOf(&full)
			require.NoError(t, err)
			require.Equal(t, b.Number, int64(block.Number))
			require.Len(t, block.TxHashes, len(full.Transactions))
			if i > 1 { // block 1 links to another hash than block 0 shows: see Methods.Identity
				require.Equal(t, last, block.Parent)
			}
			last = block.Hash
		}
	}
}

// Every refusal that a real node was recorded with has a kind, and its text is
// one line without the dump of the node.
func TestRecordedRefusalsHaveKinds(t *testing.T) {
	t.Parallel()
	refused := 0
	for _, name := range golden.Files(t, "rpc/*.txt") {
		for _, x := range golden.Exchanges(t, name) {
			var request struct{ Method string }
			var answer struct{ Error *jsonrpc.Error }
			if json.Unmarshal([]byte(x.Request), &request) != nil || json.Unmarshal([]byte(x.Response), &answer) != nil || answer.Error == nil {
				continue
			}
			refused++
			err := nodeError(request.Method, answer.Error)
			require.NotEmpty(t, err.Kind)
			require.NotContains(t, err.Msg, "\n")
			require.NotContains(t, err.Msg, "/src/")
			if known := answer.Error.Code >= 10000 || answer.Error.Code == 3008; known {
				require.NotEqual(t, chain.KindNode, err.Kind, "%s:%d %s", name, x.Line, x.Response)
			}
		}
	}
	require.True(t, refused > 100 || !golden.Whole(), refused)
}
