//go:build unix

package interop

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain/fisco"
	"github.com/bcosgate/bcosgate/chain/fisco/proof"
	"github.com/bcosgate/bcosgate/chain/fisco/result"
	"github.com/bcosgate/bcosgate/chain/fisco/suite"
	"github.com/bcosgate/bcosgate/contracts"
)

const (
	theirSends = 1000
	ourSends   = 50
)

// The official Java SDK connects with certificates, deploys, sends a thousand
// transactions at a time, gets all receipts and events, uses a table and reads
// what it and our client sent. Both clients agree on every hash of the chain.
func TestJavaSDK(t *testing.T) {
	t.Parallel()
	program := buildSDK(t)
	node := startDevnode(t)
	client := node.dial(t)
	ours := sendOurs(t, client, ourSends)
	evidence, found := contracts.Builtin("Evidence")
	require.True(t, found)

	saw := program.run(t, order{
		Node: node.address, Certs: node.certs, Group: "group0", Code: hex.EncodeToString(evidence.Bytecode), ABI: evidence.ABI.JSON(),
		Count: theirSends, Hashes: ours, Table: "interop",
	})
	require.Equal(t, "chain0", saw.Chain)
	require.Equal(t, 2, saw.NegotiatedProtocol)

	ledger := readLedger(t, client)
	t.Run("sent", func(t *testing.T) { requireSent(t, ledger, saw) })
	t.Run("events", func(t *testing.T) { requireEvents(t, ledger, saw) })
	t.Run("table", func(t *testing.T) { requireTable(t, saw) })
	t.Run("read back", func(t *testing.T) { requireReadBack(t, ledger, ours, saw) })
	t.Run("blocks", func(t *testing.T) { requireBlocks(t, ledger, saw) })
}

// ledger is the whole chain as our client reads and verifies it.
type ledger struct {
	blocks       []result.Block // whole, from block 0 on
	transactions map[common.Hash]result.Transaction
	receipts     map[common.Hash]result.Receipt
}

func readLedger(t *testing.T, client *fisco.Client) ledger {
	t.Helper()
	l := ledger{transactions: map[common.Hash]result.Transaction{}, receipts: map[common.Hash]result.Receipt{}}
	head, err := client.GetBlockNumber(t.Context())
	require.NoError(t, err)
	for number := range head + 1 {
		b, err := client.GetBlockByNumber(t.Context(), number, fisco.BlockTransactions)
		require.NoError(t, err)
		l.blocks = append(l.blocks, b)
		if number > 0 {
			l.readTransactions(t, client, &b)
			require.NoError(t, proof.VerifyParent(&b, &l.blocks[number-1]))
		}
	}
	return l
}

// readTransactions reads and verifies what a block holds.
func (l *ledger) readTransactions(t *testing.T, client *fisco.Client, b *result.Block) {
	t.Helper()
	sealers := proof.BlockSealers(b)
	var receipts []*result.Receipt
	for _, in := range b.Transactions {
		transaction, err := client.GetTransaction(t.Context(), in.Hash, true)
		require.NoError(t, err)
		receipt, err := client.GetTransactionReceipt(t.Context(), in.Hash, true)
		require.NoError(t, err)
		require.NoError(t, proof.VerifyInclusion(suite.Standard, in.Hash, proof.Inclusion{
			Transaction: &transaction, Receipt: &receipt, Block: b, Sealers: sealers,
		}))
		l.transactions[in.Hash], l.receipts[in.Hash] = transaction, receipt
		receipts = append(receipts, &receipt)
	}
	require.NoError(t, proof.VerifyWholeBlock(suite.Standard, b, receipts, sealers))
}

// requireSent wants the receipts that came to be those of the chain.
func requireSent(t *testing.T, l ledger, saw report) {
	require.Len(t, saw.Sent, theirSends)
	versions := map[int32]int{}
	distinct := map[common.Hash]bool{}
	for _, sent := range saw.Sent {
		require.Zero(t, sent.Status)
		versions[sent.Version]++
		distinct[sent.SignedHash] = true
		l.requireReceipt(t, sent)
	}
	require.Equal(t, map[int32]int{0: theirSends / 2, 1: theirSends / 2}, versions)
	require.Len(t, distinct, theirSends)

	require.Zero(t, saw.Deployment.Status)
	require.NotEmpty(t, saw.Deployment.ContractAddress)
	l.requireReceipt(t, saw.Deployment)

	require.Equal(t, 16, saw.Repeated.Status, "the same digest again")
	l.requireReceipt(t, saw.Repeated)
}

