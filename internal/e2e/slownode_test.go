//go:build unix

package e2e

import (
	"context"
	"math/big"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/internal/testkit/proxy"
)

// One node of four that answers 300 ms late does not raise the median of reads,
// also not while that is being found out. Good and bad times take turns, and the
// best ones are compared: what else the machine does comes and goes, what the node
// does stays.
//
// It does not run beside other tests, because it measures.
func TestSlowNodeDoesNotRaiseTheMedian(t *testing.T) { //nolint:paralleltest // see above
	const (
		rounds, moreRounds = 3, 10 // more when the machine is busy
		late               = 300 * time.Millisecond
	)
	w := newWorld(t, 4)
	c := w.connect(t, 0, 1)
	c.measure(t) // to become warm
	good, bad, badTail := time.Hour, time.Hour, time.Hour
	raised := func() bool { return bad > good*12/10+2*time.Millisecond || badTail >= late }
	for round := 0; round < rounds || round < moreRounds && raised(); round++ {
		p := c.proxies[round%len(c.proxies)]
		before := c.measure(t)
		require.NoError(t, p.Set(proxy.Faults{ToClient: proxy.Flow{Latency: late}}))
		after := c.measure(t)
		require.NoError(t, p.Heal())
		for name, h := range map[string]*hdrhistogram.Histogram{"four good nodes": before, "one late": after} {
			t.Logf("%s: %d reads, p50 %v, p90 %v, p99 %v", name, h.TotalCount(), quantile(h, 50), quantile(h, 90), quantile(h, 99))
		}
		good, bad, badTail = min(good, quantile(before, 50)), min(bad, quantile(after, 50)), min(badTail, quantile(after, 90))
	}
	require.False(t, raised(), "the median of reads was %v, with a node that is %v late %v, and the 90th percentile %v: not even one read in ten may go to that node",
		good, late, bad, badTail)
}

// measure reads for a while, and gives the latencies in microseconds. No two reads
// are the same, so nodes have to be asked. Readers pause so that two cores are
// enough for it all.
func (c *client) measure(t *testing.T) *hdrhistogram.Histogram {
	t.Helper()
	const (
		readers = 20
		lasting = 2 * time.Second
		pause   = 20 * time.Millisecond // at most
	)
	ctx, cancel := context.WithTimeout(t.Context(), lasting)
	defer cancel()
	h := newLatencies()
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range readers {
		wg.Go(func() {
			for ctx.Err() == nil {
				read, log := chain.WithCallLog(context.Background())
				began := time.Now()
				_, err := c.Guard.Code(read, common.BigToAddress(new(big.Int).SetUint64(rand.Uint64())))
				took := time.Since(began)
				if source, _ := log.Source(); err != nil || source != chain.SourceNode {
					t.Errorf("a read from %q: %v", source, err)
					return
				}
				mu.Lock()
				_ = h.RecordValue(took.Microseconds()) // fails beyond a minute
				mu.Unlock()
				select {
				case <-time.After(rand.N(pause)):
				case <-ctx.Done():
				}
			}
		})
	}
	wg.Wait()
	return h
}

// newLatencies makes a histogram of microseconds.
func newLatencies() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, time.Minute.Microseconds(), 3)
}

func quantile(h *hdrhistogram.Histogram, q float64) time.Duration {
	return time.Duration(h.ValueAtQuantile(q)) * time.Microsecond
}
