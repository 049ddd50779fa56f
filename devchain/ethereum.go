package devchain

import (
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
)

// The kinds of Ethereum transactions that a node reads (protocol section 9.2).
const (
	KindLegacy     = 0 // EIP-155 and older
	KindAccessList = 1 // EIP-2930
	KindDynamicFee = 2 // EIP-1559
	KindBlob       = 3 // EIP-4844; the blobs themselves are unknown to nodes
)

// EthereumTransaction is what a raw Ethereum transaction says, without its
// signature. It is not changed after it was decoded and may be shared.
type EthereumTransaction struct {
	Kind    byte
	ChainID *uint64 // nil in a legacy transaction without one
	Nonce   uint64
	// MaxPriorityFeePerGas and MaxFeePerGas are both the gas price in a legacy
	// transaction and in one with an access list. Neither has an effect.
	MaxPriorityFeePerGas, MaxFeePerGas *big.Int
	GasLimit                           uint64          // without effect
	To                                 *common.Address // nil deploys
	Value                              *big.Int
	Input                              []byte
	AccessList                         types.AccessList // without effect
	MaxFeePerBlobGas                   *big.Int         // KindBlob
	BlobHashes                         []common.Hash    // KindBlob
}

// ethereumSignature is the end of a raw transaction. V is the recovery id; R and S
// have at least 32 bytes.
type ethereumSignature struct {
	V    uint64
	R, S []byte
}

// decodeEthereum reads a raw transaction. The error is an *rlpError.
func decodeEthereum(raw []byte) (*EthereumTransaction, *ethereumSignature, error) {
	if len(raw) == 0 {
		return nil, nil, &rlpError{"Input too short"}
	}
	r := &rlpReader{raw}
	tx, err := decodeEthereumFields(r)
	// The node's decoder of legacy transactions forgets that the value or the input
	// was wrong, and reads on behind it.
	if err != nil && (tx == nil || tx.Kind != KindLegacy) {
		return nil, nil, err
	}
	sig := &ethereumSignature{}
	if sig.V, err = r.uint64(); err != nil {
		return nil, nil, err
	}
	if sig.R, err = r.bytes(); err != nil {
		return nil, nil, err
	}
	if sig.S, err = r.bytes(); err != nil {
		return nil, nil, err
	}
	sig.R, sig.S = common.LeftPadBytes(sig.R, 32), common.LeftPadBytes(sig.S, 32)
	if tx.Kind == KindLegacy {
		return tx, sig, tx.splitV(sig)
	}
	return tx, sig, nil
}

// decodeSignedBytes reads what signedBytes wrote.
func decodeSignedBytes(data []byte) (*EthereumTransaction, error) {
	r := &rlpReader{data}
	tx, err := decodeEthereumFields(r)
	if err != nil {
		return nil, err
	}
	if tx.Kind == KindLegacy && len(r.data) > 0 {
		id, err := r.uint64()
		if err != nil {
			return nil, err
		}
		tx.ChainID = &id
	}
	return tx, nil
}

// splitV takes the v of a legacy transaction apart: the recovery id, and the chain
// id where there is one (EIP-155).
func (tx *EthereumTransaction) splitV(sig *ethereumSignature) error {
	switch v := sig.V; {
	case v == 27 || v == 28:
		sig.V = v - 27
	case v == 0 || v == 1:
	case v < 35:
		return &rlpError{"Invalid V in signature"}
	default:
		id := (v - 35) >> 1
		tx.ChainID, sig.V = &id, (v-35)%2
	}
	return nil
}

// decodeEthereumFields reads everything before the signature. The transaction is
// nil when it ends before its value.
func decodeEthereumFields(r *rlpReader) (*EthereumTransaction, error) {
	if len(r.data) == 0 {
		return nil, errRLPShort
	}
	tx := &EthereumTransaction{}
	kind := r.data[0]
	typed := kind > 0 && kind < 0x80
	if typed {
		if kind > KindBlob {
			return nil, &rlpError{"Unsupported transaction type"}
		}
		tx.Kind = kind
		r.take(1)
	}
	list, _, err := r.head()
	switch {
	case err != nil:
		return nil, err
	case !list && typed:
		return nil, &rlpError{"Unexpected String"}
	case !list:
		return nil, errRLPList
	}
	if err := tx.decodeHead(r); err != nil {
		return nil, err
	}
	return tx, tx.decodeTail(r)
}

