package batch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"path/filepath"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/batch/rows"
	"github.com/bcosgate/bcosgate/chain"
)

// fakeReader reads what a fakeSigner made.
type fakeReader struct{}

func (fakeReader) ReadTx(raw []byte) (chain.Intent, chain.SignedTx, error) {
	var tx fakeTx
	if err := json.Unmarshal(raw, &tx); err != nil {
		return chain.Intent{}, chain.SignedTx{}, &chain.Error{Kind: chain.KindInvalid, Sent: chain.SentNo, Op: "read", Err: err}
	}
	return tx.Intent, chain.SignedTx{Hash: crypto.Keccak256Hash(raw), Terms: tx.Terms, Raw: raw}, nil
}

func (r fakeReader) VerifyTx(raw []byte) (chain.Intent, chain.SignedTx, error) {
	intent, signed, err := r.ReadTx(raw)
	if err == nil {
		var tx fakeTx
		err = json.Unmarshal(raw, &tx)
		signed.From = tx.From
	}
	return intent, signed, err
}

// signedFile signs the rows of another reader as the machine with the key would.
type signedFile struct {
	rows.Reader
	t      testing.TB
	encode *Encoder
	limit  uint64
	change func(*rows.Row) // after signing
}

func newSignedFile(t testing.TB, n int, limit uint64) *signedFile {
	r := fromCSV(t, csvRows(n))
	encode, fault := NewEncoder(Callee{To: &fakeContract, Function: saveSpec().Function}, r.Columns())
	require.Nil(t, fault)
	return &signedFile{Reader: r, t: t, encode: encode, limit: limit}
}

func (s *signedFile) Next() (rows.Row, error) {
	row, err := s.Reader.Next()
	if err != nil {
		return row, err
	}
	call, fault := s.encode.Call(row)
	require.Nil(s.t, fault)
	s.sign(&row, call, fakeAccount)
	if s.change != nil {
		s.change(&row)
	}
	return row, nil
}

func (s *signedFile) sign(row *rows.Row, call Call, signer fakeSigner) {
	terms := chain.Terms{Nonce: signer.Nonce(fmt.Sprintf("plan/%d", row.Number)), BlockLimit: s.limit}
	tx, err := signer.Sign(chain.Intent{To: &call.To, Input: call.Input}, terms)
	require.NoError(s.t, err)
	row.Signed = &rows.Signed{Tx: tx.Raw, Hash: tx.Hash, Nonce: terms.Nonce}
}

const signedLimit = 1000 // the fake chain is at block 10

func signedSpec() Spec {
	spec := saveSpec()
	spec.IdempotencyKey = "plan"
	spec.Signed = &SignedSpec{Plan: "plan", Signer: fakeAccount.address, Genesis: common.HexToHash("0x01"), BlockLimit: signedLimit}
	return spec
}

// without is an engine that has no account.
func without(c *Config) {
	c.Targets[0].Accounts, c.Targets[0].TxReader = nil, fakeReader{}
}

// runSigned creates, loads and runs a job of n signed rows.
func (b *bench) runSigned(n int) Job {
	b.t.Helper()
	ctx := context.Background()
	job, _, err := b.engine.Create(ctx, signedSpec())
	require.NoError(b.t, err)
	job, err = b.engine.Load(ctx, job.ID, newSignedFile(b.t, n, signedLimit))
	require.NoError(b.t, err)
	require.Equal(b.t, JobReady, job.State)
	require.NoError(b.t, b.engine.Run(ctx, job.ID))
	return job
}

func TestSignedRowsAreSentAsTheyAre(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, location string) {
		b := newBenchAt(t, location, without)
		job := b.wait(b.runSigned(700).ID)
		require.Equal(t, JobDone, job.State)
		require.EqualValues(t, 700, job.Counts.Confirmed)
		require.Equal(t, fakeAccount.address, job.Signer)
		b.verify(job)
		items, err := b.store.Items(context.Background(), job.ID, ItemFilter{Limit: 700, History: true})
		require.NoError(t, err)
		file := newSignedFile(t, 700, signedLimit)
		for _, it := range items {
			row, err := file.Next()
			require.NoError(t, err)
			require.Equal(t, common.Hash(row.Signed.Hash), *it.TxHash)
			require.JSONEq(t, string(row.Source), string(it.Input))
			require.Len(t, it.History, 1)
			require.EqualValues(t, signedLimit, it.History[0].BlockLimit)
		}
	})
}

func TestSignedRowsSurviveFaultsAndRestarts(t *testing.T) {
	t.Parallel()
	b := newBench(t, without)
	rnd := rand.New(rand.NewSource(5))
	passing := []fault{faultLostAnswer, faultLostBefore, faultUnsent, faultOverloaded, faultDropped, faultNode, faultPending}
	b.chain.fault = func(int, fakeTx) fault {
		if rnd.Intn(4) == 0 {
			return passing[rnd.Intn(len(passing))]
		}
		return faultNone
	}
	id := b.runSigned(300).ID
	for range 5 {
		require.Eventually(t, func() bool {
			p, err := b.engine.Progress(context.Background(), id)
			return err == nil && p.Counts.Confirmed > 0
		}, 20*time.Second, time.Millisecond)
		b.restart()
	}
	job := b.wait(id)
	require.EqualValues(t, 300, job.Counts.Confirmed)
	b.verify(job)
}

