package fisco

import (
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // RFC 6455 wants it
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/internal/golden"
)

// recordedCertificate reads a certificate of either kind of chain.
func recordedCertificate(t *testing.T, name string) *smx509.Certificate {
	t.Helper()
	block, _ := pem.Decode(golden.Read(t, name))
	require.NotNil(t, block, name)
	cert, err := smx509.ParseCertificate(block.Bytes)
	require.NoError(t, err, name)
	return cert
}

// We read the same out of every recorded certificate as openssl, whose text lies
// beside it, and the id that the node's tools write comes from its key.
func TestRecordedIdentities(t *testing.T) {
	t.Parallel()
	serial := regexp.MustCompile(`Serial Number:\s+([0-9a-f:]+)`)
	texts := 0
	for _, name := range golden.Files(t, "tls/*/*.crt") {
		beside := strings.TrimSuffix(name, ".crt") + ".txt"
		if !golden.Has(beside) {
			continue
		}
		cert := recordedCertificate(t, name)
		text := string(golden.Read(t, beside))
		found := serial.FindStringSubmatch(text)
		require.NotNil(t, found, name)
		number, err := hex.DecodeString(strings.ReplaceAll(found[1], ":", ""))
		require.NoError(t, err)
		require.Equal(t, number, cert.SerialNumber.FillBytes(make([]byte, len(number))), name)
		require.Contains(t, text, "CN = "+cert.Subject.CommonName)
		texts++
	}
	require.True(t, texts > 0 || !golden.Whole())
	if golden.Small() {
		return // it has no ids
	}
	for _, name := range golden.Files(t, "tls/*/*.nodeid") {
		id := strings.TrimSpace(string(golden.Read(t, name)))
		cert := recordedCertificate(t, strings.TrimSuffix(name, ".nodeid")+".crt")
		if key, ok := cert.PublicKey.(*rsa.PublicKey); ok {
			require.Equal(t, id, hex.EncodeToString(key.N.Bytes()), name)
			continue
		}
		block, _ := pem.Decode(golden.Read(t, strings.TrimSuffix(name, ".nodeid")+".key"))
		key, err := smx509.ParsePKCS8PrivateKey(block.Bytes)
		require.NoError(t, err, name)
		private, ok := key.(*sm2.PrivateKey)
		require.True(t, ok, name)
		point, err := sm2.PublicKeyToECDH(&private.PublicKey)
		require.NoError(t, err)
		require.Equal(t, id, hex.EncodeToString(point.Bytes()[1:]), name)
	}
}

// What other clients were shown by a node passes our check, too.
func TestRecordedServerCertificates(t *testing.T) {
	t.Parallel()
	if golden.Small() {
		return // it has none
	}
	for _, name := range golden.Files(t, "tls/std*/s_client-*.txt") {
		block, _ := pem.Decode(golden.Read(t, name))
		require.NotNil(t, block, name)
		cert, err := x509.ParseCertificate(block.Bytes)
		require.NoError(t, err)
		state := tls.ConnectionState{Version: tls.VersionTLS12, PeerCertificates: []*x509.Certificate{cert}}
		require.NoError(t, clientConfig(t, path.Dir(name)).VerifyConnection(state), name)
	}
}

// Every recorded upgrade is one that a client by RFC 6455 takes: the accept key is
// right, and no extension or sub-protocol was slipped in.
func TestRecordedUpgrades(t *testing.T) {
	t.Parallel()
	header := func(message, name string) string {
		for line := range strings.SplitSeq(message, `\r\n`) {
			if key, value, ok := strings.Cut(line, ": "); ok && strings.EqualFold(key, name) {
				return value
			}
		}
		return ""
	}
	upgrades := 0
	for _, name := range golden.Files(t, "ws/*.txt") {
		for _, x := range golden.Exchanges(t, name) {
			if !strings.HasPrefix(x.Response, "HTTP/1.1 101 ") {
				continue
			}
			upgrades++
			sum := sha1.Sum([]byte(header(x.Request, "Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // RFC 6455 wants it
			require.Equal(t, base64.StdEncoding.EncodeToString(sum[:]), header(x.Response, "Sec-WebSocket-Accept"), "%s:%d", name, x.Line)
			require.Empty(t, header(x.Response, "Sec-WebSocket-Extensions"))
			require.Empty(t, header(x.Response, "Sec-WebSocket-Protocol"))
		}
	}
	require.True(t, upgrades > 0 || !golden.Whole())
}