// decodeHead reads the fields up to the receiver.
func (tx *EthereumTransaction) decodeHead(r *rlpReader) (err error) {
	if tx.Kind != KindLegacy {
		id, err := r.uint64()
		if err != nil {
			return err
		}
		tx.ChainID = &id
	}
	if tx.Nonce, err = r.uint64(); err != nil {
		return err
	}
	if tx.MaxPriorityFeePerGas, err = r.uint256(); err != nil {
		return err
	}
	tx.MaxFeePerGas = tx.MaxPriorityFeePerGas
	if tx.Kind >= KindDynamicFee {
		if tx.MaxFeePerGas, err = r.uint256(); err != nil {
			return err
		}
	}
	if tx.GasLimit, err = r.uint64(); err != nil {
		return err
	}
	if len(r.data) == 0 {
		return errRLPShort
	}
	if r.data[0] == 0x80 {
		r.take(1)
		return nil
	}
	to, err := r.address()
	tx.To = &to
	return err
}

// decodeTail reads the fields behind the receiver.
func (tx *EthereumTransaction) decodeTail(r *rlpReader) (err error) {
	if tx.Value, err = r.uint256(); err != nil {
		return err
	}
	if tx.Input, err = r.bytes(); err != nil || tx.Kind == KindLegacy {
		return err
	}
	if tx.AccessList, err = r.accessList(); err != nil || tx.Kind != KindBlob {
		return err
	}
	if tx.MaxFeePerBlobGas, err = r.uint256(); err != nil {
		return err
	}
	tx.BlobHashes, err = r.hashes()
	return err
}

// encode is the RLP of the fields and of what comes behind them, with the type in
// front.
func (tx *EthereumTransaction) encode(behind ...any) []byte {
	var fields []any
	if tx.Kind != KindLegacy {
		fields = append(fields, *tx.ChainID)
	}
	fields = append(fields, tx.Nonce)
	if tx.Kind >= KindDynamicFee {
		fields = append(fields, tx.MaxPriorityFeePerGas)
	}
	to := []byte{}
	if tx.To != nil {
		to = tx.To[:]
	}
	fields = append(fields, tx.MaxFeePerGas, tx.GasLimit, to, tx.Value, tx.Input)
	if tx.Kind != KindLegacy {
		fields = append(fields, tx.AccessList)
	}
	if tx.Kind == KindBlob {
		fields = append(fields, tx.MaxFeePerBlobGas, tx.BlobHashes)
	}
	out := encodeRecord(append(fields, behind...))
	if tx.Kind != KindLegacy {
		return append([]byte{tx.Kind}, out...)
	}
	return out
}

// signedBytes are what the signature is made for.
func (tx *EthereumTransaction) signedBytes() []byte {
	if tx.Kind == KindLegacy && tx.ChainID != nil {
		return tx.encode(*tx.ChainID, uint64(0), uint64(0))
	}
	return tx.encode()
}

// hash is the hash of the transaction in its canonical form, whatever form it came in.
func (tx *EthereumTransaction) hash(sig *ethereumSignature) common.Hash {
	v := sig.V
	switch {
	case tx.Kind != KindLegacy:
	case tx.ChainID != nil:
		v += 35 + 2**tx.ChainID
	default:
		v += 27
	}
	return crypto.Keccak256Hash(tx.encode(v, new(big.Int).SetBytes(sig.R), new(big.Int).SetBytes(sig.S)))
}

// chainID is 0 when there is none.
func (tx *EthereumTransaction) chainID() uint64 {
	if tx.ChainID == nil {
		return 0
	}
	return *tx.ChainID
}
