package proof

import (
	"path"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain/fisco/result"
	"github.com/bcosgate/bcosgate/chain/fisco/suite"
	"github.com/bcosgate/bcosgate/internal/golden"
)

// The text that a node wrote is what its configuration gives, block 0 shows the
// hash of it, and the sealers of it signed block 1.
func TestRecordedGenesisBlocksAreThoseOfTheirConfigurations(t *testing.T) {
	t.Parallel()
	for _, name := range golden.Files(t, "blocks/*.jsonl") {
		blocks := golden.Blocks(t, name)
		b := answer[result.Block](t, blocks[0].Response)
		if b.Number != 0 {
			continue
		}
		s := suiteOf(name)
		g, err := ParseGenesis(b.ExtraData)
		require.NoError(t, err, name)
		require.Equal(t, string(b.ExtraData), string(g.Text()))
		require.Equal(t, s, g.Suite)
		require.Equal(t, b.Hash, g.Hash())
		require.NoError(t, VerifyGenesis(s, b, g.Hash()))
		require.NoError(t, VerifyGenesisText(s, b, &g))
		if len(blocks) > 1 && blocks[1].Number == 1 {
			block1 := answer[result.Block](t, blocks[1].Response)
			require.NoError(t, VerifySignatures(s, block1, g.Sealers))
			t.Logf("%s: the genesis text has hash %s, block 1 names %s", name, b.Hash, block1.ParentInfo[0].BlockHash)
		}
		for _, config := range configurations(t) {
			if strings.TrimSuffix(path.Base(config), ".genesis") != strings.TrimSuffix(path.Base(name), ".jsonl") {
				continue
			}
			c, err := ParseGenesisConfig(golden.Read(t, config))
			require.NoError(t, err, config)
			require.NoError(t, VerifyGenesisText(s, b, &c), config)
			c.Sealers.NodeIDs[0][0] ^= 1
			failsWith(t, VerifyGenesisText(s, b, &c), CheckGenesisText)
			t.Logf("%s is the genesis of %s", config, name)
		}
	}
}

// configurations gives the recorded config.genesis files; not all recordings have them.
func configurations(t testing.TB) []string {
	t.Helper()
	var out []string
	for _, name := range golden.Files(t, "*/*.*") {
		if strings.HasSuffix(name, ".genesis") {
			out = append(out, name)
		}
	}
	return out
}

func TestRecordedConfigurationsAreRead(t *testing.T) {
	t.Parallel()
	for _, name := range configurations(t) {
		g, err := ParseGenesisConfig(golden.Read(t, name))
		require.NoError(t, err, name)
		back, err := ParseGenesis(g.Text())
		require.NoError(t, err, name)
		require.Equal(t, g, back, name)
		require.Equal(t, suiteOf(name), g.Suite, name)
		_, err = g.Sealers.Quorum()
		require.NoError(t, err, name)
	}
}

const otherNode = "00bf7562262bbd6940085748f3be6afa52ae317155181ece31b66351ccffa4b08cc43d63b2859d469fee15f31c9edb5324266e6fd0407e87382d60fc4511acd8"

const fullConfig = `
[chain]
    ; a comment
    sm_crypto=true
    group_id=group1
    chain_id=chain1
    block_limit=500
[web3]
    chain_id=20200
[consensus]
    consensus_type=rpbft
    block_tx_count_limit=2000
    leader_period=3
    epoch_sealer_num=5
    epoch_block_num=600
    node.0=` + vectorNode + `: 2
    node.1 = ` + otherNode + `
[version]
    compatibility_version=3.6.1
[tx]
    gas_limit=4000000000
[executor]
    is_wasm=true
    is_auth_check=true
    auth_admin_account=0x6370ef2f4db3611d657b90667de398a2cc2a370c
    is_serial_execute=false
    version=1
[features]
    feature_balance=1
    # a comment
    bugfix_revert=true
    feature_paillier=0
`

const fullText = `[chain]
sm_crypto:1
chainID: chain1
grouID: group1
[consensys]
consensus_type: rpbft
block_tx_count_limit:2000
leader_period:1
[version]
compatibility_version:3.6.1
[tx]
gaslimit:4000000000
[executor]
iswasm: 1
isAuthCheck:1
authAdminAccount:0x6370ef2f4db3611d657b90667de398a2cc2a370c
isSerialExecute:0
epochSealerNum:5
epochBlockNum:600
[features]
feature_balance:1
bugfix_revert:1
feature_paillier:0
node.0:` + otherNode + `,1
node.1:` + vectorNode + `,2
`

