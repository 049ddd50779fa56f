package rpc

import (
	"encoding/hex"
	"strconv"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/devchain"
	"github.com/bcosgate/bcosgate/devchain/suite"
)

// The shapes of protocol §6. Members are declared alphabetically, because that is
// how a node writes them.

type logEntry struct {
	Address string   `json:"address"` // 40 hex digits without 0x
	Data    string   `json:"data"`
	Topics  []string `json:"topics"`
}

type receiptResult struct {
	BlockNumber             uint64          `json:"blockNumber"`
	ChecksumContractAddress string          `json:"checksumContractAddress"`
	ContractAddress         string          `json:"contractAddress"`
	EffectiveGasPrice       *string         `json:"effectiveGasPrice,omitempty"` // from version 1 on
	ExtraData               *string         `json:"extraData,omitempty"`
	From                    string          `json:"from"`
	GasUsed                 string          `json:"gasUsed"` // decimal
	Hash                    string          `json:"hash"`
	Input                   *string         `json:"input,omitempty"`
	LogEntries              []logEntry      `json:"logEntries"`
	Message                 string          `json:"message"`
	Output                  string          `json:"output"`
	ReceiptProof            *[]string       `json:"receiptProof,omitempty"`
	Status                  devchain.Status `json:"status"`
	To                      string          `json:"to"` // as sent
	TransactionHash         string          `json:"transactionHash"`
	TransactionProof        *[]string       `json:"transactionProof,omitempty"` // may point to nil: null
	TxReceiptProof          *[]string       `json:"txReceiptProof,omitempty"`
	Version                 int32           `json:"version"`
}

// receiptOf has no proof members and keeps the true hash.
func receiptOf(s suite.Suite, tx *devchain.Transaction, r *devchain.Receipt) receiptResult {
	input := hex0x(tx.Input)
	res := receiptResult{
		BlockNumber: r.BlockNumber, ExtraData: &tx.ExtraData, From: lower0x(tx.Sender), GasUsed: strconv.FormatUint(r.GasUsed, 10),
		Hash: r.Hash.Hex(), Input: &input, LogEntries: make([]logEntry, len(r.Logs)), Message: r.Message, Output: hex0x(r.Output),
		Status: r.Status, To: tx.To, TransactionHash: r.TxHash.Hex(), Version: r.Version,
	}
	if r.ContractAddress != nil {
		res.ChecksumContractAddress, res.ContractAddress = s.Checksum(*r.ContractAddress), lower0x(*r.ContractAddress)
	}
	if r.Version >= 1 {
		res.EffectiveGasPrice = &r.EffectiveGasPrice
	}
	for i, log := range r.Logs {
		res.LogEntries[i] = logEntry{Address: hex.EncodeToString(log.Address[:]), Data: hex0x(log.Data), Topics: topicTexts(log.Topics)}
	}
	return res
}

// droppedReceipt is what the sender of a transaction gets that left the pool
// unexecuted: it looks like a success, but for the hash (protocol §5.2).
func droppedReceipt(s suite.Suite, tx *devchain.Transaction) receiptResult {
	r := receiptOf(s, tx, &devchain.Receipt{Version: tx.Version, TxHash: tx.Hash})
	r.Hash = "0x"
	return r
}

type transactionResult struct {
	ABI                  string    `json:"abi"`
	BlockLimit           int64     `json:"blockLimit"`
	ChainID              string    `json:"chainID"`
	Extension            *[]int    `json:"extension,omitempty"` // version 2
	ExtraData            string    `json:"extraData"`
	From                 string    `json:"from"`
	GasLimit             *int64    `json:"gasLimit,omitempty"` // from version 1 on, like the prices
	GasPrice             *string   `json:"gasPrice,omitempty"`
	GroupID              string    `json:"groupID"`
	Hash                 string    `json:"hash"`
	ImportTime           int64     `json:"importTime"`
	Input                string    `json:"input"`
	MaxFeePerGas         *string   `json:"maxFeePerGas,omitempty"`
	MaxPriorityFeePerGas *string   `json:"maxPriorityFeePerGas,omitempty"`
	Nonce                string    `json:"nonce"` // hex of the text's bytes, without 0x
	Signature            string    `json:"signature"`
	To                   string    `json:"to"`
	TransactionProof     *[]string `json:"transactionProof,omitempty"`
	TxProof              *[]string `json:"txProof,omitempty"`
	Value                *string   `json:"value,omitempty"`
	Version              int32     `json:"version"`
}

