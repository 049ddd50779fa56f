//go:build unix

package e2e

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/bcosgate/bcosgate/batch"
	"github.com/bcosgate/bcosgate/batch/rows"
	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/contracts"
)

const (
	chaosNodes   = 4
	chaosReaders = 200
	// chaosRate is how many rows a second the job may send at most: it lasts for
	// the whole time.
	chaosRate = 100
	// longestFault is enough to miss three heartbeats, after which a node is offline.
	longestFault = 20 * time.Second
	// settleTime is what the job may take after the last fault.
	settleTime = 3 * time.Minute
)

// Nodes are killed, stalled and cut off at random under readers and a job. No
// answer is wrong, no row is executed twice, errors have kinds, reads keep their
// deadline, every node is used again soon after it answers again, and nothing is
// left behind. BCOSGATE_CHAOS_TIME (10s) is how long; the faults are drawn from
// BCOSGATE_CHAOS_SEED.
//
// It does not run beside other tests, because it looks for goroutines that are left.
func TestChaos(t *testing.T) { //nolint:paralleltest // see above
	lasting, seed := chaosSettings(t)
	t.Logf("BCOSGATE_CHAOS_TIME=%v BCOSGATE_CHAOS_SEED=%d", lasting, seed)
	before := goleak.IgnoreCurrent()
	w := newWorld(t, chaosNodes)
	t.Cleanup(func() {
		for node := range w.ports {
			_ = w.signal(node, syscall.SIGCONT) // fails when it does not run
		}
	})
	c := w.connect(t, chaosRate, seed)
	known := &truth{owner: c.owner, texts: map[common.Hash]string{}, known: map[common.Hash]common.Hash{}, blocks: map[uint64]common.Hash{}}
	job := startJob(t, w, c, known, int(lasting.Seconds()*chaosRate))

	x := &chaos{t: t, w: w, c: c, seed: seed, longer: min(lasting/3, longestFault)}
	striking, calm := context.WithTimeout(t.Context(), lasting)
	defer calm()
	reading, enough := context.WithCancel(t.Context())
	defer enough()
	counted := readAll(reading, c, known, job.contract)
	x.run(striking)
	enough()
	calmed := time.Now()
	total := counted()
	done := job.finish(t)
	logChaos(t, x, total, known, done, time.Since(calmed))

	require.Empty(t, known.wrong, "wrong answers")
	require.Less(t, quantile(total.latency, 99), attemptTime, "the 99th percentile of all reads")
	reads, failed := total.all()
	require.Less(t, failed, reads/2, "of %d reads: one node of four is well at most times", reads)
	require.EqualValues(t, len(known.texts), done.Counts.Confirmed)
	requireSameChain(t, w, known)
	job.stop(t)
	c.stop(t)
	left := c.Pool.Stat()
	require.Zero(t, left.Open+left.Idle+left.InFlight+left.Waiting+left.Dialing, "%+v", left)
	for _, p := range c.proxies {
		require.Eventually(t, func() bool { return p.Stats().Live == 0 }, time.Minute, poll, "no connection is left behind")
		p.Close()
	}
	w.http.CloseIdleConnections()
	goleak.VerifyNone(t, before)
}

func chaosSettings(t *testing.T) (lasting time.Duration, seed uint64) {
	t.Helper()
	lasting, seed = 10*time.Second, rand.Uint64()
	var err error
	if text := os.Getenv("BCOSGATE_CHAOS_TIME"); text != "" {
		lasting, err = time.ParseDuration(text)
		require.NoError(t, err)
	}
	if text := os.Getenv("BCOSGATE_CHAOS_SEED"); text != "" {
		seed, err = strconv.ParseUint(text, 10, 64)
		require.NoError(t, err)
	}
	return lasting, seed
}

// chaosJob is a job that runs in an engine in this process.
type chaosJob struct {
	id       string
	contract common.Address
	engine   *batch.Engine
	store    *batch.Store
}

// startJob deploys a contract and starts a job of n rows, whose texts it makes known.
func startJob(t *testing.T, w *world, c *client, known *truth, n int) *chaosJob {
	t.Helper()
	ctx := t.Context()
	store, err := batch.OpenStore(ctx, filepath.Join(w.dir, "jobs.db"))
	require.NoError(t, err)
	target := c.Target.Target
	target.Chain = witness{Chain: target.Chain, truth: known}
	engine, err := batch.NewEngine(batch.Config{Store: store, Targets: []batch.Target{target}})
	require.NoError(t, err)
	require.NoError(t, engine.Start(ctx))
	j := &chaosJob{engine: engine, store: store}
	t.Cleanup(func() { j.stop(t) })

	run := func(spec batch.Spec, input rows.Reader) string {
		job, _, err := engine.Create(ctx, spec)
		require.NoError(t, err)
		_, err = engine.Load(ctx, job.ID, input)
		require.NoError(t, err)
		require.NoError(t, engine.Run(ctx, job.ID))
		return job.ID
	}
	deployed, err := engine.Wait(ctx, run(batch.Spec{Kind: batch.KindTransaction, Deploy: true, Contract: "Evidence"}, rows.NewJSON([]json.RawMessage{[]byte("{}")})))
	require.NoError(t, err)
	require.EqualValues(t, 1, deployed.Counts.Confirmed)

	var text strings.Builder
	text.WriteString("digest,text\n")
	for i := range n {
		digest := common.Hash(sha256.Sum256(fmt.Append(nil, t.Name(), i)))
		known.texts[digest] = fmt.Sprintf("record %d", i)
		fmt.Fprintf(&text, "%s,%s\n", digest, known.texts[digest])
	}
	input, err := rows.NewCSV(strings.NewReader(text.String()), rows.CSVOptions{})
	require.NoError(t, err)
	j.id = run(batch.Spec{Contract: "Evidence", Function: "save"}, input)
	job, err := engine.Job(ctx, j.id)
	require.NoError(t, err)
	require.NotNil(t, job.Address)
	j.contract = *job.Address
	return j
}

