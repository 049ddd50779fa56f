package configs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
)

// folder makes a folder with what a good configuration names: the files of a
// chain's sdk folder, an account's key, and files for the HTTP listener.
func folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "sdk"), 0o700))
	for _, name := range []string{"sdk/ca.crt", "sdk/sdk.crt", "sdk/sdk.key", "account.pem", "gateway.crt", "gateway.key", "clients.crt", "tokens.txt"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, filepath.FromSlash(name)), nil, 0o600))
	}
	return dir
}

const minimal = `
accounts:
  - {name: default, file: account.pem}
targets:
  - name: dev
    nodes: [127.0.0.1:20200]
    tls: {dir: sdk}
`

func load(t *testing.T, dir, text string) (Config, error) {
	t.Helper()
	path := filepath.Join(dir, "gateway.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return Load(path, nil)
}

// requireProblems checks key and reason of all problems, in order. A wanted line
// is "key: part of the reason".
func requireProblems(t *testing.T, err error, want ...string) {
	t.Helper()
	var wrong *ProblemsError
	require.ErrorAs(t, err, &wrong)
	require.Len(t, wrong.Problems, len(want), "%v", err)
	for i, p := range wrong.Problems {
		key, reason, _ := strings.Cut(want[i], ": ")
		require.Equal(t, key, p.Key, "%v", err)
		require.Contains(t, p.Reason, reason)
		require.Contains(t, err.Error(), p.String())
	}
}

func TestLoadMinimal(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	cfg, err := load(t, dir, minimal)
	require.NoError(t, err)
	want := Default()
	want.Store.Path = filepath.Join(dir, "bcosgate.db")
	want.Accounts = []Account{{Name: "default", File: filepath.Join(dir, "account.pem")}}
	want.Targets = []Target{{
		Name: "dev", Family: "fisco3", Chain: "chain0", Group: "group0", Nodes: []string{"127.0.0.1:20200"},
		TLS: TargetTLS{
			Dir: filepath.Join(dir, "sdk"), CA: filepath.Join(dir, "sdk", "ca.crt"),
			Cert: filepath.Join(dir, "sdk", "sdk.crt"), Key: filepath.Join(dir, "sdk", "sdk.key"),
		},
		Account: "default",
	}}
	require.Equal(t, want, cfg)
	require.NoError(t, cfg.Validate(), "what was loaded is valid")
}

func TestLoadEverything(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	cfg, err := load(t, dir, `
http:
  listen: 0.0.0.0:8443
  body_limit: 1048576
  read_header_timeout: 500ms
  shutdown_timeout: 2m
  tls: {cert: gateway.crt, key: gateway.key, client_ca: clients.crt}
  token_file: tokens.txt
  insecure: false
store: {path: /var/lib/bcosgate/jobs.db, url: "postgres://gw@db:5432/jobs?sslmode=verify-full", keep: 90d, sub_batch: {least: 10, most: 2000}}
log: {level: debug, format: json}
accounts:
  - {name: one, file: account.pem}
  - {name: two, file: new.pem, create: true}
targets:
  - name: court
    family: fisco3
    chain: chain1
    group: group2
    nodes: ["node-a.example:20200", "[::1]:20201"]
    tls: {ca: sdk/ca.crt, cert: sdk/sdk.crt, key: sdk/sdk.key}
    account: two
    limits: {rate: 100, burst: 20, in_flight: 64, in_flight_least: 8}
    pool: {max_conns: 4, min_conns: 2, lifetime: -1s, heartbeat: {interval: 1s, timeout: 500ms, misses: 2}}
    calls:
      query: {connect_timeout: 1s, answer_timeout: 2s, retries: 3, backoff_min: 10ms, backoff_max: 1s}
      write: {rate: 50, burst: 5, node_rate: 20, node_burst: 2, in_flight: 100, when_full: refuse, breaker: {failures: 3, window: 6, open_for: 5s, probes: 1}}
      retry_share: 0.1
      hedge: true
      cache: {size: 64MiB, head_bound_for: 500ms, stale_for: 1h}
  - name: plain
    discovery: {etcd: {endpoints: [http://e:1], prefix: /a/, username: u, password_file: tokens.txt}}
    tls: {disabled: true}
    account: one
    limits: {rate: 0.5}
`)
	require.NoError(t, err)
	require.Equal(t, HTTP{
		Listen: "0.0.0.0:8443", BodyLimit: 1 << 20, ReadHeaderTimeout: 500 * time.Millisecond, ShutdownTimeout: 2 * time.Minute,
		TLS:       HTTPTLS{Cert: filepath.Join(dir, "gateway.crt"), Key: filepath.Join(dir, "gateway.key"), ClientCA: filepath.Join(dir, "clients.crt")},
		TokenFile: filepath.Join(dir, "tokens.txt"),
	}, cfg.HTTP)
	require.Equal(t, Store{Path: "/var/lib/bcosgate/jobs.db", URL: "postgres://gw@db:5432/jobs?sslmode=verify-full", Keep: 90 * 24 * time.Hour, SubBatch: SubBatch{10, 2000}}, cfg.Store)
	require.Equal(t, cfg.Store.URL, cfg.Store.Location(), "the URL is used")
	require.Equal(t, Log{"debug", "json"}, cfg.Log)
	require.Equal(t, Account{"two", filepath.Join(dir, "new.pem"), true}, cfg.Accounts[1])
	require.Equal(t, Limits{100, 20, 64, 8}, cfg.Targets[0].Limits)
	require.Equal(t, "two", cfg.Targets[0].Account)
	require.Equal(t, filepath.Join(dir, "sdk", "sdk.key"), cfg.Targets[0].TLS.Key)
	require.Equal(t, Pool{MaxConns: 4, MinConns: 2, Lifetime: -time.Second, Heartbeat: Heartbeat{Interval: time.Second, Timeout: 500 * time.Millisecond, Misses: 2}},
		cfg.Targets[0].Pool)
	require.Equal(t, Calls{
		Query: Policy{ConnectTimeout: time.Second, AnswerTimeout: 2 * time.Second, Retries: 3, BackoffMin: 10 * time.Millisecond, BackoffMax: time.Second},
		Write: Policy{Rate: 50, Burst: 5, NodeRate: 20, NodeBurst: 2, InFlight: 100, WhenFull: WhenFullRefuse,
			Breaker: Breaker{Failures: 3, Window: 6, OpenFor: 5 * time.Second, Probes: 1}},
		RetryShare: 0.1, Hedge: true, Cache: Cache{Size: 64 << 20, HeadBoundFor: 500 * time.Millisecond, StaleFor: time.Hour},
	}, cfg.Targets[0].Calls)
	require.Equal(t, TargetTLS{Disabled: true}, cfg.Targets[1].TLS)
	require.Equal(t, DiscoveryEtcd{Endpoints: []string{"http://e:1"}, Prefix: "/a/", Username: "u", PasswordFile: filepath.Join(dir, "tokens.txt")},
		cfg.Targets[1].Discovery.Etcd)
	require.Equal(t, 0.5, cfg.Targets[1].Limits.Rate)
}

func TestEnvironmentAndFlagsWinOverTheFile(t *testing.T) {
	dir := folder(t)
	path := filepath.Join(dir, "gateway.yaml")
	text := minimal + "http: {listen: 127.0.0.1:1, shutdown_timeout: 1s}\nlog: {level: warn, format: json}\nstore: {url: postgres://h/d}\n"
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	t.Setenv("BCOSGATE_HTTP_LISTEN", "127.0.0.1:2")
	t.Setenv("BCOSGATE_LOG_LEVEL", "debug")
	t.Setenv("BCOSGATE_HTTP_BODY_LIMIT", "1KiB")
	t.Setenv("BCOSGATE_HTTP_INSECURE", "true")
	t.Setenv("BCOSGATE_STORE_PATH", "elsewhere.db")
	t.Setenv("BCOSGATE_GATEWAY", "another program's")

	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	AddFlags(flags)
	require.NoError(t, flags.Parse([]string{"--http-listen", "127.0.0.1:3", "--http-read-header-timeout=3s", "--http-insecure=false"}))
	cfg, err := Load(path, flags)
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1:3", cfg.HTTP.Listen, "flag over environment over file")
	require.Equal(t, "debug", cfg.Log.Level, "environment over file")
	require.Equal(t, "json", cfg.Log.Format, "the file, when nothing else is given")
	require.Equal(t, time.Second, cfg.HTTP.ShutdownTimeout)
	require.Equal(t, 3*time.Second, cfg.HTTP.ReadHeaderTimeout)
	require.Equal(t, ByteSize(1024), cfg.HTTP.BodyLimit)
	require.False(t, cfg.HTTP.Insecure)
	require.Empty(t, cfg.Store.URL, "a path that was just given wins over the file's URL")
	require.Equal(t, "elsewhere.db", cfg.Store.Location())
	require.Equal(t, "elsewhere.db", cfg.Store.Path, "a path from the environment starts at the working folder")
}

func TestProblemsNameTheVariableOrTheFlag(t *testing.T) {
	dir := folder(t)
	path := filepath.Join(dir, "gateway.yaml")
	require.NoError(t, os.WriteFile(path, []byte(minimal), 0o600))
	t.Setenv("BCOSGATE_HTTP_SHUTDOWN_TIMEOUT", "10")
	t.Setenv("BCOSGATE_HTTP_LISTN", "127.0.0.1:2")
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	AddFlags(flags)
	require.NoError(t, flags.Parse([]string{"--log-level=loud", "--http-body-limit", "big"}))
	_, err := Load(path, flags)
	requireProblems(t, err,
		": the environment variable BCOSGATE_HTTP_LISTN sets nothing",
		`http.body_limit: "big" is no size`,
		`http.shutdown_timeout: "10" is no duration`,
		`log.level: "loud" is not among the known values`,
	)
	require.ErrorContains(t, err, `http.shutdown_timeout (from BCOSGATE_HTTP_SHUTDOWN_TIMEOUT): `)
	require.ErrorContains(t, err, `log.level (from --log-level): `)
}

func TestAllProblemsAtOnce(t *testing.T) {
	t.Parallel()
	_, err := load(t, folder(t), `
http:
  listen: 8080
  shutdown_timeout: soon
  lissten: 127.0.0.1:1
store: jobs.db
log: {level: verbose}
acounts: []
accounts:
  - {name: default, file: missing.pem}
targets:
  - name: dev
    family: bitcoin
    nodes: [127.0.0.1, 127.0.0.1:20200, 127.0.0.1:20200]
    tls: {dir: nowhere}
    acount: x
  - name: dev
    nodes: 127.0.0.1:20200
    limits: {rate: fast}
`)
	requireProblems(t, err,
		"accounts[0].file: missing.pem does not exist",
		"acounts: unknown key: the keys here are http, store, log, audit, accounts, targets",
		"http.lissten: unknown key",
		"http.listen: 8080 is no text: put it in quotes",
		`http.shutdown_timeout: "soon" is no duration`,
		`log.level: "verbose" is not among the known values`,
		`store: "jobs.db" is no section: write the keys path, url, keep, sub_batch below it`,
		"targets[0].acount: unknown key",
		`targets[0].family: "bitcoin" is not among the known values ["fisco3"]`,
		`targets[0].nodes[0]: "127.0.0.1" is no address`,
		"targets[0].nodes[2]: 127.0.0.1:20200 is named already, as entry [1]",
		"targets[0].tls.dir: ca.crt does not exist",
		`targets[1].limits.rate: "fast" is no number`,
		`targets[1].name: "dev" is the name of entry [0] already`,
		`targets[1].nodes: "127.0.0.1:20200" is no list`,
		"targets[1].tls: is missing: set dir",
	)
	require.ErrorContains(t, err, "has 16 problems:\n  ")
}

func TestFilesThatAreNoConfiguration(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	_, err := Load("", nil)
	requireProblems(t, err, ": no configuration file is named")
	_, err = Load(filepath.Join(dir, "none.yaml"), nil)
	requireProblems(t, err, ": the file does not exist")
	_, err = Load(dir, nil)
	requireProblems(t, err, ": the file cannot be read")
	for name, text := range map[string]string{
		"a list": "- a\n- b\n", "a text": "hello", "a tab": "http:\n\tlisten: x\n",
		"a key twice": "log:\n  level: info\n  level: warn\n", "not UTF-8": "log: \xff\xfe\n",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(t, dir, text)
			requireProblems(t, err, ": the file is no YAML of sections and keys")
		})
	}
	_, err = load(t, dir, "")
	requireProblems(t, err, "accounts: is empty", "targets: is empty")
}

