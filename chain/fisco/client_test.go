package fisco

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/fisco/suite"
	"github.com/bcosgate/bcosgate/chain/fisco/tx"
)

// scripted answers by method.
func scripted(answers map[string]string) func(*fakeSession, string, string, []json.RawMessage) []byte {
	return func(_ *fakeSession, _, method string, _ []json.RawMessage) []byte {
		if a, found := answers[method]; found {
			return []byte(a)
		}
		return []byte(`{"error":{"code":-32601,"message":"The method does not exist/is not available."},"id":1,"jsonrpc":"2.0"}`)
	}
}

func signedCall(t testing.TB, ref string) chain.SignedTx {
	t.Helper()
	signer := vectorSigner(t)
	to := common.HexToAddress("6849f21d1e455e9f0712b1e99fa4fcd23758e8f1")
	tx, err := signer.Sign(chain.Intent{To: &to, Input: []byte(ref)}, chain.Terms{Nonce: signer.Nonce(ref), BlockLimit: 500})
	require.NoError(t, err)
	return tx
}

func receiptFor(tx chain.SignedTx, block int) string {
	return fmt.Sprintf(`{"blockNumber":%d,"contractAddress":"","from":"%s","gasUsed":"21000","hash":"%s","logEntries":[],"message":"","output":"0x","status":0,"to":"6849f21d1e455e9f0712b1e99fa4fcd23758e8f1","transactionHash":"%s","version":0}`,
		block, tx.From.Hex(), common.MaxHash.Hex(), tx.Hash.Hex())
}

func TestReads(t *testing.T) {
	t.Parallel()
	tx := signedCall(t, "reads")
	var params sync.Map
	script := scripted(map[string]string{
		"getBlockNumber":        string(ok("400")),
		"call":                  string(ok(`{"blockNumber":401,"status":16,"output":"0x08c379a0"}`)),
		"getCode":               string(ok(`"0x6001"`)),
		"getTransactionReceipt": string(ok(receiptFor(tx, 402))),
		"getBlockByNumber":      string(ok(`{"hash":"` + common.MaxHash.Hex() + `","number":5,"timestamp":1680598474810,"stateRoot":"` + common.Hash{}.Hex() + `","parentInfo":[{"blockNumber":4,"blockHash":"` + tx.Hash.Hex() + `"}],"transactions":["` + tx.Hash.Hex() + `"]}`)),
		"getBlockHashByNumber":  string(ok(`"0x0fbdf92d031241c101f35d1e582bf9f5362d8345d2116acfc3c11fc8579e924c"`)),
		"getGroupInfo":          string(ok(`{"chainID":"chain0","groupID":"group0","nodeList":[]}`)),
	})
	node := startNode(t, &fakeNode{handshake: fakeHandshake, answer: func(s *fakeSession, seq, method string, p []json.RawMessage) []byte {
		text, _ := json.Marshal(p)
		params.Store(method, string(text))
		return script(s, seq, method, p)
	}}, nil)
	c, ctx := dialNode(t, node), soon(t)
	require.Equal(t, node.addr, c.Node())
	require.Equal(t, 2, c.Protocol())
	require.Equal(t, "group0", c.Group().GroupID)

	head, err := c.Head(ctx)
	require.NoError(t, err)
	require.Equal(t, uint64(377), head.Number, "from the handshake")
	require.WithinDuration(t, time.Now(), head.At, time.Minute)

	number, err := c.BlockNumber(ctx)
	require.NoError(t, err)
	require.Equal(t, uint64(400), number)

	called, err := c.Call(ctx, chain.CallMsg{To: tx.From, Input: []byte{0x6d, 0x4c}})
	require.NoError(t, err)
	require.Equal(t, chain.CallResult{BlockNumber: 401, Status: 16, StatusName: "RevertInstruction", Output: []byte{0x08, 0xc3, 0x79, 0xa0}}, called)
	got, _ := params.Load("call")
	require.Equal(t, `["group0","","6370ef2f4db3611d657b90667de398a2cc2a370c","0x6d4c"]`, got)
	_, err = c.Call(ctx, chain.CallMsg{From: &tx.From, To: tx.From})
	require.True(t, chain.Is(err, chain.KindUnsupported))
	_, err = c.Call(ctx, chain.CallMsg{From: &common.Address{}, To: tx.From})
	require.NoError(t, err)

	code, err := c.Code(ctx, tx.From)
	require.NoError(t, err)
	require.Equal(t, []byte{0x60, 0x01}, code)

	receipt, err := c.Receipt(ctx, tx.Hash)
	require.NoError(t, err)
	require.Equal(t, uint64(402), receipt.BlockNumber)
	_, err = c.Receipt(ctx, common.MaxHash)
	require.True(t, chain.Is(err, chain.KindProtocol), "the receipt of another transaction")

	block, err := c.Block(ctx, 5)
	require.NoError(t, err)
	require.Equal(t, chain.Block{Number: 5, Hash: common.MaxHash, Parent: tx.Hash, Time: time.UnixMilli(1680598474810).UTC(), TxHashes: []common.Hash{tx.Hash}}, block)
	got, _ = params.Load("getBlockByNumber")
	require.Equal(t, `["group0","",5,false,true]`, got)
	_, err = c.Block(ctx, 6)
	require.True(t, chain.Is(err, chain.KindProtocol), "another block than asked for")
	_, err = c.Block(ctx, math.MaxUint64)
	require.True(t, chain.Is(err, chain.KindInvalid))

	id, err := c.Identity(ctx)
	require.NoError(t, err)
	require.Equal(t, chain.Identity{ChainID: "chain0", Group: "group0", Genesis: common.HexToHash("0x0fbdf92d031241c101f35d1e582bf9f5362d8345d2116acfc3c11fc8579e924c")}, id)
	_, err = c.Identity(ctx)
	require.NoError(t, err)
	require.Equal(t, 1, node.seen("getBlockHashByNumber"), "asked for once")

	info, err := c.GetGroupInfo(ctx)
	require.NoError(t, err)
	require.Equal(t, "chain0", info.ChainID)

	_, err = c.Transaction(ctx, tx.Hash)
	require.True(t, chain.Is(err, chain.KindUnsupported))
	require.ErrorContains(t, err, node.addr)

	head, err = c.Head(ctx)
	require.NoError(t, err)
	require.Equal(t, uint64(402), head.Number, "the receipt told of a higher block")
}

