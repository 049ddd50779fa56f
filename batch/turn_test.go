package batch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/batch/rows"
)

// orderedRow is a row of a test: what it waits for, and what the chain does with it.
type orderedRow struct {
	key     string
	after   int // row, from 1; 0 is none
	reverts bool
}

// orderedCSV writes rows whose text is their key. Digests name the rows; an odd last
// byte reverts.
func orderedCSV(list []orderedRow) string {
	var s strings.Builder
	s.WriteString("_id,_after,digest,text\n")
	for i, r := range list {
		after, last := "", 0
		if r.after > 0 {
			after = fmt.Sprintf("id%d", r.after)
		}
		if r.reverts {
			last = 1
		}
		fmt.Fprintf(&s, "id%d,%s,0x%062x%02x,%s\n", i+1, after, i+1, last, r.key)
	}
	return s.String()
}

// wanted is the state in which each row has to end.
func wanted(list []orderedRow) []ItemState {
	states := make([]ItemState, len(list))
	for i, r := range list {
		switch {
		case r.after > 0 && states[r.after-1] != ItemConfirmed:
			states[i] = ItemRejected
		case r.reverts:
			states[i] = ItemReverted
		default:
			states[i] = ItemConfirmed
		}
	}
	return states
}

// checkOrder compares a job that is done with what was asked for: the state of every
// row, and that no row was signed before those that it waits for were settled.
func checkOrder(t *testing.T, store *Store, id string, list []orderedRow) {
	t.Helper()
	states := wanted(list)
	ended := make([]time.Time, len(list)+1)
	lastOfKey := map[string]int64{}
	require.NoError(t, store.Snapshot(context.Background(), id, func(s *Snapshot) error {
		return s.Items(context.Background(), func(it TimedItem) error {
			r := list[it.Row-1]
			require.Equal(t, states[it.Row-1], it.State, "row %d: %s", it.Row, it.Error)
			require.EqualValues(t, r.after, it.After)
			ended[it.Row] = it.Settled
			if it.State == ItemRejected {
				require.Equal(t, DependencyFailed, it.ErrorKind)
				require.Contains(t, it.Error, fmt.Sprintf("row %d, which it waits for", r.after))
				require.Zero(t, it.Attempts)
				return nil
			}
			first, err := firstAttempt(store, id, it.Row)
			require.NoError(t, err)
			require.False(t, first.Before(ended[r.after]), "row %d was signed before row %d had ended", it.Row, r.after)
			if before := lastOfKey[r.key]; r.key != "" && before > 0 {
				require.False(t, first.Before(ended[before]), "row %d was signed before row %d of its key had ended", it.Row, before)
			}
			lastOfKey[r.key] = it.Row
			return nil
		})
	}))
}

func firstAttempt(s *Store, id string, row int64) (time.Time, error) {
	items, err := s.Items(context.Background(), id, ItemFilter{After: row - 1, Limit: 1, History: true})
	if err != nil {
		return time.Time{}, err
	}
	return items[0].History[0].Created, nil
}

func orderedSpec() Spec {
	spec := saveSpec()
	spec.OrderedBy = "text"
	return spec
}

func TestRowsOfOneKeyAreSentOneAfterTheOther(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, location string) {
		b := newBenchAt(t, location)
		b.chain.revert = revertOdd
		b.chain.latency = 2 * time.Millisecond
		var list []orderedRow
		for i := range 300 {
			list = append(list, orderedRow{key: fmt.Sprintf("key %d", i%40), reverts: i%7 == 0})
		}
		job := b.wait(b.runCSV(orderedSpec(), orderedCSV(list)).ID)
		require.Equal(t, JobDone, job.State)
		b.verify(job)
		checkOrder(t, b.store, job.ID, list)
		b.chain.with(func(c *fakeChain) { require.Greater(t, c.mostSends, 5, "keys go side by side") })
	})
}

