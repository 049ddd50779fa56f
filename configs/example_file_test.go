package configs

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"github.com/spf13/viper"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain/guard"
	"github.com/bcosgate/bcosgate/chain/pool"
)

// allKeys lists every key of the Config; [] stands for the entries of a list.
func allKeys(prefix string, t reflect.Type) []string {
	switch {
	case t.Kind() == reflect.Struct:
		var keys []string
		for i := range t.NumField() {
			keys = append(keys, allKeys(joinKey(prefix, t.Field(i).Tag.Get("mapstructure")), t.Field(i).Type)...)
		}
		return keys
	case t.Kind() == reflect.Slice:
		return allKeys(prefix+"[]", t.Elem())
	}
	return []string{prefix}
}

func keysIn(prefix string, value any) []string {
	switch value := value.(type) {
	case map[string]any:
		var keys []string
		for key, v := range value {
			keys = append(keys, keysIn(joinKey(prefix, key), v)...)
		}
		return keys
	case []any:
		var keys []string
		for _, v := range value {
			keys = append(keys, keysIn(prefix+"[]", v)...)
		}
		return keys
	}
	return []string{prefix}
}

// uncommented is the example with every optional setting switched on: comments
// have a space behind the #, settings have none.
func uncommented(t *testing.T) map[string]any {
	t.Helper()
	data, err := os.ReadFile("gateway.yaml")
	require.NoError(t, err)
	v := viper.New()
	v.SetConfigType("yaml")
	text := regexp.MustCompile(`(?m)^( *)#(\w)`).ReplaceAllString(string(data), "$1$2")
	require.NoError(t, v.ReadConfig(strings.NewReader(text)))
	return v.AllSettings()
}

func TestExampleFileHasEverySettingAndNoOther(t *testing.T) {
	t.Parallel()
	want := allKeys("", reflect.TypeFor[Config]())
	got := keysIn("", uncommented(t))
	slices.Sort(want)
	slices.Sort(got)
	require.Equal(t, want, slices.Compact(got))
}

// TestExampleFileShowsTheDefaults: the settings that are commented out and are no
// examples show what holds without them.
func TestExampleFileShowsTheDefaults(t *testing.T) {
	t.Parallel()
	shown := Default()
	require.NoError(t, decode(uncommented(t), &shown))
	def := Default()
	require.Equal(t, def.Log, shown.Log)
	shown.HTTP.TLS, shown.HTTP.TokenFile = HTTPTLS{}, ""
	require.Equal(t, def.HTTP, shown.HTTP)

	target := shown.Targets[0]
	filled := Config{Accounts: shown.Accounts, Targets: []Target{{
		Name: target.Name, Nodes: target.Nodes, TLS: target.TLS, Discovery: target.Discovery,
		Pool: poolDefaults(), Calls: callDefaults(),
	}}}
	filled.fill()
	require.Equal(t, filled.Targets[0], target)
}

// poolDefaults are those of package pool, which zero values stand for.
func poolDefaults() Pool {
	def := pool.Defaults()
	return Pool{
		MaxConns: def.MaxConns, MinConns: def.MinConns, PerConn: def.PerConn, MaxPerConn: def.MaxPerConn,
		IdleTimeout: def.IdleTimeout, Lifetime: def.Lifetime, DrainTimeout: def.DrainTimeout,
		MaxDials: def.MaxDials, DialTimeout: def.DialTimeout, BackoffMin: def.BackoffMin, BackoffMax: def.BackoffMax,
		Heartbeat: Heartbeat{Interval: def.Heartbeat, Timeout: def.HeartbeatTimeout, Misses: def.HeartbeatMisses},
	}
}

