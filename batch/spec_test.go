package batch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/batch/rows"
	"github.com/bcosgate/bcosgate/chain"
)

func TestASpecThatCannotWorkNamesTheField(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	nowhere := common.HexToAddress("0xdead")
	abi := json.RawMessage(`[{"type":"function","name":"get","inputs":[],"outputs":[],"stateMutability":"view"},{"type":"function","name":"set","inputs":[],"outputs":[]}]`)
	for _, c := range []struct {
		name   string
		change func(*Spec)
		field  string
		reason string
	}{
		{"kind", func(s *Spec) { s.Kind = "sonata" }, "kind", "sonata"},
		{"target", func(s *Spec) { s.Target = "moon" }, "target", `there is "main"`},
		{"account", func(s *Spec) { s.Account = "bob" }, "account", `there is "alice"`},
		{"rate", func(s *Spec) { s.Rate = -1 }, "rate", "negative"},
		{"in flight", func(s *Spec) { s.InFlight = -1 }, "inFlight", "negative"},
		{"broken event", func(s *Spec) { s.Event = "Saved(" }, "event", "signature"},
		{"priority", func(s *Spec) { s.Priority = "urgent" }, "priority", `use "low", "normal" or "high"`},
		{"long key", func(s *Spec) { s.IdempotencyKey = strings.Repeat("k", 300) }, "idempotencyKey", "200"},
		{"broken ABI", func(s *Spec) { s.ABI = json.RawMessage(`[{]`) }, "abi", "JSON"},
		{"foreign ABI", func(s *Spec) { s.ABI = json.RawMessage(`{"a":1}`) }, "abi", ""},
		{"no function", func(s *Spec) { s.Function = "" }, "function", "name the function"},
		{"bare function without ABI", func(s *Spec) { s.Function = "save" }, "function", "needs an ABI"},
		{"unknown function", func(s *Spec) { s.ABI, s.Function = abi, "put" }, "function", ""},
		{"read-only function", func(s *Spec) { s.ABI, s.Function = abi, "get" }, "function", "only reads"},
		{"broken signature", func(s *Spec) { s.Function = "save(bytes33)" }, "function", ""},
		{"no code", func(s *Spec) { s.To = &nowhere }, "to", "no contract"},
		{"not deployed", func(s *Spec) { s.To, s.Contract = nil, "Evidence" }, "contract", "deploy it first"},
		{"bytecode in a call", func(s *Spec) { s.Bytecode = "0x00" }, "bytecode", "deployment only"},
		{"deploy with function", func(s *Spec) { s.Deploy = true }, "function", "constructor"},
		{"deploy with address", func(s *Spec) { s.Deploy, s.Function = true, "" }, "to", "no address yet"},
		{"deploy of nothing", func(s *Spec) { s.Deploy, s.Function, s.To, s.Contract = true, "", nil, "Nothing" }, "bytecode", "not built in"},
		{"deploy of no hex", func(s *Spec) { s.Deploy, s.Function, s.To, s.Bytecode = true, "", nil, "0xzz" }, "bytecode", "not hex"},
		{"deploy of an abstract contract", func(s *Spec) { s.Deploy, s.Function, s.To, s.Bytecode = true, "", nil, "0x" }, "bytecode", "empty"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			spec := saveSpec()
			c.change(&spec)
			_, _, err := b.engine.Create(context.Background(), spec)
			var e *SpecError
			require.ErrorAs(t, err, &e)
			require.Equal(t, c.field, e.Field)
			require.Contains(t, e.Reason, c.reason)
		})
	}
}

func TestCreateNeedsTheChain(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.chain.down = true
	_, _, err := b.engine.Create(context.Background(), saveSpec())
	require.True(t, chain.Is(err, chain.KindUnavailable), "%v", err)
	jobs, err := b.store.Jobs(context.Background(), JobFilter{})
	require.NoError(t, err)
	require.Empty(t, jobs)
}

