package web3

import (
	"encoding/hex"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/bcosgate/bcosgate/devchain"
	"github.com/bcosgate/bcosgate/devchain/logfilter"
)

// receiptResult is a receipt as this port shows it, with its members in
// alphabetical order.
type receiptResult struct {
	BlockHash         string          `json:"blockHash"`
	BlockNumber       string          `json:"blockNumber"`
	ContractAddress   *string         `json:"contractAddress"`
	CumulativeGasUsed string          `json:"cumulativeGasUsed"`
	EffectiveGasPrice string          `json:"effectiveGasPrice"`
	From              string          `json:"from"`
	GasUsed           string          `json:"gasUsed"`
	Logs              []logfilter.Log `json:"logs"`
	LogsBloom         string          `json:"logsBloom"`
	Status            string          `json:"status"` // 0x1 is success
	To                *string         `json:"to"`
	TransactionHash   string          `json:"transactionHash"`
	TransactionIndex  string          `json:"transactionIndex"`
	Type              string          `json:"type"`
}

// receiptOf shows a receipt. Cumulative is the gas that the block used up to it.
// In the logs, other than in the answer of a filter, the address is in mixed case
// and the transaction index is encoded twice.
func receiptOf(tx *devchain.Transaction, r *devchain.Receipt, blockHash common.Hash, cumulative uint64) receiptResult {
	res := receiptResult{
		BlockHash: blockHash.Hex(), BlockNumber: hexutil.EncodeUint64(r.BlockNumber),
		CumulativeGasUsed: hexutil.EncodeUint64(cumulative), EffectiveGasPrice: orZero(r.EffectiveGasPrice),
		From: tx.Sender.Hex(), GasUsed: hexutil.EncodeUint64(r.GasUsed), Logs: make([]logfilter.Log, len(r.Logs)), LogsBloom: hex0x(bloom(r.Logs)),
		Status: "0x0", To: receiver(tx.To), TransactionHash: r.TxHash.Hex(), TransactionIndex: hexutil.EncodeUint64(uint64(r.Index)), Type: "0x0",
	}
	if r.Status == devchain.StatusNone {
		res.Status = "0x1"
	}
	if tx.Ethereum != nil {
		res.Type = hexutil.EncodeUint64(uint64(tx.Ethereum.Kind))
	}
	if r.ContractAddress != nil {
		text := r.ContractAddress.Hex()
		res.ContractAddress = &text
	}
	for i, log := range r.Logs {
		res.Logs[i] = logfilter.Log{
			Address: log.Address.Hex(), BlockHash: res.BlockHash, BlockNumber: res.BlockNumber, Data: hex0x(log.Data),
			LogIndex: hexutil.EncodeUint64(uint64(i)), Topics: make([]string, len(log.Topics)),
			TransactionHash: res.TransactionHash, TransactionIndex: hex0x([]byte(res.TransactionIndex)),
		}
		for n, topic := range log.Topics {
			res.Logs[i].Topics[n] = topic.Hex()
		}
	}
	return res
}

// bloom is Ethereum's, but of the text of the addresses.
func bloom(logs []devchain.Log) []byte {
	var b types.Bloom
	for _, log := range logs {
		b.Add([]byte(hex.EncodeToString(log.Address[:])))
		for _, topic := range log.Topics {
			b.Add(topic[:])
		}
	}
	return b[:]
}

// checksum writes hex digits in the mixed case of EIP-55, with 0x, whatever their
// number and case. The hash is that of the digits as they are.
func checksum(digits string) string {
	hash := hex.EncodeToString(crypto.Keccak256([]byte(digits)))
	out := []byte("0x" + digits)
	for i := range min(len(digits), len(hash)) {
		if c := digits[i]; c >= 'a' && c <= 'z' && hash[i] >= '8' {
			out[i+2] = c - 'a' + 'A'
		}
	}
	return string(out)
}
