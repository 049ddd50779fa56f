package tars

import (
	"fmt"
	"math"
)

// TransactionData is the part of a transaction that is hashed and signed
// (protocol §4.2). Texts are kept exactly as they stand on the wire.
type TransactionData struct {
	Version              int32
	ChainID              string
	GroupID              string
	BlockLimit           int64
	Nonce                string
	To                   string // hex digits, with or without 0x; empty deploys
	Input                []byte
	ABI                  string // JSON; deployments only
	Value                string // 0x hex; from version 1, as the next four
	GasPrice             string // 0x hex
	GasLimit             int64
	MaxFeePerGas         string // 0x hex
	MaxPriorityFeePerGas string // 0x hex
	Extension            []byte // from version 2
}

// Transaction is what sendTransaction takes (protocol §4.2). The zero value of
// a field means that it is absent; tag 6, source, is gone from the protocol and
// is skipped.
type Transaction struct {
	Data                  TransactionData
	DataHash              []byte // 32 bytes
	Signature             []byte // 65 bytes on a standard chain, 128 on a GM chain
	ImportTime            int64  // ms; set by the node
	Attribute             int32
	Sender                []byte // 20 bytes; the node computes it anew
	ExtraData             string // neither hashed nor signed
	Type                  int8   // 0 native, 1 Web3
	ExtraTransactionBytes []byte
	ExtraTransactionHash  []byte
}

// Append writes t behind dst and gives the longer slice. Absent fields are left
// out, except version, which is written also when it is 0, as the Java and Go
// clients do.
func (t *Transaction) Append(dst []byte) []byte {
	dst = appendHead(dst, 1, typeStructBegin)
	dst = t.Data.append(dst)
	dst = append(dst, typeStructEnd)
	dst = appendOptBytes(dst, 2, t.DataHash)
	dst = appendOptBytes(dst, 3, t.Signature)
	dst = appendOptInt(dst, 4, t.ImportTime)
	dst = appendOptInt(dst, 5, int64(t.Attribute))
	dst = appendOptBytes(dst, 7, t.Sender)
	dst = appendOptString(dst, 8, t.ExtraData)
	dst = appendOptInt(dst, 9, int64(t.Type))
	dst = appendOptBytes(dst, 10, t.ExtraTransactionBytes)
	return appendOptBytes(dst, 11, t.ExtraTransactionHash)
}

func (d *TransactionData) append(dst []byte) []byte {
	dst = appendInt(dst, 1, int64(d.Version))
	dst = appendOptString(dst, 2, d.ChainID)
	dst = appendOptString(dst, 3, d.GroupID)
	dst = appendOptInt(dst, 4, d.BlockLimit)
	dst = appendOptString(dst, 5, d.Nonce)
	dst = appendOptString(dst, 6, d.To)
	dst = appendOptBytes(dst, 7, d.Input)
	dst = appendOptString(dst, 8, d.ABI)
	dst = appendOptString(dst, 9, d.Value)
	dst = appendOptString(dst, 10, d.GasPrice)
	dst = appendOptInt(dst, 11, d.GasLimit)
	dst = appendOptString(dst, 12, d.MaxFeePerGas)
	dst = appendOptString(dst, 13, d.MaxPriorityFeePerGas)
	return appendOptBytes(dst, 14, d.Extension)
}

// SizeHint is an upper bound of the bytes that Append writes.
func (t *Transaction) SizeHint() int {
	d := &t.Data
	const heads = 24*7 + 16 // at most 7 bytes before the content of each field
	return heads + len(d.ChainID) + len(d.GroupID) + len(d.Nonce) + len(d.To) + len(d.Input) + len(d.ABI) +
		len(d.Value) + len(d.GasPrice) + len(d.MaxFeePerGas) + len(d.MaxPriorityFeePerGas) + len(d.Extension) +
		len(t.DataHash) + len(t.Signature) + len(t.Sender) + len(t.ExtraData) +
		len(t.ExtraTransactionBytes) + len(t.ExtraTransactionHash)
}

// DecodeTransaction reads a transaction that fills b. Byte arrays of the result
// share b's memory; texts are copied. Integers may have any width, unknown tags
// are skipped. A tag that is not above the one before it is refused with
// ErrOrder, because readers disagree on which of the two counts.
func DecodeTransaction(b []byte) (Transaction, error) {
	var t Transaction
	r := reader{b: b}
	last, seenData := -1, false
	for r.more() {
		h := r.head()
		if !r.ascending(h, &last) {
			break
		}
		switch h.tag {
		case 1:
			if h.typ != typeStructBegin {
				r.fail(ErrType, "transaction data")
				break
			}
			r.transactionData(&t.Data)
			seenData = true
		case 2:
			t.DataHash = r.bytes(h)
		case 3:
			t.Signature = r.bytes(h)
		case 4:
			t.ImportTime = r.int(h)
		case 5:
			t.Attribute = int32(r.intWithin(h, math.MinInt32, math.MaxInt32))
		case 7:
			t.Sender = r.bytes(h)
		case 8:
			t.ExtraData = r.string(h)
		case 9:
			t.Type = int8(r.intWithin(h, math.MinInt8, math.MaxInt8))
		case 10:
			t.ExtraTransactionBytes = r.bytes(h)
		case 11:
			t.ExtraTransactionHash = r.bytes(h)
		default:
			r.skip(h, 0)
		}
	}
	if r.err != nil {
		return Transaction{}, r.err
	}
	if !seenData {
		return Transaction{}, fmt.Errorf("tars: no transaction data: %w", ErrTruncated)
	}
	return t, nil
}

// transactionData reads up to and with the end of the struct.
func (r *reader) transactionData(d *TransactionData) {
	for last := -1; r.err == nil; {
		h := r.head()
		if r.err != nil || h.typ == typeStructEnd {
			return
		}
		if !r.ascending(h, &last) {
			return
		}
		switch h.tag {
		case 1:
			d.Version = int32(r.intWithin(h, math.MinInt32, math.MaxInt32))
		case 2:
			d.ChainID = r.string(h)
		case 3:
			d.GroupID = r.string(h)
		case 4:
			d.BlockLimit = r.int(h)
		case 5:
			d.Nonce = r.string(h)
		case 6:
			d.To = r.string(h)
		case 7:
			d.Input = r.bytes(h)
		case 8:
			d.ABI = r.string(h)
		case 9:
			d.Value = r.string(h)
		case 10:
			d.GasPrice = r.string(h)
		case 11:
			d.GasLimit = r.int(h)
		case 12:
			d.MaxFeePerGas = r.string(h)
		case 13:
			d.MaxPriorityFeePerGas = r.string(h)
		case 14:
			d.Extension = r.bytes(h)
		default:
			r.skip(h, 0)
		}
	}
}

// ascending checks h's tag against the last one and moves on.
func (r *reader) ascending(h head, last *int) bool {
	if r.err != nil {
		return false
	}
	if int(h.tag) <= *last {
		r.fail(ErrOrder, "field")
		return false
	}
	*last = int(h.tag)
	return true
}
