package proof

import (
	"reflect"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain/fisco/result"
	"github.com/bcosgate/bcosgate/chain/fisco/suite"
)

func bothSuites(t *testing.T, test func(t *testing.T, s suite.Suite)) {
	t.Helper()
	for _, s := range []suite.Suite{suite.Standard, suite.GM} {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			test(t, s)
		})
	}
}

func TestInclusionOfEveryTransactionIsProven(t *testing.T) {
	t.Parallel()
	bothSuites(t, func(t *testing.T, s suite.Suite) {
		for n := 1; n <= 7; n++ {
			c := newChain(t, s, n)
			for i, tx := range c.transactions {
				require.NoError(t, VerifyInclusion(s, tx.Hash, c.inclusion(i)), "%d of %d", i, n)
				c.block.Transactions = append(c.block.Transactions, result.BlockTransaction{Hash: tx.Hash, Full: tx})
			}
			require.NoError(t, VerifyWholeBlock(s, c.block, c.receipts, c.sealers))
		}
	})
}

// covered says which check fails when the field is changed; "" means that no
// hash covers it.
var covered = map[string]Check{
	"Transaction.Version":              CheckTransactionHash,
	"Transaction.Hash":                 CheckTransactionHash,
	"Transaction.Nonce":                CheckTransactionHash,
	"Transaction.BlockLimit":           CheckTransactionHash,
	"Transaction.To":                   CheckTransactionHash,
	"Transaction.From":                 CheckSender,
	"Transaction.Input":                CheckTransactionHash,
	"Transaction.ABI":                  CheckTransactionHash,
	"Transaction.ChainID":              CheckTransactionHash,
	"Transaction.GroupID":              CheckTransactionHash,
	"Transaction.ImportTime":           "",
	"Transaction.Signature":            CheckSender,
	"Transaction.ExtraData":            "",
	"Transaction.Value":                CheckTransactionHash,
	"Transaction.GasPrice":             CheckTransactionHash,
	"Transaction.GasLimit":             CheckTransactionHash,
	"Transaction.MaxFeePerGas":         CheckTransactionHash,
	"Transaction.MaxPriorityFeePerGas": CheckTransactionHash,
	"Transaction.Extension":            CheckTransactionHash,
	"Transaction.TxProof":              CheckMerkleProof,

	"Receipt.Version":            CheckReceiptHash,
	"Receipt.TransactionHash":    CheckPairing,
	"Receipt.Hash":               CheckReceiptHash,
	"Receipt.BlockNumber":        CheckReceiptHash,
	"Receipt.Status":             CheckReceiptHash,
	"Receipt.ContractAddress":    CheckReceiptHash,
	"Receipt.From":               CheckPairing,
	"Receipt.To":                 CheckPairing,
	"Receipt.GasUsed":            CheckReceiptHash,
	"Receipt.Input":              CheckPairing,
	"Receipt.Output":             CheckReceiptHash,
	"Receipt.Message":            "",
	"Receipt.ExtraData":          "",
	"Receipt.LogEntries.Address": CheckReceiptHash,
	"Receipt.LogEntries.Topics":  CheckReceiptHash,
	"Receipt.LogEntries.Data":    CheckReceiptHash,
	"Receipt.EffectiveGasPrice":  CheckReceiptHash,
	"Receipt.TxReceiptProof":     CheckMerkleProof,

	"Block.Hash":                      CheckBlockHash,
	"Block.Version":                   CheckBlockHash,
	"Block.Number":                    CheckPairing,
	"Block.Timestamp":                 CheckBlockHash,
	"Block.Sealer":                    CheckBlockHash,
	"Block.TxsRoot":                   CheckMerkleProof,
	"Block.ReceiptsRoot":              CheckMerkleProof,
	"Block.StateRoot":                 CheckBlockHash,
	"Block.GasUsed":                   CheckBlockHash,
	"Block.ExtraData":                 CheckBlockHash,
	"Block.ParentInfo.BlockNumber":    CheckBlockHash,
	"Block.ParentInfo.BlockHash":      CheckBlockHash,
	"Block.SealerList":                CheckBlockHash,
	"Block.ConsensusWeights":          CheckBlockHash,
	"Block.SignatureList.SealerIndex": CheckSignature,
	"Block.SignatureList.Signature":   CheckSignature,
}

