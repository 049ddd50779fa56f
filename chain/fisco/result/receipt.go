package result

import (
	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/chain/jsonrpc"
)

// Receipt is protocol §6.1: the answer of getTransactionReceipt and sendTransaction.
type Receipt struct {
	Version                 int32       `json:"version"`
	TransactionHash         common.Hash `json:"transactionHash"`
	Hash                    Hex         `json:"hash"` // of the receipt; empty ("0x") in answers of sendTransaction without success
	BlockNumber             int64       `json:"blockNumber"`
	Status                  int         `json:"status"`
	ContractAddress         string      `json:"contractAddress"` // 0x and lower case, or ""
	ChecksumContractAddress string      `json:"checksumContractAddress"`
	From                    string      `json:"from"`
	To                      string      `json:"to"`      // as sent
	GasUsed                 string      `json:"gasUsed"` // decimal
	Input                   Hex         `json:"input"`
	Output                  Hex         `json:"output"`
	Message                 string      `json:"message"`
	ExtraData               string      `json:"extraData"`
	LogEntries              []Log       `json:"logEntries"`
	EffectiveGasPrice       *string     `json:"effectiveGasPrice,omitempty"` // from version 1 on; "" when gas is free
	TransactionProof        []string    `json:"transactionProof"`            // proofs are hashes without 0x
	ReceiptProof            []string    `json:"receiptProof"`
	TxReceiptProof          []string    `json:"txReceiptProof"`
	jsonrpc.Form
}

// Succeeded reports whether the transaction was executed without an error.
// Answers of sendTransaction need HasHash besides (protocol §5.2).
func (r *Receipt) Succeeded() bool { return r.Status == 0 }

// HasHash reports whether the receipt names its own hash, which answers of
// sendTransaction do only for a success.
func (r *Receipt) HasHash() bool { return len(r.Hash) != 0 }

// Members lists the members for package jsonrpc.
func (r *Receipt) Members(o *jsonrpc.Object) {
	o.Int64("blockNumber", &r.BlockNumber)
	o.String("checksumContractAddress", &r.ChecksumContractAddress)
	o.String("contractAddress", &r.ContractAddress)
	o.OptionalString("effectiveGasPrice", &r.EffectiveGasPrice)
	o.String("extraData", &r.ExtraData)
	o.String("from", &r.From)
	o.String("gasUsed", &r.GasUsed)
	o.Hex("hash", &r.Hash)
	o.Hex("input", &r.Input)
	jsonrpc.List(o, "logEntries", &r.LogEntries)
	o.String("message", &r.Message)
	o.Hex("output", &r.Output)
	o.Strings("receiptProof", &r.ReceiptProof)
	o.Int("status", &r.Status)
	o.String("to", &r.To)
	o.Hash("transactionHash", &r.TransactionHash)
	o.Strings("transactionProof", &r.TransactionProof)
	o.Strings("txReceiptProof", &r.TxReceiptProof)
	o.Int32("version", &r.Version)
}

// UnmarshalJSON reads the answer.
func (r *Receipt) UnmarshalJSON(data []byte) error { return jsonrpc.Unmarshal(data, r) }

// MarshalJSON writes the answer as it was read.
func (r Receipt) MarshalJSON() ([]byte, error) { return jsonrpc.Marshal(&r) }

// Log is an event of a receipt.
type Log struct {
	Address string        `json:"address"` // 40 hex digits without 0x
	Topics  []common.Hash `json:"topics"`
	Data    Hex           `json:"data"`
	jsonrpc.Form
}

// Members lists the members for package jsonrpc.
func (l *Log) Members(o *jsonrpc.Object) {
	o.String("address", &l.Address)
	o.Hex("data", &l.Data)
	o.Hashes("topics", &l.Topics)
}

// UnmarshalJSON reads the log.
func (l *Log) UnmarshalJSON(data []byte) error { return jsonrpc.Unmarshal(data, l) }

// MarshalJSON writes the log as it was read.
func (l Log) MarshalJSON() ([]byte, error) { return jsonrpc.Marshal(&l) }
