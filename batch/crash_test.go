package batch

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/rpc"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/batch/rows"
	"github.com/bcosgate/bcosgate/chain"
)

// The crash test runs the engine in a process of its own, which is this test
// binary again, and kills it with SIGKILL. The chain lives in the test's process
// and is reached by a socket, so that it outlives every kill.
const (
	childStore = "BCOSGATE_TEST_CHILD_STORE"
	childChain = "BCOSGATE_TEST_CHILD_CHAIN"
	childRows  = "BCOSGATE_TEST_CHILD_ROWS"
	childOrder = "BCOSGATE_TEST_CHILD_ORDER" // the rows are ordered
)

// childMain is the process that is killed. It is false in the test's process.
func childMain() bool {
	if os.Getenv(childStore) == "" {
		return false
	}
	if err := runChild(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return true
}

func runChild() error {
	ctx := context.Background()
	client, err := rpc.Dial("tcp", os.Getenv(childChain))
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(os.Getenv(childRows))
	if err != nil {
		return err
	}
	store, err := OpenStore(ctx, os.Getenv(childStore))
	if err != nil {
		return err
	}
	engine, err := NewEngine(Config{Store: store, Targets: []Target{{
		Info:     chain.Target{Name: "main", ChainID: "chain0", Group: "group0"},
		Chain:    remoteChain{client},
		Accounts: map[string]chain.Signer{"alice": fakeAccount},
	}}})
	if err != nil {
		return err
	}
	if err := engine.Start(ctx); err != nil {
		return err
	}
	if os.Getenv(childRetries) != "" {
		return retryInChild(ctx, engine)
	}
	spec, input := saveSpec(), csvRows
	if os.Getenv(childOrder) != "" {
		spec, input = orderedSpec(), func(n int) string { return orderedCSV(fixedOrder(n)) }
	}
	spec.IdempotencyKey = "crash"
	job, _, err := engine.Create(ctx, spec)
	if err != nil {
		return err
	}
	if job.State == JobLoading {
		if err := loadChild(ctx, engine, job.ID, input(n)); err != nil {
			return err
		}
	}
	if err := engine.Run(ctx, job.ID); err != nil {
		return err
	}
	if _, err := engine.Wait(ctx, job.ID); err != nil {
		return err
	}
	if err := engine.Stop(ctx); err != nil {
		return err
	}
	return store.Close()
}

// loadChild loads the rows. Where processes share a store, the load of the last child
// belongs to it until it is declared dead.
func loadChild(ctx context.Context, engine *Engine, jobID, text string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		reader, err := rows.NewCSV(strings.NewReader(text), rows.CSVOptions{})
		if err != nil {
			return err
		}
		_, err = engine.Load(ctx, jobID, &tellingReader{Reader: reader})
		if !errors.Is(err, ErrState) || !sleep(ctx, 20*time.Millisecond) {
			return err
		}
	}
}

// tellingReader says when the first row is read.
type tellingReader struct {
	rows.Reader
	told bool
}

func (r *tellingReader) Next() (rows.Row, error) {
	if !r.told {
		r.told = true
		fmt.Println("loading")
	}
	return r.Reader.Next()
}

func TestNothingIsLostOrDoubledUnderSIGKILL(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, location string) {
		const n = 5000
		c := newFakeChain()
		c.latency = 2 * time.Millisecond
		c.perBlock = 200
		var child atomic.Pointer[os.Process]
		var killAt atomic.Int64 // number of the send at whose arrival the child is killed, 0 is never
		c.fault = func(send int, _ fakeTx) fault {
			if at := killAt.Load(); at > 0 && int64(send) >= at {
				// What the last child sent may arrive only now, and cannot kill it again.
				if p := child.Load(); p != nil && p.Kill() == nil {
					killAt.CompareAndSwap(at, 0)
				}
			}
			return []fault{faultLostAnswer, faultLostBefore, faultPending, faultDropped, faultNone}[min(rand.IntN(100), 4)]
		}
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		served := serveChain(t, listener, c)

		start := func() (*exec.Cmd, *bufio.Scanner) {
			cmd := exec.Command(os.Args[0], "-test.run=^$")
			cmd.Env = append(os.Environ(), childStore+"="+location, childChain+"="+listener.Addr().String(), childRows+"="+strconv.Itoa(n))
			cmd.Stderr = os.Stderr
			out, err := cmd.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, cmd.Start())
			child.Store(cmd.Process)
			return cmd, bufio.NewScanner(out)
		}
		kills := 0
		killed := func(cmd *exec.Cmd) bool {
			err := cmd.Wait()
			var exit *exec.ExitError
			if errors.As(err, &exit) && exit.ExitCode() == -1 {
				kills++
				return true
			}
			require.NoError(t, err)
			return false
		}

		// Twice in the middle of a load, at the latest when the first row is sent.
		for range 2 {
			killAt.Store(1)
			cmd, out := start()
			for out.Scan() {
				if out.Text() == "loading" {
					time.AfterFunc(time.Duration(rand.IntN(15))*time.Millisecond, func() { _ = cmd.Process.Kill() })
				}
			}
			require.True(t, killed(cmd))
		}
		// Then at random sends, until the job is done.
		for done := false; !done; {
			var sends int
			c.with(func(c *fakeChain) { sends = c.sends })
			killAt.Store(0)
			if kills < 12 {
				killAt.Store(int64(sends + 1 + rand.IntN(250)))
			}
			cmd, out := start()
			for out.Scan() {
			}
			done = !killed(cmd)
		}
		require.GreaterOrEqual(t, kills, 7)
		listener.Close()
		served.Wait()

		store, err := OpenStore(context.Background(), location)
		require.NoError(t, err)
		defer store.Close()
		b := &bench{t: t, chain: c, store: store}
		jobs, err := store.Jobs(context.Background(), JobFilter{})
		require.NoError(t, err)
		require.Len(t, jobs, 1)
		require.Equal(t, JobDone, jobs[0].State)
		require.EqualValues(t, n, jobs[0].Counts.Confirmed)
		b.verify(jobs[0])

		// What a report is made of is the chain: every row with the hash of the
		// transaction that executed it.
		read := 0
		require.NoError(t, store.Snapshot(context.Background(), jobs[0].ID, func(s *Snapshot) error {
			return s.Items(context.Background(), func(it TimedItem) error {
				read++
				require.EqualValues(t, read, it.Row)
				require.Contains(t, string(it.Input), fmt.Sprintf(`"text %d"`, read))
				receipt, ok := c.receipts[*it.TxHash]
				require.True(t, ok, "row %d", read)
				require.Equal(t, receipt.BlockNumber, it.Block)
				return nil
			})
		}))
		require.Equal(t, n, read)
		t.Logf("kills=%d sends=%d", kills, c.sends)
	})
}

