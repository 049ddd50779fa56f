package doctor

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// answerLimit bounds what is read of an answer that may come from anything.
const answerLimit = 4 << 20

// questionTime bounds one question to something that may not understand it, and
// then waits for more of it.
const questionTime = 2 * time.Second

// errNoRPC means that a web server answered, which knows no JSON-RPC.
var errNoRPC = errors.New("a web server without JSON-RPC")

// answer is a JSON-RPC answer as far as it matters here.
type answer struct {
	JSONRPC *string         `json:"jsonrpc"`
	Result  json.RawMessage `json:"result"`
}

// post asks what listens at an address over HTTP, or HTTPS with security. It is
// for peers that are not known to be nodes, which fisco.DialHTTP refuses.
func post(ctx context.Context, address string, security *tls.Config, method string) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, questionTime)
	defer cancel()
	scheme := "http"
	if security != nil {
		scheme = "https"
	}
	transport := &http.Transport{TLSClientConfig: security, DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	body := strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"` + method + `","params":[]}`)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, scheme+"://"+address+"/", body)
	if err != nil {
		return answer{}, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := transport.RoundTrip(request) // follows no redirect
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, answerLimit))
	if err != nil {
		return answer{}, err
	}
	var a answer
	switch err := json.Unmarshal(data, &a); {
	case err == nil && a.JSONRPC != nil:
		return a, nil
	case response.StatusCode == http.StatusBadRequest: // so do TLS ports of some servers
		return answer{}, errors.New("refused")
	}
	return answer{}, errNoRPC
}

// service is what a port turned out to be.
type service struct {
	code    Code // empty when it is not known
	details Details
	http    bool // it speaks plain HTTP
	tls     bool // it speaks ordinary TLS
}

// identifyPlain finds out which service answers plain HTTP at an address: a 2.x
// node, a Web3 port or a 3.x node without TLS.
func identifyPlain(ctx context.Context, address string) service {
	a, err := post(ctx, address, nil, "getClientVersion") // (2.x protocol §7.1)
	if err != nil {
		return service{http: errors.Is(err, errNoRPC)}
	}
	var version map[string]any
	if json.Unmarshal(a.Result, &version) == nil {
		if text, ok := version["FISCO-BCOS Version"].(string); ok {
			return service{code: Node2RPC, details: Details{"version": text}}
		}
	}
	var id string
	if a, err := post(ctx, address, nil, "eth_chainId"); err == nil && json.Unmarshal(a.Result, &id) == nil && strings.HasPrefix(id, "0x") {
		return service{code: Web3Port, details: Details{"chain_id": id}}
	}
	if groups, err := servedGroups(ctx, address, nil); err == nil && len(groups) > 0 {
		return service{code: TLSNotSpoken}
	}
	return service{http: true}
}

// servedGroup is what a 3.x node serves.
type servedGroup struct {
	Chain string `json:"chainID"`
	Group string `json:"groupID"`
}

// servedGroups asks a 3.x node what it serves, whatever we want of it.
func servedGroups(ctx context.Context, address string, security *tls.Config) ([]servedGroup, error) {
	a, err := post(ctx, address, security, "getGroupInfoList")
	if err != nil {
		return nil, err
	}
	var groups []servedGroup
	err = json.Unmarshal(a.Result, &groups)
	return groups, err
}

// identifyTLS finds out which TLS a port speaks that has refused ours: that of GM
// nodes, that of the channel port of a 2.x node, or the ordinary one.
func identifyTLS(ctx context.Context, address string) service {
	if speaksGM(ctx, address) {
		return service{code: GMTLS}
	}
	ctx, cancel := context.WithTimeout(ctx, questionTime)
	defer cancel()
	var suite uint16
	seen := errors.New("seen enough")
	dialer := tls.Dialer{Config: &tls.Config{
		MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12,
		CipherSuites: []uint16{ // the last two are all that a 2.x channel has (2.x protocol §2.1)
			tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_AES_256_GCM_SHA384,
		},
		InsecureSkipVerify: true, // nothing is told to the peer and nothing believed of it
		VerifyConnection: func(state tls.ConnectionState) error {
			suite = state.CipherSuite
			return seen
		},
	}}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err == nil {
		_ = conn.Close()
	}
	switch {
	case !errors.Is(err, seen):
		return service{}
	case suite == tls.TLS_RSA_WITH_AES_128_GCM_SHA256 || suite == tls.TLS_RSA_WITH_AES_256_GCM_SHA384:
		return service{code: Node2Channel}
	}
	return service{tls: true}
}

// speaksGM says hello as a client of GM/T 0024 does and looks whether the answer
// is a handshake of the same version (protocol §1.5).
func speaksGM(ctx context.Context, address string) bool {
	ctx, cancel := context.WithTimeout(ctx, questionTime)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return false
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })
	defer stop()
	if _, err := conn.Write(gmHello()); err != nil {
		return false
	}
	var head [3]byte
	_, err = io.ReadFull(conn, head[:])
	return err == nil && bytes.Equal(head[:], []byte{handshakeRecord, 1, 1})
}

// handshakeRecord is the type of a TLS record that holds a handshake message.
const handshakeRecord = 0x16

// gmHello is a ClientHello of version 0x0101 that offers ECC-SM4-SM3 and
// ECDHE-SM4-SM3.
func gmHello() []byte {
	var random [32]byte
	_, _ = rand.Read(random[:])                 // never fails
	hello := append([]byte{1, 1}, random[:]...) // version
	hello = append(hello, 0)                    // no session
	hello = append(hello, 0, 6, 0xe0, 0x13, 0xe0, 0x11, 0, 0xff)
	hello = append(hello, 1, 0) // no compression
	record := []byte{handshakeRecord, 1, 1, 0, byte(len(hello) + 4), 1, 0, 0, byte(len(hello))}
	return append(record, hello...)
}
