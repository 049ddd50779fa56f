//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"github.com/bcosgate/bcosgate/certs"
	"github.com/bcosgate/bcosgate/internal/devnodes"
)

// askTime bounds one question. A node that was just killed refuses at once.
const askTime = 10 * time.Second

// witness asks nodes by plain JSON-RPC over HTTPS, with none of the client code
// that is under test.
type witness struct {
	nodes []*devnodes.Node
	http  *http.Client
}

func newWitness(c *devnodes.Chain) (*witness, error) {
	cert, roots, err := certs.LoadTLSCert(certs.Files{
		CA: filepath.Join(c.Certs, "ca.crt"), Cert: filepath.Join(c.Certs, "sdk.crt"), Key: filepath.Join(c.Certs, "sdk.key"),
	})
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{TLSClientConfig: certs.ClientConfig(cert, roots), MaxIdleConnsPerHost: readers}
	return &witness{nodes: c.Nodes, http: &http.Client{Transport: transport}}, nil
}

func (w *witness) close() { w.http.CloseIdleConnections() }

// ask asks one node. Group and node name come before params.
func (w *witness) ask(ctx context.Context, node int, result any, method string, params ...any) error {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": method, "params": append([]any{"group0", ""}, params...)})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+w.nodes[node].Address, bytes.NewReader(body))
	if err != nil {
		return err
	}
	res, err := w.http.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	var answer struct {
		Result json.RawMessage
		Error  json.RawMessage
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return fmt.Errorf("%s: %w: %.200s", method, err, text)
	}
	if answer.Error != nil {
		return fmt.Errorf("%s: the node answers %s", method, answer.Error)
	}
	if err := json.Unmarshal(answer.Result, result); err != nil {
		return fmt.Errorf("%s: %w: %.200s", method, err, text)
	}
	return nil
}

// executed is how many transactions the chain has executed, as the node says that
// is ahead of the others. Nodes that do not answer are passed over; it is an error
// only when none does.
func (w *witness) executed(ctx context.Context) (int, error) {
	var count struct{ TransactionCount int }
	return w.most(func(node int) (int, error) {
		err := w.ask(ctx, node, &count, "getTotalTransactionCount")
		return count.TransactionCount, err
	})
}

// pending is how many transactions wait in the pool of the node with the most.
func (w *witness) pending(ctx context.Context) (int, error) {
	return w.most(func(node int) (n int, err error) {
		err = w.ask(ctx, node, &n, "getPendingTxSize")
		return n, err
	})
}

func (w *witness) most(ask func(node int) (int, error)) (most int, err error) {
	var failed []error
	for node := range w.nodes {
		n, err := ask(node)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		most = max(most, n)
	}
	if len(failed) == len(w.nodes) {
		return 0, errors.Join(failed...)
	}
	return most, nil
}

// execution is a transaction on the chain.
type execution struct {
	hash   string // 0x hex
	block  int
	status int
}

// readers is how many receipts are asked for at a time.
const readers = 8

// executions calls f with every transaction on the chain of one node, and its
// input and receipt, in the order of blocks. First is the first block to read.
func (w *witness) executions(ctx context.Context, node, first int, f func(input []byte, e execution)) error {
	var head int
	if err := w.ask(ctx, node, &head, "getBlockNumber"); err != nil {
		return err
	}
	for number := first; number <= head; number++ {
		var block struct {
			Number       int
			Transactions []struct{ Hash, Input string }
		}
		if err := w.ask(ctx, node, &block, "getBlockByNumber", number, false, false); err != nil {
			return err
		}
		hashes := make([]string, len(block.Transactions))
		for i, tx := range block.Transactions {
			hashes[i] = tx.Hash
		}
		receipts, err := w.receipts(ctx, node, hashes)
		if err != nil {
			return err
		}
		for i, tx := range block.Transactions {
			if receipts[i].block != number || receipts[i].hash != tx.Hash {
				return fmt.Errorf("the receipt of %s in block %d says that it is of %s in block %d", tx.Hash, number, receipts[i].hash, receipts[i].block)
			}
			input, err := unhex(tx.Input)
			if err != nil {
				return fmt.Errorf("transaction %s: input: %w", tx.Hash, err)
			}
			f(input, receipts[i])
		}
	}
	return nil
}

func (w *witness) receipts(ctx context.Context, node int, hashes []string) ([]execution, error) {
	receipts := make([]execution, len(hashes))
	failed := make([]error, readers)
	var reading sync.WaitGroup
	for r := range readers {
		reading.Go(func() {
			for i := r; i < len(hashes) && failed[r] == nil; i += readers {
				receipts[i], failed[r] = w.receipt(ctx, node, hashes[i])
			}
		})
	}
	reading.Wait()
	return receipts, errors.Join(failed...)
}

func (w *witness) receipt(ctx context.Context, node int, hash string) (execution, error) {
	var receipt struct {
		TransactionHash string
		BlockNumber     int
		Status          int
	}
	err := w.ask(ctx, node, &receipt, "getTransactionReceipt", hash, false)
	return execution{hash: receipt.TransactionHash, block: receipt.BlockNumber, status: receipt.Status}, err
}

// sameChain waits until all nodes have the same newest block, and gives its number.
func (w *witness) sameChain(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, agreeTime)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		head, err := w.head(ctx)
		if err == nil {
			return head, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return 0, fmt.Errorf("the nodes do not agree within %s: %w", agreeTime, err)
		}
	}
}

// agreeTime is what a node may take to catch up after its last start.
const agreeTime = time.Minute

// head is the newest block, if all nodes say so.
func (w *witness) head(ctx context.Context) (int, error) {
	var heads []string
	var number int
	for node := range w.nodes {
		var hash string
		if err := w.ask(ctx, node, &number, "getBlockNumber"); err != nil {
			return 0, err
		}
		if err := w.ask(ctx, node, &hash, "getBlockHashByNumber", number); err != nil {
			return 0, err
		}
		if heads = append(heads, fmt.Sprintf("%d %s", number, hash)); heads[node] != heads[0] {
			return 0, fmt.Errorf("node 0 is at block %s, node %d at %s", heads[0], node, heads[node])
		}
	}
	return number, nil
}
