package fisco

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/jsonrpc"
)

// golden gives the lines of a recording of a real node.
func golden(t *testing.T, name string) []string {
	t.Helper()
	root := os.Getenv("BCOSGATE_GOLDEN")
	if root == "" {
		t.Skip("BCOSGATE_GOLDEN does not name a folder with recordings of a real node")
	}
	f, err := os.Open(filepath.Join(root, "fisco3", filepath.FromSlash(name)))
	require.NoError(t, err)
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 64<<20)
	var out []string
	for lines.Scan() {
		out = append(out, lines.Text())
	}
	require.NoError(t, lines.Err())
	return out
}

type recordedTransaction struct {
	Note        string
	Raw         string
	Hash        string
	Expect      string
	Response    json.RawMessage
	Receipt     json.RawMessage
	Transaction json.RawMessage
}

// Each recorded transaction has the hash and the sender that the real node gave
// it, its bytes come out of our encoder again, and its answers are understood.
func TestRecordedTransactions(t *testing.T) {
	t.Parallel()
	counted := map[string]int{}
	for _, line := range golden(t, "tx/std.jsonl") {
		var r recordedTransaction
		require.NoError(t, json.Unmarshal([]byte(line), &r))
		if r.Raw == "" {
			continue
		}
		counted["all"]++
		tx, err := DecodeTransaction(unhex(t, r.Raw))
		if err != nil { // damaged on purpose, or a `to` that only a raw transaction can have
			require.True(t, chain.Is(err, chain.KindInvalid), r.Note)
			counted["refused"]++
			continue
		}
		require.Equal(t, common.HexToHash(r.Hash), tx.Hash, r.Note)
		if tx.Data.Nonce != "" && tx.Data.BlockLimit != 0 { // the recorder wrote these out
			require.Equal(t, r.Raw, hex.EncodeToString(tx.Append(nil)), r.Note)
		}

		receipt, err := judgeSend(tx.Hash, r.Response)
		if r.Expect == "error" {
			require.Error(t, err, r.Note)
			require.NotEqual(t, chain.KindProtocol, chain.KindOf(err), "%s: %v", r.Note, err)
			counted["errors"]++
			continue
		}
		require.NoError(t, err, r.Note)
		sender, err := tx.Sender()
		require.NoError(t, err, r.Note)
		require.Equal(t, sender, receipt.From, r.Note)

		if len(r.Receipt) > 0 {
			again, err := jsonrpc.DecodeResponse[receiptJSON](r.Receipt)
			require.NoError(t, err, r.Note)
			other, err := again.receipt()
			require.NoError(t, err, r.Note)
			require.Equal(t, receipt, other, "%s: sendTransaction and getTransactionReceipt tell the same", r.Note)
			counted["receipts"]++
		}
		if len(r.Transaction) > 0 {
			view, err := jsonrpc.DecodeResponse[transactionJSON](r.Transaction)
			require.NoError(t, err, r.Note)
			rebuilt, err := view.transaction()
			require.NoError(t, err, r.Note)
			require.Equal(t, tx.Hash, rebuilt.Hash, r.Note)
			require.Equal(t, tx.Signature, rebuilt.Signature, r.Note)
			counted["transactions"]++
		}
	}
	t.Log(counted)
	require.Greater(t, counted["all"], 300)
	require.Greater(t, counted["receipts"], 300)
	require.Greater(t, counted["transactions"], 100)
	require.Less(t, counted["refused"], 20)
}

// Each recorded frame is parsed, and comes out of our encoder again.
func TestRecordedFrames(t *testing.T) {
	t.Parallel()
	frames := 0
	for _, name := range []string{"ws/rpc.txt", "ws/handshake.txt", "ws/notify.txt", "ws/events.txt", "ws/amop.txt", "ws/official-cpp-sdk.txt"} {
		for _, line := range golden(t, name) {
			_, text, ok := strings.Cut(line, "< ")
			wire, err := hex.DecodeString(text)
			if !ok || strings.HasPrefix(line, "#") || err != nil || len(wire) == 0 {
				continue
			}
			f, err := ParseFrame(wire)
			require.NoError(t, err, name)
			again, err := AppendFrame(nil, f)
			require.NoError(t, err)
			require.Equal(t, wire, again)
			frames++

			switch f.Type {
			case FrameHandshake:
				var reply handshakeJSON
				require.NoError(t, json.Unmarshal(f.Payload, &reply))
				require.Equal(t, "chain0", reply.GroupInfoList[0].ChainID)
				require.Equal(t, uint32(0x03100000), reply.GroupInfoList[0].Nodes[0].Protocol.CompatibilityVersion)
			case FrameBlockNotify:
				var news blockNotifyJSON
				require.NoError(t, json.Unmarshal(f.Payload, &news))
				require.Equal(t, "group0", news.Group)
				require.Positive(t, news.BlockNumber)
			}
		}
	}
	require.Greater(t, frames, 100)
}

func TestRecordedBlocks(t *testing.T) {
	t.Parallel()
	var last common.Hash
	for i, line := range golden(t, "blocks/std.jsonl") {
		var r struct{ Response json.RawMessage }
		require.NoError(t, json.Unmarshal([]byte(line), &r))
		// Recorded with whole transactions; we ask for hashes.
		var whole map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(r.Response, &whole))
		var body map[string]any
		require.NoError(t, json.Unmarshal(whole["result"], &body))
		var hashes []any
		for _, tx := range body["transactions"].([]any) {
			hashes = append(hashes, tx.(map[string]any)["hash"])
		}
		body["transactions"] = hashes
		edited, err := json.Marshal(map[string]any{"result": body})
		require.NoError(t, err)

		decoded, err := jsonrpc.DecodeResponse[blockJSON](edited)
		require.NoError(t, err)
		block, err := decoded.block()
		require.NoError(t, err)
		require.Equal(t, uint64(i), block.Number)
		require.Len(t, block.TxHashes, len(hashes))
		if i > 1 { // what block 0 shows as its hash is wrong (protocol §6.5)
			require.Equal(t, last, block.Parent)
		}
		last = block.Hash
	}
}
