package fisco

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"net"
	"path"
	"strings"
	"testing"

	"github.com/emmansun/gmsm/smx509"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/certs"
	"github.com/bcosgate/bcosgate/internal/golden"
)

// record is a TLS record of a recorded handshake.
type record struct {
	sent bool // by the client
	wire []byte
}

// connections gives the records of each connection of a recorded handshake.
func connections(t *testing.T, name string) [][]record {
	t.Helper()
	var out [][]record
	var current []record
	for _, line := range append(golden.Lines(t, name), "") {
		mark, text, _ := strings.Cut(line, " ")
		wire, err := hex.DecodeString(text)
		switch {
		case (mark == ">" || mark == "<") && err == nil && len(wire) > 5:
			current = append(current, record{mark == ">", wire})
		case line == "" && len(current) > 0:
			out = append(out, current)
			current = nil
		}
	}
	require.NotEmpty(t, out, name)
	return out
}

// handshakeMessage finds the first handshake message of a type from the node.
func handshakeMessage(records []record, typ byte) []byte {
	for _, r := range records {
		if !r.sent && r.wire[0] == 22 && r.wire[5] == typ {
			return r.wire[9:]
		}
	}
	return nil
}

// certificatesOf cuts a Certificate message of TLS 1.2 apart.
func certificatesOf(t *testing.T, message []byte) [][]byte {
	t.Helper()
	var out [][]byte
	for rest := message[3:]; len(rest) >= 3; {
		n := int(rest[0])<<16 | int(rest[1])<<8 | int(rest[2])
		require.LessOrEqual(t, 3+n, len(rest))
		out = append(out, rest[3:3+n])
		rest = rest[3+n:]
	}
	return out
}

// clientConfig is that of a client with the recorded identity. Its key is not
// there: no recorded handshake comes as far as a signature.
func clientConfig(t *testing.T, dir string) *tls.Config {
	t.Helper()
	read := func(name string) []byte {
		block, _ := pem.Decode(golden.Read(t, dir+"/"+name))
		require.NotNil(t, block, name)
		return block.Bytes
	}
	authority, err := x509.ParseCertificate(read("ca.crt"))
	require.NoError(t, err)
	roots := x509.NewCertPool()
	roots.AddCert(authority)
	return certs.ClientConfig(tls.Certificate{Certificate: [][]byte{read("sdk.crt")}}, roots)
}

// What a real node shows in its handshake is what our TLS settings accept: TLS
// 1.2, a suite that we offer, and a chain up to the CA without any name.
func TestRecordedHandshakes(t *testing.T) {
	t.Parallel()
	for _, name := range golden.Files(t, "tls/std*/handshake-*.txt") {
		conf := clientConfig(t, path.Dir(name))
		for _, records := range connections(t, name) {
			hello := handshakeMessage(records, 2)
			require.NotNil(t, hello, name)
			require.Equal(t, []byte{3, 3}, hello[:2], "TLS 1.2")
			suite := uint16(hello[35+int(hello[34])])<<8 | uint16(hello[36+int(hello[34])])
			if message := handshakeMessage(records, 11); message != nil {
				var chain []*x509.Certificate
				for _, der := range certificatesOf(t, message) {
					cert, err := x509.ParseCertificate(der)
					require.NoError(t, err)
					chain = append(chain, cert)
				}
				require.Len(t, chain, 2, "leaf and CA")
				state := tls.ConnectionState{Version: tls.VersionTLS12, CipherSuite: suite, PeerCertificates: chain}
				require.NoError(t, conf.VerifyConnection(state), name)
				state.PeerCertificates = chain[:1]
				require.NoError(t, conf.VerifyConnection(state), "the leaf alone is enough")
			}
			require.Equal(t, uint16(tls.VersionTLS12), conf.MinVersion)
			require.Equal(t, uint16(tls.VersionTLS12), conf.MaxVersion)
			known := false
			for _, s := range tls.CipherSuites() {
				known = known || s.ID == suite
			}
			require.True(t, known, "suite %04x", suite)
		}
	}
}

// The refusals of a real node, sent by a listener that plays its records, give
// the reasons that tell a person what to mend.
func TestRecordedRefusals(t *testing.T) {
	t.Parallel()
	for _, pattern := range []string{"tls/std*/refused-*.txt", "tls/gm*/refused-*.txt"} {
		for _, name := range golden.Files(t, pattern) {
			for _, records := range connections(t, name) {
				last := records[len(records)-1].wire
				require.Equal(t, byte(21), last[0], "%s ends with an alert", name)
				conf := clientConfig(t, "tls/std")
				if strings.Contains(name, "no-certificate") {
					conf.Certificates = nil
				}
				address := listen(t, func(c net.Conn) {
					var hello [5]byte
					if _, err := c.Read(hello[:]); err == nil {
						_, _ = c.Write(last)
						_, _ = c.Read(make([]byte, 1<<12)) // until the client hangs up
					}
				})
				_, err := Dial(soon(t), DialConfig{Address: address, TLS: conf, ChainID: "chain0", Group: "group0"})
				require.Error(t, err, name)
				switch last[6] {
				case 70:
					require.Equal(t, ReasonTLSVersion, reasonOf(t, err), name)
				case 40:
					require.Equal(t, ReasonOwnCertificate, reasonOf(t, err), name)
					if golden.GM(path.Dir(name)) {
						require.ErrorContains(t, err, "a GM node refuses every standard one")
					}
				default:
					require.Equal(t, ReasonTLS, reasonOf(t, err), name)
				}
			}
		}
	}
}

// The certificates of a GM node: three in its handshake (signing, CA,
// encryption), all readable, issued by the CA, told apart by key usage.
func TestRecordedGMCertificates(t *testing.T) {
	t.Parallel()
	for _, name := range golden.Files(t, "tls/gm*/handshake-*.txt") {
		block, _ := pem.Decode(golden.Read(t, path.Dir(name)+"/sm_ca.crt"))
		authority, err := smx509.ParseCertificate(block.Bytes)
		require.NoError(t, err)
		seen := 0
		for _, records := range connections(t, name) {
			message := handshakeMessage(records, 11)
			if message == nil {
				continue
			}
			seen++
			var signing, encryption int
			for _, der := range certificatesOf(t, message) {
				cert, err := smx509.ParseCertificate(der)
				require.NoError(t, err)
				if bytes.Equal(der, authority.Raw) {
					continue
				}
				require.NoError(t, authority.CheckSignature(cert.SignatureAlgorithm, cert.RawTBSCertificate, cert.Signature))
				if cert.KeyUsage&smx509.KeyUsageDigitalSignature != 0 {
					signing++
				}
				if cert.KeyUsage&smx509.KeyUsageKeyEncipherment != 0 {
					encryption++
				}
			}
			require.Equal(t, 1, signing)
			require.Equal(t, 1, encryption)
		}
		require.Positive(t, seen, name)
	}
}
