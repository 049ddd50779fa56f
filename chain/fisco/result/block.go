package result

import (
	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/chain/jsonrpc"
)

// Block is protocol §6.3: a block, or only its header.
type Block struct {
	Hash             common.Hash        `json:"hash"`
	Version          uint32             `json:"version"` // data version, 0xMMmmpp00
	Number           int64              `json:"number"`
	Timestamp        int64              `json:"timestamp"` // ms
	Sealer           int64              `json:"sealer"`    // index in SealerList
	TxsRoot          common.Hash        `json:"txsRoot"`
	ReceiptsRoot     common.Hash        `json:"receiptsRoot"`
	StateRoot        common.Hash        `json:"stateRoot"`
	GasUsed          string             `json:"gasUsed"` // decimal
	ExtraData        Hex                `json:"extraData"`
	ParentInfo       []ParentInfo       `json:"parentInfo"`
	SealerList       []Hex              `json:"sealerList"` // node ids, 64 bytes
	ConsensusWeights []int64            `json:"consensusWeights"`
	SignatureList    []BlockSignature   `json:"signatureList"`
	Transactions     []BlockTransaction `json:"transactions"` // hashes or whole transactions; nil for a header
	jsonrpc.Form
}

// Members lists the members for package jsonrpc.
func (b *Block) Members(o *jsonrpc.Object) {
	o.Int64s("consensusWeights", &b.ConsensusWeights)
	o.Hex("extraData", &b.ExtraData)
	o.String("gasUsed", &b.GasUsed)
	o.Hash("hash", &b.Hash)
	o.Int64("number", &b.Number)
	jsonrpc.List(o, "parentInfo", &b.ParentInfo)
	o.Hash("receiptsRoot", &b.ReceiptsRoot)
	o.Int64("sealer", &b.Sealer)
	o.Hexes("sealerList", &b.SealerList)
	jsonrpc.List(o, "signatureList", &b.SignatureList)
	o.Hash("stateRoot", &b.StateRoot)
	o.Int64("timestamp", &b.Timestamp)
	jsonrpc.Elements(o, "transactions", &b.Transactions, blockTransaction)
	o.Hash("txsRoot", &b.TxsRoot)
	o.Uint32("version", &b.Version)
}

// UnmarshalJSON reads the block.
func (b *Block) UnmarshalJSON(data []byte) error { return jsonrpc.Unmarshal(data, b) }

// MarshalJSON writes the block as it was read.
func (b Block) MarshalJSON() ([]byte, error) { return jsonrpc.Marshal(&b) }

// ParentInfo names a parent of a block.
type ParentInfo struct {
	BlockNumber int64       `json:"blockNumber"`
	BlockHash   common.Hash `json:"blockHash"`
	jsonrpc.Form
}

// Members lists the members for package jsonrpc.
func (p *ParentInfo) Members(o *jsonrpc.Object) {
	o.Hash("blockHash", &p.BlockHash)
	o.Int64("blockNumber", &p.BlockNumber)
}

// UnmarshalJSON reads the parent.
func (p *ParentInfo) UnmarshalJSON(data []byte) error { return jsonrpc.Unmarshal(data, p) }

// MarshalJSON writes the parent as it was read.
func (p ParentInfo) MarshalJSON() ([]byte, error) { return jsonrpc.Marshal(&p) }

// BlockSignature is one sealer's signature of the block hash.
type BlockSignature struct {
	SealerIndex int64 `json:"sealerIndex"`
	Signature   Hex   `json:"signature"`
	jsonrpc.Form
}

// Members lists the members for package jsonrpc.
func (s *BlockSignature) Members(o *jsonrpc.Object) {
	o.Int64("sealerIndex", &s.SealerIndex)
	o.Hex("signature", &s.Signature)
}

// UnmarshalJSON reads the signature.
func (s *BlockSignature) UnmarshalJSON(data []byte) error { return jsonrpc.Unmarshal(data, s) }

// MarshalJSON writes the signature as it was read.
func (s BlockSignature) MarshalJSON() ([]byte, error) { return jsonrpc.Marshal(&s) }

// BlockTransaction is a transaction of a block: its hash, and Full unless only
// hashes were asked for.
type BlockTransaction struct {
	Hash common.Hash
	Full *Transaction
}

// blockTransaction reads or writes a hash or a transaction.
func blockTransaction(o *jsonrpc.Object, t *BlockTransaction) {
	jsonrpc.Either(o, &t.Hash, &t.Full)
	if t.Full != nil {
		t.Hash = t.Full.Hash
	}
}

// UnmarshalJSON reads a hash or a transaction.
func (t *BlockTransaction) UnmarshalJSON(data []byte) error {
	return jsonrpc.UnmarshalValue(data, t, blockTransaction)
}

// MarshalJSON writes Full, or else Hash.
func (t BlockTransaction) MarshalJSON() ([]byte, error) {
	return jsonrpc.MarshalValue(&t, blockTransaction)
}
