package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/certs"
	"github.com/bcosgate/bcosgate/chain/fisco/suite"
	"github.com/bcosgate/bcosgate/configs"
	"github.com/bcosgate/bcosgate/internal/testkit"
)

// quick is the time limit of examinations that meet a silent node.
const quick = 400 * time.Millisecond

// patient is long enough for anything on one machine.
const patient = 30 * time.Second

// plain is a configuration of one target without TLS.
func plain(nodes ...string) configs.Config {
	return configs.Config{Targets: []configs.Target{{Name: "main", Chain: "chain0", Group: "group0", Nodes: nodes, TLS: configs.TargetTLS{Disabled: true}}}}
}

// secured is one with the files of a folder.
func secured(dir string, nodes ...string) configs.Config {
	cfg := plain(nodes...)
	cfg.Targets[0].TLS = configs.TargetTLS{CA: filepath.Join(dir, "ca.crt"), Cert: filepath.Join(dir, "sdk.crt"), Key: filepath.Join(dir, "sdk.key")}
	return cfg
}

// examine runs an examination and checks what all reports have in common.
func examine(t *testing.T, cfg configs.Config, options Options) Report {
	t.Helper()
	if options.Timeout == 0 {
		options.Timeout = patient
	}
	r := Examine(t.Context(), cfg, options)
	problems := false
	for _, f := range r.Findings {
		texts := []string{f.Text.En, f.Text.Zh}
		if f.Advice != nil {
			texts = append(texts, f.Advice.En, f.Advice.Zh)
		}
		for _, text := range texts {
			require.NotEmpty(t, text, "%s", f.Code)
			require.NotContains(t, text, "{", "%s: a detail is missing", f.Code)
		}
		require.Equal(t, vocabulary[f.Code].level, f.Level)
		problems = problems || f.Level == Problem
	}
	require.Equal(t, problems, r.Verdict != Well, "%s", shown(r))
	return r
}

func shown(r Report) string {
	var b strings.Builder
	_ = r.Write(&b, English)
	return b.String()
}

// codes are those of a level, or of all levels.
func codes(r Report, levels ...Level) []Code {
	list := []Code{}
	for _, f := range r.Findings {
		if len(levels) == 0 || slices.Contains(levels, f.Level) {
			list = append(list, f.Code)
		}
	}
	return list
}

func one(t *testing.T, r Report, code Code) Finding {
	t.Helper()
	i := slices.IndexFunc(r.Findings, func(f Finding) bool { return f.Code == code })
	require.GreaterOrEqual(t, i, 0, "%s is missing in\n%s", code, shown(r))
	return r.Findings[i]
}

func TestAHealthyChain(t *testing.T) {
	t.Parallel()
	net := testkit.NewDevnet(t, 2, -1).Serve()
	cfg := secured(net.Certs, net.Nodes...)
	cfg.Accounts = []configs.Account{{Name: "default", File: filepath.Join(net.Certs, "new.pem"), Create: true}}
	cfg.Targets[0].Account = "default"
	r := examine(t, cfg, Options{Probe: true})
	require.Equal(t, Well, r.Verdict, shown(r))
	node := []Code{PortOpen, TLSOK, ProtocolOK, GroupOK, NodeStandard, SealerOK, PoolOK, HeadOK, BlockLimitOK}
	want := slices.Concat([]Code{AccountNew, FilesOK}, node, node)
	require.Equal(t, want, codes(r), "a new chain has neither a block to compare nor one with a time")
	require.NoFileExists(t, cfg.Accounts[0].File, "an examination makes nothing")
	require.Zero(t, net.Chain.Head().Number, "nor does the probe make a block")
	require.Equal(t, "3.16.4", one(t, r, NodeStandard).Details["version"])
}

