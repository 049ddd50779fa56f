package certs

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// authority makes a CA and the pool that trusts it.
func authority(t *testing.T) (*CA, *x509.CertPool) {
	t.Helper()
	ca, err := NewCA(Validity{})
	require.NoError(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(ca.Certificate())
	return ca, pool
}

func issued(t *testing.T, ca *CA, v Validity) tls.Certificate {
	t.Helper()
	pair, err := ca.Issue(v)
	require.NoError(t, err)
	cert, err := tls.X509KeyPair(pair.CertPEM, pair.KeyPEM)
	require.NoError(t, err)
	return cert
}

// echoServer accepts TLS connections until the test ends, answers each with the
// bytes it sends, and hands every handshake's error to the returned channel.
func echoServer(t *testing.T, cfg *tls.Config) (address string, handshakes <-chan error) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	results := make(chan error, 16)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			raw, err := listener.Accept()
			if err != nil {
				return
			}
			conn := tls.Server(raw, cfg)
			results <- conn.Handshake()
			io.Copy(conn, conn)
			conn.Close()
		}
	}()
	t.Cleanup(func() {
		listener.Close()
		<-done
	})
	return listener.Addr().String(), results
}

// exchange dials, sends five bytes and reads them back.
func exchange(t *testing.T, address string, cfg *tls.Config) (tls.ConnectionState, error) {
	t.Helper()
	raw, err := net.DialTimeout("tcp", address, 5*time.Second)
	require.NoError(t, err)
	conn := tls.Client(raw, cfg)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	if _, err := conn.Write([]byte("hello")); err != nil {
		return conn.ConnectionState(), err
	}
	answer := make([]byte, 5)
	if _, err := io.ReadFull(conn, answer); err != nil {
		return conn.ConnectionState(), err
	}
	require.Equal(t, "hello", string(answer))
	return conn.ConnectionState(), nil
}

func TestHandshakeOfOneChain(t *testing.T) {
	t.Parallel()
	ca, pool := authority(t)
	node, sdk := issued(t, ca, Validity{}), issued(t, ca, Validity{})
	address, handshakes := echoServer(t, ServerConfig(node, pool))

	client := ClientConfig(sdk, pool)
	state, err := exchange(t, address, client)
	require.NoError(t, err)
	require.NoError(t, <-handshakes)
	require.Equal(t, uint16(tls.VersionTLS12), state.Version)
	require.False(t, state.DidResume)
	require.Equal(t, node.Certificate[0], state.PeerCertificates[0].Raw)

	state, err = exchange(t, address, client)
	require.NoError(t, err)
	require.NoError(t, <-handshakes)
	require.True(t, state.DidResume, "the second connection of one configuration resumes the session")
}

func TestAnyCertificateOfTheCAIsGoodOnBothSides(t *testing.T) {
	t.Parallel()
	ca, pool := authority(t)
	cert := issued(t, ca, Validity{})
	address, handshakes := echoServer(t, ServerConfig(cert, pool))
	_, err := exchange(t, address, ClientConfig(cert, pool))
	require.NoError(t, err)
	require.NoError(t, <-handshakes)
}

func TestServerRefuses(t *testing.T) {
	t.Parallel()
	ca, pool := authority(t)
	otherCA, _ := authority(t)
	sdk := issued(t, ca, Validity{})
	address, handshakes := echoServer(t, ServerConfig(issued(t, ca, Validity{}), pool))
	past := time.Now().AddDate(-1, 0, 0)

	tests := []struct {
		name   string
		client func() *tls.Config
		alert  string // what the client is told
	}{
		{"no certificate", func() *tls.Config {
			cfg := ClientConfig(tls.Certificate{}, pool)
			cfg.Certificates = nil
			return cfg
		}, "handshake failure"},
		{"a certificate of another CA", func() *tls.Config {
			cert := issued(t, otherCA, Validity{})
			cfg := ClientConfig(cert, pool)
			// Sent although the server names other authorities.
			cfg.Certificates = nil
			cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cert, nil }
			return cfg
		}, "unknown certificate authority"},
		{"an expired certificate", func() *tls.Config {
			return ClientConfig(issued(t, ca, Validity{NotBefore: past, NotAfter: past.AddDate(0, 1, 0)}), pool)
		}, "expired certificate"},
		{"a certificate of tomorrow", func() *tls.Config {
			return ClientConfig(issued(t, ca, Validity{NotBefore: time.Now().AddDate(0, 0, 1)}), pool)
		}, "expired certificate"},
		{"TLS 1.3 only", func() *tls.Config {
			cfg := ClientConfig(sdk, pool)
			cfg.MinVersion, cfg.MaxVersion = tls.VersionTLS13, tls.VersionTLS13
			return cfg
		}, "protocol version not supported"},
		{"TLS 1.1 only", func() *tls.Config {
			cfg := ClientConfig(sdk, pool)
			cfg.MinVersion, cfg.MaxVersion = tls.VersionTLS11, tls.VersionTLS11
			return cfg
		}, "protocol version not supported"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := exchange(t, address, test.client())
			require.Error(t, err)
			require.Error(t, <-handshakes)
			require.ErrorContains(t, err, test.alert)
		})
	}
}

