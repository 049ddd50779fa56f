package devchain

import (
	"math/big"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/devchain/system"
)

// Transaction is a decoded transaction with everything that came over the wire
// (protocol section 4.2) and what the chain worked out about it. It is not changed
// after it was decoded and may be shared.
//
// One that came as a raw Ethereum transaction has version 0, neither group nor
// block limit, its chain id in decimal and its nonce in 0x-hex, and its prices are
// set although it has version 0.
type Transaction struct {
	Version              int32
	ChainID              string
	GroupID              string
	BlockLimit           int64
	Nonce                string // the text as sent, any text
	To                   string // the text as sent: any letter case, with or without 0x; empty deploys
	Input                []byte
	ABI                  string
	Value                string // 0x-hex or empty; versions 1 and 2
	GasPrice             string // 0x-hex or empty; versions 1 and 2, without effect
	GasLimit             int64  // versions 1 and 2, without effect
	MaxFeePerGas         string // 0x-hex or empty; versions 1 and 2, without effect
	MaxPriorityFeePerGas string // 0x-hex or empty; versions 1 and 2, without effect
	Extension            []byte // version 2

	DataHash   []byte // as sent; empty when absent
	Signature  []byte // when good r, s, v in 65 bytes, or r, s, x, y in 128 on a GM chain
	Attribute  int32
	ExtraData  string
	ImportTime int64 // milliseconds since 1970, set when the transaction arrived here

	// Ethereum is what the raw Ethereum transaction said; nil in a native transaction.
	Ethereum *EthereumTransaction

	Hash   common.Hash    // of section 4.3, or the hash that Ethereum gives it
	Sender common.Address // whose key made the signature

	BlockNumber uint64 // 0 while it is in no block
	Index       int    // place in its block

	raw   []byte // the TARS bytes, without what may follow them
	unfit error  // of type 1, but its Ethereum form cannot be read
}

// Raw is the TARS form as it came over the wire. It must not be changed.
func (tx *Transaction) Raw() []byte { return tx.raw }

// Size is what a node counts of a transaction in the size of its block.
func (tx *Transaction) Size() int {
	size := len(tx.Nonce) + len(tx.To) + len(tx.Input) + len(tx.ABI) + len(tx.Value) + len(tx.GasPrice) + len(tx.MaxFeePerGas) +
		len(tx.MaxPriorityFeePerGas) + len(tx.Extension) + len(tx.Signature) + len(tx.Sender) + len(tx.ExtraData)
	if tx.Ethereum != nil {
		size += len(tx.Ethereum.signedBytes()) + len(tx.Hash)
	}
	return size
}

// Log is one event of a receipt. A failed transaction has none.
type Log struct {
	Address common.Address
	Topics  []common.Hash
	Data    []byte
}

// Receipt is the result of a transaction in a block. What it shares with its
// transaction (from, to, input, extra data) is not repeated here.
type Receipt struct {
	Version           int32 // that of the transaction
	TxHash            common.Hash
	BlockNumber       uint64
	Index             int // place in the block
	Status            Status
	ContractAddress   *common.Address // set by a deployment that succeeded
	GasUsed           uint64
	EffectiveGasPrice string // always empty: the gas price of the chain is 0
	Output            []byte // return data, or revert data
	Message           string // always empty, as on a real node
	Logs              []Log
	Hash              common.Hash // of section 6.4
}

// Header is what the hash of a block covers (protocol section 6.5).
type Header struct {
	Version      uint32 // 0xMMmmpp00, for example 0x03100000
	Number       uint64
	Parent       common.Hash // hash of the block before; the zero hash in block 0, which has no parent
	TxsRoot      common.Hash
	ReceiptsRoot common.Hash
	StateRoot    common.Hash // go-ethereum's state root; a real node has a sum that nobody can check
	GasUsed      uint64
	Timestamp    int64 // milliseconds since 1970; 0 in block 0
	Sealer       int   // index into Sealers
	Sealers      []Sealer
	ExtraData    []byte // the genesis text in block 0, else empty
	Hash         common.Hash
}

// Signature is one sealer's signature of a block hash: r, s, v in 65 bytes, or
// r, s in 64 on a GM chain.
type Signature struct {
	SealerIndex int
	Signature   []byte
}

// Block is a header with its signatures and the hashes of its transactions, in
// the order of execution. Block 0 has neither sealers nor signatures.
type Block struct {
	Header
	Signatures []Signature
	TxHashes   []common.Hash
}

// Head says how far the chain is.
type Head struct {
	Number    uint64
	Hash      common.Hash
	Timestamp int64 // milliseconds since 1970
}

// Totals counts the transactions of all blocks up to a block.
type Totals struct {
	BlockNumber  uint64
	Transactions uint64
	Failed       uint64 // those with a status other than 0
}

// Kinds of nodes.
const (
	KindSealer   = system.KindSealer
	KindObserver = system.KindObserver
)

// Node is a member of the group.
type Node struct {
	ID         string // 128 lower-case hex digits
	Kind       string
	Weight     uint64 // 0 for observers
	TermWeight uint64
}

// Setting is a value of the system configuration and the block from which on it
// counts; 0 for what the genesis set.
type Setting struct {
	Value       string
	BlockNumber uint64
}

// Result is the outcome of a transaction that the pool took.
//
// With Dropped the transaction was thrown out of the pool because it had waited
// too long or its block limit had passed: it was not executed, Receipt is nil,
// and the same bytes may be sent again. A real node words this like a success
// with block 0 and the hash "0x" (protocol section 5.2).
type Result struct {
	Transaction *Transaction
	Receipt     *Receipt
	Dropped     bool
}

// CallArgs is a read: nothing is written. To and Input are those of the
// contract; To is a text as in a transaction, and empty runs Input as the code of
// a deployment, which shows only whether it fails.
// With Sign, a signature over the hash of To without 0x ‖ Input in the form of a
// transaction's, its account is the sender, else it is From.
type CallArgs struct {
	To    string
	Input []byte
	Sign  []byte

	From  common.Address
	Value *big.Int // nil is 0
}

// CallResult is the answer to a read, made on the state of block BlockNumber.
// A failed execution is a result with a status, not an error.
type CallResult struct {
	BlockNumber uint64
	Status      Status
	Output      []byte
	GasUsed     uint64
}

// Account is what the chain keeps about an account, besides code and storage.
type Account struct {
	Nonce   uint64 // of its next Ethereum transaction; native ones do not count
	Balance *big.Int
}
