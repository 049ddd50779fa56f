//go:build unix

package interop

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/certs"
	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/fisco"
	"github.com/bcosgate/bcosgate/chain/fisco/suite"
	"github.com/bcosgate/bcosgate/chain/fisco/tx"
	"github.com/bcosgate/bcosgate/contracts"
)

// devnode is a development node as build_chain.sh makes it, in its own process.
type devnode struct {
	address string // host:port
	certs   string // folder for clients
}

func startDevnode(t *testing.T) devnode {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	port := listener.Addr().(*net.TCPAddr).Port
	require.NoError(t, listener.Close())
	other := port - 1
	if port%2 == 0 {
		other = port + 1
	}
	nodes := filepath.Join(t.TempDir(), "nodes")
	must(t, "../../../scripts/build_chain.sh", "-l", "127.0.0.1:1", "-o", nodes, "-p", fmt.Sprintf("%d,%d", other, port))
	home := filepath.Join(nodes, "127.0.0.1")
	t.Cleanup(func() { must(t, filepath.Join(home, "stop_all.sh")) })
	must(t, filepath.Join(home, "start_all.sh"))
	return devnode{address: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), certs: filepath.Join(home, "sdk")}
}

func must(t *testing.T, program string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	output, err := exec.CommandContext(ctx, program, args...).CombinedOutput()
	require.NoError(t, err, "%s %v\n%s", program, args, output)
}

// dial connects the client of this module.
func (d devnode) dial(t *testing.T) *fisco.Client {
	t.Helper()
	cert, roots, err := certs.LoadTLSCert(certs.Files{
		CA: filepath.Join(d.certs, "ca.crt"), Cert: filepath.Join(d.certs, "sdk.crt"), Key: filepath.Join(d.certs, "sdk.key"),
	})
	require.NoError(t, err)
	client, err := fisco.Dial(t.Context(), fisco.DialConfig{
		Address: d.address, TLS: certs.ClientConfig(cert, roots), ChainID: "chain0", Group: "group0",
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	return client
}

// sendOurs deploys Evidence with our client and saves n digests; it gives the
// receipts by the hash of the transaction, the hashes in the order of sending.
func sendOurs(t *testing.T, client *fisco.Client, n int) []common.Hash {
	t.Helper()
	evidence, found := contracts.Builtin("Evidence")
	require.True(t, found)
	save, err := evidence.ABI.Method("save")
	require.NoError(t, err)
	key, err := suite.GenerateKey(suite.Standard)
	require.NoError(t, err)
	signer := tx.NewSigner(key, "chain0", "group0")
	sign := func(ref string, intent chain.Intent) chain.SignedTx {
		signed, err := signer.Sign(intent, chain.Terms{Nonce: signer.Nonce(ref), BlockLimit: 500})
		require.NoError(t, err)
		return signed
	}

	deployment := sign("deploy", chain.Intent{Input: evidence.Bytecode, ABI: evidence.ABI.JSON()})
	receipt, err := client.Send(t.Context(), deployment)
	require.NoError(t, err)
	require.True(t, receipt.Succeeded)
	hashes := []common.Hash{deployment.Hash}
	failures := make(chan error, n)
	for i := range n {
		input, err := save.Encode([]any{fmt.Sprintf("%064x", i+1), fmt.Sprint("our row ", i)})
		require.NoError(t, err)
		signed := sign(fmt.Sprint("save ", i), chain.Intent{To: receipt.Contract, Input: input})
		hashes = append(hashes, signed.Hash)
		go func() {
			_, err := client.Send(t.Context(), signed)
			failures <- err
		}()
	}
	for range n {
		require.NoError(t, <-failures)
	}
	return hashes
}