func TestOneProblemEach(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	tests := []struct {
		text string // added to minimal
		want string
	}{
		{"http: {listen: ''}", `http.listen: "" is no address`},
		{"http: {listen: '127.0.0.1:http'}", "http.listen: has no usable port"},
		{"http: {listen: '127.0.0.1:65536'}", "http.listen: has no usable port"},
		{"http: {listen: '::1:80'}", "http.listen: is no address"},
		{"http: {body_limit: 0}", "http.body_limit: must be more than 0"},
		{"http: {body_limit: -1}", "http.body_limit: -1 is no size"},
		{"http: {body_limit: 64 XB}", "http.body_limit: is no size"},
		{"http: {body_limit: 1e30}", "http.body_limit: is no size"},
		{"http: {body_limit: true}", "http.body_limit: true is no size"},
		{"http: {body_limit: 9000PiB}", "http.body_limit: is no size"},
		{"http: {shutdown_timeout: 10}", "http.shutdown_timeout: 10 is no duration"},
		{"http: {shutdown_timeout: 0s}", "http.shutdown_timeout: must be more than 0"},
		{"http: {read_header_timeout: -1s}", "http.read_header_timeout: must be more than 0"},
		{"http: {insecure: maybe}", "http.insecure: is neither true nor false"},
		{"http: {insecure: 3}", "http.insecure: 3 is neither true nor false"},
		{"http: {tls: {cert: gateway.crt}}", "http.tls.key: is missing"},
		{"http: {tls: {key: gateway.key}}", "http.tls.cert: is missing"},
		{"http: {tls: {client_ca: clients.crt}}", "http.tls.cert: is missing: http.tls.client_ca asks"},
		{"http: {tls: {cert: none.crt, key: gateway.key}}", "http.tls.cert: none.crt does not exist"},
		{"http: {tls: {cert: sdk, key: gateway.key}}", "http.tls.cert: is a folder, not a file"},
		{"http: {tls: [cert]}", "http.tls: a list is no section"},
		{"http: {token_file: none.txt}", "http.token_file: none.txt does not exist"},
		{"http: {listen: {host: x}}", "http.listen: a section is no text"},
		{"http: 8080", "http: 8080 is no section"},
		{"store: {path: sdk}", "store.path: is a folder: name a file"},
		{"store: {path: ''}", "store.path: is empty"},
		{"store: {file: x}", "store.file: unknown key: the keys here are path, url, keep, sub_batch"},
		{"store: {file: }", "store.file: unknown key: the keys here are path, url, keep, sub_batch"},
		{"store: {sub_batch: {most: -1}}", "store.sub_batch.most: -1 is negative"},
		{"store: {sub_batch: {least: 5, most: 4}}", "store.sub_batch.least: 5 is more than most 4"},
		{"store: {keep: -1h}", "store.keep: must not be less than 0"},
		{"store: {keep: 1.5d}", `store.keep: "1.5d" is no duration`},
		{"store: {url: 'mysql://h/d'}", "store.url: is no URL of PostgreSQL"},
		{"store: {url: 'postgres://u:secret@h/d'}", "store.url: has a password"},
		{"store: {url: 'postgres://u@h/d?password=secret'}", "store.url: has a password"},
		{"log: {format: xml}", "log.format: is not among the known values"},
		{"colour:", "colour: unknown key"},
	}
	for _, test := range tests {
		t.Run(test.text, func(t *testing.T) {
			_, err := load(t, dir, minimal+test.text+"\n")
			requireProblems(t, err, test.want)
		})
	}
}

