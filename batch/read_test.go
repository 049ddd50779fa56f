package batch

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
)

// readSpec calls a function that tells its argument twice as large.
func readSpec() Spec {
	return Spec{Kind: KindCall, To: &fakeContract, Function: "twice(uint256 n) view returns (uint256 double)"}
}

func numbers(n int) string {
	var s strings.Builder
	s.WriteString("n,note\n")
	for i := range n {
		fmt.Fprintf(&s, "%d,untouched %d\n", i+1, i+1)
	}
	return s.String()
}

// twice answers what readSpec calls.
func twice(_ int, msg chain.CallMsg, at chain.CallResult) (chain.CallResult, error) {
	n := common.BytesToHash(msg.Input[4:]).Big()
	at.Output = common.BigToHash(n.Add(n, n)).Bytes()
	return at, nil
}

// read creates, loads and runs a job of reads.
func (b *bench) read(spec Spec, csv string) Job {
	b.t.Helper()
	ctx := context.Background()
	job, _, err := b.engine.Create(ctx, spec)
	require.NoError(b.t, err)
	job, err = b.engine.Load(ctx, job.ID, fromCSV(b.t, csv))
	require.NoError(b.t, err)
	require.NoError(b.t, b.engine.Run(ctx, job.ID))
	return job
}

func (b *bench) items(id string) []Item {
	b.t.Helper()
	items, err := b.store.Items(context.Background(), id, ItemFilter{Limit: 10000})
	require.NoError(b.t, err)
	return items
}

func TestReadsTellWhatWasReturnedAndAtWhichBlock(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, location string) {
		b := newBenchAt(t, location)
		refused := hexutil.MustDecode("0x08c379a0" + fmt.Sprintf("%064x%064x", 32, 3) + common.Bytes2Hex([]byte("odd")) + strings.Repeat("0", 58))
		b.chain.answer = func(n int, msg chain.CallMsg, at chain.CallResult) (chain.CallResult, error) {
			if msg.Input[35]%10 == 3 {
				at.Status, at.StatusName, at.Output = 16, "RevertInstruction", refused
				return at, nil
			}
			return twice(n, msg, at)
		}
		job := b.wait(b.read(readSpec(), numbers(40)).ID)
		require.Equal(t, JobDone, job.State)
		require.EqualValues(t, 36, job.Counts.Confirmed)
		require.EqualValues(t, 4, job.Counts.Reverted)
		require.Equal(t, []uint64{10, 10, 10}, []uint64{job.Block, job.FirstBlock, job.LastBlock})
		require.Equal(t, common.Address{}, job.Signer)
		for i, it := range b.items(job.ID) {
			require.EqualValues(t, i+1, it.Row)
			require.EqualValues(t, 10, it.Block)
			require.Nil(t, it.TxHash)
			require.Equal(t, 1, it.Attempts)
			if (i+1)%10 == 3 {
				require.Equal(t, ItemReverted, it.State)
				require.Equal(t, []string{"odd", "reverted"}, []string{it.Error, it.ErrorKind})
				require.Empty(t, it.Outputs)
				continue
			}
			require.Equal(t, ItemConfirmed, it.State)
			require.Len(t, it.Outputs, 1)
			require.Equal(t, fmt.Sprint(2*(i+1)), it.Outputs[0].Value)
			require.Equal(t, "double", it.Outputs[0].Name)
		}
		require.Zero(t, b.chain.sends, "nothing is sent")
		signers, err := b.store.Signers(context.Background(), "main")
		require.NoError(t, err)
		require.Empty(t, signers, "nobody signed for the chain")
	})
}

func TestReadsThatFailByAccidentAreAskedAgain(t *testing.T) {
	t.Parallel()
	for kind, again := range map[chain.Kind]bool{
		chain.KindUnavailable: true, chain.KindTimeout: true, chain.KindOverloaded: true, chain.KindNode: true, chain.KindProtocol: true,
		chain.KindInvalid: false, chain.KindDenied: false, chain.KindUnsupported: false,
	} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			failed := map[string]bool{}
			b.chain.answer = func(n int, msg chain.CallMsg, at chain.CallResult) (chain.CallResult, error) {
				if !failed[string(msg.Input)] {
					failed[string(msg.Input)] = true
					return at, &chain.Error{Kind: kind, Op: "call", Msg: "scripted"}
				}
				return twice(n, msg, at)
			}
			job := b.wait(b.read(readSpec(), numbers(20)).ID)
			for _, it := range b.items(job.ID) {
				if again {
					require.Equal(t, ItemConfirmed, it.State)
					continue
				}
				require.Equal(t, ItemRejected, it.State)
				require.Equal(t, string(kind), it.ErrorKind)
				require.Contains(t, it.Error, "scripted")
				require.Zero(t, it.Block)
			}
			if !again {
				require.Empty(t, b.chain.asked)
				require.Zero(t, job.LastBlock)
			}
		})
	}
}

