// Package chain is the vocabulary that every other package speaks: what a
// target, a call, an intent, a transaction, a receipt, a log and a head are,
// whatever the family of the chain, and the small one-ability interfaces that a
// connection to a chain offers.
//
// It never opens a socket, reads a file or knows a wire format: the families
// below it (chain/fisco, …) do.
package chain

import (
	"context"
	"math/big"
	"time"

	"github.com/ethereum/go-ethereum/common"
)

// Family names a kind of chain with one wire protocol.
type Family string

// FISCO3 is FISCO BCOS 3.x.
const FISCO3 Family = "fisco3"

// ReadsPast reports whether nodes of the family can read the state after a block
// that is not their newest one. Those of FISCO BCOS 3.x cannot: their call takes no
// block, and only tells which one it read at.
func (f Family) ReadsPast() bool { return false }

// Target is one group of one chain that calls go to, under the name that the
// configuration gives it.
type Target struct {
	Name    string
	Family  Family
	ChainID string // text, for example "chain0"
	Group   string // text, for example "group0"
}

// Head is the newest block of a target that is known.
type Head struct {
	Number uint64
	At     time.Time // when we learned of it
}

// Intent is what is wanted: one call of one contract, or a deployment.
// It carries no nonce and no signature, so that it can be signed more than once.
type Intent struct {
	To    *common.Address // nil deploys
	Input []byte          // selector and arguments, or creation code and arguments
	ABI   string          // JSON; deployments only, stored by the chain when not empty
	Value *big.Int        // in wei; nil is 0
}

// Terms are the conditions under which a signed intent may land.
type Terms struct {
	Nonce      string // FISCO: any text, unique in the group; the same for every attempt of an item
	BlockLimit uint64 // FISCO: the last block that may include the transaction
}

// SignedTx is the signed form of an intent. Hash is known before anything is sent.
type SignedTx struct {
	Hash  common.Hash
	From  common.Address
	Terms Terms
	Raw   []byte // the bytes of the wire; sending the same bytes again is always safe
}

// CallMsg is a read: nothing is signed and nothing is written.
type CallMsg struct {
	From      *common.Address // nil is the zero address
	To        common.Address
	Input     []byte
	Signature []byte  // of From, made by a CallSigner; only families whose nodes want one look at it
	Block     *uint64 // the read must be of the state after this block; nil is the newest one
}

// CallResult is the answer to a CallMsg. A revert is a result, not an error.
type CallResult struct {
	BlockNumber uint64
	Status      int // 0 is success, else the family's own number
	StatusName  string
	Output      []byte // return data, or revert data when Status is not 0
}

// Log is one event of a receipt. Index counts within its transaction.
type Log struct {
	Address common.Address
	Topics  []common.Hash
	Data    []byte
	Index   int
}

// Receipt is the result of a transaction that is in a block.
type Receipt struct {
	TxHash      common.Hash
	BlockNumber uint64
	Succeeded   bool
	Status      int    // the family's own number; FISCO: 0 is success
	StatusName  string // the family's own name of Status, for example "RevertInstruction"
	From        common.Address
	To          *common.Address // nil for a deployment
	Contract    *common.Address // set by a deployment that succeeded
	GasUsed     uint64
	Output      []byte // return data, or revert data
	Message     string // a text of the node, usually empty
	Logs        []Log
}

// Block is a block without the bodies of its transactions.
type Block struct {
	Number    uint64
	Hash      common.Hash
	Parent    common.Hash // the zero hash for block 0
	Time      time.Time
	TxHashes  []common.Hash
	StateRoot common.Hash
}

// Identity tells one chain from another that has the same names.
type Identity struct {
	ChainID string
	Group   string
	Genesis common.Hash // hash of block 0
}

// Absence is the proof that a transaction can no longer land: each witness had
// a head past the block limit plus a margin, and no receipt.
type Absence struct {
	Hash      common.Hash
	Witnesses []string // names of the nodes that were asked
	Head      uint64   // the lowest head among them
}

