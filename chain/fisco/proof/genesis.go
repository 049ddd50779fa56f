package proof

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/chain/fisco/result"
	"github.com/bcosgate/bcosgate/chain/fisco/suite"
)

// Data versions in which the genesis text changed (protocol §6.5).
const (
	versionText      uint32 = 3<<24 | 1<<16 // before it the text has another form
	versionEpochs    uint32 = 3<<24 | 5<<16
	versionOneLeader uint32 = 3<<24 | 6<<16 // the leader period of the configuration is no longer looked at
)

// Genesis is what the genesis block says of a chain: its extra data as fields.
type Genesis struct {
	Suite             suite.Suite
	ChainID           string
	GroupID           string
	ConsensusType     string // "pbft" or "rpbft"
	BlockTxCountLimit uint64
	LeaderPeriod      uint64
	Version           uint32 // data version, 0xMMmmpp00
	GasLimit          uint64
	WASM              bool
	AuthCheck         bool
	AuthAdminAccount  string // as in config.genesis, with auth off, too
	SerialExecute     bool
	EpochSealerNum    int64 // from data version 3.5 on, as the next
	EpochBlockNum     int64
	Features          []Feature
	Sealers           SealerSet
}

// Feature is a feature that the genesis configuration sets; Value is 1 for on.
type Feature struct {
	Name  string
	Value uint64
}

// GenesisHash is the hash of a block 0 with this data version and genesis text
// (protocol §6.5).
func GenesisHash(s suite.Suite, version uint32, text []byte) common.Hash {
	return BlockHash(s, &result.Block{Version: version, ExtraData: text})
}

// Hash is the hash of the block 0 that nodes make of g.
func (g *Genesis) Hash() common.Hash {
	return GenesisHash(g.Suite, g.Version, g.Text())
}

// line is a line of the genesis text: a heading, or a name with a value behind it.
type line struct {
	name  string
	value any // nil, *string, *bool, *uint64, *int64, *suite.Suite or *dataVersion
}

type dataVersion uint32

// head is the lines up to the version, which decides on the rest. The
// misspellings and the uneven blanks are the chain's.
func (g *Genesis) head() []line {
	return []line{
		{"[chain]", nil},
		{"sm_crypto:", &g.Suite},
		{"chainID: ", &g.ChainID},
		{"grouID: ", &g.GroupID},
		{"[consensys]", nil},
		{"consensus_type: ", &g.ConsensusType},
		{"block_tx_count_limit:", &g.BlockTxCountLimit},
		{"leader_period:", &g.LeaderPeriod},
		{"[version]", nil},
		{"compatibility_version:", (*dataVersion)(&g.Version)},
	}
}

// tail is the lines from the version to the features.
func (g *Genesis) tail() []line {
	lines := []line{
		{"[tx]", nil},
		{"gaslimit:", &g.GasLimit},
		{"[executor]", nil},
		{"iswasm: ", &g.WASM},
		{"isAuthCheck:", &g.AuthCheck},
		{"authAdminAccount:", &g.AuthAdminAccount},
		{"isSerialExecute:", &g.SerialExecute},
	}
	if g.Version >= versionEpochs {
		lines = append(lines, line{"epochSealerNum:", &g.EpochSealerNum}, line{"epochBlockNum:", &g.EpochBlockNum})
	}
	return lines
}

const featuresHeading = "[features]"

// Text is the genesis text of data version 3.1 and later: the extra data of block 0.
func (g *Genesis) Text() []byte {
	var out []byte
	for _, l := range append(g.head(), g.tail()...) {
		out = append(l.append(out), '\n')
	}
	if len(g.Features) > 0 {
		out = append(out, featuresHeading+"\n"...)
	}
	for _, f := range g.Features {
		out = fmt.Appendf(out, "%s:%d\n", f.Name, f.Value)
	}
	for i, id := range g.Sealers.NodeIDs {
		out = fmt.Appendf(out, "node.%d:%x,%d\n", i, id, g.Sealers.Weights[i])
	}
	return out
}

