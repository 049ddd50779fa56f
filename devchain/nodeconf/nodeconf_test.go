package nodeconf

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/devchain"
	"github.com/bcosgate/bcosgate/devchain/suite"
)

// readText is a file of testdata/node0 with each old text replaced by a new one.
func readText(t *testing.T, name string, replace ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "node0", name))
	require.NoError(t, err)
	for i := 0; i < len(replace); i += 2 {
		require.Contains(t, string(text), replace[i], "the sample must have what the test changes")
	}
	return strings.NewReplacer(replace...).Replace(string(text))
}

// node is a folder with the sample's key and the given config.ini.
func node(t *testing.T, ini string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "node0")
	require.NoError(t, os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "node0"))))
	path := filepath.Join(dir, "config.ini")
	require.NoError(t, os.WriteFile(path, []byte(ini), 0o600))
	return path
}

func genesis(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.genesis")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestReadNodeUnderstandsAFileOfTheOfficialScript(t *testing.T) {
	t.Parallel()
	path := filepath.Join("testdata", "node0", "config.ini")
	n, err := ReadNode(path)
	require.NoError(t, err)

	abs, err := filepath.Abs(filepath.Join("testdata", "node0"))
	require.NoError(t, err)
	key := n.NodeKey
	require.NotNil(t, key)
	require.Equal(t, readText(t, "conf/node.nodeid"), n.NodeID+"\n")
	require.Equal(t, Node{
		File: filepath.Join(abs, "config.ini"), Name: "node0",
		Listen: "127.0.0.1:20200", TLS: true,
		CACert: filepath.Join(abs, "conf", "ca.crt"), Cert: filepath.Join(abs, "conf", "ssl.crt"), Key: filepath.Join(abs, "conf", "ssl.key"),
		ReturnInputParams: true,
		FilterTimeout:     5 * time.Minute, FilterBlocks: 10,
		P2PListen: "0.0.0.0:30300",
		NodeID:    key.NodeID(), NodeKey: key,
		MinSealTime: 500 * time.Millisecond, DataDir: filepath.Join(abs, "data"),
		PoolLimit: 15000, TxExpiration: 10 * time.Minute,
		Log: Log{Enable: true, Level: slog.LevelInfo, Dir: filepath.Join(abs, "log")},
	}, n)
}

func TestReadNodeTakesEveryKeyItPromises(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		old, new string
		check    func(Node) bool
	}{
		{"listen_port=20200", "listen_port=0", func(n Node) bool { return n.Listen == "127.0.0.1:0" }},
		{"listen_ip=127.0.0.1\n    listen_port=20200", "listen_ip=::\n    listen_port=20200", func(n Node) bool { return n.Listen == "[::]:20200" }},
		{"[rpc]", "[devnode]\ncontrol=127.0.0.1:9000\ndeterministic=true\n[rpc]", func(n Node) bool { return n.Control == "127.0.0.1:9000" && n.Deterministic }},
		{"[rpc]", "[devnode]\ncontrol=unix:run/control.sock\n[rpc]", func(n Node) bool {
			return n.Control == "unix:"+filepath.Join(filepath.Dir(n.File), "run", "control.sock")
		}},
		{"enable_ssl=true", "enable_ssl=false", func(n Node) bool { return !n.TLS }},
		{"enable_ssl=true", "disable_ssl=true", func(n Node) bool { return !n.TLS }},
		{"enable_ssl=true", "enable_ssl=true\ndisable_ssl=true", func(n Node) bool { return n.TLS }},
		{"enable_ssl=true", "enable_ssl=false\nsm_ssl=false", func(n Node) bool { return !n.TLS }},
		{";return_input_params=false", "return_input_params=0", func(n Node) bool { return !n.ReturnInputParams }},
		{"enable_ssl=true", "enable_ssl=true\nfilter_timeout=7", func(n Node) bool { return n.FilterTimeout == 7*time.Second && n.FilterBlocks == 10 }},
		{"enable_ssl=true", "enable_ssl=true\nfilter_max_process_block=3", func(n Node) bool { return n.FilterBlocks == 3 }},
		{"ca_path=./conf", "ca_path=/etc/chain", func(n Node) bool { return n.CACert == "/etc/chain/ca.crt" && n.Key == "/etc/chain/ssl.key" }},
		{"node_cert=ssl.crt", "node_cert=/x/y.crt", func(n Node) bool { return n.Cert == "/x/y.crt" }},
		{"min_seal_time=500", "min_seal_time=0", func(n Node) bool { return n.MinSealTime == 0 }},
		{"data_path=data", "data_path=/var/ledger", func(n Node) bool { return n.DataDir == "/var/ledger" }},
		{"limit=15000", "limit=1", func(n Node) bool { return n.PoolLimit == 1 }},
		{"txs_expiration_time = 600", "txs_expiration_time = 10", func(n Node) bool { return n.TxExpiration == 10*time.Second }},
		{"txs_expiration_time = 600", "check_block_limit=true", func(n Node) bool { return n.TxExpiration == 10*time.Minute }},
		{"level=info", "level=trace", func(n Node) bool { return n.Log.Level == slog.LevelDebug }},
		{"enable_console_output = false", "enable_console_output = true", func(n Node) bool { return n.Log.Console }},
		{"log_path=./log", "log_path=", func(n Node) bool { return filepath.Base(n.Log.Dir) == "log" }},
		{"[redis]", "[section_of_a_later_version]\nkey=[]{}\n[redis]", func(n Node) bool { return n.TLS }},
	} {
		n, err := ReadNode(node(t, readText(t, "config.ini", c.old, c.new)))
		require.NoError(t, err, c.new)
		require.True(t, c.check(n), "%s gives %+v", c.new, n)
	}
}