func TestMissingThingsAreNotFound(t *testing.T) {
	t.Parallel()
	node := startNode(t, &fakeNode{handshake: fakeHandshake, answer: scripted(map[string]string{
		"getTransactionReceipt": string(refusal(3008, "GetTransactionReceiptByHash")),
		"getTransaction":        string(refusal(3008, "GetBatchTxsByHashList error")),
		"getBlockByNumber":      string(refusal(3006, "Get block failed with errors!")),
		"getBlockHashByNumber":  string(ok(`"` + common.Hash{}.Hex() + `"`)),
		"getCode":               string(ok(`""`)),
	})}, nil)
	c, ctx := dialNode(t, node), soon(t)
	_, err := c.Receipt(ctx, common.MaxHash)
	require.True(t, chain.Is(err, chain.KindNotFound))
	_, err = c.Transaction(ctx, common.MaxHash)
	require.True(t, chain.Is(err, chain.KindNotFound))
	_, err = c.Block(ctx, 999999)
	require.True(t, chain.Is(err, chain.KindNotFound))
	_, err = c.GetBlockHashByNumber(ctx, 999999)
	require.True(t, chain.Is(err, chain.KindNotFound))
	code, err := c.Code(ctx, common.Address{})
	require.NoError(t, err)
	require.Empty(t, code)
}

func TestHeadFollowsPushes(t *testing.T) {
	t.Parallel()
	node := startNode(t, &fakeNode{handshake: fakeHandshake, answer: scripted(map[string]string{"getCode": string(ok(`""`))})}, nil)
	c, ctx := dialNode(t, node), soon(t)
	s := node.session(t)
	s.push("group0", 500)
	s.push("othergroup", 900)
	s.push("group0", 499)
	s.push("group0", -1)
	s.frame(0x101, "", []byte("no JSON"))
	s.frame(0x103, "", []byte("{}"))
	s.frame(0x7777, "", nil)
	_, err := c.Code(ctx, common.Address{}) // answers come behind the pushes
	require.NoError(t, err)
	head, err := c.Head(ctx)
	require.NoError(t, err)
	require.Equal(t, uint64(500), head.Number)
	require.Zero(t, node.seen("getBlockNumber"), "pushes need no polling")
}

func TestSend(t *testing.T) {
	t.Parallel()
	tx := signedCall(t, "send")
	var raw string
	node := startNode(t, &fakeNode{handshake: fakeHandshake, answer: func(_ *fakeSession, _, _ string, p []json.RawMessage) []byte {
		_ = json.Unmarshal(p[2], &raw)
		return ok(receiptFor(tx, 378))
	}}, nil)
	c := dialNode(t, node)
	receipt, err := c.Send(soon(t), tx)
	require.NoError(t, err)
	require.True(t, receipt.Succeeded)
	require.Equal(t, tx.Hash, receipt.TxHash)
	require.Equal(t, tx.Raw, unhex(t, raw))
}