func TestTheSameIdempotencyKeyGivesTheSameJob(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, location string) {
		b := newBenchAt(t, location)
		ctx := context.Background()
		spec := saveSpec()
		spec.IdempotencyKey = "tonight"
		first, created, err := b.engine.Create(ctx, spec)
		require.NoError(t, err)
		require.True(t, created)

		b.chain.down = true // the answer does not need the chain
		spec.Target, spec.Account, spec.Kind = "main", "alice", KindBatch
		again, created, err := b.engine.Create(ctx, spec)
		require.NoError(t, err)
		require.False(t, created)
		require.Equal(t, first.ID, again.ID)

		spec.Function = "save(bytes32,string)"
		_, _, err = b.engine.Create(ctx, spec)
		require.ErrorIs(t, err, ErrConflict)
	})
}

// A job that was begun too slowly goes on faster when it is asked for again,
// instead of being refused or sent a second time.
func TestTheSameKeyWithOtherLimitsChangesTheRunningJob(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, location string) {
		b := newBenchAt(t, location)
		ctx := context.Background()
		spec := saveSpec()
		spec.IdempotencyKey, spec.Rate, spec.InFlight = "tonight", 0.001, 1
		job := b.run(spec, 200)
		b.settles(job.ID, func(p Progress) bool { return p.Counts.Confirmed == 1 })

		spec.Rate, spec.InFlight = 0, 50
		again, created, err := b.engine.Create(ctx, spec)
		require.NoError(t, err)
		require.False(t, created)
		require.Equal(t, job.ID, again.ID)
		require.Equal(t, 50, again.Spec.InFlight)
		job = b.wait(job.ID)
		require.Equal(t, Counts{Confirmed: 200}, job.Counts)
		require.Zero(t, job.Spec.Rate)
		require.Zero(t, b.chain.doubles())

		spec.Rate = 7 // too late: what is final does not change
		again, _, err = b.engine.Create(ctx, spec)
		require.NoError(t, err)
		require.Zero(t, again.Spec.Rate)
	})
}

// What an audit looks for is not what is sent: it can be said later, also when all is
// sent, but the same request without it takes nothing back.
func TestTheSameKeyWithAnotherEventChangesTheJob(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, location string) {
		b := newBenchAt(t, location)
		ctx := context.Background()
		spec := saveSpec()
		spec.IdempotencyKey = "tonight"
		first, _, err := b.engine.Create(ctx, spec)
		require.NoError(t, err)
		again := func(event string) Job {
			spec.Event = event
			job, created, err := b.engine.Create(ctx, spec)
			require.NoError(t, err)
			require.False(t, created)
			require.Equal(t, first.ID, job.ID)
			stored, err := b.store.Job(ctx, job.ID)
			require.NoError(t, err)
			require.Equal(t, stored.Spec, job.Spec)
			return job
		}
		require.Equal(t, "Saved(bytes32)", again("Saved(bytes32)").Spec.Event)
		_, err = b.engine.Load(ctx, first.ID, fromCSV(t, csvRows(3)))
		require.NoError(t, err)
		require.Equal(t, "Saved(bytes32)", again("").Spec.Event)
		require.NoError(t, b.engine.Run(ctx, first.ID))
		require.Equal(t, JobDone, b.wait(first.ID).State)

		spec.Rate = 7 // the rest of what is final does not change
		job := again("Saved(bytes32,address)")
		require.Equal(t, "Saved(bytes32,address)", job.Spec.Event)
		require.Zero(t, job.Spec.Rate)
		require.Equal(t, JobDone, job.State)
		require.Equal(t, "Saved(bytes32,address)", again("").Spec.Event)

		spec.Event = "Saved(bytes99)"
		_, _, err = b.engine.Create(ctx, spec)
		var wrong *SpecError
		require.ErrorAs(t, err, &wrong)
		require.Equal(t, "event", wrong.Field)
	})
}

