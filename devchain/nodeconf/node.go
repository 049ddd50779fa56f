package nodeconf

import (
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"math"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/bcosgate/bcosgate/devchain/suite"
)

// Node is what config.ini says about one node (protocol §1.2, §11.3). Paths are
// absolute: relative ones are taken from the folder of the file, because the
// node's start.sh runs there.
type Node struct {
	File string // the config.ini
	Name string // the last part of the folder's path, for logs

	Listen            string // host:port of [rpc]; port 0 lets the system choose
	TLS               bool   // false: plain HTTP and WebSocket
	CACert            string // the trust root; also for clients
	Cert, Key         string // the node's identity on its port
	ReturnInputParams bool   // echo input and extraData in answers of sendTransaction

	FilterTimeout time.Duration // how long a filter lives that nobody polls
	FilterBlocks  int64         // how many blocks one answer of a filter looks at

	P2PListen string   // host:port of [p2p]; port 0 lets the system choose
	Peers     []string // host:port of the chain's nodes, from nodes.json; none when there is no such file

	Web3 *Web3 // nil: the Web3 port stays closed

	NodeID  string     // 128 lower-case hex digits
	NodeKey *suite.Key // signs blocks; of the curve that the file has

	MinSealTime  time.Duration // how long the sealer waits for more transactions
	DataDir      string        // folder of the ledger
	PoolLimit    int           // transactions that may wait
	TxExpiration time.Duration // how long one may wait

	Log Log

	// What a real node does not have, from [devnode].
	Control       string // address of the control endpoint, host:port or unix:PATH; empty: none
	Deterministic bool   // the same blocks of the same transactions
}

// Log says where the log goes.
type Log struct {
	Enable  bool
	Level   slog.Level
	Console bool   // to the console; false: to a file in Dir
	Dir     string // folder of the log files
}

// ReadNode reads a config.ini, the node's private key and, when it is there,
// node.nodeid beside it. Keys and sections it does not know are left alone, since
// real files have many. The error is *Error and lists everything that is wrong.
func ReadNode(path string) (Node, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return Node{}, &Error{Problems: []Problem{{File: path, Reason: err.Error()}}}
	}
	f, err := open(abs)
	if err != nil {
		return Node{}, err
	}
	dir := filepath.Dir(abs)
	at := func(base, p string) string {
		if filepath.IsAbs(p) {
			return filepath.Clean(p)
		}
		return filepath.Join(base, p)
	}

	n := Node{File: abs, Name: filepath.Base(dir)}
	n.Listen = f.address("rpc", "0.0.0.0", 20200, 0)
	n.TLS = f.enableTLS()
	n.ReturnInputParams = f.boolean("rpc", "return_input_params", true)
	n.FilterTimeout = time.Duration(f.number("rpc", "filter_timeout", 300, 1, 86_400)) * time.Second
	n.FilterBlocks = f.number("rpc", "filter_max_process_block", 10, 1, 1_000_000)
	n.P2PListen = f.address("p2p", "0.0.0.0", 30300, 0)
	n.Peers = f.peers(at(at(dir, f.text("p2p", "nodes_path", "./")), f.text("p2p", "nodes_file", "nodes.json")))

	n.Web3 = f.web3()

	certs := at(dir, f.text("cert", "ca_path", "./"))
	n.CACert = at(certs, f.text("cert", "ca_cert", "ca.crt"))
	n.Cert = at(certs, f.text("cert", "node_cert", "ssl.crt"))
	n.Key = at(certs, f.text("cert", "node_key", "ssl.key"))

	n.MinSealTime = time.Duration(f.number("consensus", "min_seal_time", 500, 0, 60_000)) * time.Millisecond
	n.DataDir = at(dir, f.text("storage", "data_path", "data"))
	n.PoolLimit = int(f.number("txpool", "limit", 15000, 1, math.MaxInt32))
	// One day: far above any use, far below an overflow of time.Duration.
	n.TxExpiration = time.Duration(f.number("txpool", "txs_expiration_time", 600, 1, 86_400)) * time.Second
	if !f.boolean("txpool", "check_block_limit", true) {
		f.note("txpool", "check_block_limit", "false", "the check of the block limit cannot be switched off: set true")
	}

	n.Log = Log{
		Enable:  f.boolean("log", "enable", true),
		Level:   f.level(),
		Console: f.boolean("log", "enable_console_output", false),
		Dir:     at(dir, f.text("log", "log_path", "./log")),
	}
	n.Control = f.text("devnode", "control", "")
	if socket, ok := strings.CutPrefix(n.Control, "unix:"); ok {
		n.Control = "unix:" + at(dir, socket)
	}
	n.Deterministic = f.boolean("devnode", "deterministic", false)
	if f.boolean("security", "enable_hsm", false) {
		f.note("security", "enable_hsm", "true", "hardware keys are not available: set false and use private_key_path")
	} else {
		n.NodeKey, n.NodeID = f.nodeKey(at(dir, f.text("security", "private_key_path", "conf/node.pem")))
	}
	if f.boolean("storage_security", "enable", false) {
		f.note("storage_security", "enable", "true", "disk encryption is not available: set false")
	}
	return n, f.err()
}

