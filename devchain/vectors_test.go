package devchain

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/devchain/suite"
)

const (
	setInput = "4ed3885e0000000000000000000000000000000000000000000000000000000000000020000000000000000000000000000000000000000000000000000000000000000568656c6c6f000000000000000000000000000000000000000000000000000000"
	hello    = "6849f21d1e455e9f0712b1e99fa4fcd23758e8f1"
)

// The transactions of protocol sections 14.2 to 14.4 and 14.9.
func vectorTransactions() map[string]struct {
	raw, hash, sender string
	tx                Transaction
} {
	const own = "0x6370ef2f4db3611d657b90667de398a2cc2a370c"
	call := Transaction{ChainID: "chain0", GroupID: "group0", BlockLimit: 501, Nonce: "12345678901234567890", To: hello, Input: unhex(setInput)}
	v1 := call
	v1.Version, v1.Nonce, v1.Value, v1.GasPrice = 1, "0123456789abcdef0123456789abcdef", "0x0", "0x0"
	v2 := v1
	v2.Version, v2.Value, v2.GasPrice, v2.GasLimit, v2.MaxFeePerGas, v2.MaxPriorityFeePerGas = 2, "0x1", "", 1000000, "0x2", "0x1"
	v2.Extension, v2.Attribute, v2.ExtraData = []byte("ext"), 1, "memo"
	deploy := call
	deploy.To, deploy.Input, deploy.ABI = "", unhex("6001600c60003960016000f300"), "[]"
	return map[string]struct {
		raw, hash, sender string
		tx                Transaction
	}{
		"v0 call": {
			raw:  "1a1c2606636861696e30360667726f7570304101f5561431323334353637383930313233343536373839306628363834396632316431653435356539663037313262316539396661346663643233373538653866317d0000644ed3885e0000000000000000000000000000000000000000000000000000000000000020000000000000000000000000000000000000000000000000000000000000000568656c6c6f0000000000000000000000000000000000000000000000000000000b2d0000204c0b6d13fbed4e4dfdba6935b2726b0eb47f59ede421ed8b172ced13691130e43d000041b4d86de0b1fc3c30cb74f372c52c78242a93431aae499149cc53ee7810979d8b61a6cea4ea333e581ce52d899b451c1ff94561d0ad2bdab3a4ac88de4c8d3f0700",
			hash: "4c0b6d13fbed4e4dfdba6935b2726b0eb47f59ede421ed8b172ced13691130e4", sender: own, tx: call,
		},
		"v1 call": {
			raw:  "1a10012606636861696e30360667726f7570304101f5562030313233343536373839616263646566303132333435363738396162636465666628363834396632316431653435356539663037313262316539396661346663643233373538653866317d0000644ed3885e0000000000000000000000000000000000000000000000000000000000000020000000000000000000000000000000000000000000000000000000000000000568656c6c6f0000000000000000000000000000000000000000000000000000009603307830a6033078300b2d0000208b8be16a060a14300a2e84c8a75caff5da75b327ff43bcb246f2faed116377f43d000041fa588eb56c4c4221b73fca3439c8e91755eefe50b3c4d6e32a554d93b643512302c2357f1651aa617f4b7c7447b6723f4d088e2ad074c5213e4b0c8c30abd70600",
			hash: "8b8be16a060a14300a2e84c8a75caff5da75b327ff43bcb246f2faed116377f4", sender: own, tx: v1,
		},
		"v2 call": {
			raw:  "1a10022606636861696e30360667726f7570304101f5562030313233343536373839616263646566303132333435363738396162636465666628363834396632316431653435356539663037313262316539396661346663643233373538653866317d0000644ed3885e0000000000000000000000000000000000000000000000000000000000000020000000000000000000000000000000000000000000000000000000000000000568656c6c6f0000000000000000000000000000000000000000000000000000009603307831b2000f4240c603307832d603307831ed0000036578740b2d0000202528123ae45a50d16c4abbeb0dfcccf13ae12cb3add5302259d095e594a081523d000041d59b677f86e132db04a586a6f0093ef5558aa03b0e491b18f1ceb80663bc9d241af2a8e8dae0276a1522355814bd9f8ef95d28cc0b8ada422ae940aedb4da19400500186046d656d6f",
			hash: "2528123ae45a50d16c4abbeb0dfcccf13ae12cb3add5302259d095e594a08152", sender: own, tx: v2,
		},
		"v0 deploy": {
			raw:  "1a1c2606636861696e30360667726f7570304101f5561431323334353637383930313233343536373839307d00000d6001600c60003960016000f30086025b5d0b2d000020ea2bcf1a61c5f529e45753797343612f72429e589ac3541ea517b4b45e7bbe1d3d00004131b26d00cc204ddbc0014fec69a58bed48c7889524db0175c079d8c8f66dd8b30b9ddc25e10afed2afd5f890eb8c8b16c8061f482980ad2c5b74b357d7ad884701",
			hash: "ea2bcf1a61c5f529e45753797343612f72429e589ac3541ea517b4b45e7bbe1d", sender: own, tx: deploy,
		},
		"a real v0 deploy": {
			raw:  "1a1c2606636861696e30360667726f75703041020a56273136313235353631323839383636383633323732353836393034303732333238373635373533336628613663646334666564393662626638633963303133636331393230306233633862613935633933657d0000644ed3885e0000000000000000000000000000000000000000000000000000000000000020000000000000000000000000000000000000000000000000000000000000000c68656c6c6f2c20776f726c6400000000000000000000000000000000000000000b2d000020b1e82e9052f066250532968bf9ad3a05f19dba10291089a27cea931ddfc8e9b53d000041aa923c250f2e8b64f401766b9348b27234858ee7cceefedda8c72cefc94d4142723d0b2584e753629a69404b8bfb33748747ec6b5a286488f9bebce79b2ef27101",
			hash: "b1e82e9052f066250532968bf9ad3a05f19dba10291089a27cea931ddfc8e9b5", sender: "0xfbb18d54e9ee57529cda8c7c52242efe879f064f",
		},
		"a real v1 call with 0x in to": {
			raw:  "1a10012606636861696e30360667726f7570304101fb56203731646430333435623135373437353738643531376661366164623330393461662a3078333165643532333362383163373964356164646465656639393166353331613962626332616430317d0000644ed3885e000000000000000000000000000000000000000000000000000000000000002000000000000000000000000000000000000000000000000000000000000000047465730a000000000000000000000000000000000000000000000000000000009603307830a6033078300b2d0000205bb1fa7f6b420cbc5d99f075edf4e2f340d003f76c35cc95d83ce3d6f790a4823d0000418f72ab9782925d323e759aa6d1bfc492160d84176030712395530dc42bdf973b0c4dcb64e20fcbd922e417f04010ed4cbd3e86c073da00292e49b301a4e2554c015001",
			hash: "5bb1fa7f6b420cbc5d99f075edf4e2f340d003f76c35cc95d83ce3d6f790a482", sender: "0xf14da8c163ac881ddd6131e097e502cf01ca1b8f",
		},
	}
}