func TestAJobAgainInAnotherStoreExecutesNothingTwice(t *testing.T) {
	t.Parallel()
	a := newBench(t)
	spec := saveSpec()
	spec.IdempotencyKey = "tonight"
	a.wait(a.run(spec, 20).ID)

	b := newBench(t) // the store was lost
	b.stop()
	b.chain = a.chain
	b.start()
	job := b.run(spec, 20)
	b.settles(job.ID, func(p Progress) bool { return p.Counts.Unknown == 20 })
	b.chain.with(func(c *fakeChain) { c.height += 1000 })
	job = b.wait(job.ID)
	require.Equal(t, Counts{Rejected: 20}, job.Counts)
	require.Zero(t, a.chain.doubles())
}

func TestDeployAndCallByName(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, location string) {
		b := newBenchAt(t, location)
		ctx := context.Background()
		deploy := func(row string) Job {
			job, _, err := b.engine.Create(ctx, Spec{Kind: KindTransaction, Deploy: true, Contract: "Ledger"})
			require.NoError(t, err)
			_, err = b.engine.Load(ctx, job.ID, rows.NewJSON([]json.RawMessage{json.RawMessage(row)}))
			require.NoError(t, err)
			require.NoError(t, b.engine.Run(ctx, job.ID))
			return b.wait(job.ID)
		}
		_, err := b.store.Contract(ctx, "main", "Ledger")
		require.ErrorIs(t, err, ErrNotDeployed)
		require.EqualValues(t, 1, deploy(`["gold","1000"]`).Counts.Confirmed)
		second := deploy(`{"tokenName":"silver","supply":1000,"name":"silver","initialSupply":1}`)
		require.EqualValues(t, 1, second.Counts.Confirmed)

		items, err := b.store.Items(ctx, second.ID, ItemFilter{})
		require.NoError(t, err)
		require.NotNil(t, items[0].Contract)
		require.Nil(t, items[0].To)
		c, err := b.store.Contract(ctx, "main", "Ledger")
		require.NoError(t, err)
		require.Equal(t, *items[0].Contract, c.Address, "the newest")
		require.Equal(t, second.ID, c.JobID)
		require.Equal(t, *items[0].TxHash, c.TxHash)
		require.NotNil(t, c.ABI)
		list, err := b.store.Contracts(ctx, "main")
		require.NoError(t, err)
		require.Len(t, list, 1)
		require.Equal(t, c.Address, list[0].Address)

		spec := Spec{Contract: "Ledger", Function: "transfer"}
		job, _, err := b.engine.Create(ctx, spec)
		require.NoError(t, err)
		require.Equal(t, c.Address, *job.Address)

		// The chain was rebuilt: the address means nothing there.
		b.chain.with(func(f *fakeChain) { f.genesis = common.HexToHash("0x99") })
		_, _, err = b.engine.Create(ctx, spec)
		var e *SpecError
		require.ErrorAs(t, err, &e)
		require.Equal(t, "contract", e.Field)
		require.Contains(t, e.Reason, "rebuilt")
	})
}

func (b *bench) load(spec Spec, r rows.Reader) (Job, error) {
	b.t.Helper()
	job, _, err := b.engine.Create(context.Background(), spec)
	require.NoError(b.t, err)
	return b.engine.Load(context.Background(), job.ID, r)
}