func TestGenesisTextOfAConfiguration(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		config *strings.Replacer
		text   *strings.Replacer
	}{
		"all settings":           {strings.NewReplacer(), strings.NewReplacer()},
		"pbft has fixed epochs":  {strings.NewReplacer("rpbft", "pbft"), strings.NewReplacer("rpbft", "pbft", "Num:5", "Num:4", "Num:600", "Num:1000")},
		"3.5 has leader period":  {strings.NewReplacer("3.6.1", "3.5"), strings.NewReplacer("3.6.1", "3.5.0", "leader_period:1", "leader_period:3")},
		"3.4 has no epochs":      {strings.NewReplacer("3.6.1", "3.4.0"), strings.NewReplacer("3.6.1", "3.4.0", "leader_period:1", "leader_period:3", "epochSealerNum:5\nepochBlockNum:600\n", "")},
		"no features":            {strings.NewReplacer("[features]", "[other]"), strings.NewReplacer("[features]\n", "", "feature_balance:1\n", "", "bugfix_revert:1\n", "", "feature_paillier:0\n", "")},
		"windows line ends":      {strings.NewReplacer("\n", "\r\n"), strings.NewReplacer()},
		"weight and term weight": {strings.NewReplacer(": 2", ": 2 : 7"), strings.NewReplacer()},
	} {
		g, err := ParseGenesisConfig([]byte(c.config.Replace(fullConfig)))
		require.NoError(t, err, name)
		text := c.text.Replace(fullText)
		require.Equal(t, text, string(g.Text()), name)
		back, err := ParseGenesis([]byte(text))
		require.NoError(t, err, name)
		require.Equal(t, g, back, name)
	}
	g, err := ParseGenesisConfig([]byte("[version]\ncompatibility_version=3.16.0"))
	require.NoError(t, err)
	require.Contains(t, string(g.Text()), "block_tx_count_limit:1000\nleader_period:1\n")
	require.Contains(t, string(g.Text()), "isSerialExecute:1\nepochSealerNum:4\nepochBlockNum:1000\n")
}

func TestConfigurationsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for name, change := range map[string][2]string{
		"no version":       {"compatibility_version=3.6.1", ""},
		"old version":      {"3.6.1", "3.0.1"},
		"no number":        {"3.6.1", "3.x"},
		"one number":       {"3.6.1", "3"},
		"too big a number": {"3.6.1", "3.256.0"},
		"short node id":    {otherNode, otherNode[2:]},
		"node id no hex":   {otherNode, "zz" + otherNode[2:]},
		"weight":           {": 2", ": heavy"},
		"bool":             {"is_wasm=true", "is_wasm=maybe"},
		"feature":          {"feature_balance=1", "feature_balance=some"},
		"suite":            {"sm_crypto=true", "sm_crypto="},
		"limit":            {"block_tx_count_limit=2000", "block_tx_count_limit=-1"},
	} {
		require.Contains(t, fullConfig, change[0], name)
		_, err := ParseGenesisConfig([]byte(strings.Replace(fullConfig, change[0], change[1], 1)))
		require.Error(t, err, name)
		failsWith(t, err, CheckGenesisText)
	}
}

func TestGenesisTextsThatNoNodeWrites(t *testing.T) {
	t.Parallel()
	for name, change := range map[string][2]string{
		"right spelling":       {"grouID", "groupID"},
		"blank taken away":     {"chainID: ", "chainID:"},
		"blank added":          {"gaslimit:", "gaslimit: "},
		"line missing":         {"[tx]\n", ""},
		"suite 2":              {"sm_crypto:1", "sm_crypto:2"},
		"true for 1":           {"iswasm: 1", "iswasm: true"},
		"leading zero":         {"leader_period:1", "leader_period:01"},
		"sign":                 {"leader_period:1", "leader_period:+1"},
		"negative":             {"leader_period:1", "leader_period:-1"},
		"short version":        {"3.6.1", "3.6"},
		"version below 3.1":    {"3.6.1", "3.0.1"},
		"epochs before 3.5":    {"3.6.1", "3.4.0"},
		"no end":               {vectorNode + ",2\n", vectorNode + ",2"},
		"carriage return":      {"[tx]\n", "[tx]\r\n"},
		"upper case node id":   {"node.1:84bf", "node.1:84BF"},
		"node missing":         {"node.0:", "node.1:"},
		"no weight":            {",2\n", "\n"},
		"short node id":        {"node.1:84", "node.1:"},
		"more behind":          {vectorNode + ",2\n", vectorNode + ",2\nmore\n"},
		"blank line behind":    {vectorNode + ",2\n", vectorNode + ",2\n\nmore\n"},
		"feature without 1":    {"feature_balance:1", "feature_balance"},
		"empty features":       {"feature_balance:1\nbugfix_revert:1\nfeature_paillier:0\n", ""},
		"nothing":              {fullText, ""},
		"only the first lines": {fullText, "[chain]\nsm_crypto:1\n"},
	} {
		require.Contains(t, fullText, change[0], name)
		_, err := ParseGenesis([]byte(strings.Replace(fullText, change[0], change[1], 1)))
		require.Error(t, err, name)
		failsWith(t, err, CheckGenesisText)
	}
}