func TestTransactionVectors(t *testing.T) {
	t.Parallel()
	for name, v := range vectorTransactions() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			raw := unhex(v.raw)
			tx, refused := readTransaction(suite.Standard, raw, "chain0", 1670993547912)
			require.Nil(t, refused)
			require.Equal(t, v.hash, hex.EncodeToString(tx.Hash[:]))
			require.Equal(t, raw, tx.Raw())
			require.EqualValues(t, 1670993547912, tx.ImportTime)
			sender, err := suite.Standard.Sender(tx.Hash, tx.Signature)
			require.NoError(t, err)
			require.Equal(t, v.sender, strings.ToLower(sender.Hex()))
			if v.tx.ChainID == "" {
				return
			}
			want := signed(testKey(0), v.tx)
			require.Equal(t, raw, encodeTx(want), "our own signature and encoding")
			want.raw, want.ImportTime, want.Sender = tx.raw, tx.ImportTime, tx.Sender
			require.Equal(t, want, tx)
		})
	}
}

func TestKeyVectors(t *testing.T) {
	t.Parallel()
	id := Sealer{PublicKey: nodeKeyOf(testKey(0)).PublicKey()}.NodeID()
	require.Equal(t, "84bf7562262bbd6940085748f3be6afa52ae317155181ece31b66351ccffa4b08cc43d63b2859d469fee15f31c9edb5324266e6fd0407e87382d60fc4511acd8", id)
	key, err := ParseNodeID(id)
	require.NoError(t, err)
	require.Equal(t, nodeKeyOf(testKey(0)).PublicKey(), key)
	for _, bad := range []string{"", "84bf", id + "00", "zz" + id[2:]} {
		_, err := ParseNodeID(bad)
		require.Error(t, err)
	}
}

