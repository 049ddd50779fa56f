package conformance

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/devchain"
	"github.com/bcosgate/bcosgate/devchain/rpc"
	"github.com/bcosgate/bcosgate/devchain/suite"
	"github.com/bcosgate/bcosgate/internal/golden"
)

// testKey is key i of the recordings.
func testKey(s suite.Suite, i byte) *suite.Key {
	key, err := suite.NewKey(s, golden.Key(i))
	if err != nil {
		panic(err) // the bytes are constants
	}
	return key
}

// node is a chain with one node and its port, on which blocks are made when the
// player says so.
type node struct {
	t       testing.TB
	chain   *devchain.Chain
	suite   suite.Suite
	servers []*rpc.Server // one for each sealer
	addrs   []string
	stamps  map[uint64]int64 // the recorded time stamps, by block
	nonces  int              // transactions of the player's own
	ours    map[uint64]bool  // blocks with such transactions
	mu      sync.Mutex
	age     time.Duration // how far the clock of the filters was moved; guarded by mu
}

// openNode opens the ledger in dir and serves it on a port of its own.
func openNode(t testing.TB, chain string, sealers int, dir string, stamps map[uint64]int64) *node {
	genesis, keys, _ := genesisOf(t, settings(chain))
	for i := len(keys); i < sealers; i++ {
		key := testKey(genesis.Suite, byte(100+i))
		keys = append(keys, key)
		genesis.Sealers = append(genesis.Sealers, devchain.Sealer{PublicKey: key.PublicKey(), Weight: 1})
	}
	var err error
	n := &node{t: t, suite: genesis.Suite, stamps: stamps, ours: map[uint64]bool{}}
	n.chain, err = devchain.Open(devchain.Config{
		Genesis: genesis.Genesis, BlockLimit: genesis.BlockLimit, DataDir: dir, NodeKeys: keys, Manual: true, Clock: n.clock, TxExpiration: time.Hour,
	})
	require.NoError(t, err)
	require.NoError(t, n.chain.Start(t.Context()))
	n.serve(0, 0)
	return n
}

// serve opens a port, in the place of the one before; the times of silence are 0
// for a node's own.
func (n *node) serve(pingAfter, closeAfter time.Duration) {
	n.stop()
	n.servers, n.addrs = nil, nil
	members := n.chain.Sealers()
	for i := range members {
		server, err := rpc.NewServer(rpc.Config{
			Ledger: n.chain, Node: identity(members[i]), Network: network{n, i}, ReturnInputParams: true, Clock: n.now, AMOPWait: amopWait,
			PingAfter: pingAfter, CloseAfter: closeAfter,
		})
		require.NoError(n.t, err)
		listener, err := (&net.ListenConfig{}).Listen(n.t.Context(), "tcp", "127.0.0.1:0")
		require.NoError(n.t, err)
		server.Start(listener)
		n.servers, n.addrs = append(n.servers, server), append(n.addrs, listener.Addr().String())
	}
}

// network is what node number self knows of the others: they have the same ledger.
type network struct {
	n    *node
	self int
}

func (w network) Peers() (peers []rpc.Peer) {
	head := w.n.chain.Head()
	for i, member := range w.n.chain.Sealers() {
		if i != w.self {
			peers = append(peers, rpc.Peer{Node: identity(member), Number: head.Number, Hash: head.Hash})
		}
	}
	return peers
}

func (w network) View() rpc.View {
	return rpc.View{Leader: int((w.n.chain.Head().Number + 1) % uint64(len(w.n.chain.Sealers())))}
}

func (n *node) stop() {
	for _, server := range n.servers {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		_ = server.Stop(ctx) // requests that wait for a block for ever are cut off
		cancel()
	}
}

// addr is the port of the node that a mark of a recording names: a number, else
// the first.
func (n *node) addr(mark string) string {
	if i, err := strconv.Atoi(mark); err == nil && i < len(n.addrs) {
		return n.addrs[i]
	}
	return n.addrs[0]
}

// amopWait is what a subscriber of AMOP topics has to answer, instead of half a
// minute.
const amopWait = 3 * time.Second

// identity is what getPeers shows, in the form that a node has.
func identity(s devchain.Sealer) rpc.Node {
	return rpc.Node{ID: s.NodeID(), P2PID: "3082010a0282010100", P2PEndpoint: "127.0.0.1:30300"}
}