func TestOneProblemOfATargetOrAccount(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	tests := []struct {
		name, old, new, want string // old in minimal is replaced by new
	}{
		{"no name", "name: dev", "group: g", "targets[0].name: is missing"},
		{"a name with a space", "name: dev", "name: de v", `targets[0].name: "de v" is no name`},
		{"a number as name", "name: dev", "name: 1", "targets[0].name: 1 is no text: put it in quotes"},
		{"a chain id with a hyphen", "name: dev", "name: dev\n    chain: a-b", `targets[0].chain: "a-b" is no chain id`},
		{"a group of number", "name: dev", "name: dev\n    group: 1", "targets[0].group: 1 is no text"},
		{"no nodes", "nodes: [127.0.0.1:20200]", "nodes: []", "targets[0].nodes: is empty"},
		{"nodes without a value", "nodes: [127.0.0.1:20200]", "nodes:", "targets[0].nodes: is empty"},
		{"a node without port", "127.0.0.1:20200", "node-a", "targets[0].nodes[0]: is no address"},
		{"a node without host", "127.0.0.1:20200", "':20200'", "targets[0].nodes[0]: has no host"},
		{"a node with port 0", "127.0.0.1:20200", "127.0.0.1:0", "targets[0].nodes[0]: has no usable port"},
		{"a node that is a number", "127.0.0.1:20200", "20200", "targets[0].nodes[0]: 20200 is no text"},
		{"a node that is a section", "127.0.0.1:20200", "{host: a}", "targets[0].nodes[0]: a section is no text"},
		{"no TLS", "tls: {dir: sdk}", "account: default", "targets[0].tls: is missing"},
		{"a folder without certificates", "dir: sdk", "dir: .", "targets[0].tls.dir: ca.crt does not exist"},
		{"folder and files", "dir: sdk", "dir: sdk, ca: sdk/ca.crt", "targets[0].tls: has dir and single files"},
		{"two of three files", "dir: sdk", "ca: sdk/ca.crt, cert: sdk/sdk.crt", "targets[0].tls.key: is missing"},
		{"a missing file", "dir: sdk", "ca: sdk/ca.crt, cert: sdk/sdk.crt, key: none.key", "targets[0].tls.key: none.key does not exist"},
		{"disabled with a folder", "dir: sdk", "dir: sdk, disabled: true", "targets[0].tls: has disabled: true and certificates"},
		{"too many connections", "name: dev", "name: dev\n    pool: {max_conns: 65}", "targets[0].pool.max_conns: 65 is not from 1 to 64"},
		{"part of a connection", "name: dev", "name: dev\n    pool: {max_conns: 1.5}", "targets[0].pool.max_conns: 1.5 is no whole number"},
		{"a negative rate", "name: dev", "name: dev\n    limits: {rate: -1}", "targets[0].limits.rate: -1 is negative"},
		{"an endless rate", "name: dev", "name: dev\n    limits: {rate: .inf}", "targets[0].limits.rate: is no usable number"},
		{"a burst without rate", "name: dev", "name: dev\n    limits: {burst: 5}", "targets[0].limits.burst: has no effect without rate"},
		{"a window without size", "name: dev", "name: dev\n    limits: {in_flight: 5, in_flight_least: 6}", "targets[0].limits.in_flight_least: 6 is more than in_flight 5"},
		{"a negative in flight", "name: dev", "name: dev\n    limits: {in_flight: -5}", "targets[0].limits.in_flight: -5 is negative"},
		{"fewer connections than stay open", "name: dev", "name: dev\n    pool: {max_conns: 2, min_conns: 3}", "targets[0].pool.min_conns: 3 is more than max_conns, 2"},
		{"a connection that is full too soon", "name: dev", "name: dev\n    pool: {per_conn: 9, max_per_conn: 8}", "targets[0].pool.per_conn: 9 is more than max_per_conn, 8"},
		{"a pause between dials that shrinks", "name: dev", "name: dev\n    pool: {backoff_min: 9s, backoff_max: 8s}", "targets[0].pool.backoff_min: 9s is more than backoff_max, 8s"},
		{"a heart that never beats", "name: dev", "name: dev\n    pool: {heartbeat: {interval: -1s}}", "targets[0].pool.heartbeat.interval: -1s is negative"},
		{"an idle time in the past", "name: dev", "name: dev\n    pool: {idle_timeout: -1s}", "targets[0].pool.idle_timeout: -1s is negative"},
		{"dials of nobody", "name: dev", "name: dev\n    pool: {max_dials: -1}", "targets[0].pool.max_dials: -1 is negative"},
		{"many retries", "name: dev", "name: dev\n    calls: {query: {retries: 11}}", "targets[0].calls.query.retries: 11 is not from 1 to 10, or -1"},
		{"less than no retries", "name: dev", "name: dev\n    calls: {query: {retries: -2}}", "targets[0].calls.query.retries: -2 is not from"},
		{"a negative time", "name: dev", "name: dev\n    calls: {write: {answer_timeout: -1s}}", "targets[0].calls.write.answer_timeout: -1s is negative"},
		{"a pause that shrinks", "name: dev", "name: dev\n    calls: {query: {backoff_min: 3s, backoff_max: 2s}}", "targets[0].calls.query.backoff_min: 3s is more than backoff_max, 2s"},
		{"a negative node rate", "name: dev", "name: dev\n    calls: {query: {node_rate: -1}}", "targets[0].calls.query.node_rate: -1 is negative"},
		{"a burst of nothing", "name: dev", "name: dev\n    calls: {query: {burst: 1}}", "targets[0].calls.query.burst: has no effect without rate"},
		{"a node burst of nothing", "name: dev", "name: dev\n    calls: {query: {node_burst: 1, rate: 1}}", "targets[0].calls.query.node_burst: has no effect without node_rate"},
		{"fuller than full", "name: dev", "name: dev\n    calls: {query: {when_full: block}}", `targets[0].calls.query.when_full: "block" is not among the known values ["wait" "refuse"]`},
		{"a breaker that never opens", "name: dev", "name: dev\n    calls: {write: {breaker: {failures: 6, window: 5}}}", "targets[0].calls.write.breaker.failures: 6 cannot be seen in a window of 5"},
		{"a breaker that opens for less than nothing", "name: dev", "name: dev\n    calls: {write: {breaker: {open_for: -1s}}}", "targets[0].calls.write.breaker.open_for: -1s is negative"},
		{"more retries than calls", "name: dev", "name: dev\n    calls: {retry_share: 1.5}", "targets[0].calls.retry_share: 1.5 is no share"},
		{"a cache of the past", "name: dev", "name: dev\n    calls: {cache: {head_bound_for: -1s}}", "targets[0].calls.cache.head_bound_for: -1s is negative"},
		{"a cache that holds for too long", "name: dev", "name: dev\n    calls: {cache: {head_bound_for: 31s}}", "targets[0].calls.cache.head_bound_for: 31s is more than 30s"},
		{"outdated before it was asked", "name: dev", "name: dev\n    calls: {cache: {stale_for: -1s}}", "targets[0].calls.cache.stale_for: -1s is negative"},
		{"an unknown policy", "name: dev", "name: dev\n    calls: {heartbeat: {}}", "targets[0].calls.heartbeat: unknown key: the keys here are query, write, retry_share, hedge, cache"},
		{"nodes and discovery", "name: dev", "name: dev\n    discovery: {file: {path: n}}", "targets[0].discovery.file: does not go with targets[0].nodes"},
		{"discovery twice", "nodes: [127.0.0.1:20200]", "discovery: {file: {path: n}, dns: {name: a}}", "targets[0].discovery.file: does not go with targets[0].discovery.dns"},
		{"an empty discovery", "nodes: [127.0.0.1:20200]", "discovery: {}", "targets[0].nodes: is empty: name the RPC address"},
		{"DNS without a name", "nodes: [127.0.0.1:20200]", "discovery: {dns: {interval: 1s}}", "targets[0].discovery.dns.name: is missing"},
		{"DNS at no address", "nodes: [127.0.0.1:20200]", "discovery: {dns: {name: a, server: ns}}", `targets[0].discovery.dns.server: "ns" is no address`},
		{"DNS in the past", "nodes: [127.0.0.1:20200]", "discovery: {dns: {name: a, interval: -1s}}", "targets[0].discovery.dns.interval: -1s is negative"},
		{"a list that is a folder", "nodes: [127.0.0.1:20200]", "discovery: {file: {path: sdk}}", "targets[0].discovery.file.path: is a folder, not a file"},
		{"a list without a file", "nodes: [127.0.0.1:20200]", "discovery: {file: {poll: 1s}}", "targets[0].discovery.file.path: is missing"},
		{"etcd nowhere", "nodes: [127.0.0.1:20200]", "discovery: {etcd: {prefix: /a/}}", "targets[0].discovery.etcd.endpoints: is empty"},
		{"etcd anywhere", "nodes: [127.0.0.1:20200]", "discovery: {etcd: {endpoints: ['e:1']}}", "targets[0].discovery.etcd.prefix: is missing"},
		{"etcd over FTP", "nodes: [127.0.0.1:20200]", "discovery: {etcd: {endpoints: ['ftp://e:1'], prefix: /a/}}", `targets[0].discovery.etcd.endpoints[0]: "ftp://e:1" begins with neither http:// nor https://`},
		{"etcd at no port", "nodes: [127.0.0.1:20200]", "discovery: {etcd: {endpoints: ['https://e'], prefix: /a/}}", `targets[0].discovery.etcd.endpoints[0]: "e" is no address`},
		{"etcd half in the open", "nodes: [127.0.0.1:20200]", "discovery: {etcd: {endpoints: ['https://e:1', 'e:2'], prefix: /a/}}", `targets[0].discovery.etcd.endpoints[1]: "e:2" must begin like "https://e:1"`},
		{"etcd in the open with a CA", "nodes: [127.0.0.1:20200]", "discovery: {etcd: {endpoints: ['http://e:1'], prefix: /a/, tls: {ca: sdk/ca.crt}}}", `targets[0].discovery.etcd.endpoints[0]: "http://e:1" is plain text`},
		{"etcd for nobody", "nodes: [127.0.0.1:20200]", "discovery: {etcd: {endpoints: ['e:1'], prefix: /a/, password_file: tokens.txt}}", "targets[0].discovery.etcd.username: is missing"},
		{"etcd without a password", "nodes: [127.0.0.1:20200]", "discovery: {etcd: {endpoints: ['e:1'], prefix: /a/, username: u}}", "targets[0].discovery.etcd.password_file: is missing"},
		{"etcd without a key", "nodes: [127.0.0.1:20200]", "discovery: {etcd: {endpoints: ['e:1'], prefix: /a/, tls: {cert: sdk/sdk.crt}}}", "targets[0].discovery.etcd.tls.key: is missing"},
		{"etcd with a missing CA", "nodes: [127.0.0.1:20200]", "discovery: {etcd: {endpoints: ['e:1'], prefix: /a/, tls: {ca: none.crt}}}", "targets[0].discovery.etcd.tls.ca: none.crt does not exist"},
		{"an account that is not there", "name: dev", "name: dev\n    account: boss", `targets[0].account: "boss" is not among the accounts ["default"]`},
		{"which of several accounts", "file: account.pem}", "file: account.pem}\n  - {name: two, file: account.pem}", "targets[0].account: is missing: there are several accounts"},
		{"an account twice", "file: account.pem}", "file: account.pem}\n  - {name: default, file: account.pem}", `accounts[1].name: "default" is the name of entry [0] already`},
		{"an account without file", "file: account.pem", "create: true", "accounts[0].file: is missing"},
		{"an account that is a folder", "file: account.pem", "file: sdk", "accounts[0].file: is a folder"},
		{"a new account that is a folder", "file: account.pem", "file: sdk, create: true", "accounts[0].file: is no file"},
		{"an account that is a text", "{name: default, file: account.pem}", "default", `accounts[0]: "default" is no section`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			require.Contains(t, minimal, test.old)
			_, err := load(t, dir, strings.Replace(minimal, test.old, test.new, 1))
			var wrong *ProblemsError
			require.ErrorAs(t, err, &wrong)
			if test.name == "which of several accounts" || test.name == "an account twice" || test.name == "an account that is a text" {
				// These have a consequence elsewhere that is reported too.
				key, reason, _ := strings.Cut(test.want, ": ")
				require.True(t, len(wrong.Problems) >= 1)
				for _, p := range wrong.Problems {
					if p.Key == key && strings.Contains(p.Reason, reason) {
						return
					}
				}
				require.Fail(t, "not reported", "%s in %v", test.want, err)
			}
			requireProblems(t, err, test.want)
		})
	}
}

