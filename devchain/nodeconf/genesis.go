package nodeconf

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/bcosgate/bcosgate/devchain"
	"github.com/bcosgate/bcosgate/devchain/suite"
)

// Genesis is what config.genesis says (protocol §11.4). Every node of a chain
// must be started with the same.
type Genesis struct {
	devchain.Genesis
	BlockLimit int64 // how many blocks ahead a transaction's block limit may be
}

var (
	accountPattern = regexp.MustCompile(`^(0x)?[0-9a-fA-F]{40}$`)
	idPattern      = regexp.MustCompile(`^[0-9A-Za-z_]+$`)
	versionPattern = regexp.MustCompile(`^3\.\d{1,3}\.\d{1,3}$`)
)

// ReadGenesis reads a config.genesis. Unknown keys are left alone; what is known
// to the real node but not available here (WebAssembly, the classic executor,
// features) is refused by name. The error is *Error
// and lists everything that is wrong.
func ReadGenesis(path string) (Genesis, error) {
	f, err := open(path)
	if err != nil {
		return Genesis{}, err
	}
	for _, refused := range [][3]string{
		{"executor", "is_wasm", "WebAssembly is not available: set false"},
	} {
		if f.boolean(refused[0], refused[1], false) {
			f.note(refused[0], refused[1], "true", refused[2])
		}
	}
	var g Genesis
	if f.boolean("chain", "sm_crypto", false) {
		g.Suite = suite.GM
	}
	g.BlockLimit = f.number("chain", "block_limit", 1000, 1, 5000)
	g.ChainID = f.name("chain", "chain_id", "chain0")
	g.GroupID = f.name("chain", "group_id", "group0")
	g.Web3ChainID = f.count("web3", "chain_id", 0, 0, math.MaxUint32)
	g.ConsensusType = f.text("consensus", "consensus_type", "pbft")
	g.TxCountLimit = f.count("consensus", "block_tx_count_limit", 1000, 1, math.MaxInt32)
	f.number("consensus", "consensus_timeout", 3000, 3000, math.MaxInt32) // without effect here
	g.LeaderPeriod = f.count("consensus", "leader_period", 1, 1, math.MaxInt32)
	g.EpochSealerNum = f.count("consensus", "epoch_sealer_num", 4, 1, math.MaxInt32)
	g.EpochBlockNum = f.count("consensus", "epoch_block_num", 1000, 1, math.MaxInt32)
	g.Version = f.version()
	g.GasLimit = f.count("tx", "gas_limit", 3_000_000_000, 100_000, math.MaxInt64)
	g.AuthAdminAccount = f.text("executor", "auth_admin_account", "")
	g.AuthCheck = f.boolean("executor", "is_auth_check", false)
	g.SerialExecute = f.boolean("executor", "is_serial_execute", true)
	if v := f.text("executor", "version", "0"); v == "0" {
		f.note("executor", "version", v, "the classic executor is not available: set version=1")
	} else if v != "1" {
		f.note("executor", "version", v, "must be 1")
	}
	if g.ConsensusType != "pbft" && g.ConsensusType != "rpbft" {
		f.note("consensus", "consensus_type", g.ConsensusType, "must be pbft or rpbft")
	}
	if g.AuthAdminAccount != "" && !accountPattern.MatchString(g.AuthAdminAccount) {
		f.note("executor", "auth_admin_account", g.AuthAdminAccount, "must be 40 hex digits")
	}
	g.Sealers = f.sealers()
	f.refuseFeatures()
	if err := f.err(); err != nil {
		return g, err
	}
	if err := g.Validate(); err != nil {
		return g, &Error{Problems: []Problem{{File: f.path, Reason: err.Error()}}}
	}
	return g, nil
}

func (f *file) name(section, key, def string) string {
	v := f.text(section, key, def)
	if !idPattern.MatchString(v) {
		f.note(section, key, v, "must be letters, digits and _ only")
	}
	return v
}

func (f *file) version() string {
	v, ok := f.raw("version", "compatibility_version")
	switch {
	case !ok:
		f.note("version", "compatibility_version", "", "is missing: set it, for example 3.16.0")
	case !versionPattern.MatchString(v):
		f.note("version", "compatibility_version", v, "must be a version such as 3.16.0")
	}
	return v
}

// count is a number that cannot be negative; lowest must be 0 or more.
func (f *file) count(section, key string, def, lowest, highest int64) uint64 {
	return uint64(f.number(section, key, def, lowest, highest))
}

func (f *file) sealers() []devchain.Sealer {
	var list []devchain.Sealer
	if s, err := f.ini.GetSection("consensus"); err == nil {
		for _, key := range s.Keys() {
			if strings.HasPrefix(key.Name(), "node.") {
				list = append(list, f.sealer(key.Name()))
			}
		}
	}
	if len(list) == 0 {
		f.note("consensus", "node.0", "", "is missing: name at least one sealer as node.0=NODEID: WEIGHT")
	}
	return list
}

func (f *file) sealer(key string) devchain.Sealer {
	value, _ := f.raw("consensus", key)
	id, weight, weighted := strings.Cut(value, ":")
	public, err := devchain.ParseNodeID(strings.TrimSpace(id))
	if err != nil {
		f.note("consensus", key, value, "must be a node id of 128 hex digits, a colon and a weight")
		return devchain.Sealer{}
	}
	s := devchain.Sealer{PublicKey: public, Weight: 1}
	if !weighted {
		return s
	}
	weight = strings.TrimSpace(weight)
	n, err := strconv.ParseUint(weight, 10, 31)
	if err != nil || n < 1 {
		f.note("consensus", key, value, fmt.Sprintf("has the weight %q: it must be a whole number from 1", weight))
	}
	s.Weight = n
	return s
}

// refuseFeatures allows only flags that are off: those that are on are part of
// the genesis text and change how transactions run.
func (f *file) refuseFeatures() {
	s, err := f.ini.GetSection("features")
	if err != nil {
		return
	}
	for _, key := range s.Keys() {
		if f.boolean("features", key.Name(), false) {
			f.note("features", key.Name(), "1", "features are not available: take the line out")
		}
	}
}
