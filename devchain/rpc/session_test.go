package rpc

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"
)

func TestHandshakeSatisfiesOfficialClients(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, -1)
	e := w.endpoint(nil)
	p := e.dial()
	// As the C++ SDK sends it, with a final newline.
	seq := p.ask(typeHandshake, "{\"maxVersion\":2,\"minVersion\":0,\"moduleID\":2}\n")
	f := p.next(typeHandshake)
	require.Equal(t, seq, string(f.Seq))
	require.True(t, strings.HasSuffix(string(f.Payload), "}\n"))
	require.Equal(t, 1, strings.Count(string(f.Payload), "\n"))

	var reply struct {
		GroupBlockNumber []map[string]uint64
		GroupInfoList    []struct {
			ChainID, GroupID, GenesisConfig string
			IniConfig                       *string
			NodeList                        []struct {
				Name, NodeID, IniConfig string
				Type                    *int
				ServiceInfo             []map[string]any
				Protocol                struct{ CompatibilityVersion uint32 }
			}
		}
		ProtocolVersion int
	}
	require.NoError(t, json.Unmarshal(f.Payload, &reply))
	require.Equal(t, 2, reply.ProtocolVersion)
	require.Equal(t, []map[string]uint64{{"group0": 0}}, reply.GroupBlockNumber)
	require.Len(t, reply.GroupInfoList, 1)
	group := reply.GroupInfoList[0]
	require.Equal(t, "chain0", group.ChainID)
	require.NotNil(t, group.IniConfig)
	require.Len(t, group.NodeList, 1)
	node := group.NodeList[0]
	require.Equal(t, nodeID(w.key), node.Name)
	require.NotNil(t, node.Type)
	require.Equal(t, uint32(51380224), node.Protocol.CompatibilityVersion)
	require.NotEmpty(t, node.ServiceInfo)
	var ini map[string]any
	require.NoError(t, json.Unmarshal([]byte(node.IniConfig), &ini))
	require.Equal(t, false, ini["isWasm"])
	require.Equal(t, false, ini["smCryptoType"])
	var genesis map[string]any
	require.NoError(t, json.Unmarshal([]byte(group.GenesisConfig), &genesis))
	require.Equal(t, map[string]any{
		"blockTxCountLimit": 1000.0, "consensusLeaderPeriod": 1.0, "consensusType": "pbft", "txGasLimit": 3e9,
		"sealerList": []any{map[string]any{"nodeID": nodeID(w.key), "weight": 1.0}},
	}, genesis)
	require.Equal(t, "["+e.result("getGroupInfo", "group0")+"]", e.result("getGroupInfoList"))
	require.Contains(t, string(f.Payload), e.result("getGroupInfo", "group0"), "both say the same")
}

func TestHandshakeNegotiatesAsANodeDoes(t *testing.T) {
	t.Parallel()
	e := newWorld(t, 1, -1).endpoint(nil)
	for offer, want := range map[string]int{
		`{"minVersion":0,"maxVersion":0,"moduleID":2}`: 0,
		`{"minVersion":0,"maxVersion":1,"moduleID":2}`: 1,
		`{"minVersion":1,"maxVersion":9,"moduleID":2}`: 2,
		`{"minVersion":0,"maxVersion":2,"moduleID":0}`: 2,
		`{"minVersion":0,"maxVersion":2}`:              2,
		`{}`:                                           0,
	} {
		p := e.dial()
		for range 2 { // a second handshake on a session works
			p.ask(typeHandshake, offer)
			require.Contains(t, string(p.next(typeHandshake).Payload), fmt.Sprintf(`"protocolVersion":%d}`, want), offer)
		}
	}
	for _, offer := range []string{
		`{"minVersion":0,"maxVersion":2,"moduleID":9}`, `{"minVersion":"0","maxVersion":"2","moduleID":2}`, "hello", "",
	} {
		p := e.dial()
		p.ask(typeHandshake, offer)
		p.ask(typeRPC, rpcText("getBlockNumber", "group0", ""))
		require.Equal(t, uint16(typeReply), p.next(typeHandshake, typeReply).Type, "%q stays unanswered, and the session goes on", offer)
	}
	p := e.dial()
	p.ask(typeHandshake, `{"minVersion":5,"maxVersion":6,"moduleID":2}`)
	p.ended()
}