func TestContractAddressVectors(t *testing.T) {
	t.Parallel()
	for text, v := range map[string]struct {
		block      uint64
		index, seq int
	}{
		hello: {1, 0, 0},
		"4721d1a77e0e76851d460073e64ea06d9c104194": {2, 0, 0},
		"7b7e65ae8690bf66fbce78d33f947cf4a3e23a52": {2, 1, 0},
		"4969cedd7bd5f0ac2ff1f214d9bf3d68299b79be": {1, 0, 1},
	} {
		require.Equal(t, text, hexOf(contractAddress(suite.Standard, v.block, v.index, v.seq)))
	}
}

func TestReceiptVectors(t *testing.T) {
	t.Parallel()
	address := common.HexToAddress(hello)
	log := Log{
		Address: address,
		Topics:  []common.Hash{crypto.Keccak256Hash([]byte("Set(string)"))},
		Data:    unhex(setInput[8:]),
	}
	for want, r := range map[string]Receipt{
		"95e3c22adfea8f68d2656e86160b1072e9b6aa24def5d7828da9e0cbb8c2a055": {GasUsed: 24000, Logs: []Log{log}, BlockNumber: 2},
		"310d1fa971adab8bc23adb9e6b51f5bbd30de4a8adc26c8835ffcb57fe0269ed": {Version: 1, GasUsed: 24000, EffectiveGasPrice: "0x0", Logs: []Log{log}, BlockNumber: 2},
		"7e2e25f431fc5396df88690defdb1564f98f8667787c0f8c962d2cb9087314d8": {GasUsed: 24000, ContractAddress: &address, BlockNumber: 1},
		"db13cf38058d492330e84b931f652da1f1212232348757bd61fcee8581954070": {GasUsed: 21500, Status: StatusRevert, Output: unhex("08c379a0"), BlockNumber: 2},
	} {
		require.Equal(t, "0x"+want, r.computeHash(suite.Standard).Hex())
	}
}

func TestMerkleVectors(t *testing.T) {
	t.Parallel()
	roots := map[int]string{
		0: strings.Repeat("0", 64),
		1: "3ac225168df54212a25c1c01fd35bebfea408fdac2e31ddd6f80a4bbf9a5f1cb",
		2: "805b21d846b189efaeb0377d6bb0d201b3872a363e607c25088f025b0c6ae1f8",
		3: "20254728434d62cb9ac78febaf09f70d019d0fc01fa71644c3df9944f67b40bf",
		5: "e06b91734194dcf6c5ceb5a153ea49a1a778a0d9c05f250e93509da53b7307df",
	}
	for n := range 40 {
		var leaves []common.Hash
		for i := range n {
			leaves = append(leaves, crypto.Keccak256Hash([]byte{byte('a' + i)}))
		}
		root := merkleRoot(suite.Standard, leaves)
		if want, ok := roots[n]; ok {
			require.Equal(t, "0x"+want, root.Hex())
		}
		for i := range leaves {
			require.True(t, proves(merkleProof(suite.Standard, leaves, i), leaves[i], root), "leaf %d of %d", i, n)
			require.False(t, proves(merkleProof(suite.Standard, leaves, i), crypto.Keccak256Hash([]byte("other")), root))
		}
	}
}

