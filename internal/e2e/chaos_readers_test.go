//go:build unix

package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/batch"
	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/guard"
	"github.com/bcosgate/bcosgate/contracts"
)

const (
	// readTime is the deadline of a read, as the gateway gives it to a request: time
	// for three attempts of 10 s.
	readTime    = 30 * time.Second
	attemptTime = 10 * time.Second
	// thinkTime is what a reader waits on average between two reads, so that two
	// cores carry all of them, the nodes and the job.
	thinkTime = 200 * time.Millisecond
)

// mayFail are the kinds of errors of a read that is right, on a chain with bad nodes.
var mayFail = []chain.Kind{chain.KindUnavailable, chain.KindTimeout, chain.KindOverloaded}

// record is a row that the chain has executed, as its receipt says.
type record struct {
	digest  common.Hash
	text    string
	receipt chain.Receipt
}

// truth is what is known of the chain, without asking for it.
type truth struct {
	owner common.Address
	texts map[common.Hash]string // by digest, of all rows

	mu      sync.RWMutex // guards the fields below
	records []record
	known   map[common.Hash]common.Hash // transactions of the records, by digest
	blocks  map[uint64]common.Hash
	wrong   []string
}

func (k *truth) blame(format string, args ...any) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.wrong = append(k.wrong, fmt.Sprintf(format, args...))
}

// learn takes a receipt that the engine was given. From now on everybody must be
// able to read what it says.
func (k *truth) learn(receipt chain.Receipt) {
	if len(receipt.Logs) != 1 || len(receipt.Logs[0].Topics) < 2 {
		return // the deployment
	}
	digest := receipt.Logs[0].Topics[1]
	k.mu.Lock()
	defer k.mu.Unlock()
	if tx, ok := k.known[digest]; ok {
		if tx != receipt.TxHash {
			k.wrong = append(k.wrong, fmt.Sprintf("digest %s was saved by %s and by %s", digest, tx, receipt.TxHash))
		}
		return
	}
	k.known[digest] = receipt.TxHash
	k.records = append(k.records, record{digest: digest, text: k.texts[digest], receipt: receipt})
}

// pick gives the newest record or any; false while there is none.
func (k *truth) pick() (record, bool) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	switch n := len(k.records); {
	case n == 0:
		return record{}, false
	case rand.IntN(2) == 0:
		return k.records[n-1], true
	default:
		return k.records[rand.IntN(n)], true
	}
}

// sameBlock reports whether the block has the hash with which it was seen first.
func (k *truth) sameBlock(b chain.Block) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, ok := k.blocks[b.Number]; !ok {
		k.blocks[b.Number] = b.Hash
	}
	return k.blocks[b.Number] == b.Hash
}

// witness learns from what a job is told by the chain.
type witness struct {
	batch.Chain
	truth *truth
}

func (w witness) Send(ctx context.Context, tx chain.SignedTx) (chain.Receipt, error) {
	receipt, err := w.Chain.Send(ctx, tx)
	if err == nil {
		w.truth.learn(receipt)
	}
	return receipt, err
}

func (w witness) Receipt(ctx context.Context, tx common.Hash) (chain.Receipt, error) {
	receipt, err := w.Chain.Receipt(ctx, tx)
	if err == nil {
		w.truth.learn(receipt)
	}
	return receipt, err
}

// tally is what readers count.
type tally struct {
	latency *hdrhistogram.Histogram // microseconds, of all reads that nodes were asked for, those that failed too
	reads   map[string]int
	kept    int // reads that were answered without a node
	failed  map[chain.Kind]int
}

func newTally() *tally {
	return &tally{latency: newLatencies(), reads: map[string]int{}, failed: map[chain.Kind]int{}}
}

// all is how many reads there were, and how many failed.
func (t *tally) all() (reads, failed int) {
	for _, n := range t.reads {
		reads += n
	}
	for _, n := range t.failed {
		failed += n
	}
	return reads, failed
}

func (t *tally) add(o *tally) {
	t.latency.Merge(o.latency)
	t.kept += o.kept
	for name, n := range o.reads {
		t.reads[name] += n
	}
	for kind, n := range o.failed {
		t.failed[kind] += n
	}
}

// reader reads what is known already, and compares.
type reader struct {
	truth    *truth
	guard    *guard.Guard
	contract common.Address
	get      *contracts.Method
	head     uint64 // the highest that it was told
	called   uint64 // the highest block at which one of its calls was made
	tally    *tally
}