func TestEveryChangedFieldFailsItsCheck(t *testing.T) {
	t.Parallel()
	bothSuites(t, func(t *testing.T, s suite.Suite) {
		c := newChain(t, s, 5)
		in := c.inclusion(2)
		want := in.Transaction.Hash
		seen := map[string]bool{}
		for part, v := range map[string]reflect.Value{
			"Transaction": reflect.ValueOf(in.Transaction).Elem(),
			"Receipt":     reflect.ValueOf(in.Receipt).Elem(),
			"Block":       reflect.ValueOf(in.Block).Elem(),
		} {
			eachChange(v, part, func(path string) {
				check, known := covered[path]
				err := VerifyInclusion(s, want, in)
				switch {
				case !known:
				case check == "":
					require.NoError(t, err, path)
				default:
					require.Error(t, err, path)
					failsWith(t, err, check)
				}
				seen[path] = true
			})
			require.NoError(t, VerifyInclusion(s, want, in), "all changes are undone")
		}
		for path := range covered {
			require.True(t, seen[path], "%s was not changed", path)
		}
	})
}

// eachChange changes one leaf of v after the other, calls try and undoes it.
func eachChange(v reflect.Value, path string, try func(path string)) {
	switch {
	case v.Kind() == reflect.Pointer:
		if !v.IsNil() {
			eachChange(v.Elem(), path, try)
		}
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				eachChange(v.Field(i), path+"."+f.Name, try)
			}
		}
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			eachChange(v.Index(i), path, try)
		}
		if v.Len() > 0 && v.Type().Elem().Kind() == reflect.Uint8 { // one byte less
			old := reflect.ValueOf(v.Interface())
			v.Set(old.Slice(0, old.Len()-1))
			try(path)
			v.Set(old)
		}
	case v.Kind() == reflect.Array:
		eachChange(v.Index(0), path, try)
		eachChange(v.Index(v.Len()-1), path, try)
	default:
		old := reflect.New(v.Type()).Elem()
		old.Set(v)
		switch {
		case v.CanInt():
			v.SetInt(v.Int() + 1)
		case v.CanUint():
			v.SetUint(v.Uint() ^ 1)
		case v.Kind() == reflect.String:
			v.SetString(otherEnd(v.String()))
		}
		try(path)
		v.Set(old)
	}
}

// otherEnd changes the last character, a digit into another digit.
func otherEnd(text string) string {
	if strings.HasSuffix(text, "1") {
		return text[:len(text)-1] + "2"
	}
	return text[:max(len(text)-1, 0)] + "1"
}

func TestSmallerLiesOfANode(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*Inclusion)
		check  Check
	}{
		"no transaction proof": {func(in *Inclusion) { in.Transaction.TxProof = nil }, CheckMerkleProof},
		"no receipt proof":     {func(in *Inclusion) { in.Receipt.TxReceiptProof = nil }, CheckMerkleProof},
		"no receipt hash":      {func(in *Inclusion) { in.Receipt.Hash = []byte{} }, CheckReceiptHash},
		"no signature":         {func(in *Inclusion) { in.Block.SignatureList = nil }, CheckQuorum},
		"a log less":           {func(in *Inclusion) { in.Receipt.LogEntries = in.Receipt.LogEntries[:1] }, CheckReceiptHash},
		"no logs":              {func(in *Inclusion) { in.Receipt.LogEntries = nil }, CheckReceiptHash},
		"a topic less":         {func(in *Inclusion) { in.Receipt.LogEntries[0].Topics = nil }, CheckReceiptHash},
		"no price":             {func(in *Inclusion) { in.Receipt.EffectiveGasPrice = nil }, CheckReceiptHash},
		"address in gas": {func(in *Inclusion) {
			in.Receipt.GasUsed += in.Receipt.ContractAddress[2:]
			in.Receipt.ContractAddress = ""
		}, CheckReceiptHash},
		"gas in address": {func(in *Inclusion) {
			in.Receipt.ContractAddress = in.Receipt.GasUsed[1:] + in.Receipt.ContractAddress[2:]
			in.Receipt.GasUsed = in.Receipt.GasUsed[:1]
		}, CheckReceiptHash},
		"price in output": {func(in *Inclusion) {
			none := ""
			in.Receipt.Output = append(in.Receipt.Output, *in.Receipt.EffectiveGasPrice...)
			in.Receipt.EffectiveGasPrice = &none
		}, ""}, // the border has no form: the package comment says so
		"output in price": {func(in *Inclusion) {
			all := string(in.Receipt.Output) + *in.Receipt.EffectiveGasPrice
			in.Receipt.Output, in.Receipt.EffectiveGasPrice = nil, &all
		}, CheckReceiptHash},
		"log in another's data": {func(in *Inclusion) {
			log := in.Receipt.LogEntries[0]
			in.Receipt.LogEntries[0].Address = log.Address + string(log.Topics[0][:])
			in.Receipt.LogEntries[0].Topics = nil
		}, CheckReceiptHash},
		"status beyond 32 bits": {func(in *Inclusion) { in.Receipt.Status += 1 << 32 }, CheckReceiptHash},
		"node ids shifted":      {func(in *Inclusion) { l := in.Block.SealerList; l[0], l[1] = append(l[0], l[1][0]), l[1][1:] }, CheckBlockHash},
		"gas in the header":     {func(in *Inclusion) { in.Block.GasUsed += "\x00" }, CheckBlockHash},
		"receipt version": {func(in *Inclusion) {
			in.Receipt.Version = 1
			h := ReceiptHash(suite.Standard, in.Receipt)
			in.Receipt.Hash = h[:]
		}, CheckPairing},
		"whose sealers are none": {func(in *Inclusion) { in.Sealers = SealerSet{} }, CheckSealers},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := newChain(t, suite.Standard, 3).inclusion(1)
			c.change(&in)
			err := VerifyInclusion(suite.Standard, in.Transaction.Hash, in)
			if c.check == "" {
				require.NoError(t, err)
				return
			}
			failsWith(t, err, c.check)
		})
	}
}

