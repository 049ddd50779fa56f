package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/fisco"
	"github.com/bcosgate/bcosgate/chain/fisco/suite"
	"github.com/bcosgate/bcosgate/chain/fisco/tx"
	"github.com/bcosgate/bcosgate/contracts"
	"github.com/bcosgate/bcosgate/devchain/control"
	"github.com/bcosgate/bcosgate/devchain/faults"
)

// controlled is a node on a plain port that is driven by its control endpoint, and
// a client of the gateway's kind.
type controlled struct {
	running
	t      *testing.T
	folder nodeFolder
	node   *control.Client
	signer *tx.Signer
}

func newControlled(t *testing.T, args ...string) *controlled {
	t.Helper()
	nodes, _ := folders(t, 1, 1, "[rpc]\nenable_ssl=false\n[log]\nenable=false\n")
	key, err := suite.GenerateKey(suite.Standard)
	require.NoError(t, err)
	c := &controlled{t: t, folder: nodes[0], signer: tx.NewSigner(key, "chain0", "group0")}
	c.start(args...)
	return c
}

func (c *controlled) start(args ...string) {
	c.t.Helper()
	c.running = start(c.t, append(arguments(c.folder), append([]string{"--control", "127.0.0.1:0"}, args...)...))
	var err error
	c.node, err = control.NewClient(c.control)
	require.NoError(c.t, err)
	c.t.Cleanup(c.node.Close)
}

// ctl runs devnode ctl and gives what it prints.
func (c *controlled) ctl(args ...string) string {
	c.t.Helper()
	var stdout, stderr bytes.Buffer
	code := run(c.t.Context(), append([]string{"ctl", "--control", c.control}, args...), &stdout, &stderr)
	require.Zero(c.t, code, stderr.String())
	return stdout.String()
}

func (c *controlled) address() string {
	u, err := url.Parse(c.url)
	require.NoError(c.t, err)
	return u.Host
}

func (c *controlled) dial() fisco.DialConfig {
	return fisco.DialConfig{Address: c.address(), ChainID: "chain0", Group: "group0", Heartbeat: time.Second}
}

// session is a client that dials again when its connection breaks.
func (c *controlled) session() *fisco.Session {
	c.t.Helper()
	s, err := fisco.OpenSession(c.t.Context(), fisco.SessionConfig{DialConfig: c.dial(), BackoffMin: 10 * time.Millisecond, BackoffMax: 100 * time.Millisecond})
	require.NoError(c.t, err)
	c.t.Cleanup(func() { require.NoError(c.t, s.Close()) })
	return s
}

// deployment is a signed deployment with the nonce of a name.
func (c *controlled) deployment(name string) chain.SignedTx {
	c.t.Helper()
	evidence, ok := contracts.Builtin("Evidence")
	require.True(c.t, ok)
	signed, err := c.signer.Sign(chain.Intent{Input: evidence.Bytecode}, chain.Terms{Nonce: c.signer.Nonce(name), BlockLimit: 500})
	require.NoError(c.t, err)
	return signed
}

func (c *controlled) within(d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(c.t.Context(), d)
	c.t.Cleanup(cancel)
	return ctx
}

func (c *controlled) fault(f faults.Fault) int {
	c.t.Helper()
	added, err := c.node.AddFault(c.t.Context(), f)
	require.NoError(c.t, err)
	return added.ID
}

func (c *controlled) height() uint64 {
	c.t.Helper()
	s, err := c.node.Status(c.t.Context())
	require.NoError(c.t, err)
	return s.Block.Number
}

func TestAClientSettlesByReceiptWhatWasExecutedUnanswered(t *testing.T) {
	t.Parallel()
	for _, action := range []faults.Action{faults.Drop, faults.Close, faults.Reset, faults.Corrupt} {
		t.Run(string(action), func(t *testing.T) {
			t.Parallel()
			c := newControlled(t)
			c.fault(faults.Fault{Action: action, On: "sendTransaction", After: action != faults.Corrupt})
			s, signed := c.session(), c.deployment("one")
			client, err := s.Client(t.Context())
			require.NoError(t, err)
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			sent := make(chan error, 1)
			go func() {
				_, err := client.Send(ctx, signed)
				sent <- err
			}()
			require.Eventually(t, func() bool { return c.height() == 1 }, patience, 10*time.Millisecond)
			time.AfterFunc(time.Second, leave) // some errors come by themselves
			err = <-sent
			var failure *chain.Error
			require.ErrorAs(t, err, &failure)
			require.NotEqual(t, chain.SentNo, failure.Sent, "%v", err)
			require.EqualValues(t, 1, c.height())
			receipt, err := s.Submit(c.within(patience), signed)
			require.NoError(t, err)
			require.EqualValues(t, 1, receipt.BlockNumber)
			require.EqualValues(t, 1, c.height(), "executed once")
		})
	}
}