func (l line) append(dst []byte) []byte {
	dst = append(dst, l.name...)
	switch v := l.value.(type) {
	case *string:
		dst = append(dst, *v...)
	case *bool:
		dst = append(dst, "01"[b2i(*v)])
	case *uint64:
		dst = strconv.AppendUint(dst, *v, 10)
	case *int64:
		dst = strconv.AppendInt(dst, *v, 10)
	case *suite.Suite:
		dst = strconv.AppendUint(dst, uint64(*v), 10)
	case *dataVersion:
		dst = fmt.Appendf(dst, "%d.%d.%d", *v>>24, *v>>16&0xff, *v>>8&0xff)
	}
	return dst
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// ParseGenesis reads a genesis text. It takes only what Text writes again byte
// for byte; everything else, and texts of data versions before 3.1, is
// CheckGenesisText. That the sealers are a usable set is not checked.
func ParseGenesis(text []byte) (Genesis, error) {
	var g Genesis
	p := textReader{lines: strings.SplitAfter(string(text), "\n")}
	p.read(g.head())
	p.read(g.tail())
	p.readFeatures(&g)
	p.readNodes(&g)
	switch {
	case p.err != nil:
	case g.Version < versionText:
		p.fail("data versions before 3.1 have a genesis text of another form")
	case !bytes.Equal(g.Text(), text): // blanks, signs, leading zeros, letter case, a wrong end
		p.err = differentTexts(g.Text(), text)
	}
	if p.err != nil {
		return Genesis{}, p.err
	}
	return g, nil
}

type textReader struct {
	lines []string // with their ends
	at    int
	err   error
}

func (p *textReader) fail(msg string) {
	if p.err == nil {
		p.err = &Error{Check: CheckGenesisText, Msg: fmt.Sprintf("line %d: %s", p.at+1, msg), Got: p.peek()}
	}
}

// peek is the present line without its end, "" behind the last.
func (p *textReader) peek() string {
	if p.at >= len(p.lines) {
		return ""
	}
	return strings.TrimSuffix(p.lines[p.at], "\n")
}

func (p *textReader) read(lines []line) {
	for _, l := range lines {
		value, ok := strings.CutPrefix(p.peek(), l.name)
		if !ok {
			p.fail(fmt.Sprintf("%q must begin it", l.name))
			return
		}
		if err := l.set(value); err != nil {
			p.fail(err.Error())
			return
		}
		p.at++
	}
}

// set reads the value of a line, the inverse of append.
func (l line) set(text string) (err error) {
	switch v := l.value.(type) {
	case *string:
		*v = text
	case *bool:
		*v, err = strconv.ParseBool(text)
	case *uint64:
		*v, err = strconv.ParseUint(text, 10, 64)
	case *int64:
		*v, err = strconv.ParseInt(text, 10, 64)
	case *suite.Suite:
		var gm bool
		gm, err = strconv.ParseBool(text)
		*v = suite.Suite(b2i(gm))
	case *dataVersion:
		*v, err = parseVersion(text)
	}
	return err
}

// parseVersion reads major.minor or major.minor.patch as 0xMMmmpp00.
func parseVersion(text string) (dataVersion, error) {
	parts := strings.Split(text, ".")
	if len(parts) != 2 && len(parts) != 3 {
		return 0, fmt.Errorf("%q is no version", text)
	}
	var v dataVersion
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 10, 8)
		if err != nil {
			return 0, fmt.Errorf("%q is no version", text)
		}
		v |= dataVersion(n) << (24 - 8*i)
	}
	return v, nil
}

func (p *textReader) readFeatures(g *Genesis) {
	if p.err != nil || p.peek() != featuresHeading {
		return
	}
	for p.at++; p.at < len(p.lines) && !strings.HasPrefix(p.peek(), "node.") && p.peek() != ""; p.at++ {
		name, text, _ := strings.Cut(p.peek(), ":")
		value, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			p.fail("a feature and its number are missing")
			return
		}
		g.Features = append(g.Features, Feature{Name: name, Value: value})
	}
}

func (p *textReader) readNodes(g *Genesis) {
	for ; p.err == nil && p.peek() != ""; p.at++ {
		value, ok := strings.CutPrefix(p.peek(), fmt.Sprintf("node.%d:", len(g.Sealers.NodeIDs)))
		id, weight, comma := strings.Cut(value, ",")
		if !ok || !comma {
			p.fail(fmt.Sprintf("sealer %d and its weight are missing", len(g.Sealers.NodeIDs)))
			return
		}
		if err := g.addSealer(id, weight); err != nil {
			p.fail(err.Error())
			return
		}
	}
}

func (g *Genesis) addSealer(id, weight string) error {
	key, err := hex.DecodeString(id)
	if err != nil || len(key) != suite.PublicKeyLen {
		return fmt.Errorf("a node id has %d hex digits", 2*suite.PublicKeyLen)
	}
	w, err := strconv.ParseInt(weight, 10, 64)
	if err != nil {
		return err
	}
	g.Sealers.NodeIDs = append(g.Sealers.NodeIDs, key)
	g.Sealers.Weights = append(g.Sealers.Weights, w)
	return nil
}

// differentTexts names the first line that differs.
func differentTexts(want, got []byte) error {
	a, b := strings.Split(string(want), "\n"), strings.Split(string(got), "\n")
	for i := range max(len(a), len(b)) {
		var x, y string
		if i < len(a) {
			x = a[i]
		}
		if i < len(b) {
			y = b[i]
		}
		if x != y {
			return &Error{Check: CheckGenesisText, Msg: fmt.Sprintf("line %d differs", i+1), Want: strconv.Quote(x), Got: strconv.Quote(y)}
		}
	}
	return &Error{Check: CheckGenesisText, Msg: "the texts end differently"}
}

// VerifyGenesis checks that b is a block 0 whose header has the hash want, and
// that it shows that hash. want is the hash of the genesis text (GenesisHash),
// which is not always the one that block 1 names as its parent (see VerifyParent).
func VerifyGenesis(s suite.Suite, b *result.Block, want common.Hash) error {
	if b.Number != 0 {
		return &Error{Check: CheckGenesisHash, Msg: fmt.Sprintf("block %d is not the genesis block", b.Number)}
	}
	if hash := BlockHash(s, b); hash != want {
		return &Error{Check: CheckGenesisHash, Msg: "the genesis block has another hash", Want: want.Hex(), Got: hash.Hex()}
	}
	return VerifyBlock(s, b)
}

// VerifyGenesisText checks that b is the block 0 that nodes make of g, for
// example of their configuration (ParseGenesisConfig): the ledger's suite, the
// genesis text to the byte, and the hash.
func VerifyGenesisText(s suite.Suite, b *result.Block, g *Genesis) error {
	if g.Suite != s {
		return &Error{Check: CheckGenesisText, Msg: "the genesis is of the other kind of ledger", Want: s.String(), Got: g.Suite.String()}
	}
	if text := g.Text(); !bytes.Equal(text, b.ExtraData) {
		return differentTexts(text, b.ExtraData)
	}
	return VerifyGenesis(s, b, g.Hash())
}
