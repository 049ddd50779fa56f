package devchain

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/bcosgate/bcosgate/devchain/suite"
)

// evidenceCode keeps the second word of the input under the first one in a mapping,
// the sender and the block number beside it, counts in slot 0 and logs the key:
// about what it costs to save a record.
var evidenceCode = unhex("" +
	"600035600052" + "6001602052" + "60406000" + "20" + // keccak(key, 1): the slot
	"33" + "81" + "55" + // sender at slot
	"43" + "81" + "600101" + "55" + // number at slot+1
	"602035" + "81" + "600201" + "55" + // value at slot+2
	"604035" + "81" + "600301" + "55" + // value at slot+3
	"50" + "600054600101600055" + // count
	"600035" + "60206000" + "a1" + "00")

// BenchmarkSeal measures transactions a second from signed bytes to an answer from
// a ledger on disk.
func BenchmarkSeal(b *testing.B) {
	for _, seal := range []time.Duration{-1, 20 * time.Millisecond, 100 * time.Millisecond} {
		b.Run(fmt.Sprint("min_seal_time=", max(0, seal)), func(b *testing.B) {
			c := newTestChain(b, func(cfg *Config) { cfg.MinSealTime, cfg.SealFull = seal, true })
			at := hexOf(c.deploy(evidenceCode))
			raws := presigned(c, at, b.N)
			b.ResetTimer()
			start := time.Now()
			var next atomic.Int64
			var senders sync.WaitGroup
			for range 2000 {
				senders.Go(func() {
					for {
						i := int(next.Add(1)) - 1
						if i >= len(raws) {
							return
						}
						result, err := c.SendTransaction(b.Context(), raws[i])
						if err != nil || result.Receipt.Status != StatusNone {
							b.Errorf("transaction %d: %v, %+v", i, err, result.Receipt)
							return
						}
					}
				})
			}
			senders.Wait()
			b.StopTimer()
			b.ReportMetric(float64(b.N)/time.Since(start).Seconds(), "tx/s")
			b.ReportMetric(float64(b.N)/float64(c.Head().Number), "tx/block")
		})
	}
}

func presigned(c *testChain, to string, n int) [][]byte {
	raws := make([][]byte, n)
	for i := range raws {
		key := crypto.Keccak256(fmt.Append(nil, i))
		input := append(append(common.CopyBytes(key), key...), key...)
		raws[i] = encodeTx(c.tx(to, input))
	}
	return raws
}

// BenchmarkSubmit measures what one sender's goroutine does: decoding, hashing and
// recovering the sender.
func BenchmarkSubmit(b *testing.B) {
	c := newTestChain(b, slow, func(cfg *Config) { cfg.PoolLimit = 1 << 30 })
	raws := presigned(c, hello, b.N)
	b.ResetTimer()
	for _, raw := range raws {
		if _, err := c.submit(raw); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkExecute measures the sealer's part: blocks of 1000 transactions, executed
// and written to disk.
func BenchmarkExecute(b *testing.B) {
	c := newTestChain(b)
	at := hexOf(c.deploy(evidenceCode))
	raws := presigned(c, at, b.N)
	batch := make([]*pending, len(raws))
	for i, raw := range raws {
		tx, refused := readTransaction(suite.Standard, raw, "chain0", 0)
		if refused != nil {
			b.Fatal(refused)
		}
		tx.Sender = addressOf(c.key)
		batch[i] = &pending{tx: tx, digest: digestNonce(tx.Nonce), done: make(chan struct{})}
	}
	if err := c.Stop(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	for len(batch) > 0 {
		n := min(1000, len(batch))
		if err := c.sealBlock(batch[:n], time.Now()); err != nil {
			b.Fatal(err)
		}
		batch = batch[n:]
	}
}
