//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/fisco/suite"
	"github.com/bcosgate/bcosgate/chain/fisco/tx"
)

// processes is a chain of four nodes, each its own process, and a sender.
type processes struct {
	t      *testing.T
	home   string
	http   *http.Client
	signer *tx.Signer
	to     common.Address // a contract that counts its calls

	mu        sync.Mutex
	addresses []string // of the RPC ports
	answered  []string // hashes of the transactions that were executed, as clients know
}

// counterInit deploys code that counts the calls with data in slot 0, and returns
// the count to a call without.
const counterInit = "601a80600c6000396000f3" + "00" + "36600f5760005460005260206000f35b60005460010160005500"

func startProcesses(t *testing.T) *processes {
	t.Helper()
	p := &processes{t: t, home: startable(t, 4), addresses: make([]string, 4)}
	text, code := runScript(t, p.home, "start_all.sh")
	require.Zero(t, code, text)
	for i := range 4 {
		p.addresses[i] = address(t, p.home, i)
	}
	p.http = client(t, p.home)
	key, err := suite.GenerateKey(suite.Standard)
	require.NoError(t, err)
	p.signer = tx.NewSigner(key, "chain0", "group0")
	return p
}

// ask gives the result of a request to a node; an error also when the node refuses.
func (p *processes) ask(node int, result any, method string, params ...any) error {
	p.mu.Lock()
	address := p.addresses[node]
	p.mu.Unlock()
	body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": method, "params": append([]any{"group0", ""}, params...)})
	if err != nil {
		return err
	}
	res, err := p.http.Post("https://"+address, "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	var answer struct{ Result, Error json.RawMessage }
	if err := json.Unmarshal(text, &answer); err != nil {
		return err
	}
	if answer.Error != nil {
		return fmt.Errorf("%s", answer.Error)
	}
	return json.Unmarshal(answer.Result, result)
}

// receipt is what a node says about a transaction that was executed.
type receipt struct {
	Hash            string
	Status          int
	BlockNumber     uint64
	ContractAddress string
	TransactionHash string
}

// send sends an intent to a node and waits for its receipt.
func (p *processes) send(node int, nonce string, intent chain.Intent) (receipt, error) {
	var head uint64
	if err := p.ask(node, &head, "getBlockNumber"); err != nil {
		return receipt{}, err
	}
	signed, err := p.signer.Sign(intent, chain.Terms{Nonce: nonce, BlockLimit: head + 500})
	if err != nil {
		return receipt{}, err
	}
	var r receipt
	err = p.ask(node, &r, "sendTransaction", "0x"+hex.EncodeToString(signed.Raw), false)
	if err == nil && (r.Hash == "0x" || r.Status != 0) {
		err = fmt.Errorf("not executed: %+v", r)
	}
	return r, err
}

// sendOn sends one transaction after another to a node until ctx ends.
func (p *processes) sendOn(ctx context.Context, node, sender int) {
	for n := 0; ctx.Err() == nil; n++ {
		r, err := p.send(node, fmt.Sprintf("%d-%d-%d", node, sender, n), chain.Intent{To: &p.to, Input: []byte{1}})
		if err != nil {
			select {
			case <-time.After(20 * time.Millisecond): // it may be dead
			case <-ctx.Done():
			}
			continue
		}
		p.mu.Lock()
		p.answered = append(p.answered, r.TransactionHash)
		p.mu.Unlock()
	}
}

func (p *processes) height(node int) uint64 {
	var head uint64
	if p.ask(node, &head, "getBlockNumber") != nil {
		return 0
	}
	return head
}

// leader is the node whose turn the next block is, as another one says.
func (p *processes) leader(ask int) int {
	p.t.Helper()
	var text string
	require.NoError(p.t, p.ask(ask, &text, "getConsensusStatus"))
	var status struct {
		LeaderIndex       int
		ConsensusNodeList []struct{ NodeID string }
	}
	require.NoError(p.t, json.Unmarshal([]byte(text), &status))
	for i := range p.addresses {
		id, err := os.ReadFile(filepath.Join(p.home, fmt.Sprintf("node%d", i), "conf", "node.nodeid"))
		require.NoError(p.t, err)
		if strings.TrimSpace(string(id)) == status.ConsensusNodeList[status.LeaderIndex].NodeID {
			return i
		}
	}
	require.Fail(p.t, "no node is the leader", text)
	return -1
}

// kill ends a node by SIGKILL, and gives how long it takes until another one has
// a block that there was not yet.
func (p *processes) kill(victim int) time.Duration {
	p.t.Helper()
	var highest uint64
	for i := range p.addresses {
		highest = max(highest, p.height(i))
	}
	pid := readPID(p.t, p.home, victim)
	began := time.Now()
	require.NoError(p.t, syscall.Kill(pid, syscall.SIGKILL))
	require.Eventually(p.t, func() bool { return p.height((victim+1)%4) > highest || p.height((victim+2)%4) > highest }, patience, 5*time.Millisecond)
	took := time.Since(began)
	require.Eventually(p.t, func() bool { return hasEnded(pid) }, patience, 10*time.Millisecond)
	return took
}

func (p *processes) restart(node int) {
	p.t.Helper()
	text, code := runScript(p.t, p.home, fmt.Sprintf("node%d/start.sh", node))
	require.Zero(p.t, code, text)
	p.mu.Lock()
	p.addresses[node] = address(p.t, p.home, node)
	p.mu.Unlock()
	other := (node + 1) % 4
	require.Eventually(p.t, func() bool { return p.height(node) >= p.height(other) }, patience, 10*time.Millisecond, "it catches up")
}

// The node whose turn it is is killed again and again while clients send to all
// nodes. The others go on within two seconds (most times, for a machine that is
// busy at times); whatever a client was told is there at the end, on all nodes
// alike, and nothing was executed twice.
func TestNodesAreKilledWhileClientsSend(t *testing.T) {
	p := startProcesses(t)
	r, err := p.send(2, "deployment", chain.Intent{Input: common.FromHex(counterInit)})
	require.NoError(t, err)
	p.to = common.HexToAddress(r.ContractAddress)

	ctx, stop := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	for i := range 40 {
		clients.Go(func() { p.sendOn(ctx, i%4, i) })
	}
	var waits []time.Duration
	for n := range 6 {
		time.Sleep(time.Duration(rand.IntN(700)) * time.Millisecond) // any moment between two blocks
		victim := p.leader(n % 4)
		took := p.kill(victim)
		waits = append(waits, took)
		t.Logf("without node %d, the next block came after %s", victim, took.Round(time.Millisecond))
		p.restart(victim)
	}
	stop()
	clients.Wait()
	slices.Sort(waits)
	require.Less(t, waits[len(waits)/2], 2*time.Second)
	require.NotEmpty(t, p.answered)

	// Clients that were stopped leave transactions behind, which are executed first.
	require.Eventually(t, func() bool {
		for i := range 4 {
			var pending uint64
			if p.ask(i, &pending, "getPendingTxSize") != nil || pending > 0 {
				return false
			}
		}
		return true
	}, patience, 10*time.Millisecond)
	var total struct{ BlockNumber, TransactionCount, FailedTransactionCount uint64 }
	require.NoError(t, p.ask(0, &total, "getTotalTransactionCount"))
	for i := range 4 {
		require.Eventually(t, func() bool { return p.height(i) == p.height(0) }, patience, 10*time.Millisecond)
		var own struct{ BlockNumber, TransactionCount, FailedTransactionCount uint64 }
		require.Eventually(t, func() bool {
			return p.ask(i, &own, "getTotalTransactionCount") == nil && p.ask(0, &total, "getTotalTransactionCount") == nil && own == total
		}, patience, 10*time.Millisecond)
		require.Zero(t, own.FailedTransactionCount)
		var call struct{ Output string }
		require.NoError(t, p.ask(i, &call, "call", p.to.Hex(), "0x"))
		count, err := strconv.ParseUint(strings.TrimLeft(strings.TrimPrefix(call.Output, "0x"), "0"), 16, 64)
		require.NoError(t, err)
		require.Equal(t, total.TransactionCount-1, count, "each was executed once")
		for _, hash := range p.answered {
			var r receipt
			require.NoError(t, p.ask(i, &r, "getTransactionReceipt", hash, false), "node %d, %s", i, hash)
		}
	}
	t.Logf("%d transactions, %d blocks", total.TransactionCount, total.BlockNumber)
}
