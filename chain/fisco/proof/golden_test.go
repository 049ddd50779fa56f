package proof

import (
	"encoding/json"
	"path"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain/fisco/result"
	"github.com/bcosgate/bcosgate/chain/fisco/suite"
	"github.com/bcosgate/bcosgate/internal/golden"
)

func suiteOf(name string) suite.Suite {
	if golden.GM(name) {
		return suite.GM
	}
	return suite.Standard
}

// answer decodes the result of a JSON-RPC answer; nil when it has none.
func answer[T any](t testing.TB, response []byte) *T {
	t.Helper()
	var envelope struct{ Result json.RawMessage }
	if len(response) == 0 {
		return nil
	}
	require.NoError(t, json.Unmarshal(response, &envelope))
	if len(envelope.Result) == 0 || string(envelope.Result) == "null" {
		return nil
	}
	out := new(T)
	require.NoError(t, json.Unmarshal(envelope.Result, out))
	return out
}

// recordedReceipts gives the receipts of the ledger that belongs to a file of
// blocks, by transaction.
func recordedReceipts(t testing.TB, blocks string) map[common.Hash]*result.Receipt {
	t.Helper()
	out := map[common.Hash]*result.Receipt{}
	for _, name := range golden.Files(t, "tx/*.jsonl") {
		if path.Base(name) != path.Base(blocks) {
			continue
		}
		for _, entry := range golden.Ledger(t, name) {
			if r := answer[result.Receipt](t, entry.Receipt); r != nil {
				out[r.TransactionHash] = r
			}
		}
	}
	return out
}

// receiptsOf gives all receipts of a block in its order, false when one is missing.
func receiptsOf(b *result.Block, known map[common.Hash]*result.Receipt) ([]*result.Receipt, bool) {
	var out []*result.Receipt
	for _, t := range b.Transactions {
		r := known[t.Hash]
		if r == nil || r.BlockNumber != b.Number {
			return nil, false
		}
		out = append(out, r)
	}
	return out, true
}

func TestRecordedBlocksAreVerified(t *testing.T) {
	t.Parallel()
	for _, name := range golden.Files(t, "blocks/*.jsonl") {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := suiteOf(name)
			receipts := recordedReceipts(t, name)
			var parent *result.Block
			links, wholes, signatures, transactions := 0, 0, 0, 0
			for _, recorded := range golden.Blocks(t, name) {
				b := answer[result.Block](t, recorded.Response)
				require.NotNil(t, b, "block %d", recorded.Number)
				require.Equal(t, recorded.Number, b.Number)
				require.NoError(t, VerifyBlock(s, b))
				require.NoError(t, VerifyTransactionsRoot(s, b))
				transactions += len(b.Transactions)
				for _, tx := range b.Transactions {
					require.NotNil(t, tx.Full)
					require.NoError(t, VerifyTransaction(s, tx.Full, tx.Hash))
				}
				if b.Number > 0 {
					trusted := BlockSealers(b) // where the recording has a gap
					if parent != nil && parent.Number+1 == b.Number {
						require.NoError(t, VerifyParent(b, parent))
						trusted = sealersAfter(t, parent)
						links++
					}
					require.NoError(t, VerifySignatures(s, b, trusted))
					signatures += len(b.SignatureList)
					if all, ok := receiptsOf(b, receipts); ok {
						require.NoError(t, VerifyWholeBlock(s, b, all, trusted))
						wholes++
					}
				}
				parent = b
			}
			t.Logf("%d links, %d signatures, %d transactions, %d blocks with all receipts", links, signatures, transactions, wholes)
			require.NotZero(t, signatures)
			require.NotZero(t, wholes)
		})
	}
}

// sealersAfter is whom a client trusts that has verified b.
func sealersAfter(t testing.TB, b *result.Block) SealerSet {
	t.Helper()
	if b.Number > 0 {
		return BlockSealers(b)
	}
	g, err := ParseGenesis(b.ExtraData)
	require.NoError(t, err)
	return g.Sealers
}

func TestRecordedTransactionsAndReceiptsAreVerified(t *testing.T) {
	t.Parallel()
	for _, name := range golden.Files(t, "tx/*.jsonl") {
		if strings.HasSuffix(name, ".diff.jsonl") {
			continue // only differences, no answers
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := suiteOf(name)
			transactions, receipts, unhashed := 0, 0, 0
			for _, entry := range golden.Ledger(t, name) {
				if tx := answer[result.Transaction](t, entry.Transaction); tx != nil {
					require.NoError(t, VerifyTransaction(s, tx, common.HexToHash(entry.Hash)), "line %d", entry.N)
					transactions++
				}
				if r := answer[result.Receipt](t, entry.Receipt); r != nil {
					require.NoError(t, VerifyReceipt(s, r), "line %d", entry.N)
					require.Equal(t, common.HexToHash(entry.Hash), r.TransactionHash)
					receipts++
				}
				if entry.Raw == "" || entry.Expect != "result" {
					continue
				}
				r := answer[result.Receipt](t, entry.Response)
				require.NotNil(t, r, "line %d", entry.N)
				err := VerifyReceipt(s, r)
				if len(r.Hash) == 0 { // sendTransaction shows none without success (protocol §6.1)
					failsWith(t, err, CheckReceiptHash)
					unhashed++
				} else {
					require.NoError(t, err, "line %d", entry.N)
				}
			}
			t.Logf("%d transactions, %d receipts, %d answers of sendTransaction without a hash", transactions, receipts, unhashed)
			require.NotZero(t, receipts)
		})
	}
}

