package web3

import (
	"strings"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"

	"github.com/bcosgate/bcosgate/devchain"
)

// transactionResult is a transaction as this port shows it. Members are declared
// alphabetically; those with omitempty depend on the kind.
type transactionResult struct {
	AccessList           *[]*accessEntry `json:"accessList,omitempty"`
	BlobVersionedHashes  *[]*string      `json:"blobVersionedHashes,omitempty"`
	BlockHash            string          `json:"blockHash"`
	BlockNumber          string          `json:"blockNumber"`
	ChainID              string          `json:"chainId"`
	From                 string          `json:"from"`
	Gas                  string          `json:"gas"`
	GasPrice             string          `json:"gasPrice"`
	Hash                 string          `json:"hash"`
	Input                string          `json:"input"`
	MaxFeePerBlobGas     string          `json:"maxFeePerBlobGas,omitempty"`
	MaxFeePerGas         string          `json:"maxFeePerGas,omitempty"`
	MaxPriorityFeePerGas string          `json:"maxPriorityFeePerGas,omitempty"`
	Nonce                string          `json:"nonce"`
	R                    string          `json:"r"`
	S                    string          `json:"s"`
	To                   *string         `json:"to"` // null for a deployment
	TransactionIndex     string          `json:"transactionIndex"`
	Type                 string          `json:"type"`
	V                    string          `json:"v"`
	Value                string          `json:"value"`
}

type accessEntry struct {
	Address     string    `json:"address"`
	StorageKeys []*string `json:"storageKeys"`
}

// transactionOf shows a transaction that is in a block. The price that was paid
// takes the place of the one that was offered; it is empty where nothing is paid.
func transactionOf(tx *devchain.Transaction, blockHash common.Hash, paid string) transactionResult {
	res := transactionResult{
		BlockHash: blockHash.Hex(), BlockNumber: hexutil.EncodeUint64(tx.BlockNumber), TransactionIndex: hexutil.EncodeUint64(uint64(tx.Index)),
		From: tx.Sender.Hex(), To: receiver(tx.To), Gas: hexutil.EncodeUint64(uint64(tx.GasLimit)),
		GasPrice: orZero(tx.GasPrice), Hash: tx.Hash.Hex(), Input: hex0x(tx.Input),
	}
	if paid != "" {
		res.GasPrice = paid
	}
	if sig := tx.Signature; len(sig) >= 65 {
		res.R, res.S, res.V = trimmed(sig[:32]), trimmed(sig[32:64]), trimmed(sig[64:65])
	}
	if tx.Ethereum != nil {
		res.showEthereum(tx.Ethereum)
	} else {
		res.ChainID, res.Type, res.Nonce, res.Value = "0x0", "0x0", "0x"+tx.Nonce, orZero(tx.Value)
		res.MaxFeePerGas, res.MaxPriorityFeePerGas = orZero(tx.MaxFeePerGas), orZero(tx.MaxPriorityFeePerGas)
	}
	return res
}

func (res *transactionResult) showEthereum(eth *devchain.EthereumTransaction) {
	res.ChainID = "0x0"
	if eth.ChainID != nil {
		res.ChainID = hexutil.EncodeUint64(*eth.ChainID)
	}
	res.Type, res.Nonce, res.Value = hexutil.EncodeUint64(uint64(eth.Kind)), hexutil.EncodeUint64(eth.Nonce), hexutil.EncodeBig(eth.Value)
	if eth.Kind >= devchain.KindAccessList {
		entries := make([]*accessEntry, len(eth.AccessList))
		for i, entry := range eth.AccessList {
			entries[i] = &accessEntry{Address: lower0x(entry.Address), StorageKeys: doubled(hashes(entry.StorageKeys))}
		}
		list := doubled(entries)
		res.AccessList = &list
	}
	if eth.Kind >= devchain.KindDynamicFee {
		res.MaxFeePerGas, res.MaxPriorityFeePerGas = hexutil.EncodeBig(eth.MaxFeePerGas), hexutil.EncodeBig(eth.MaxPriorityFeePerGas)
	}
	if eth.Kind >= devchain.KindBlob {
		list := doubled(hashes(eth.BlobHashes))
		res.MaxFeePerBlobGas, res.BlobVersionedHashes = eth.MaxFeePerBlobGas.String(), &list // decimal, as on a node
	}
}

// doubled puts a null for each element before the list: a node makes room for the
// elements and then appends them.
func doubled[T any](list []*T) []*T { return append(make([]*T, len(list)), list...) }

func hashes(list []common.Hash) []*string {
	texts := make([]*string, len(list))
	for i, hash := range list {
		text := hash.Hex()
		texts[i] = &text
	}
	return texts
}

// receiver is the address in mixed case; nil for a deployment. Native transactions
// may have texts of any length.
func receiver(to string) *string {
	if to == "" {
		return nil
	}
	to = strings.TrimPrefix(to, "0x")
	text := checksum(to)
	return &text
}

func orZero(text string) string {
	if text == "" {
		return "0x0"
	}
	return text
}