// A real proof of ten levels, one of which has a single node.
func TestMerkleProofOfARealChain(t *testing.T) {
	t.Parallel()
	const two, one = "0000000200000000000000000000000000000000000000000000000000000000", "0000000100000000000000000000000000000000000000000000000000000000"
	proof := []string{
		two, "08bf58cb6974d6011b4c38dfba6042a5581d09bcdad608b35c01faab60e65f60", "86778510cb760455127e398ed0b2eac8274b7e6525df7cb662157867c0e72750",
		two, "93a3e602ab5f7148e47e018d4cdc52c1fc2b4a03c7b8c38987220041283aa257", "a3c098545fde6a64058504abf7275813d82119ca354774d2503801b3e88511ca",
		two, "104c1d168e573f877ef07af01ce783ca372622ffdac29d7c2f41aa14913c3ca6", "bdb782bbae5f1cdbbd5fe59974a7ccfc07f40b3ded5d0d824913a19b70031872",
		one, "37690dafc3390d75fe6e129cdf82f5a54c0d996464ffab7cecef006a1fcaf301",
		two, "b7b5642f280766843b8a2d9bd1793c70490c84d9c6a6d2a1cd6df1d9777fbebb", "a973f00b74eb91954ed01a2928c06e9deb7373f5dd9b4da4f7776915374e9f05",
		two, "ffd9e7ee47da53f53b3181dea758f164726d2fc0c7bce0ceda199b76099bf32c", "a64c46ae5a8a882cc0a9e2ac5cdc8e6cace8ce3dade41130f92eb0d24c58af92",
		two, "d0153796c8cea76c08a8b1ab932e7bd8a1ae123d6a3b9bc442fe329fb1592aeb", "0880b67fdb80a69dfaed8f92719ccff3258508db68cfdbd851d6096bdab69e01",
		two, "b5b23a170215d9f74d107b1458a78ca97a1a0414e2f2ccf0d7ebac7d0e205ba9", "e0aa18057629fad83d26e0c16e9aaa771b2ac85cfbd3cdc21c95a293feec3acb",
		two, "4d8176441b4098451d72e0f8d7cb57fd547907fb6156b07960a777eeadcfb3d9", "987b1e86ba418316cf6b68395b4036fcd3802fbb492ce19985451b9b5b052759",
	}
	leaf := common.HexToHash("08bf58cb6974d6011b4c38dfba6042a5581d09bcdad608b35c01faab60e65f60")
	require.True(t, proves(proof, leaf, common.HexToHash("ab67ef374352b65bd6f411b153c821a0c2607bf275ffe407e18bc1e6957f1bf2")))
}

// proves follows a proof as a client does (protocol section 6.6).
func proves(proof []string, leaf, root common.Hash) bool {
	if len(proof) == 1 {
		return proof[0] == hex.EncodeToString(leaf[:]) && leaf == root
	}
	current := leaf
	for len(proof) > 0 {
		count := int(unhex(proof[0])[3])
		if count < 1 || count > 2 || len(proof) <= count {
			return false
		}
		found := false
		var group []byte
		for _, text := range proof[1 : 1+count] {
			found = found || text == hex.EncodeToString(current[:])
			group = append(group, unhex(text)...)
		}
		if !found {
			return false
		}
		current = crypto.Keccak256Hash(group)
		proof = proof[1+count:]
	}
	return current == root
}

func TestHeaderVector(t *testing.T) {
	t.Parallel()
	h := Header{
		Version:      0x03100000,
		Number:       1,
		Parent:       common.HexToHash("11f1efd0825aa3c737ce7a3831438f918cc83545afbed69e69fddee7e6fd5811"),
		TxsRoot:      common.HexToHash("3ac225168df54212a25c1c01fd35bebfea408fdac2e31ddd6f80a4bbf9a5f1cb"),
		ReceiptsRoot: common.HexToHash("7e2e25f431fc5396df88690defdb1564f98f8667787c0f8c962d2cb9087314d8"),
		GasUsed:      24000,
		Timestamp:    1700000000000,
		Sealers:      []Sealer{{PublicKey: nodeKeyOf(testKey(0)).PublicKey(), Weight: 1}},
	}
	h.Hash = h.computeHash(suite.Standard)
	require.Equal(t, "0xce78d7e51d7066ac9cb0d7056d0af1f8f64fa71ebc8216a43d8d3057cfe65087", h.Hash.Hex())
	signature, err := crypto.Sign(h.Hash[:], testKey(0))
	require.NoError(t, err)
	require.Equal(t, "c0fa945559e13a3e0c664a03d228e2b75bdfd589384e47f5a9a04924690e7c05123d6525f83ba34868207df1e4a4bdbe430343a5589f43dc3576e434d7fe928e01", hex.EncodeToString(signature))
}

