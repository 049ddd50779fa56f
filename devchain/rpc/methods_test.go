package rpc

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"
)

// members are the names of an object's members in the order of the text.
func members(t *testing.T, text string) []string {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(text))
	_, err := dec.Token()
	require.NoError(t, err)
	var names []string
	for dec.More() {
		name, err := dec.Token()
		require.NoError(t, err)
		names = append(names, name.(string))
		var skip json.RawMessage
		require.NoError(t, dec.Decode(&skip))
	}
	return names
}

func object1(t *testing.T, text string) map[string]any {
	t.Helper()
	var m map[string]any
	require.NoError(t, json.Unmarshal([]byte(text), &m))
	return m
}

func TestSendTransactionAnswersTheReceipt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, -1)
	e := w.endpoint(nil)
	raw := w.signed(nil, unhex(t, emitterInit), emitterABI)

	text := e.result("sendTransaction", "group0", "", "0x"+strings.ToUpper(raw))
	require.Equal(t, []string{"blockNumber", "checksumContractAddress", "contractAddress", "extraData", "from", "gasUsed", "hash", "input",
		"logEntries", "message", "output", "status", "to", "transactionHash", "version"}, members(t, text))
	r := object1(t, text)
	require.Equal(t, "0x6849f21d1e455e9f0712b1e99fa4fcd23758e8f1", r["contractAddress"], "the address of 1_0_0 (protocol §12.3)")
	require.Equal(t, "0x6849F21D1E455e9f0712b1e99Fa4FCD23758E8F1", r["checksumContractAddress"])
	require.Equal(t, "0x6370ef2f4db3611d657b90667de398a2cc2a370c", r["from"])
	require.Equal(t, "", r["to"])
	require.IsType(t, "", r["gasUsed"])
	require.Equal(t, []any{}, r["logEntries"])
	require.Equal(t, "0x", r["output"])

	stored := object1(t, e.result("getTransactionReceipt", "group0", "", r["transactionHash"], false))
	require.Nil(t, stored["transactionProof"])
	require.Contains(t, stored, "transactionProof", "null, not absent")
	delete(stored, "transactionProof")
	require.Equal(t, r, stored)

	require.Equal(t, fault{10000, "NonceCheckFail"}, e.failure("sendTransaction", "group0", "", raw, false))
	require.Equal(t, `"0x`+emitterCode+`"`, e.result("getCode", "group0", "", r["contractAddress"]))
	require.Equal(t, `"[{\"type\":\"fallback\",\"\u8bf4\u660e\":\"<\u65e5\u5fd7>\"}]"`, e.result("getABI", "group0", "", strings.ToUpper(r["contractAddress"].(string)[2:])))
	require.Equal(t, `{"blockNumber":1,"failedTransactionCount":0,"transactionCount":1}`, e.result("getTotalTransactionCount", "group0", ""))
}

func TestLogsStatusAndProofsOfAReceipt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, -1)
	e := w.endpoint(nil)
	contract := w.deploy()

	r := object1(t, e.result("sendTransaction", "group0", "", w.signed(&contract, unhex(t, word(5)), ""), true))
	require.Equal(t, []any{map[string]any{
		"address": fmt.Sprintf("%x", contract), "data": "0x" + word(5), "topics": []any{fmt.Sprintf("0x%064x", 0xaa), "0x" + word(5)},
	}}, r["logEntries"])
	leaf := r["hash"].(string)[2:]
	require.Equal(t, []any{leaf}, r["receiptProof"])
	require.Equal(t, []any{leaf}, r["txReceiptProof"])
	require.NotContains(t, r, "transactionProof")
	require.Equal(t, fmt.Sprintf("%x", contract), r["to"], "as it was sent")

	stored := object1(t, e.result("getTransactionReceipt", "group0", "", r["transactionHash"], true))
	require.Equal(t, []any{leaf}, stored["txReceiptProof"])
	require.Equal(t, []any{}, stored["receiptProof"])
	require.Equal(t, []any{}, stored["transactionProof"])

	nobody := common.HexToAddress("dead")
	failed := object1(t, e.result("sendTransaction", "group0", "", w.signed(&nobody, unhex(t, "01020304"), ""), false))
	require.Equal(t, 16.0, failed["status"])
	require.Equal(t, "0x", failed["hash"], "the sender of a failed transaction gets no hash")
	stored = object1(t, e.result("getTransactionReceipt", "group0", "", failed["transactionHash"], false))
	require.Len(t, stored["hash"], 66)
}

func TestReturnInputParamsLeavesTheInputOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, -1)
	e := w.endpoint(func(cfg *Config) { cfg.ReturnInputParams = false })
	r := object1(t, e.result("sendTransaction", "group0", "", w.signed(nil, unhex(t, emitterInit), ""), false))
	require.NotContains(t, r, "input")
	require.NotContains(t, r, "extraData")
	stored := object1(t, e.result("getTransactionReceipt", "group0", "", r["transactionHash"]))
	require.Equal(t, "0x"+emitterInit, stored["input"])
}

func TestGetTransactionShowsTheNonceAsHexOfItsText(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, -1)
	e := w.endpoint(nil)
	raw := "1a1c2606636861696e30360667726f7570304101f5561431323334353637383930313233343536373839307d00000d6001600c60003960016000f30086025b5d0b2d000020ea2bcf1a61c5f529e45753797343612f72429e589ac3541ea517b4b45e7bbe1d3d00004131b26d00cc204ddbc0014fec69a58bed48c7889524db0175c079d8c8f66dd8b30b9ddc25e10afed2afd5f890eb8c8b16c8061f482980ad2c5b74b357d7ad884701"
	e.result("sendTransaction", "group0", "", raw, false) // protocol §14.4
	const hash = "0xea2bcf1a61c5f529e45753797343612f72429e589ac3541ea517b4b45e7bbe1d"

	text := e.result("getTransaction", "group0", "", hash, false)
	require.Equal(t, []string{"abi", "blockLimit", "chainID", "extraData", "from", "groupID", "hash", "importTime", "input", "nonce",
		"signature", "to", "version"}, members(t, text))
	tx := object1(t, text)
	require.Equal(t, "3132333435363738393031323334353637383930", tx["nonce"])
	require.Equal(t, hash, tx["hash"])
	require.Equal(t, 501.0, tx["blockLimit"])
	require.Equal(t, "[]", tx["abi"])

	tx = object1(t, e.result("getTransaction", "group0", "", hash[2:], true))
	require.Equal(t, []any{hash[2:]}, tx["txProof"])
	require.Equal(t, []any{}, tx["transactionProof"])
}

func TestGetTransactionOfLaterVersionsHasThePrices(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, -1)
	e := w.endpoint(nil)
	// The v1 and v2 transactions of protocol §14.3.
	v1 := "1a10012606636861696e30360667726f7570304101f5562030313233343536373839616263646566303132333435363738396162636465666628363834396632316431653435356539663037313262316539396661346663643233373538653866317d0000644ed3885e0000000000000000000000000000000000000000000000000000000000000020000000000000000000000000000000000000000000000000000000000000000568656c6c6f0000000000000000000000000000000000000000000000000000009603307830a6033078300b2d0000208b8be16a060a14300a2e84c8a75caff5da75b327ff43bcb246f2faed116377f43d000041fa588eb56c4c4221b73fca3439c8e91755eefe50b3c4d6e32a554d93b643512302c2357f1651aa617f4b7c7447b6723f4d088e2ad074c5213e4b0c8c30abd70600"
	v2 := "1a10022606636861696e30360667726f7570304101f5562030313233343536373839616263646566303132333435363738396162636465666628363834396632316431653435356539663037313262316539396661346663643233373538653866317d0000644ed3885e0000000000000000000000000000000000000000000000000000000000000020000000000000000000000000000000000000000000000000000000000000000568656c6c6f0000000000000000000000000000000000000000000000000000009603307831b2000f4240c603307832d603307831ed0000036578740b2d0000202528123ae45a50d16c4abbeb0dfcccf13ae12cb3add5302259d095e594a081523d000041d59b677f86e132db04a586a6f0093ef5558aa03b0e491b18f1ceb80663bc9d241af2a8e8dae0276a1522355814bd9f8ef95d28cc0b8ada422ae940aedb4da19400500186046d656d6f"
	r := object1(t, e.result("sendTransaction", "group0", "", v1, false))
	require.Equal(t, "", r["effectiveGasPrice"])
	require.Equal(t, 1.0, r["version"])
	text := e.result("getTransaction", "group0", "", r["transactionHash"])
	require.Equal(t, []string{"abi", "blockLimit", "chainID", "extraData", "from", "gasLimit", "gasPrice", "groupID", "hash", "importTime",
		"input", "maxFeePerGas", "maxPriorityFeePerGas", "nonce", "signature", "to", "value", "version"}, members(t, text))

	// The same nonce again is refused, so version 2 needs a chain of its own.
	other := newWorld(t, 1, -1).endpoint(nil)
	r = object1(t, other.result("sendTransaction", "group0", "", v2, false))
	require.Equal(t, "memo", r["extraData"])
	tx := object1(t, other.result("getTransaction", "group0", "", r["transactionHash"]))
	require.Equal(t, []any{101.0, 120.0, 116.0}, tx["extension"])
	require.Equal(t, "0x2", tx["maxFeePerGas"])
	require.Equal(t, 1000000.0, tx["gasLimit"])
}