func TestClientRefuses(t *testing.T) {
	t.Parallel()
	ca, pool := authority(t)
	otherCA, otherPool := authority(t)
	sdk := issued(t, ca, Validity{})
	past := time.Now().AddDate(-1, 0, 0)
	newer := ServerConfig(issued(t, ca, Validity{}), pool)
	newer.MinVersion, newer.MaxVersion = tls.VersionTLS13, tls.VersionTLS13

	tests := []struct {
		name   string
		server *tls.Config
		check  func(t *testing.T, err error)
	}{
		{"a node of another CA", ServerConfig(issued(t, otherCA, Validity{}), pool), func(t *testing.T, err error) {
			var unknown x509.UnknownAuthorityError
			require.ErrorAs(t, err, &unknown)
			require.ErrorContains(t, err, "not accepted by the configured CA")
		}},
		{"a node with an expired certificate", ServerConfig(issued(t, ca, Validity{NotBefore: past, NotAfter: past.AddDate(0, 1, 0)}), pool), func(t *testing.T, err error) {
			var invalid x509.CertificateInvalidError
			require.ErrorAs(t, err, &invalid)
			require.Equal(t, x509.Expired, invalid.Reason)
		}},
		{"a node that speaks only TLS 1.3", newer, func(t *testing.T, err error) {
			require.ErrorContains(t, err, "protocol version not supported")
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			address, handshakes := echoServer(t, test.server)
			_, err := exchange(t, address, ClientConfig(sdk, pool))
			require.Error(t, err)
			require.Error(t, <-handshakes)
			test.check(t, err)
		})
	}

	t.Run("a resumed session is checked again", func(t *testing.T) {
		t.Parallel()
		address, handshakes := echoServer(t, ServerConfig(issued(t, ca, Validity{}), pool))
		cfg := ClientConfig(sdk, pool)
		_, err := exchange(t, address, cfg)
		require.NoError(t, err)
		require.NoError(t, <-handshakes)

		stranger := ClientConfig(sdk, otherPool)
		stranger.ClientSessionCache = cfg.ClientSessionCache
		_, err = exchange(t, address, stranger)
		var unknown x509.UnknownAuthorityError
		require.ErrorAs(t, err, &unknown)
		<-handshakes
	})
}

func TestHTTPSConfigAsksForACertificateOnlyWithACA(t *testing.T) {
	t.Parallel()
	ca, pool := authority(t)
	server, client := issued(t, ca, Validity{}), issued(t, ca, Validity{})
	anonymous := ClientConfig(tls.Certificate{}, pool)
	anonymous.Certificates = nil
	anonymous.MaxVersion = 0

	address, handshakes := echoServer(t, HTTPSConfig(server, nil))
	state, err := exchange(t, address, anonymous)
	require.NoError(t, err)
	require.NoError(t, <-handshakes)
	require.Equal(t, uint16(tls.VersionTLS13), state.Version)

	address, handshakes = echoServer(t, HTTPSConfig(server, pool))
	_, err = exchange(t, address, anonymous.Clone())
	require.Error(t, err)
	require.Error(t, <-handshakes)
	_, err = exchange(t, address, ClientConfig(client, pool))
	require.NoError(t, err)
	require.NoError(t, <-handshakes)
}

func TestHTTPSClientConfigChecksTheName(t *testing.T) {
	t.Parallel()
	ca, pool := authority(t)
	client := issued(t, ca, Validity{})
	address, handshakes := echoServer(t, HTTPSConfig(issued(t, ca, Validity{}), pool))
	cfg := HTTPSClientConfig(pool, client)
	cfg.ServerName = "127.0.0.1" // as net/http sets it
	_, err := exchange(t, address, cfg)
	var name x509.HostnameError
	require.ErrorAs(t, err, &name, "a certificate of a chain has no names, so it is no good for HTTPS")
	require.Error(t, <-handshakes)
}

func TestAServerWithoutACertificateIsRefused(t *testing.T) {
	t.Parallel()
	_, pool := authority(t)
	err := verifyPeer(tls.ConnectionState{}, pool)
	require.Error(t, err)
	require.False(t, errors.Is(err, x509.UnknownAuthorityError{}))
	require.ErrorContains(t, err, "sent no certificate")
}