// run reads until ctx ends; a read that has begun is finished.
func (r *reader) run(ctx context.Context) {
	kinds := []struct {
		name string
		read func(context.Context, record) (wrong string, err error)
	}{{"head", r.readHead}, {"receipt", r.readReceipt}, {"block", r.readBlock}, {"record", r.readRecord}}
	for {
		select {
		case <-time.After(rand.N(2 * thinkTime)):
		case <-ctx.Done():
			return
		}
		known, ok := r.truth.pick()
		if !ok {
			continue
		}
		kind := kinds[rand.IntN(len(kinds))]
		limited, cancel := context.WithTimeout(context.Background(), readTime)
		limited, log := chain.WithCallLog(limited)
		began := time.Now()
		wrong, err := kind.read(limited, known)
		took := time.Since(began)
		cancel()
		r.tally.reads[kind.name]++
		if source, _ := log.Source(); err != nil || source == chain.SourceNode || source == chain.SourceMerged {
			_ = r.tally.latency.RecordValue(max(1, took.Microseconds())) // fails beyond a minute
		} else {
			r.tally.kept++
		}
		var failure *chain.Error
		switch {
		case err != nil && !errors.As(err, &failure):
			r.truth.blame("%s: an error without a kind: %v", kind.name, err)
		case err != nil && !slices.Contains(mayFail, failure.Kind):
			r.truth.blame("%s of %s in block %d: %v", kind.name, known.digest, known.receipt.BlockNumber, err)
		case err != nil:
			r.tally.failed[failure.Kind]++
		case wrong != "":
			r.truth.blame("%s of %s in block %d: %s", kind.name, known.digest, known.receipt.BlockNumber, wrong)
		}
	}
}

func (r *reader) readHead(ctx context.Context, _ record) (string, error) {
	head, err := r.guard.Head(ctx)
	if err != nil {
		return "", err
	}
	before := r.head
	r.head = max(before, head.Number)
	if head.Number < before {
		return fmt.Sprintf("the head went back from %d to %d", before, head.Number), nil
	}
	return "", nil
}

func (r *reader) readReceipt(ctx context.Context, known record) (string, error) {
	got, err := r.guard.Receipt(ctx, known.receipt.TxHash)
	if err != nil {
		return "", err
	}
	want := known.receipt
	if got.TxHash != want.TxHash || got.BlockNumber != want.BlockNumber || !got.Succeeded || got.From != want.From || got.GasUsed != want.GasUsed ||
		len(got.Logs) != 1 || !slices.Equal(got.Logs[0].Topics, want.Logs[0].Topics) || string(got.Logs[0].Data) != string(want.Logs[0].Data) {
		return fmt.Sprintf("got %+v, want %+v", got, want), nil
	}
	return "", nil
}

func (r *reader) readBlock(ctx context.Context, known record) (string, error) {
	got, err := r.guard.Block(ctx, known.receipt.BlockNumber)
	switch {
	case err != nil:
		return "", err
	case got.Number != known.receipt.BlockNumber || !slices.Contains(got.TxHashes, known.receipt.TxHash):
		return fmt.Sprintf("block %d with %v has no %s", got.Number, got.TxHashes, known.receipt.TxHash), nil
	case !r.truth.sameBlock(got):
		return "it has another hash than before: " + got.Hash.Hex(), nil
	}
	return "", nil
}

func (r *reader) readRecord(ctx context.Context, known record) (string, error) {
	input, err := r.get.Encode([]any{known.digest.Hex()})
	if err != nil {
		return "", err
	}
	got, err := r.guard.Call(ctx, chain.CallMsg{To: r.contract, Input: input})
	if err != nil {
		return "", err
	}
	before := r.called
	r.called = max(before, got.BlockNumber)
	values, err := r.get.DecodeOutput(got.Output)
	if got.Status != 0 || err != nil || len(values) != 3 {
		return fmt.Sprintf("status %d (%s) at block %d, %v", got.Status, got.StatusName, got.BlockNumber, err), nil
	}
	want := []any{r.truth.owner.Hex(), fmt.Sprint(known.receipt.BlockNumber), known.text}
	for i, v := range values {
		if v.Value != want[i] {
			return fmt.Sprintf("%s is %v, want %v", v.Name, v.Value, want[i]), nil
		}
	}
	if got.BlockNumber < before {
		return fmt.Sprintf("it was read at block %d, after block %d", got.BlockNumber, before), nil
	}
	return "", nil
}