func TestReadNodeNamesFileSectionKeyAndValueOfEveryFault(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ old, new, want string }{
		{"listen_port=20200", "listen_port=70000", "[rpc] listen_port=70000: must be between 0 and 65535"},
		{"listen_port=20200", "listen_port=http", "[rpc] listen_port=http: must be a whole number"},
		{"listen_ip=127.0.0.1\n    listen_port=20200", "listen_ip=here", "[rpc] listen_ip=here: must be an IP address"},
		{"enable_ssl=true", "enable_ssl=maybe", "[rpc] enable_ssl=maybe: must be true or false"},
		{"enable_ssl=true", "enable_ssl=true\nenable_ssl=false", "[rpc] enable_ssl=true, false: stands there more than once"},
		{"sm_ssl=false\n    ; false", "sm_ssl=true\n    ; false", "[rpc] sm_ssl=true: GM TLS is not available"},
		{"enable_ssl=true", "enable_ssl=true\nfilter_timeout=0", "[rpc] filter_timeout=0: must be between 1 and 86400"},
		{"min_seal_time=500", "min_seal_time=-1", "[consensus] min_seal_time=-1: must be between 0 and 60000"},
		{"limit=15000", "limit=0", "[txpool] limit=0: must be between 1"},
		{"txs_expiration_time = 600", "txs_expiration_time = 1e3", "[txpool] txs_expiration_time=1e3: must be a whole number"},
		{"limit=15000", "limit=15000\ncheck_block_limit=false", "[txpool] check_block_limit=false: the check of the block limit cannot"},
		{"level=info", "level=loud", "[log] level=loud: must be trace, debug"},
		{"enable_hsm=false", "enable_hsm=true", "[security] enable_hsm=true: hardware keys are not available"},
		{"private_key_path=conf/node.pem", "private_key_path=conf/none.pem", "none.pem: cannot be read"},
		{"private_key_path=conf/node.pem", "private_key_path=config.genesis", "config.genesis: holds no PEM private key"},
		{"[p2p]", "[p2p", "is no ini file"},
		{"listen_port=20200", "listen_port 20200", "is no ini file"},
	} {
		path := node(t, readText(t, "config.ini", c.old, c.new))
		_, err := ReadNode(path)
		var problems *Error
		require.ErrorAs(t, err, &problems, c.new)
		require.Len(t, problems.Problems, 1, c.new)
		require.Equal(t, path, problems.Problems[0].File)
		require.Contains(t, err.Error(), c.want)
	}
}

