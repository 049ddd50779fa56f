package result

import (
	"encoding/json"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain/jsonrpc"
)

func TestReceiptSaysWhetherItSucceeded(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct{ succeeded, hash bool }{
		transferReceipt:             {true, true},
		`{"status":0,"hash":"0x"}`:  {true, false}, // dropped from the pool (protocol §5.2)
		`{"status":15,"hash":"0x"}`: {false, false},
		`{"status":16,"hash":"0xeb8cc13c5a144a0f000740584d3b97b476ae40e5ef1a4430a1d257a4977c61b3"}`: {false, true},
		`{"status":15}`: {false, false},
	} {
		r, err := jsonrpc.DecodeResponse[Receipt]([]byte(`{"result":` + text + `}`))
		require.NoError(t, err, text)
		require.Equal(t, want.succeeded, r.Succeeded(), text)
		require.Equal(t, want.hash, r.HasHash(), text)
	}
}

// What a field cannot tell apart comes back as it was.
func TestAbsentNullEmptyAndZeroAreKept(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{}`,
		`{"transactionProof":null}`, `{"transactionProof":[]}`, `{"transactionProof":[""]}`, `{"receiptProof":[],"transactionProof":null,"txReceiptProof":["ab"]}`,
		`{"effectiveGasPrice":null}`, `{"effectiveGasPrice":""}`, `{"effectiveGasPrice":"0x1"}`,
		`{"extraData":null,"from":null,"input":null,"to":null}`, `{"extraData":"","from":"","input":"","to":""}`, `{"input":"0x"}`, `{"input":"0xABab"}`, `{"input":"abcd"}`,
		`{"status":null}`, `{"status":0}`, `{"version":null}`,
		`{"logEntries":null}`, `{"logEntries":[]}`, `{"logEntries":[null,{},{"topics":[]},{"topics":null,"new":{"a":[1.50]}}]}`,
		`{"version":2,"a new member":{"b":[null,1e400,"\u0041"]}}`,
	} {
		var r Receipt
		require.NoError(t, json.Unmarshal([]byte(text), &r), text)
		out, err := json.Marshal(r)
		require.NoError(t, err)
		require.Equal(t, text, string(out))
	}
}

// A field that was changed is written with its new value, also where the old one
// was kept in another form.
func TestChangedFieldsAreWritten(t *testing.T) {
	t.Parallel()
	var r Receipt
	require.NoError(t, json.Unmarshal([]byte(`{"input":"0xAB","message":"old","output":null,"status":7,"transactionProof":null}`), &r))
	price := "0x1"
	r.Input, r.Message, r.Output, r.Status, r.TransactionProof, r.EffectiveGasPrice = Hex{1}, "", Hex{}, 0, []string{}, &price
	r.Extra = map[string]json.RawMessage{"new": json.RawMessage(`[1]`)}
	out, err := json.Marshal(&r)
	require.NoError(t, err)
	require.JSONEq(t, `{"effectiveGasPrice":"0x1","input":"0x01","message":"","output":"0x","status":0,"transactionProof":[],"new":[1]}`, string(out))

	r.Extra["new"] = json.RawMessage(`[1`)
	_, err = json.Marshal(&r)
	require.Error(t, err)
}

func TestStatusIsTextThatIsKept(t *testing.T) {
	t.Parallel()
	text := `"{ \"isSyncing\" : false,\"blockNumber\":12, \"more\":1,\"peers\":[{\"nodeID\":\"ab\"}]}\n"`
	s, err := jsonrpc.DecodeResponse[SyncStatus]([]byte(`{"result":` + text + `}`))
	require.NoError(t, err)
	require.Equal(t, int64(12), s.BlockNumber)
	require.Equal(t, "ab", s.Peers[0].NodeID)
	require.Equal(t, json.RawMessage("1"), s.Extra["more"])
	out, err := json.Marshal(s)
	require.NoError(t, err)
	require.Equal(t, text, string(out))

	s.BlockNumber++
	out, err = json.Marshal(s)
	require.NoError(t, err)
	require.Equal(t, `"{\"blockNumber\":13,\"isSyncing\":false,\"peers\":[{\"nodeID\":\"ab\"}],\"more\":1}"`, string(out))

	for _, broken := range []string{`{}`, `7`, `""`, `"{"`, `"{} {}"`, `"[]"`, `"{\"blockNumber\":\"12\"}"`} {
		require.Error(t, json.Unmarshal([]byte(broken), &s), broken)
	}

	// A node that takes no part in the consensus.
	var c ConsensusStatus
	require.NoError(t, json.Unmarshal([]byte(`"{\"index\":18446744073709551615,\"isConsensusNode\":false}"`), &c))
	require.Equal(t, ^uint64(0), c.Index)
}

func TestGroupInfoConfigurations(t *testing.T) {
	t.Parallel()
	var g GroupInfo
	require.NoError(t, json.Unmarshal([]byte(`{"chainID":"chain0","groupID":"group0","iniConfig":"",
		"genesisConfig":"{\"blockTxCountLimit\":1000,\"consensusLeaderPeriod\":1,\"consensusType\":\"pbft\",\"sealerList\":[{\"nodeID\":\"ab\",\"weight\":1}],\"txGasLimit\":3000000000}\n",
		"nodeList":[{"name":"n","type":1,"iniConfig":"{\"binaryInfo\":{\"version\":\"3.16.4\"},\"isWasm\":true,\"smCryptoType\":true}\n","protocol":{"minVersion":1,"maxVersion":2}},
			{"protocol":{"compatibilityVersion":51380224,"minSupportedVersion":0,"maxSupportedVersion":2}}]}`), &g))
	genesis, err := g.Genesis()
	require.NoError(t, err)
	require.Equal(t, int64(3000000000), genesis.TxGasLimit)
	require.Equal(t, "ab", genesis.SealerList[0].NodeID)
	ini, err := g.NodeList[0].Ini()
	require.NoError(t, err)
	require.Equal(t, "3.16.4", ini.BinaryInfo.Version)
	require.True(t, ini.SMCryptoType)
	require.Equal(t, 2, g.NodeList[0].Protocol.MaxVersion, "as 3.0 called it")
	require.Equal(t, uint32(0x03100000), g.NodeList[1].Protocol.CompatibilityVersion)

	g.GenesisConfig = ""
	_, err = g.Genesis()
	require.ErrorContains(t, err, "group0")
	_, err = g.NodeList[1].Ini()
	require.Error(t, err)
}

func TestBlockParts(t *testing.T) {
	t.Parallel()
	hash := common.HexToHash("0x776caabe052f5834ca51b13d821a60294e51eff8d5200558c17a9f8434edcc97")
	for text, check := range map[string]func(Block){
		`{"number":1}`:                   func(b Block) { require.Nil(t, b.Transactions) },
		`{"number":1,"transactions":[]}`: func(b Block) { require.NotNil(t, b.Transactions); require.Empty(t, b.Transactions) },
		`{"number":1,"transactions":["` + hash.Hex() + `"]}`: func(b Block) {
			require.Equal(t, []BlockTransaction{{Hash: hash}}, b.Transactions)
		},
		`{"number":1,"transactions":[{"hash":"` + hash.Hex() + `","nonce":"31"}]}`: func(b Block) {
			require.Equal(t, hash, b.Transactions[0].Hash)
			require.Equal(t, "31", b.Transactions[0].Full.Nonce)
		},
	} {
		b, err := jsonrpc.DecodeResponse[Block]([]byte(`{"result":` + text + `}`))
		require.NoError(t, err, text)
		check(b)
		out, err := json.Marshal(b)
		require.NoError(t, err)
		require.Equal(t, text, string(out))
	}
}

func TestEventPushEnds(t *testing.T) {
	t.Parallel()
	var p EventPush
	require.NoError(t, json.Unmarshal([]byte("{\"id\":\"e1\",\"status\":1}\n"), &p))
	require.Equal(t, "e1", p.ID)
	require.Equal(t, 1, p.Status)
	require.Nil(t, p.Result)
}

func TestFilterLogNumbers(t *testing.T) {
	t.Parallel()
	var l FilterLog
	text := `{"blockNumber":"0x191","logIndex":"0x0","transactionIndex":"0x0A"}`
	require.NoError(t, json.Unmarshal([]byte(text), &l))
	require.Equal(t, []uint64{401, 0, 10}, []uint64{l.BlockNumber, l.LogIndex, l.TransactionIndex})
	out, err := json.Marshal(l)
	require.NoError(t, err)
	require.Equal(t, text, string(out))
}
