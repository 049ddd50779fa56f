package proof

import (
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain/fisco/result"
	"github.com/bcosgate/bcosgate/chain/fisco/suite"
)

// Keys and addresses of protocol §14.1 and §14.7.
const (
	vectorNode     = "84bf7562262bbd6940085748f3be6afa52ae317155181ece31b66351ccffa4b08cc43d63b2859d469fee15f31c9edb5324266e6fd0407e87382d60fc4511acd8"
	vectorContract = "6849f21d1e455e9f0712b1e99fa4fcd23758e8f1"
)

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	out, err := hex.DecodeString(strings.TrimPrefix(text, "0x"))
	require.NoError(t, err)
	return out
}

func vectorLog(t testing.TB) result.Log {
	t.Helper()
	data := common.LeftPadBytes([]byte{0x20}, 32)
	data = append(data, common.LeftPadBytes([]byte{5}, 32)...)
	data = append(data, common.RightPadBytes([]byte("hello"), 32)...)
	return result.Log{
		Address: vectorContract,
		Topics:  []common.Hash{common.HexToHash("34541fcd24e9ce7170fc755631424bb60036805144c52b77987d66d721201f81")},
		Data:    data,
	}
}

// Protocol §14.8.
func TestReceiptHashVectors(t *testing.T) {
	t.Parallel()
	price, none := "0x0", ""
	logged := result.Receipt{GasUsed: "24000", BlockNumber: 2, LogEntries: []result.Log{vectorLog(t)}}
	priced := logged
	priced.Version, priced.EffectiveGasPrice = 1, &price
	free, absent := priced, priced
	free.EffectiveGasPrice, absent.EffectiveGasPrice = &none, nil
	for name, c := range map[string]struct {
		receipt result.Receipt
		want    string
	}{
		"log":            {logged, "95e3c22adfea8f68d2656e86160b1072e9b6aa24def5d7828da9e0cbb8c2a055"},
		"log, version 1": {priced, "310d1fa971adab8bc23adb9e6b51f5bbd30de4a8adc26c8835ffcb57fe0269ed"},
		"deployment":     {result.Receipt{GasUsed: "24000", ContractAddress: "0x" + vectorContract, BlockNumber: 1}, "7e2e25f431fc5396df88690defdb1564f98f8667787c0f8c962d2cb9087314d8"},
		"failure":        {result.Receipt{GasUsed: "21500", Status: 16, Output: unhex(t, "08c379a0"), BlockNumber: 2}, "db13cf38058d492330e84b931f652da1f1212232348757bd61fcee8581954070"},
		"price in v0":    {func() result.Receipt { r := logged; r.EffectiveGasPrice = &price; return r }(), "95e3c22adfea8f68d2656e86160b1072e9b6aa24def5d7828da9e0cbb8c2a055"},
		"address, no 0x": {result.Receipt{GasUsed: "24000", ContractAddress: vectorContract, BlockNumber: 1}, "7e2e25f431fc5396df88690defdb1564f98f8667787c0f8c962d2cb9087314d8"},
	} {
		require.Equal(t, c.want, hex.EncodeToString(ReceiptHash(suite.Standard, &c.receipt).Bytes()), name)
		c.receipt.Hash = unhex(t, c.want)
		require.NoError(t, VerifyReceipt(suite.Standard, &c.receipt), name)
	}
	require.Equal(t, ReceiptHash(suite.Standard, &absent), ReceiptHash(suite.Standard, &free), "an empty price counts as nothing")
}

func letters(n int) []common.Hash {
	out := make([]common.Hash, n)
	for i := range out {
		out[i] = suite.Standard.Hash([]byte{'a' + byte(i)})
	}
	return out
}

// Protocol §14.8.
func TestMerkleRootVectors(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{
		0: "0000000000000000000000000000000000000000000000000000000000000000",
		1: "3ac225168df54212a25c1c01fd35bebfea408fdac2e31ddd6f80a4bbf9a5f1cb",
		2: "805b21d846b189efaeb0377d6bb0d201b3872a363e607c25088f025b0c6ae1f8",
		3: "20254728434d62cb9ac78febaf09f70d019d0fc01fa71644c3df9944f67b40bf",
		5: "e06b91734194dcf6c5ceb5a153ea49a1a778a0d9c05f250e93509da53b7307df",
	} {
		leaves := letters(n)
		require.Equal(t, common.HexToHash(want), MerkleRoot(suite.Standard, leaves), "%d leaves", n)
		require.Equal(t, letters(n), leaves, "the caller's leaves are not touched")
	}
}

