package rpc

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/devchain"
)

func errorAs(err error, target any) bool { return err != nil && errors.As(err, target) }

// emitted is the log of an emitter at address number n.
func emitted(n byte, words ...string) devchain.Log {
	log := devchain.Log{Address: common.Address{19: n}, Topics: []common.Hash{common.HexToHash("aa")}}
	for _, word := range words {
		log.Topics = append(log.Topics, common.HexToHash(word))
	}
	return log
}

func TestEventFilterMatchesAsANodeDoes(t *testing.T) {
	t.Parallel()
	one, aa := "0000000000000000000000000000000000000001", strings.Repeat("0", 62)+"aa"
	mixed := "00000000000000000000000000000000000000aB"
	for _, c := range []struct {
		addresses, topics string
		want              bool
	}{
		{``, ``, true},
		{`[]`, `[]`, true},
		{`["` + one + `"]`, `[]`, true},
		{`["0x` + one + `"]`, `[]`, true},
		{`["` + mixed + `","` + one + `"]`, `null`, true},
		{`["` + mixed + `"]`, ``, false},
		{`["xyz"]`, ``, false},
		{`"` + mixed + `"`, `"` + one + `"`, true}, // no lists: any
		{`[]`, `[["` + aa + `"]]`, true},
		{`[]`, `[["0x` + strings.ToUpper(aa) + `"]]`, true},
		{`[]`, `["` + aa + `"]`, true},
		{`[]`, `["0x` + aa + `"]`, false}, // a lone string is compared as it is
		{`[]`, `["` + strings.ToUpper(aa) + `"]`, false},
		{`[]`, `[null,["` + aa + `"]]`, false},
		{`[]`, `[[],null,[]]`, true},
		{`[]`, `[["` + strings.Repeat("0", 64) + `","` + aa + `"],["` + strings.Repeat("0", 62) + `cc"]]`, true},
		{`[]`, `[null,null,["` + aa + `"]]`, false}, // the log has two topics
		{`[]`, `[null,null,null,null,["` + aa + `"]]`, true},
	} {
		f := newEventFilter(json.RawMessage(c.addresses), json.RawMessage(c.topics))
		log := emitted(1, "cc")
		require.Equal(t, c.want, f.matches(&log), "addresses %s topics %s", c.addresses, c.topics)
	}
	upper := newEventFilter(json.RawMessage(`["00000000000000000000000000000000000000AB"]`), nil)
	log := emitted(0xab)
	require.False(t, upper.matches(&log), "addresses in upper case never match")
}

func word(n int) string { return fmt.Sprintf("%064x", n) }

// status is the next answer or completion of a subscription.
func (p *peer) status(kind uint16) string { p.t.Helper(); return string(p.next(kind).Payload) }

func subscribeText(id string, from, to int, extra string) string {
	return fmt.Sprintf(`{"id":%q,"group":"group0","params":{"fromBlock":%d,"toBlock":%d%s}}`, id, from, to, extra)
}

// pushed is the block, the second topic and the log index of each log of a push.
func pushed(t *testing.T, f frame) (id string, logs []string) {
	t.Helper()
	require.Empty(t, f.Seq)
	require.True(t, strings.HasSuffix(string(f.Payload), "}\n"))
	var push eventPush
	require.NoError(t, json.Unmarshal(f.Payload, &push))
	for _, log := range push.Result {
		require.NotContains(t, log.Address, "0x")
		logs = append(logs, fmt.Sprint(log.BlockNumber, " ", common.HexToHash(log.Topics[1]).Big(), " ", log.LogIndex))
	}
	return push.ID, logs
}