// What is behind a port, seen by a target with TLS and by one without.
func TestWhatAPortTurnsOutToBe(t *testing.T) {
	t.Parallel()
	ours, theirs := newFolder(t), newFolder(t)
	node := func(security *tls.Config) string { return new(fakeNode).start(t, security).addr }
	closed := func() string {
		taken, err := net.Dial("tcp", listen(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }))
		require.NoError(t, err)
		t.Cleanup(func() { taken.Close() })
		return taken.LocalAddr().String() // nobody listens on it and nobody can get it
	}
	says := func(text string) string {
		return listen(t, func(c net.Conn) {
			_, _ = io.WriteString(c, text)
			_, _ = io.Copy(io.Discard, c)
		})
	}
	channel := ours.server(t)
	channel.CipherSuites = []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256}
	anybody := ours.server(t)
	anybody.ClientAuth = tls.NoClientCert

	for name, c := range map[string]struct {
		addr        string
		with, plain Code // by a target with TLS, by one without
	}{
		"a node with TLS":         {node(ours.server(t)), TLSOK, NeedsTLS},
		"a node without TLS":      {node(nil), TLSNotSpoken, PlainOK},
		"closed":                  {closed(), PortClosed, PortClosed},
		"no address":              {"127.0.0.1", AddressInvalid, AddressInvalid},
		"unknown name":            {"nowhere.invalid:20200", NameUnknown, NameUnknown},
		"2.x JSON-RPC":            {rpc(t, map[string]string{"getClientVersion": `{"FISCO-BCOS Version":"2.11.1 gm","Chain Id":"1"}`}), Node2RPC, Node2RPC},
		"Web3":                    {rpc(t, map[string]string{"eth_chainId": `"0x4ee8"`}), Web3Port, Web3Port},
		"another JSON-RPC":        {rpc(t, nil), NotTLS, NotNode},
		"another web server":      {web(t), NotTLS, NotNode},
		"SSH":                     {says("SSH-2.0-OpenSSH_9.2p1 Debian\r\n"), NotTLS, NotNode},
		"GM TLS":                  {gmPort(t), GMTLS, GMTLS},
		"2.x channel":             {node(channel), Node2Channel, Node2Channel},
		"a node of another CA":    {node(theirs.server(t)), NodeCertificateForeign, NeedsTLS},
		"takes other clients":     {node(ours.serverFor(t, theirs)), OwnCertificateForeign, NeedsTLS},
		"knows not our CA":        {alert(t, 48), OwnCertificateForeign, NeedsTLS},
		"refuses our certificate": {alert(t, 42), OwnCertificateRefused, NeedsTLS},
		"no common cipher suite":  {alert(t, 40), TLSRefused, NeedsTLS},
		"TLS 1.3 only":            {node(ours.modern(t)), TLSVersion, NeedsTLS},
		"HTTPS of something else": {secureWeb(t, anybody), NotNode, NeedsTLS},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := examine(t, secured(ours.dir, c.addr), Options{})
			one(t, r, c.with)
			one(t, examine(t, plain(c.addr), Options{}), c.plain)
			if f := one(t, r, c.with); f.Level == Problem {
				require.Equal(t, NoNode, r.Verdict)
				require.NotEmpty(t, f.Advice)
				require.Equal(t, "main", f.Target)
				require.Equal(t, c.addr, f.Node)
				require.Equal(t, []Code{c.with, NoUsableNode}, codes(r, Problem), "one fault is no faults")
			}
		})
	}
}

func TestCertificatesByTheirDates(t *testing.T) {
	t.Parallel()
	ours := newFolder(t)
	past := certs.Validity{NotBefore: time.Now().AddDate(0, 0, -9), NotAfter: time.Now().AddDate(0, 0, -2)}
	future := certs.Validity{NotBefore: time.Now().AddDate(0, 0, 2), NotAfter: time.Now().AddDate(0, 0, 9)}
	soon := certs.Validity{NotAfter: time.Now().AddDate(0, 0, 9)}
	for code, v := range map[Code]certs.Validity{NodeCertificateExpired: past, NodeCertificateEarly: future, NodeCertificateExpiring: soon} {
		node := new(fakeNode).start(t, ours.serverWith(t, v))
		r := examine(t, secured(ours.dir, node.addr), Options{})
		f := one(t, r, code)
		require.Equal(t, code != NodeCertificateExpiring, f.Level == Problem)
		require.Equal(t, code == NodeCertificateExpiring, r.Verdict == Well)
	}
	// By the clock of the node, ours has expired.
	late := ours.server(t)
	late.Time = func() time.Time { return time.Now().AddDate(200, 0, 0) }
	one(t, examine(t, secured(ours.dir, new(fakeNode).start(t, late).addr), Options{}), OwnCertificateExpired)
}