// Testimony is what one node says, whatever the others say. Without Found the
// node has no such receipt or block.
type Testimony[T any] struct {
	Node   string
	Found  bool
	Answer T
}

// The abilities of a connection to a target. All methods block until the
// answer, the end of ctx or a typed *Error.
type (
	// HeadReader knows the newest block, usually without asking the node.
	HeadReader interface {
		Head(ctx context.Context) (Head, error)
	}
	// Caller makes reads. Where msg.Block is a block whose state the node cannot read,
	// the error has KindUnsupported, and KindNotFound while it is not there yet.
	Caller interface {
		Call(ctx context.Context, msg CallMsg) (CallResult, error)
	}
	// Sender sends a signed transaction and waits until it is in a block.
	// An error says in its Sent field whether the bytes may have reached a node.
	Sender interface {
		Send(ctx context.Context, tx SignedTx) (Receipt, error)
	}
	// ReceiptReader finds the receipt of a transaction; KindNotFound when there is none (yet).
	ReceiptReader interface {
		Receipt(ctx context.Context, tx common.Hash) (Receipt, error)
	}
	// BlockReader reads a block by number; KindNotFound when it is not there (yet).
	BlockReader interface {
		Block(ctx context.Context, number uint64) (Block, error)
	}
	// CodeReader reads the code of an account; empty when it has none.
	CodeReader interface {
		Code(ctx context.Context, addr common.Address) ([]byte, error)
	}
	// Identifier says which chain this is.
	Identifier interface {
		Identity(ctx context.Context) (Identity, error)
	}
	// AbsenceProver proves that a transaction can no longer land. It asks two
	// nodes where there are two. The error has KindPending while the
	// transaction may still land, and KindExists when a receipt was found.
	AbsenceProver interface {
		ProveAbsent(ctx context.Context, tx common.Hash, blockLimit uint64) (Absence, error)
	}
	// WitnessAsker asks n different nodes the same, each now: no answer is one that
	// was kept. When fewer than n answer, the error has KindUnavailable and the
	// testimonies beside it are those that there are.
	WitnessAsker interface {
		// WitnessCount is how many nodes there are to ask, online or not.
		WitnessCount() int
		// AskReceipt asks nodes that know of block atLeast; 0 is any node.
		AskReceipt(ctx context.Context, tx common.Hash, atLeast uint64, n int) ([]Testimony[Receipt], error)
		// AskBlock asks nodes that know of the block.
		AskBlock(ctx context.Context, number uint64, n int) ([]Testimony[Block], error)
	}
)

// Signer signs intents for one account on one target. It is safe for concurrent use.
type Signer interface {
	// Address is the account's.
	Address() common.Address
	// Nonce derives the nonce of ref: the same ref gives the same nonce for
	// ever, and nobody without the account's key can foretell it.
	Nonce(ref string) string
	// Sign is deterministic: the same intent and terms give the same bytes.
	Sign(intent Intent, terms Terms) (SignedTx, error)
}

// TxReader reads transactions that were signed elsewhere, for one target. It is
// safe for concurrent use, and its results share the memory of raw.
type TxReader interface {
	// ReadTx reads the bytes of a transaction and takes only what a Signer of the
	// target makes of an intent without value: all else is KindInvalid, and what is
	// for another chain or group KindWrongChain. The hash is computed, the signature
	// is not verified, and From is zero.
	ReadTx(raw []byte) (Intent, SignedTx, error)
	// VerifyTx is ReadTx with From, the account that signed, which costs about as
	// much as signing.
	VerifyTx(raw []byte) (Intent, SignedTx, error)
}

// CallSigner is what a Signer can do besides where a family's nodes take the
// caller of a read from a signature.
type CallSigner interface {
	Address() common.Address
	// SignCall gives the Signature of a CallMsg whose From is Address.
	SignCall(to common.Address, input []byte) ([]byte, error)
}
