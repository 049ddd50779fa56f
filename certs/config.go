package certs

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"time"
)

// sessionCacheSize bounds the TLS sessions that a client remembers: one per
// node address is used, and the oldest is forgotten.
const sessionCacheSize = 64

// ClientConfig is the configuration of a client of FISCO BCOS 3.x nodes
// (protocol §1.4): TLS 1.2 exactly, our certificate for the node, and a check of
// the node's certificate chain against roots. Names are not checked, because the
// certificates of a chain carry none; every certificate of the same CA is good.
// The check also runs when a session is resumed.
//
// The result is safe for concurrent use and is meant to be shared by all
// connections to one chain, so that they share the session cache. A dialer that
// leaves ServerName empty gets one cache entry for each address; one that sets
// it (tls.Dial does) one for each host.
func ClientConfig(cert tls.Certificate, roots *x509.CertPool) *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		MaxVersion:         tls.VersionTLS12,
		Certificates:       []tls.Certificate{cert},
		RootCAs:            roots,
		ClientSessionCache: tls.NewLRUClientSessionCache(sessionCacheSize),
		// Only the built-in check is off: it insists on names. VerifyConnection replaces it.
		InsecureSkipVerify: true,
		VerifyConnection: func(state tls.ConnectionState) error {
			return verifyPeer(state, roots)
		},
	}
}

func verifyPeer(state tls.ConnectionState, roots *x509.CertPool) error {
	if len(state.PeerCertificates) == 0 {
		return errors.New("the node sent no certificate")
	}
	leaf := state.PeerCertificates[0]
	intermediates := x509.NewCertPool()
	for _, cert := range state.PeerCertificates[1:] {
		intermediates.AddCert(cert)
	}
	if err := verifyChain(leaf, intermediates, roots, time.Now()); err != nil {
		return fmt.Errorf("the node's certificate %q, issued by %q, is not accepted by the configured CA: %w",
			leaf.Subject, leaf.Issuer, err)
	}
	return nil
}

// ServerConfig is the configuration of a FISCO BCOS 3.x node's RPC port: TLS 1.2
// exactly, and a client must show a certificate of a CA in roots (protocol §1.3).
func ServerConfig(cert tls.Certificate, roots *x509.CertPool) *tls.Config {
	return &tls.Config{
		MinVersion:   tls.VersionTLS12,
		MaxVersion:   tls.VersionTLS12,
		Certificates: []tls.Certificate{cert},
		ClientCAs:    roots,
		ClientAuth:   tls.RequireAndVerifyClientCert,
	}
}

// HTTPSConfig is the configuration of an ordinary HTTPS listener, such as the
// gateway's: TLS 1.2 or newer. With clientCAs a client must show a certificate
// of one of them; nil asks for none.
func HTTPSConfig(cert tls.Certificate, clientCAs *x509.CertPool) *tls.Config {
	cfg := &tls.Config{
		MinVersion:   tls.VersionTLS12,
		Certificates: []tls.Certificate{cert},
	}
	if clientCAs != nil {
		cfg.ClientCAs = clientCAs
		cfg.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return cfg
}

// LoadHTTPSClient is HTTPSClientConfig from files: caFile has the roots, empty for
// those of the system; certFile and keyFile are what is shown, both empty for
// nothing. Errors are *FileError.
func LoadHTTPSClient(caFile, certFile, keyFile string) (*tls.Config, error) {
	var roots *x509.CertPool
	if caFile != "" {
		pool, err := LoadPool(caFile)
		if err != nil {
			return nil, err
		}
		roots = pool
	}
	if certFile == "" && keyFile == "" {
		return HTTPSClientConfig(roots), nil
	}
	pair, err := LoadPair(certFile, keyFile)
	if err != nil {
		return nil, err
	}
	return HTTPSClientConfig(roots, pair), nil
}

// HTTPSClientConfig is the configuration of a client of an ordinary HTTPS
// server, such as the gateway: TLS 1.2 or newer, the server's name is checked.
// Nil roots are those of the system; certs are shown to a server that asks.
func HTTPSClientConfig(roots *x509.CertPool, certs ...tls.Certificate) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, Certificates: certs}
}