// With files that cannot be used, what the port is is still found out.
func TestNodesBehindBrokenFiles(t *testing.T) {
	t.Parallel()
	ours := newFolder(t)
	require.NoError(t, os.Remove(filepath.Join(ours.dir, "sdk.key")))
	web3 := rpc(t, map[string]string{"eth_chainId": `"0x1"`})
	anybody := ours.server(t)
	anybody.ClientAuth = tls.NoClientCert
	r := examine(t, secured(ours.dir, new(fakeNode).start(t, ours.server(t)).addr, web3, new(fakeNode).start(t, anybody).addr), Options{})
	require.Equal(t, []Code{FileMissing, NotExamined, Web3Port, NotExamined, NoUsableNode}, codes(r, Problem), shown(r))
	require.Equal(t, NoNode, r.Verdict)
}

func TestSilentPortsEndInTime(t *testing.T) {
	t.Parallel()
	silent := listen(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	ours := newFolder(t)
	good := new(fakeNode).start(t, nil).addr
	one(t, examine(t, secured(ours.dir, silent), Options{Timeout: quick}), NoAnswer)
	r := examine(t, plain(silent, good), Options{Timeout: quick})
	require.Equal(t, Problems, r.Verdict, "the other node can be used\n%s", shown(r))
	require.Equal(t, silent, one(t, r, NoAnswer).Node)
	require.Equal(t, good, one(t, r, GroupOK).Node)

	mute := (&fakeNode{answers: map[string]string{"getConsensusStatus": ""}}).start(t, nil).addr
	r = examine(t, plain(mute), Options{Timeout: quick})
	require.Equal(t, "getConsensusStatus", one(t, r, NodeSilent).Details["method"])
	require.Equal(t, NoNode, r.Verdict)
}

func TestExaminationEndsWithItsContext(t *testing.T) {
	t.Parallel()
	accepted := make(chan struct{})
	silent := listen(t, func(c net.Conn) {
		close(accepted)
		_, _ = io.Copy(io.Discard, c)
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-accepted
		cancel()
	}()
	one(t, Examine(ctx, plain(silent), Options{Timeout: patient}), Interrupted)
}

func TestWhatTheNodeServes(t *testing.T) {
	t.Parallel()
	net := testkit.NewDevnet(t, 1, -1).Serve()
	for _, c := range []struct {
		chain, group string
		code         Code
		says         string
	}{
		{"chain7", "group0", WrongChain, "belongs to chain chain0"},
		{"chain0", "group7", WrongGroup, "chain0/group0"},
		{"chain7", "group7", WrongGroup, "chain0/group0"},
	} {
		cfg := secured(net.Certs, net.Nodes...)
		cfg.Targets[0].Chain, cfg.Targets[0].Group = c.chain, c.group
		r := examine(t, cfg, Options{})
		require.Contains(t, one(t, r, c.code).Text.En, c.says)
		require.Contains(t, codes(r), ProtocolOK)
		require.Equal(t, NoNode, r.Verdict)
	}
	wasm := (&fakeNode{ini: map[string]any{"isWasm": true}}).start(t, nil).addr
	require.Equal(t, []Code{WASM, NoUsableNode}, codes(examine(t, plain(wasm), Options{}), Problem))
}

// Each thing that a node can tell of itself.
func TestWhatTheNodeSaysOfItself(t *testing.T) {
	t.Parallel()
	future := time.Now().Add(time.Hour).UnixMilli()
	for name, c := range map[string]struct {
		answers map[string]string
		code    Code
	}{
		"well":                        {nil, ClockOK},
		"peers are ahead":             {map[string]string{"getSyncStatus": syncAnswer(100, 104, "aa")}, PeersAhead},
		"peers are three blocks off":  {map[string]string{"getSyncStatus": syncAnswer(100, 103, "aa")}, HeadOK},
		"all sealers":                 {map[string]string{"getConsensusStatus": consensusAnswer(true, 4, 4, 3, 1)}, SealerOK},
		"one sealer is missing":       {map[string]string{"getConsensusStatus": consensusAnswer(true, 3, 4, 3, 1)}, PeersMissing},
		"two sealers are missing":     {map[string]string{"getConsensusStatus": consensusAnswer(true, 2, 4, 3, 1)}, NoQuorum},
		"weights count":               {map[string]string{"getConsensusStatus": consensusAnswer(true, 3, 4, 6, 2)}, PeersMissing},
		"not enough weight":           {map[string]string{"getConsensusStatus": consensusAnswer(true, 2, 4, 6, 2)}, NoQuorum},
		"an observer":                 {map[string]string{"getConsensusStatus": consensusAnswer(false, 0, 4, 3, 1), "getObserverList": `["0f"]`}, ObserverOK},
		"no member":                   {map[string]string{"getConsensusStatus": consensusAnswer(false, 0, 4, 3, 1)}, NotMember},
		"a full pool":                 {map[string]string{"getPendingTxSize": "9000"}, PoolLarge},
		"a question is not answered":  {map[string]string{"getPendingTxSize": `{"code":-32603,"message":"\u001b[31mno"}`}, RequestFailed},
		"the newest block is too new": {map[string]string{"getBlockByNumber": blockAnswer(100, future)}, ClockFast},
		"a block of just now, slow clock": {map[string]string{
			"getBlockNumber": "101", "getBlockByNumber": blockAnswer(101, time.Now().Add(-time.Minute).UnixMilli())}, ClockSlow},
		"catching up, no slow clock": {map[string]string{
			"getBlockNumber": "101", "getSyncStatus": syncAnswer(100, 102, "aa"), "getBlockByNumber": blockAnswer(100, 1_700_000_000_000)}, ClockOK},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := examine(t, plain((&fakeNode{answers: c.answers}).start(t, nil).addr), Options{})
			f := one(t, r, c.code)
			switch f.Level {
			case Problem:
				require.Equal(t, []Code{c.code}, codes(r, Problem, Warning))
				require.Equal(t, Problems, r.Verdict)
			case Warning:
				require.Equal(t, []Code{c.code}, codes(r, Problem, Warning))
				require.Equal(t, Well, r.Verdict, "warnings alone are well")
			default:
				require.Empty(t, codes(r, Problem, Warning), shown(r))
			}
			require.NotContains(t, f.Text.En, "\x1b", "nothing of a node steers the terminal")
		})
	}
}