func vectorBlock(t testing.TB) *result.Block {
	t.Helper()
	return &result.Block{
		Hash:             common.HexToHash("ce78d7e51d7066ac9cb0d7056d0af1f8f64fa71ebc8216a43d8d3057cfe65087"),
		Version:          0x03100000,
		Number:           1,
		Timestamp:        1700000000000,
		TxsRoot:          common.HexToHash("3ac225168df54212a25c1c01fd35bebfea408fdac2e31ddd6f80a4bbf9a5f1cb"),
		ReceiptsRoot:     common.HexToHash("7e2e25f431fc5396df88690defdb1564f98f8667787c0f8c962d2cb9087314d8"),
		GasUsed:          "24000",
		ParentInfo:       []result.ParentInfo{{BlockNumber: 0, BlockHash: common.HexToHash("11f1efd0825aa3c737ce7a3831438f918cc83545afbed69e69fddee7e6fd5811")}},
		SealerList:       []result.Hex{unhex(t, vectorNode)},
		ConsensusWeights: []int64{1},
		SignatureList: []result.BlockSignature{{Signature: unhex(t,
			"c0fa945559e13a3e0c664a03d228e2b75bdfd589384e47f5a9a04924690e7c05123d6525f83ba34868207df1e4a4bdbe430343a5589f43dc3576e434d7fe928e01")}},
	}
}

// Protocol §14.8.
func TestBlockVector(t *testing.T) {
	t.Parallel()
	b := vectorBlock(t)
	require.Equal(t, b.Hash, BlockHash(suite.Standard, b))
	require.NoError(t, VerifyBlock(suite.Standard, b))
	require.NoError(t, VerifySignatures(suite.Standard, b, SealerSet{NodeIDs: [][]byte{unhex(t, vectorNode)}, Weights: []int64{1}}))
	require.NoError(t, VerifyGenesisLink(b, suite.Standard.Hash([]byte("genesis"))))
}

// vectorGenesis is the text of protocol §14.8; the account is empty in it.
const vectorGenesis = `[chain]
sm_crypto:0
chainID: chain0
grouID: group0
[consensys]
consensus_type: pbft
block_tx_count_limit:1000
leader_period:1
[version]
compatibility_version:3.16.0
[tx]
gaslimit:3000000000
[executor]
iswasm: 0
isAuthCheck:0
authAdminAccount:
isSerialExecute:1
epochSealerNum:4
epochBlockNum:1000
node.0:` + vectorNode + ",1\n"

// Protocol §14.8.
func TestGenesisVector(t *testing.T) {
	t.Parallel()
	want := common.HexToHash("ba704de12ca813476b2d23c3aa99079325087efd25024c68f2a5c303370d2d26")
	require.Equal(t, want, GenesisHash(suite.Standard, 0x03100000, []byte(vectorGenesis)))
	g, err := ParseGenesis([]byte(vectorGenesis))
	require.NoError(t, err)
	require.Equal(t, want, g.Hash())
	require.Equal(t, vectorGenesis, string(g.Text()))
	require.Equal(t, SealerSet{NodeIDs: [][]byte{unhex(t, vectorNode)}, Weights: []int64{1}}, g.Sealers)
}