func (f *file) address(section, host string, port, lowest int64) string {
	ip := f.text(section, "listen_ip", host)
	if net.ParseIP(strings.Trim(ip, "[]")) == nil && ip != "localhost" {
		f.note(section, "listen_ip", ip, "must be an IP address")
	}
	p := f.number(section, "listen_port", port, lowest, 65535)
	return net.JoinHostPort(strings.Trim(ip, "[]"), strconv.FormatInt(p, 10))
}

// peers reads the addresses of the chain's nodes (protocol §11.2).
func (f *file) peers(path string) []string {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var list struct{ Nodes []string }
	if err == nil {
		err = json.Unmarshal(data, &list)
	}
	for _, address := range list.Nodes {
		if _, _, wrong := net.SplitHostPort(address); wrong != nil && err == nil {
			err = wrong
		}
	}
	if err != nil {
		f.note("p2p", "nodes_file", path, "must hold {\"nodes\":[\"host:port\",…]}: "+err.Error())
	}
	return list.Nodes
}

// enableTLS follows protocol §1.2: enable_ssl is the newer switch and wins.
func (f *file) enableTLS() bool {
	tls := !f.boolean("rpc", "disable_ssl", false)
	tls = f.boolean("rpc", "enable_ssl", tls)
	if tls && f.boolean("rpc", "sm_ssl", false) {
		f.note("rpc", "sm_ssl", "true", "GM TLS is not available yet: set sm_ssl=false for a port with standard TLS, which a GM chain can have, too, or enable_ssl=false for a plain one")
	}
	return tls
}

func (f *file) level() slog.Level {
	v := f.text("log", "level", "info")
	switch strings.ToLower(v) {
	case "trace", "debug":
		return slog.LevelDebug
	case "info":
		return slog.LevelInfo
	case "warning", "warn":
		return slog.LevelWarn
	case "error", "fatal":
		return slog.LevelError
	}
	f.note("log", "level", v, "must be trace, debug, info, warning, error or fatal")
	return slog.LevelInfo
}

func (f *file) nodeKey(path string) (*suite.Key, string) {
	const section, name = "security", "private_key_path"
	data, err := os.ReadFile(path)
	if err != nil {
		f.note(section, name, path, "cannot be read: "+err.Error())
		return nil, ""
	}
	key, err := suite.ParsePEM(data)
	if err != nil {
		f.note(section, name, path, err.Error())
		return nil, ""
	}
	id := key.NodeID()
	idPath := filepath.Join(filepath.Dir(path), "node.nodeid")
	if text, err := os.ReadFile(idPath); err == nil && !strings.EqualFold(strings.TrimSpace(string(text)), id) {
		f.note(section, name, path, "is not the key of "+idPath+": make that file again or put the right key there")
	}
	return key, id
}