func TestTheSameFileInTwoStoresIsExecutedOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t, without)
	other := &bench{t: t, path: filepath.Join(t.TempDir(), "other.db"), chain: b.chain, config: without}
	other.start()
	t.Cleanup(other.stop)
	first, second := b.runSigned(100), other.runSigned(100)
	for _, job := range []Job{b.wait(first.ID), other.wait(second.ID)} {
		require.EqualValues(t, 100, job.Counts.Confirmed, "both tell what is on the chain")
	}
	require.Zero(t, b.chain.doubles())
	b.chain.with(func(c *fakeChain) { require.Len(t, c.executed, 100) })
}

func TestSignedRowsThatAreTooLateExpireWithEvidence(t *testing.T) {
	t.Parallel()
	b := newBench(t, without)
	ctx := context.Background()
	job, _, err := b.engine.Create(ctx, signedSpec())
	require.NoError(t, err)
	_, err = b.engine.Load(ctx, job.ID, newSignedFile(t, 20, signedLimit))
	require.NoError(t, err)
	// Somebody else has sent some of them before the time was over.
	file := newSignedFile(t, 5, signedLimit)
	for range 5 {
		row, err := file.Next()
		require.NoError(t, err)
		_, err = b.chain.Send(ctx, chain.SignedTx{Hash: row.Signed.Hash, Raw: row.Signed.Tx})
		require.NoError(t, err)
	}
	var sends int
	b.chain.with(func(c *fakeChain) { c.height, sends = signedLimit+5, c.sends })
	require.NoError(t, b.engine.Run(ctx, job.ID))
	job = b.wait(job.ID)
	require.EqualValues(t, 5, job.Counts.Confirmed)
	require.EqualValues(t, 15, job.Counts.Expired)
	b.verify(job)
	b.chain.with(func(c *fakeChain) { require.Equal(t, sends, c.sends, "what cannot land is not sent") })
	items, err := b.store.Items(ctx, job.ID, ItemFilter{States: []ItemState{ItemExpired}})
	require.NoError(t, err)
	require.Len(t, items, 15)
	for _, it := range items {
		require.Equal(t, "blockLimit", it.ErrorKind)
		require.Contains(t, it.Error, "before its block limit 1000: plan the row again; ")
		require.Contains(t, it.Error, "did not land and cannot any more: no receipt at block 1005")
		require.Equal(t, 1, it.Attempts)
	}

	_, created, err := b.engine.Create(ctx, signedSpec())
	require.NoError(t, err, "the job is found again after its time")
	require.False(t, created)
	late := signedSpec()
	late.IdempotencyKey = "another"
	_, _, err = b.engine.Create(ctx, late)
	requireSpecError(t, err, "signed.blockLimit", "their block limit is 1000, the chain is at block 1005")
}

func TestSignedRowsThatAreRefusedAreLookedFor(t *testing.T) {
	t.Parallel()
	b := newBench(t, without)
	ctx := context.Background()
	file := newSignedFile(t, 1, signedLimit)
	row, err := file.Next()
	require.NoError(t, err)
	_, err = b.chain.Send(ctx, chain.SignedTx{Hash: row.Signed.Hash, Raw: row.Signed.Tx})
	require.NoError(t, err)
	b.chain.with(func(c *fakeChain) { c.fault = func(int, fakeTx) fault { return faultInvalid } })
	job := b.wait(b.runSigned(3).ID)
	require.EqualValues(t, 1, job.Counts.Confirmed, "it was executed when it was good")
	require.EqualValues(t, 2, job.Counts.Rejected)
	items, err := b.store.Items(ctx, job.ID, ItemFilter{After: 1})
	require.NoError(t, err)
	require.Equal(t, string(chain.KindInvalid), items[0].ErrorKind)
	require.Equal(t, "send at node0: invalid: scripted", items[0].Error)
}

