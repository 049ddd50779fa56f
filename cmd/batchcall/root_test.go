package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/configs"
)

func TestShellQuoting(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]string{
		"":                      "''",
		"a-b_c.d/e:f,g=h":       "a-b_c.d/e:f,g=h",
		"two words":             "'two words'",
		"save(bytes32)":         "'save(bytes32)'",
		"it's":                  `'it'\''s'`,
		"$HOME":                 "'$HOME'",
		"数据":                    "数据",
		"C:\\certs":             `'C:\certs'`,
		"https://h:1/a?b=c&d=e": "'https://h:1/a?b=c&d=e'",
	} {
		require.Equal(t, want, shellQuote(word), word)
	}
}

func TestTheSameConnectionAgain(t *testing.T) {
	t.Parallel()
	a := &app{}
	root := a.rootCommand()
	cmd, rest, err := root.Find(strings.Fields("run --node h:1,h:2 --node h:3 --certs x --store s.db --token t -q"))
	require.NoError(t, err)
	require.NoError(t, cmd.ParseFlags(rest))
	a.flags = cmd.Flags()
	require.Equal(t, "batchcall resume j --node h:1,h:2,h:3 --certs x --store s.db", a.again("resume", "j"), "a token stays out of it")
	require.Equal(t, "batchcall get j --store s.db", a.again("get", "j"), "reading needs no node")
}

func writeConfig(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"ca.crt", "sdk.crt", "sdk.key", "account.pem"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
	}
	file := filepath.Join(dir, "gateway.yaml")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

const twoOfEach = `
accounts:
  - {name: clerk, file: account.pem}
  - {name: judge, file: new.pem, create: true}
targets:
  - {name: court, nodes: ["127.0.0.1:20200"], tls: {dir: .}, account: clerk}
  - {name: bank, nodes: ["127.0.0.1:20201"], tls: {dir: .}, account: judge}
`

func TestFlagsChooseFromTheConfiguration(t *testing.T) {
	t.Parallel()
	file := writeConfig(t, twoOfEach)
	key := filepath.Join(t.TempDir(), "my key!.pem")
	require.NoError(t, os.WriteFile(key, nil, 0o600))
	for name, tc := range map[string]struct {
		target, account string
		want            string // target, its account
		fails           string
	}{
		"default account":   {target: "court", want: "court clerk"},
		"named account":     {target: "court", account: "judge", want: "court judge"},
		"account of a file": {target: "bank", account: key, want: "bank file.my_key_"},
		"no target":         {fails: "choose with --target one of court, bank"},
		"unknown target":    {target: "x", fails: "the configuration has court, bank"},
		"unknown account":   {target: "bank", account: "x", fails: "neither the name of an account (there is clerk, judge) nor a key file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := &app{opt: options{config: file, target: tc.target, account: tc.account}}
			cfg, err := a.localConfig()
			if tc.fails != "" {
				require.ErrorContains(t, err, tc.fails)
				return
			}
			require.NoError(t, err)
			require.Len(t, cfg.Targets, 1)
			require.Equal(t, tc.want, cfg.Targets[0].Name+" "+cfg.Targets[0].Account)
		})
	}
}

func TestNodesAreAConfigurationOfTheirOwn(t *testing.T) {
	t.Parallel()
	dir := filepath.Dir(writeConfig(t, ""))
	o := options{nodes: []string{"127.0.0.1:1", "127.0.0.1:2"}, certs: dir, chain: "chain7", group: "group1", store: filepath.Join("some", "jobs.db")}
	cfg, err := o.nodeConfig()
	require.NoError(t, err)
	require.Equal(t, "chain7.group1", cfg.Targets[0].Name, "stores must tell chains apart")
	require.Equal(t, o.nodes, cfg.Targets[0].Nodes)
	require.Equal(t, []configs.Account{{Name: "default", File: filepath.Join("some", "account.pem"), Create: true}}, cfg.Accounts)

	o.chain, o.nodes = "no good", []string{"nowhere"}
	_, err = o.nodeConfig()
	require.ErrorContains(t, err, "--chain")
	require.ErrorContains(t, err, "--node[0]")
	require.NotContains(t, err.Error(), "targets[0]")
}

func TestAnInterruptBeforeAnythingBeganIsSaidToBeOne(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errInterrupted)
	var stderr strings.Builder
	code := execute(ctx, []string{"get", "--gateway", "http://127.0.0.1:1"}, streams{out: &stderr, err: &stderr})
	require.Equal(t, exitInterrupted, code)
	require.Equal(t, "batchcall: interrupted\n", stderr.String())
}
