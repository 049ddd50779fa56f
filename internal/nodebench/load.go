//go:build linux

package main

import (
	"context"
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

// load makes the transactions and sends them.
type load struct {
	client   *fisco.Client
	wire     *wire
	signer   *tx.Signer
	save     *contracts.Method
	contract *common.Address
	made     int
}

// newLoad connects to the node and deploys the contract.
func newLoad(ctx context.Context, c *devnodes.Chain) (*load, error) {
	cert, roots, err := certs.LoadTLSCert(certs.Files{
		CA: filepath.Join(c.Certs, "ca.crt"), Cert: filepath.Join(c.Certs, "sdk.crt"), Key: filepath.Join(c.Certs, "sdk.key"),
	})
	if err != nil {
		return nil, err
	}
	config := certs.ClientConfig(cert, roots)
	l := &load{}
	if l.client, err = fisco.Dial(ctx, fisco.DialConfig{Address: c.Nodes[0].Address, TLS: config, ChainID: "chain0", Group: "group0"}); err != nil {
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
	l.contract = receipt.Contract
	l.wire, err = dialWire(ctx, c.Nodes[0].Address, config)
	return l, err
}

func (l *load) close() error { return errors.Join(l.wire.close(), l.client.Close()) }

// sign makes the messages of n further transactions, on all cores.
func (l *load) sign(ctx context.Context, n int) ([][]byte, error) {
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

func (l *load) message(number int, blockLimit uint64) ([]byte, error) {
	input, err := l.save.Encode([]any{fmt.Sprintf("%064x", number), fmt.Sprintf("row %08d", number)})
	if err != nil {
		return nil, err
	}
	signed, err := l.signer.Sign(chain.Intent{To: l.contract, Input: input},
		chain.Terms{Nonce: l.signer.Nonce(fmt.Sprint("row ", number)), BlockLimit: blockLimit})
	if err != nil {
		return nil, err
	}
	return message(fmt.Sprintf("%032x", number),
		fmt.Sprintf(`{"id":%d,"jsonrpc":"2.0","method":"sendTransaction","params":["group0","","0x%x",false]}`, number, signed.Raw)), nil
}

// replay sends the messages and takes the answers, with at most window of them
// under way. An answer that is no success ends it.
func (l *load) replay(messages [][]byte, window int) error { return l.wire.exchange(messages, window) }