func TestTransactionIsTheOneThatWasWanted(t *testing.T) {
	t.Parallel()
	bothSuites(t, func(t *testing.T, s suite.Suite) {
		c := newChain(t, s, 2)
		err := VerifyTransaction(s, c.transactions[0], c.transactions[1].Hash)
		failsWith(t, err, CheckTransactionHash)
		require.ErrorContains(t, err, "transaction hash: ")
		require.ErrorContains(t, err, c.transactions[0].Hash.Hex())
		require.ErrorContains(t, err, c.transactions[1].Hash.Hex())

		broken := *c.transactions[0]
		broken.Signature = nil
		err = VerifyTransaction(s, &broken, broken.Hash)
		failsWith(t, err, CheckSender)
		require.ErrorIs(t, err, suite.ErrSignatureForm, "the cause is kept")
		broken = *c.transactions[0]
		broken.From = ""
		failsWith(t, VerifyTransaction(s, &broken, broken.Hash), CheckSender)
	})
}

// A GM node takes bytes behind a signature and makes another sender of them.
func TestLongSignatureOfGMChangesTheSender(t *testing.T) {
	t.Parallel()
	tx := *newChain(t, suite.GM, 1).transactions[0]
	tx.Signature = append(tx.Signature[:len(tx.Signature):len(tx.Signature)], 0)
	failsWith(t, VerifyTransaction(suite.GM, &tx, tx.Hash), CheckSender)
	tx.From = suite.GM.Address(tx.Signature[64:]).Hex()
	require.NoError(t, VerifyTransaction(suite.GM, &tx, tx.Hash))
	tx.Signature[3] ^= 1
	failsWith(t, VerifyTransaction(suite.GM, &tx, tx.Hash), CheckSender)
}

func TestWholeBlockKeepsReceiptsAndTransactionsTogether(t *testing.T) {
	t.Parallel()
	c := newChain(t, suite.Standard, 4)
	for _, tx := range c.transactions {
		c.block.Transactions = append(c.block.Transactions, result.BlockTransaction{Hash: tx.Hash})
	}
	verify := func() error { return VerifyWholeBlock(suite.Standard, c.block, c.receipts, c.sealers) }
	require.NoError(t, verify())

	r := c.receipts
	r[0], r[1] = r[1], r[0]
	failsWith(t, verify(), CheckPairing)
	r[0].TransactionHash, r[1].TransactionHash = r[1].TransactionHash, r[0].TransactionHash // no hash covers them
	failsWith(t, verify(), CheckReceiptsRoot)
	r[0].TransactionHash, r[1].TransactionHash = r[1].TransactionHash, r[0].TransactionHash
	r[0], r[1] = r[1], r[0]
	require.NoError(t, verify())

	c.receipts = r[:3]
	failsWith(t, verify(), CheckPairing)
	c.receipts = r
	failsWith(t, VerifyReceiptsRoot(suite.Standard, c.block, r[:3]), CheckPairing)
	list := c.block.Transactions
	c.block.Transactions = nil
	failsWith(t, VerifyTransactionsRoot(suite.Standard, c.block), CheckTransactionsRoot)
	failsWith(t, VerifyReceiptsRoot(suite.Standard, c.block, r[:3]), CheckReceiptsRoot)
	require.NoError(t, VerifyReceiptsRoot(suite.Standard, c.block, r), "a header is enough")
	c.block.Transactions = list

	list[0], list[1] = list[1], list[0]
	failsWith(t, verify(), CheckTransactionsRoot)
	list[0], list[1] = list[1], list[0]
	c.block.Timestamp++
	failsWith(t, verify(), CheckBlockHash)
	c.block.Timestamp--
	c.sign(t, 0, 1)
	failsWith(t, verify(), CheckQuorum)
	c.sign(t, 1, 2, 3)

	list[1].Full = c.transactions[1]
	require.NoError(t, verify())
	from := r[1].From
	r[1].From = r[0].From
	failsWith(t, verify(), CheckPairing)
	r[1].From = from
	hash := r[1].Hash
	r[1].Hash = r[0].Hash
	failsWith(t, verify(), CheckReceiptHash)
	r[1].Hash = hash
	list[2].Full = c.transactions[3]
	failsWith(t, verify(), CheckTransactionsRoot)
	changed := *c.transactions[2]
	changed.Input = []byte("other")
	list[2].Full = &changed
	failsWith(t, verify(), CheckTransactionHash)
}