func TestAClientSendsAgainWhatWasNotExecuted(t *testing.T) {
	t.Parallel()
	c := newControlled(t)
	c.fault(faults.Fault{Action: faults.Close, On: "sendTransaction", Times: 2})
	receipt, err := c.session().Submit(c.within(patience), c.deployment("one"))
	require.NoError(t, err)
	require.EqualValues(t, 1, receipt.BlockNumber)
	require.Equal(t, "ID  ACTION  ON               STRUCK  OF  SEEN\n1   close   sendTransaction  2       2   2\n", c.ctl("fault", "list"))
}

func TestAClientFindsOutThatItsConnectionIsDead(t *testing.T) {
	t.Parallel()
	c := newControlled(t)
	client, err := fisco.Dial(t.Context(), c.dial())
	require.NoError(t, err)
	defer client.Close()
	c.fault(faults.Fault{Action: faults.HalfOpen, On: "getBlockNumber"})
	_, err = client.GetBlockNumber(c.within(patience))
	require.Error(t, err)
	select {
	case <-client.Done():
		require.Error(t, client.Err())
	case <-time.After(patience):
		require.Fail(t, "the heartbeat found nothing")
	}
}

// A height that is too high makes a client choose a block limit that the chain refuses.
func TestAWrongHeightMakesAWrongBlockLimit(t *testing.T) {
	t.Parallel()
	c := newControlled(t)
	c.fault(faults.Fault{Action: faults.BlockNumber, By: 5000, On: faults.Handshake})
	s := c.session()
	terms, err := s.Terms(t.Context(), "7")
	require.NoError(t, err)
	require.Greater(t, terms.BlockLimit, uint64(5000))
	evidence, _ := contracts.Builtin("Evidence")
	signed, err := c.signer.Sign(chain.Intent{Input: evidence.Bytecode}, terms)
	require.NoError(t, err)
	client, err := s.Client(t.Context())
	require.NoError(t, err)
	_, err = client.Send(c.within(patience), signed)
	require.ErrorContains(t, err, "BlockLimitCheckFail")
}

func TestSnapshotAndRevertOfARunningNode(t *testing.T) {
	t.Parallel()
	c := newControlled(t)
	require.Equal(t, "clean\n", c.ctl("snapshot", "clean"))
	s, signed := c.session(), c.deployment("one")
	first, err := s.Submit(c.within(patience), signed)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(c.ctl("revert", "clean"), "block 0 0x"))
	client, err := s.Client(t.Context())
	require.NoError(t, err)
	_, err = client.GetTransactionReceipt(t.Context(), signed.Hash, false)
	require.Equal(t, chain.KindNotFound, chain.KindOf(err))

	code, stderr := c.stop()
	require.Zero(t, code, stderr)
	require.NoError(t, s.Close())
	c.start()
	require.Contains(t, c.ctl("snapshot", "--list"), "clean: block 0 0x")
	again, err := c.session().Submit(c.within(patience), signed)
	require.NoError(t, err)
	require.Equal(t, first.Contract, again.Contract)
	require.EqualValues(t, 1, again.BlockNumber)
	c.ctl("snapshot", "--delete", "clean")
	require.Equal(t, "no snapshots\n", c.ctl("snapshot", "--list"))
}

// Two nodes with the same key and genesis make the same blocks.
func TestDeterministicNodesAgree(t *testing.T) {
	t.Parallel()
	c := newControlled(t, "--deterministic")
	twin := filepath.Join(t.TempDir(), "node0")
	require.NoError(t, os.CopyFS(twin, os.DirFS(c.folder.dir)))
	require.NoError(t, os.RemoveAll(filepath.Join(twin, "data")))
	ini, err := os.ReadFile(filepath.Join(twin, "config.ini"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(twin, "config.ini"), append(ini, "[devnode]\ndeterministic=true\n"...), 0o600))
	other := &controlled{t: t, folder: nodeFolder{twin, c.folder.id}}
	other.start()
	var last string
	for _, name := range []string{"one", "two", "three"} {
		signed := c.deployment(name)
		var hashes []string
		for _, node := range []*controlled{c, other} {
			_, err := node.session().Submit(node.within(patience), signed)
			require.NoError(t, err)
			s, err := node.node.Status(t.Context())
			require.NoError(t, err)
			require.Equal(t, control.Standing, s.Time.Mode)
			hashes = append(hashes, s.Block.Hash)
		}
		require.Equal(t, hashes[0], hashes[1])
		require.NotEqual(t, last, hashes[0])
		last = hashes[0]
	}
}

