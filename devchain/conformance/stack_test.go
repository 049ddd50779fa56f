package conformance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/devchain"
	"github.com/bcosgate/bcosgate/devchain/nodeconf"
	"github.com/bcosgate/bcosgate/devchain/rpc"
	"github.com/bcosgate/bcosgate/devchain/suite"
	"github.com/bcosgate/bcosgate/internal/golden"
)

// patience is how long a test waits for what must come.
const patience = 2 * time.Minute

// stack is a development node in this process: chain and native port. Blocks are
// made on request, with the time stamps that the test sets.
type stack struct {
	t     testing.TB
	chain *devchain.Chain
	url   string
	now   atomic.Int64 // milliseconds since 1970, what the chain takes for the time
	known substitutes
}

// newStack starts a node with the settings of a recorded chain (config/NAME.genesis);
// the keys of its sealers are our own.
func newStack(t testing.TB, name string) *stack {
	t.Helper()
	genesis, keys, known := genesisOf(t, name)
	s := &stack{t: t, known: known}
	s.now.Store(time.Now().UnixMilli())
	var err error
	s.chain, err = devchain.Open(devchain.Config{
		Genesis: genesis.Genesis, DataDir: t.TempDir(), NodeKeys: keys, BlockLimit: genesis.BlockLimit,
		Manual: true, Clock: func() time.Time { return time.UnixMilli(s.now.Load()) },
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.chain.Close()) })
	require.NoError(t, s.chain.Start(t.Context()))

	server, err := rpc.NewServer(rpc.Config{
		Ledger: s.chain, Node: rpc.Node{ID: s.chain.Sealers()[0].NodeID()}, ReturnInputParams: true,
	})
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server.Start(listener)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		require.NoError(t, server.Stop(ctx))
	})
	s.url = "http://" + listener.Addr().String()
	return s
}

// genesisOf reads config/NAME.genesis with keys of our own in the place of the
// recorded sealers, and tells which id stands for which.
func genesisOf(t testing.TB, name string) (nodeconf.Genesis, []*suite.Key, substitutes) {
	t.Helper()
	text := string(golden.Support(t, "config/"+name+".genesis"))
	var keys []*suite.Key
	var known substitutes
	for _, line := range strings.Split(text, "\n") {
		setting, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if !ok || !strings.HasPrefix(setting, "node.") {
			continue
		}
		id, _, _ := strings.Cut(value, ":")
		key, err := suite.NewKey(suiteOf(name), [32]byte(bytes.Repeat([]byte{byte(len(keys) + 1)}, 32)))
		require.NoError(t, err)
		keys = append(keys, key)
		known.add(id, key.NodeID())
	}
	path := filepath.Join(t.TempDir(), "config.genesis")
	require.NoError(t, os.WriteFile(path, []byte(known.apply(text)), 0o600))
	genesis, err := nodeconf.ReadGenesis(path)
	require.NoError(t, err)
	return genesis, keys, known
}

// suiteOf is the suite of the chain of a recording.
func suiteOf(name string) suite.Suite {
	if golden.GM(name) {
		return suite.GM
	}
	return suite.Standard
}

// substitutes are texts of the recorded chain and what stands for them on ours:
// node ids, hashes of blocks. Both have the same length.
type substitutes struct{ pairs []string }

func (s *substitutes) add(recorded, ours string) { s.pairs = append(s.pairs, recorded, ours) }

// apply turns a recorded text into that of our chain.
func (s *substitutes) apply(text string) string { return strings.NewReplacer(s.pairs...).Replace(text) }

// undo turns a text of our chain into that of the recorded one.
func (s *substitutes) undo(text string) string {
	var turned []string
	for i := 0; i < len(s.pairs); i += 2 {
		turned = append(turned, s.pairs[i+1], s.pairs[i])
	}
	return strings.NewReplacer(turned...).Replace(text)
}

// ask sends a JSON-RPC request over HTTP to the native port and gives the answer.
func (s *stack) ask(request string) string {
	s.t.Helper()
	return s.askAt(s.url, request)
}

func (s *stack) askAt(url, request string) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	answer, err := post(ctx, url, request)
	require.NoError(s.t, err, request)
	return answer
}

// send puts transactions (hex) into the pool one after another, makes a block of
// those that were taken, at the given time, and gives the answers.
func (s *stack) send(raw []string, arrived []int64, sealed int64) []string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	answers, errs := make([]string, len(raw)), make([]error, len(raw))
	var waiting sync.WaitGroup
	for i, tx := range raw {
		if arrived[i] > 0 {
			s.now.Store(arrived[i])
		}
		pending, answered := s.chain.PendingCount(), make(chan struct{})
		waiting.Go(func() {
			defer close(answered)
			answers[i], errs[i] = post(ctx, s.url, fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"sendTransaction","params":["group0","","%s",false]}`, tx))
		})
		settled(s.t, s.chain, pending, answered)
	}
	if sealed > 0 {
		s.now.Store(sealed)
	}
	_, err := s.chain.Mine(ctx)
	require.NoError(s.t, err)
	waiting.Wait()
	require.NoError(s.t, errors.Join(errs...))
	return answers
}