func TestBlocksComeWithHeadHashesOrTransactions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, -1)
	e := w.endpoint(nil)
	contract := w.deploy()
	res := w.send(&contract, word(1), "")
	tx, hash := res.Transaction, res.Transaction.Hash.Hex()

	head := e.result("getBlockByNumber", "group0", "", 2)
	require.Equal(t, []string{"consensusWeights", "extraData", "gasUsed", "hash", "number", "parentInfo", "receiptsRoot", "sealer", "sealerList",
		"signatureList", "stateRoot", "timestamp", "txsRoot", "version"}, members(t, head))
	for _, flags := range [][]any{{true, true}, {true, false}, {1, 0}} {
		require.Equal(t, head, e.result("getBlockByNumber", append([]any{"group0", "", 2}, flags...)...))
	}
	block := object1(t, e.result("getBlockByNumber", "group0", "", 2, false))
	require.Equal(t, []any{hash}, block["transactions"])
	require.Equal(t, hash, block["txsRoot"])
	require.Equal(t, []any{"0x" + nodeID(w.key)}, block["sealerList"])
	require.IsType(t, "", block["gasUsed"])
	require.Equal(t, 51380224.0, block["version"])
	full := object1(t, e.result("getBlockByHash", "group0", "", block["hash"], false, false))
	require.Equal(t, object1(t, e.result("getTransaction", "group0", "", hash)), full["transactions"].([]any)[0])
	require.Equal(t, fmt.Sprint(tx.Hash), hash)

	first := object1(t, e.result("getBlockByNumber", "group0", "", nil, false, false))
	require.Equal(t, "0x", block["extraData"])
	require.Equal(t, []any{}, first["parentInfo"])
	require.Equal(t, []any{}, first["transactions"])
	require.Equal(t, []any{}, first["signatureList"])
	require.Equal(t, `"`+first["hash"].(string)+`"`, e.result("getBlockHashByNumber", "group0", "", 0))
	zero := `"0x` + strings.Repeat("0", 64) + `"`
	require.Equal(t, zero, e.result("getBlockHashByNumber", "group0", "", 999999))
	require.Equal(t, zero, e.result("getBlockHashByNumber", "group0", "", -1))
}