func TestRowsThatANodeCannotAnswerEndAlone(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	asked := 0
	b.chain.answer = func(n int, msg chain.CallMsg, at chain.CallResult) (chain.CallResult, error) {
		if msg.Input[35] == 2 {
			asked++
			return at, &chain.Error{Kind: chain.KindNode, Op: "call", Msg: "it hurts"}
		}
		return twice(n, msg, at)
	}
	job := b.wait(b.read(readSpec(), numbers(3)).ID)
	require.EqualValues(t, 2, job.Counts.Confirmed)
	require.EqualValues(t, 1, job.Counts.Rejected)
	it := b.items(job.ID)[1]
	require.Equal(t, mostBlamed, it.Attempts)
	require.Equal(t, mostBlamed, asked)
	require.Contains(t, it.Error, "it hurts")
}

func TestAnswersThatDoNotFitTheFunctionAreNoResult(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.chain.answer = func(_ int, _ chain.CallMsg, at chain.CallResult) (chain.CallResult, error) {
		at.Output = []byte{1, 2, 3}
		return at, nil
	}
	job := b.wait(b.read(readSpec(), numbers(1)).ID)
	it := b.items(job.ID)[0]
	require.Equal(t, ItemRejected, it.State)
	require.Contains(t, it.Error, "at block 10 does not fit the function")
}

func TestAPinnedReadRefusesOtherBlocks(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	at := func(n uint64) Spec {
		spec := readSpec()
		spec.Block = &n
		return spec
	}
	b := newBench(t)
	b.chain.answer = twice
	_, _, err := b.engine.Create(ctx, at(9))
	require.Equal(t, chain.KindUnsupported, chain.KindOf(err), "%v", err)
	require.ErrorContains(t, err, "block 9 cannot be read any more")
	require.ErrorContains(t, err, "which is 10")
	_, _, err = b.engine.Create(ctx, at(11))
	require.ErrorContains(t, err, "block: 11 is not there yet")

	job := b.wait(b.read(at(10), numbers(5)).ID)
	require.EqualValues(t, 5, job.Counts.Confirmed)
	require.Equal(t, []uint64{10, 10, 10}, []uint64{job.Block, job.FirstBlock, job.LastBlock})
}

// A block that is made in the middle ends all rows that follow, at once.
func TestReadsOfOneBlockEndWhenItHasPassed(t *testing.T) {
	t.Parallel()
	spec := readSpec()
	spec.SameBlock, spec.InFlight = true, 1
	b := newBench(t)
	b.chain.answer = func(n int, msg chain.CallMsg, at chain.CallResult) (chain.CallResult, error) {
		if n == 3 { // before this answer
			b.chain.height++
			at.BlockNumber++
		}
		return twice(n, msg, at)
	}
	job := b.wait(b.read(spec, numbers(50)).ID)
	require.EqualValues(t, 2, job.Counts.Confirmed)
	require.EqualValues(t, 48, job.Counts.Rejected)
	require.Equal(t, []uint64{10, 10, 10}, []uint64{job.Block, job.FirstBlock, job.LastBlock}, "what was read is of one block")
	require.Equal(t, 3, b.chain.calls, "nobody is asked what cannot be answered")
	for _, it := range b.items(job.ID)[2:] {
		require.Equal(t, string(chain.KindUnsupported), it.ErrorKind)
		require.Contains(t, it.Error, "at block 11")
	}
}

func TestReadsWithoutAPinSayWhichBlocksTheyAreOf(t *testing.T) {
	t.Parallel()
	spec := readSpec()
	spec.InFlight = 1
	b := newBench(t)
	b.chain.answer = func(n int, msg chain.CallMsg, at chain.CallResult) (chain.CallResult, error) {
		if n%10 == 0 {
			b.chain.height++
		}
		return twice(n, msg, at)
	}
	job := b.wait(b.read(spec, numbers(35)).ID)
	require.EqualValues(t, 35, job.Counts.Confirmed)
	require.Equal(t, []uint64{10, 10, 13}, []uint64{job.Block, job.FirstBlock, job.LastBlock})
}