func TestSignedRowsThatAreNotWhatTheySay(t *testing.T) {
	t.Parallel()
	b := newBench(t, without)
	other := fakeSigner{address: common.HexToAddress("0xbad")}
	file := newSignedFile(t, 5, signedLimit)
	call := func(row rows.Row) Call {
		c, fault := file.encode.Call(row)
		require.Nil(t, fault)
		return c
	}
	for name, c := range map[string]struct {
		change func(*rows.Row)
		reason string
	}{
		"unsigned":      {func(r *rows.Row) { r.Signed = nil }, "is not signed"},
		"no bytes":      {func(r *rows.Row) { r.Signed.Tx = nil }, "read: invalid: "},
		"another key":   {func(r *rows.Row) { file.sign(r, call(*r), other) }, "is signed by " + other.address.Hex() + ", not by " + fakeAccount.address.Hex()},
		"another hash":  {func(r *rows.Row) { r.Signed.Hash[0]++ }, "has the transaction "},
		"another nonce": {func(r *rows.Row) { r.Signed.Nonce += "0" }, "has a transaction with nonce "},
		"another limit": {func(r *rows.Row) { newSignedFile(t, 1, signedLimit-1).sign(r, call(*r), fakeAccount) }, "with block limit 999, not 1000"},
		"another input": {func(r *rows.Row) {
			changed := call(*r)
			changed.Input[10]++
			file.sign(r, changed, fakeAccount)
		}, "makes another call than its values"},
		"another contract": {func(r *rows.Row) {
			changed := call(*r)
			changed.To = common.HexToAddress("0x1")
			file.sign(r, changed, fakeAccount)
		}, "makes another call than its values"},
	} {
		spec := signedSpec()
		spec.IdempotencyKey = name
		job, _, err := b.engine.Create(context.Background(), spec)
		require.NoError(t, err)
		bad := newSignedFile(t, 5, signedLimit)
		bad.change = func(row *rows.Row) {
			if row.Number == 4 {
				c.change(row)
			}
		}
		job, err = b.engine.Load(context.Background(), job.ID, bad)
		invalid, ok := errors.AsType[*InvalidRowsError](err)
		require.True(t, ok, "%s: %v", name, err)
		require.EqualValues(t, 1, invalid.Count, name)
		require.EqualValues(t, 4, invalid.Faults[0].Row, name)
		require.Contains(t, invalid.Faults[0].Reason, c.reason, name)
		require.Equal(t, JobInvalid, job.State, name)
	}
	// Rows that are not signed are none for such a job, and the other way round.
	spec := signedSpec()
	job, _, err := b.engine.Create(context.Background(), spec)
	require.NoError(t, err)
	_, err = b.engine.Load(context.Background(), job.ID, fromCSV(t, csvRows(3)))
	require.ErrorContains(t, err, "is not signed")
	b.chain.with(func(c *fakeChain) { require.Zero(t, c.sends) })
}

func TestSignedSpecsThatCannotWork(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(c *Config) { c.Targets[0].TxReader = fakeReader{} })
	for field, change := range map[string]func(*Spec){
		"account":           func(s *Spec) { s.Account = "alice" },
		"kind":              func(s *Spec) { s.Kind = KindTransaction },
		"deploy":            func(s *Spec) { s.Deploy = true },
		"signed.plan":       func(s *Spec) { s.Signed.Plan = "" },
		"signed.signer":     func(s *Spec) { s.Signed.Signer = common.Address{} },
		"signed.blockLimit": func(s *Spec) { s.Signed.BlockLimit = 0 },
		"signed.genesis":    func(s *Spec) { s.Signed.Genesis = common.HexToHash("0x02") },
		"function":          func(s *Spec) { s.Function = "" },
	} {
		spec := signedSpec()
		change(&spec)
		_, _, err := b.engine.Create(context.Background(), spec)
		requireSpecError(t, err, field, "")
	}
	plain := newBench(t)
	_, _, err := plain.engine.Create(context.Background(), signedSpec())
	requireSpecError(t, err, "signed", `target "main" cannot read transactions that were signed elsewhere`)
}

func requireSpecError(t *testing.T, err error, field, reason string) {
	t.Helper()
	spec, ok := errors.AsType[*SpecError](err)
	require.True(t, ok, "%s: %v", field, err)
	require.Equal(t, field, spec.Field)
	require.Contains(t, spec.Reason, reason)
}

func TestVerifyingKeepsTheOrderOfRowsAndErrors(t *testing.T) {
	t.Parallel()
	broken := errors.New("the disk broke")
	r := &signedRows{Reader: &breaking{newSignedFile(t, 2000, signedLimit), 1500, broken}, reader: fakeReader{}, spec: *signedSpec().Signed, workers: 3}
	for n := range int64(1500) {
		row, err := r.Next()
		require.NoError(t, err)
		require.Equal(t, n+1, row.Number)
	}
	_, err := r.Next()
	require.ErrorIs(t, err, broken)
	r = &signedRows{Reader: newSignedFile(t, 1, signedLimit), reader: fakeReader{}, spec: *signedSpec().Signed, workers: 3}
	_, err = r.Next()
	require.NoError(t, err)
	_, err = r.Next()
	require.Equal(t, io.EOF, err)
	_, err = r.Next()
	require.Equal(t, io.EOF, err)
}

// breaking breaks off behind some rows.
type breaking struct {
	rows.Reader
	left int
	err  error
}

func (b *breaking) Next() (rows.Row, error) {
	if b.left == 0 {
		return rows.Row{}, b.err
	}
	b.left--
	return b.Reader.Next()
}
