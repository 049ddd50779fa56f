package conformance

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/bcosgate/bcosgate/devchain/suite"
)

// receiptText is a receipt as answers have it.
type receiptText struct {
	Version           uint32
	Hash              string
	BlockNumber       uint64
	Status            uint32
	ContractAddress   string
	GasUsed           string
	Output            string
	EffectiveGasPrice string
	LogEntries        []struct {
		Address string
		Topics  []string
		Data    string
	}
}

// checkReceipt makes the hash of protocol section 6.4 of our receipt with the gas
// of another answer, and compares it with the hash in that answer. It lists what is
// wrong.
func checkReceipt(s suite.Suite, ours, other string) []string {
	var a, b struct{ Result receiptText }
	if err := json.Unmarshal([]byte(ours), &a); err != nil {
		return []string{err.Error()}
	}
	if err := json.Unmarshal([]byte(other), &b); err != nil {
		return []string{err.Error()}
	}
	if b.Result.Hash == "0x" {
		return nil // the answer to a send that failed
	}
	r := a.Result
	r.GasUsed = b.Result.GasUsed
	if hash := s.Hash(r.preimage()).Hex(); hash != b.Result.Hash {
		return []string{fmt.Sprintf("with gas %s our receipt has the hash %s, not %s", r.GasUsed, hash, b.Result.Hash)}
	}
	return nil
}

func (r receiptText) preimage() []byte {
	bare := func(text string) string { return strings.TrimPrefix(text, "0x") }
	p := binary.BigEndian.AppendUint32(nil, r.Version)
	p = append(p, r.GasUsed+bare(r.ContractAddress)...)
	p = binary.BigEndian.AppendUint32(p, r.Status)
	p = append(p, unhex(r.Output)...)
	if r.Version >= 1 {
		p = append(p, r.EffectiveGasPrice...)
	}
	for _, log := range r.LogEntries {
		p = append(p, log.Address...)
		for _, topic := range log.Topics {
			p = append(p, unhex(topic)...)
		}
		p = append(p, unhex(log.Data)...)
	}
	return binary.BigEndian.AppendUint64(p, r.BlockNumber)
}