func TestGenesisVector(t *testing.T) {
	t.Parallel()
	g := DefaultGenesis()
	g.Sealers = []Sealer{{PublicKey: nodeKeyOf(testKey(0)).PublicKey()}}
	require.NoError(t, g.Validate())
	const text = `[chain]
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
authAdminAccount:%
isSerialExecute:1
epochSealerNum:4
epochBlockNum:1000
node.0:84bf7562262bbd6940085748f3be6afa52ae317155181ece31b66351ccffa4b08cc43d63b2859d469fee15f31c9edb5324266e6fd0407e87382d60fc4511acd8,1
`
	require.Equal(t, strings.Replace(text, "%", "", 1), g.Text())
	g.AuthAdminAccount = "0x6c2ea083c216ed1b7579126b5dedcd357e1016be"
	require.Equal(t, strings.Replace(text, "%", g.AuthAdminAccount, 1), g.Text())
	// Block 0 of a real chain.
	key, err := ParseNodeID("dda1e8f93ab9cbf92175815f872d877b139ec18056cb1a7c9ef44ab6290a018d1adcad07355243cfc44445f4ca96ba928041d77a2de2a36f1b7c9cabc3409a7c")
	require.NoError(t, err)
	g.Sealers = []Sealer{{PublicKey: key, Weight: 1}}
	require.Equal(t, "0x41082c93e6a47f5a1e867f4fc9fffe4a0f770dfec68e0adf5321797bd57d5ac0", g.Hash().Hex())
}

// The vector's genesis has an account, too; which one is part of the hash.
func TestGenesisHashVector(t *testing.T) {
	t.Parallel()
	g := DefaultGenesis()
	g.Sealers = []Sealer{{PublicKey: nodeKeyOf(testKey(0)).PublicKey()}}
	require.Equal(t, "0xba704de12ca813476b2d23c3aa99079325087efd25024c68f2a5c303370d2d26", g.Hash().Hex())
}

func TestGenesisSortsSealers(t *testing.T) {
	t.Parallel()
	g := DefaultGenesis()
	for i := range byte(4) {
		g.Sealers = append(g.Sealers, Sealer{PublicKey: nodeKeyOf(testKey(i)).PublicKey()})
	}
	hash := g.Hash()
	g.Sealers[0], g.Sealers[3] = g.Sealers[3], g.Sealers[0]
	require.Equal(t, hash, g.Hash())
	require.IsIncreasing(t, func() (ids []string) {
		for _, s := range g.sortedSealers() {
			ids = append(ids, s.NodeID())
		}
		return ids
	}())
}

func TestGenesisValidate(t *testing.T) {
	t.Parallel()
	sealer := Sealer{PublicKey: nodeKeyOf(testKey(0)).PublicKey()}
	for want, change := range map[string]func(*Genesis){
		"chain_id":             func(g *Genesis) { g.ChainID = "" },
		"group_id":             func(g *Genesis) { g.GroupID = "" },
		"consensus_type":       func(g *Genesis) { g.ConsensusType = "" },
		"block_tx_count_limit": func(g *Genesis) { g.TxCountLimit = 0 },
		"leader_period":        func(g *Genesis) { g.LeaderPeriod = 0 },
		"gas_limit":            func(g *Genesis) { g.GasLimit = 99999 },
		"no version":           func(g *Genesis) { g.Version = "3.16" },
		"is no version: three": func(g *Genesis) { g.Version = "3.x.0" },
		"too old":              func(g *Genesis) { g.Version = "3.15.4" },
		"no node":              func(g *Genesis) { g.Sealers = nil },
		"twice":                func(g *Genesis) { g.Sealers = append(g.Sealers, g.Sealers[0]) },
	} {
		g := DefaultGenesis()
		g.Sealers = []Sealer{sealer}
		change(&g)
		require.ErrorContains(t, g.Validate(), want)
	}
}
