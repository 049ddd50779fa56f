package doctor

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"strconv"
	"time"

	"github.com/bcosgate/bcosgate/certs"
)

// expiringWithin is how long before its end a certificate is worth a warning.
const expiringWithin = 30 * 24 * time.Hour

// The DER forms of the curves that crypto/x509 does not know: they stand in every
// certificate and key of that kind.
var (
	sm2Curve       = []byte{0x06, 0x08, 0x2a, 0x81, 0x1c, 0xcf, 0x55, 0x01, 0x82, 0x2d}
	secp256k1Curve = []byte{0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a}
)

// checkFiles looks at each file by itself and then whether they belong together,
// so that everything wrong with them is said at once. The configuration is nil
// when there is a problem.
func checkFiles(files certs.Files, now time.Time) (*tls.Config, []Finding) {
	var findings []Finding
	cas, wrong := readCertificates(files.CA, now)
	findings = append(findings, wrong...)
	chain, wrong := readCertificates(files.Cert, now)
	findings = append(findings, wrong...)
	key, wrong := readKey(files.Key)
	findings = append(findings, wrong...)
	if key != nil && chain != nil && !fits(key, chain[0]) {
		findings = append(findings, find(KeyMismatch, Details{"file": files.Key, "certificate": files.Cert}))
	}
	if len(findings) > 0 {
		return nil, findings
	}
	if !signs(cas, chain, now) {
		return nil, []Finding{find(CertificateForeign, Details{
			"file": files.Cert, "ca": files.CA, "issuer": chain[0].Issuer.String(), "authority": cas[0].Subject.String(),
		})}
	}
	// The last word is that of the code which the gateway itself uses.
	cert, roots, err := certs.LoadTLSCert(files)
	if err != nil {
		return nil, []Finding{find(FilesUnusable, Details{"error": err.Error()})}
	}
	findings = append(findings, find(FilesOK, Details{"file": files.Cert, "until": day(chain[0].NotAfter)}))
	if f, soon := expiring(CertificateExpiring, files.Cert, chain[0], now); soon {
		findings = append(findings, f)
	}
	for _, ca := range cas {
		if f, soon := expiring(CertificateExpiring, files.CA, ca, now); soon {
			findings = append(findings, f)
		}
	}
	return certs.ClientConfig(cert, roots), findings
}

// expiring warns of a certificate that ends soon.
func expiring(code Code, name string, cert *x509.Certificate, now time.Time) (Finding, bool) {
	left := cert.NotAfter.Sub(now)
	if left > expiringWithin {
		return Finding{}, false
	}
	return find(code, Details{"file": name, "until": day(cert.NotAfter), "days": strconv.Itoa(int(left.Hours() / 24))}), true
}

// readCertificates reads all certificates of a file; nil with the reasons when
// there is none that can be used now.
func readCertificates(file string, now time.Time) ([]*x509.Certificate, []Finding) {
	data, wrong := readFile(file)
	if wrong != nil {
		return nil, wrong
	}
	var list []*x509.Certificate
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		details := Details{"file": file}
		switch {
		case err != nil && bytes.Contains(block.Bytes, sm2Curve):
			return nil, []Finding{find(CertificateGM, details)}
		case err != nil && bytes.Contains(block.Bytes, secp256k1Curve):
			return nil, []Finding{find(CertificateSecp256k1, details)}
		case err != nil:
			details["error"] = err.Error()
			return nil, []Finding{find(CertificateDamaged, details)}
		case now.After(cert.NotAfter):
			wrong = append(wrong, find(CertificateExpired, Details{"file": file, "until": day(cert.NotAfter)}))
		case now.Before(cert.NotBefore):
			wrong = append(wrong, find(CertificateEarly, Details{"file": file, "from": moment(cert.NotBefore), "now": moment(now)}))
		}
		list = append(list, cert)
	}
	if len(list) == 0 {
		return nil, []Finding{find(CertificateNotPEM, Details{"file": file})}
	}
	return list, wrong
}

// readKey reads the private key of a file.
func readKey(file string) (crypto.Signer, []Finding) {
	data, wrong := readFile(file)
	if wrong != nil {
		return nil, wrong
	}
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		var key any
		var err error
		switch block.Type {
		case "ENCRYPTED PRIVATE KEY":
			return nil, []Finding{find(KeyEncrypted, Details{"file": file})}
		case "PRIVATE KEY":
			key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
		case "RSA PRIVATE KEY":
			key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
		case "EC PRIVATE KEY":
			key, err = x509.ParseECPrivateKey(block.Bytes)
		default:
			continue
		}
		signer, ok := key.(crypto.Signer)
		switch {
		case err == nil && ok:
			return signer, nil
		case block.Headers["DEK-Info"] != "":
			return nil, []Finding{find(KeyEncrypted, Details{"file": file})}
		case bytes.Contains(block.Bytes, sm2Curve):
			return nil, []Finding{find(KeyGM, Details{"file": file})}
		case bytes.Contains(block.Bytes, secp256k1Curve):
			return nil, []Finding{find(KeySecp256k1, Details{"file": file})}
		}
		return nil, []Finding{find(KeyDamaged, Details{"file": file})}
	}
	return nil, []Finding{find(KeyNotPEM, Details{"file": file})}
}

// readFile reads a file of a target.
func readFile(file string) ([]byte, []Finding) {
	data, err := os.ReadFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, []Finding{find(FileMissing, Details{"file": file})}
	case err != nil:
		return nil, []Finding{find(FileUnreadable, Details{"file": file, "error": err.Error()})}
	}
	return data, nil
}

// fits reports whether a key is that of a certificate.
func fits(key crypto.Signer, cert *x509.Certificate) bool {
	public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	return ok && public.Equal(cert.PublicKey)
}

// signs reports whether an authority stands behind a certificate, as a node sees
// it: neither names nor usages count.
func signs(cas, chain []*x509.Certificate, now time.Time) bool {
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	for _, ca := range cas {
		roots.AddCert(ca)
	}
	for _, cert := range chain[1:] {
		between.AddCert(cert)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	return err == nil
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }
