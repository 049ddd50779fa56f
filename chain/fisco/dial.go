package fisco

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/fisco/result"
	"github.com/bcosgate/bcosgate/chain/fisco/suite"
)

// DialConfig says where a node is and what it must serve.
type DialConfig struct {
	Address string      // host:port of the native RPC listener
	TLS     *tls.Config // nil speaks plain; certs.ClientConfig makes one
	ChainID string      // for example "chain0"; must be the node's
	Group   string      // for example "group0"; the node must serve it

	Timeout     time.Duration // for Dial as a whole; 0 is 10 s
	ReadTimeout time.Duration // for each read, when its context allows more; 0 is 10 s
	Heartbeat   time.Duration // 0 is 5 s; three silent ones end the connection
	MaxInFlight int           // requests that wait for answers; one more is KindOverloaded; 0 is 16384

	// OnAMOP takes the messages of the topics that were subscribed; what it gives
	// back answers a request. It is called on up to 16 goroutines at a time, and a
	// message that comes while all are busy is dropped (Client.AMOPDropped). It must
	// return soon and not close the client: Close waits for it. A node may ask the
	// same twice.
	OnAMOP func(AMOPMessage) []byte

	Logger *slog.Logger // nil logs nothing

	// connect makes the TCP connection; nil is net.Dialer. Tests with a fake clock
	// need a connection that is not the kernel's.
	connect func(ctx context.Context, network, address string) (net.Conn, error)
}

func (c *DialConfig) setDefaults() {
	if c.Timeout <= 0 {
		c.Timeout = 10 * time.Second
	}
	if c.ReadTimeout <= 0 {
		c.ReadTimeout = 10 * time.Second
	}
	if c.Heartbeat <= 0 {
		c.Heartbeat = 5 * time.Second
	}
	if c.MaxInFlight <= 0 {
		c.MaxInFlight = 16384
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.connect == nil {
		c.connect = new(net.Dialer).DialContext
	}
}

// Dial connects to a node: TCP, TLS, WebSocket, handshake, and a look at what
// the node serves (protocol §1.4, §2.3). It fails with a *chain.Error whose Kind
// and text say what to mend, and whose cause is a *DialError; nothing is left
// open then. The context and Timeout bound the dial only, not the client's life.
func Dial(ctx context.Context, cfg DialConfig) (*Client, error) {
	cfg.setDefaults()
	if cfg.ChainID == "" || cfg.Group == "" {
		return nil, dialFailure(cfg.Address, chain.KindInvalid, ReasonWrongChain, "the target needs a chain id and a group", nil)
	}
	ctx, cancel := context.WithTimeout(ctx, cfg.Timeout)
	defer cancel()

	ws, line, err := openWebSocket(ctx, &cfg)
	if err != nil {
		return nil, err
	}
	c := newClient(cfg)
	c.conn = startConn(ws, line, cfg.Heartbeat, cfg.MaxInFlight, c.push)
	if err := c.handshake(ctx); err != nil {
		_ = c.Close()
		return nil, err
	}
	c.watch()
	c.log.Debug("connected", "group", cfg.Group, "protocol", c.protocol)
	return c, nil
}

// openWebSocket makes the connection up to the upgrade, over a cork.
func openWebSocket(ctx context.Context, cfg *DialConfig) (*websocket.Conn, *cork, error) {
	stream, err := openStream(ctx, cfg)
	if err != nil {
		return nil, nil, err
	}
	line := &cork{Conn: stream}
	// The library upgrades through an HTTP client; this one has a single
	// connection to give, the one that is open already.
	sniffed := &sniffer{Conn: line}
	transport := &http.Transport{
		DialContext:        func(context.Context, string, string) (net.Conn, error) { return sniffed, nil },
		DisableCompression: true,
	}
	//nolint:bodyclose // the library reads the body of a refusal and gives a copy of its beginning
	ws, response, err := websocket.Dial(ctx, "ws://"+cfg.Address+"/", &websocket.DialOptions{
		HTTPClient:      &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		CompressionMode: websocket.CompressionDisabled,
	})
	if err != nil {
		_ = stream.Close()
		transport.CloseIdleConnections()
		status := 0
		if response != nil {
			status = response.StatusCode
		}
		return nil, nil, upgradeFailure(ctx, cfg.Address, cfg.TLS != nil, sniffed.head(), status, err)
	}
	sniffed.stop()
	return ws, line, nil
}

// openStream makes the connection and speaks TLS on it where the node wants it.
func openStream(ctx context.Context, cfg *DialConfig) (net.Conn, error) {
	raw, err := cfg.connect(ctx, "tcp", cfg.Address)
	if err != nil {
		return nil, tcpFailure(ctx, cfg.Address, err)
	}
	if cfg.TLS == nil {
		return raw, nil
	}
	conf := cfg.TLS
	if conf.ServerName == "" && !conf.InsecureSkipVerify {
		conf = conf.Clone()
		conf.ServerName, _, _ = net.SplitHostPort(cfg.Address)
	}
	secure := tls.Client(raw, conf)
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = raw.Close()
		return nil, tlsFailure(ctx, cfg.Address, conf, err)
	}
	return secure, nil
}

// errNotHTTP ends an upgrade at the first bytes of another protocol, which may
// never send the line end that an HTTP client waits for.
var errNotHTTP = errors.New("what answers does not speak HTTP")

// httpStart is how every HTTP/1 answer begins.
const httpStart = "HTTP/"

// sniffer remembers the first bytes that a connection reads, which tell a wrong
// protocol.
type sniffer struct {
	net.Conn
	mu    sync.Mutex
	first []byte
	done  bool
}

func (s *sniffer) Read(p []byte) (int, error) {
	n, err := s.Conn.Read(p)
	s.mu.Lock()
	if !s.done && n > 0 {
		s.first = append(s.first, p[:min(n, 8-len(s.first))]...)
		s.done = len(s.first) == 8
		if start := string(s.first[:min(len(s.first), len(httpStart))]); start != httpStart[:len(start)] {
			n, err = 0, errNotHTTP
		}
	}
	s.mu.Unlock()
	return n, err
}

func (s *sniffer) head() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Clone(s.first)
}

func (s *sniffer) stop() {
	s.mu.Lock()
	s.done = true
	s.mu.Unlock()
}

// handshakeRequest offers all protocol versions that 3.2 to 3.16 know, as the
// RPC module (protocol §2.3).
const handshakeRequest = `{"minVersion":0,"maxVersion":2,"moduleID":2}`

// handshake learns what the node serves, and refuses another chain or group.
func (c *Client) handshake(ctx context.Context) error {
	node := c.cfg.Address
	answer, _, err := c.conn.do(ctx, FrameHandshake, func(dst []byte) ([]byte, error) {
		return append(dst, handshakeRequest...), nil
	})
	if err != nil {
		if failure := timeFailure(ctx, node, "waiting for the FISCO BCOS handshake", err); failure != nil {
			return failure
		}
		return dialFailure(node, chain.KindProtocol, ReasonNotFISCO, "it speaks WebSocket but closed the connection at the FISCO BCOS 3.x handshake: is this the native RPC port?", err)
	}
	var reply result.Handshake
	if err := json.Unmarshal(answer.Payload, &reply); err != nil {
		return dialFailure(node, chain.KindProtocol, ReasonNotFISCO, "its answer to the handshake is not that of a FISCO BCOS 3.x node", err)
	}
	if reply.ProtocolVersion == nil || reply.GroupInfoList == nil {
		return dialFailure(node, chain.KindProtocol, ReasonNotFISCO, "its answer to the handshake lacks protocolVersion or groupInfoList", nil)
	}
	info, err := c.cfg.choose(reply.GroupInfoList)
	if err != nil {
		return err
	}
	c.protocol, c.suite = *reply.ProtocolVersion, suiteOf(&info)
	c.infoMu.Lock() // notifications come to sessions that have not greeted, too
	c.info, c.greeted, c.unserved = info, info, nil
	c.infoMu.Unlock()
	for _, heights := range reply.GroupBlockNumber {
		if height, ok := heights[c.cfg.Group]; ok && height >= 0 {
			c.noteHead(uint64(height))
			return nil
		}
	}
	return dialFailure(node, chain.KindProtocol, ReasonNotFISCO, "its answer to the handshake has no block number for the group", errors.New("groupBlockNumber lacks "+c.cfg.Group))
}

// choose finds the group that is wanted among those that a node serves, and
// refuses another chain.
func (c *DialConfig) choose(groups []result.GroupInfo) (result.GroupInfo, error) {
	i := slices.IndexFunc(groups, func(g result.GroupInfo) bool { return g.GroupID == c.Group && g.ChainID == c.ChainID })
	if i < 0 {
		return result.GroupInfo{}, dialFailure(c.Address, chain.KindWrongChain, ReasonWrongChain,
			fmt.Sprintf("node serves %s, not group %s of chain %s", served(groups), c.Group, c.ChainID), nil)
	}
	if slices.ContainsFunc(groups[i].NodeList, runsWASM) {
		return result.GroupInfo{}, dialFailure(c.Address, chain.KindUnsupported, ReasonUnsupported, "the group runs WASM contracts; only Solidity contracts are supported", nil)
	}
	return groups[i], nil
}

func runsWASM(n result.GroupNode) bool {
	ini, err := n.Ini()
	return err == nil && ini.IsWasm
}

// suiteOf is the ledger's cryptography as the group's nodes tell it.
func suiteOf(info *result.GroupInfo) suite.Suite {
	if slices.ContainsFunc(info.NodeList, func(n result.GroupNode) bool { return n.Type == int(suite.GM) }) {
		return suite.GM
	}
	return suite.Standard
}

// served lists groups for a message.
func served(groups []result.GroupInfo) string {
	if len(groups) == 0 {
		return "no group yet"
	}
	names := make([]string, 0, len(groups))
	for _, g := range groups[:min(len(groups), 8)] {
		names = append(names, fmt.Sprintf("group %s of chain %s", g.GroupID, g.ChainID))
	}
	return strings.Join(names, ", ")
}