func TestReadsGoOnAfterARestartAndAskNothingTwice(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, location string) {
		b := newBenchAt(t, location)
		settled, breaches := map[int64]bool{}, 0 // guarded by the chain's lock, which answers under it
		b.chain.latency = time.Millisecond
		b.chain.answer = func(n int, msg chain.CallMsg, at chain.CallResult) (chain.CallResult, error) {
			if settled[common.BytesToHash(msg.Input[4:]).Big().Int64()] {
				breaches++
			}
			return twice(n, msg, at)
		}
		spec := readSpec()
		spec.Rate = 1500
		id := b.read(spec, numbers(2000)).ID
		restarts := 0
		for ; restarts < 4; restarts++ {
			require.Eventually(t, func() bool { return b.progressOf(id).Counts.Confirmed >= int64(100*(restarts+1)) }, 30*time.Second, time.Millisecond)
			b.stop()
			store, err := OpenStore(context.Background(), location)
			require.NoError(t, err)
			items, err := store.Items(context.Background(), id, ItemFilter{States: []ItemState{ItemConfirmed}, Limit: 2000})
			require.NoError(t, err)
			require.NotEmpty(t, items)
			require.NoError(t, store.Close())
			b.chain.with(func(*fakeChain) {
				for _, it := range items {
					settled[it.Row] = true
				}
			})
			b.start()
		}
		job := b.wait(id)
		require.EqualValues(t, 2000, job.Counts.Confirmed)
		b.chain.with(func(*fakeChain) {
			require.Less(t, len(settled), 2000, "the last restart was not too late to tell")
			require.Zero(t, breaches)
		})
		for i, it := range b.items(id) {
			require.Equal(t, fmt.Sprint(2*(i+1)), it.Outputs[0].Value)
		}
		b.checkCounts(id)
	})
}

func TestCanceledReadsEnd(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.chain.answer, b.chain.latency = twice, 5*time.Millisecond
	id := b.read(readSpec(), numbers(5000)).ID
	require.Eventually(t, func() bool { return b.progressOf(id).Counts.Confirmed > 50 }, 10*time.Second, time.Millisecond)
	b.chain.with(func(c *fakeChain) { c.down = true })
	require.Eventually(t, func() bool { return b.progressOf(id).Waiting != "" }, 10*time.Second, time.Millisecond)
	_, err := b.engine.Cancel(context.Background(), id)
	require.NoError(t, err)
	job := b.wait(id)
	require.Equal(t, JobCanceled, job.State)
	require.EqualValues(t, 5000, job.Counts.Confirmed+job.Counts.Canceled)
}

func TestReadsAreMadeAsTheAccountThatIsNamed(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(c *Config) {
		c.Targets[0].Accounts = map[string]chain.Signer{"alice": fakeAccount, "bob": callingAccount{fakeSigner{address: common.HexToAddress("0xb0b")}}}
		c.Targets[0].DefaultAccount = "alice"
	})
	var asked []chain.CallMsg
	b.chain.answer = func(n int, msg chain.CallMsg, at chain.CallResult) (chain.CallResult, error) {
		asked = append(asked, msg)
		return twice(n, msg, at)
	}
	spec := readSpec()
	for _, spec.Account = range []string{"", "alice", "bob"} {
		job := b.wait(b.read(spec, numbers(1)).ID)
		require.EqualValues(t, 1, job.Counts.Confirmed)
	}
	require.Nil(t, asked[0].From)
	require.Equal(t, fakeAccount.address, *asked[1].From)
	require.Empty(t, asked[1].Signature)
	require.Equal(t, common.HexToAddress("0xb0b"), *asked[2].From)
	require.Equal(t, "signed "+fakeContract.Hex(), string(asked[2].Signature))
}

type callingAccount struct{ fakeSigner }

func (callingAccount) SignCall(to common.Address, _ []byte) ([]byte, error) {
	return []byte("signed " + to.Hex()), nil
}

func TestSpecsOfReadsThatCannotWork(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	one := uint64(1)
	for field, change := range map[string]func(*Spec){
		"deploy":    func(s *Spec) { s.Deploy = true },
		"sameBlock": func(s *Spec) { s.Block, s.SameBlock = &one, true },
		"block":     func(s *Spec) { s.Kind, s.Block = KindBatch, &one },
		"account":   func(s *Spec) { s.Account = "nobody" },
		"function":  func(s *Spec) { s.Function = "nope" },
		"kind":      func(s *Spec) { s.Kind = "read" },
	} {
		spec := readSpec()
		change(&spec)
		_, _, err := b.engine.Create(context.Background(), spec)
		require.ErrorContains(t, err, "create job: "+field+": ")
	}
}

func (b *bench) progressOf(id string) Progress {
	b.t.Helper()
	p, err := b.engine.Progress(context.Background(), id)
	require.NoError(b.t, err)
	return p
}
