package reconcile_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/bcosgate/bcosgate/batch"
	"github.com/bcosgate/bcosgate/batch/reconcile"
	"github.com/bcosgate/bcosgate/batch/rows"
	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/configs"
	"github.com/bcosgate/bcosgate/contracts"
	"github.com/bcosgate/bcosgate/internal/assemble"
	"github.com/bcosgate/bcosgate/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	saved    = "event Saved(bytes32 indexed digest, address indexed owner, uint256 blockNumber, string text)"
	jobRows  = 300
	reverted = 2 // rows that repeat an earlier digest, which the contract refuses
)

// world is a chain with two nodes, and a store with a job of jobRows rows on it that
// is done.
type world struct {
	net     *testkit.Devnet
	targets []assemble.Target
	path    string // of the store, closed
	job     batch.Job
	deploy  batch.Job
}

// newWorld runs the job with the engine, over real sockets.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{net: testkit.NewDevnet(t, 2, 20*time.Millisecond).Serve()}
	dir := t.TempDir()
	w.path = filepath.Join(dir, "jobs.db")
	cfg := configs.Default()
	cfg.Accounts = []configs.Account{{Name: "default", File: filepath.Join(dir, "account.pem"), Create: true}}
	cfg.Targets = []configs.Target{{
		Name: "main", Family: "fisco3", Chain: "chain0", Group: "group0", Nodes: w.net.Nodes, Account: "default",
		TLS: configs.TargetTLS{CA: filepath.Join(w.net.Certs, "ca.crt"), Cert: filepath.Join(w.net.Certs, "sdk.crt"), Key: filepath.Join(w.net.Certs, "sdk.key")},
	}}
	require.NoError(t, cfg.Validate())
	accounts, err := assemble.Accounts(cfg.Accounts)
	require.NoError(t, err)
	w.targets, err = assemble.Targets(cfg, accounts, assemble.Deps{})
	require.NoError(t, err)
	require.NoError(t, assemble.Start(context.Background(), w.targets))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		require.NoError(t, assemble.Stop(ctx, w.targets))
	})
	require.NoError(t, w.targets[0].Pool.WaitReady(t.Context()))
	w.runJob(t)
	require.Eventually(t, func() bool { // both nodes are known
		for _, n := range w.targets[0].Pool.Nodes() {
			if !n.Online {
				return false
			}
		}
		return true
	}, 10*time.Second, 5*time.Millisecond)
	return w
}

func (w *world) runJob(t *testing.T) {
	t.Helper()
	store, err := batch.OpenStore(t.Context(), w.path)
	require.NoError(t, err)
	engine, err := batch.NewEngine(batch.Config{Store: store, Targets: assemble.EngineTargets(w.targets)})
	require.NoError(t, err)
	require.NoError(t, engine.Start(t.Context()))
	w.deploy = finish(t, engine, batch.Spec{Kind: batch.KindTransaction, Contract: "Evidence", Deploy: true}, []json.RawMessage{json.RawMessage(`[]`)})
	list := make([]json.RawMessage, jobRows)
	for i := range list {
		n := i
		if i >= jobRows-reverted {
			n = 0
		}
		list[i] = fmt.Appendf(nil, `{"_id":"r%d","digest":"0x%x","text":"record %d"}`, i+1, sha256.Sum256(fmt.Append(nil, n)), n)
	}
	w.job = finish(t, engine, batch.Spec{Kind: batch.KindBatch, Contract: "Evidence", Function: "save(bytes32,string)"}, list)
	require.EqualValues(t, jobRows-reverted, w.job.Counts.Confirmed)
	require.NoError(t, engine.Stop(context.Background()))
	require.NoError(t, store.Close())
}

func finish(t *testing.T, engine *batch.Engine, spec batch.Spec, list []json.RawMessage) batch.Job {
	t.Helper()
	job, _, err := engine.Create(t.Context(), spec)
	require.NoError(t, err)
	_, err = engine.Load(t.Context(), job.ID, rows.NewJSON(list))
	require.NoError(t, err)
	require.NoError(t, engine.Run(t.Context(), job.ID))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	job, err = engine.Wait(ctx, job.ID)
	require.NoError(t, err)
	return job
}

// store opens a copy of the store that statements have changed.
func (w *world) store(t *testing.T, statements ...string) *batch.Store {
	t.Helper()
	data, err := os.ReadFile(w.path)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "copy.db")
	require.NoError(t, os.WriteFile(path, data, 0o600))
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	for _, s := range statements {
		res, err := db.ExecContext(t.Context(), s)
		require.NoError(t, err, s)
		n, err := res.RowsAffected()
		require.NoError(t, err)
		require.Positive(t, n, s)
	}
	require.NoError(t, db.Close())
	store, err := batch.OpenStore(t.Context(), path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	return store
}

// run reconciles the job.
func (w *world) run(t *testing.T, store reconcile.Store, c reconcile.Chain, opt reconcile.Options) (reconcile.Result, error) {
	t.Helper()
	r := reconcile.New(store, []reconcile.Target{{Name: "main", Chain: c}})
	return r.Run(t.Context(), w.job.ID, opt, nil)
}

// item is the SQL condition that finds the outcome of a row of the job.
func (w *world) item(t *testing.T, row int64) string {
	t.Helper()
	return fmt.Sprintf("item = (SELECT seq FROM jobs WHERE id = '%s') * 1099511627776 + %d", w.job.ID, row)
}

// send sends a transaction of the job's account that no store knows.
func (w *world) send(t *testing.T, text string) common.Hash {
	t.Helper()
	signer := w.targets[0].Accounts["default"]
	artifact, ok := contracts.Builtin("Evidence")
	require.True(t, ok)
	method, err := artifact.ABI.Method("save(bytes32,string)")
	require.NoError(t, err)
	input, err := method.Encode([]any{common.Hash(sha256.Sum256([]byte(text))).Hex(), text})
	require.NoError(t, err)
	head, err := w.targets[0].Guard.Head(t.Context())
	require.NoError(t, err)
	tx, err := signer.Sign(chain.Intent{To: w.job.Address, Input: input}, chain.Terms{Nonce: signer.Nonce(text), BlockLimit: head.Number + 100})
	require.NoError(t, err)
	receipt, err := w.targets[0].Guard.Send(t.Context(), tx)
	require.NoError(t, err)
	require.True(t, receipt.Succeeded)
	return tx.Hash
}

// liar changes what nodes say.
type liar struct {
	reconcile.Chain
	mu      sync.Mutex
	receipt func(node string, r *chain.Testimony[chain.Receipt])
	block   func(node string, b *chain.Testimony[chain.Block])
}

func (l *liar) AskReceipt(ctx context.Context, tx common.Hash, atLeast uint64, n int) ([]chain.Testimony[chain.Receipt], error) {
	answers, err := l.Chain.AskReceipt(ctx, tx, atLeast, n)
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range answers {
		if l.receipt != nil {
			l.receipt(answers[i].Node, &answers[i])
		}
	}
	return answers, err
}

func (l *liar) AskBlock(ctx context.Context, number uint64, n int) ([]chain.Testimony[chain.Block], error) {
	answers, err := l.Chain.AskBlock(ctx, number, n)
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range answers {
		if l.block != nil {
			l.block(answers[i].Node, &answers[i])
		}
	}
	return answers, err
}
