package proof

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/chain/fisco/result"
	"github.com/bcosgate/bcosgate/chain/fisco/suite"
)

// ReceiptHash is the hash of the fields of a receipt (protocol §6.4). The
// effective gas price counts from version 1 on.
func ReceiptHash(s suite.Suite, r *result.Receipt) common.Hash {
	pre := binary.BigEndian.AppendUint32(nil, uint32(r.Version))
	pre = append(pre, r.GasUsed...)
	pre = append(pre, strings.TrimPrefix(r.ContractAddress, "0x")...)
	pre = binary.BigEndian.AppendUint32(pre, uint32(r.Status))
	pre = append(pre, r.Output...)
	if r.Version >= 1 && r.EffectiveGasPrice != nil {
		pre = append(pre, *r.EffectiveGasPrice...)
	}
	for _, log := range r.LogEntries {
		pre = append(pre, log.Address...)
		for _, topic := range log.Topics {
			pre = append(pre, topic[:]...)
		}
		pre = append(pre, log.Data...)
	}
	return s.Hash(binary.BigEndian.AppendUint64(pre, uint64(r.BlockNumber)))
}

// VerifyReceipt checks that the hash that r names is that of its fields. The
// answer of sendTransaction for a failed transaction names none and fails; that
// of getTransactionReceipt does. Which transaction the receipt belongs to is not
// covered by the hash: see VerifyInclusion and VerifyWholeBlock.
func VerifyReceipt(s suite.Suite, r *result.Receipt) error {
	if err := checkReceiptForm(r); err != "" {
		return &Error{Check: CheckReceiptHash, Msg: fmt.Sprintf("the receipt of transaction %s %s", r.TransactionHash, err)}
	}
	if hash := ReceiptHash(s, r); string(hash[:]) != string(r.Hash) {
		return &Error{Check: CheckReceiptHash, Msg: fmt.Sprintf("the receipt of transaction %s names another hash than its fields have", r.TransactionHash),
			Want: hash.Hex(), Got: r.Hash.String()}
	}
	return nil
}

// checkReceiptForm says which field has a form that would let the bytes of the
// next one pass for its own, "" when all is well.
func checkReceiptForm(r *result.Receipt) string {
	address := strings.TrimPrefix(r.ContractAddress, "0x")
	switch {
	case r.GasUsed == "" || !onlyOf(r.GasUsed, "0123456789"):
		return fmt.Sprintf("has gasUsed %q, which is no decimal number", r.GasUsed)
	case address != "" && !isAddress(address):
		return fmt.Sprintf("has contractAddress %q, which is no address", r.ContractAddress)
	case int64(r.Status) != int64(int32(r.Status)):
		return fmt.Sprintf("has status %d, which is above %d", r.Status, math.MaxInt32)
	case r.Version >= 1 && r.EffectiveGasPrice != nil && !isQuantity(*r.EffectiveGasPrice):
		return fmt.Sprintf("has effectiveGasPrice %q, which is no number", *r.EffectiveGasPrice)
	}
	for i, log := range r.LogEntries {
		if !isAddress(log.Address) {
			return fmt.Sprintf("has address %q in log %d, which is no address", log.Address, i)
		}
	}
	return ""
}

func isAddress(s string) bool {
	return len(s) == 2*common.AddressLength && onlyOf(s, "0123456789abcdef")
}

// isQuantity accepts hex behind 0x, a decimal number, and nothing.
func isQuantity(s string) bool {
	if digits, ok := strings.CutPrefix(s, "0x"); ok {
		return onlyOf(digits, "0123456789abcdefABCDEF")
	}
	return onlyOf(s, "0123456789")
}

func onlyOf(s, chars string) bool {
	return strings.Trim(s, chars) == ""
}