func TestNodesCompared(t *testing.T) {
	t.Parallel()
	node := func(answers map[string]string) string { return (&fakeNode{answers: answers}).start(t, nil).addr }
	good, other := node(nil), node(nil)

	slow := node(map[string]string{"getBlockNumber": "96", "getSyncStatus": syncAnswer(96, 96, "aa")})
	near := node(map[string]string{"getBlockNumber": "97", "getSyncStatus": syncAnswer(97, 97, "aa")})
	r := examine(t, plain(slow, good, near), Options{})
	f := one(t, r, NodeBehind)
	require.Equal(t, slow, f.Node)
	require.Equal(t, Details{"head": "96", "highest": "100", "other": good}, f.Details)
	require.Equal(t, []Code{NodeBehind}, codes(r, Problem, Warning))

	foreign := node(map[string]string{"getSyncStatus": syncAnswer(100, 100, "bb"), "getBlockHashByNumber": quote("0x" + strings.Repeat("cd", 32))})
	r = examine(t, plain(foreign, good, other), Options{})
	require.Equal(t, foreign, one(t, r, GenesisDiffers).Node, "the one that differs from the others, not the first")
	require.Equal(t, []Code{GenesisDiffers}, codes(r, Problem, Warning))
	require.Equal(t, "2", one(t, r, ChainOK).Details["count"])

	unasked := `{"code":-32601,"message":"unknown"}`
	r = examine(t, plain(node(map[string]string{"getSyncStatus": unasked}), node(map[string]string{"getSyncStatus": unasked}), good), Options{})
	require.Equal(t, []Code{RequestFailed, RequestFailed}, codes(r, Problem, Warning), "what is not known differs from nothing")

	forked := node(map[string]string{"getBlockHashByNumber": quote("0x" + strings.Repeat("cd", 32))})
	r = examine(t, plain(good, other, forked), Options{})
	require.Equal(t, forked, one(t, r, BlockDiffers).Node)
	require.NotContains(t, codes(r), ChainOK)
}