func TestAnAddressThatStrangersReachNeedsTLSAndAuthentication(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	const both = "http.tls: |http.token_file: "
	tests := []struct{ http, want string }{
		{"listen: '0.0.0.0:80'", both},
		{"listen: ':80'", both},
		{"listen: '[::]:80'", both},
		{"listen: '192.168.0.1:80'", both},
		{"listen: 'gateway.example:80'", both},
		{"listen: '0.0.0.0:80', token_file: tokens.txt", "http.tls: "},
		{"listen: '0.0.0.0:80', tls: {cert: gateway.crt, key: gateway.key}", "http.token_file: "},
		{"listen: '0.0.0.0:80', tls: {cert: gateway.crt, key: gateway.key}, token_file: tokens.txt", ""},
		{"listen: '0.0.0.0:80', tls: {cert: gateway.crt, key: gateway.key, client_ca: clients.crt}", ""},
		{"listen: '0.0.0.0:80', insecure: true", ""},
		{"listen: 'localhost:80'", ""},
		{"listen: '127.0.0.7:0'", ""},
		{"listen: '[::1]:80'", ""},
	}
	for _, test := range tests {
		t.Run(test.http, func(t *testing.T) {
			_, err := load(t, dir, minimal+"http: {"+test.http+"}\n")
			if test.want == "" {
				require.NoError(t, err)
				return
			}
			requireProblems(t, err, strings.Split(test.want, "|")...)
			require.ErrorContains(t, err, "set http.insecure: true")
		})
	}
}

