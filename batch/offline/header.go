package offline

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/google/uuid"

	"github.com/bcosgate/bcosgate/batch"
)

// Format is what a file holds.
type Format string

// The two files. They differ in what a line of a row has.
const (
	Unsigned Format = "unsigned transactions"
	Signed   Format = "signed transactions"
)

// version is that of the format. A reader takes only its own.
const version = 1

// LedgerStandard is a ledger with keccak-256 and secp256k1, the only one that
// rows are encoded for.
const LedgerStandard = "standard"

// Header is the first line of a file: what all of its transactions share.
type Header struct {
	Format  Format `json:"bcosgate"`
	Version int    `json:"version"`

	// Plan names the plan, and is what its nonces are derived from: the same plan
	// signed twice gives the same transactions.
	Plan    string    `json:"plan"`
	Created time.Time `json:"created"` // when it was planned

	ChainID string         `json:"chainId"`
	Group   string         `json:"group"`
	Genesis common.Hash    `json:"genesis"` // hash of block 0
	Ledger  string         `json:"ledger"`  // LedgerStandard
	Signer  common.Address `json:"signer"`  // the account that is to sign

	Head       uint64 `json:"head"`              // the newest block when it was planned
	BlockLimit uint64 `json:"blockLimit"`        // the last block that may have one of the transactions
	BlockMS    int64  `json:"blockMs,omitempty"` // milliseconds between blocks, as measured then; 0 when that was not possible

	Contract string          `json:"contract,omitempty"` // its name, for people
	To       *common.Address `json:"to,omitempty"`       // its address; absent when every row names its own
	Function string          `json:"function"`           // of rows that name no other
	ABI      json.RawMessage `json:"abi,omitempty"`

	Input       string   `json:"input,omitempty"`   // name of the file that was planned, for people
	InputSHA256 string   `json:"inputSha256"`       // 64 hex digits, of its bytes
	Columns     []string `json:"columns,omitempty"` // its header; absent without one

	// UnsignedSHA256 is the hash of the unsigned file that was signed, 64 hex
	// digits; only in a signed one.
	UnsignedSHA256 string `json:"unsignedSha256,omitempty"`
}

const (
	// MaxAhead is how far ahead of the head a block limit may be on a chain whose
	// genesis does not say otherwise; for as many blocks the chain remembers nonces.
	MaxAhead = 1000
	// DefaultAhead leaves as much time as there is to carry the files, but for a
	// node that is a few blocks behind the one that was asked for the head.
	DefaultAhead = 990
)

// Callee is what rows without another function and contract call.
func (h Header) Callee() batch.Callee {
	return batch.Callee{To: h.To, ABI: h.ABI, Function: h.Function}
}

// Spec is what a job must say that is to send the transactions.
func (h Header) Spec() batch.SignedSpec {
	return batch.SignedSpec{Plan: h.Plan, Signer: h.Signer, Genesis: h.Genesis, BlockLimit: h.BlockLimit}
}

// validate says what is wrong with a header.
func (h Header) validate(want Format) error {
	switch {
	case h.Format != want && slices.Contains([]Format{Unsigned, Signed}, h.Format):
		return fmt.Errorf("has %s, wanted are %s", h.Format, want)
	case h.Format != want:
		return fmt.Errorf("is no file of %s", want)
	case h.Version != version:
		return fmt.Errorf("has version %d of the format, this program knows version %d", h.Version, version)
	case h.ChainID == "" || h.Group == "":
		return errors.New("names no chain or no group")
	case h.Genesis == common.Hash{} || h.Signer == common.Address{}:
		return errors.New("names no genesis or no signer")
	case h.Ledger != LedgerStandard:
		return fmt.Errorf("is for a ledger %q; jobs know only %q", h.Ledger, LedgerStandard)
	case h.BlockLimit <= h.Head || h.BlockLimit-h.Head > MaxAhead:
		// A chain forgets a nonce when it is that many blocks old: a transaction that
		// may land later than that could land twice.
		return fmt.Errorf("has block limit %d, which is not 1 to %d blocks after block %d", h.BlockLimit, MaxAhead, h.Head)
	case h.BlockMS < 0:
		return errors.New("has a negative time between blocks")
	case !isDigest(h.InputSHA256):
		return errors.New("has no hash of its input")
	case (want == Signed) != isDigest(h.UnsignedSHA256):
		return errors.New("has the hash of an unsigned file where there is none, or lacks it")
	}
	if id, err := uuid.Parse(h.Plan); err != nil || id.String() != h.Plan {
		return errors.New("names no plan")
	}
	return nil
}

func isDigest(s string) bool {
	if len(s) != 64 {
		return false
	}
	for _, c := range s {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
