package cluster

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/bcosgate/bcosgate/certs"
	"github.com/bcosgate/bcosgate/devchain"
	"github.com/bcosgate/bcosgate/devchain/suite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is the nodes of one chain, in this process but over real connections.
type world struct {
	t       *testing.T
	genesis devchain.Genesis
	ca      *certs.CA
	config  Config       // of all nodes
	keys    []*suite.Key // in the order of the sealers
	peers   []string
	nodes   []*testNode
	nonce   *atomic.Int64
	change  func(*devchain.Config)
}

type testNode struct {
	*Node
	chain *devchain.Chain
	dir   string
	up    bool

	clients Clients // nil: none
}

var nonces atomic.Int64

// newWorld makes a chain of n nodes; none is started.
func newWorld(t *testing.T, n int) *world {
	t.Helper()
	ca, err := certs.NewCA(certs.Validity{})
	require.NoError(t, err)
	w := &world{t: t, genesis: devchain.DefaultGenesis(), ca: ca, nonce: &nonces, change: func(*devchain.Config) {}}
	byID := map[[64]byte]*suite.Key{}
	for range n {
		key, err := suite.GenerateKey(suite.Standard)
		require.NoError(t, err)
		byID[key.PublicKey()] = key
		w.genesis.Sealers = append(w.genesis.Sealers, devchain.Sealer{PublicKey: key.PublicKey()})
		w.peers = append(w.peers, freeAddress(t))
		w.nodes = append(w.nodes, &testNode{dir: t.TempDir()})
	}
	w.config = identity(t, ca)
	w.config.Peers = w.peers
	first := w.open(byID[w.genesis.Sealers[0].PublicKey], t.TempDir(), nil)
	for _, s := range first.Sealers() {
		w.keys = append(w.keys, byID[s.PublicKey])
	}
	require.NoError(t, first.Close())
	t.Cleanup(func() {
		for i := range w.nodes {
			w.stop(i)
		}
	})
	return w
}

func (w *world) open(key *suite.Key, dir string, gossip func([]byte)) *devchain.Chain {
	cfg := devchain.Config{
		Genesis: w.genesis, DataDir: dir, NodeKeys: []*suite.Key{key}, MinSealTime: 20 * time.Millisecond, Gossip: gossip,
	}
	w.change(&cfg)
	chain, err := devchain.Open(cfg)
	require.NoError(w.t, err)
	return chain
}

// freeAddress is an address that nobody listens on just now.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

// identity has both TLS configurations of a new identity of the CA.
func identity(t *testing.T, ca *certs.CA) Config {
	t.Helper()
	dir := t.TempDir()
	pair, err := ca.Issue(certs.Validity{})
	require.NoError(t, err)
	files := certs.Files{CA: filepath.Join(dir, "ca.crt"), Cert: filepath.Join(dir, "ssl.crt"), Key: filepath.Join(dir, "ssl.key")}
	for name, data := range map[string][]byte{files.CA: ca.CertPEM(), files.Cert: pair.CertPEM, files.Key: pair.KeyPEM} {
		require.NoError(t, os.WriteFile(name, data, 0o600))
	}
	cert, roots, err := certs.LoadTLSCert(files)
	require.NoError(t, err)
	return Config{Client: certs.ClientConfig(cert, roots), Server: certs.ServerConfig(cert, roots)}
}

func (w *world) start(i int) {
	w.t.Helper()
	n := w.nodes[i]
	node, err := New(w.config)
	require.NoError(w.t, err)
	n.Node, n.chain, n.up = node, w.open(w.keys[i], n.dir, node.Gossip), true
	require.NoError(w.t, n.chain.Start(w.t.Context()))
	l, err := net.Listen("tcp", w.peers[i])
	require.NoError(w.t, err)
	require.NoError(w.t, n.Node.Start(n.chain, l, n.clients))
}

func (w *world) startAll() {
	w.t.Helper()
	for i := range w.nodes {
		w.start(i)
	}
	for i := range w.nodes {
		w.await(fmt.Sprint("node ", i, " is connected"), func() bool { return len(w.nodes[i].Peers()) == len(w.nodes)-1 })
	}
}