func transactionOf(tx *devchain.Transaction) transactionResult {
	res := transactionResult{
		ABI: tx.ABI, BlockLimit: tx.BlockLimit, ChainID: tx.ChainID, ExtraData: tx.ExtraData, From: lower0x(tx.Sender),
		GroupID: tx.GroupID, Hash: tx.Hash.Hex(), ImportTime: tx.ImportTime, Input: hex0x(tx.Input),
		Nonce: hex.EncodeToString([]byte(tx.Nonce)), Signature: hex0x(tx.Signature), To: tx.To, Version: tx.Version,
	}
	if tx.Version >= 1 {
		res.Value, res.GasPrice, res.GasLimit = &tx.Value, &tx.GasPrice, &tx.GasLimit
		res.MaxFeePerGas, res.MaxPriorityFeePerGas = &tx.MaxFeePerGas, &tx.MaxPriorityFeePerGas
	}
	if eth := tx.Ethereum; eth != nil {
		res.showEthereum(eth)
	}
	if tx.Version >= 2 {
		values := make([]int, len(tx.Extension))
		for i, b := range tx.Extension {
			values[i] = int(b)
		}
		res.Extension = &values
	}
	return res
}

// showEthereum shows value and prices in decimal, whatever the version (protocol §9.2).
func (res *transactionResult) showEthereum(eth *devchain.EthereumTransaction) {
	value, gasLimit, gasPrice := eth.Value.String(), int64(eth.GasLimit), eth.MaxFeePerGas.String()
	if eth.Kind >= devchain.KindDynamicFee {
		priority, most := eth.MaxPriorityFeePerGas.String(), eth.MaxFeePerGas.String()
		res.MaxPriorityFeePerGas, res.MaxFeePerGas = &priority, &most
		gasPrice = "0"
	}
	res.Value, res.GasLimit, res.GasPrice = &value, &gasLimit, &gasPrice
}

type parentInfo struct {
	BlockHash   string `json:"blockHash"`
	BlockNumber uint64 `json:"blockNumber"`
}

type signatureEntry struct {
	SealerIndex int    `json:"sealerIndex"`
	Signature   string `json:"signature"`
}

type blockResult struct {
	ConsensusWeights []uint64         `json:"consensusWeights"`
	ExtraData        string           `json:"extraData"`
	GasUsed          string           `json:"gasUsed"` // decimal
	Hash             string           `json:"hash"`
	Number           uint64           `json:"number"`
	ParentInfo       []parentInfo     `json:"parentInfo"`
	ReceiptsRoot     string           `json:"receiptsRoot"`
	Sealer           int              `json:"sealer"`
	SealerList       []string         `json:"sealerList"`
	SignatureList    []signatureEntry `json:"signatureList"`
	StateRoot        string           `json:"stateRoot"`
	Timestamp        int64            `json:"timestamp"`              // milliseconds
	Transactions     any              `json:"transactions,omitempty"` // hashes or transactions; absent in a header
	TxsRoot          string           `json:"txsRoot"`
	Version          uint32           `json:"version"`
}

// headerOf is a block without transactions.
func headerOf(b *devchain.Block) blockResult {
	res := blockResult{
		ConsensusWeights: make([]uint64, len(b.Sealers)), ExtraData: hex0x(b.ExtraData), GasUsed: strconv.FormatUint(b.GasUsed, 10),
		Hash: b.Hash.Hex(), Number: b.Number, ParentInfo: []parentInfo{}, ReceiptsRoot: b.ReceiptsRoot.Hex(), Sealer: b.Sealer,
		SealerList: make([]string, len(b.Sealers)), SignatureList: make([]signatureEntry, len(b.Signatures)),
		StateRoot: b.StateRoot.Hex(), Timestamp: b.Timestamp, TxsRoot: b.TxsRoot.Hex(), Version: b.Version,
	}
	if b.Number > 0 {
		res.ParentInfo = []parentInfo{{BlockHash: b.Parent.Hex(), BlockNumber: b.Number - 1}}
	}
	for i, s := range b.Sealers {
		res.ConsensusWeights[i], res.SealerList[i] = s.Weight, "0x"+s.NodeID()
	}
	for i, s := range b.Signatures {
		res.SignatureList[i] = signatureEntry{SealerIndex: s.SealerIndex, Signature: hex0x(s.Signature)}
	}
	return res
}

func hex0x(b []byte) string { return "0x" + hex.EncodeToString(b) }

func lower0x(a common.Address) string { return hex0x(a[:]) }

func topicTexts(topics []common.Hash) []string {
	texts := make([]string, len(topics))
	for i, t := range topics {
		texts[i] = t.Hex()
	}
	return texts
}