func (n *node) close() {
	n.stop()
	require.NoError(n.t, n.chain.Close())
}

// clock gives a block the time stamp that it was recorded with.
func (n *node) clock() time.Time {
	if n.chain != nil {
		head := n.chain.Head()
		if stamp, ok := n.stamps[head.Number+1]; ok {
			return time.UnixMilli(stamp)
		}
		return time.UnixMilli(head.Timestamp + 1000)
	}
	return time.UnixMilli(0)
}

func (n *node) now() time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	return time.Now().Add(n.age)
}

func (n *node) setAge(age time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.age = age
}

// together puts transactions into one block, in this order, and gives the error of
// each that was refused.
func (n *node) together(raws ...[]byte) []error {
	errs := make([]error, len(raws))
	var waiting sync.WaitGroup
	for i, raw := range raws {
		pending, ended := n.chain.PendingCount(), make(chan struct{})
		waiting.Go(func() {
			defer close(ended)
			_, errs[i] = n.chain.SendTransaction(n.t.Context(), raw)
		})
		settled(n.t, n.chain, pending, ended)
	}
	n.mine()
	waiting.Wait()
	return errs
}

// settled waits until a transaction is in the pool, or has been refused.
func settled(t testing.TB, chain *devchain.Chain, pending int, refused <-chan struct{}) {
	t.Helper()
	for deadline := time.Now().Add(patience); chain.PendingCount() == pending; {
		select {
		case <-refused:
			return
		case <-time.After(50 * time.Microsecond):
			require.True(t, time.Now().Before(deadline), "a transaction is neither in the pool nor refused")
		}
	}
}

func (n *node) mine() {
	_, err := n.chain.Mine(n.t.Context())
	require.NoError(n.t, err)
}

// post sends a body over HTTP; ok is false when the connection ended without an
// answer.
func (n *node) post(ctx context.Context, mark, body string) (answer string, ok bool) {
	answer, err := post(ctx, "http://"+n.addr(mark)+"/", body)
	return answer, err == nil
}

func post(ctx context.Context, url, body string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := freshClient.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	return string(text), err
}

// freshClient has no proxy and keeps no connection, so that a node can be stopped.
var freshClient = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// ledgers are the replayed ledgers, by name; each is read and replayed once.
type ledgers struct {
	mu       sync.Mutex
	replayed map[string]replayed
	root     string
}

// replayed is a ledger that tx/NAME.jsonl has made. Of a fresh chain it is empty.
type replayed struct {
	dir    string
	blocks []golden.Block   // as they were recorded, if they were
	stamps map[uint64]int64 // their time stamps
}

// copyOf gives a replayed ledger in a folder of its own.
func (l *ledgers) copyOf(t testing.TB, name string) replayed {
	l.mu.Lock()
	defer l.mu.Unlock()
	own, ok := l.replayed[name]
	if !ok {
		entries, blocks := golden.SupportingLedger(t, name)
		source, err := os.MkdirTemp(l.root, name)
		require.NoError(t, err)
		own = replayed{source, blocks, stampsOf(t, blocks)}
		n := openNode(t, name, 1, source, maps.Clone(own.stamps))
		replay(n, entries)
		n.close()
		l.replayed[name] = own
	}
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(own.dir)))
	return replayed{dir, own.blocks, maps.Clone(own.stamps)}
}

// replay sends the transactions of a ledger.
func replay(n *node, lines []golden.Entry) {
	for i := 0; i < len(lines); {
		size := max(1, lines[i].Together)
		var raws [][]byte
		for _, line := range lines[i:min(i+size, len(lines))] {
			if line.Raw != "" {
				raw, err := hex.DecodeString(line.Raw)
				require.NoError(n.t, err)
				raws = append(raws, raw)
			}
		}
		if len(raws) > 0 {
			n.together(raws...)
		}
		i += size
	}
}

// stampsOf are the recorded time stamps of the blocks of a ledger.
func stampsOf(t testing.TB, blocks []golden.Block) map[uint64]int64 {
	stamps := map[uint64]int64{}
	for _, block := range blocks {
		var b recordedBlock
		require.NoError(t, json.Unmarshal(block.Response, &b))
		stamps[uint64(block.Number)] = b.Result.Timestamp
	}
	return stamps
}