// chainServer offers a fakeChain over net/rpc.
type chainServer struct{ c *fakeChain }

// The types of the wire are exported because net/rpc wants it.

// WireError carries a *chain.Error, which gob cannot with its cause.
type WireError struct {
	Kind chain.Kind
	Sent chain.Sent
	Msg  string
}

func toWire(err error) *WireError {
	var e *chain.Error
	if errors.As(err, &e) {
		return &WireError{e.Kind, e.Sent, e.Msg}
	}
	return nil
}

func (e *WireError) error() error {
	if e == nil {
		return nil
	}
	return &chain.Error{Kind: e.Kind, Sent: e.Sent, Msg: e.Msg}
}

type (
	HeadReply struct {
		Head chain.Head
		Err  *WireError
	}
	ReceiptReply struct {
		Receipt chain.Receipt
		Err     *WireError
	}
	IdentityReply struct {
		Identity chain.Identity
		Err      *WireError
	}
	AbsenceArgs struct {
		Hash  common.Hash
		Limit uint64
	}
	AbsenceReply struct {
		Absence chain.Absence
		Err     *WireError
	}
)

func (s *chainServer) Head(_ int, r *HeadReply) error {
	h, err := s.c.Head(context.Background())
	r.Head, r.Err = h, toWire(err)
	return nil
}

func (s *chainServer) Identity(_ int, r *IdentityReply) error {
	id, err := s.c.Identity(context.Background())
	r.Identity, r.Err = id, toWire(err)
	return nil
}

func (s *chainServer) Send(tx chain.SignedTx, r *ReceiptReply) error {
	receipt, err := s.c.Send(context.Background(), tx)
	r.Receipt, r.Err = receipt, toWire(err)
	return nil
}

func (s *chainServer) Receipt(hash common.Hash, r *ReceiptReply) error {
	receipt, err := s.c.Receipt(context.Background(), hash)
	r.Receipt, r.Err = receipt, toWire(err)
	return nil
}

func (s *chainServer) ProveAbsent(a AbsenceArgs, r *AbsenceReply) error {
	absence, err := s.c.ProveAbsent(context.Background(), a.Hash, a.Limit)
	r.Absence, r.Err = absence, toWire(err)
	return nil
}

// serveChain answers until the listener and all connections are closed.
func serveChain(t *testing.T, l net.Listener, c *fakeChain) *sync.WaitGroup {
	server := rpc.NewServer()
	require.NoError(t, server.RegisterName("Chain", &chainServer{c}))
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { server.ServeConn(conn) })
		}
	})
	return &all
}

// remoteChain is the child's view of the chain.
type remoteChain struct{ client *rpc.Client }

func (r remoteChain) call(method string, args, reply any) error {
	err := r.client.Call("Chain."+method, args, reply)
	if errors.Is(err, rpc.ErrShutdown) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &chain.Error{Kind: chain.KindUnavailable, Sent: chain.SentMaybe, Op: method, Err: err}
	}
	return err
}

func (r remoteChain) Head(context.Context) (chain.Head, error) {
	var reply HeadReply
	if err := r.call("Head", 0, &reply); err != nil {
		return chain.Head{}, err
	}
	return reply.Head, reply.Err.error()
}

func (r remoteChain) Identity(context.Context) (chain.Identity, error) {
	var reply IdentityReply
	if err := r.call("Identity", 0, &reply); err != nil {
		return chain.Identity{}, err
	}
	return reply.Identity, reply.Err.error()
}

func (r remoteChain) Send(_ context.Context, tx chain.SignedTx) (chain.Receipt, error) {
	var reply ReceiptReply
	if err := r.call("Send", tx, &reply); err != nil {
		return chain.Receipt{}, err
	}
	return reply.Receipt, reply.Err.error()
}

func (r remoteChain) Receipt(_ context.Context, hash common.Hash) (chain.Receipt, error) {
	var reply ReceiptReply
	if err := r.call("Receipt", hash, &reply); err != nil {
		return chain.Receipt{}, err
	}
	return reply.Receipt, reply.Err.error()
}

func (r remoteChain) ProveAbsent(_ context.Context, hash common.Hash, limit uint64) (chain.Absence, error) {
	var reply AbsenceReply
	if err := r.call("ProveAbsent", AbsenceArgs{hash, limit}, &reply); err != nil {
		return chain.Absence{}, err
	}
	return reply.Absence, reply.Err.error()
}

func (r remoteChain) Code(context.Context, common.Address) ([]byte, error) { return []byte{1}, nil }

func (r remoteChain) Call(context.Context, chain.CallMsg) (chain.CallResult, error) {
	return chain.CallResult{}, &chain.Error{Kind: chain.KindUnsupported}
}
