package assemble

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/fisco/suite"
	"github.com/bcosgate/bcosgate/configs"
	"github.com/bcosgate/bcosgate/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// key is a private key that is known to everybody; address is its account.
const (
	key     = "0x4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318"
	address = "0x2c7536E3605D9C16a7a3D7b1898e529396a65c23"
)

func TestAccountIsMadeOnceAndKept(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "new", "account.pem")
	made, err := Accounts([]configs.Account{{Name: "a", File: file, Create: true}})
	require.NoError(t, err)
	require.True(t, made[0].Created)
	require.Equal(t, file, made[0].File)
	info, err := os.Stat(file)
	require.NoError(t, err)
	if runtime.GOOS != "windows" {
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	}
	kept, err := Accounts([]configs.Account{{Name: "a", File: file, Create: true}, {Name: "b", File: file}})
	require.NoError(t, err)
	for _, a := range kept {
		require.False(t, a.Created)
		require.Equal(t, made[0].Address, a.Address)
	}
	files, err := os.ReadDir(filepath.Dir(file))
	require.NoError(t, err)
	require.Len(t, files, 1, "nothing else is left behind")
}

func TestProcessesThatMakeTheSameAccountAgree(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "account.pem")
	accounts := make([]Account, 8)
	var wg sync.WaitGroup
	for i := range accounts {
		wg.Go(func() {
			a, err := Accounts([]configs.Account{{Name: "a", File: file, Create: true}})
			if err == nil {
				accounts[i] = a[0]
			}
		})
	}
	wg.Wait()
	created := 0
	for _, a := range accounts {
		require.NotEqual(t, common.Address{}, a.Address)
		require.Equal(t, accounts[0].Address, a.Address)
		if a.Created {
			created++
		}
	}
	require.Equal(t, 1, created)
}

func TestAccountsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret.pem")
	require.NoError(t, os.WriteFile(secret, []byte(key+"00"), 0o600))
	for name, account := range map[string]configs.Account{
		"missing":    {Name: "clerk", File: filepath.Join(dir, "nothere.pem")},
		"no key":     {Name: "clerk", File: secret},
		"not to see": {Name: "clerk", File: secret, Create: true},
		"a folder":   {Name: "clerk", File: dir, Create: true},
		"no folder":  {Name: "clerk", File: filepath.Join(secret, "x.pem"), Create: true},
	} {
		_, err := Accounts([]configs.Account{account})
		require.ErrorContains(t, err, "account clerk: ", name)
		require.ErrorContains(t, err, account.File, name)
		require.NotContains(t, err.Error(), key[2:20], name)
	}
	data, err := os.ReadFile(secret)
	require.NoError(t, err)
	require.Equal(t, key+"00", string(data), "a file is never replaced")
}

func target() configs.Target {
	return configs.Target{
		Name: "main", Family: "fisco3", Chain: "chain0", Group: "group0", Nodes: []string{"127.0.0.1:1"}, Account: "clerk",
		TLS: configs.TargetTLS{Disabled: true}, Limits: configs.Limits{Rate: 5, Burst: 6, InFlight: 7}, Pool: configs.Pool{MaxConns: 1},
	}
}

func accounts(t *testing.T) []Account {
	t.Helper()
	file := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(file, []byte(key), 0o600))
	list, err := Accounts([]configs.Account{{Name: "clerk", File: file}})
	require.NoError(t, err)
	return list
}

func TestTargetsAreThoseOfTheConfiguration(t *testing.T) {
	t.Parallel()
	list, err := Targets(configs.Config{Targets: []configs.Target{target()}}, accounts(t), Deps{})
	require.NoError(t, err)
	got := EngineTargets(list)
	require.Len(t, got, 1)
	require.Equal(t, chain.Target{Name: "main", Family: chain.FISCO3, ChainID: "chain0", Group: "group0"}, got[0].Info)
	require.Equal(t, "clerk", got[0].DefaultAccount)
	require.Equal(t, common.HexToAddress(address), got[0].Accounts["clerk"].Address())
	require.Equal(t, 5.0, got[0].Limits.Rate)
	require.Equal(t, 6, got[0].Limits.Burst)
	require.Equal(t, 7, got[0].Limits.InFlight)
	require.Same(t, list[0].Guard, got[0].Chain)
}

