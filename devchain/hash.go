package devchain

import (
	"encoding/binary"
	"encoding/hex"
	"strconv"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/devchain/suite"
)

// computeHash is the transaction hash of protocol section 4.3, over the texts
// exactly as they were sent.
func (tx *Transaction) computeHash(s suite.Suite) common.Hash {
	size := 64 + len(tx.ChainID) + len(tx.GroupID) + len(tx.Nonce) + len(tx.To) + len(tx.Input) + len(tx.ABI) +
		len(tx.Value) + len(tx.GasPrice) + len(tx.MaxFeePerGas) + len(tx.MaxPriorityFeePerGas) + len(tx.Extension)
	b := make([]byte, 0, size)
	b = binary.BigEndian.AppendUint32(b, uint32(tx.Version))
	b = append(b, tx.ChainID...)
	b = append(b, tx.GroupID...)
	b = binary.BigEndian.AppendUint64(b, uint64(tx.BlockLimit))
	b = append(b, tx.Nonce...)
	b = append(b, tx.To...)
	b = append(b, tx.Input...)
	b = append(b, tx.ABI...)
	if tx.Version >= 1 {
		b = append(b, tx.Value...)
		b = append(b, tx.GasPrice...)
		b = binary.BigEndian.AppendUint64(b, uint64(tx.GasLimit))
		b = append(b, tx.MaxFeePerGas...)
		b = append(b, tx.MaxPriorityFeePerGas...)
	}
	if tx.Version >= 2 {
		b = append(b, tx.Extension...)
	}
	return s.Hash(b)
}

// computeHash is the receipt hash of protocol section 6.4.
func (r *Receipt) computeHash(s suite.Suite) common.Hash {
	b := make([]byte, 0, 128+len(r.Output))
	b = binary.BigEndian.AppendUint32(b, uint32(r.Version))
	b = strconv.AppendUint(b, r.GasUsed, 10)
	if r.ContractAddress != nil {
		b = hex.AppendEncode(b, r.ContractAddress[:])
	}
	b = binary.BigEndian.AppendUint32(b, uint32(r.Status))
	b = append(b, r.Output...)
	if r.Version >= 1 {
		b = append(b, r.EffectiveGasPrice...)
	}
	for _, log := range r.Logs {
		b = hex.AppendEncode(b, log.Address[:])
		for _, topic := range log.Topics {
			b = append(b, topic[:]...)
		}
		b = append(b, log.Data...)
	}
	b = binary.BigEndian.AppendUint64(b, r.BlockNumber)
	return s.Hash(b)
}

// computeHash is the block hash of protocol section 6.5. Block 0 is hashed as
// if it had neither roots nor a gas text.
func (h *Header) computeHash(s suite.Suite) common.Hash {
	b := make([]byte, 0, 256+72*len(h.Sealers)+len(h.ExtraData))
	b = binary.BigEndian.AppendUint32(b, h.Version)
	if h.Number > 0 {
		b = binary.BigEndian.AppendUint64(b, h.Number-1)
		b = append(b, h.Parent[:]...)
		b = append(b, h.TxsRoot[:]...)
		b = append(b, h.ReceiptsRoot[:]...)
		b = append(b, h.StateRoot[:]...)
	}
	b = binary.BigEndian.AppendUint64(b, h.Number)
	if h.Number > 0 {
		b = strconv.AppendUint(b, h.GasUsed, 10)
	}
	b = binary.BigEndian.AppendUint64(b, uint64(h.Timestamp))
	b = binary.BigEndian.AppendUint64(b, uint64(h.Sealer))
	for _, sealer := range h.Sealers {
		b = append(b, sealer.PublicKey[:]...)
	}
	b = append(b, h.ExtraData...)
	for _, sealer := range h.Sealers {
		b = binary.BigEndian.AppendUint64(b, sealer.Weight)
	}
	return s.Hash(b)
}
