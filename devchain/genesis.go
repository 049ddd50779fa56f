package devchain

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/devchain/suite"
)

// Sealer is a member of the consensus.
type Sealer struct {
	PublicKey [64]byte // on the curve of the chain, without the leading 04
	Weight    uint64   // 0 counts as 1
}

// NodeID is the public key as 128 lower-case hex digits.
func (s Sealer) NodeID() string { return hex.EncodeToString(s.PublicKey[:]) }

// ParseNodeID reads a node id: 128 hex digits.
func ParseNodeID(text string) (key [64]byte, err error) {
	data, err := hex.DecodeString(text)
	if err != nil || len(data) != len(key) {
		return key, fmt.Errorf("%q is no node id: 128 hex digits are needed", text)
	}
	return [64]byte(data), nil
}

// Genesis is what config.genesis says about the chain (protocol section 11.4).
// All of it but Web3ChainID is part of the hash of block 0.
type Genesis struct {
	Suite            suite.Suite
	ChainID          string // for example "chain0"
	GroupID          string // for example "group0"
	Web3ChainID      uint64 // what contracts see as the chain id
	ConsensusType    string // "pbft"
	TxCountLimit     uint64 // most transactions in a block
	LeaderPeriod     uint64
	EpochSealerNum   uint64
	EpochBlockNum    uint64
	Version          string // compatibility version, for example "3.16.0"
	GasLimit         uint64 // of every transaction
	AuthAdminAccount string // as written in the file
	AuthCheck        bool   // permissions are checked from the start
	SerialExecute    bool
	Sealers          []Sealer // any order; the chain sorts them by node id
}

// DefaultGenesis has the values that the official build_chain.sh writes, without
// sealers and account.
func DefaultGenesis() Genesis {
	return Genesis{
		ChainID:        "chain0",
		GroupID:        "group0",
		Web3ChainID:    20200,
		ConsensusType:  "pbft",
		TxCountLimit:   1000,
		LeaderPeriod:   1,
		EpochSealerNum: 4,
		EpochBlockNum:  1000,
		Version:        "3.16.0",
		GasLimit:       3_000_000_000,
		SerialExecute:  true,
	}
}

// Validate lists everything that this chain cannot be made of.
func (g Genesis) Validate() error {
	var errs []error
	if g.Suite != suite.Standard && g.Suite != suite.GM {
		errs = append(errs, fmt.Errorf("suite %d is neither the standard one nor that of GM chains", g.Suite))
	}
	if g.ChainID == "" {
		errs = append(errs, errors.New("chain.chain_id is empty"))
	}
	if g.GroupID == "" {
		errs = append(errs, errors.New("chain.group_id is empty"))
	}
	if g.ConsensusType == "" {
		errs = append(errs, errors.New("consensus.consensus_type is empty"))
	}
	if g.TxCountLimit < 1 {
		errs = append(errs, errors.New("consensus.block_tx_count_limit must be at least 1"))
	}
	if g.LeaderPeriod < 1 {
		errs = append(errs, errors.New("consensus.leader_period must be at least 1"))
	}
	if g.GasLimit < 100_000 {
		errs = append(errs, errors.New("tx.gas_limit must be at least 100000"))
	}
	if version, err := parseVersion(g.Version); err != nil {
		errs = append(errs, err)
	} else if version < 0x03100000 {
		errs = append(errs, fmt.Errorf("version.compatibility_version %s is too old: this chain behaves as 3.16.0 and later", g.Version))
	}
	if len(g.Sealers) == 0 {
		errs = append(errs, errors.New("consensus has no node: node.0 is needed"))
	}
	seen := map[[64]byte]bool{}
	for _, s := range g.Sealers {
		if seen[s.PublicKey] {
			errs = append(errs, fmt.Errorf("consensus names node %s twice", s.NodeID()))
		}
		seen[s.PublicKey] = true
	}
	return errors.Join(errs...)
}

// sortedSealers are the sealers in the order that block headers have: by node id.
func (g Genesis) sortedSealers() []Sealer {
	sealers := slices.Clone(g.Sealers)
	for i := range sealers {
		if sealers[i].Weight == 0 {
			sealers[i].Weight = 1
		}
	}
	slices.SortFunc(sealers, func(a, b Sealer) int { return slices.Compare(a.PublicKey[:], b.PublicKey[:]) })
	return sealers
}

// Text is the extra data of block 0 (protocol section 6.5); blanks and
// misspellings are the node's.
func (g Genesis) Text() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("[chain]")
	line("sm_crypto:%d", g.Suite)
	line("chainID: %s", g.ChainID)
	line("grouID: %s", g.GroupID)
	line("[consensys]")
	line("consensus_type: %s", g.ConsensusType)
	line("block_tx_count_limit:%d", g.TxCountLimit)
	line("leader_period:%d", g.LeaderPeriod)
	line("[version]")
	line("compatibility_version:%s", g.Version)
	line("[tx]")
	line("gaslimit:%d", g.GasLimit)
	line("[executor]")
	line("iswasm: 0")
	line("isAuthCheck:%d", flag(g.AuthCheck))
	line("authAdminAccount:%s", g.AuthAdminAccount)
	line("isSerialExecute:%d", flag(g.SerialExecute))
	line("epochSealerNum:%d", g.EpochSealerNum)
	line("epochBlockNum:%d", g.EpochBlockNum)
	for i, s := range g.sortedSealers() {
		line("node.%d:%s,%d", i, s.NodeID(), s.Weight)
	}
	return b.String()
}

// Block is block 0.
func (g Genesis) Block() (*Block, error) {
	version, err := parseVersion(g.Version)
	if err != nil {
		return nil, err
	}
	b := &Block{Header: Header{Version: version, ExtraData: []byte(g.Text())}}
	b.Hash = b.computeHash(g.Suite)
	return b, nil
}

// Hash is the hash of block 0, or the zero hash when the version is malformed.
func (g Genesis) Hash() common.Hash {
	b, err := g.Block()
	if err != nil {
		return common.Hash{}
	}
	return b.Hash
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

// parseVersion turns "3.16.0" into 0x03100000.
func parseVersion(text string) (uint32, error) {
	parts := strings.Split(text, ".")
	bad := fmt.Errorf("version.compatibility_version %q is no version: three numbers like 3.16.0 are needed", text)
	if len(parts) != 3 {
		return 0, bad
	}
	var version uint32
	for _, part := range parts {
		n, err := strconv.ParseUint(part, 10, 8)
		if err != nil {
			return 0, bad
		}
		version = version<<8 | uint32(n)
	}
	return version << 8, nil
}
