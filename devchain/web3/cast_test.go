package web3

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/stretchr/testify/require"
)

// cast is the command line of Foundry: npm package @foundry-rs/cast, or foundryup.
func TestCast(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("cast")
	if err != nil {
		t.Skip("there is no cast in PATH: it comes with Foundry")
	}
	w := newWorld(t)
	key := "0x" + hex.EncodeToString(crypto.FromECDSA(w.key))
	try := func(args ...string) (string, error) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, program, args...)
		cmd.Env = append(cmd.Environ(), "ETH_RPC_URL="+w.url)
		out, err := cmd.CombinedOutput()
		return strings.TrimSpace(string(out)), err
	}
	cast := func(args ...string) string {
		t.Helper()
		out, err := try(args...)
		require.NoError(t, err, "cast %v: %s", args, out)
		return out
	}
	type receipt struct {
		Status, ContractAddress, TransactionHash, Type string
		Logs                                           []struct{ Data string }
	}
	send := func(args ...string) (r receipt) {
		t.Helper()
		out := cast(append([]string{"send", "--json", "--private-key", key, "--poll-interval", "1"}, args...)...)
		require.NoError(t, json.Unmarshal([]byte(out), &r), out)
		return r
	}

	require.Equal(t, "20200", cast("chain-id"))
	require.Equal(t, "1000000000000000000", cast("balance", w.from.Hex()))
	require.Equal(t, "0", cast("nonce", w.from.Hex()))
	require.Equal(t, "0", cast("gas-price"))
	require.Equal(t, "0", cast("block-number"))

	legacy := send("--legacy", "--create", "0x"+hex.EncodeToString(initCode(storeCode)))
	require.Equal(t, "0x1", legacy.Status)
	at := legacy.ContractAddress
	require.Equal(t, strings.ToLower(crypto.CreateAddress(w.from, 0).Hex()), strings.ToLower(at))
	require.Equal(t, "0x"+hex.EncodeToString(storeCode), cast("code", at))

	word := common.BigToHash(common.Big2).Hex()
	called := send("--gas-price", "0", "--priority-gas-price", "0", at, word)
	require.Equal(t, "0x2", called.Type)
	require.Equal(t, word, called.Logs[0].Data)
	require.Equal(t, word, cast("storage", at, "0"))
	require.Equal(t, word, cast("call", at, word))
	require.Equal(t, "2", cast("nonce", w.from.Hex()))
	require.Regexp(t, `^\d+$`, cast("estimate", at, word))
	require.Contains(t, cast("receipt", called.TransactionHash), "success")
	require.Contains(t, cast("tx", called.TransactionHash), word[2:])
	require.Contains(t, cast("block", "2"), called.TransactionHash)
	require.Contains(t, cast("rpc", "eth_getLogs", `{"fromBlock":"0x1","toBlock":"latest","address":[],"topics":[]}`), word)

	listed := cast("mktx", "--private-key", key, "--access-list", "[]", "--legacy", "--nonce", "2", "--gas-limit", "21000", "0x0000000000000000000000000000000000000001")
	require.True(t, strings.HasPrefix(listed, "0x01"), "EIP-2930")
	require.NotContains(t, cast("publish", listed), "error")
	again, _ := try("publish", listed) // the exit code depends on how cast was installed
	require.Contains(t, again, "NonceCheckFail")
}