func TestCtlDrivesANode(t *testing.T) {
	t.Parallel()
	c := newControlled(t)
	require.Equal(t, "1\n", c.ctl("fault", "add", "pool-full", "--times", "1"))
	require.Equal(t, "2\n", c.ctl("fault", "add", "delay", "--delay", "1ms", "--percent", "50", "--seed", "7", "--transport", "http"))
	require.Contains(t, c.ctl("fault", "list"), "2   delay      any over http    0       no end, 50%")
	s := c.session()
	client, err := s.Client(t.Context())
	require.NoError(t, err)
	_, err = client.Send(c.within(patience), c.deployment("one"))
	require.ErrorContains(t, err, "TxPoolIsFull")
	require.Equal(t, "1 cleared\n", c.ctl("fault", "clear", "2"))
	require.Equal(t, "1 cleared\n", c.ctl("fault", "clear"))
	require.Equal(t, "no faults\n", c.ctl("fault", "list"))

	require.True(t, strings.HasPrefix(c.ctl("mine"), "block 0 0x"))
	require.True(t, strings.HasPrefix(c.ctl("mine", "3"), "block 3 0x"))
	require.Equal(t, "sealing is off\n", c.ctl("sealing", "stop"))
	answered := make(chan error, 1)
	go func() {
		_, err := client.Send(c.within(patience), c.deployment("two"))
		answered <- err
	}()
	require.Eventually(t, func() bool {
		return strings.Contains(c.ctl("status"), "1 transactions wait, sealing is off")
	}, patience, 10*time.Millisecond)
	require.True(t, strings.HasPrefix(c.ctl("mine"), "block 4 0x"))
	require.NoError(t, <-answered)
	require.Equal(t, "sealing is on\n", c.ctl("sealing", "start"))

	require.Contains(t, c.ctl("time"), "following")
	require.Equal(t, "the time is 2040-01-02T03:04:05.000Z, standing\n", c.ctl("time", "stand", "2040-01-02T03:04:05Z"))
	require.Equal(t, "the time is 2040-01-02T04:04:05.000Z, standing\n", c.ctl("time", "advance", "1h"))
	var block control.Block
	require.NoError(t, json.Unmarshal([]byte(c.ctl("mine", "1", "--json")), &block))
	require.Equal(t, time.Date(2040, 1, 2, 4, 4, 5, 0, time.UTC).UnixMilli(), block.Timestamp)
	require.Contains(t, c.ctl("time", "follow"), "following")
	require.Contains(t, c.ctl("time", "set", "2050-01-02T03:04:05Z"), "the time is 2050-01-02T03:04:0")
	require.Contains(t, c.ctl("status"), "chain chain0, group group0, nodes node0\nblock 5 0x")
}

// A node that makes no blocks stops without waiting for them.
func TestAStopWhileSealingIsOff(t *testing.T) {
	t.Parallel()
	c := newControlled(t)
	c.ctl("sealing", "stop")
	s := c.session()
	client, err := s.Client(t.Context())
	require.NoError(t, err)
	answered := make(chan error, 1)
	go func() {
		_, err := client.Send(c.within(patience), c.deployment("one"))
		answered <- err
	}()
	require.Eventually(t, func() bool { return strings.Contains(c.ctl("status"), "1 transactions wait") }, patience, 10*time.Millisecond)
	code, stderr := c.stop()
	require.Zero(t, code, stderr)
	require.Error(t, <-answered)
}

func TestCtlSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	c := newControlled(t)
	for want, args := range map[string][]string{
		"which node? name its control endpoint":     {"status", "--control", ""},
		"neither host:port nor unix:PATH":           {"status", "--control", "nowhere"},
		`action "explode" is not known: use one of`: {"fault", "add", "explode"},
		`snapshot "none": devchain: not found`:      {"revert", "none"},
		`mine "x": how many blocks?`:                {"mine", "x"},
		`time "noon": write it like`:                {"time", "set", "noon"},
		`fault "x": a fault is named by its number`: {"fault", "clear", "x"},
		"fault 77: faults: no such fault":           {"fault", "clear", "77"},
		"error: with which code?":                   {"fault", "add", "error"},
		`invalid argument "later" for "devnode ctl`: {"sealing", "later"},
		`this process has no node "node7"`:          {"fault", "add", "drop", "--node", "node7"},
	} {
		var stdout, stderr bytes.Buffer
		require.Equal(t, exitFailed, run(t.Context(), append([]string{"ctl", "--control", c.control}, args...), &stdout, &stderr), want)
		require.Contains(t, stderr.String(), want)
		require.Empty(t, stdout.String())
	}
	c.stop()
	var stdout, stderr bytes.Buffer
	require.Equal(t, exitUnreachable, run(t.Context(), []string{"ctl", "status", "--control", c.control}, &stdout, &stderr))
	require.Contains(t, stderr.String(), "no node answers at "+c.control)
	_, err := c.node.Status(t.Context())
	require.True(t, errors.As(err, new(*control.UnreachableError)))
}

func TestAControlAddressThatOthersReachIsRefused(t *testing.T) {
	t.Parallel()
	nodes, _ := folders(t, 1, 1, "[devnode]\ncontrol=0.0.0.0:0\n[log]\nenable=false\n")
	require.Contains(t, fails(t, arguments(nodes[0])...), "whoever reaches the address can do anything with the node")
	r := start(t, append(arguments(nodes[0]), "--control-anywhere"))
	require.NotEmpty(t, r.control)
}
