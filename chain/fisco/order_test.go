package fisco

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bcosgate/bcosgate/internal/golden"
)

// at is an event whose transaction hash follows from its place.
func at(block uint64, tx, log int) Event {
	e := Event{Block: block, TxIndex: tx, LogIndex: log}
	binary.BigEndian.PutUint64(e.TxHash[:], block)
	e.TxHash[31] = byte(tx)
	return e
}

func inOrder(a, b Event) int {
	return cmp.Or(cmp.Compare(a.Block, b.Block), cmp.Compare(a.TxIndex, b.TxIndex), cmp.Compare(a.LogIndex, b.LogIndex))
}

func places(events []Event) []string {
	out := []string{}
	for _, e := range events {
		out = append(out, fmt.Sprintf("%d/%d/%d", e.Block, e.TxIndex, e.LogIndex))
	}
	return out
}

// began is when these tests begin; the type has no clock.
var began = time.Unix(1_700_000_000, 0)

func TestOrderReleasesABlockWhenOneMoreThanNineHigherCame(t *testing.T) {
	t.Parallel()
	o := newOrdering(5)
	require.NoError(t, o.add(began, []Event{at(14, 0, 0)}))
	require.NoError(t, o.add(began, []Event{at(5, 1, 1), at(5, 0, 0), at(5, 1, 0)}))
	require.Empty(t, o.release(began))
	require.NoError(t, o.add(began, []Event{at(15, 0, 0)}))
	require.Equal(t, []string{"5/0/0", "5/1/0", "5/1/1"}, places(o.release(began)), "10 lower than 15, and sorted")
	require.Empty(t, o.release(began))
	require.Equal(t, uint64(6), o.resume())
}

func TestOrderReleasesAllAfterSilence(t *testing.T) {
	t.Parallel()
	o := newOrdering(1)
	_, settles := o.due()
	require.False(t, settles, "nothing is held")
	require.NoError(t, o.add(began, []Event{at(3, 0, 0)}))
	require.NoError(t, o.add(began.Add(50*time.Millisecond), []Event{at(2, 0, 0)}))
	due, settles := o.due()
	require.True(t, settles)
	require.Equal(t, began.Add(150*time.Millisecond), due)
	require.Empty(t, o.release(due.Add(-1)))
	require.Equal(t, []string{"2/0/0", "3/0/0"}, places(o.release(due)))
	_, settles = o.due()
	require.False(t, settles)

	require.NoError(t, o.add(due, []Event{at(1, 0, 0), at(2, 0, 0)}), "late, and again")
	require.Equal(t, []string{"1/0/0"}, places(o.release(due.Add(settleTime))), "late is not lost, and nothing comes twice")
}

func TestOrderDoesNotTrustSilenceBeforeTheHighestBlockCameAgain(t *testing.T) {
	t.Parallel()
	o := newOrdering(1)
	require.NoError(t, o.add(began, []Event{at(20, 0, 0)}))
	o.resumed()
	_, settles := o.due()
	require.False(t, settles)
	require.Empty(t, o.release(began.Add(time.Hour)))
	later := began.Add(2 * time.Hour)
	require.NoError(t, o.add(later, []Event{at(19, 0, 0)}))
	require.Empty(t, o.release(later.Add(time.Hour)))
	require.NoError(t, o.add(later, []Event{at(20, 0, 0)}))
	require.Equal(t, []string{"19/0/0", "20/0/0"}, places(o.release(later.Add(settleTime))))
}

func TestOrderResumeIsNeverBelowTheStart(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ start, highest, resume uint64 }{
		{1, 0, 1}, {1, 5, 1}, {1, 10, 1}, {1, 11, 2}, {100, 0, 100}, {100, 100, 100}, {100, 109, 100}, {100, 110, 101}, {100, 5000, 4991},
	} {
		o := newOrdering(c.start)
		if c.highest > 0 {
			require.NoError(t, o.add(began, []Event{at(c.highest, 0, 0)}))
		}
		require.Equal(t, c.resume, o.resume(), "%+v", c)
	}
}

func TestOrderRefusesWhatItCannotJudge(t *testing.T) {
	t.Parallel()
	o := newOrdering(10)
	require.ErrorIs(t, o.add(began, []Event{at(9, 0, 0)}), errOldBlock, "before the start")
	require.NoError(t, o.add(began, []Event{at(100, 0, 0), at(91, 0, 0)}))
	require.ErrorIs(t, o.add(began, []Event{at(90, 0, 0)}), errOldBlock)
}

