package devchain

import "encoding/binary"

// tarsEncoder writes fields in ascending order of their tags; what has its default
// value is left out.
type tarsEncoder struct{ out []byte }

func (w *tarsEncoder) head(tag, typ byte) { w.out = append(w.out, tag<<4|typ) }

func (w *tarsEncoder) integer(tag byte, n int64) {
	switch {
	case n == 0:
	case n == int64(int8(n)):
		w.head(tag, tarsInt8)
		w.out = append(w.out, byte(n))
	case n == int64(int16(n)):
		w.head(tag, tarsInt16)
		w.out = binary.BigEndian.AppendUint16(w.out, uint16(n))
	case n == int64(int32(n)):
		w.head(tag, tarsInt32)
		w.out = binary.BigEndian.AppendUint32(w.out, uint32(n))
	default:
		w.head(tag, tarsInt64)
		w.out = binary.BigEndian.AppendUint64(w.out, uint64(n))
	}
}

func (w *tarsEncoder) text(tag byte, text string) {
	switch n := len(text); {
	case n == 0:
		return
	case n <= 255:
		w.head(tag, tarsString1)
		w.out = append(w.out, byte(n))
	default:
		w.head(tag, tarsString4)
		w.out = binary.BigEndian.AppendUint32(w.out, uint32(n))
	}
	w.out = append(w.out, text...)
}

func (w *tarsEncoder) bytes(tag byte, data []byte) {
	if len(data) == 0 {
		return
	}
	w.head(tag, tarsBytes)
	w.head(0, tarsInt8)
	w.integer(0, int64(len(data)))
	w.out = append(w.out, data...)
}

// encode is the TARS form of a transaction, without what the node that
// takes it in sets itself.
func (tx *Transaction) encode() []byte {
	w := &tarsEncoder{out: make([]byte, 0, 256+2*len(tx.Input))}
	w.head(1, tarsStructBegin)
	w.integer(1, int64(tx.Version))
	w.text(2, tx.ChainID)
	w.text(3, tx.GroupID)
	w.integer(4, tx.BlockLimit)
	w.text(5, tx.Nonce)
	w.text(6, tx.To)
	w.bytes(7, tx.Input)
	w.text(8, tx.ABI)
	w.text(9, tx.Value)
	w.text(10, tx.GasPrice)
	w.integer(11, tx.GasLimit)
	w.text(12, tx.MaxFeePerGas)
	w.text(13, tx.MaxPriorityFeePerGas)
	w.bytes(14, tx.Extension)
	w.head(0, tarsStructEnd)
	w.bytes(2, tx.DataHash)
	w.bytes(3, tx.Signature)
	w.integer(5, int64(tx.Attribute))
	w.text(8, tx.ExtraData)
	if tx.Ethereum != nil {
		w.integer(9, typeWeb3)
		w.bytes(10, tx.Ethereum.signedBytes())
		w.bytes(11, tx.Hash[:])
	}
	return w.out
}