func genesisBlock(t testing.TB) (*result.Block, Genesis) {
	t.Helper()
	g, err := ParseGenesis([]byte(vectorGenesis))
	require.NoError(t, err)
	return &result.Block{Version: g.Version, ExtraData: g.Text(), GasUsed: "0", Hash: g.Hash()}, g
}

func TestGenesisBlockOfAnotherChainIsRefused(t *testing.T) {
	t.Parallel()
	b, g := genesisBlock(t)
	require.NoError(t, VerifyGenesis(suite.Standard, b, g.Hash()))
	require.NoError(t, VerifyGenesisText(suite.Standard, b, &g))
	err := VerifyGenesis(suite.Standard, b, common.Hash{1})
	failsWith(t, err, CheckGenesisHash)
	require.ErrorContains(t, err, g.Hash().Hex())
	failsWith(t, VerifyGenesis(suite.GM, b, g.Hash()), CheckGenesisHash)
	failsWith(t, VerifyGenesisText(suite.GM, b, &g), CheckGenesisText)
	b.Number = 1
	failsWith(t, VerifyGenesis(suite.Standard, b, BlockHash(suite.Standard, b)), CheckGenesisHash)

	g.GasLimit++
	b, _ = genesisBlock(t)
	err = VerifyGenesisText(suite.Standard, b, &g)
	failsWith(t, err, CheckGenesisText)
	require.EqualError(t, err, `genesis text: line 12 differs: got "gaslimit:3000000000", want "gaslimit:3000000001"`)
}

func TestEveryFieldOfTheGenesisBlockCounts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*result.Block)
		check  Check
	}{
		"hash":         {func(b *result.Block) { b.Hash[0] ^= 1 }, CheckBlockHash},
		"version":      {func(b *result.Block) { b.Version++ }, CheckGenesisHash},
		"number":       {func(b *result.Block) { b.Number++ }, CheckGenesisHash},
		"timestamp":    {func(b *result.Block) { b.Timestamp++ }, CheckGenesisHash},
		"sealer":       {func(b *result.Block) { b.Sealer++ }, CheckGenesisHash},
		"txsRoot":      {func(b *result.Block) { b.TxsRoot[0]++ }, CheckGenesisHash},
		"receiptsRoot": {func(b *result.Block) { b.ReceiptsRoot[0]++ }, CheckGenesisHash},
		"stateRoot":    {func(b *result.Block) { b.StateRoot[0]++ }, CheckGenesisHash},
		"gasUsed":      {func(b *result.Block) { b.GasUsed = "1" }, CheckGenesisHash},
		"extraData":    {func(b *result.Block) { b.ExtraData = append(b.ExtraData, '\n') }, CheckGenesisHash},
		"parent":       {func(b *result.Block) { b.ParentInfo = []result.ParentInfo{{}} }, CheckGenesisHash},
		"sealers":      {func(b *result.Block) { b.SealerList = []result.Hex{make([]byte, 64)} }, CheckGenesisHash},
		"weights":      {func(b *result.Block) { b.ConsensusWeights = []int64{1} }, CheckGenesisHash},
	} {
		b, g := genesisBlock(t)
		c.change(b)
		err := VerifyGenesis(suite.Standard, b, g.Hash())
		require.Error(t, err, name)
		failsWith(t, err, c.check)
	}
	b, g := genesisBlock(t)
	b.GasUsed = ""
	require.NoError(t, VerifyGenesis(suite.Standard, b, g.Hash()), "absent is empty, too")
	failsWith(t, VerifySignatures(suite.Standard, b, g.Sealers), CheckQuorum)
}

func FuzzGenesisText(f *testing.F) {
	f.Add([]byte(vectorGenesis))
	f.Add([]byte(fullText))
	f.Add([]byte(strings.Replace(fullText, "3.6.1", "3.4.0", 1)))
	f.Add([]byte("[chain]\nsm_crypto:1\n"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, text []byte) {
		g, err := ParseGenesis(text)
		if err != nil {
			failsWith(t, err, CheckGenesisText)
			return
		}
		require.Equal(t, string(text), string(g.Text()))
		b := &result.Block{Version: g.Version, ExtraData: text, GasUsed: "0", Hash: g.Hash()}
		require.NoError(t, VerifyGenesisText(g.Suite, b, &g))
	})
}

func FuzzGenesisConfig(f *testing.F) {
	f.Add([]byte(fullConfig))
	f.Add([]byte("[version]\ncompatibility_version=3.1"))
	f.Add([]byte("[features]\na:b=1\n[version]\ncompatibility_version=3.1.0"))
	f.Fuzz(func(t *testing.T, config []byte) {
		g, err := ParseGenesisConfig(config)
		if err != nil {
			failsWith(t, err, CheckGenesisText)
			return
		}
		if back, err := ParseGenesis(g.Text()); err == nil { // names may be such that the text cannot be read
			require.Equal(t, string(g.Text()), string(back.Text()))
			require.Equal(t, g.Hash(), back.Hash())
		}
	})
}
