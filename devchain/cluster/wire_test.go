package cluster

import (
	"bytes"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/devchain"
)

func everyMessage() []any {
	p := proposal{7, common.Hash{1}, 8, 2, [][]byte{{1, 2}, {3}}}
	return []any{
		hello{1, common.Hash{2}, 3, []byte{4}}, status{5, common.Hash{6}}, transaction{[]byte{7}}, proposed{9, p},
		vote{7, 9, common.Hash{8}, []byte{1}}, roundChange{7, 9, []proposed{{8, p}}}, roundChange{7, 9, []proposed{}},
		getBlocks{4}, blocks{[]finished{{p, common.Hash{9}, []signature{{1, []byte{2}}}}}},
		topics{[]string{"a", "b"}}, ask{5, []byte("payload")}, answer{5, 61528, []byte("text")}, tell{[]byte("to all")},
	}
}

func TestMessagesSurviveTheWire(t *testing.T) {
	t.Parallel()
	var wire bytes.Buffer
	for _, m := range everyMessage() {
		wire.Write(frame(m))
	}
	for _, m := range everyMessage() {
		got, err := readMessage(&wire, maxMessage)
		require.NoError(t, err)
		require.Equal(t, m, got)
	}
	p := devchain.Proposal{Number: 1, Parent: common.Hash{2}, Timestamp: 3, Sealer: 4, Transactions: [][]byte{{5}}}
	require.Equal(t, p, onWire(p).value())
}

func TestMessagesThatAreRefused(t *testing.T) {
	t.Parallel()
	two := roundChange{1, 1, []proposed{{}, {}}}
	for name, data := range map[string][]byte{
		"no kind":         {0, 0, 0, 0},
		"too long":        frame(transaction{make([]byte, 100)}),
		"unknown kind":    {0, 0, 0, 1, 99},
		"not RLP":         {0, 0, 0, 2, kindStatus, 0x85},
		"other fields":    {0, 0, 0, 2, kindStatus, 0xc0},
		"two proposals":   frame(two),
		"many topics":     frame(topics{make([]string, maxTopics+1)}),
		"long topics":     frame(topics{[]string{strings.Repeat("x", maxTopicBytes), "y"}}),
		"something after": append([]byte{0, 0, 0, 4}, append([]byte{kindGetBlocks}, 0xc1, 4, 0)...),
	} {
		limit := uint32(90)
		if strings.HasSuffix(name, "topics") {
			limit = maxMessage
		}
		_, err := readMessage(bytes.NewReader(data), limit)
		require.ErrorIs(t, err, errMessage, name)
	}
	_, err := readMessage(bytes.NewReader([]byte{0, 0, 0, 9, 1}), 90)
	require.Error(t, err)
}

func FuzzDecode(f *testing.F) {
	for _, m := range everyMessage() {
		f.Add(kindOf(m), encode(m))
	}
	f.Fuzz(func(t *testing.T, kind byte, body []byte) {
		m, err := decode(kind, body)
		if err != nil {
			require.ErrorIs(t, err, errMessage)
			return
		}
		require.Equal(t, kind, kindOf(m))
		require.Equal(t, body, encode(m))
	})
}

func TestTheQueueIsBounded(t *testing.T) {
	t.Parallel()
	q := newQueue()
	require.Nil(t, q.take())
	require.True(t, q.put([]byte("bulk"), bulk))
	require.True(t, q.put([]byte("more bulk"), bulk))
	require.True(t, q.put([]byte("talk"), talk))
	require.True(t, q.put([]byte("more talk"), talk))
	require.True(t, q.put([]byte("one"), urgent))
	require.True(t, q.put([]byte("two"), urgent))
	require.Len(t, q.wake, 1)
	require.Equal(t, "one", string(q.take()))
	require.Equal(t, "two", string(q.take()))
	rest := []string{string(q.take()), string(q.take()), string(q.take()), string(q.take())}
	require.Contains(t, [][]string{{"bulk", "talk", "more bulk", "more talk"}, {"talk", "bulk", "more talk", "more bulk"}}, rest, "in turns")
	require.Nil(t, q.take())
	for in := range lanes {
		for range bounds[in].frames {
			require.True(t, q.put([]byte{1}, in))
		}
		require.False(t, q.put([]byte{1}, in), "as many as there may be")
	}
	q.clear()
	require.Nil(t, q.take())
	for in := range lanes {
		require.True(t, q.put(make([]byte, bounds[in].bytes), in))
		require.False(t, q.put([]byte{1}, in), "as many bytes as there may be")
	}
}

func TestWhatANodeCannotStartWith(t *testing.T) {
	t.Parallel()
	_, err := New(Config{Peers: []string{"127.0.0.1"}, Client: newest(nil), Server: nil})
	require.ErrorContains(t, err, "missing port")
	ca := newWorld(t, 1)
	_, err = New(Config{Client: ca.config.Client})
	require.ErrorContains(t, err, "both")
}
