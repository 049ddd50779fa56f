package fisco

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/fisco/tars"
	"github.com/bcosgate/bcosgate/chain/jsonrpc"
)

// The shapes of answers. Only the members that are used are named: unknown
// members never break decoding, and echoes of the input are not even copied.

// receiptJSON is protocol §6.1.
type receiptJSON struct {
	TransactionHash string      `json:"transactionHash"`
	Hash            string      `json:"hash"` // "0x" in answers of sendTransaction without success
	BlockNumber     int64       `json:"blockNumber"`
	Status          int         `json:"status"`
	ContractAddress string      `json:"contractAddress"`
	From            string      `json:"from"`
	To              string      `json:"to"`
	GasUsed         string      `json:"gasUsed"` // decimal
	Output          jsonrpc.Hex `json:"output"`
	Message         string      `json:"message"`
	LogEntries      []logJSON   `json:"logEntries"`
}

// logJSON is a log of a receipt; its address has no 0x.
type logJSON struct {
	Address string      `json:"address"`
	Topics  []string    `json:"topics"`
	Data    jsonrpc.Hex `json:"data"`
}

func (r *receiptJSON) hasHash() bool { return r.Hash != "" && r.Hash != "0x" }

func (r *receiptJSON) receipt() (chain.Receipt, error) {
	if r.BlockNumber < 0 {
		return chain.Receipt{}, fmt.Errorf("block number %d", r.BlockNumber)
	}
	out := chain.Receipt{
		BlockNumber: uint64(r.BlockNumber),
		Succeeded:   r.Status == 0,
		Status:      r.Status,
		StatusName:  StatusName(r.Status),
		Output:      r.Output,
		Message:     r.Message,
	}
	var err error
	if out.TxHash, err = parseHash(r.TransactionHash); err != nil {
		return chain.Receipt{}, fmt.Errorf("transactionHash: %w", err)
	}
	if r.From != "" { // missing when the node's second look-up failed (§6.1)
		if out.From, err = parseAddress(r.From); err != nil {
			return chain.Receipt{}, fmt.Errorf("from: %w", err)
		}
	}
	if r.To != "" { // as the sender wrote it, of any length
		to := common.HexToAddress(r.To)
		out.To = &to
	}
	if r.GasUsed != "" {
		if out.GasUsed, err = strconv.ParseUint(r.GasUsed, 10, 64); err != nil {
			return chain.Receipt{}, fmt.Errorf("gasUsed: %w", err)
		}
	}
	if !out.Succeeded {
		return out, nil // logs of a failed transaction do not count (§5.4), it made no contract
	}
	if r.ContractAddress != "" && r.To == "" {
		contract, err := parseAddress(r.ContractAddress)
		if err != nil {
			return chain.Receipt{}, fmt.Errorf("contractAddress: %w", err)
		}
		out.Contract = &contract
	}
	if len(r.LogEntries) > 0 {
		out.Logs = make([]chain.Log, len(r.LogEntries))
	}
	for i, l := range r.LogEntries {
		log := chain.Log{Data: l.Data, Index: i, Topics: make([]common.Hash, len(l.Topics))}
		if log.Address, err = parseAddress(l.Address); err != nil {
			return chain.Receipt{}, fmt.Errorf("address of log %d: %w", i, err)
		}
		for j, topic := range l.Topics {
			if log.Topics[j], err = parseHash(topic); err != nil {
				return chain.Receipt{}, fmt.Errorf("topic %d of log %d: %w", j, i, err)
			}
		}
		out.Logs[i] = log
	}
	return out, nil
}

// callJSON is protocol §3.5.1.
type callJSON struct {
	BlockNumber int64       `json:"blockNumber"`
	Status      int         `json:"status"`
	Output      jsonrpc.Hex `json:"output"`
}

// blockJSON is protocol §6.3, with hashes for transactions.
type blockJSON struct {
	Hash       string `json:"hash"`
	Number     int64  `json:"number"`
	Timestamp  int64  `json:"timestamp"` // ms
	StateRoot  string `json:"stateRoot"`
	ParentInfo []struct {
		BlockHash string `json:"blockHash"`
	} `json:"parentInfo"`
	Transactions []string `json:"transactions"`
}

func (b *blockJSON) block() (chain.Block, error) {
	if b.Number < 0 {
		return chain.Block{}, fmt.Errorf("number %d", b.Number)
	}
	out := chain.Block{Number: uint64(b.Number), Time: time.UnixMilli(b.Timestamp).UTC(), TxHashes: make([]common.Hash, len(b.Transactions))}
	var err error
	if out.Hash, err = parseHash(b.Hash); err != nil {
		return chain.Block{}, fmt.Errorf("hash: %w", err)
	}
	if out.StateRoot, err = parseHash(b.StateRoot); err != nil {
		return chain.Block{}, fmt.Errorf("stateRoot: %w", err)
	}
	if len(b.ParentInfo) > 0 {
		if out.Parent, err = parseHash(b.ParentInfo[0].BlockHash); err != nil {
			return chain.Block{}, fmt.Errorf("parent: %w", err)
		}
	} else if b.Number > 0 {
		return chain.Block{}, errors.New("no parent")
	}
	for i, tx := range b.Transactions {
		if out.TxHashes[i], err = parseHash(tx); err != nil {
			return chain.Block{}, fmt.Errorf("transaction %d: %w", i, err)
		}
	}
	return out, nil
}

