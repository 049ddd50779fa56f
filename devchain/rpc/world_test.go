package rpc

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/FISCO-BCOS/go-sdk/v3/types"
	"github.com/coder/websocket"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/bcosgate/bcosgate/devchain"
	"github.com/bcosgate/bcosgate/devchain/suite"
	"github.com/bcosgate/bcosgate/internal/golden"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must come; long enough for a machine
// that has much else to do.
const patience = time.Minute

// emitter logs its input with the topics 0xaa and the first word of the input.
// In assembly: CALLDATACOPY all; CALLDATALOAD(0); 0xaa; LOG2; STOP.
const (
	emitterCode = "36600060003760003560aa366000a200"
	emitterInit = "6010600c60003960106000f3" + emitterCode
	emitterABI  = `[{"type":"fallback","说明":"<日志>"}]`
)

// world is a chain of one sealer, with an account that sends transactions.
type world struct {
	t     testing.TB
	chain *devchain.Chain
	key   *ecdsa.PrivateKey // of the sealer
	keys  []*ecdsa.PrivateKey
	nonce atomic.Int64
	dir   string
	seal  time.Duration
}

func nodeID(key *ecdsa.PrivateKey) string {
	return hex.EncodeToString(crypto.FromECDSAPub(&key.PublicKey)[1:])
}

// testKey is key i of the recordings.
func testKey(i byte) *ecdsa.PrivateKey {
	secret := golden.Key(i)
	key, err := crypto.ToECDSA(secret[:])
	if err != nil {
		panic(err)
	}
	return key
}

// newWorld starts a chain with the given number of sealers. Blocks are made as
// soon as a transaction waits, or after seal.
func newWorld(t testing.TB, sealers int, seal time.Duration) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), seal: seal}
	for i := range sealers {
		w.keys = append(w.keys, testKey(byte(i)))
	}
	w.key = w.keys[0]
	w.open()
	t.Cleanup(func() { require.NoError(t, w.chain.Close()) })
	return w
}

func (w *world) open() {
	w.t.Helper()
	genesis := devchain.DefaultGenesis()
	var nodeKeys []*suite.Key
	for _, key := range w.keys {
		nodeKey, err := suite.NewKey(suite.Standard, [32]byte(crypto.FromECDSA(key)))
		require.NoError(w.t, err)
		nodeKeys = append(nodeKeys, nodeKey)
		genesis.Sealers = append(genesis.Sealers, devchain.Sealer{PublicKey: nodeKey.PublicKey(), Weight: 1})
	}
	var err error
	w.chain, err = devchain.Open(devchain.Config{Genesis: genesis, DataDir: w.dir, NodeKeys: nodeKeys, MinSealTime: w.seal})
	require.NoError(w.t, err)
	require.NoError(w.t, w.chain.Start(w.t.Context()))
}

// signed is a v0 transaction of the world's account as hex.
func (w *world) signed(to *common.Address, input []byte, abi string) string {
	tx := types.NewSimpleTx(to, input, abi, fmt.Sprint(w.nonce.Add(1), "-", time.Now().UnixNano()), "", false)
	tx.Data.ChainID, tx.Data.GroupID = "chain0", "group0"
	tx.Data.BlockLimit = int64(w.chain.Head().Number) + 500
	hash := tx.Hash()
	sig, err := crypto.Sign(hash[:], testKey(0))
	require.NoError(w.t, err)
	sender := crypto.PubkeyToAddress(testKey(0).PublicKey)
	tx.Signature, tx.Sender = sig, &sender
	return hex.EncodeToString(tx.Bytes())
}

// deploy puts an emitter on the chain, without the network.
func (w *world) deploy() common.Address {
	w.t.Helper()
	res := w.send(nil, emitterInit, emitterABI)
	require.NotNil(w.t, res.Receipt.ContractAddress)
	return *res.Receipt.ContractAddress
}

func (w *world) send(to *common.Address, input, abi string) devchain.Result {
	w.t.Helper()
	raw := unhex(w.t, w.signed(to, unhex(w.t, input), abi))
	res, err := w.chain.SendTransaction(w.t.Context(), raw)
	require.NoError(w.t, err)
	require.Equal(w.t, devchain.StatusNone, res.Receipt.Status)
	return res
}

// endpoint is a server of a world on a port of its own.
type endpoint struct {
	t       testing.TB
	server  *Server
	address string
	tls     *tls.Config // of clients; nil: plain
	dialer  dialFunc
}

type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

func (w *world) endpoint(change func(*Config)) *endpoint {
	w.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(w.t, err)
	return w.endpointOn(listener, new(net.Dialer).DialContext, change)
}

func (w *world) endpointOn(listener net.Listener, dialer dialFunc, change func(*Config)) *endpoint {
	w.t.Helper()
	cfg := Config{Ledger: w.chain, Node: Node{ID: nodeID(w.key)}, ReturnInputParams: true}
	if change != nil {
		change(&cfg)
	}
	server, err := NewServer(cfg)
	require.NoError(w.t, err)
	server.Start(listener)
	w.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		require.NoError(w.t, server.Stop(ctx))
	})
	return &endpoint{t: w.t, server: server, address: listener.Addr().String(), dialer: dialer}
}