func TestSendRefusesBeforeTheWire(t *testing.T) {
	t.Parallel()
	node := startNode(t, &fakeNode{handshake: fakeHandshake}, nil)
	c := dialNode(t, node)
	good := signedCall(t, "poison")
	poisoned := good
	poisoned.Raw = unhex(t, strings.Replace(callWire, "3d000041", "3d000041", 1))
	poisoned.Raw[len(poisoned.Raw)-1] = 27
	otherHash := good
	otherHash.Hash = common.MaxHash
	key, err := suite.ParseKey([]byte(vectorKey), suite.Standard)
	require.NoError(t, err)
	foreign := func(chainID, group string) chain.SignedTx {
		signed, err := tx.NewSigner(key, chainID, group).Sign(chain.Intent{To: &good.From}, good.Terms)
		require.NoError(t, err)
		return signed
	}
	for name, want := range map[string]struct {
		tx   chain.SignedTx
		kind chain.Kind
	}{
		"v 27":          {poisoned, chain.KindInvalid},
		"another hash":  {otherHash, chain.KindInvalid},
		"empty":         {chain.SignedTx{}, chain.KindInvalid},
		"another chain": {foreign("chain1", "group0"), chain.KindWrongChain},
		"another group": {foreign("chain0", "group1"), chain.KindWrongChain},
	} {
		_, err := c.Send(soon(t), want.tx)
		require.Equal(t, want.kind, chain.KindOf(err), name)
		require.True(t, chain.Unsent(err), name)
	}
	require.Zero(t, node.seen(opSend))
}

func TestAnswersOutOfOrderDoubleAndUnknown(t *testing.T) {
	t.Parallel()
	const n = 500
	var mu sync.Mutex
	held := map[string]json.RawMessage{}
	node := startNode(t, &fakeNode{handshake: fakeHandshake, answer: func(s *fakeSession, seq, _ string, p []json.RawMessage) []byte {
		mu.Lock()
		defer mu.Unlock()
		held[seq] = p[2]
		if len(held) < n {
			return nil
		}
		for seq, addr := range held { // all at once, in random order, twice
			for range 2 {
				s.frame(0, seq, ok(string(addr)))
			}
			s.frame(0, "00000000000000000000000000000000", ok(`"0xff"`))
			s.frame(0, seq[:31], ok(`"0xff"`))
		}
		return nil
	}}, nil)
	c, ctx := dialNode(t, node), soon(t)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			addr := common.BytesToAddress([]byte{byte(i >> 8), byte(i), 1})
			code, err := c.Code(ctx, addr)
			if err != nil || common.BytesToAddress(code) != addr {
				t.Errorf("request %d got %x, %v", i, code, err)
			}
		})
	}
	wg.Wait()
	require.Zero(t, c.conn.pending.count.Load())
}

func TestContextEndsAWaitAndTheLateAnswerIsDropped(t *testing.T) {
	t.Parallel()
	tx := signedCall(t, "late")
	arrived := make(chan string, 1)
	node := startNode(t, &fakeNode{handshake: fakeHandshake, answer: func(_ *fakeSession, seq, method string, _ []json.RawMessage) []byte {
		if method == opSend {
			arrived <- seq
			return nil
		}
		return ok("400")
	}}, nil)
	c := dialNode(t, node)

	ctx, cancel := context.WithCancel(context.Background())
	failed := make(chan error, 1)
	go func() {
		_, err := c.Send(ctx, tx)
		failed <- err
	}()
	seq := <-arrived
	cancel()
	err := <-failed
	require.True(t, chain.Is(err, chain.KindCanceled))
	require.Equal(t, chain.SentMaybe, sentOf(t, err))

	node.session(t).frame(0, seq, ok(receiptFor(tx, 378)))
	number, err := c.BlockNumber(soon(t)) // the connection goes on
	require.NoError(t, err)
	require.Equal(t, uint64(400), number)

	_, err = c.Send(ctx, tx) // it has ended already
	require.True(t, chain.Is(err, chain.KindCanceled))
	require.True(t, chain.Unsent(err))
	require.Zero(t, c.conn.pending.count.Load())
}

