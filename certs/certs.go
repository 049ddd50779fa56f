// Package certs reads, checks and makes the certificates that connections to
// nodes are authenticated with: it is the only place where TLS files are read
// and where a TLS configuration is put together.
//
// It never opens a socket, never reads the configuration of a program, and
// never touches the keys of chain accounts that sign transactions.
package certs

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"time"
)

// Files names the PEM files of one TLS identity and of the authority that it
// trusts: for a client of a FISCO BCOS node sdk/ca.crt, sdk/sdk.crt and
// sdk/sdk.key, for a node conf/ca.crt, conf/ssl.crt and conf/ssl.key.
type Files struct {
	CA   string // one or more CA certificates
	Cert string // the certificate, followed by intermediate ones if there are any
	Key  string // its private key, PKCS#8, PKCS#1 or SEC1, not encrypted
}

// FileError says which file is wrong, what is wrong with it, and what to do.
type FileError struct {
	Path   string
	Reason string
	Err    error // the cause when there is one, for errors.Is (for example fs.ErrNotExist)
}

func (e *FileError) Error() string { return e.Path + ": " + e.Reason }

func (e *FileError) Unwrap() error { return e.Err }

// LoadTLSCert reads the files and checks that they belong together: the key is
// the certificate's, the CA signed the certificate, and both are valid today.
// Extended key usages and names are not looked at, as a node does not look at
// them (protocol §1.3). The chain of the returned certificate ends with the CA
// that signed it, because nodes and official clients send it too. The files are
// read once; nothing is cached.
//
// All errors are *FileError.
func LoadTLSCert(f Files) (tls.Certificate, *x509.CertPool, error) {
	return loadTLSCert(f, time.Now())
}

func loadTLSCert(f Files, now time.Time) (tls.Certificate, *x509.CertPool, error) {
	cert, err := loadPair(f.Cert, f.Key, now)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	cas, err := readCertificates(f.CA, "the CA certificate (ca.crt)", now)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	roots := x509.NewCertPool()
	for _, ca := range cas {
		roots.AddCert(ca)
	}
	intermediates, err := intermediatesOf(cert.Certificate)
	if err != nil {
		return tls.Certificate{}, nil, &FileError{Path: f.Cert, Reason: "holds a certificate that cannot be read: " + err.Error(), Err: err}
	}
	if err := verifyChain(cert.Leaf, intermediates, roots, now); err != nil {
		return tls.Certificate{}, nil, &FileError{
			Path: f.Cert,
			Reason: fmt.Sprintf("was not signed by the CA in %s (the certificate's issuer is %q, the CA is %q): "+
				"take both files from the same chain's folder", f.CA, cert.Leaf.Issuer, cas[0].Subject),
			Err: err,
		}
	}
	for _, ca := range cas {
		signs := bytes.Equal(ca.RawSubject, cert.Leaf.RawIssuer) && cert.Leaf.CheckSignatureFrom(ca) == nil
		if signs && len(cert.Certificate) == 1 { // a longer chain was put together by the user
			cert.Certificate = append(cert.Certificate, ca.Raw)
			break
		}
	}
	return cert, roots, nil
}

// LoadPair reads a certificate and its private key without asking who signed
// them, for example those of an HTTPS listener, and checks that they belong
// together and that the certificate is valid today. All errors are *FileError.
func LoadPair(certFile, keyFile string) (tls.Certificate, error) {
	return loadPair(certFile, keyFile, time.Now())
}

// LoadPool reads the CA certificates of a PEM file. Each of them must be valid
// today. All errors are *FileError.
func LoadPool(caFile string) (*x509.CertPool, error) {
	cas, err := readCertificates(caFile, "the CA certificate", time.Now())
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	for _, ca := range cas {
		pool.AddCert(ca)
	}
	return pool, nil
}

