package batch

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
)

// BenchmarkGroupCommit measures what a durable attempt and a durable outcome
// cost, in groups as the engine writes them and, for comparison, alone.
func BenchmarkGroupCommit(b *testing.B) {
	for _, group := range []int{1, 500} {
		b.Run(fmt.Sprintf("rows=%d", group), func(b *testing.B) {
			s, err := OpenStore(context.Background(), filepath.Join(b.TempDir(), "store.db"))
			require.NoError(b, err)
			defer s.Close()
			rec, _, err := s.insertJob(record{Job: Job{ID: "bench", State: JobRunning, Created: time.Now()}})
			require.NoError(b, err)
			receipt := &chain.Receipt{BlockNumber: 7, StatusName: "None", GasUsed: 21000, Output: make([]byte, 32)}
			now := time.Now()
			row := int64(0)
			b.ResetTimer()
			for done := 0; done < b.N; {
				n := min(group, b.N-done)
				attempts, outcomes := make([]write, 0, n), make([]write, 0, n)
				for range n {
					row++
					attempts = append(attempts, write{job: rec.seq, item: itemID(rec.seq, row), from: ItemQueued, to: ItemSubmitted,
						attempt: &attempt{number: 1, hash: common.BigToHash(common.Big1), nonce: strings.Repeat("7", 39), limit: 510, created: now}})
					outcomes = append(outcomes, write{job: rec.seq, item: itemID(rec.seq, row), from: ItemSubmitted, to: ItemConfirmed,
						outcome: &outcome{state: ItemConfirmed, attempts: 1, landed: 1, receipt: receipt, settled: now}})
				}
				require.NoError(b, s.writeGroup(&fate{}, attempts))
				require.NoError(b, s.writeGroup(&fate{}, outcomes))
				done += n
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "items/s")
		})
	}
}

// instantChain answers every send at once and remembers nothing, so that only
// the engine's own cost is measured.
type instantChain struct {
	*fakeChain
	mu sync.Mutex
	n  uint64
}

func (c *instantChain) Send(_ context.Context, tx chain.SignedTx) (chain.Receipt, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	return chain.Receipt{TxHash: tx.Hash, BlockNumber: 11 + c.n/1000, Succeeded: true, StatusName: "None", GasUsed: 21000}, nil
}

// instantSigner makes a hash and bytes at almost no cost.
type instantSigner struct{ fakeSigner }

func (s instantSigner) Nonce(ref string) string { return ref }

func (s instantSigner) Sign(_ chain.Intent, terms chain.Terms) (chain.SignedTx, error) {
	raw := []byte(terms.Nonce)
	return chain.SignedTx{Hash: crypto.Keccak256Hash(raw), Terms: terms, Raw: raw}, nil
}

// BenchmarkEngine measures the engine's own cost of an item from the first
// write-ahead to the durable outcome, without chain and signature.
func BenchmarkEngine(b *testing.B) {
	c := &instantChain{fakeChain: newFakeChain()}
	t := newBench(b, func(cfg *Config) {
		cfg.Targets[0].Chain = c
		cfg.Targets[0].Accounts = map[string]chain.Signer{"alice": instantSigner{fakeAccount}}
	})
	ctx := context.Background()
	job, _, err := t.engine.Create(ctx, saveSpec())
	require.NoError(b, err)
	_, err = t.engine.Load(ctx, job.ID, fromCSV(b, csvRows(b.N)))
	require.NoError(b, err)
	b.ResetTimer()
	require.NoError(b, t.engine.Run(ctx, job.ID))
	_, err = t.engine.Wait(ctx, job.ID)
	require.NoError(b, err)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "items/s")
}

// BenchmarkLoad measures what it costs to read, check, encode and store a row.
func BenchmarkLoad(b *testing.B) {
	for name, place := range map[string]func(testing.TB) string{"sqlite": newFile, "postgres": newDatabase} {
		b.Run(name, func(b *testing.B) { benchmarkLoad(b, place(b)) })
	}
}

func benchmarkLoad(b *testing.B, location string) {
	t := newBenchAt(b, location)
	ctx := context.Background()
	job, _, err := t.engine.Create(ctx, saveSpec())
	require.NoError(b, err)
	text := csvRows(b.N)
	b.ResetTimer()
	_, err = t.engine.Load(ctx, job.ID, fromCSV(b, text))
	require.NoError(b, err)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