func TestBadRowsAreRefusedWithRowColumnAndReason(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, location string) {
		b := newBenchAt(t, location)
		digest := "0x" + strings.Repeat("ab", 32)
		for _, c := range []struct {
			name  string
			input string
			row   int64
			line  int64
			col   string
			want  string
		}{
			{"missing column", "digest,note\n" + digest + ",x\n", 0, 1, "", `lacks the column "text"`},
			{"missing header", digest + ",hello\n", 0, 1, "", "does the file lack a header line?"},
			{"short bytes32", "digest,text\n" + digest + ",ok\n0xabcd,bad\n", 2, 3, "digest", "32"},
			{"odd hex", "digest,text\n0xabc,bad\n", 1, 2, "digest", ""},
			{"no rows", "digest,text\n", 0, 0, "", "no data rows"},
			{"duplicate id", "_id,digest,text\na," + digest + ",x\nb," + digest + ",y\na," + digest + ",z\n", 3, 4, "_id", `"a" is already the _id of row 1`},
			{"bad address", "_to,digest,text\n0x12," + digest + ",x\n", 1, 2, "_to", "not an address"},
			{"bad checksum", "_to,digest,text\n0x52908400098527886E0F7030069857D2E4169Ee7," + digest + ",x\n", 1, 2, "_to", "checksum"},
			{"unknown function", "_fn,digest,text\nput," + digest + ",x\n", 1, 2, "_fn", "needs an ABI"},
			{"broken quoting", "digest,text\n" + digest + ",\"x\" y\n", 1, 2, "text", ""},
			{"too few cells", "digest,text\n" + digest + "\n", 1, 2, "", ""},
		} {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				job, err := b.load(saveSpec(), fromCSV(t, c.input))
				var invalid *InvalidRowsError
				require.ErrorAs(t, err, &invalid)
				require.Equal(t, JobInvalid, job.State)
				require.NotEmpty(t, job.Reason)
				require.NotEmpty(t, invalid.Faults)
				f := invalid.Faults[0]
				require.Equal(t, c.row, f.Row)
				require.Equal(t, c.line, f.Line)
				require.Equal(t, c.col, f.Column)
				require.Contains(t, f.Reason, c.want)
				require.Equal(t, job.Faults, invalid.Faults)
				items, err := b.store.Items(context.Background(), job.ID, ItemFilter{})
				require.NoError(t, err)
				require.Empty(t, items, "nothing of an invalid job is kept")
				require.ErrorIs(t, b.engine.Run(context.Background(), job.ID), ErrState)
				require.Zero(t, b.chain.sends)
			})
		}
	})
}

func TestAllFaultsAreCountedAndTheFirstAreKept(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var s strings.Builder
	s.WriteString("digest,text\n")
	for i := range 2000 {
		if i%2 == 0 {
			s.WriteString("0x00,short\n")
		} else {
			fmt.Fprintf(&s, "0x%064x,fine\n", i)
		}
	}
	job, err := b.load(saveSpec(), fromCSV(t, s.String()))
	var invalid *InvalidRowsError
	require.ErrorAs(t, err, &invalid)
	require.EqualValues(t, 1000, job.FaultCount)
	require.Len(t, job.Faults, 100)
	require.EqualValues(t, 199, job.Faults[99].Row)
	require.EqualValues(t, 2000, job.Rows)
	require.Contains(t, err.Error(), "999 more")

	again, err := b.engine.Load(context.Background(), job.ID, fromCSV(t, s.String()))
	require.ErrorAs(t, err, &invalid, "the same bytes, the same answer")
	require.Equal(t, job.ID, again.ID)
}

func TestPositionalRows(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	digest := `"0x` + strings.Repeat("ab", 32) + `"`
	job, err := b.load(saveSpec(), rows.NewJSON([]json.RawMessage{
		json.RawMessage(`[` + digest + `,"x"]`), json.RawMessage(`{"text":"y","digest":` + digest + `,"more":[1]}`)}))
	require.NoError(t, err)
	require.EqualValues(t, 2, job.Rows)
	require.Nil(t, job.Columns)

	job, err = b.load(saveSpec(), rows.NewJSON([]json.RawMessage{json.RawMessage(`[` + digest + `]`), json.RawMessage(`{"text":"y"}`)}))
	var invalid *InvalidRowsError
	require.ErrorAs(t, err, &invalid)
	require.Len(t, job.Faults, 2)
	require.Contains(t, job.Faults[0].Reason, "has 1 values, save(bytes32,string) needs 2: digest (bytes32), text (string)")
	require.Equal(t, "digest", job.Faults[1].Column)
	require.Contains(t, job.Faults[1].Reason, "is missing")
}