func TestProbeOfTheBlockLimit(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer string
		code   Code
	}{
		"refused":          {`{"code":10001,"message":"BlockLimitCheckFail"}`, BlockLimitOK},
		"refused for else": {`{"code":10002,"message":"TxPoolIsFull"}`, ProbeUnclear},
		"no answer":        {"", ProbeUnclear},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := &fakeNode{answers: map[string]string{"sendTransaction": c.answer}}
			r := examine(t, plain(n.start(t, nil).addr), Options{Probe: true, Timeout: 2 * quick})
			one(t, r, c.code)
		})
	}
	// One that executes it tells the hash that the transaction has.
	sent := make(chan string, 2)
	n := &fakeNode{scripts: map[string]func([]json.RawMessage) string{"sendTransaction": func(params []json.RawMessage) string {
		var raw string
		_ = json.Unmarshal(params[2], &raw)
		sent <- raw
		return executed(raw)
	}}}
	addr := n.start(t, nil).addr
	require.NotContains(t, codes(examine(t, plain(addr), Options{})), BlockLimitOff)
	require.Empty(t, sent, "nothing is sent without a probe")
	r := examine(t, plain(addr), Options{Probe: true})
	require.Equal(t, []Code{BlockLimitOff}, codes(r, Problem))
	require.Equal(t, Problems, r.Verdict)
}

func TestAccounts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, data, 0o600))
		return path
	}
	pem := func(s suite.Suite) []byte {
		key, err := suite.GenerateKey(s)
		require.NoError(t, err)
		data, err := key.MarshalPEM()
		require.NoError(t, err)
		return data
	}
	cfg := plain(new(fakeNode).start(t, nil).addr)
	cfg.Accounts = []configs.Account{
		{Name: "good", File: write("good.pem", pem(suite.Standard))},
		{Name: "gm", File: write("gm.pem", pem(suite.GM))},
		{Name: "damaged", File: write("damaged.pem", []byte("no key"))},
		{Name: "missing", File: filepath.Join(dir, "missing.pem")},
		{Name: "new", File: filepath.Join(dir, "new.pem"), Create: true},
		{Name: "folder", File: dir},
	}
	want := []Code{AccountOK, AccountOK, AccountDamaged, AccountMissing, AccountNew, AccountUnreadable}
	require.Equal(t, want, codes(examine(t, cfg, Options{}))[:len(want)])
	for name, c := range map[string]struct {
		crypto int
		code   Code
	}{"gm": {0, AccountGM}, "good": {1, AccountStandard}} {
		cfg := plain((&fakeNode{crypto: c.crypto}).start(t, nil).addr)
		cfg.Accounts = []configs.Account{{Name: "good", File: filepath.Join(dir, "good.pem")}, {Name: "gm", File: filepath.Join(dir, "gm.pem")}}
		cfg.Targets[0].Account = name
		r := examine(t, cfg, Options{})
		require.Equal(t, name, one(t, r, c.code).Details["account"])
		cfg.Targets[0].Account = map[string]string{"gm": "good", "good": "gm"}[name]
		require.Equal(t, Well, examine(t, cfg, Options{}).Verdict)
	}
}