func TestByteSize(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]ByteSize{"0": 0, "4096": 4096, "64MiB": 64 << 20, "64 mib": 64 << 20, "10MB": 10_000_000, "1.5KiB": 1536} {
		got, err := parseByteSize(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for size, want := range map[ByteSize]string{0: "0", 1000: "1000", 1536: "1536", 2048: "2KiB", 64 << 20: "64MiB", 3 << 30: "3GiB", 1 << 40: "1TiB"} {
		require.Equal(t, want, size.String())
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(minimal)
	f.Add("http: {listen: [1, {a: b}]}\ntargets: {a: 1}\naccounts: [[1]]")
	f.Add("targets:\n- nodes: [~, {}, [], 1.5]\n  tls: 3\n  limits: x\n- ~\n- 5")
	f.Add("http.listen: x\nhttp: 5\n? [a]\n: b")
	f.Fuzz(func(t *testing.T, text string) {
		path := filepath.Join(t.TempDir(), "gateway.yaml")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		if _, err := Load(path, nil); err != nil {
			var wrong *ProblemsError
			require.ErrorAs(t, err, &wrong)
			require.NotEmpty(t, wrong.Problems)
		}
	})
}

func TestLoadWithoutFilesLeavesOnlyTheFilesOut(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "gateway.yaml")
	require.NoError(t, os.WriteFile(path, []byte(minimal), 0o600))
	_, err := Load(path, nil)
	requireProblems(t, err, "accounts[0].file: account.pem does not exist", "targets[0].tls.dir: ca.crt does not exist")
	cfg, err := LoadWithoutFiles(path, nil)
	require.NoError(t, err)
	require.Equal(t, filepath.Join(filepath.Dir(path), "sdk", "sdk.key"), cfg.Targets[0].TLS.Key)
	require.NoError(t, os.WriteFile(path, []byte(minimal+"log: {level: loud}\n"), 0o600))
	_, err = LoadWithoutFiles(path, nil)
	requireProblems(t, err, `log.level: "loud" is not among`)
}
