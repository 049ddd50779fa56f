package fisco

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/fisco/shield"
	"github.com/bcosgate/bcosgate/internal/golden"
)

func TestSubscribePayload(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		filter   EventFilter
		from, to uint64
		want     string // null to be refused
	}{
		"any": {EventFilter{}, 7, 9, `{"id":"i","group":"g","params":{"fromBlock":7,"toBlock":9,"addresses":[],"topics":[]}}`},
		"all": {EventFilter{
			Addresses: []common.Address{common.HexToAddress("0x6849F21D1E455E9F0712B1E99FA4FCD23758E8F1")},
			Topics:    [][]common.Hash{nil, {common.HexToHash("0xAB")}, {}, {{1}, {2}}},
		}, 1, 1, `{"id":"i","group":"g","params":{"fromBlock":1,"toBlock":1,"addresses":["6849f21d1e455e9f0712b1e99fa4fcd23758e8f1"],"topics":[null,
			["00000000000000000000000000000000000000000000000000000000000000ab"],null,
			["0100000000000000000000000000000000000000000000000000000000000000","0200000000000000000000000000000000000000000000000000000000000000"]]}}`},
		"ends before it begins": {EventFilter{}, 9, 8, ""},
		"five topics":           {EventFilter{Topics: make([][]common.Hash, 5)}, 1, 2, ""},
		"too many addresses":    {EventFilter{Addresses: make([]common.Address, 1001)}, 1, 2, ""},
	} {
		payload, err := c.filter.subscribePayload("i", "g", c.from, c.to)
		if c.want == "" {
			require.True(t, chain.Is(err, chain.KindInvalid), "%s: %v", name, err)
			require.True(t, chain.Unsent(err), name)
			var refusal *shield.Refusal
			require.ErrorAs(t, err, &refusal, name)
			continue
		}
		require.NoError(t, err, name)
		require.JSONEq(t, c.want, string(payload), name)
	}
}

// Every recorded subscription in the forms that match at a node comes out of our
// encoder as the same; the others are requests that we cannot make.
func TestRecordedSubscriptions(t *testing.T) {
	t.Parallel()
	same := 0
	for _, name := range golden.Files(t, "ws/*.txt") {
		for _, m := range golden.Messages(t, name) {
			f, err := ParseFrame(m.Data)
			if err != nil || !m.Sent {
				continue
			}
			switch f.Type {
			case FrameEventSubscribe:
				filter, r, ok := strictFilter(f.Payload)
				if !ok {
					continue
				}
				payload, err := filter.subscribePayload(r.ID, r.Group, r.Params.FromBlock, r.Params.ToBlock)
				require.NoError(t, err, "%s:%d", name, m.Line)
				require.JSONEq(t, withLists(t, f.Payload), string(payload), "%s:%d", name, m.Line)
				same++
			case FrameEventUnsubscribe:
				var r eventMessage
				require.NoError(t, json.Unmarshal(f.Payload, &r))
				payload, err := unsubscribePayload(r.ID, "group0")
				require.NoError(t, err)
				require.NoError(t, shield.Unsubscription(opUnsubscribe, payload), "%s:%d", name, m.Line)
				if strings.Contains(string(f.Payload), `"group":"group0"`) {
					require.JSONEq(t, string(f.Payload), string(payload), "%s:%d", name, m.Line)
					same++
				}
			}
		}
	}
	if golden.Whole() {
		require.Greater(t, same, 20)
	}
}

// strictFilter reads a subscription back if it is one that we would make.
func strictFilter(payload []byte) (f EventFilter, r subscribeJSON, ok bool) {
	if json.Unmarshal(payload, &r) != nil || r.ID == "" || r.Group == "" {
		return f, r, false
	}
	if r.Params.ToBlock < max(1, r.Params.FromBlock) || r.Params.FromBlock == 0 || len(r.Params.Topics) > 4 {
		return f, r, false
	}
	for _, a := range r.Params.Addresses {
		b, err := hex.DecodeString(a)
		if err != nil || len(b) != common.AddressLength || a != strings.ToLower(a) {
			return f, r, false
		}
		f.Addresses = append(f.Addresses, common.Address(b))
	}
	for _, position := range r.Params.Topics {
		alternatives := []common.Hash{}
		for _, topic := range position {
			b, err := hex.DecodeString(topic)
			if err != nil || len(b) != common.HashLength || topic != strings.ToLower(topic) {
				return f, r, false
			}
			alternatives = append(alternatives, common.Hash(b))
		}
		f.Topics = append(f.Topics, alternatives)
	}
	return f, r, true
}

