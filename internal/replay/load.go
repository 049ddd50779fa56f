//go:build linux

// Package replay is the bare replay of signed bytes to a node: the least work that a
// client can have. It is for programs that measure. Linux only, as they are.
package replay

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/certs"
	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/fisco"
	"github.com/bcosgate/bcosgate/chain/fisco/suite"
	"github.com/bcosgate/bcosgate/chain/fisco/tx"
	"github.com/bcosgate/bcosgate/contracts"
	"github.com/bcosgate/bcosgate/internal/devnodes"
)

// blocksAhead is the block limit of what is signed, counted from the head.
const blocksAhead = 900

// Load makes transactions that save a digest in a contract Evidence, and replays
// them over one WebSocket. Close must be called.
type Load struct {
	Contract common.Address
	address  string
	security *tls.Config
	client   *fisco.Client
	signer   *tx.Signer
	save     *contracts.Method
	made     int
}

// New connects to the first node of a chain and deploys the contract.
func New(ctx context.Context, c *devnodes.Chain) (*Load, error) {
	cert, roots, err := certs.LoadTLSCert(certs.Files{
		CA: filepath.Join(c.Certs, "ca.crt"), Cert: filepath.Join(c.Certs, "sdk.crt"), Key: filepath.Join(c.Certs, "sdk.key"),
	})
	if err != nil {
		return nil, err
	}
	l := &Load{address: c.Nodes[0].Address, security: certs.ClientConfig(cert, roots)}
	if l.client, err = fisco.Dial(ctx, fisco.DialConfig{Address: l.address, TLS: l.security, ChainID: "chain0", Group: "group0"}); err != nil {
		return nil, err
	}
	key, err := suite.GenerateKey(suite.Standard)
	if err != nil {
		return nil, err
	}
	l.signer = tx.NewSigner(key, "chain0", "group0")
	evidence, _ := contracts.Builtin("Evidence")
	if l.save, err = evidence.ABI.Method("save"); err != nil {
		return nil, err
	}
	deployment, err := l.signer.Sign(chain.Intent{Input: evidence.Bytecode}, chain.Terms{Nonce: l.signer.Nonce("deploy"), BlockLimit: blocksAhead})
	if err != nil {
		return nil, err
	}
	receipt, err := l.client.Send(ctx, deployment)
	if err != nil {
		return nil, err
	}
	l.Contract = *receipt.Contract
	return l, nil
}

// Close ends its connection.
func (l *Load) Close() error { return l.client.Close() }

// Sign makes the messages of n further transactions, on all cores.
func (l *Load) Sign(ctx context.Context, n int) ([][]byte, error) {
	head, err := l.client.GetBlockNumber(ctx)
	if err != nil {
		return nil, err
	}
	messages := make([][]byte, n)
	workers := runtime.GOMAXPROCS(0)
	failures := make([]error, workers)
	var working sync.WaitGroup
	for w := range workers {
		working.Go(func() {
			for i := w; i < n && failures[w] == nil; i += workers {
				messages[i], failures[w] = l.message(l.made+i, head+blocksAhead)
			}
		})
	}
	working.Wait()
	l.made += n
	return messages, errors.Join(failures...)
}

func (l *Load) message(number int, blockLimit uint64) ([]byte, error) {
	input, err := l.save.Encode([]any{fmt.Sprintf("%064x", number), fmt.Sprintf("row %08d", number)})
	if err != nil {
		return nil, err
	}
	signed, err := l.signer.Sign(chain.Intent{To: &l.Contract, Input: input},
		chain.Terms{Nonce: l.signer.Nonce(fmt.Sprint("row ", number)), BlockLimit: blockLimit})
	if err != nil {
		return nil, err
	}
	return message(fmt.Sprintf("%032x", number),
		fmt.Sprintf(`{"id":%d,"jsonrpc":"2.0","method":"sendTransaction","params":["group0","","0x%x",false]}`, number, signed.Raw)), nil
}

// Replay sends the messages over a new WebSocket and takes the answers, with at most
// window of them under way. An answer that is no success ends it.
func (l *Load) Replay(ctx context.Context, messages [][]byte, window int) error {
	w, err := dialWire(ctx, l.address, l.security)
	if err != nil {
		return err
	}
	return errors.Join(w.exchange(messages, window), w.close())
}