// stop ends a node in the middle of whatever it does.
func (w *world) stop(i int) {
	w.t.Helper()
	if n := w.nodes[i]; n.up {
		n.up = false
		n.Stop()
		require.NoError(w.t, n.chain.Close())
	}
}

// longWait is how long a test waits for what must come; long enough for a machine
// that has much else to do.
const longWait = time.Minute

// await waits for what must come.
func (w *world) await(what string, done func() bool) {
	w.t.Helper()
	require.Eventually(w.t, done, longWait, 2*time.Millisecond, what)
}

// tx is a signed transaction with a new nonce: a call of an address without code.
func (w *world) tx() ([]byte, common.Hash) {
	nonce := fmt.Sprint(w.nonce.Add(1))
	const to, limit = "0102030405060708090a0b0c0d0e0f1011121314", 900
	b := binary.BigEndian.AppendUint32(nil, 0)
	b = append(b, w.genesis.ChainID+w.genesis.GroupID...)
	b = binary.BigEndian.AppendUint64(b, limit)
	hash := crypto.Keccak256Hash(b, []byte(nonce+to))
	signature, err := w.keys[0].Sign(hash)
	require.NoError(w.t, err)
	var raw []byte
	text := func(tag byte, s string) { raw = append(append(raw, tag<<4|6, byte(len(s))), s...) }
	octets := func(tag byte, s []byte) { raw = append(append(raw, tag<<4|13, 0, 0, byte(len(s))), s...) }
	raw = append(raw, 1<<4|10, 1<<4|12)
	text(2, w.genesis.ChainID)
	text(3, w.genesis.GroupID)
	raw = binary.BigEndian.AppendUint16(append(raw, 4<<4|1), limit)
	text(5, nonce)
	text(6, to)
	raw = append(raw, 11)
	octets(2, hash[:])
	octets(3, signature)
	return raw, hash
}

// send sends a transaction to a node and waits for its block.
func (w *world) send(i int) (uint64, error) {
	raw, _ := w.tx()
	ctx, cancel := context.WithTimeout(w.t.Context(), longWait)
	defer cancel()
	result, err := w.nodes[i].chain.SendTransaction(ctx, raw)
	if err != nil {
		return 0, err
	}
	if result.Dropped {
		return 0, errDropped
	}
	return result.Receipt.BlockNumber, nil
}

// must sends a transaction that lands.
func (w *world) must(i int) uint64 {
	w.t.Helper()
	number, err := w.send(i)
	require.NoError(w.t, err)
	return number
}

// requireOneChain checks that all nodes come to the same chain, that a quorum has
// signed every block, and that no transaction is there twice. It gives the block
// of each transaction.
func (w *world) requireOneChain() map[common.Hash]uint64 {
	w.t.Helper()
	first := w.nodes[0].chain
	// Clients that gave up may have left transactions behind, of which further blocks
	// are made meanwhile.
	var head devchain.Head
	w.await("all nodes have the same head", func() bool {
		head = first.Head()
		return !slices.ContainsFunc(w.nodes, func(n *testNode) bool { return n.chain.Head() != head })
	})
	found := map[common.Hash]uint64{}
	members := sealers{first.Sealers(), 1}
	for number := uint64(1); number <= head.Number; number++ {
		want, err := first.BlockByNumber(number)
		require.NoError(w.t, err)
		for _, hash := range want.TxHashes {
			require.Zero(w.t, found[hash], "transaction %s is in blocks %d and %d", hash, found[hash], number)
			found[hash] = number
		}
		for _, n := range w.nodes {
			got, err := n.chain.BlockByNumber(number)
			require.NoError(w.t, err)
			require.Equal(w.t, want.Header, got.Header)
			signed := map[int]bool{}
			for _, s := range got.Signatures {
				require.True(w.t, first.IsSignature(got.Hash, s))
				signed[s.SealerIndex] = true
			}
			require.True(w.t, members.isQuorum(func(i int) bool { return signed[i] }), "block %d", number)
		}
	}
	return found
}