// sampleBlock is block 2 of the documentation's GM chain (protocol §14.9).
const sampleBlock = `{
 "consensusWeights": [1, 1, 1, 1],
 "extraData": "0x",
 "gasUsed": "24363",
 "hash": "0x2fbafbf71395bb07d1d6e142a06fa3cd9436aee3e91b5b9e6ffc5c47133c3738",
 "number": 2,
 "parentInfo": [{"blockHash": "0x1498f2ff420fb9c240c7081b99bd76819c7348fb1a899095476afa29146c8874", "blockNumber": 1}],
 "receiptsRoot": "0xf18d1984c7745a826e4b8d608b823534f1e44b273f75972e16cf2ac3ff313e14",
 "sealer": 1,
 "sealerList": [
  "0x0055dcaf073a332aa1ad90ff53ef028680d24f9bf2fcbc07ec4bbd4879413f75118a570bcf8001c4526fdb8c1319e51ae63444431ec8ab839465c05e178e7c49",
  "0x2a7aecf4acf010b0c13697e84ffd4f18544835662845621f936166d88cf073f16b1daa6883de457e6129377d21412b4c77099e8a50e8ea521752adcddeb8b331",
  "0x535439908979b89171283dca78520763e0a32c64631d7f34ee1d3f74c408a31aaa8565c50924ba6817cd33c13fe9dc928e36b8a1df022fc825d3687c2b273258",
  "0xdd99ab883677a8aef2c2a3847b9671e501bd6930792700398627eb0a1ba04fe81015745b6287be5f36786c0cc8ff12e9dd3215dc5a4210b012d77330a739a2c3"],
 "signatureList": [
  {"sealerIndex": 0, "signature": "0xbc1c559adb2723b31b6f75d4f7bd06b204563d238ebc53774b0a621d586482573ae320a6dcca9bd03a2a6af0d8c368cdd660c56b27c8af0c154947f3e6252074"},
  {"sealerIndex": 1, "signature": "0x3490744fc8370eb65649b8bb89a0a53623838e37e37bbb66e3f26f67e81dabe8b34a7e10d85520c475bf92cc89da705aa3d76a0b8316784733301e7af57004a6"},
  {"sealerIndex": 2, "signature": "0x9b7f9b3d18b619ea66f2a028f9980c09b3a83c0a6595da0fed4441a175a165154973a5b21eabf817311d0305b6b194818fab7308335760d10b584c954cf052eb"}],
 "stateRoot": "0xc81a18b17f22851cd19f48d2fcf875bebea711d7b5823b99a983c2ecbfc48f1a",
 "timestamp": 1680598474810,
 "txsRoot": "0xdce357d4a81bfe2c9b9cc83fde7576a8ae8dede910b70cdf9abed71a32ed10bf",
 "version": 50528256
}`

const sampleGenesis = "5b636861696e5d0a736d5f63727970746f3a310a636861696e49443a20636861696e300a67726f7549443a2067726f7570300a5b636f6e73656e7379735d0a636f6e73656e7375735f747970653a20706266740a626c6f636b5f74785f636f756e745f6c696d69743a313030300a6c65616465725f706572696f643a310a5b76657273696f6e5d0a636f6d7061746962696c6974795f76657273696f6e3a332e332e300a5b74785d0a6761736c696d69743a333030303030303030300a5b6578656375746f725d0a69737761736d3a20300a697341757468436865636b3a310a6175746841646d696e4163636f756e743a3078623161656264613131326232306131303665653937666334353430343738613166636162343963630a697353657269616c457865637574653a310a6e6f64652e303a30303535646361663037336133333261613161643930666635336566303238363830643234663962663266636263303765633462626434383739343133663735313138613537306263663830303163343532366664623863313331396535316165363334343434333165633861623833393436356330356531373865376334392c310a6e6f64652e313a32613761656366346163663031306230633133363937653834666664346631383534343833353636323834353632316639333631363664383863663037336631366231646161363838336465343537653631323933373764323134313262346337373039396538613530653865613532313735326164636464656238623333312c310a6e6f64652e323a35333534333939303839373962383931373132383364636137383532303736336530613332633634363331643766333465653164336637346334303861333161616138353635633530393234626136383137636433336331336665396463393238653336623861316466303232666338323564333638376332623237333235382c310a6e6f64652e333a64643939616238383336373761386165663263326133383437623936373165353031626436393330373932373030333938363237656230613162613034666538313031353734356236323837626535663336373836633063633866663132653964643332313564633561343231306230313264373733333061373339613263332c310a"

