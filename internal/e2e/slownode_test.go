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
// also not while that is being found out. Good and bad times take turns, so that
// what else the machine does strikes both.
//
// It does not run beside other tests, because it measures.
func TestSlowNodeDoesNotRaiseTheMedian(t *testing.T) { //nolint:paralleltest // see above
	const (
		rounds, readers = 3, 20
		roundTime       = 2 * time.Second
		late            = 300 * time.Millisecond
	)
	w := newWorld(t, 4)
	c := w.connect(t, 0, 1)
	good, bad := hdrhistogram.New(1, time.Minute.Microseconds(), 3), hdrhistogram.New(1, time.Minute.Microseconds(), 3)

	measure := func(h *hdrhistogram.Histogram) {
		ctx, cancel := context.WithTimeout(t.Context(), roundTime)
		defer cancel()
		var mu sync.Mutex
		var wg sync.WaitGroup
		for range readers {
			wg.Go(func() {
				for ctx.Err() == nil {
					// No two are the same, so nodes have to be asked.
					read, log := chain.WithCallLog(context.Background())
					began := time.Now()
					_, err := c.Guard.Code(read, common.BigToAddress(new(big.Int).SetUint64(rand.Uint64())))
					took := time.Since(began)
					if source, _ := log.Source(); err != nil || source != chain.SourceNode {
						t.Errorf("a read from %q: %v", source, err)
						return
					}
					mu.Lock()
					_ = h.RecordValue(took.Microseconds())
					mu.Unlock()
					select { // two cores are enough for it all
					case <-time.After(rand.N(20 * time.Millisecond)):
					case <-ctx.Done():
					}
				}
			})
		}
		wg.Wait()
	}
	measure(hdrhistogram.New(1, time.Minute.Microseconds(), 3)) // to become warm
	for round := range rounds {
		p := c.proxies[round%len(c.proxies)]
		measure(good)
		require.NoError(t, p.Set(proxy.Faults{ToClient: proxy.Flow{Latency: late}}))
		measure(bad)
		require.NoError(t, p.Heal())
	}
	quantile := func(h *hdrhistogram.Histogram, q float64) time.Duration {
		return time.Duration(h.ValueAtQuantile(q)) * time.Microsecond
	}
	for name, h := range map[string]*hdrhistogram.Histogram{"four good nodes": good, "one late": bad} {
		t.Logf("%s: %d reads, p50 %v, p90 %v, p99 %v", name, h.TotalCount(), quantile(h, 50), quantile(h, 90), quantile(h, 99))
	}
	require.Less(t, quantile(bad, 50), quantile(good, 50)*12/10+2*time.Millisecond)
	require.Less(t, quantile(bad, 90), late, "not even one read in ten goes to the node that is late")
}