func (e *endpoint) url() string {
	if e.tls != nil {
		return "https://" + e.address
	}
	return "http://" + e.address
}

func (e *endpoint) client() *http.Client {
	transport := &http.Transport{TLSClientConfig: e.tls, DialContext: e.dialer}
	e.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience}
}

// post sends a body over HTTP and gives the answer's body.
func (e *endpoint) post(body string) string {
	e.t.Helper()
	res, err := e.client().Post(e.url(), "application/json", bytes.NewReader([]byte(body)))
	require.NoError(e.t, err)
	defer res.Body.Close()
	require.Equal(e.t, http.StatusOK, res.StatusCode)
	require.Equal(e.t, "application/json", res.Header.Get("Content-Type"))
	answer, err := io.ReadAll(res.Body)
	require.NoError(e.t, err)
	return string(answer)
}

func rpcText(method string, params ...any) string {
	if params == nil {
		params = []any{}
	}
	text, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
	if err != nil {
		panic(err)
	}
	return string(text)
}

// result calls a method over HTTP and gives the text of its result.
func (e *endpoint) result(method string, params ...any) string {
	e.t.Helper()
	var answer struct {
		Result json.RawMessage
		Error  json.RawMessage
	}
	require.NoError(e.t, json.Unmarshal([]byte(e.post(rpcText(method, params...))), &answer))
	require.Empty(e.t, string(answer.Error), "%s%v", method, params)
	return string(answer.Result)
}

// failure calls a method over HTTP and gives the error.
func (e *endpoint) failure(method string, params ...any) fault {
	e.t.Helper()
	var answer struct{ Error *fault }
	require.NoError(e.t, json.Unmarshal([]byte(e.post(rpcText(method, params...))), &answer))
	require.NotNil(e.t, answer.Error, "%s%v", method, params)
	return *answer.Error
}

// peer is a WebSocket client that keeps what it receives.
type peer struct {
	t      testing.TB
	ws     *websocket.Conn
	frames chan frame // in the order of arrival; closed with the connection
	seq    atomic.Int64
}

func (e *endpoint) dial() *peer {
	e.t.Helper()
	ctx, cancel := context.WithTimeout(e.t.Context(), patience)
	defer cancel()
	ws, _, err := websocket.Dial(ctx, "ws"+e.url()[len("http"):]+"/any/path?x=1", &websocket.DialOptions{HTTPClient: e.client()})
	require.NoError(e.t, err)
	ws.SetReadLimit(maxMessage)
	p := &peer{t: e.t, ws: ws, frames: make(chan frame, 1<<16)}
	var reading sync.WaitGroup
	reading.Go(func() {
		defer close(p.frames)
		for {
			_, data, err := ws.Read(context.Background())
			if err != nil {
				return
			}
			f, err := parseFrame(data)
			if err != nil {
				return
			}
			p.frames <- f
		}
	})
	e.t.Cleanup(func() {
		_ = ws.CloseNow()
		reading.Wait()
	})
	return p
}

func (p *peer) send(f frame) { p.sendBytes(f.bytes()) }

func (p *peer) sendBytes(data []byte) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	require.NoError(p.t, p.ws.Write(ctx, websocket.MessageBinary, data))
}

// ask sends a frame with a new seq, which it gives back.
func (p *peer) ask(kind uint16, payload string) string {
	p.t.Helper()
	seq := fmt.Sprintf("%032x", p.seq.Add(1))
	p.send(frame{Type: kind, Seq: []byte(seq), Payload: []byte(payload)})
	return seq
}

// next is the next frame of one of the kinds; others are passed over.
func (p *peer) next(kinds ...uint16) frame {
	p.t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case f, open := <-p.frames:
			require.True(p.t, open, "the connection ended while a frame of %x was waited for", kinds)
			for _, kind := range kinds {
				if f.Type == kind {
					return f
				}
			}
		case <-timeout:
			require.Fail(p.t, "no frame came", "kinds %x", kinds)
		}
	}
}

// call is a request and its answer.
func (p *peer) call(method string, params ...any) string {
	p.t.Helper()
	seq := p.ask(typeRPC, rpcText(method, params...))
	f := p.next(typeReply)
	require.Equal(p.t, seq, string(f.Seq))
	return string(f.Payload)
}

// ended waits for the end of the connection.
func (p *peer) ended() {
	p.t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case _, open := <-p.frames:
			if !open {
				return
			}
		case <-timeout:
			require.Fail(p.t, "the connection did not end")
		}
	}
}

// authority issues certificates without names, as a chain's CA does.
type authority struct {
	cert *x509.Certificate
	key  *rsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "FISCO-BCOS-test"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return &authority{cert, key}
}

func (a *authority) issue(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "node"}, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// client and server are both ends of mutual TLS 1.2; no certificate means none.
func (a *authority) client(certs ...tls.Certificate) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12, Certificates: certs, InsecureSkipVerify: true,
		VerifyConnection: func(state tls.ConnectionState) error {
			_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: a.pool(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
			return err
		},
	}
}

func (a *authority) server(cert tls.Certificate) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12, Certificates: []tls.Certificate{cert},
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: a.pool(),
	}
}