func TestConnectionLossEndsAllWaits(t *testing.T) {
	t.Parallel()
	const n = 200
	var arrived sync.WaitGroup
	arrived.Add(n)
	node := startNode(t, &fakeNode{handshake: fakeHandshake, answer: func(*fakeSession, string, string, []json.RawMessage) []byte {
		arrived.Done()
		return nil
	}}, nil)
	c := dialNode(t, node)
	failed := make(chan error, n)
	for i := range n {
		tx := signedCall(t, fmt.Sprint(i))
		go func() {
			_, err := c.Send(context.Background(), tx)
			failed <- err
		}()
	}
	arrived.Wait()
	node.session(t).reset()
	for range n {
		err := <-failed
		require.True(t, chain.Is(err, chain.KindUnavailable), "%v", err)
		require.Equal(t, chain.SentMaybe, sentOf(t, err))
	}
	<-c.Done()
	require.Error(t, c.Err())

	_, err := c.Send(context.Background(), signedCall(t, "afterwards"))
	require.True(t, chain.Is(err, chain.KindUnavailable))
	require.True(t, chain.Unsent(err), "nothing can be sent over a connection that has ended")
	_, err = c.Head(context.Background())
	require.True(t, chain.Is(err, chain.KindUnavailable))
	require.NoError(t, c.Close())
}

func TestCloseEndsWaits(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{})
	node := startNode(t, &fakeNode{handshake: fakeHandshake, answer: func(*fakeSession, string, string, []json.RawMessage) []byte {
		close(arrived)
		return nil
	}}, nil)
	c := dialNode(t, node)
	failed := make(chan error, 1)
	go func() {
		_, err := c.BlockNumber(context.Background())
		failed <- err
	}()
	<-arrived
	require.NoError(t, c.Close())
	require.True(t, chain.Is(<-failed, chain.KindUnavailable))
	require.ErrorIs(t, c.Err(), errClosed)
}

// What was not taken from the queue is proven unsent: the node does not read, the
// first large transaction fills the socket, the second waits behind it.
func TestWhatNeverLeftTheQueueIsUnsent(t *testing.T) {
	t.Parallel()
	node := startNode(t, &fakeNode{handshake: fakeHandshake, deaf: true}, nil)
	c := dialNode(t, node)
	signer := vectorSigner(t)
	large, err := signer.Sign(chain.Intent{To: &common.Address{}, Input: make([]byte, 12<<20)}, chain.Terms{Nonce: "1", BlockLimit: 500})
	require.NoError(t, err)
	first, second := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := c.Send(context.Background(), large)
		first <- err
	}()
	require.Eventually(t, func() bool { // taken by the writer
		shard := &c.conn.pending.shards[c.conn.pending.next.Load()%pendingShards]
		shard.mu.Lock()
		defer shard.mu.Unlock()
		for _, r := range shard.requests {
			if r.state.Load() == stateTaken {
				return true
			}
		}
		return false
	}, 20*time.Second, time.Millisecond)

	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		_, err := c.Send(ctx, signedCall(t, "second"))
		second <- err
	}()
	require.Eventually(t, func() bool { return len(c.conn.queue) == 1 }, 20*time.Second, time.Millisecond)
	cancel()
	err = <-second
	require.True(t, chain.Is(err, chain.KindCanceled))
	require.True(t, chain.Unsent(err))

	third := make(chan error, 1)
	go func() {
		_, err := c.Send(context.Background(), signedCall(t, "third"))
		third <- err
	}()
	require.Eventually(t, func() bool { return len(c.conn.queue) == 2 }, 20*time.Second, time.Millisecond)
	c.conn.end(fmt.Errorf("cut"))
	err = <-third
	require.True(t, chain.Is(err, chain.KindUnavailable))
	require.True(t, chain.Unsent(err))
	err = <-first
	require.True(t, chain.Is(err, chain.KindUnavailable))
	require.Equal(t, chain.SentMaybe, sentOf(t, err))
}

func TestInFlightIsBounded(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{}, 10)
	node := startNode(t, &fakeNode{handshake: fakeHandshake, answer: func(*fakeSession, string, string, []json.RawMessage) []byte {
		arrived <- struct{}{}
		return nil
	}}, nil)
	c := dialNode(t, node, func(cfg *DialConfig) { cfg.MaxInFlight = 3 })
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	for range 3 {
		wg.Go(func() { _, _ = c.BlockNumber(ctx) })
	}
	for range 3 {
		<-arrived
	}
	_, err := c.Send(ctx, signedCall(t, "one too many"))
	require.True(t, chain.Is(err, chain.KindOverloaded))
	require.True(t, chain.Unsent(err))
	cancel()
	wg.Wait()
}