func TestARowMayBringItsOwnContractFunctionAndID(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, location string) {
		b := newBenchAt(t, location)
		other := "0x52908400098527886E0F7030069857D2E4169EE7"
		job, err := b.load(Spec{Function: "save(uint256 n)", To: &fakeContract}, fromCSV(t, "_id,_to,_fn,n\nfirst,"+other+",drop(uint256 n),7\n,,,8\n"))
		require.NoError(t, err)
		require.NoError(t, b.engine.Run(context.Background(), job.ID))
		b.wait(job.ID)
		items, err := b.store.Items(context.Background(), job.ID, ItemFilter{})
		require.NoError(t, err)
		require.Equal(t, "first", items[0].ID)
		require.Equal(t, other, items[0].To.Hex())
		require.Equal(t, fakeContract, *items[1].To)
		require.NotEqual(t, b.chain.order[0][:4], b.chain.order[1][:4], "two functions")
	})
}

func TestRowsWithoutAContractAreFaults(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	_, err := b.load(Spec{Function: "save(uint256 n)"}, fromCSV(t, "n\n7\n"))
	require.ErrorContains(t, err, "no contract to call")
}

func TestATransactionHasOneRow(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	spec := saveSpec()
	spec.Kind = KindTransaction
	_, err := b.load(spec, fromCSV(t, csvRows(2)))
	require.ErrorContains(t, err, "a transaction has one row")
}

func TestLoadingAgain(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, location string) {
		b := newBenchAt(t, location)
		ctx := context.Background()
		job, err := b.load(saveSpec(), fromCSV(t, csvRows(700)))
		require.NoError(t, err)
		require.Len(t, job.InputSHA256, 64)
		again, err := b.engine.Load(ctx, job.ID, fromCSV(t, csvRows(700)))
		require.NoError(t, err)
		require.Equal(t, job, again)
		_, err = b.engine.Load(ctx, job.ID, fromCSV(t, csvRows(701)))
		require.ErrorIs(t, err, ErrConflict)
		require.NoError(t, b.engine.Run(ctx, job.ID))
		job = b.wait(job.ID)
		again, err = b.engine.Load(ctx, job.ID, fromCSV(t, csvRows(700)))
		require.NoError(t, err, "also when it is done")
		require.Equal(t, job, again)
	})
}

// breakingReader fails, or calls a function, after some rows.
type breakingReader struct {
	rows.Reader
	left int
	hit  func() error
}

func (r *breakingReader) Next() (rows.Row, error) {
	if r.left--; r.left == 0 {
		if err := r.hit(); err != nil {
			return rows.Row{}, err
		}
	}
	return r.Reader.Next()
}

func TestABrokenLoadLeavesNothing(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, location string) {
		b := newBenchAt(t, location)
		broken := errors.New("upload broke off")
		job, _, err := b.engine.Create(context.Background(), saveSpec())
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(context.Background())
		for _, hit := range []func() error{func() error { return broken }, func() error { return io.ErrUnexpectedEOF }, func() error { cancel(); return nil }} {
			_, err = b.engine.Load(ctx, job.ID, &breakingReader{fromCSV(t, csvRows(5000)), 2600, hit})
			require.Error(t, err)
			now, err := b.store.Job(context.Background(), job.ID)
			require.NoError(t, err)
			require.Equal(t, JobLoading, now.State)
			items, err := b.store.Items(context.Background(), job.ID, ItemFilter{})
			require.NoError(t, err)
			require.Empty(t, items)
		}
		job, err = b.engine.Load(context.Background(), job.ID, fromCSV(t, csvRows(10)))
		require.NoError(t, err, "and can be done again")
		require.EqualValues(t, 10, job.Rows)
	})
}

