package fisco

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/jsonrpc"
)

// A successful answer of a real node, cut down to two topics.
const (
	sentHash    = "0xcacf62d1d80182a47219e1740cd3ce0fb5cc463e7371596681723b80b5cee65a"
	goodReceipt = `{"blockNumber":378,"checksumContractAddress":"","contractAddress":"","extraData":"","from":"0x6370ef2f4db3611d657b90667de398a2cc2a370c","gasUsed":"40626","hash":"0x8892fa93f83d6784a2869f158d9e4b8845b1615958b6f378bed25f3789d75d7a","input":"0x4ed3885e","logEntries":[{"address":"6849f21d1e455e9f0712b1e99fa4fcd23758e8f1","data":"0x0001","topics":["0x039929d83bc579bedf6c1a49e6c1614130f8b07a1f6059ae51f05112925e8278","0x0000000000000000000000000000000000000000000000000000000000000029"]}],"message":"","output":"0x","status":0,"to":"6849f21d1e455e9f0712b1e99fa4fcd23758e8f1","transactionHash":"` + sentHash + `","version":0}`
)

func answerWith(receipt string, pairs ...string) []byte {
	r := strings.NewReplacer(pairs...).Replace(receipt)
	return []byte(`{"id":1,"jsonrpc":"2.0","result":` + r + `}`)
}

func refusal(code int, message string) []byte {
	return fmt.Appendf(nil, `{"error":{"code":%d,"message":%s},"id":1,"jsonrpc":"2.0"}`, code, strconv.Quote(message))
}

func TestJudgeSendReceipts(t *testing.T) {
	t.Parallel()
	sent := common.HexToHash(sentHash)

	_, got, err := judgeSend(sent, answerWith(goodReceipt))
	require.NoError(t, err)
	to := common.HexToAddress("6849f21d1e455e9f0712b1e99fa4fcd23758e8f1")
	require.Equal(t, chain.Receipt{
		TxHash: sent, BlockNumber: 378, Succeeded: true, StatusName: "None",
		From: common.HexToAddress("6370ef2f4db3611d657b90667de398a2cc2a370c"), To: &to, GasUsed: 40626, Output: []byte{},
		Logs: []chain.Log{{Address: to, Data: []byte{0, 1}, Topics: []common.Hash{
			common.HexToHash("039929d83bc579bedf6c1a49e6c1614130f8b07a1f6059ae51f05112925e8278"), common.HexToHash("29")}}},
	}, got)

	// A failure is a result; its hash is "0x", its logs do not count.
	_, got, err = judgeSend(sent, answerWith(goodReceipt, `"status":0`, `"status":16`, "0x8892fa93f83d6784a2869f158d9e4b8845b1615958b6f378bed25f3789d75d7a", "0x", `"output":"0x"`, `"output":"0x08c379a0"`))
	require.NoError(t, err)
	require.False(t, got.Succeeded)
	require.Equal(t, 16, got.Status)
	require.Equal(t, "RevertInstruction", got.StatusName)
	require.Equal(t, []byte{0x08, 0xc3, 0x79, 0xa0}, got.Output)
	require.Empty(t, got.Logs)

	// A deployment.
	_, got, err = judgeSend(sent, answerWith(goodReceipt, `"contractAddress":""`, `"contractAddress":"0x6849f21d1e455e9f0712b1e99fa4fcd23758e8f1"`, `"to":"6849f21d1e455e9f0712b1e99fa4fcd23758e8f1"`, `"to":""`))
	require.NoError(t, err)
	require.Nil(t, got.To)
	require.Equal(t, &to, got.Contract)

	// Members that are null or new break nothing.
	_, got, err = judgeSend(sent, answerWith(goodReceipt, `"from":"0x6370ef2f4db3611d657b90667de398a2cc2a370c"`, `"from":null,"newMember":{"a":[1]}`, `"message":""`, `"message":null`))
	require.NoError(t, err)
	require.Zero(t, got.From)
}