func TestEventHistoryIsPushedBlockByBlockAndCompleted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, -1)
	contract := w.deploy() // block 1
	for n := range 15 {
		w.send(&contract, word(n), "") // blocks 2 to 16
	}
	p := w.endpoint(nil).dial()
	seq := p.ask(typeEventSubscribe, subscribeText("h", 1, 16, fmt.Sprintf(`,"addresses":["%x"],"topics":[]`, contract)))
	reply := p.next(typeEventSubscribe)
	require.Equal(t, seq, string(reply.Seq))
	require.Equal(t, "{\"id\":\"h\",\"status\":0}\n", string(reply.Payload))
	for n := range 15 {
		id, logs := pushed(t, p.next(typeEventPush))
		require.Equal(t, "h", id)
		require.Equal(t, []string{fmt.Sprint(n+2, " ", n, " 0")}, logs)
	}
	require.Equal(t, "{\"id\":\"h\",\"status\":1}\n", p.status(typeEventPush))

	// One topic, and its exact text.
	p.ask(typeEventSubscribe, subscribeText("h", 2, 16, `,"topics":[null,["`+word(3)+`"]]`))
	p.next(typeEventSubscribe)
	res := w.chain
	block, err := res.BlockByNumber(5)
	require.NoError(t, err)
	require.Equal(t, fmt.Sprintf(`{"id":"h","result":[{"address":"%x","blockNumber":5,"data":"0x%s","logIndex":0,"topics":["0x%064x","0x%s"],"transactionHash":"%s","transactionIndex":0}],"status":0}`+"\n",
		contract, word(3), 0xaa, word(3), block.TxHashes[0]), p.status(typeEventPush))
	require.Equal(t, "{\"id\":\"h\",\"status\":1}\n", p.status(typeEventPush))

	// toBlock 0: one batch of ten blocks.
	p.ask(typeEventSubscribe, subscribeText("z", 2, 0, ""))
	for n := range 10 {
		_, logs := pushed(t, p.next(typeEventPush))
		require.Equal(t, []string{fmt.Sprint(n+2, " ", n, " 0")}, logs)
	}
	require.Equal(t, "{\"id\":\"z\",\"status\":1}\n", p.status(typeEventPush))
}

func TestLiveEventsBeginWithTheHeadAndEndWithUnsubscribe(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, -1)
	contract := w.deploy()
	w.send(&contract, word(7), "") // block 2, the head
	e := w.endpoint(nil)
	p := e.dial()
	p.ask(typeEventSubscribe, `{"id":"l","group":"group0","params":{}}`)
	require.Equal(t, "{\"id\":\"l\",\"status\":0}\n", p.status(typeEventSubscribe))
	_, logs := pushed(t, p.next(typeEventPush))
	require.Equal(t, []string{"2 7 0"}, logs)

	// The same id again changes nothing.
	p.ask(typeEventSubscribe, subscribeText("l", 1, 1, `,"addresses":["xyz"]`))
	require.Equal(t, "{\"id\":\"l\",\"status\":0}\n", p.status(typeEventSubscribe))
	w.send(&contract, word(8), "")
	_, logs = pushed(t, p.next(typeEventPush))
	require.Equal(t, []string{"3 8 0"}, logs)

	seq := p.ask(typeEventUnsubscribe, `{"id":"l","group":"group0"}`)
	reply := p.next(typeEventUnsubscribe)
	require.Equal(t, seq, string(reply.Seq))
	require.Equal(t, "{\"id\":\"l\",\"status\":0}\n", string(reply.Payload))
	w.send(&contract, word(9), "") // block 4: nobody wants it
	p.ask(typeEventSubscribe, subscribeText("m", 5, 6, ""))
	w.send(&contract, word(10), "") // block 5
	id, logs := pushed(t, p.next(typeEventPush))
	require.Equal(t, "m", id)
	require.Equal(t, []string{"5 10 0"}, logs)
	w.deploy() // block 6, without logs
	require.Equal(t, "{\"id\":\"m\",\"status\":1}\n", p.status(typeEventPush))
}

func TestSubscriptionsEndWithTheirSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, -1)
	contract := w.deploy()
	e := w.endpoint(nil)
	first, second := e.dial(), e.dial()
	for _, p := range []*peer{first, second} {
		p.ask(typeEventSubscribe, subscribeText("same id", -1, -1, ""))
		p.next(typeEventSubscribe)
	}
	require.NoError(t, first.ws.CloseNow())
	w.send(&contract, word(1), "")
	_, logs := pushed(t, second.next(typeEventPush))
	require.Equal(t, []string{"2 1 0"}, logs)
	require.Eventually(t, func() bool {
		e.server.mu.Lock()
		defer e.server.mu.Unlock()
		return len(e.server.sessions) == 1
	}, patience, time.Millisecond)
}

