//go:build unix

package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/certs"
	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/fisco"
	"github.com/bcosgate/bcosgate/chain/fisco/proof"
	"github.com/bcosgate/bcosgate/chain/fisco/result"
	clientsuite "github.com/bcosgate/bcosgate/chain/fisco/suite"
	"github.com/bcosgate/bcosgate/chain/fisco/tx"
	"github.com/bcosgate/bcosgate/devchain/nodeconf"
	"github.com/bcosgate/bcosgate/devchain/suite"
)

// A GM chain of build_chain.sh -s, and our own client with an SM2 key: what one of
// the two works out the other verifies.
func TestGMChainEndToEnd(t *testing.T) {
	t.Parallel()
	home := startable(t, 2, "-s")
	node := filepath.Join(home, "node0")
	genesis, err := nodeconf.ReadGenesis(filepath.Join(node, "config.genesis"))
	require.NoError(t, err)
	require.Equal(t, suite.GM, genesis.Suite)
	config, err := nodeconf.ReadNode(filepath.Join(node, "config.ini"))
	require.NoError(t, err)
	require.Equal(t, suite.GM, config.NodeKey.Suite())
	require.True(t, config.TLS, "standard TLS")

	text, code := runScript(t, home, "start_all.sh")
	require.Zero(t, code, text)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	session := openSession(ctx, t, home)
	client, err := session.Client(ctx)
	require.NoError(t, err)
	require.Equal(t, clientsuite.GM, client.Suite())

	requireGMAdministrator(t, filepath.Join(home, "ca", "accounts"), genesis.AuthAdminAccount)
	key, err := clientsuite.GenerateKey(clientsuite.GM)
	require.NoError(t, err)
	signer := tx.NewSigner(key, "chain0", "group0")
	submit := func(name string, intent chain.Intent) (chain.SignedTx, chain.Receipt) {
		terms, err := session.Terms(ctx, signer.Nonce(name))
		require.NoError(t, err)
		signed, err := signer.Sign(intent, terms)
		require.NoError(t, err)
		receipt, err := client.Submit(ctx, signed)
		require.NoError(t, err)
		return signed, receipt
	}

	_, deployed := submit("deploy", chain.Intent{Input: gmLogger})
	contract := *deployed.Contract
	events, err := session.Subscribe(ctx, fisco.EventFilter{FromBlock: 1, Addresses: []common.Address{contract}})
	require.NoError(t, err)
	signed, receipt := submit("log", chain.Intent{To: deployed.Contract, Input: []byte("abc")})
	require.Len(t, receipt.Logs, 1)
	want := clientsuite.GM.Hash([]byte("abc"))
	select {
	case e := <-events.Events():
		require.Equal(t, []common.Hash{want}, e.Topics)
		require.Equal(t, signed.Hash, e.TxHash)
	case <-ctx.Done():
		require.Fail(t, "no event came")
	}
	require.NoError(t, events.Close())

	read, err := client.CallContractAs(ctx, key, contract, []byte("abc"))
	require.NoError(t, err)
	require.Equal(t, want[:], []byte(read.Output)[:32], "KECCAK256 is SM3")
	require.Equal(t, common.LeftPadBytes(key.Address().Bytes(), 32), []byte(read.Output)[32:], "a signed call has its sender")

	requireProven(ctx, t, client, signed.Hash, receipt.BlockNumber)
	text, code = runScript(t, home, "stop_all.sh")
	require.Zero(t, code, text)
}

// gmLogger is creation code of a contract that logs an empty event with the hash of
// its input as topic, and returns the hash and the caller:
// CALLDATACOPY(0, 0, CALLDATASIZE) KECCAK256(0, CALLDATASIZE) DUP1 MSTORE(0)
// LOG1(0, 0) MSTORE(32, CALLER) RETURN(0, 64).
var gmLogger = common.FromHex("60158060095f395ff3" + "365f5f37" + "365f20" + "805f52" + "5f5fa1" + "33602052" + "60405ff3")

func openSession(ctx context.Context, t *testing.T, home string) *fisco.Session {
	t.Helper()
	at := func(name string) string { return filepath.Join(home, "sdk", name) }
	cert, roots, err := certs.LoadTLSCert(certs.Files{CA: at("ca.crt"), Cert: at("sdk.crt"), Key: at("sdk.key")})
	require.NoError(t, err)
	session, err := fisco.OpenSession(ctx, fisco.SessionConfig{DialConfig: fisco.DialConfig{
		Address: address(t, home, 0), TLS: certs.ClientConfig(cert, roots), ChainID: "chain0", Group: "group0",
	}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, session.Close()) })
	return session
}

// requireGMAdministrator: the account of the genesis has its SM2 key beside it,
// which the client reads, and openssl where it knows the curve.
func requireGMAdministrator(t *testing.T, dir, address string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, address+".pem"))
	require.NoError(t, err)
	key, err := clientsuite.ParseKey(data, clientsuite.Standard)
	require.NoError(t, err)
	require.Equal(t, clientsuite.GM, key.Suite())
	require.Equal(t, common.HexToAddress(address), key.Address())
	if known, _ := exec.Command("openssl", "ecparam", "-list_curves").Output(); strings.Contains(string(known), "SM2") {
		out, err := exec.Command("openssl", "pkey", "-noout", "-in", filepath.Join(dir, address+".pem")).CombinedOutput()
		require.NoError(t, err, string(out))
	}
}

func requireProven(ctx context.Context, t *testing.T, client *fisco.Client, hash common.Hash, number uint64) {
	t.Helper()
	transaction, err := client.GetTransaction(ctx, hash, true)
	require.NoError(t, err)
	receipt, err := client.GetTransactionReceipt(ctx, hash, true)
	require.NoError(t, err)
	blocks := make([]result.Block, number+1)
	for i := range blocks {
		blocks[i], err = client.GetBlockByNumber(ctx, uint64(i), fisco.BlockHeader)
		require.NoError(t, err)
	}
	require.NoError(t, proof.VerifyBlock(clientsuite.GM, &blocks[0]))
	require.NoError(t, proof.VerifyParent(&blocks[number], &blocks[number-1]))
	require.NoError(t, proof.VerifyInclusion(clientsuite.GM, hash, proof.Inclusion{
		Transaction: &transaction, Receipt: &receipt, Block: &blocks[number], Sealers: proof.BlockSealers(&blocks[number-1]),
	}))
}
