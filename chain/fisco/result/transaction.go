package result

import (
	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/chain/jsonrpc"
)

// Transaction is protocol §6.2: the answer of getTransaction, and a transaction
// of a block.
type Transaction struct {
	Version              int32       `json:"version"`
	Hash                 common.Hash `json:"hash"`
	Nonce                string      `json:"nonce"` // hex of the text without 0x; before 3.3 the text itself
	BlockLimit           int64       `json:"blockLimit"`
	To                   string      `json:"to"` // as sent
	From                 string      `json:"from"`
	Input                Hex         `json:"input"`
	ABI                  string      `json:"abi"`
	ChainID              string      `json:"chainID"`
	GroupID              string      `json:"groupID"`
	ImportTime           int64       `json:"importTime"` // ms
	Signature            Hex         `json:"signature"`
	ExtraData            string      `json:"extraData"`
	Value                string      `json:"value"` // from version 1 on, as the next four; 0x hex, decimal for Web3 transactions
	GasPrice             string      `json:"gasPrice"`
	GasLimit             int64       `json:"gasLimit"`
	MaxFeePerGas         string      `json:"maxFeePerGas"`
	MaxPriorityFeePerGas string      `json:"maxPriorityFeePerGas"`
	Extension            []int       `json:"extension"` // from version 2 on; byte values
	TxProof              []string    `json:"txProof"`   // hashes without 0x
	TransactionProof     []string    `json:"transactionProof"`
	jsonrpc.Form
}

// Members lists the members for package jsonrpc.
func (t *Transaction) Members(o *jsonrpc.Object) {
	o.String("abi", &t.ABI)
	o.Int64("blockLimit", &t.BlockLimit)
	o.String("chainID", &t.ChainID)
	o.Ints("extension", &t.Extension)
	o.String("extraData", &t.ExtraData)
	o.String("from", &t.From)
	o.Int64("gasLimit", &t.GasLimit)
	o.String("gasPrice", &t.GasPrice)
	o.String("groupID", &t.GroupID)
	o.Hash("hash", &t.Hash)
	o.Int64("importTime", &t.ImportTime)
	o.Hex("input", &t.Input)
	o.String("maxFeePerGas", &t.MaxFeePerGas)
	o.String("maxPriorityFeePerGas", &t.MaxPriorityFeePerGas)
	o.String("nonce", &t.Nonce)
	o.Hex("signature", &t.Signature)
	o.String("to", &t.To)
	o.Strings("transactionProof", &t.TransactionProof)
	o.Strings("txProof", &t.TxProof)
	o.String("value", &t.Value)
	o.Int32("version", &t.Version)
}

// UnmarshalJSON reads the transaction.
func (t *Transaction) UnmarshalJSON(data []byte) error { return jsonrpc.Unmarshal(data, t) }

// MarshalJSON writes the transaction as it was read.
func (t Transaction) MarshalJSON() ([]byte, error) { return jsonrpc.Marshal(&t) }