// withLists writes what a recorded request leaves out or says in another way: no
// list and an empty one are the same to a node.
func withLists(t *testing.T, payload []byte) string {
	t.Helper()
	var r map[string]any
	require.NoError(t, json.Unmarshal(payload, &r))
	params := r["params"].(map[string]any)
	for _, name := range []string{"addresses", "topics"} {
		if params[name] == nil {
			params[name] = []any{}
		}
	}
	for i, position := range params["topics"].([]any) {
		if list, ok := position.([]any); ok && len(list) == 0 {
			params["topics"].([]any)[i] = nil
		}
	}
	out, err := json.Marshal(r)
	require.NoError(t, err)
	return string(out)
}

// Every recorded answer and push is understood, and nothing of it is lost.
func TestRecordedEvents(t *testing.T) {
	t.Parallel()
	pushes, refused := 0, 0
	for _, name := range golden.Files(t, "ws/*.txt") {
		for _, m := range golden.Messages(t, name) {
			f, err := ParseFrame(m.Data)
			if err != nil || m.Sent || f.Type < FrameEventSubscribe || f.Type > FrameEventPush {
				continue
			}
			var message eventMessage
			require.NoError(t, json.Unmarshal(f.Payload, &message), "%s:%d", name, m.Line)
			if message.Status != eventStatusOK && message.Status != eventStatusEnd {
				require.True(t, chain.Is(eventError(opSubscribe, message.Status), chain.KindInvalid, chain.KindWrongChain, chain.KindNotFound), "%s:%d", name, m.Line)
				refused++
			}
			if f.Type != FrameEventPush || message.Status != eventStatusOK {
				continue
			}
			events, err := decodeEvents(message.Result)
			require.NoError(t, err, "%s:%d", name, m.Line)
			require.JSONEq(t, string(message.Result), pushText(t, events), "%s:%d", name, m.Line)
			pushes++
		}
	}
	if golden.Whole() {
		require.Greater(t, pushes, 100)
		require.Positive(t, refused)
	}
}

// pushText writes events as a node pushes them.
func pushText(t testing.TB, events []Event) string {
	t.Helper()
	list := []map[string]any{}
	for _, e := range events {
		topics := []string{}
		for _, topic := range e.Topics {
			topics = append(topics, topic.Hex())
		}
		list = append(list, map[string]any{
			"blockNumber": e.Block, "address": hex.EncodeToString(e.Address[:]), "data": "0x" + hex.EncodeToString(e.Data), "topics": topics,
			"logIndex": e.LogIndex, "transactionHash": e.TxHash.Hex(), "transactionIndex": e.TxIndex,
		})
	}
	text, err := json.Marshal(list)
	require.NoError(t, err)
	return string(text)
}

func TestEventsThatAreBroken(t *testing.T) {
	t.Parallel()
	const (
		tx      = `"transactionHash":"0x00000000000000000000000000000000000000000000000000000000000000ab"`
		address = `"address":"6849f21d1e455e9f0712b1e99fa4fcd23758e8f1"`
		block   = `"blockNumber":1`
	)
	for _, good := range []string{"", "null", "[]", `[{` + tx + `,` + address + `,` + block + `,"more":[1]}]`} {
		_, err := decodeEvents([]byte(good))
		require.NoError(t, err, good)
	}
	for _, bad := range []string{
		"{}", "[1]", `[{` + tx + `,` + address + `}]`, `[{` + tx + `,` + block + `}]`, `[{` + address + `,` + block + `}]`,
		`[{` + tx + `,` + address + `,"blockNumber":-1}]`, `[{` + tx + `,` + address + `,"blockNumber":1.5}]`,
		`[{` + tx + `,` + address + `,` + block + `,"topics":["0xab"]}]`, `[{` + tx + `,` + address + `,` + block + `,"data":"0xabc"}]`,
		`[{` + tx + `,` + address + `,` + block + `,"logIndex":-1}]`, `[{` + tx + `,` + address + `,` + block + `,"transactionIndex":-1}]`,
	} {
		_, err := decodeEvents([]byte(bad))
		require.ErrorIs(t, err, errEvent, bad)
	}
}

