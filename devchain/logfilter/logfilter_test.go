package logfilter

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/devchain"
)

// fakeLedger has blocks whose transactions log as it is told.
type fakeLedger struct {
	head     uint64
	receipts map[uint64][]*devchain.Receipt
	failure  error
}

func blockHash(n uint64) common.Hash {
	return common.BytesToHash([]byte{0xb1, byte(n >> 8), byte(n)})
}

func (l *fakeLedger) Head() devchain.Head { return devchain.Head{Number: l.head} }

func (l *fakeLedger) BlockByNumber(n uint64) (*devchain.Block, error) {
	if n > l.head || l.failure != nil {
		return nil, errors.Join(l.failure, devchain.ErrNotFound)
	}
	block := &devchain.Block{Header: devchain.Header{Number: n, Hash: blockHash(n)}}
	for _, r := range l.receipts[n] {
		block.TxHashes = append(block.TxHashes, r.TxHash)
	}
	return block, nil
}

func (l *fakeLedger) BlockByHash(hash common.Hash) (*devchain.Block, error) {
	for n := uint64(0); n <= l.head; n++ {
		if blockHash(n) == hash {
			return l.BlockByNumber(n)
		}
	}
	return nil, devchain.ErrNotFound
}

func (l *fakeLedger) BlockHash(n uint64) (common.Hash, error) {
	block, err := l.BlockByNumber(n)
	if err != nil {
		return common.Hash{}, err
	}
	return block.Hash, nil
}

func (l *fakeLedger) Receipts(n uint64) ([]*devchain.Receipt, error) {
	if n > l.head || l.failure != nil {
		return nil, errors.Join(l.failure, devchain.ErrNotFound)
	}
	return l.receipts[n], nil
}

// grow adds blocks of one transaction with one log, whose topics are topic(1)
// and the number of the block.
func (l *fakeLedger) grow(blocks int) {
	for range blocks {
		l.head++
		l.receipts[l.head] = []*devchain.Receipt{receipt(l.head, 0, devchain.StatusNone, []common.Hash{topic(1), topic(l.head)})}
	}
}

func newLedger(blocks int) *fakeLedger {
	l := &fakeLedger{receipts: map[uint64][]*devchain.Receipt{}}
	l.grow(blocks)
	return l
}

func topic(n uint64) common.Hash { return common.BytesToHash([]byte{byte(n >> 8), byte(n)}) }

func address(n byte) common.Address { return common.Address{19: n} }

func receipt(block uint64, index int, status devchain.Status, topics ...[]common.Hash) *devchain.Receipt {
	r := &devchain.Receipt{BlockNumber: block, Index: index, Status: status, TxHash: common.BytesToHash([]byte{0xf0, byte(block), byte(index)})}
	for i, t := range topics {
		r.Logs = append(r.Logs, devchain.Log{Address: address(byte(i)), Topics: t, Data: []byte{byte(i)}})
	}
	return r
}

var latest = Bound{Latest: true}

func at(n int64) Bound { return Bound{Number: n} }

// blocksOf names the blocks of logs.
func blocksOf(logs []Log) []string {
	numbers := []string{}
	for _, l := range logs {
		numbers = append(numbers, l.BlockNumber)
	}
	return numbers
}

func numbers(from, to int) []string {
	out := []string{}
	for n := from; n <= to; n++ {
		out = append(out, fmt.Sprintf("0x%x", n))
	}
	return out
}