func TestEventRequestsThatAreWrongGetTheirStatus(t *testing.T) {
	t.Parallel()
	p := newWorld(t, 1, -1).endpoint(nil).dial()
	const invalid = "{\"id\":\"\",\"status\":-41000}\n"
	for _, c := range []struct {
		kind          uint16
		payload, want string
	}{
		{typeEventSubscribe, `{"group":"group0","params":{"fromBlock":-1,"toBlock":-1}}`, invalid},
		{typeEventSubscribe, `{"id":"11","params":{"fromBlock":-1,"toBlock":-1}}`, invalid},
		{typeEventSubscribe, `{"id":"12","group":"group0"}`, invalid},
		{typeEventSubscribe, `{"id":"12","group":"group0","params":[]}`, invalid},
		{typeEventSubscribe, `{"id":"12","group":"group0","params":{"fromBlock":"1","toBlock":"1"}}`, invalid},
		{typeEventSubscribe, `{"id":"13","group":"nogroup","params":{}}`, "{\"id\":\"13\",\"status\":-41002}\n"},
		{typeEventSubscribe, `hello`, invalid},
		{typeEventSubscribe, ``, invalid},
		{typeEventUnsubscribe, `{"id":"14","group":"group0"}`, "{\"id\":\"14\",\"status\":0}\n"},
		{typeEventUnsubscribe, `{"id":"15"}`, invalid},
		{typeEventUnsubscribe, `{"id":"16","group":"nogroup"}`, "{\"id\":\"16\",\"status\":0}\n"},
		{typeEventUnsubscribe, `[]`, invalid},
	} {
		p.ask(c.kind, c.payload)
		require.Equal(t, c.want, p.status(c.kind), c.payload)
	}
}

func TestBackwardRangeStaysOpenAndSilent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, -1)
	contract := w.deploy()
	p := w.endpoint(nil).dial()
	p.ask(typeEventSubscribe, subscribeText("b", 5, 1, ""))
	require.Equal(t, "{\"id\":\"b\",\"status\":0}\n", p.status(typeEventSubscribe))
	p.ask(typeEventSubscribe, subscribeText("c", 1, 6, ""))
	for n := range 5 {
		w.send(&contract, word(n), "")
		id, _ := pushed(t, p.next(typeEventPush))
		require.Equal(t, "c", id)
	}
	require.Equal(t, "{\"id\":\"c\",\"status\":1}\n", p.status(typeEventPush))
}

func TestSubscriptionsOfASessionAreBounded(t *testing.T) {
	t.Parallel()
	p := newWorld(t, 1, -1).endpoint(nil).dial()
	for n := range maxSubscriptions {
		p.ask(typeEventSubscribe, subscribeText(fmt.Sprint(n), 99, -1, ""))
		require.Contains(t, p.status(typeEventSubscribe), `"status":0`)
	}
	p.ask(typeEventSubscribe, subscribeText("more", 99, -1, ""))
	require.Equal(t, "{\"id\":\"more\",\"status\":-41001}\n", p.status(typeEventSubscribe))
	p.ask(typeEventUnsubscribe, `{"id":"0","group":"group0"}`)
	p.next(typeEventUnsubscribe)
	p.ask(typeEventSubscribe, subscribeText("more", 99, -1, ""))
	require.Contains(t, p.status(typeEventSubscribe), `"status":0`)
}

// A subscriber that reads slowly slows its own subscription, not the session.
func TestALongHistoryNeverOverflowsTheQueue(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, -1)
	contract := w.deploy()
	const blocks = maxPushes + 100
	for n := range blocks {
		w.send(&contract, word(n), "")
	}
	p := w.endpoint(nil).dial()
	for _, id := range []string{"a", "b", "c"} {
		p.ask(typeEventSubscribe, subscribeText(id, 1, blocks+1, ""))
	}
	count := map[string]int{}
	for ended := 0; ended < 3; {
		f := p.next(typeEventPush)
		if strings.Contains(string(f.Payload), `"status":1`) {
			ended++
			continue
		}
		id, _ := pushed(t, f)
		count[id]++
	}
	require.Equal(t, map[string]int{"a": blocks, "b": blocks, "c": blocks}, count)
}
