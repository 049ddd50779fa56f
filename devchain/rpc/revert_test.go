package rpc

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// After a revert the new blocks are announced, and their events are pushed, under
// the numbers of those that are gone.
func TestNoticesAndEventsAfterARevert(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, -1)
	e := w.endpoint(nil)
	p := e.dial()
	to := w.deploy()
	_, err := w.chain.TakeSnapshot(t.Context(), "s")
	require.NoError(t, err)
	for id, from := range map[string]string{"all": "1", "new": "-1", "late": "3"} {
		p.ask(typeEventSubscribe, `{"id":"`+id+`","group":"group0","params":{"fromBlock":`+from+`,"toBlock":-1,"addresses":[],"topics":[]}}`)
		p.next(typeEventSubscribe)
	}
	emit := func(n string, pushes int) {
		t.Helper()
		w.send(&to, strings.Repeat("00", 31)+n, "")
		notice := "\"blockNumber\" : " + e.result("getBlockNumber", "group0", "") + ","
		for found := false; pushes > 0 || !found; {
			f := p.next(typeBlockNotify, typeEventPush)
			if f.Type == typeBlockNotify {
				found = found || strings.Contains(string(f.Payload), notice)
				continue
			}
			require.Contains(t, string(f.Payload), strings.Repeat("00", 31)+n)
			pushes--
		}
	}
	emit("01", 2) // block 2
	emit("02", 3) // block 3
	_, err = w.chain.Revert(t.Context(), "s")
	require.NoError(t, err)
	require.Equal(t, "1", e.result("getBlockNumber", "group0", ""))
	emit("03", 2) // block 2 anew
	emit("04", 3) // block 3 anew
}

func TestHeads(t *testing.T) {
	t.Parallel()
	h := newHeads(10)
	slow, quick := h.reader(), h.reader()
	look := func(r *headReader, head uint64, kept ...uint64) {
		t.Helper()
		got, reverted := r.look()
		require.Equal(t, head, r.head)
		require.Equal(t, len(kept) > 0, reverted)
		if reverted {
			require.Equal(t, kept[0], got)
		}
	}
	waits := quick.changed
	h.advance(10)
	select {
	case <-waits:
		require.Fail(t, "nothing is newer")
	default:
	}
	h.revert(4)
	<-waits
	look(quick, 4, 4)
	h.advance(9)
	h.revert(7)
	look(quick, 7, 7)
	look(quick, 7)
	look(slow, 7, 4)
	h.advance(12)
	for range 100 {
		h.revert(12)
	}
	require.LessOrEqual(t, len(h.floors), 3, "what tells nothing new is forgotten")
	look(slow, 12, 12)
}