func TestSearchLooksAtTenBlocksOfTheRange(t *testing.T) {
	t.Parallel()
	ledger := newLedger(25)
	hash := blockHash(7)
	unknown := common.Hash{1}
	for name, c := range map[string]struct {
		query Query
		want  []string
		err   error
	}{
		"the first ten":                     {query: Query{From: at(3), To: at(25)}, want: numbers(3, 12)},
		"fewer":                             {query: Query{From: at(3), To: at(5)}, want: numbers(3, 5)},
		"one":                               {query: Query{From: at(25), To: at(25)}, want: numbers(25, 25)},
		"from the beginning":                {query: Query{From: at(0), To: latest}, want: numbers(1, 9)},
		"the newest":                        {query: Query{From: latest, To: latest}, want: numbers(25, 25)},
		"the end is cut to the head":        {query: Query{From: at(24), To: at(99)}, want: numbers(24, 25)},
		"beyond the head":                   {query: Query{From: at(26), To: at(99)}, want: numbers(1, 0)},
		"beyond the head, to the newest":    {query: Query{From: at(26), To: latest}, want: numbers(1, 0)},
		"as far as numbers go":              {query: Query{From: at(1<<63 - 1), To: at(1<<63 - 1)}, want: numbers(1, 0)},
		"a block by its hash":               {query: Query{From: latest, To: latest, Block: &hash}, want: numbers(7, 7)},
		"a block by its hash, wrong range":  {query: Query{From: at(9), To: at(1), Block: &hash}, want: numbers(7, 7)},
		"a block that is not there":         {query: Query{From: latest, To: latest, Block: &unknown}, err: ErrBlock},
		"backwards":                         {query: Query{From: at(9), To: at(8)}, err: ErrRange},
		"from the newest to a number":       {query: Query{From: latest, To: at(30)}, err: ErrRange},
		"a number that is too large (from)": {query: Query{From: at(-1), To: latest}, err: ErrRange},
		"a number that is too large (to)":   {query: Query{From: at(1), To: at(-1)}, err: ErrRange},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Search(ledger, c.query, DefaultBlocks)
			require.ErrorIs(t, err, c.err)
			if c.err == nil {
				require.Equal(t, c.want, blocksOf(got))
			}
		})
	}
}

func TestMatchingComparesTexts(t *testing.T) {
	t.Parallel()
	ledger := newLedger(0)
	ledger.head = 1
	ledger.receipts[1] = []*devchain.Receipt{
		receipt(1, 0, devchain.StatusNone, []common.Hash{topic(1), topic(2)}, []common.Hash{topic(3)}, nil),
		receipt(1, 1, devchain.StatusRevert, []common.Hash{topic(1), topic(2)}),
		receipt(1, 2, devchain.StatusNone, []common.Hash{topic(1)}),
	}
	first, second := "0x"+common.Bytes2Hex(address(0).Bytes()), "0x"+common.Bytes2Hex(address(1).Bytes())
	for name, c := range map[string]struct {
		addresses []string
		topics    [][]string
		want      []string // transaction and log
	}{
		"any":                            {want: []string{"0x0 0x0", "0x0 0x1", "0x0 0x2", "0x2 0x0"}},
		"one address":                    {addresses: []string{first}, want: []string{"0x0 0x0", "0x2 0x0"}},
		"two addresses":                  {addresses: []string{first, second}, want: []string{"0x0 0x0", "0x0 0x1", "0x2 0x0"}},
		"an address without 0x":          {addresses: []string{first[2:]}},
		"an empty address":               {addresses: []string{""}},
		"a topic":                        {topics: [][]string{{topic(3).Hex()}}, want: []string{"0x0 0x1"}},
		"alternatives":                   {topics: [][]string{{topic(3).Hex(), topic(1).Hex()}}, want: []string{"0x0 0x0", "0x0 0x1", "0x2 0x0"}},
		"a topic without 0x":             {topics: [][]string{{topic(3).Hex()[2:]}}},
		"any topic, but one there is":    {topics: [][]string{{}}, want: []string{"0x0 0x0", "0x0 0x1", "0x2 0x0"}},
		"any topics, but two there are":  {topics: [][]string{{}, {}}, want: []string{"0x0 0x0"}},
		"any, and a topic in the second": {topics: [][]string{{}, {topic(2).Hex()}}, want: []string{"0x0 0x0"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Search(ledger, Query{From: at(1), To: at(1), Addresses: c.addresses, Topics: c.topics}, DefaultBlocks)
			require.NoError(t, err)
			var places []string
			for _, l := range got {
				places = append(places, l.TransactionIndex+" "+l.LogIndex)
			}
			require.Equal(t, c.want, places)
		})
	}
}