func TestReadNodeReadsTheAddressesOfTheNodes(t *testing.T) {
	t.Parallel()
	path := node(t, readText(t, "config.ini"))
	list := filepath.Join(filepath.Dir(path), "nodes.json")
	require.NoError(t, os.WriteFile(list, []byte(`{"nodes":["127.0.0.1:30300","[::1]:30301"]}`), 0o600))
	n, err := ReadNode(path)
	require.NoError(t, err)
	require.Equal(t, []string{"127.0.0.1:30300", "[::1]:30301"}, n.Peers)

	for _, wrong := range []string{"", "[]", `{"nodes":["127.0.0.1"]}`, `{"nodes":"127.0.0.1:1"}`} {
		require.NoError(t, os.WriteFile(list, []byte(wrong), 0o600))
		_, err := ReadNode(path)
		require.ErrorContains(t, err, "nodes_file", wrong)
		require.ErrorContains(t, err, "nodes.json")
	}
	require.NoError(t, os.Remove(list))
	n, err = ReadNode(path)
	require.NoError(t, err)
	require.Empty(t, n.Peers, "a node alone needs none")

	other := filepath.Join(t.TempDir(), "others.json")
	require.NoError(t, os.WriteFile(other, []byte(`{"nodes":["10.0.0.1:1"]}`), 0o600))
	require.NoError(t, os.WriteFile(path, []byte(readText(t, "config.ini",
		"nodes_path=./", "nodes_path="+filepath.Dir(other), "nodes_file=nodes.json", "nodes_file=others.json")), 0o600))
	n, err = ReadNode(path)
	require.NoError(t, err)
	require.Equal(t, []string{"10.0.0.1:1"}, n.Peers)
}

func TestReadNodeListsAllProblemsAtOnce(t *testing.T) {
	t.Parallel()
	_, err := ReadNode(node(t, readText(t, "config.ini", "listen_port=20200", "listen_port=x", "level=info", "level=x")))
	var problems *Error
	require.ErrorAs(t, err, &problems)
	require.Len(t, problems.Problems, 2)
	require.Equal(t, 1, strings.Count(err.Error(), "\n"))
}

func TestReadNodeComparesNodeIDAndKey(t *testing.T) {
	t.Parallel()
	path := node(t, readText(t, "config.ini"))
	idFile := filepath.Join(filepath.Dir(path), "conf", "node.nodeid")
	require.NoError(t, os.WriteFile(idFile, []byte(strings.Repeat("ab", 64)), 0o600))
	_, err := ReadNode(path)
	require.ErrorContains(t, err, "is not the key of "+idFile)

	require.NoError(t, os.Remove(idFile))
	_, err = ReadNode(path)
	require.NoError(t, err, "the id follows from the key")
}

func TestReadGenesisUnderstandsAFileOfTheOfficialScript(t *testing.T) {
	t.Parallel()
	g, err := ReadGenesis(filepath.Join("testdata", "node0", "config.genesis"))
	require.NoError(t, err)
	id, err := devchain.ParseNodeID(strings.TrimSpace(readText(t, "conf/node.nodeid")))
	require.NoError(t, err)
	second := id
	second[0] = 0x0a
	want := devchain.DefaultGenesis()
	want.AuthAdminAccount = "0x6c2ea083c216ed1b7579126b5dedcd357e1016be"
	want.Sealers = []devchain.Sealer{{PublicKey: id, Weight: 1}, {PublicKey: second, Weight: 2}}
	require.Equal(t, Genesis{Genesis: want, BlockLimit: 1000}, g)
}

func TestReadGenesisTakesBlockLimitAndFeaturesThatAreOff(t *testing.T) {
	t.Parallel()
	g, err := ReadGenesis(genesis(t, readText(t, "config.genesis", "[web3]", "    block_limit=5000\n[features]\nfeature_a=0\n[web3]")))
	require.NoError(t, err)
	require.Equal(t, int64(5000), g.BlockLimit)
}