func TestALoadThatACrashBrokeOffIsRemovedAtStart(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, location string) {
		b := newBenchAt(t, location)
		job, _, err := b.engine.Create(context.Background(), saveSpec())
		require.NoError(t, err)
		rec, err := jobByID(context.Background(), b.store.read, job.ID)
		require.NoError(t, err)
		var items []newItem
		for i := range 6000 {
			items = append(items, newItem{row: int64(i + 1), input: []byte{1}, source: json.RawMessage(`[]`)})
		}
		_, err = b.store.insertItems(rec.seq, items)
		require.NoError(t, err)
		b.restart()
		left, err := b.store.Items(context.Background(), job.ID, ItemFilter{})
		require.NoError(t, err)
		require.Empty(t, left)
	})
}

// endlessReader has rows for ever.
type endlessReader struct{ n int64 }

func (*endlessReader) Columns() []string { return nil }
func (*endlessReader) SHA256() [32]byte  { return [32]byte{} }
func (r *endlessReader) Next() (rows.Row, error) {
	r.n++
	return rows.Row{Number: r.n, Line: r.n, Source: json.RawMessage(`[]`),
		Cells: []rows.Cell{{Value: "0x" + strings.Repeat("00", 32)}, {Value: "text"}}}, nil
}

func TestCancelBreaksALoadOff(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, location string) {
		b := newBenchAt(t, location)
		ctx := context.Background()
		job, _, err := b.engine.Create(ctx, saveSpec())
		require.NoError(t, err)
		started, canceled := make(chan struct{}), make(chan error, 1)
		go func() {
			<-started
			_, err := b.engine.Cancel(ctx, job.ID)
			canceled <- err
		}()
		release := make(chan struct{})
		_, err = b.engine.Load(ctx, job.ID, &breakingReader{&endlessReader{}, 600, func() error {
			close(started)
			_, err := b.engine.Load(ctx, job.ID, fromCSV(t, csvRows(1)))
			require.ErrorIs(t, err, ErrState, "one load at a time")
			close(release)
			return nil
		}})
		<-release
		require.ErrorIs(t, err, ErrState)
		require.NoError(t, <-canceled)
		now, err := b.store.Job(ctx, job.ID)
		require.NoError(t, err)
		require.Equal(t, JobCanceled, now.State)
	})
}

func TestStopBreaksALoadOff(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx := context.Background()
	job, _, err := b.engine.Create(ctx, saveSpec())
	require.NoError(t, err)
	stopped := make(chan error, 1)
	_, err = b.engine.Load(ctx, job.ID, &breakingReader{&endlessReader{}, 600, func() error {
		go func() { stopped <- b.engine.Stop(ctx) }()
		return nil
	}})
	require.ErrorIs(t, err, ErrNotStarted)
	require.NoError(t, <-stopped)
	_, _, err = b.engine.Create(ctx, saveSpec())
	require.ErrorIs(t, err, ErrNotStarted)
	now, err := b.store.Job(ctx, job.ID)
	require.NoError(t, err)
	require.Equal(t, JobLoading, now.State)
}

func TestUnknownJobs(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, location string) {
		b := newBenchAt(t, location)
		ctx := context.Background()
		_, err := b.engine.Job(ctx, "nope")
		require.ErrorIs(t, err, ErrNotFound)
		_, err = b.engine.Wait(ctx, "nope")
		require.ErrorIs(t, err, ErrNotFound)
		_, err = b.engine.Progress(ctx, "nope")
		require.ErrorIs(t, err, ErrNotFound)
		_, err = b.engine.Cancel(ctx, "nope")
		require.ErrorIs(t, err, ErrNotFound)
		require.ErrorIs(t, b.engine.Run(ctx, "nope"), ErrNotFound)
		_, err = b.engine.Items(ctx, "nope", ItemFilter{})
		require.ErrorIs(t, err, ErrNotFound)
		require.ErrorIs(t, b.engine.Snapshot(ctx, "nope", func(*Snapshot) error { return nil }), ErrNotFound)
	})
}