func TestALogHasEverythingThatPortsShow(t *testing.T) {
	t.Parallel()
	ledger := newLedger(300)
	got, err := Search(ledger, Query{From: at(299), To: at(299)}, DefaultBlocks)
	require.NoError(t, err)
	require.Equal(t, []Log{{
		Address: "0x0000000000000000000000000000000000000000", BlockHash: blockHash(299).Hex(), BlockNumber: "0x12b", Data: "0x00",
		LogIndex: "0x0", Topics: []string{topic(1).Hex(), topic(299).Hex()},
		TransactionHash: receipt(299, 0, 0).TxHash.Hex(), TransactionIndex: "0x0",
	}}, got)
}

func TestAFilterGoesOnWhereTheLastPollEnded(t *testing.T) {
	t.Parallel()
	ledger := newLedger(25)
	f := New(ledger, Config{})
	poll := func(id uint64) []string {
		got, err := f.Changes(id)
		require.NoError(t, err)
		return blocksOf(got.([]Log))
	}
	open, err := f.NewLogs(Query{From: at(3), To: latest})
	require.NoError(t, err)
	closed, err := f.NewLogs(Query{From: at(3), To: at(13)})
	require.NoError(t, err)
	future, err := f.NewLogs(Query{From: at(27), To: at(99)})
	require.NoError(t, err)
	fresh, err := f.NewLogs(Query{From: latest, To: latest})
	require.NoError(t, err)

	require.Equal(t, numbers(3, 12), poll(open))
	require.Equal(t, numbers(13, 22), poll(open))
	require.Equal(t, numbers(23, 25), poll(open))
	require.Empty(t, poll(open))
	require.Equal(t, numbers(3, 12), poll(closed))
	require.Equal(t, numbers(13, 13), poll(closed))
	require.Empty(t, poll(closed))
	require.Empty(t, poll(future))
	require.Empty(t, poll(fresh))
	ledger.grow(2)
	require.Equal(t, numbers(26, 27), poll(open))
	require.Empty(t, poll(closed))
	require.Equal(t, numbers(27, 27), poll(future))
	require.Equal(t, numbers(26, 27), poll(fresh))

	for id, want := range map[uint64][]string{open: numbers(3, 12), closed: numbers(3, 12), future: numbers(27, 27), fresh: numbers(27, 27)} {
		got, err := f.Logs(id)
		require.NoError(t, err)
		require.Equal(t, want, blocksOf(got), "the whole range is read from its first block")
	}
	_, err = f.NewLogs(Query{From: at(2), To: at(1)})
	require.ErrorIs(t, err, ErrRange)
}

func TestBlockAndTransactionFiltersGiveHashes(t *testing.T) {
	t.Parallel()
	ledger := newLedger(5)
	f := New(ledger, Config{})
	blocks, transactions := f.NewBlocks(), f.NewTransactions()
	ledger.grow(12)
	hashes := func(id uint64) any {
		got, err := f.Changes(id)
		require.NoError(t, err)
		return got
	}
	var wantBlocks, wantTransactions []string
	for n := uint64(6); n <= 17; n++ {
		wantBlocks = append(wantBlocks, blockHash(n).Hex())
		wantTransactions = append(wantTransactions, receipt(n, 0, 0).TxHash.Hex())
	}
	require.Equal(t, wantBlocks[:10], hashes(blocks))
	require.Equal(t, wantBlocks[10:], hashes(blocks))
	require.Equal(t, []string{}, hashes(blocks))
	require.Equal(t, wantTransactions[:10], hashes(transactions))
	require.Equal(t, wantTransactions[10:], hashes(transactions))
	_, err := f.Logs(blocks)
	require.ErrorIs(t, err, ErrNoFilter, "there are no logs in it")
}

func TestAFilterThatNobodyPollsIsForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := New(newLedger(1), Config{})
		polled, left := f.NewBlocks(), f.NewBlocks()
		time.Sleep(290 * time.Second)
		_, err := f.Changes(polled)
		require.NoError(t, err)
		time.Sleep(21 * time.Second)
		_, err = f.Changes(polled)
		require.NoError(t, err)
		_, err = f.Changes(left)
		require.ErrorIs(t, err, ErrNoFilter)
		require.False(t, f.Remove(left))
		require.True(t, f.Remove(polled))
		_, err = f.Changes(polled)
		require.ErrorIs(t, err, ErrNoFilter)
	})
}

func TestReadingAWholeRangeIsNoPoll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := New(newLedger(1), Config{Timeout: time.Minute})
		id, err := f.NewLogs(Query{From: at(1), To: latest})
		require.NoError(t, err)
		time.Sleep(time.Minute)
		_, err = f.Logs(id)
		require.NoError(t, err)
		time.Sleep(time.Second)
		_, err = f.Logs(id)
		require.ErrorIs(t, err, ErrNoFilter)
	})
}

func TestWithTooManyFiltersTheOneLeftLongestGoes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := New(newLedger(1), Config{Max: 3, Timeout: time.Minute})
		alive := func(id uint64) bool {
			_, err := f.Changes(id)
			return err == nil
		}
		var ids []uint64
		for range 3 {
			ids = append(ids, f.NewBlocks())
			time.Sleep(time.Second)
		}
		require.True(t, alive(ids[0]))
		time.Sleep(time.Second)
		ids = append(ids, f.NewBlocks())
		require.False(t, alive(ids[1]))
		require.True(t, alive(ids[0]))
		time.Sleep(2 * time.Minute) // all have had their time
		for range 3 {
			require.True(t, alive(f.NewBlocks()))
		}
		require.Len(t, f.all, 3)
	})
}

func TestFailuresOfTheLedgerAreReported(t *testing.T) {
	t.Parallel()
	ledger := newLedger(3)
	f := New(ledger, Config{})
	id, blocks := f.NewBlocks(), f.NewBlocks()
	logs, err := f.NewLogs(Query{From: at(1), To: latest})
	require.NoError(t, err)
	ledger.grow(1)
	ledger.failure = errors.New("the disk is gone")
	for _, id := range []uint64{id, blocks, logs} {
		_, err := f.Changes(id)
		require.ErrorIs(t, err, ledger.failure)
	}
	_, err = f.Search(Query{From: latest, To: latest})
	require.ErrorIs(t, err, ledger.failure)
}

// After a revert filters look at the blocks that take the place of those that are
// gone, but never before the first block that was asked for.
func TestRevert(t *testing.T) {
	t.Parallel()
	l := newLedger(10)
	f := New(l, Config{Blocks: 100})
	blocks := f.NewBlocks()
	late, err := f.NewLogs(Query{From: at(9), To: latest})
	require.NoError(t, err)
	l.grow(5)
	poll := func(id uint64) int {
		t.Helper()
		got, err := f.Changes(id)
		require.NoError(t, err)
		switch list := got.(type) {
		case []Log:
			return len(list)
		case []string:
			return len(list)
		}
		return -1
	}
	require.Equal(t, 5, poll(blocks))
	require.Equal(t, 7, poll(late))
	l.head = 4
	f.Revert(4)
	require.Zero(t, poll(blocks))
	require.Zero(t, poll(late))
	l.grow(6)
	f.Revert(20)
	require.Equal(t, 6, poll(blocks), "5 to 10")
	require.Equal(t, 2, poll(late), "9 and 10")
}