func TestJudgeSendErrors(t *testing.T) {
	t.Parallel()
	sent := common.HexToHash(sentHash)
	const realHash = "0x8892fa93f83d6784a2869f158d9e4b8845b1615958b6f378bed25f3789d75d7a"
	for name, c := range map[string]struct {
		answer []byte
		kind   chain.Kind
		sent   chain.Sent
	}{
		"false success: hash 0x":      {answerWith(goodReceipt, realHash, "0x", `"blockNumber":378`, `"blockNumber":0`, "40626", "0"), chain.KindDropped, chain.SentMaybe},
		"false success: no hash":      {answerWith(goodReceipt, `"`+realHash+`"`, `""`), chain.KindDropped, chain.SentMaybe},
		"pool status in the result":   {answerWith(goodReceipt, `"status":0`, `"status":10004`), chain.KindKnown, chain.SentYes},
		"receipt of another":          {answerWith(goodReceipt, sentHash, realHash), chain.KindProtocol, chain.SentMaybe},
		"receipt without transaction": {answerWith(goodReceipt, sentHash, ""), chain.KindProtocol, chain.SentMaybe},
		"success in block 0":          {answerWith(goodReceipt, `"blockNumber":378`, `"blockNumber":0`), chain.KindProtocol, chain.SentMaybe},
		"negative block":              {answerWith(goodReceipt, `"blockNumber":378`, `"blockNumber":-1`), chain.KindProtocol, chain.SentMaybe},
		"hash is no hash":             {answerWith(goodReceipt, realHash, "0x1234"), chain.KindProtocol, chain.SentMaybe},
		"gas is no number":            {answerWith(goodReceipt, "40626", "much"), chain.KindProtocol, chain.SentMaybe},
		"status is text":              {answerWith(goodReceipt, `"status":0`, `"status":"0"`), chain.KindProtocol, chain.SentMaybe},
		"address of a log too long":   {answerWith(goodReceipt, `"address":"`, `"address":"00`), chain.KindProtocol, chain.SentMaybe},
		"topic too short":             {answerWith(goodReceipt, "0x0399", "0x99"), chain.KindProtocol, chain.SentMaybe},
		"output of half a byte":       {answerWith(goodReceipt, `"output":"0x"`, `"output":"0x1"`), chain.KindProtocol, chain.SentMaybe},
		"null":                        {[]byte(`{"id":1,"jsonrpc":"2.0","result":null}`), chain.KindProtocol, chain.SentMaybe},
		"nothing":                     {nil, chain.KindProtocol, chain.SentMaybe},
		"garbage":                     {[]byte("\x00\x01"), chain.KindProtocol, chain.SentMaybe},
		"a list":                      {[]byte(`[]`), chain.KindProtocol, chain.SentMaybe},
	} {
		_, _, err := judgeSend(sent, c.answer)
		require.Equal(t, c.kind, chain.KindOf(err), "%s: %v", name, err)
		require.Equal(t, c.sent, sentOf(t, err), name)
	}
}