// The true receipt of another transaction of the block, made to look like ours
// where no hash covers it: only its place tells.
func TestReceiptOfAnotherTransactionIsNotItsResult(t *testing.T) {
	t.Parallel()
	for _, s := range []suite.Suite{suite.Standard, suite.GM} {
		c := newChain(t, s, 5)
		for i := range c.receipts {
			for j := range c.receipts {
				if i == j {
					continue
				}
				in := c.inclusion(i)
				lie := *in.Receipt
				lie.Hash, lie.GasUsed, lie.TxReceiptProof = c.receipts[j].Hash, c.receipts[j].GasUsed, c.receipts[j].TxReceiptProof
				in.Receipt = &lie
				require.NoError(t, VerifyReceipt(s, &lie))
				failsWith(t, VerifyInclusion(s, c.transactions[i].Hash, in), CheckPairing)
			}
		}
	}
}

// Receipts of different transactions can be equal; a node then proves the first
// of them. Over the whole block they are told apart.
func TestEqualReceiptsNeedTheWholeBlock(t *testing.T) {
	t.Parallel()
	s := suite.Standard
	c := newChain(t, s, 4)
	var hashes []common.Hash
	for i, r := range c.receipts {
		r.GasUsed = "21000"
		hash := ReceiptHash(s, r)
		r.Hash = hash[:]
		hashes = append(hashes, hash)
		c.block.Transactions = append(c.block.Transactions, result.BlockTransaction{Hash: c.transactions[i].Hash})
	}
	require.Equal(t, hashes[0], hashes[3])
	c.block.ReceiptsRoot = MerkleRoot(s, hashes)
	c.sign(t, 1, 2, 3)
	for _, r := range c.receipts {
		r.TxReceiptProof = prove(s, hashes, 0)
	}
	require.NoError(t, VerifyInclusion(s, c.transactions[3].Hash, c.inclusion(3)), "equal on both sides at every level")
	require.NoError(t, VerifyWholeBlock(s, c.block, c.receipts, c.sealers))

	c.receipts[1].GasUsed = "30000"
	hashes[1] = ReceiptHash(s, c.receipts[1])
	c.receipts[1].Hash = hashes[1][:]
	c.block.ReceiptsRoot = MerkleRoot(s, hashes)
	c.sign(t, 1, 2, 3)
	c.receipts[3].TxReceiptProof = prove(s, hashes, 0)
	failsWith(t, VerifyInclusion(s, c.transactions[3].Hash, c.inclusion(3)), CheckPairing)
	require.NoError(t, VerifyWholeBlock(s, c.block, c.receipts, c.sealers))
}

// Sealers who sign a header with more receipts than transactions prove nothing.
func TestTreesOfDifferentHeightPairNothing(t *testing.T) {
	t.Parallel()
	s := suite.Standard
	c := newChain(t, s, 2)
	leaves := append([]common.Hash{common.BytesToHash(c.receipts[0].Hash)}, letters(4)...)
	c.block.ReceiptsRoot = MerkleRoot(s, leaves)
	c.receipts[0].TxReceiptProof = prove(s, leaves, 0)
	c.sign(t, 1, 2, 3)
	failsWith(t, VerifyInclusion(s, c.transactions[0].Hash, c.inclusion(0)), CheckPairing)
}