// conversation is what a transcript tells of one chain.
type conversation struct {
	transactions []*result.Transaction
	receipts     []*result.Receipt
	blocks       map[int64]*result.Block
	blockOf      map[common.Hash]int64 // by transaction
}

func readConversation(t testing.TB, name string) conversation {
	t.Helper()
	c := conversation{blocks: map[int64]*result.Block{}, blockOf: map[common.Hash]int64{}}
	for _, x := range golden.Exchanges(t, name) {
		var request struct{ Method string }
		if json.Unmarshal([]byte(x.Request), &request) != nil {
			continue
		}
		switch request.Method {
		case "getTransaction":
			if tx := answer[result.Transaction](t, []byte(x.Response)); tx != nil {
				c.transactions = append(c.transactions, tx)
			}
		case "getTransactionReceipt", "sendTransaction":
			if r := answer[result.Receipt](t, []byte(x.Response)); r != nil {
				c.receipts = append(c.receipts, r)
				c.blockOf[r.TransactionHash] = r.BlockNumber
			}
		case "getBlockByNumber":
			if b := answer[result.Block](t, []byte(x.Response)); b != nil && b.Transactions != nil {
				c.blocks[b.Number] = b
			}
		}
	}
	return c
}

func TestRecordedProofsAreVerified(t *testing.T) {
	t.Parallel()
	for _, name := range golden.Files(t, "rpc/*proofs.txt") {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := suiteOf(name)
			c := readConversation(t, name)
			receiptProofs, transactionProofs, inclusions := 0, 0, 0
			known := map[common.Hash]*result.Receipt{}
			for _, r := range c.receipts {
				b := c.blocks[r.BlockNumber]
				if b == nil || len(r.TxReceiptProof) == 0 {
					continue
				}
				require.NoError(t, VerifyProof(s, ReceiptHash(s, r), r.TxReceiptProof, b.ReceiptsRoot))
				receiptProofs++
				known[r.TransactionHash] = r
			}
			for _, tx := range c.transactions {
				b := c.blocks[c.blockOf[tx.Hash]]
				if b == nil || len(tx.TxProof) == 0 {
					continue
				}
				require.NoError(t, VerifyProof(s, tx.Hash, tx.TxProof, b.TxsRoot))
				transactionProofs++
				if r := known[tx.Hash]; r != nil {
					require.NoError(t, VerifyInclusion(s, tx.Hash, Inclusion{Transaction: tx, Receipt: r, Block: b, Sealers: BlockSealers(b)}))
					inclusions++
				}
			}
			for _, b := range c.blocks {
				if all, ok := receiptsOf(b, known); ok {
					require.NoError(t, VerifyWholeBlock(s, b, all, BlockSealers(b)))
				}
			}
			t.Logf("%d receipt proofs, %d transaction proofs, %d inclusions", receiptProofs, transactionProofs, inclusions)
			require.NotZero(t, inclusions)
		})
	}
}

// Blocks of all transcripts, also of chains with several sealers.
func TestRecordedBlocksOfTranscriptsAreVerified(t *testing.T) {
	t.Parallel()
	blocks, signatures := 0, 0
	for _, name := range golden.Files(t, "rpc/*.txt") {
		s := suiteOf(name)
		for _, x := range golden.Exchanges(t, name) {
			if !strings.Contains(x.Request, `"getBlockByNumber"`) || !strings.HasPrefix(x.Response, "{") {
				continue
			}
			b := answer[result.Block](t, []byte(x.Response))
			if b == nil {
				continue
			}
			require.NoError(t, VerifyBlock(s, b), "%s:%d", name, x.Line)
			blocks++
			if b.Number > 0 {
				require.NoError(t, VerifySignatures(s, b, BlockSealers(b)), "%s:%d", name, x.Line)
				signatures += len(b.SignatureList)
			}
		}
	}
	t.Logf("%d blocks, %d signatures", blocks, signatures)
	require.NotZero(t, signatures)
}

func failsWith(t testing.TB, err error, check Check) {
	t.Helper()
	var e *Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, check, e.Check, "%v", err)
}