// callDefaults are those of package guard, which zero values stand for.
func callDefaults() Calls {
	def := guard.Defaults()
	policy := func(p guard.Policy) Policy {
		return Policy{
			ConnectTimeout: p.ConnectTimeout, AnswerTimeout: p.AnswerTimeout, Retries: p.Retries, BackoffMin: p.BackoffMin, BackoffMax: p.BackoffMax,
			Rate: p.Rate, Burst: p.Burst, NodeRate: p.NodeRate, NodeBurst: p.NodeBurst, InFlight: p.InFlight,
			WhenFull: map[bool]string{false: WhenFullWait, true: WhenFullRefuse}[p.Refuse],
			Breaker:  Breaker{Failures: int(p.Breaker.Failures), Window: int(p.Breaker.Window), OpenFor: p.Breaker.OpenFor, Probes: int(p.Breaker.Probes)},
		}
	}
	return Calls{
		Query: policy(def.Query), Write: policy(def.Write), RetryShare: def.RetryShare, Hedge: def.Query.Hedge,
		Cache: Cache{Disabled: def.Cache.Off, Size: ByteSize(def.Cache.MaxBytes), HeadBoundFor: def.Cache.HeadBoundFor, StaleFor: def.Cache.StaleFor},
	}
}

// TestExampleFileIsRight: what is commented out is no nonsense either, once one
// place for nodes and one form of TLS are chosen.
func TestExampleFileIsRight(t *testing.T) {
	t.Parallel()
	shown := Default()
	require.NoError(t, decode(uncommented(t), &shown))
	shown.fill()
	target := shown.Targets[0]
	target.TLS = TargetTLS{Disabled: true}
	shown.Targets = nil
	for i := range 4 {
		chosen := target
		chosen.Name = fmt.Sprint("target", i)
		chosen.Discovery = [...]Discovery{{}, {DNS: target.Discovery.DNS}, {File: target.Discovery.File}, {Etcd: target.Discovery.Etcd}}[i]
		if i > 0 {
			chosen.Nodes = nil
		}
		shown.Targets = append(shown.Targets, chosen)
	}
	found := &problems{noFiles: true}
	shown.check(found)
	require.NoError(t, found.err(""))
}

// TestExampleFileLoads puts the example beside the folders of a chain, as they
// are in the repository after scripts/build_chain.sh.
func TestExampleFileLoads(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	sdk := filepath.Join(root, "nodes", "127.0.0.1", "sdk")
	require.NoError(t, os.MkdirAll(sdk, 0o700))
	require.NoError(t, os.Mkdir(filepath.Join(root, "configs"), 0o700))
	for _, name := range []string{"ca.crt", "sdk.crt", "sdk.key"} {
		require.NoError(t, os.WriteFile(filepath.Join(sdk, name), nil, 0o600))
	}
	data, err := os.ReadFile("gateway.yaml")
	require.NoError(t, err)
	path := filepath.Join(root, "configs", "gateway.yaml")
	require.NoError(t, os.WriteFile(path, data, 0o600))

	cfg, err := Load(path, nil)
	require.NoError(t, err)
	require.Equal(t, filepath.Join(root, "data", "bcosgate.db"), cfg.Store.Path)
	require.Equal(t, filepath.Join(sdk, "sdk.key"), cfg.Targets[0].TLS.Key)
	require.Len(t, cfg.Targets[0].Nodes, 4)
	require.True(t, cfg.Accounts[0].Create)
}

func TestEverySettingHasAFlagWithHelp(t *testing.T) {
	t.Parallel()
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	AddFlags(flags)
	var keys []string
	for _, s := range settings() {
		keys = append(keys, s.key)
		flag := flags.Lookup(s.flag())
		require.NotNil(t, flag, s.key)
		require.NotEmpty(t, flag.Usage, "%s has no help tag", s.key)
	}
	want := slices.DeleteFunc(allKeys("", reflect.TypeFor[Config]()), func(key string) bool { return strings.Contains(key, "[]") })
	require.Equal(t, want, keys)
	require.Equal(t, "BCOSGATE_HTTP_TLS_CLIENT_CA", setting{key: "http.tls.client_ca"}.env())
	require.Equal(t, "http-tls-client-ca", setting{key: "http.tls.client_ca"}.flag())
	require.NotContains(t, fmt.Sprint(flags.FlagUsages()), "default")
}