// One target without a node is the verdict, whatever the others are.
func TestEachTargetNeedsANode(t *testing.T) {
	t.Parallel()
	cfg := plain(new(fakeNode).start(t, nil).addr)
	bad := cfg.Targets[0]
	bad.Name, bad.Nodes = "other", []string{web(t)}
	cfg.Targets = append(cfg.Targets, bad)
	r := examine(t, cfg, Options{})
	require.Equal(t, NoNode, r.Verdict)
	require.Equal(t, "other", one(t, r, NoUsableNode).Target)
	require.Equal(t, "main", r.Findings[0].Target, "in the order of the configuration")
	require.Equal(t, "other", r.Findings[len(r.Findings)-1].Target)
}

// rpc is a plain HTTP JSON-RPC service with results by method.
func rpc(t *testing.T, results map[string]string) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var request struct{ Method string }
		_ = json.NewDecoder(r.Body).Decode(&request)
		if result, ok := results[request.Method]; ok {
			fmt.Fprintf(w, `{"jsonrpc":"2.0","id":1,"result":%s}`, result)
			return
		}
		_, _ = io.WriteString(w, `{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no such method"}}`)
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

func web(t *testing.T) string {
	s := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

func secureWeb(t *testing.T, security *tls.Config) string {
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.TLS = security
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// gmPort answers as a GM node does: to a hello of GM/T 0024 with a handshake of
// the same version, to every other TLS with alert 40 (recorded in tls/gm).
func gmPort(t *testing.T) string {
	return listen(t, func(c net.Conn) {
		head := make([]byte, 5)
		if _, err := io.ReadFull(c, head); err != nil || head[0] != 0x16 {
			return
		}
		body := make([]byte, int(head[3])<<8|int(head[4]))
		if _, err := io.ReadFull(c, body); err != nil {
			return
		}
		if head[1] == 1 && body[0] == 1 && body[4] == 1 && body[5] == 1 {
			_, _ = c.Write([]byte{0x16, 1, 1, 0, 4, 2, 0, 0, 0})
			return
		}
		_, _ = c.Write([]byte{0x15, 3, 3, 0, 2, 2, 40})
	})
}

// alert is a TLS port that ends every handshake with an alert.
func alert(t *testing.T, number byte) string {
	return listen(t, func(c net.Conn) {
		_, _ = c.Read(make([]byte, 1024))
		_, _ = c.Write([]byte{0x15, 3, 3, 0, 2, 2, number})
	})
}

// folder is an sdk folder with the CA behind it.
type folder struct {
	dir   string
	ca    *certs.CA
	roots *x509.CertPool
}

func newFolder(t *testing.T) folder {
	t.Helper()
	ca, err := certs.NewCA(certs.Validity{})
	require.NoError(t, err)
	f := folder{dir: t.TempDir(), ca: ca, roots: x509.NewCertPool()}
	f.roots.AddCert(ca.Certificate())
	pair, err := ca.Issue(certs.Validity{})
	require.NoError(t, err)
	f.write(t, "ca.crt", ca.CertPEM())
	f.write(t, "sdk.crt", pair.CertPEM)
	f.write(t, "sdk.key", pair.KeyPEM)
	return f
}

func (f folder) write(t *testing.T, name string, data []byte) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(f.dir, name), data, 0o600))
}

func (f folder) server(t *testing.T) *tls.Config { return f.serverFor(t, f) }

// serverFor is a node of this CA that takes clients of another.
func (f folder) serverFor(t *testing.T, clients folder) *tls.Config {
	conf := f.serverWith(t, certs.Validity{})
	conf.ClientCAs = clients.roots
	return conf
}

func (f folder) serverWith(t *testing.T, v certs.Validity) *tls.Config {
	t.Helper()
	pair, err := f.ca.Issue(v)
	require.NoError(t, err)
	cert, err := tls.X509KeyPair(pair.CertPEM, pair.KeyPEM)
	require.NoError(t, err)
	return certs.ServerConfig(cert, f.roots)
}

// modern is a server that speaks TLS 1.3 only.
func (f folder) modern(t *testing.T) *tls.Config {
	conf := f.server(t)
	conf.MinVersion, conf.MaxVersion = tls.VersionTLS13, tls.VersionTLS13
	return conf
}