// Most rows have one key, and they come first.
func TestAHotKeyHoldsUpNobodyElse(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.chain.latency = 5 * time.Millisecond
	var list []orderedRow
	for range 1000 {
		list = append(list, orderedRow{key: "hot"})
	}
	for i := range 200 {
		list = append(list, orderedRow{key: fmt.Sprintf("key %d", i)})
	}
	job := b.runCSV(orderedSpec(), orderedCSV(list))
	b.settles(job.ID, func(p Progress) bool { return p.Counts.Confirmed >= 200 })
	others := 0
	b.chain.with(func(c *fakeChain) {
		for _, input := range c.order {
			if strings.Contains(input, "key ") {
				others++
			}
		}
	})
	require.Greater(t, others, 150, "of the first 200")
	_, err := b.engine.Cancel(context.Background(), job.ID)
	require.NoError(t, err)
	job = b.wait(job.ID)
	require.Equal(t, JobCanceled, job.State)
	b.checkCounts(job.ID)
}

func TestARowWaitsForTheOneThatItNames(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, location string) {
		b := newBenchAt(t, location)
		b.chain.revert = revertOdd
		b.chain.latency = time.Millisecond
		list := []orderedRow{{}, {after: 1}, {after: 2}, {after: 3}, {reverts: true}, {after: 5}, {after: 6}, {after: 7}}
		for range 300 { // more than a page waits for one row
			list = append(list, orderedRow{after: 4}, orderedRow{after: 5})
		}
		for i := range 100 { // a chain through pages
			list = append(list, orderedRow{after: len(list) - i%2})
		}
		job := b.wait(b.runCSV(saveSpec(), orderedCSV(list)).ID)
		require.Equal(t, JobDone, job.State)
		b.verify(job)
		checkOrder(t, b.store, job.ID, list)
	})
}

// Any file, with engines that end in the middle of it.
func TestAnyOrderIsKeptOverRestarts(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, location string) {
		b := newBenchAt(t, location)
		b.chain.revert = revertOdd
		b.chain.latency = time.Millisecond
		b.chain.fault = func(int, fakeTx) fault {
			return []fault{faultLostAnswer, faultLostBefore, faultPending, faultDropped, faultNone}[min(rand.IntN(100), 4)]
		}
		spec := orderedSpec()
		list := anyOrder(700)
		job := b.runCSV(spec, orderedCSV(list))
		for n := range int64(5) {
			b.settles(job.ID, func(p Progress) bool { return p.Counts.Settled() > n*120 })
			switch n {
			case 1:
				_, err := b.engine.Pause(context.Background(), job.ID)
				require.NoError(t, err)
				_, err = b.engine.Wait(context.Background(), job.ID)
				require.ErrorIs(t, err, ErrPaused)
				_, err = b.engine.Resume(context.Background(), job.ID, "")
				require.NoError(t, err)
			default:
				b.restart()
			}
		}
		job = b.wait(job.ID)
		require.Equal(t, JobDone, job.State)
		b.verify(job)
		checkOrder(t, b.store, job.ID, list)
	})
}

// anyOrder makes rows with few keys, of which one is hot, and rows that wait for others.
func anyOrder(n int) []orderedRow {
	list := make([]orderedRow, n)
	for i := range list {
		r := &list[i]
		switch rand.IntN(4) {
		case 0:
			r.key = "hot"
		default:
			r.key = fmt.Sprintf("key %d", rand.IntN(60))
		}
		if i > 0 && rand.IntN(3) == 0 {
			r.after = 1 + rand.IntN(i)
		}
		r.reverts = rand.IntN(10) == 0
	}
	return list
}

func TestCancelOfAnOrderedJobSendsNothingMore(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.chain.latency = time.Millisecond
	job := b.runCSV(orderedSpec(), orderedCSV(anyOrder(500)))
	b.settles(job.ID, func(p Progress) bool { return p.Counts.Settled() > 50 })
	_, err := b.engine.Cancel(context.Background(), job.ID)
	require.NoError(t, err)
	job = b.wait(job.ID)
	require.Equal(t, JobCanceled, job.State)
	require.Positive(t, job.Counts.Canceled)
	b.checkCounts(job.ID)
	require.Zero(t, b.chain.doubles())
}