func TestRequestsNeedNoHandshakeAndKeepSeqAndExt(t *testing.T) {
	t.Parallel()
	p := newWorld(t, 1, -1).endpoint(nil).dial()
	const body = `{"jsonrpc":"2.0","id":1,"method":"getBlockNumber","params":["group0",""]}`
	for _, f := range []frame{
		{Seq: []byte("0000000000000000000000005e900015")},
		{Seq: []byte("a"), Ext: 0x10},
		{Ext: 1},
		{Version: 7, Status: 5, Seq: []byte(strings.Repeat("s", 300))},
		{Seq: []byte{0, 0xff, '"', '\n'}},
	} {
		f.Type, f.Payload = typeRPC, []byte(body)
		p.send(f)
		got := p.next(typeReply)
		want := frame{Type: typeReply, Seq: f.Seq, Ext: f.Ext, Payload: []byte(`{"id":1,"jsonrpc":"2.0","result":0}`)}
		require.Equal(t, want.bytes(), got.bytes())
	}
	p.ask(typeRPC, "{bad")
	require.Equal(t, invalidAnswer, string(p.next(typeReply).Payload))

	text := frame{Type: typeRPC, Seq: []byte("t"), Payload: []byte(body)}
	require.NoError(t, p.ws.Write(t.Context(), websocket.MessageText, text.bytes()))
	require.Equal(t, "t", string(p.next(typeReply).Seq), "text messages are served, too")
}

func TestUnknownTypesAreIgnored(t *testing.T) {
	t.Parallel()
	p := newWorld(t, 1, -1).endpoint(nil).dial()
	for _, kind := range []uint16{0x0000, 0x0104, 0x0999, 0xffff, typeBlockNotify, 0x0103, typeEventPush, typeAMOPResponse, typeAMOPSubTopic} {
		p.ask(kind, `{"topics":"x"}`)
	}
	require.Contains(t, p.call("getBlockNumber"), `"result":0`, "the first answer is to the request")
}

func TestAMOPFindsNobody(t *testing.T) {
	t.Parallel()
	p := newWorld(t, 1, -1).endpoint(nil).dial()
	p.ask(typeAMOPSubTopic, "{\"topics\":[]}\n")
	p.ask(typeAMOPBroadcast, "\x00\x00\x00\x00\x00\x05topicto all")
	seq := p.ask(typeAMOPRequest, "\x00\x00\x00\x00\x00\x06nobodyhello")
	f := p.next(typeReply)
	require.Equal(t, seq, string(f.Seq))
	require.Equal(t, int16(3001), f.Status)
	require.Equal(t, "there has no node subscribe this topic, topic: nobody", string(f.Payload))
}

func TestPoisonEndsTheSessionAndNoOther(t *testing.T) {
	t.Parallel()
	e := newWorld(t, 1, -1).endpoint(nil)
	other := e.dial()
	for name, message := range map[string][]byte{
		"empty message":              {},
		"nine bytes":                 unhex(t, "000001020000000000"),
		"seq behind the end":         unhex(t, "00000102000000c8616263640000"),
		"longest seq, nothing there": unhex(t, "000001020000ffff0000"),
		"AMOP request cut off":       frame{Type: typeAMOPRequest, Payload: []byte("\x00\x00\x00")}.bytes(),
		"AMOP topic behind the end":  frame{Type: typeAMOPRequest, Payload: []byte("\x00\x00\x00\x00\xff\xfftopic")}.bytes(),
		"AMOP broadcast cut off":     frame{Type: typeAMOPBroadcast, Payload: []byte("x")}.bytes(),
	} {
		t.Run(name, func(t *testing.T) {
			p := e.dial()
			p.sendBytes(message)
			p.ended()
		})
	}
	require.Contains(t, other.call("getBlockNumber"), `"result":0`)
	require.Equal(t, "0", e.result("getBlockNumber"))
}