// finish waits for the end of the job.
func (j *chaosJob) finish(t *testing.T) batch.Job {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), settleTime)
	defer cancel()
	_, err := j.engine.Wait(ctx, j.id)
	done, errState := j.engine.Job(t.Context(), j.id)
	require.NoError(t, errState)
	require.NoError(t, err, "%+v", done.Counts)
	return done
}

// stop ends the engine; again it does nothing.
func (j *chaosJob) stop(t *testing.T) {
	t.Helper()
	if j.engine == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	require.NoError(t, j.engine.Stop(ctx))
	require.NoError(t, j.store.Close())
	j.engine = nil
}

// readAll starts the readers. What it gives waits for them, after ctx has ended,
// and adds up what they counted.
func readAll(ctx context.Context, c *client, known *truth, contract common.Address) (counted func() *tally) {
	evidence, _ := contracts.Builtin("Evidence")
	get, err := evidence.ABI.Method("get")
	if err != nil {
		panic(err) // a part of the program
	}
	var wg sync.WaitGroup
	readers := make([]*reader, chaosReaders)
	for i := range readers {
		readers[i] = &reader{truth: known, guard: c.Guard, contract: contract, get: get, tally: newTally()}
		wg.Go(func() { readers[i].run(ctx) })
	}
	return func() *tally {
		wg.Wait()
		total := newTally()
		for _, r := range readers {
			total.add(r.tally)
		}
		return total
	}
}

// requireSameChain wants every node to have executed each row once, the deployment
// once, nothing else, and the blocks that were read.
func requireSameChain(t *testing.T, w *world, known *truth) {
	t.Helper()
	for node := range w.ports {
		require.Eventually(t, func() bool { return w.answers(node) }, time.Minute, poll)
		var count transactionCount
		require.Eventually(t, func() bool {
			w.rpc(node, &count, "getTotalTransactionCount")
			return count.TransactionCount > len(known.texts)
		}, time.Minute, poll, "node %d has all blocks", node)
		require.Equal(t, transactionCount{TransactionCount: len(known.texts) + 1}, count,
			"node %d: one transaction for each row and one for the deployment; a second execution would have reverted", node)
		for number, hash := range known.blocks {
			var got common.Hash
			w.rpc(node, &got, "getBlockHashByNumber", number)
			require.Equal(t, hash, got, "block %d of node %d", number, node)
		}
	}
}

func logChaos(t *testing.T, x *chaos, total *tally, known *truth, job batch.Job, settled time.Duration) {
	t.Helper()
	var text strings.Builder
	out := tabwriter.NewWriter(&text, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(cells ...any) { fmt.Fprintf(out, strings.Repeat("%v\t", len(cells))+"\n", cells...) }
	row("fault", "times", "longest", "slowest recovery")
	for _, f := range faults {
		var times int
		var longest, slowest time.Duration
		for _, r := range x.reports {
			if r.fault == f.name {
				times++
				longest, slowest = max(longest, r.bad), max(slowest, r.recovered)
			}
		}
		row(f.name, times, longest.Round(time.Millisecond), slowest.Round(time.Millisecond))
	}
	row("", "", "", "")
	row("reads", "", "", "")
	for _, name := range slices.Sorted(maps.Keys(total.reads)) {
		row(name, total.reads[name], "", "")
	}
	row("answered without a node", total.kept, "", "")
	for _, kind := range []chain.Kind{chain.KindUnavailable, chain.KindTimeout, chain.KindOverloaded} {
		row("failed: "+string(kind), total.failed[kind], "", "")
	}
	row("wrong", len(known.wrong), "", "")
	for _, q := range []float64{50, 95, 99, 99.9, 100} {
		row(fmt.Sprintf("p%v", q), "", quantile(total.latency, q), "")
	}
	stat := x.c.Pool.Stat()
	row("connections dialed", stat.Dials, "", "")
	row("of them in vain", stat.DialFailures, "", "")
	row("heartbeats missed", stat.HeartbeatsMissed, "", "")
	row("rows confirmed", job.Counts.Confirmed, "", "")
	row("last row after the last fault", "", settled.Round(time.Millisecond), "")
	require.NoError(t, out.Flush())
	t.Logf("%d nodes, %d readers\n%s", chaosNodes, chaosReaders, &text)
}