// A thousand rows have to fit while only as many are kept as may be open.
func TestWaitingRowsAreNotKept(t *testing.T) {
	t.Parallel()
	b := newFleet(t, 1, func(c *Config) { c.Targets[0].Limits = Limits{InFlight: 2} })[0]
	b.chain.latency = 3 * time.Millisecond
	list := []orderedRow{}
	for i := range 1500 {
		list = append(list, orderedRow{key: fmt.Sprintf("key %d", i%3)})
	}
	job := b.runCSV(orderedSpec(), orderedCSV(list))
	b.settles(job.ID, func(p Progress) bool { return p.Counts.Confirmed > 50 })
	b.engine.mu.Lock()
	r := b.engine.runs[job.ID]
	b.engine.mu.Unlock()
	r.mu.Lock()
	turns := r.carried[1].turns
	r.mu.Unlock()
	turns.mu.Lock()
	defer turns.mu.Unlock()
	require.LessOrEqual(t, len(turns.open), 3+1)
	require.LessOrEqual(t, len(turns.turned), 3)
	require.EqualValues(t, 1500, turns.cursor, "all rows were read")
}

func TestTheKeyIsWhatTheContractSees(t *testing.T) {
	t.Parallel()
	spec := Spec{To: &fakeContract, Function: "move(address to,uint256 amount)", OrderedBy: "to"}
	key := func(spec Spec, row string) int64 {
		check, fault := newChecker(record{Job: Job{Spec: spec, Address: spec.To}}, nil)
		require.Nil(t, fault)
		r, err := rows.NewJSON([]json.RawMessage{json.RawMessage(row)}).Next()
		require.NoError(t, err)
		it, fault := check.item(r)
		require.Nil(t, fault)
		if it.lane == nil {
			return 0
		}
		return *it.lane
	}
	a := key(spec, `{"to":"0xabc0000000000000000000000000000000000001","amount":1}`)
	require.Equal(t, a, key(spec, `{"amount":2,"to":"ABC0000000000000000000000000000000000001"}`))
	require.Equal(t, a, key(spec, `["0xabc0000000000000000000000000000000000001","5"]`), "by position")
	require.NotEqual(t, a, key(spec, `["0xabc0000000000000000000000000000000000002","5"]`))
	require.Positive(t, a)

	spec.OrderedBy = "amount"
	require.Equal(t, key(spec, `["0xabc0000000000000000000000000000000000001","16"]`), key(spec, `["0xabc0000000000000000000000000000000000002","0x10"]`))
	spec.OrderedBy = "account" // not an argument
	require.Equal(t, key(spec, `{"to":"0xabc0000000000000000000000000000000000001","amount":1,"account":17}`),
		key(spec, `{"to":"0xabc0000000000000000000000000000000000002","amount":2,"account":"17"}`))
	spec.OrderedBy = "_to"
	require.Equal(t, key(spec, `{"to":"0xabc0000000000000000000000000000000000001","amount":1}`),
		key(spec, fmt.Sprintf(`{"_to":%q,"to":"0xabc0000000000000000000000000000000000001","amount":1}`, strings.ToLower(fakeContract.Hex()))))
	spec.OrderedBy = ""
	require.Zero(t, key(spec, `["0xabc0000000000000000000000000000000000001","5"]`))
}