// All codes of protocol §3.2 and §5.3, as a second opinion on the table.
func TestErrorTable(t *testing.T) {
	t.Parallel()
	const (
		no, maybe, yes = chain.SentNo, chain.SentMaybe, chain.SentYes
		dump           = "/src/FISCO-BCOS/x.cpp(514): Throw in function f\nDynamic exception type: boost::wrapexcept<x>\nstd::exception::what: "
	)
	for _, c := range []struct {
		code int
		text string
		kind chain.Kind
		sent chain.Sent
	}{
		{-1, dump + "Chain ID mismatch!\n", chain.KindWrongChain, no},
		{-1, dump + "transaction hash mismatching, maybe transaction version not support.\n", chain.KindInvalid, no},
		{-1, dump + "0xzz is not hex string\n", chain.KindInvalid, no},
		{-1, dump + "Unexpect hex string\n", chain.KindInvalid, no},
		{-1, "/usr/include/boost/algorithm/hex.hpp(76): boost::wrapexcept<boost::algorithm::non_hex_input>", chain.KindInvalid, no},
		{-1, "Dynamic exception type: tars::TarsDecodeException\nstd::exception::what: buffer overflow when peekBuf, over 1.\n", chain.KindInvalid, no},
		{-1, "something new", chain.KindNode, maybe},
		{-32700, "Invalid JSON was received by the server.", chain.KindProtocol, no},
		{-32600, "std::exception", chain.KindNode, maybe},
		{-32601, "The method does not exist/is not available.", chain.KindUnsupported, no},
		{-32602, "", chain.KindInvalid, maybe},
		{-32603, "", chain.KindNode, maybe},
		{-32000, "Invalid request for the specified node", chain.KindUnavailable, no},
		{-32003, "", chain.KindDenied, maybe},
		{-32004, "", chain.KindUnavailable, no},
		{-32005, "The group  does not exist!", chain.KindWrongChain, no},
		{3001, "", chain.KindNode, maybe},
		{3008, "", chain.KindNode, maybe},
		{3100, "", chain.KindNode, maybe},
		{-70001, "", chain.KindNode, maybe},
		{10000, "NonceCheckFail", chain.KindNonceUsed, maybe},
		{10001, "BlockLimitCheckFail", chain.KindExpired, maybe},
		{10002, "TxPoolIsFull", chain.KindOverloaded, maybe},
		{10003, "MalformTx", chain.KindInvalid, maybe},
		{10004, "AlreadyInTxPool", chain.KindKnown, yes},
		{10005, "TxAlreadyInChain", chain.KindKnown, yes},
		{10006, "InvalidChainId", chain.KindWrongChain, no},
		{10007, "InvalidGroupId", chain.KindWrongChain, no},
		{10008, "InvalidSignature", chain.KindInvalid, no},
		{10009, "RequestNotBelongToTheGroup", chain.KindWrongChain, no},
		{10010, "TransactionPoolTimeout", chain.KindDropped, maybe},
		{10011, "AlreadyInTxPoolAndAccept", chain.KindKnown, yes},
		{10012, "OverFlowValue", chain.KindInvalid, no},
		{10013, "MaxInitCodeSizeExceeded", chain.KindInvalid, maybe},
		{10014, "SenderNoEOA", chain.KindDenied, maybe},
		{10015, "InsufficientFunds", chain.KindDenied, maybe},
		{10016, "of a later version", chain.KindNode, maybe},
	} {
		_, _, err := judgeSend(common.Hash{}, refusal(c.code, c.text))
		require.Equal(t, c.kind, chain.KindOf(err), "%d %s", c.code, c.text)
		require.Equal(t, c.sent, sentOf(t, err), "%d %s", c.code, c.text)
		require.NotContains(t, err.Error(), "\n")
		require.NotContains(t, err.Error(), "/src/")
	}
	for op, codes := range map[string]map[int]chain.Kind{
		"getTransactionReceipt": {3008: chain.KindNotFound, 3001: chain.KindNode, 3009: chain.KindNode, -32600: chain.KindInvalid, -32000: chain.KindUnavailable, -32005: chain.KindWrongChain},
		"getBlockByNumber":      {3006: chain.KindNotFound, 3003: chain.KindInvalid, 3008: chain.KindNotFound},
		"getTransaction":        {3006: chain.KindNode, 3008: chain.KindNotFound},
		"call":                  {10008: chain.KindInvalid, -32601: chain.KindUnsupported, 7: chain.KindNode},
		"getSyncStatus":         {-32001: chain.KindInvalid, -32002: chain.KindInvalid},
	} {
		for code, kind := range codes {
			err := nodeError(op, &jsonrpc.Error{Code: code})
			require.Equal(t, kind, err.Kind, "%s %d", op, code)
			require.Equal(t, chain.SentNo, err.Sent, "a read sends no transaction")
		}
	}
}

// Every rule can be reached, and no rule frees an intent by accident.
func TestErrorRulesAreReachable(t *testing.T) {
	t.Parallel()
	for _, r := range errorRules {
		op := r.op
		if op == "" {
			op = "getTransactionReceipt"
		}
		require.Equal(t, r, ruleFor(op, r.code, r.text), "rule %+v is hidden by an earlier one", r)
		require.NotEmpty(t, r.kind)
		require.Contains(t, []chain.Sent{chain.SentNo, chain.SentMaybe, chain.SentYes}, r.sent)
	}
}

func TestStatusNames(t *testing.T) {
	t.Parallel()
	for status, name := range map[int]string{0: "None", 16: "RevertInstruction", 19: "CallAddressError", 35: "WASMTrap", 10000: "NonceCheckFail", 10015: "InsufficientFunds", 9: "Status9", -1: "Status-1"} {
		require.Equal(t, name, StatusName(status))
	}
}

func FuzzJudgeSend(f *testing.F) {
	f.Add(answerWith(goodReceipt))
	f.Add(refusal(10000, "NonceCheckFail"))
	f.Add([]byte(`{"result":{"status":16,"hash":"0x"}}`))
	f.Fuzz(func(t *testing.T, answer []byte) {
		sent := common.HexToHash(sentHash)
		_, receipt, err := judgeSend(sent, answer)
		if err != nil {
			require.NotEmpty(t, chain.KindOf(err))
			return
		}
		require.Equal(t, sent, receipt.TxHash)
		require.NotZero(t, receipt.BlockNumber)
		require.Equal(t, receipt.Status == 0, receipt.Succeeded)
	})
}

func BenchmarkParseReceipt(b *testing.B) {
	sent, answer := common.HexToHash(sentHash), answerWith(goodReceipt)
	b.ReportAllocs()
	b.SetBytes(int64(len(answer)))
	for b.Loop() {
		if _, _, err := judgeSend(sent, answer); err != nil {
			b.Fatal(err)
		}
	}
}

func sentOf(t testing.TB, err error) chain.Sent {
	t.Helper()
	var e *chain.Error
	require.ErrorAs(t, err, &e)
	return e.Sent
}