func loadPair(certFile, keyFile string, now time.Time) (tls.Certificate, error) {
	certs, err := readCertificates(certFile, "the certificate", now)
	if err != nil {
		return tls.Certificate{}, err
	}
	keyPEM, err := readFile(keyFile, "the private key")
	if err != nil {
		return tls.Certificate{}, err
	}
	if err := checkKeyPEM(keyFile, keyPEM); err != nil {
		return tls.Certificate{}, err
	}
	var certPEM []byte
	for _, c := range certs {
		certPEM = append(certPEM, encodeCertificate(c.Raw)...)
	}
	// The certificate parsed above, so what is left to fail is the key or the match.
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		if _, keyErr := parsePrivateKey(keyPEM); keyErr != nil {
			return tls.Certificate{}, &FileError{Path: keyFile, Reason: "holds no private key that TLS can use: " + keyErr.Error(), Err: keyErr}
		}
		return tls.Certificate{}, &FileError{
			Path:   keyFile,
			Reason: fmt.Sprintf("is not the private key of the certificate %s: take the key that was made together with it", certFile),
			Err:    err,
		}
	}
	pair.Leaf = certs[0]
	return pair, nil
}

func checkKeyPEM(path string, data []byte) error {
	for rest := data; ; {
		var block *pem.Block
		block, rest = pem.Decode(rest)
		switch {
		case block == nil:
			return &FileError{Path: path, Reason: "has no PEM block of a private key (a line like -----BEGIN PRIVATE KEY-----): name the .key file"}
		case block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "":
			return &FileError{Path: path, Reason: "is encrypted with a pass phrase: decrypt it first (openssl pkey -in FILE -out NEW)"}
		case block.Type == "PRIVATE KEY" || block.Type == "RSA PRIVATE KEY" || block.Type == "EC PRIVATE KEY":
			return nil
		}
	}
}

func readFile(path, what string) ([]byte, error) {
	if path == "" {
		return nil, &FileError{Path: "(no file)", Reason: "no file is named for " + what}
	}
	data, err := os.ReadFile(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, &FileError{Path: path, Reason: "the file does not exist; " + what + " is expected here", Err: err}
	case errors.Is(err, os.ErrPermission):
		return nil, &FileError{Path: path, Reason: "the file may not be read by this user; " + what + " is expected here", Err: err}
	case err != nil:
		return nil, &FileError{Path: path, Reason: "cannot be read: " + err.Error(), Err: err}
	}
	return data, nil
}

// readCertificates returns at least one certificate, all of them valid at now.
func readCertificates(path, what string, now time.Time) ([]*x509.Certificate, error) {
	data, err := readFile(path, what)
	if err != nil {
		return nil, err
	}
	var certs []*x509.Certificate
	for rest := data; ; {
		var block *pem.Block
		block, rest = pem.Decode(rest)
		if block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, &FileError{Path: path, Reason: "holds a certificate that cannot be read: " + err.Error() +
				" (national-algorithm and secp256k1 certificates are not supported)", Err: err}
		}
		if err := checkDates(cert, now); err != nil {
			return nil, &FileError{Path: path, Reason: err.Error(), Err: err}
		}
		certs = append(certs, cert)
	}
	if len(certs) == 0 {
		return nil, &FileError{Path: path, Reason: "has no PEM block of a certificate (a line like -----BEGIN CERTIFICATE-----); " + what + " is expected here"}
	}
	return certs, nil
}

func checkDates(cert *x509.Certificate, now time.Time) error {
	switch {
	case now.Before(cert.NotBefore):
		return fmt.Errorf("the certificate %q is not valid before %s (it is %s now): check this machine's clock",
			cert.Subject, stamp(cert.NotBefore), stamp(now))
	case now.After(cert.NotAfter):
		return fmt.Errorf("the certificate %q expired at %s (it is %s now): have a new one issued",
			cert.Subject, stamp(cert.NotAfter), stamp(now))
	}
	return nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// intermediatesOf parses what follows the leaf in a chain of DER certificates.
func intermediatesOf(chain [][]byte) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	for _, der := range chain[1:] {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, err
		}
		pool.AddCert(cert)
	}
	return pool, nil
}

// verifyChain is the check that nodes make: the chain up to the pool and the
// dates; no names, no usages.
func verifyChain(leaf *x509.Certificate, intermediates, roots *x509.CertPool, now time.Time) error {
	_, err := leaf.Verify(x509.VerifyOptions{
		Roots:         roots,
		Intermediates: intermediates,
		CurrentTime:   now,
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	return err
}
