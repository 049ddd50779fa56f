package devchain

import (
	"fmt"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/rlp"
)

// The records of the ledger, in RLP.
type (
	storedGenesis struct {
		Format uint64 // of all records
		Hash   common.Hash
		Text   []byte
		// BlockLimit belongs to the chain: with a shorter window than a
		// transaction was taken with, it could be taken once more.
		BlockLimit uint64
	}
	storedHead struct {
		Number       uint64
		Transactions uint64
		Failed       uint64
	}
	storedBlock struct {
		Version      uint32
		Number       uint64
		Parent       common.Hash
		TxsRoot      common.Hash
		ReceiptsRoot common.Hash
		StateRoot    common.Hash
		GasUsed      uint64
		Timestamp    uint64
		Sealer       uint64
		ExtraData    []byte
		Hash         common.Hash
		Signatures   []storedSignature
		TxHashes     []common.Hash
	}
	storedSignature struct {
		SealerIndex uint64
		Signature   []byte
	}
	storedTransaction struct {
		Hash       common.Hash
		Sender     common.Address
		ImportTime uint64
		Raw        []byte
	}
	storedReceipt struct {
		Version         uint64
		TxHash          common.Hash
		Status          uint64
		ContractAddress []byte // 20 bytes or none
		GasUsed         uint64
		GasPrice        string
		Output          []byte
		Logs            []storedLog
		Hash            common.Hash
	}
	storedLog struct {
		Address common.Address
		Topics  []common.Hash
		Data    []byte
	}
	storedPlace struct {
		Number uint64
		Index  uint64
	}
	storedSnapshot struct {
		Name   string
		Number uint64
		Hash   common.Hash
		Taken  uint64
	}
	storedEntry struct { // of the ledger, as it was before a block
		Key   []byte
		There bool
		Value []byte
	}
)

// recordFormat changes when records of older versions cannot be read any more.
const recordFormat = 2

func encodeRecord(record any) []byte {
	data, err := rlp.EncodeToBytes(record)
	if err != nil {
		panic(fmt.Sprintf("devchain: record %T cannot be encoded: %v", record, err)) // only a programming error can
	}
	return data
}

func decodeRecord(data []byte, record any) error {
	if err := rlp.DecodeBytes(data, record); err != nil {
		return fmt.Errorf("ledger: %T is damaged: %w", record, err)
	}
	return nil
}

func encodeBlock(b *Block) []byte {
	s := storedBlock{
		Version: b.Version, Number: b.Number, Parent: b.Parent, TxsRoot: b.TxsRoot, ReceiptsRoot: b.ReceiptsRoot,
		StateRoot: b.StateRoot, GasUsed: b.GasUsed, Timestamp: uint64(b.Timestamp), Sealer: uint64(b.Sealer),
		ExtraData: b.ExtraData, Hash: b.Hash, TxHashes: b.TxHashes,
	}
	for _, sig := range b.Signatures {
		s.Signatures = append(s.Signatures, storedSignature{uint64(sig.SealerIndex), sig.Signature})
	}
	return encodeRecord(&s)
}

// decodeBlock rebuilds a block; the sealers of all blocks but block 0 are those
// of the genesis.
func decodeBlock(data []byte, sealers []Sealer) (*Block, error) {
	var s storedBlock
	if err := decodeRecord(data, &s); err != nil {
		return nil, err
	}
	b := &Block{
		Header: Header{
			Version: s.Version, Number: s.Number, Parent: s.Parent, TxsRoot: s.TxsRoot, ReceiptsRoot: s.ReceiptsRoot,
			StateRoot: s.StateRoot, GasUsed: s.GasUsed, Timestamp: int64(s.Timestamp), Sealer: int(s.Sealer),
			ExtraData: s.ExtraData, Hash: s.Hash,
		},
		TxHashes: s.TxHashes,
	}
	if s.Number > 0 {
		b.Sealers = sealers
	}
	for _, sig := range s.Signatures {
		b.Signatures = append(b.Signatures, Signature{int(sig.SealerIndex), sig.Signature})
	}
	return b, nil
}

func encodeTransaction(tx *Transaction) []byte {
	return encodeRecord(&storedTransaction{tx.Hash, tx.Sender, uint64(tx.ImportTime), tx.raw})
}

func decodeStoredTransaction(data []byte, number uint64, index int) (*Transaction, error) {
	var s storedTransaction
	if err := decodeRecord(data, &s); err != nil {
		return nil, err
	}
	tx, err := decodeTransaction(s.Raw)
	if err == nil {
		err = tx.unfit
	}
	if err != nil {
		return nil, fmt.Errorf("ledger: transaction %d of block %d is damaged: %w", index, number, err)
	}
	tx.Hash, tx.Sender, tx.ImportTime = s.Hash, s.Sender, int64(s.ImportTime)
	tx.BlockNumber, tx.Index = number, index
	return tx, nil
}

func encodeReceipt(r *Receipt) []byte {
	s := storedReceipt{
		Version: uint64(r.Version), TxHash: r.TxHash, Status: uint64(r.Status), GasUsed: r.GasUsed, GasPrice: r.EffectiveGasPrice,
		Output: r.Output, Hash: r.Hash,
	}
	if r.ContractAddress != nil {
		s.ContractAddress = r.ContractAddress[:]
	}
	for _, log := range r.Logs {
		s.Logs = append(s.Logs, storedLog(log))
	}
	return encodeRecord(&s)
}

func decodeReceipt(data []byte, number uint64, index int) (*Receipt, error) {
	var s storedReceipt
	if err := decodeRecord(data, &s); err != nil {
		return nil, err
	}
	r := &Receipt{
		Version: int32(s.Version), TxHash: s.TxHash, BlockNumber: number, Index: index,
		Status: Status(s.Status), GasUsed: s.GasUsed, EffectiveGasPrice: s.GasPrice, Output: s.Output, Hash: s.Hash,
	}
	if len(s.ContractAddress) > 0 {
		addr := common.BytesToAddress(s.ContractAddress)
		r.ContractAddress = &addr
	}
	for _, log := range s.Logs {
		r.Logs = append(r.Logs, Log(log))
	}
	return r, nil
}