// requireReceipt compares the receipt that came for a transaction with the one
// that we read.
func (l ledger) requireReceipt(t *testing.T, sent seen) {
	t.Helper()
	receipt, found := l.receipts[sent.SignedHash]
	require.True(t, found, sent.SignedHash)
	require.Equal(t, sent.SignedHash, sent.TransactionHash)
	hash := receipt.Hash.String()
	if receipt.Status != 0 {
		hash = "0x" // an answer of sendTransaction does not name it then
	}
	require.Equal(t, seen{
		SignedHash: sent.SignedHash, TransactionHash: receipt.TransactionHash, ReceiptHash: hash,
		Version: receipt.Version, Status: receipt.Status, BlockNumber: receipt.BlockNumber, From: receipt.From,
		ContractAddress: receipt.ContractAddress, Output: receipt.Output.String(), GasUsed: receipt.GasUsed,
	}, sent)
}

// requireEvents wants the event of each transaction pushed once.
func requireEvents(t *testing.T, l ledger, saw report) {
	pushed := map[common.Hash]event{}
	for _, e := range saw.Events {
		require.NotContains(t, pushed, e.TransactionHash)
		pushed[e.TransactionHash] = e
	}
	require.Len(t, pushed, theirSends)
	for _, sent := range saw.Sent {
		receipt := l.receipts[sent.SignedHash]
		require.Len(t, receipt.LogEntries, 1)
		log := receipt.LogEntries[0]
		require.Equal(t, event{
			TransactionHash: sent.SignedHash, BlockNumber: receipt.BlockNumber, Address: log.Address, Topics: log.Topics, Data: log.Data.String(),
		}, pushed[sent.SignedHash])
	}
}

// requireTable wants what the SDK's service for tables says on a node.
func requireTable(t *testing.T, saw report) {
	require.Equal(t, map[string]string{
		"create": "0", "createAgain": "-50001", "set": "1", "setOther": "1", "change": "1",
		"first": "one", "second": "two", "desc key_field": "id", "desc value_field": "item",
	}, saw.Table)
}

// requireReadBack wants what either client sent read by the SDK as by us, and the hashes
// that it computes itself to be those of the chain.
func requireReadBack(t *testing.T, l ledger, ours []common.Hash, saw report) {
	read := map[common.Hash]bool{}
	for _, back := range saw.Transactions {
		transaction, found := l.transactions[back.Hash]
		require.True(t, found, back.Hash)
		receipt := l.receipts[back.Hash]
		receiptHash := common.BytesToHash(receipt.Hash)
		want := readBack{
			Hash: transaction.Hash, ComputedHash: transaction.Hash, ReceiptHash: receiptHash, ComputedReceiptHash: &receiptHash,
			Status: receipt.Status, BlockNumber: receipt.BlockNumber, From: transaction.From, To: transaction.To,
			Input: transaction.Input.String(), ContractAddress: receipt.ContractAddress, TransactionProven: true, ReceiptProven: true,
		}
		if receipt.ContractAddress != "" {
			want.ComputedReceiptHash = nil // Ledger.java says why
		}
		if transaction.To != "" && !strings.HasPrefix(transaction.To, "0x") {
			// The SDK puts 0x before the address, and hashes that.
			want.To, want.ComputedHash = "0x"+transaction.To, back.ComputedHash
		}
		require.Equal(t, want, back)
		read[back.Hash] = true
	}
	require.Len(t, read, len(ours)+theirSends+2)
	for _, hash := range ours {
		require.True(t, read[hash], hash)
	}
}

// requireBlocks wants the same blocks, also by hash and by the hash that the SDK
// computes.
func requireBlocks(t *testing.T, l ledger, saw report) {
	require.EqualValues(t, len(l.blocks)-1, saw.Head)
	require.Len(t, saw.Blocks, len(l.blocks))
	total := 0
	for i, got := range saw.Blocks {
		b := l.blocks[i]
		want := block{
			Number: b.Number, Hash: b.Hash, ComputedHash: b.Hash, HashByNumber: b.Hash, TxsRoot: b.TxsRoot,
			ReceiptsRoot: b.ReceiptsRoot, StateRoot: b.StateRoot, Timestamp: b.Timestamp, Transactions: []common.Hash{},
		}
		if i == 0 {
			// The SDK hashes the roots and the gas that block 0 shows and that its
			// hash does not cover (protocol §6.5).
			want.ComputedHash = got.ComputedHash
		} else {
			want.ParentHash = &l.blocks[i-1].Hash
		}
		for _, in := range b.Transactions {
			want.Transactions = append(want.Transactions, in.Hash)
		}
		require.Equal(t, want, got)
		total += len(b.Transactions)
	}
	require.EqualValues(t, total, saw.TotalTransactions)
}