func TestEventStatuses(t *testing.T) {
	t.Parallel()
	require.NoError(t, eventError(opSubscribe, 0))
	require.NoError(t, eventError(opSubscribe, 1))
	for status, kind := range map[int]chain.Kind{
		-41000: chain.KindInvalid, -41001: chain.KindInvalid, -41002: chain.KindWrongChain, -41003: chain.KindInvalid, -41004: chain.KindProtocol,
		-41005: chain.KindTimeout, -41006: chain.KindDenied, -41007: chain.KindNotFound, -1: chain.KindNode, 2: chain.KindNode,
	} {
		var e *chain.Error
		require.True(t, errors.As(eventError(opSubscribe, status), &e))
		require.Equal(t, kind, e.Kind, "%d", status)
		require.Equal(t, status, e.Code)
		require.Equal(t, chain.SentNo, e.Sent)
	}
}

func TestSubscribeRefusesRangesBeforeTheWire(t *testing.T) {
	t.Parallel()
	node := startNode(t, &fakeNode{handshake: fakeHandshake, frames: func(_ *fakeSession, f fakeFrame) {
		t.Errorf("a frame of type %x was sent", f.typ)
	}}, nil)
	c := dialNode(t, node)
	for _, f := range []EventFilter{
		{FromBlock: 10, ToBlock: 9}, {ToBlock: 1}, {FromBlock: math.MaxInt64 + 1}, {ToBlock: math.MaxUint64}, {Topics: make([][]common.Hash, 5)},
	} {
		_, err := c.Subscribe(context.Background(), f)
		require.True(t, chain.Is(err, chain.KindInvalid), "%+v: %v", f, err)
		require.True(t, chain.Unsent(err))
	}
}

func FuzzEventPush(f *testing.F) {
	f.Add([]byte(`{"id":"a","status":1}`))
	f.Add([]byte(`{"id":"a","status":0,"result":[{"blockNumber":2,"address":"6849f21d1e455e9f0712b1e99fa4fcd23758e8f1","data":"0x",` +
		`"topics":["0x00000000000000000000000000000000000000000000000000000000000000ab"],"logIndex":0,` +
		`"transactionHash":"0x00000000000000000000000000000000000000000000000000000000000000ab","transactionIndex":0}]}`))
	f.Add([]byte(`{"result":[{"blockNumber":18446744073709551615}]}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		var m eventMessage
		if json.Unmarshal(payload, &m) != nil {
			return
		}
		events, err := decodeEvents(m.Result)
		if err != nil {
			require.ErrorIs(t, err, errEvent)
			return
		}
		again, err := decodeEvents([]byte(pushText(t, events)))
		require.NoError(t, err)
		require.Len(t, again, len(events))
		for i := range events {
			if len(events[i].Data) == 0 {
				events[i].Data, again[i].Data = nil, nil
			}
		}
		if len(events) > 0 {
			require.Equal(t, events, again)
		}
	})
}

// Whatever a node pushes, the reading goroutine neither panics nor waits.
func FuzzPushFrames(f *testing.F) {
	f.Add(uint16(FrameEventPush), []byte(nil), []byte(`{"id":"id","status":0,"result":[]}`))
	f.Add(uint16(FrameEventPush), []byte(nil), []byte(`{"id":"id","status":1}`))
	f.Add(uint16(FrameAMOPRequest), []byte("seq"), []byte("\x00\x00\x00\x00\x00\x05topichello"))
	f.Add(uint16(FrameAMOPBroadcast), []byte(nil), []byte("\x00\x00\x00\x00\x00\xc8short"))
	f.Add(uint16(FrameBlockNotify), []byte(nil), []byte(`{"blockNumber":1,"group":"group0"}`))
	f.Add(uint16(FrameGroupNotify), []byte(nil), []byte(`{"chainID":"chain0","groupID":"group0"}`))
	f.Fuzz(func(t *testing.T, typ uint16, seq, payload []byte) {
		release := make(chan struct{})
		cfg := DialConfig{ChainID: "chain0", Group: "group0", OnAMOP: func(AMOPMessage) []byte { <-release; return nil }}
		cfg.setDefaults()
		c := newClient(cfg)
		c.conn = &conn{closed: make(chan struct{}), queue: make(chan *request, queueLen)}
		c.amopWanted.Store(true)
		full := &feed{client: c, id: "id", wake: make(chan struct{}, 1)}
		c.feeds["id"] = full
		for range max(feedLen, amopHandlers) + 3 {
			c.push(Frame{Type: FrameType(typ), Seq: seq, Payload: payload})
		}
		require.LessOrEqual(t, len(full.pushes), feedLen)
		close(release)
		c.stop()
		c.owned.wait()
	})
}