// transactionJSON is protocol §6.2.
type transactionJSON struct {
	Version              int32       `json:"version"`
	Hash                 string      `json:"hash"`
	Nonce                string      `json:"nonce"` // hex of the text; before 3.3 the text
	BlockLimit           int64       `json:"blockLimit"`
	To                   string      `json:"to"`
	From                 string      `json:"from"`
	Input                jsonrpc.Hex `json:"input"`
	ABI                  string      `json:"abi"`
	ChainID              string      `json:"chainID"`
	GroupID              string      `json:"groupID"`
	ImportTime           int64       `json:"importTime"`
	Signature            jsonrpc.Hex `json:"signature"`
	ExtraData            string      `json:"extraData"`
	Value                string      `json:"value"`
	GasPrice             string      `json:"gasPrice"`
	GasLimit             int64       `json:"gasLimit"`
	MaxFeePerGas         string      `json:"maxFeePerGas"`
	MaxPriorityFeePerGas string      `json:"maxPriorityFeePerGas"`
	Extension            []int       `json:"extension"`
}

// transaction rebuilds the signed transaction; its hash is computed, not copied.
func (t *transactionJSON) transaction() (Transaction, error) {
	want, err := parseHash(t.Hash)
	if err != nil {
		return Transaction{}, fmt.Errorf("hash: %w", err)
	}
	sender, err := parseAddress(t.From)
	if err != nil {
		return Transaction{}, fmt.Errorf("from: %w", err)
	}
	extension := make([]byte, 0, len(t.Extension))
	for _, v := range t.Extension {
		if v < math.MinInt8 || v > math.MaxUint8 {
			return Transaction{}, fmt.Errorf("extension: %d is no byte", v)
		}
		extension = append(extension, byte(v))
	}
	out := Transaction{Transaction: tars.Transaction{
		Data: tars.TransactionData{
			Version: t.Version, ChainID: t.ChainID, GroupID: t.GroupID, BlockLimit: t.BlockLimit, Nonce: t.Nonce, To: t.To,
			Input: t.Input, ABI: t.ABI, Value: t.Value, GasPrice: t.GasPrice, GasLimit: t.GasLimit,
			MaxFeePerGas: t.MaxFeePerGas, MaxPriorityFeePerGas: t.MaxPriorityFeePerGas, Extension: extension,
		},
		DataHash: want[:], Signature: t.Signature, ImportTime: t.ImportTime, Sender: sender[:], ExtraData: t.ExtraData,
	}}
	// A text nonce is shown in hex from 3.3 on. Digits alone can be either: the hash tells.
	if text, err := hex.DecodeString(t.Nonce); err == nil {
		out.Data.Nonce = string(text)
		if HashTransaction(&out.Data) != want {
			out.Data.Nonce = t.Nonce
		}
	}
	if out.Hash = HashTransaction(&out.Data); out.Hash != want {
		return Transaction{}, fmt.Errorf("its fields hash to %s, not to %s", out.Hash, want)
	}
	out.raw = out.Append(nil)
	return out, nil
}

// GroupInfo is what a node says about one of its groups (protocol §3.6). Texts
// with JSON inside are kept as they are.
type GroupInfo struct {
	ChainID       string      `json:"chainID"`
	GroupID       string      `json:"groupID"`
	GenesisConfig string      `json:"genesisConfig"`
	IniConfig     string      `json:"iniConfig"`
	Nodes         []GroupNode `json:"nodeList"`
}

// GroupNode is a node of a group.
type GroupNode struct {
	Name      string `json:"name"`
	NodeID    string `json:"nodeID"`
	Type      int    `json:"type"` // 0 standard, 1 GM
	IniConfig string `json:"iniConfig"`
	Protocol  struct {
		CompatibilityVersion uint32 `json:"compatibilityVersion"` // 0xMMmmpp00
	} `json:"protocol"`
}

// handshakeJSON is the answer to a handshake (protocol §2.3).
type handshakeJSON struct {
	GroupBlockNumber []map[string]int64 `json:"groupBlockNumber"`
	GroupInfoList    []GroupInfo        `json:"groupInfoList"`
	ProtocolVersion  *int               `json:"protocolVersion"`
}

// blockNotifyJSON is the push after each block (protocol §2.4).
type blockNotifyJSON struct {
	BlockNumber int64  `json:"blockNumber"`
	Group       string `json:"group"`
}

var errHexLength = errors.New("wrong length")

func parseHash(s string) (common.Hash, error) {
	var h common.Hash
	err := parseFixed(h[:], s)
	return h, err
}

func parseAddress(s string) (common.Address, error) {
	var a common.Address
	err := parseFixed(a[:], s)
	return a, err
}

// parseFixed fills dst from hex digits with or without 0x.
func parseFixed(dst []byte, s string) error {
	s = strings.TrimPrefix(s, "0x")
	if len(s) != 2*len(dst) {
		return fmt.Errorf("%w: %d hex digits instead of %d", errHexLength, len(s), 2*len(dst))
	}
	_, err := hex.Decode(dst, []byte(s))
	return err
}