func TestCallReadsAndFailsAsANodeDoes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, -1)
	e := w.endpoint(nil)
	contract := w.deploy().Hex()
	require.Equal(t, `{"blockNumber":1,"output":"0x","status":0}`, e.result("call", "group0", "", contract, "0x01"))
	require.Equal(t, `{"blockNumber":1,"output":"0x","status":0}`, e.result("call", "group0", "", contract[2:], "01"))
	require.Equal(t, `{"blockNumber":1,"output":"0x","status":0}`, e.result("call", "group0", "", "", "0x6d4ce63c"), "it runs as a deployment")
	require.Contains(t, e.result("call", "group0", "", "", "0x01"), `"status":14`)
	require.Contains(t, e.result("call", "group0", "", "dead", "0x01"), `"status":16`)
	require.Equal(t, "1", e.result("getBlockNumber", "group0", ""), "a call writes nothing")
	for _, c := range []struct{ to, data, want string }{
		{contract, "", "Unexpect hex string"}, {contract, "0x1", "Unexpect hex string"}, {contract, "0xzz", "std::exception"},
		{contract, "0X01", "std::exception"}, {"0X" + contract[2:], "0x01", "std::exception"}, {"zz", "0x01", "std::exception"},
	} {
		require.Equal(t, fault{-32600, c.want}, e.failure("call", "group0", "", c.to, c.data), "%+v", c)
	}
}

// The signature of protocol §14.6 is over the text of `to` and the data.
func TestSignedCallsAreChecked(t *testing.T) {
	t.Parallel()
	e := newWorld(t, 1, -1).endpoint(nil)
	const to = "6849f21d1e455e9f0712b1e99fa4fcd23758e8f1"
	const data = "4ed3885e0000000000000000000000000000000000000000000000000000000000000020000000000000000000000000000000000000000000000000000000000000000568656c6c6f000000000000000000000000000000000000000000000000000000"
	const sign = "cd6953cf019cf22cf31872c39620ba39ed0d63e9b8bfcb5f069af99359fd152775a6148a70d50df41bcb796f5f6eb8420c32f03265c51b42027a6ea6945e00b000"
	require.Contains(t, e.result("call", "group0", "", to, data, sign), `"status":16`, "nobody is there, but the signature is good")
	require.Equal(t, fault{10008, "Invalid signature"}, e.failure("call", "group0", "", to, data, sign[:128]))
	require.Equal(t, fault{-32600, ""}, e.failure("call", "group0", "", to, data, ""))
	require.Equal(t, fault{-32600, ""}, e.failure("call", "group0", "", to, data, "0x"))
	require.Equal(t, fault{-32600, ""}, e.failure("call", "group0", "", to, data, nil))
	require.Equal(t, fault{-32600, "std::exception"}, e.failure("call", "group0", "", to, data, "zz"))
	require.Equal(t, fault{10008, "Invalid signature"}, e.failure("call", "group0", "", to, data, sign[:128]+"1b"), "v of 27 ends the process of a node")
}

// stubNetwork is what a node knows of the others.
type stubNetwork struct {
	peers []Peer
	view  View
}

func (n stubNetwork) Peers() []Peer { return n.peers }
func (n stubNetwork) View() View    { return n.view }

// objectIn is the answer of a method whose result is a string that holds JSON.
func (e *endpoint) objectIn(method string) map[string]any {
	var text string
	require.NoError(e.t, json.Unmarshal([]byte(e.result(method, "group0", "")), &text))
	require.True(e.t, strings.HasSuffix(text, "}\n"))
	var object map[string]any
	require.NoError(e.t, json.Unmarshal([]byte(text), &object))
	return object
}

func TestWhatANodeSaysOfTheOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 4, -1)
	var peers []Peer
	for i, key := range w.keys[1:3] {
		peers = append(peers, Peer{
			Node:   Node{ID: nodeID(key), P2PID: fmt.Sprint("p2p", i+1), P2PEndpoint: fmt.Sprint("127.0.0.1:", 30301+i)},
			Number: uint64(2 * i), Hash: common.Hash{byte(i)},
		})
	}
	own := Node{ID: nodeID(w.keys[0]), P2PID: "p2p0", P2PEndpoint: "127.0.0.1:30300"}
	e := w.endpoint(func(cfg *Config) {
		cfg.Node, cfg.Network = own, stubNetwork{peers, View{Round: 3, Leader: 2, Syncing: true}}
	})
	object1(t, e.result("sendTransaction", "group0", "", w.signed(nil, unhex(t, emitterInit), ""), false))

	list := object1(t, e.result("getPeers"))
	require.Equal(t, "p2p0", list["p2pNodeID"])
	require.Equal(t, "127.0.0.1:30300", list["endPoint"])
	require.Equal(t, map[string]any{
		"endPoint": "127.0.0.1:30301", "p2pNodeID": "p2p1",
		"groupNodeIDInfo": []any{map[string]any{"group": "group0", "nodeIDList": []any{peers[0].ID}}},
	}, list["peers"].([]any)[0])
	ids := []string{own.ID, peers[0].ID, peers[1].ID}
	slices.Sort(ids)
	require.Equal(t, `["`+strings.Join(ids, `","`)+`"]`, e.result("getGroupPeers", "group0"))
	info := object1(t, e.result("getGroupInfo", "group0"))
	require.Len(t, info["nodeList"], 1, "a node knows itself only")
	require.Equal(t, "null", e.result("getGroupNodeInfo", "group0", peers[0].ID))

	sync := e.objectIn("getSyncStatus")
	require.Equal(t, []any{1.0, 2.0, true}, []any{sync["blockNumber"], sync["knownHighestNumber"], sync["isSyncing"]})
	require.Equal(t, bareHex(peers[1].Hash), sync["knownLatestHash"])
	require.Equal(t, map[string]any{
		"archivedBlockNumber": 0.0, "blockNumber": 2.0, "genesisHash": sync["genesisHash"],
		"latestHash": bareHex(peers[1].Hash), "nodeID": peers[1].ID,
	}, sync["peers"].([]any)[1])

	status := e.objectIn("getConsensusStatus")
	require.Equal(t, []any{4.0, 1.0, 3.0, true, 3.0}, []any{status["consensusNodesNum"], status["maxFaultyQuorum"],
		status["minRequiredQuorum"], status["isConsensusNode"], status["connectedNodeList"]})
	require.Equal(t, []any{3.0, 2.0, true}, []any{status["view"], status["leaderIndex"], status["timeout"]})
	require.Equal(t, "3", e.result("getPbftView", "group0", ""))
}

func TestANodeAloneKnowsNoOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, -1)
	e := w.endpoint(nil)
	require.Equal(t, []any{}, object1(t, e.result("getPeers"))["peers"])
	require.Equal(t, []any{}, e.objectIn("getSyncStatus")["peers"])
	status := e.objectIn("getConsensusStatus")
	require.Equal(t, []any{1.0, 0.0, 0.0, false}, []any{status["connectedNodeList"], status["leaderIndex"], status["view"], status["timeout"]})
	require.Equal(t, "0", e.result("getPbftView", "group0", ""))
}

func TestARestartedChainGoesOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, -1)
	contract := w.deploy()
	first := w.endpoint(nil)
	hash := first.result("getBlockHashByNumber", "group0", "", 1)
	require.NoError(t, first.server.Stop(t.Context()))
	require.NoError(t, w.chain.Close())

	w.open()
	e := w.endpoint(nil)
	require.Equal(t, "1", e.result("getBlockNumber", "group0", ""))
	require.Equal(t, hash, e.result("getBlockHashByNumber", "group0", "", 1))
	p := e.dial()
	p.ask(typeEventSubscribe, subscribeText("x", 1, 2, ""))
	p.next(typeEventSubscribe) // before, the session may be unknown to the notices
	w.send(&contract, word(1), "")
	require.Contains(t, string(p.next(typeBlockNotify).Payload), `"blockNumber" : 2,`)
	_, logs := pushed(t, p.next(typeEventPush)) // a block is announced before its events
	require.Equal(t, []string{"2 1 0"}, logs)
}

func TestServerNeedsALedgerAndAName(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, -1)
	good := Config{Ledger: w.chain, Node: Node{ID: nodeID(w.key)}}
	for _, change := range []func(*Config){
		func(c *Config) { c.Ledger = nil },
		func(c *Config) { c.Node.ID = "node0" },
		func(c *Config) { c.PingAfter, c.CloseAfter = 2, 1 },
		func(c *Config) { c.WriteTimeout = -1 },
	} {
		cfg := good
		change(&cfg)
		_, err := NewServer(cfg)
		require.Error(t, err)
	}
	_, err := NewServer(good)
	require.NoError(t, err)
}