func TestRowsThatCannotBeOrderedAreRefused(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, location string) {
		b := newBenchAt(t, location)
		digest := "0x" + strings.Repeat("ab", 32)
		for _, c := range []struct{ name, orderedBy, input, col, want string }{
			{"no such column", "account", "digest,text\n" + digest + ",x\n", "account", `the header lacks it; it has "digest", "text"`},
			{"no _to", "_to", "digest,text\n" + digest + ",x\n", "_to", "lacks it"},
			{"unknown _after", "", "_id,_after,digest,text\na,,D,x\nb,zz,D,y\n", "_after", `no row before this one has the _id "zz"`},
			{"later _after", "", "_id,_after,digest,text\na,b,D,x\nb,,D,y\n", "_after", `no row before this one has the _id "b"`},
			{"itself", "", "_id,_after,digest,text\na,a,D,x\n", "_after", `no row before this one has the _id "a"`},
			{"rounded", "", "_id,_after,digest,text\na,,D,x\nb,1.23E+18,D,x\n", "_after", "rounded"},
		} {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				spec := saveSpec()
				spec.OrderedBy = c.orderedBy
				_, err := b.load(spec, fromCSV(t, strings.ReplaceAll(c.input, "D", digest)))
				var invalid *InvalidRowsError
				require.ErrorAs(t, err, &invalid)
				require.Len(t, invalid.Faults, 1)
				require.Equal(t, c.col, invalid.Faults[0].Column)
				require.Contains(t, invalid.Faults[0].Reason, c.want)
			})
		}
		spec := saveSpec()
		spec.OrderedBy = "account"
		_, err := b.load(spec, rows.NewJSON([]json.RawMessage{json.RawMessage(fmt.Sprintf(`{"digest":%q,"text":"x"}`, digest))}))
		var invalid *InvalidRowsError
		require.ErrorAs(t, err, &invalid)
		require.Contains(t, invalid.Faults[0].Reason, "is missing; the rows are ordered by it")
	})
}

// fixedOrder makes the same rows each time, for a process and its test.
func fixedOrder(n int) []orderedRow {
	list := make([]orderedRow, n)
	for i := range list {
		list[i] = orderedRow{key: fmt.Sprintf("key %d", i%50), reverts: i%13 == 12}
		if i%5 == 4 {
			list[i].key = "hot"
		}
		if i%7 == 6 {
			list[i].after = i - i%4
		}
	}
	return list
}

func TestOrderIsKeptUnderSIGKILL(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, location string) {
		const n = 600
		c := newFakeChain()
		c.revert = revertOdd
		c.latency = 2 * time.Millisecond
		c.perBlock = 100
		var child atomic.Pointer[os.Process]
		var killAt atomic.Int64
		c.fault = func(send int, _ fakeTx) fault {
			if at := killAt.Load(); at > 0 && int64(send) >= at && killAt.CompareAndSwap(at, 0) {
				_ = child.Load().Kill()
			}
			return []fault{faultLostAnswer, faultLostBefore, faultPending, faultNone}[min(rand.IntN(100), 3)]
		}
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		served := serveChain(t, listener, c)
		kills := 0
		for done := false; !done; {
			cmd := exec.Command(os.Args[0], "-test.run=^$")
			cmd.Env = append(os.Environ(), childStore+"="+location, childChain+"="+listener.Addr().String(), childRows+"="+strconv.Itoa(n), childOrder+"=1")
			cmd.Stderr = os.Stderr
			var sends int
			c.with(func(c *fakeChain) { sends = c.sends })
			require.NoError(t, cmd.Start())
			child.Store(cmd.Process)
			if kills < 8 {
				killAt.Store(int64(sends + 1 + rand.IntN(60)))
			}
			err := cmd.Wait()
			if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == -1 {
				kills++
				continue
			}
			require.NoError(t, err)
			done = true
		}
		require.GreaterOrEqual(t, kills, 5)
		listener.Close()
		served.Wait()

		store, err := OpenStore(context.Background(), location)
		require.NoError(t, err)
		defer store.Close()
		jobs, err := store.Jobs(context.Background(), JobFilter{})
		require.NoError(t, err)
		require.Len(t, jobs, 1)
		require.Equal(t, JobDone, jobs[0].State)
		(&bench{t: t, chain: c, store: store}).verify(jobs[0])
		checkOrder(t, store, jobs[0].ID, fixedOrder(n))
		t.Logf("kills=%d sends=%d", kills, c.sends)
	})
}