func TestStartAndStopWithoutANode(t *testing.T) {
	t.Parallel()
	other := target()
	other.Name = "other"
	list, err := Targets(configs.Config{Targets: []configs.Target{target(), other}}, accounts(t), Deps{})
	require.NoError(t, err)
	require.NoError(t, Start(t.Context(), list))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	err = Start(ctx, list)
	require.ErrorContains(t, err, "target main: ", "pools start once")
	require.NoError(t, Stop(ctx, list))
	require.NoError(t, Stop(ctx, list))
}

func TestTargetsThatCannotBeBuiltAreNamed(t *testing.T) {
	t.Parallel()
	secured := target()
	secured.TLS = configs.TargetTLS{CA: "nothere/ca.crt", Cert: "nothere/sdk.crt", Key: "nothere/sdk.key"}
	_, err := Targets(configs.Config{Targets: []configs.Target{secured}}, nil, Deps{})
	require.ErrorContains(t, err, "target main: nothere/")
	twice := target()
	twice.Nodes = []string{"a:1", "a:1"}
	_, err = Targets(configs.Config{Targets: []configs.Target{twice}}, nil, Deps{})
	require.ErrorContains(t, err, "target main: ")
}

func TestSessionIsWithTheFirstNodeThatAnswers(t *testing.T) {
	t.Parallel()
	net := testkit.NewDevnet(t, 2, -1).Serve()
	c := target()
	c.TLS = configs.TargetTLS{CA: filepath.Join(net.Certs, "ca.crt"), Cert: filepath.Join(net.Certs, "sdk.crt"), Key: filepath.Join(net.Certs, "sdk.key")}
	c.Nodes = []string{"127.0.0.1:1", net.Nodes[1], net.Nodes[0]}
	s, err := Session(t.Context(), c, nil)
	require.NoError(t, err)
	defer s.Close()
	client, err := s.Client(t.Context())
	require.NoError(t, err)
	require.Equal(t, net.Nodes[1], client.Node())
	limit, err := s.BlockLimit(t.Context())
	require.NoError(t, err)
	require.Equal(t, uint64(100), limit)

	c.Nodes = []string{"127.0.0.1:1", "127.0.0.1:2"}
	_, err = Session(t.Context(), c, nil)
	require.Equal(t, chain.KindUnavailable, chain.KindOf(err))
	require.ErrorContains(t, err, "target main: ")
	require.ErrorContains(t, err, "127.0.0.1:1")
	require.ErrorContains(t, err, "127.0.0.1:2")
	c.TLS.Key = "nothere/sdk.key"
	_, err = Session(t.Context(), c, nil)
	require.ErrorContains(t, err, "target main: nothere/")
	require.Empty(t, chain.KindOf(err), "no node is to blame")
}

func TestSignerIsOfTheLedgersSuite(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(file, []byte(key), 0o600))
	for _, s := range []suite.Suite{suite.Standard, suite.GM} {
		want, err := suite.NewKey(s, common.FromHex(key))
		require.NoError(t, err)
		signer, err := Signer(file, target(), s)
		require.NoError(t, err)
		require.Equal(t, s, signer.Suite(), "hex digits are a key of the ledger's suite")
		require.Equal(t, want.Address(), signer.Address())
	}
	sm2, err := suite.GenerateKey(suite.GM)
	require.NoError(t, err)
	text, err := sm2.MarshalPEM()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, text, 0o600))
	signer, err := Signer(file, target(), suite.GM)
	require.NoError(t, err)
	require.Equal(t, sm2.Address(), signer.Address())
	_, err = Signer(file, target(), suite.Standard)
	require.ErrorContains(t, err, "a key for a gm ledger, the group has a standard one")
	require.NoError(t, os.WriteFile(file, []byte(key+"00"), 0o600))
	_, err = Signer(file, target(), suite.Standard)
	require.ErrorIs(t, err, suite.ErrKey)
	require.NotContains(t, err.Error(), key[2:20])
	_, err = Signer(file+"nothere", target(), suite.Standard)
	require.ErrorIs(t, err, os.ErrNotExist)
}