// upgraded is a raw connection after a WebSocket upgrade.
func upgraded(t *testing.T, e *endpoint) net.Conn {
	t.Helper()
	conn, err := e.dialer(t.Context(), "tcp", e.address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	_, err = conn.Write([]byte("GET / HTTP/1.1\r\nHost: node\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\nSec-WebSocket-Version: 13\r\n\r\n"))
	require.NoError(t, err)
	head := readUntil(t, conn, "\r\n\r\n")
	require.True(t, strings.HasPrefix(head, "HTTP/1.1 101 "), head)
	require.Contains(t, head, "Bz3qJYTGdOe8gUSpLosEdiLKDrk=", "the accept key of this request")
	require.NotContains(t, strings.ToLower(head), "sec-websocket-extensions")
	return conn
}

func readUntil(t *testing.T, conn net.Conn, end string) string {
	t.Helper()
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(patience)))
	var got []byte
	for one := make([]byte, 1); !strings.HasSuffix(string(got), end); got = append(got, one...) {
		_, err := conn.Read(one)
		require.NoError(t, err)
	}
	return string(got)
}

func TestMessageOverTheLimitEndsTheSession(t *testing.T) {
	t.Parallel()
	e := newWorld(t, 1, -1).endpoint(nil)
	for name, head := range map[string]string{
		"four GiB announced":          "\x82\xff\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00",
		"a length beyond all numbers": "\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00",
	} {
		conn := upgraded(t, e)
		_, err := conn.Write([]byte(head))
		require.NoError(t, err)
		// It may wait for the bytes that were announced; they must not cost memory,
		// and after the limit the session ends.
		block := make([]byte, 1<<20)
		for range maxMessage>>20 + 16 {
			if _, err = conn.Write(block); err != nil {
				break
			}
		}
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(patience)))
		for one := make([]byte, 512); err == nil; _, err = conn.Read(one) {
		}
		var timeout net.Error
		require.False(t, errorAs(err, &timeout) && timeout.Timeout(), "%s: the session still lives", name)
	}
	require.Equal(t, "0", e.result("getBlockNumber"))
}

func TestALargeMessageBelowTheLimitIsServed(t *testing.T) {
	t.Parallel()
	p := newWorld(t, 1, -1).endpoint(nil).dial()
	p.ask(typeRPC, strings.Repeat("x", maxMessage-frameHead-32)) // the seq has 32 bytes
	require.Equal(t, invalidAnswer, string(p.next(typeReply).Payload))
}

func TestAnswersComeOutOfOrderAndEveryBlockIsAnnounced(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, -1)
	e := w.endpoint(nil)
	sender, watcher := e.dial(), e.dial()
	watcher.call("getBlockNumber") // it is connected
	require.NoError(t, w.chain.SetSealing(t.Context(), false))
	write := sender.ask(typeRPC, rpcText("sendTransaction", "group0", "", w.signed(nil, unhex(t, emitterInit), ""), false))
	read := sender.ask(typeRPC, rpcText("getBlockNumber", "group0", ""))
	require.Equal(t, read, string(sender.next(typeReply).Seq), "the read is not held up")
	require.NoError(t, w.chain.SetSealing(t.Context(), true))
	answer := sender.next(typeReply)
	require.Equal(t, write, string(answer.Seq))
	require.Contains(t, string(answer.Payload), `"blockNumber":1`)

	notice := watcher.next(typeBlockNotify)
	require.Empty(t, notice.Seq)
	require.Equal(t, "{\n\t\"blockNumber\" : 1,\n\t\"group\" : \"group0\",\n\t\"nodeName\" : \""+nodeID(w.key)+"\"\n}\n", string(notice.Payload))

	for number := 2; number <= 5; number++ {
		w.deploy()
		require.Contains(t, string(watcher.next(typeBlockNotify).Payload), fmt.Sprintf(": %d,", number))
	}
}

func TestManyRequestsInFlightAreAllAnswered(t *testing.T) {
	t.Parallel()
	const count = maxRequests + maxRequests/2
	p := newWorld(t, 1, -1).endpoint(nil).dial()
	go func() {
		for range count {
			f := frame{Type: typeRPC, Seq: []byte("x"), Payload: []byte(rpcText("getBlockNumber"))}
			if p.ws.Write(context.Background(), websocket.MessageBinary, f.bytes()) != nil {
				return
			}
		}
	}()
	for range count {
		p.next(typeReply)
	}
}

func TestSilentPeerIsPingedAndThenGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := newWorld(t, 1, -1).piped(nil)
		conn := upgraded(t, e)
		began := time.Now()
		require.NoError(t, conn.SetReadDeadline(began.Add(patience)))
		head := make([]byte, 2)
		_, err := conn.Read(head)
		require.NoError(t, err)
		require.Equal(t, byte(0x89), head[0], "a ping")
		require.Equal(t, 5*time.Second, time.Since(began))
		for err == nil {
			_, err = conn.Read(head)
			require.NotEqual(t, byte(0x88), head[0], "no close frame")
		}
		require.Equal(t, 10*time.Second, time.Since(began))
		require.ErrorIs(t, err, io.EOF, "it was closed")
	})
}

func TestPeerThatAnswersPingsStays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := newWorld(t, 1, -1).piped(nil)
		pings := make(chan struct{}, 100)
		ws, _, err := websocket.Dial(t.Context(), "ws"+e.url()[4:], &websocket.DialOptions{
			HTTPClient:     e.client(),
			OnPingReceived: func(context.Context, []byte) bool { pings <- struct{}{}; return true },
		})
		require.NoError(t, err)
		defer ws.CloseNow()
		ended := ws.CloseRead(t.Context())
		for range 15 { // well past CloseAfter
			select {
			case <-pings:
			case <-ended.Done():
				require.Fail(t, "the session was closed")
			case <-time.After(6 * time.Second):
				require.Fail(t, "no ping came")
			}
		}
	})
}

func TestPeerThatDoesNotReadIsGivenUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, -1)
	e := w.endpoint(func(cfg *Config) { cfg.WriteTimeout = 500 * time.Millisecond }) // over a socket, whose buffers have to be full
	conn := upgraded(t, e)
	f := frame{Type: typeRPC, Payload: []byte(rpcText("getGroupInfoList", strings.Repeat("x", 200)))} // some kilobytes come back
	message := append([]byte{0x82, 0xfe, byte(len(f.bytes()) >> 8), byte(len(f.bytes())), 0, 0, 0, 0}, f.bytes()...)
	require.NoError(t, conn.SetWriteDeadline(time.Now().Add(patience)))
	var err error
	for err == nil { // until the node has closed
		_, err = conn.Write(message)
	}
	var timeout net.Error
	require.False(t, errorAs(err, &timeout) && timeout.Timeout(), "the node neither read nor closed")
	require.Eventually(t, func() bool {
		e.server.mu.Lock()
		defer e.server.mu.Unlock()
		return len(e.server.sessions) == 0
	}, patience, time.Millisecond)
}

func TestUpgradeAsksForNothingButTheTwoHeaders(t *testing.T) {
	t.Parallel()
	e := newWorld(t, 1, -1).endpoint(nil)
	ws, res, err := websocket.Dial(t.Context(), "ws"+e.url()[4:]+"/any?x=1", &websocket.DialOptions{
		Subprotocols: []string{"a", "b"}, CompressionMode: websocket.CompressionContextTakeover,
		HTTPHeader: http.Header{"Origin": {"http://example.org"}},
	})
	require.NoError(t, err)
	require.Empty(t, ws.Subprotocol())
	require.Empty(t, res.Header.Get("Sec-WebSocket-Extensions"))
	require.NoError(t, ws.Close(websocket.StatusNormalClosure, ""), "a close is answered")
}

func FuzzSessionFrames(f *testing.F) {
	f.Add([]byte("hello"))
	f.Add(frame{Type: typeHandshake, Payload: []byte(`{"maxVersion":2}`)}.bytes())
	f.Add(frame{Type: typeEventSubscribe, Payload: []byte(`{"id":1,"group":"group0","params":{"topics":[null,"x",["y"]]}}`)}.bytes())
	f.Add(frame{Type: typeAMOPRequest, Payload: []byte("\x00\x00\x00\x00\x00\x06nobodyhello")}.bytes())
	f.Fuzz(func(t *testing.T, message []byte) {
		parsed, err := parseFrame(message)
		if err != nil {
			return
		}
		_, _ = amopTopic(parsed.Payload)
		if r, ok := parseSubscribe(parsed.Payload); ok {
			log := emitted(1, "ab")
			r.filter.matches(&log)
		}
		_, _ = parseUnsubscribe(parsed.Payload)
		_, _ = parseRequest(parsed.Payload)
	})
}