func TestTooLargeARequestIsRefused(t *testing.T) {
	t.Parallel()
	node := startNode(t, &fakeNode{handshake: fakeHandshake}, nil)
	c := dialNode(t, node)
	tx, err := vectorSigner(t).Sign(chain.Intent{To: &common.Address{}, Input: make([]byte, 16<<20)}, chain.Terms{Nonce: "1", BlockLimit: 500})
	require.NoError(t, err)
	_, err = c.Send(soon(t), tx)
	require.True(t, chain.Is(err, chain.KindInvalid))
	require.True(t, chain.Unsent(err))
}

func TestBrokenFramesEndTheConnection(t *testing.T) {
	t.Parallel()
	for name, wire := range map[string]string{
		"empty":                   "",
		"short":                   "000001020000000000",
		"seq runs past the end":   "000000000000ffff0000",
		"text instead of a frame": "7b2269643a31",
	} {
		node := startNode(t, &fakeNode{handshake: fakeHandshake, answer: func(s *fakeSession, _, _ string, _ []json.RawMessage) []byte {
			s.bytes(unhex(t, wire))
			return nil
		}}, nil)
		c := dialNode(t, node)
		_, err := c.Send(soon(t), signedCall(t, name))
		require.True(t, chain.Is(err, chain.KindUnavailable), name)
		require.Equal(t, chain.SentMaybe, sentOf(t, err), name)
		require.ErrorIs(t, err, errBrokenFrame, name)
	}
}

func TestGarbageAnswersAreProtocolErrors(t *testing.T) {
	t.Parallel()
	for _, garbage := range []string{"", "null", "[]", `{"result":{"blockNumber":"x"}}`, `{"id":1}`, "\x00\xff", `{"result":-1}`} {
		node := startNode(t, &fakeNode{handshake: fakeHandshake, answer: func(*fakeSession, string, string, []json.RawMessage) []byte { return []byte(garbage) }}, nil)
		c := dialNode(t, node)
		_, err := c.BlockNumber(soon(t))
		require.True(t, chain.Is(err, chain.KindProtocol), "%q: %v", garbage, err)
		_, err = c.Send(soon(t), signedCall(t, "garbage"))
		require.True(t, chain.Is(err, chain.KindProtocol), "%q: %v", garbage, err)
		require.Equal(t, chain.SentMaybe, sentOf(t, err))
	}
}

func TestTooLargeAnAnswerEndsTheConnection(t *testing.T) {
	t.Parallel()
	node := startNode(t, &fakeNode{handshake: fakeHandshake, answer: func(s *fakeSession, seq, _ string, _ []json.RawMessage) []byte {
		s.frame(0, seq, make([]byte, maxMessage))
		return nil
	}}, nil)
	c := dialNode(t, node)
	_, err := c.BlockNumber(soon(t))
	require.True(t, chain.Is(err, chain.KindUnavailable))
	<-c.Done()
}

func TestLargeAnswersAreRead(t *testing.T) {
	t.Parallel()
	code := strings.Repeat("60", 4<<20)
	node := startNode(t, &fakeNode{handshake: fakeHandshake, answer: scripted(map[string]string{"getCode": string(ok(`"0x` + code + `"`)), "getBlockNumber": string(ok("1"))})}, nil)
	c := dialNode(t, node)
	got, err := c.Code(soon(t), common.Address{})
	require.NoError(t, err)
	require.Len(t, got, 4<<20)
	_, err = c.BlockNumber(soon(t))
	require.NoError(t, err)
}

// A node closes a peer that does not answer its pings (protocol §2.5).
func TestPingsOfTheNodeAreAnswered(t *testing.T) {
	t.Parallel()
	node := startNode(t, &fakeNode{handshake: fakeHandshake}, nil)
	dialNode(t, node)
	require.NoError(t, node.session(t).ws.Ping(soon(t)))
	require.NoError(t, node.session(t).ws.Ping(soon(t)))
}

func TestTextMessagesAreReadLikeBinary(t *testing.T) {
	t.Parallel()
	node := startNode(t, &fakeNode{handshake: fakeHandshake, answer: func(s *fakeSession, seq, _ string, _ []json.RawMessage) []byte {
		frame, err := AppendFrame(nil, Frame{Seq: []byte(seq), Payload: ok("12")})
		if err == nil {
			_ = s.ws.Write(context.Background(), websocket.MessageText, frame)
		}
		return nil
	}}, nil)
	number, err := dialNode(t, node).BlockNumber(soon(t))
	require.NoError(t, err)
	require.Equal(t, uint64(12), number)
}
