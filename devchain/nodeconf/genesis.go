package nodeconf

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Genesis is what config.genesis says (protocol §11.4). Every node of a chain
// must be started with the same.
type Genesis struct {
	ChainID string
	GroupID string

	BlockLimit  int64 // how many blocks ahead a transaction's block limit may be
	Web3ChainID int64 // what contracts see as chainid

	ConsensusType    string // "pbft" or "rpbft"
	TxCountLimit     int64  // transactions in a block
	ConsensusTimeout int64  // ms
	LeaderPeriod     int64  // blocks
	EpochSealerNum   int64
	EpochBlockNum    int64
	Sealers          []Sealer // by node id, as the node sorts them

	CompatibilityVersion string // "3.16.0"
	TxGasLimit           int64

	AuthAdminAccount string // as written; part of the genesis text also when auth is off
	SerialExecute    bool
	ExecutorVersion  int64
	Features         []string // names of [features] that are set to 1, in the order of the file
}

// Sealer is one node.N line.
type Sealer struct {
	NodeID string // 128 lower-case hex digits
	Weight int64
}

var (
	nodeIDPattern  = regexp.MustCompile(`^[0-9a-f]{128}$`)
	accountPattern = regexp.MustCompile(`^(0x)?[0-9a-fA-F]{40}$`)
	idPattern      = regexp.MustCompile(`^[0-9A-Za-z_]+$`)
	versionPattern = regexp.MustCompile(`^3\.(\d{1,3})\.(\d{1,3})$`)
	featurePattern = regexp.MustCompile(`^(feature|bugfix)_[0-9a-z_]+$`)
)

// ReadGenesis reads a config.genesis. Unknown keys are left alone; what is known
// to the real node but not available here (GM cryptography, WebAssembly, auth
// mode) is refused by name. The error is *Error and lists everything that is wrong.
func ReadGenesis(path string) (Genesis, error) {
	f, err := open(path)
	if err != nil {
		return Genesis{}, err
	}
	for _, refused := range [][3]string{
		{"chain", "sm_crypto", "GM cryptography is not available: set false"},
		{"executor", "is_wasm", "WebAssembly is not available: set false"},
		{"executor", "is_auth_check", "auth mode is not available: set false"},
	} {
		if f.boolean(refused[0], refused[1], false) {
			f.note(refused[0], refused[1], "true", refused[2])
		}
	}
	g := Genesis{
		ChainID:              f.name("chain", "chain_id", "chain0"),
		GroupID:              f.name("chain", "group_id", "group0"),
		BlockLimit:           f.number("chain", "block_limit", 1000, 1, 5000),
		Web3ChainID:          f.number("web3", "chain_id", 0, 0, math.MaxUint32),
		ConsensusType:        f.text("consensus", "consensus_type", "pbft"),
		TxCountLimit:         f.number("consensus", "block_tx_count_limit", 1000, 1, math.MaxInt32),
		ConsensusTimeout:     f.number("consensus", "consensus_timeout", 3000, 3000, math.MaxInt32),
		LeaderPeriod:         f.number("consensus", "leader_period", 1, 1, math.MaxInt32),
		EpochSealerNum:       f.number("consensus", "epoch_sealer_num", 4, 1, math.MaxInt32),
		EpochBlockNum:        f.number("consensus", "epoch_block_num", 1000, 1, math.MaxInt32),
		CompatibilityVersion: f.version(),
		TxGasLimit:           f.number("tx", "gas_limit", 3_000_000_000, 100_000, math.MaxInt64),
		AuthAdminAccount:     f.text("executor", "auth_admin_account", ""),
		SerialExecute:        f.boolean("executor", "is_serial_execute", true),
		ExecutorVersion:      f.number("executor", "version", 0, 0, 1),
	}
	if g.ConsensusType != "pbft" && g.ConsensusType != "rpbft" {
		f.note("consensus", "consensus_type", g.ConsensusType, "must be pbft or rpbft")
	}
	if g.AuthAdminAccount != "" && !accountPattern.MatchString(g.AuthAdminAccount) {
		f.note("executor", "auth_admin_account", g.AuthAdminAccount, "must be 40 hex digits")
	}
	g.Sealers = f.sealers()
	g.Features = f.features()
	return g, f.err()
}

func (f *file) name(section, key, def string) string {
	v := f.text(section, key, def)
	if !idPattern.MatchString(v) {
		f.note(section, key, v, "must be letters, digits and _ only")
	}
	return v
}

func (f *file) version() string {
	v := f.needText("version", "compatibility_version")
	if v == "" {
		return v
	}
	m := versionPattern.FindStringSubmatch(v)
	if m == nil {
		f.note("version", "compatibility_version", v, "must be a version such as 3.16.0")
		return v
	}
	for _, part := range m[1:] {
		// Each part is one byte of the version number in a block (protocol §3.6).
		if n, _ := strconv.Atoi(part); n > 255 {
			f.note("version", "compatibility_version", v, "must have parts up to 255")
		}
	}
	return v
}

func (f *file) sealers() []Sealer {
	var list []Sealer
	s, err := f.ini.GetSection("consensus")
	if err == nil {
		for _, key := range s.Keys() {
			if !strings.HasPrefix(key.Name(), "node.") {
				continue
			}
			if v, ok := f.raw("consensus", key.Name()); ok {
				list = append(list, f.sealer(key.Name(), v, list))
			} else {
				f.note("consensus", key.Name(), "", "is empty: write NODEID: WEIGHT")
			}
		}
	}
	if len(list) == 0 {
		f.note("consensus", "node.0", "", "is missing: name at least one sealer as node.0=NODEID: WEIGHT")
	}
	slices.SortFunc(list, func(a, b Sealer) int { return strings.Compare(a.NodeID, b.NodeID) })
	return list
}

func (f *file) sealer(key, value string, before []Sealer) Sealer {
	id, weight, found := strings.Cut(value, ":")
	s := Sealer{NodeID: strings.ToLower(strings.TrimSpace(id)), Weight: 1}
	if !nodeIDPattern.MatchString(s.NodeID) {
		f.note("consensus", key, value, "must be a node id of 128 hex digits, a colon and a weight")
		return s
	}
	if slices.ContainsFunc(before, func(o Sealer) bool { return o.NodeID == s.NodeID }) {
		f.note("consensus", key, value, "names a node for the second time")
	}
	if !found {
		return s
	}
	n, err := strconv.ParseInt(strings.TrimSpace(weight), 10, 32)
	if err != nil || n < 1 {
		f.note("consensus", key, value, fmt.Sprintf("has the weight %q: it must be a whole number from 1", strings.TrimSpace(weight)))
		return s
	}
	s.Weight = n
	return s
}

func (f *file) features() []string {
	s, err := f.ini.GetSection("features")
	if err != nil {
		return nil
	}
	var names []string
	for _, key := range s.Keys() {
		switch v, _ := f.raw("features", key.Name()); {
		case !featurePattern.MatchString(key.Name()):
			f.note("features", key.Name(), v, "is no feature: names begin with feature_ or bugfix_")
		case v == "1" || v == "true":
			names = append(names, key.Name())
		case v != "0" && v != "false":
			f.note("features", key.Name(), v, "must be 0 or 1")
		}
	}
	return names
}