func TestOrderCompletedGivesAllAndMovesOn(t *testing.T) {
	t.Parallel()
	o := newOrdering(1)
	require.NoError(t, o.add(began, []Event{at(30, 0, 0), at(29, 0, 0)}))
	require.Equal(t, []string{"29/0/0", "30/0/0"}, places(o.completed(1000)))
	require.Equal(t, uint64(1001), o.resume())
	require.ErrorIs(t, o.add(began, []Event{at(1000, 0, 0)}), errOldBlock)
	require.NoError(t, o.add(began, []Event{at(1001, 0, 0)}))
	require.Len(t, o.seen, 1, "it remembers no more than it needs")
}

// However a node shuffles its batches and connections break, each event comes
// once and in order.
func TestOrderIsExact(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		start := rapid.Uint64Range(1, 30).Draw(t, "start")
		head := start + rapid.Uint64Range(0, 80).Draw(t, "length")
		var all []Event
		chain := map[uint64][]Event{}
		for block := start; block <= head; block++ {
			for i := range rapid.SampledFrom([]int{0, 0, 1, 1, 3}).Draw(t, "logs") {
				chain[block] = append(chain[block], at(block, i/2, i%2))
			}
			all = append(all, chain[block]...)
		}
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		breaks := rapid.IntRange(0, 10).Draw(t, "breaks")

		o, now := newOrdering(start), began
		var got []Event
		for next := o.resume(); next <= head; {
			batch := []uint64{}
			for block := next; block < next+10 && block <= head; block++ {
				batch = append(batch, block)
			}
			next += 10
			random.Shuffle(len(batch), func(i, j int) { batch[i], batch[j] = batch[j], batch[i] })
			for _, block := range batch {
				if breaks > 0 && random.IntN(8) == 0 { // the connection breaks before this push
					breaks--
					now = now.Add(time.Duration(random.IntN(1000)) * time.Millisecond)
					next = o.resume()
					o.resumed()
					break
				}
				now = now.Add(time.Millisecond)
				events := slices.Clone(chain[block])
				random.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
				if len(events) > 0 {
					require.NoError(t, o.add(now, events))
				}
				got = append(got, o.release(now)...)
			}
			if next <= head && random.IntN(4) == 0 && o.awaited == 0 { // between batches there may be silence
				now = now.Add(settleTime)
			}
			require.LessOrEqual(t, len(o.seen), scanBatch, "memory is bounded")
		}
		got = append(got, o.completed(head)...)
		require.Equal(t, places(all), places(got))
		require.Equal(t, head+1, o.resume())
	})
}

// Real nodes push blocks of a batch out of order: whatever was recorded comes
// out in order, and nothing is missing.
func TestOrderOfRecordedPushes(t *testing.T) {
	t.Parallel()
	shuffled := 0
	for _, name := range golden.Files(t, "ws/*events*.txt") {
		orders, arrived, released := map[string]*ordering{}, map[string][]Event{}, map[string][]Event{}
		for _, m := range golden.Messages(t, name) {
			f, err := ParseFrame(m.Data)
			require.NoError(t, err)
			if m.Sent || f.Type != FrameEventPush {
				continue
			}
			var push eventMessage
			require.NoError(t, json.Unmarshal(f.Payload, &push))
			id := m.Peer + push.ID
			if orders[id] == nil {
				orders[id] = newOrdering(1)
			}
			if push.Status == eventStatusEnd {
				released[id] = append(released[id], orders[id].completed(1<<20)...)
				continue
			}
			events, err := decodeEvents(push.Result)
			require.NoError(t, err)
			require.NotEmpty(t, events)
			if so := arrived[id]; len(so) > 0 && so[len(so)-1].Block > events[0].Block {
				shuffled++
			}
			arrived[id] = append(arrived[id], events...)
			require.NoError(t, orders[id].add(began, events), "%s:%d", name, m.Line)
			released[id] = append(released[id], orders[id].release(began)...)
		}
		for id, o := range orders {
			released[id] = append(released[id], o.release(began.Add(settleTime))...)
			slices.SortStableFunc(arrived[id], inOrder)
			require.Equal(t, arrived[id], released[id], "%s %s", name, id)
		}
	}
	if golden.Whole() {
		require.Positive(t, shuffled, "the recordings have pushes out of order")
	}
}

func TestEventLog(t *testing.T) {
	t.Parallel()
	e := Event{LogIndex: 3, Address: common.HexToAddress("0x01"), Topics: []common.Hash{{1}}, Data: []byte{2}}
	log := e.Log()
	require.Equal(t, e.Address, log.Address)
	require.Equal(t, e.Topics, log.Topics)
	require.Equal(t, e.Data, log.Data)
	require.Equal(t, 3, log.Index)
}