func TestReadGenesisOfAGMChain(t *testing.T) {
	t.Parallel()
	g, err := ReadGenesis(genesis(t, readText(t, "config.genesis", "sm_crypto=false", "sm_crypto=true")))
	require.NoError(t, err)
	require.Equal(t, suite.GM, g.Suite)
	_, err = ReadGenesis(genesis(t, readText(t, "config.genesis", "sm_crypto=false", "sm_crypto=maybe")))
	require.ErrorContains(t, err, "[chain] sm_crypto=maybe: must be true or false")
}

func TestReadGenesisRefusesWhatItCannotDoAndWhatIsWrong(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ old, new, want string }{
		{"is_wasm=false", "is_wasm=true", "[executor] is_wasm=true: WebAssembly is not available"},
		{"group_id=group0", "group_id=gr oup", "[chain] group_id=gr oup: must be letters"},
		{"block_tx_count_limit=1000", "block_tx_count_limit=0", "[consensus] block_tx_count_limit=0: must be between 1"},
		{"chain_id=20200", "chain_id=4294967296", "[web3] chain_id=4294967296: must be between 0 and 4294967295"},
		{"chain_id=chain0", "chain_id=chain0\nblock_limit=5001", "[chain] block_limit=5001: must be between 1 and 5000"},
		{"gas_limit=3000000000", "gas_limit=99999", "[tx] gas_limit=99999: must be 100000 or more"},
		{"compatibility_version=3.16.0", "", "[version] compatibility_version: is missing"},
		{"compatibility_version=3.16.0", "compatibility_version=2.9.1", "must be a version such as 3.16.0"},
		{"compatibility_version=3.16.0", "compatibility_version=3.16.256", "is no version"},
		{"compatibility_version=3.16.0", "compatibility_version=3.2.0", "is too old"},
		{"consensus_type=pbft", "consensus_type=raft", "[consensus] consensus_type=raft: must be pbft or rpbft"},
		{"0x6c2ea083c216ed1b7579126b5dedcd357e1016be", "0x6c2e", "[executor] auth_admin_account=0x6c2e: must be 40 hex digits"},
		{"    version=1", "    version=7", "[executor] version=7: must be 1"},
		{"    version=1", "    version=0", "[executor] version=0: the classic executor is not available"},
		{"[web3]", "[features]\nfeature_x=1\n[web3]", "[features] feature_x=1: features are not available"},
		{"[web3]", "[features]\nfeature_x=yes\n[web3]", "[features] feature_x=yes: must be true or false"},
		{": 2\n", ": 0\n", `has the weight "0"`},
		{"node.1=0A", "node.1=A", "must be a node id of 128 hex digits"},
	} {
		_, err := ReadGenesis(genesis(t, readText(t, "config.genesis", c.old, c.new)))
		var problems *Error
		require.ErrorAs(t, err, &problems, c.new)
		require.Len(t, problems.Problems, 1, "%s: %v", c.new, err)
		require.Contains(t, err.Error(), c.want)
	}
}

func TestReadGenesisNeedsSealersOnceEach(t *testing.T) {
	t.Parallel()
	text := readText(t, "config.genesis")
	id := strings.TrimSpace(readText(t, "conf/node.nodeid"))
	_, err := ReadGenesis(genesis(t, strings.ReplaceAll(text, "node.", "; node.")))
	require.ErrorContains(t, err, "name at least one sealer")
	_, err = ReadGenesis(genesis(t, strings.ReplaceAll(text, "0A"+id[2:], id)))
	require.ErrorContains(t, err, "twice")
}

func TestReadingWhatIsNoFileIsAClearError(t *testing.T) {
	t.Parallel()
	for _, path := range []string{filepath.Join(t.TempDir(), "none"), t.TempDir()} {
		_, err := ReadGenesis(path)
		var problems *Error
		require.True(t, errors.As(err, &problems))
		require.Contains(t, err.Error(), path)
		_, err = ReadNode(path)
		require.True(t, errors.As(err, &problems))
	}
}