// Protocol §14.9: the sealers of the genesis text, which has no epoch lines,
// signed block 2.
func TestSampleOfTheDocumentation(t *testing.T) {
	t.Parallel()
	text := unhex(t, sampleGenesis)
	genesis := &result.Block{Version: 50528256, ExtraData: text, GasUsed: "0",
		Hash: common.HexToHash("47c6d9493171f62bf7201faa2e4766bbf058d95c0d76d605f965ff4b212e01f5")}
	require.Equal(t, genesis.Hash, GenesisHash(suite.GM, 50528256, text))
	require.NoError(t, VerifyGenesis(suite.GM, genesis, genesis.Hash))
	g, err := ParseGenesis(text)
	require.NoError(t, err)
	require.NoError(t, VerifyGenesisText(suite.GM, genesis, &g))
	require.Equal(t, genesis.Hash, g.Hash())
	quorum, err := g.Sealers.Quorum()
	require.NoError(t, err)
	require.Equal(t, int64(3), quorum)

	var b result.Block
	require.NoError(t, json.Unmarshal([]byte(sampleBlock), &b))
	require.NoError(t, VerifyBlock(suite.GM, &b))
	require.NoError(t, VerifySignatures(suite.GM, &b, g.Sealers))

	b.Transactions = []result.BlockTransaction{{Hash: b.TxsRoot}}
	receipt := result.Receipt{TransactionHash: b.TxsRoot, GasUsed: "24363", ContractAddress: "0x82a3c3289a9f234a38aceed3016d1ff0e0f922b3", BlockNumber: 2,
		Hash: unhex(t, "f18d1984c7745a826e4b8d608b823534f1e44b273f75972e16cf2ac3ff313e14")}
	require.NoError(t, VerifyReceipt(suite.GM, &receipt))
	require.NoError(t, VerifyTransactionsRoot(suite.GM, &b))
	require.NoError(t, VerifyReceiptsRoot(suite.GM, &b, []*result.Receipt{&receipt}))
	require.NoError(t, VerifyWholeBlock(suite.GM, &b, []*result.Receipt{&receipt}, g.Sealers))
}

// sampleProof is that of java-sdk's tests (protocol §14.9); level 3 has one hash.
var sampleProof = strings.Fields(`
0000000200000000000000000000000000000000000000000000000000000000
08bf58cb6974d6011b4c38dfba6042a5581d09bcdad608b35c01faab60e65f60
86778510cb760455127e398ed0b2eac8274b7e6525df7cb662157867c0e72750
0000000200000000000000000000000000000000000000000000000000000000
93a3e602ab5f7148e47e018d4cdc52c1fc2b4a03c7b8c38987220041283aa257
a3c098545fde6a64058504abf7275813d82119ca354774d2503801b3e88511ca
0000000200000000000000000000000000000000000000000000000000000000
104c1d168e573f877ef07af01ce783ca372622ffdac29d7c2f41aa14913c3ca6
bdb782bbae5f1cdbbd5fe59974a7ccfc07f40b3ded5d0d824913a19b70031872
0000000100000000000000000000000000000000000000000000000000000000
37690dafc3390d75fe6e129cdf82f5a54c0d996464ffab7cecef006a1fcaf301
0000000200000000000000000000000000000000000000000000000000000000
b7b5642f280766843b8a2d9bd1793c70490c84d9c6a6d2a1cd6df1d9777fbebb
a973f00b74eb91954ed01a2928c06e9deb7373f5dd9b4da4f7776915374e9f05
0000000200000000000000000000000000000000000000000000000000000000
ffd9e7ee47da53f53b3181dea758f164726d2fc0c7bce0ceda199b76099bf32c
a64c46ae5a8a882cc0a9e2ac5cdc8e6cace8ce3dade41130f92eb0d24c58af92
0000000200000000000000000000000000000000000000000000000000000000
d0153796c8cea76c08a8b1ab932e7bd8a1ae123d6a3b9bc442fe329fb1592aeb
0880b67fdb80a69dfaed8f92719ccff3258508db68cfdbd851d6096bdab69e01
0000000200000000000000000000000000000000000000000000000000000000
b5b23a170215d9f74d107b1458a78ca97a1a0414e2f2ccf0d7ebac7d0e205ba9
e0aa18057629fad83d26e0c16e9aaa771b2ac85cfbd3cdc21c95a293feec3acb
0000000200000000000000000000000000000000000000000000000000000000
4d8176441b4098451d72e0f8d7cb57fd547907fb6156b07960a777eeadcfb3d9
987b1e86ba418316cf6b68395b4036fcd3802fbb492ce19985451b9b5b052759`)

var (
	sampleLeaf = common.HexToHash("08bf58cb6974d6011b4c38dfba6042a5581d09bcdad608b35c01faab60e65f60")
	sampleRoot = common.HexToHash("ab67ef374352b65bd6f411b153c821a0c2607bf275ffe407e18bc1e6957f1bf2")
)

// Protocol §14.9.
func TestMerkleProofOfJavaSDK(t *testing.T) {
	t.Parallel()
	require.NoError(t, VerifyProof(suite.Standard, sampleLeaf, sampleProof, sampleRoot))
}
