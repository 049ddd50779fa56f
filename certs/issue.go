package certs

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"time"
)

const (
	rsaBits      = 2048
	validityDays = 36500
)

// Validity is a certificate's time span. A zero NotBefore is now, a zero
// NotAfter is 36500 days after NotBefore, as the official script has it.
// Times are cut to the second.
type Validity struct {
	NotBefore, NotAfter time.Time
}

func (v Validity) span() (notBefore, notAfter time.Time) {
	notBefore, notAfter = v.NotBefore, v.NotAfter
	if notBefore.IsZero() {
		notBefore = time.Now()
	}
	if notAfter.IsZero() {
		notAfter = notBefore.AddDate(0, 0, validityDays)
	}
	return notBefore.UTC().Truncate(time.Second), notAfter.UTC().Truncate(time.Second)
}

// CA is a chain's certificate authority. It is safe for concurrent use.
type CA struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// Pair is a certificate with its private key, ready to be written to files.
type Pair struct {
	CertPEM []byte // ssl.crt or sdk.crt
	KeyPEM  []byte // ssl.key or sdk.key: PKCS#8
	NodeID  string // ssl.nodeid or sdk.nodeid: the RSA modulus, 512 lower-case hex digits without 0x
}

// NewCA makes an authority as the official script does (protocol §1.3): an
// RSA-2048 key and a self-signed X.509 v1 certificate without any extension,
// subject CN=FISCO-BCOS-<8 hex>, O=FISCO-BCOS-<8 hex>, OU=chain. It takes some
// tenths of a second, for the key.
func NewCA(v Validity) (*CA, error) {
	key, err := rsa.GenerateKey(rand.Reader, rsaBits)
	if err != nil {
		return nil, fmt.Errorf("make the CA's key: %w", err)
	}
	name, err := randomName()
	if err != nil {
		return nil, err
	}
	der, err := selfSignV1(key, name, name, "chain", v)
	if err != nil {
		return nil, fmt.Errorf("sign the CA's certificate: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("read the CA's certificate back: %w", err)
	}
	return &CA{cert: cert, key: key}, nil
}

// LoadCA reads an authority's certificate and private key, ca.crt and ca.key,
// and checks that they belong together, that the certificate may sign others and
// that it is valid today. Errors about the files are *FileError.
func LoadCA(certFile, keyFile string) (*CA, error) {
	pair, err := LoadPair(certFile, keyFile)
	if err != nil {
		return nil, err
	}
	cert := pair.Leaf
	if cert.Version == 3 && !(cert.BasicConstraintsValid && cert.IsCA) {
		return nil, &FileError{Path: certFile, Reason: "is not a CA certificate (X.509 v3 without CA:TRUE): name the chain's ca.crt"}
	}
	if cert.KeyUsage != 0 && cert.KeyUsage&x509.KeyUsageCertSign == 0 {
		return nil, &FileError{Path: certFile, Reason: "may not sign certificates (its key usage has no keyCertSign): name the chain's ca.crt"}
	}
	if !bytes.Equal(cert.RawIssuer, cert.RawSubject) {
		return nil, &FileError{Path: certFile, Reason: "is not self-signed: a chain's CA must be a root, because nodes trust ca.crt alone"}
	}
	signer, ok := pair.PrivateKey.(crypto.Signer)
	if !ok {
		return nil, &FileError{Path: keyFile, Reason: fmt.Sprintf("holds a key of a kind that cannot sign (%T)", pair.PrivateKey)}
	}
	return &CA{cert: cert, key: signer}, nil
}

// Certificate is the authority's own certificate.
func (ca *CA) Certificate() *x509.Certificate { return ca.cert }

// CertPEM is the content of ca.crt.
func (ca *CA) CertPEM() []byte { return encodeCertificate(ca.cert.Raw) }

// KeyPEM is the content of ca.key: PKCS#8.
func (ca *CA) KeyPEM() ([]byte, error) { return encodePrivateKey(ca.key) }

// Issue makes an RSA-2048 key and a certificate for it, good for a node and for
// a client alike (protocol §1.3): X.509 v3 whose only extension is
// basicConstraints CA:FALSE, subject CN=FISCO-BCOS-<8 hex>, O=fisco-bcos,
// OU=agency. It takes some tenths of a second, for the key.
func (ca *CA) Issue(v Validity) (Pair, error) {
	key, err := rsa.GenerateKey(rand.Reader, rsaBits)
	if err != nil {
		return Pair{}, fmt.Errorf("make a key: %w", err)
	}
	name, err := randomName()
	if err != nil {
		return Pair{}, err
	}
	subject, err := subjectDER(name, "fisco-bcos", "agency")
	if err != nil {
		return Pair{}, err
	}
	serial, err := randomSerial()
	if err != nil {
		return Pair{}, err
	}
	notBefore, notAfter := v.span()
	template := &x509.Certificate{
		SerialNumber: serial,
		RawSubject:   subject,
		NotBefore:    notBefore,
		NotAfter:     notAfter,
		// Written out because the library would mark the extension critical, and openssl does not.
		ExtraExtensions: []pkix.Extension{{Id: oidBasicConstraints, Value: []byte{0x30, 0x00}}},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.cert, key.Public(), ca.key)
	if err != nil {
		return Pair{}, fmt.Errorf("sign a certificate with the CA %q: %w", ca.cert.Subject, err)
	}
	keyPEM, err := encodePrivateKey(key)
	if err != nil {
		return Pair{}, err
	}
	return Pair{CertPEM: encodeCertificate(der), KeyPEM: keyPEM, NodeID: TLSNodeID(&key.PublicKey)}, nil
}

// TLSNodeID is the text of ssl.nodeid and sdk.nodeid: the modulus in lower-case
// hex without 0x, 512 digits for RSA-2048. It is not the consensus node id.
func TLSNodeID(key *rsa.PublicKey) string { return hex.EncodeToString(key.N.Bytes()) }

var (
	oidBasicConstraints = asn1.ObjectIdentifier{2, 5, 29, 19}
	oidSHA256WithRSA    = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}
	oidCommonName       = asn1.ObjectIdentifier{2, 5, 4, 3}
	oidOrganization     = asn1.ObjectIdentifier{2, 5, 4, 10}
	oidUnit             = asn1.ObjectIdentifier{2, 5, 4, 11}
)

// tbsCertificateV1 is RFC 5280's TBSCertificate without the optional version,
// whose default is v1, and without the fields that only later versions have.
// crypto/x509 reads such certificates but only writes v3.
type tbsCertificateV1 struct {
	SerialNumber *big.Int
	Signature    pkix.AlgorithmIdentifier
	Issuer       asn1.RawValue
	Validity     validityASN1
	Subject      asn1.RawValue
	PublicKey    asn1.RawValue
}

type validityASN1 struct {
	NotBefore, NotAfter time.Time // UTCTime before 2050, else GeneralizedTime
}

type certificateASN1 struct {
	TBS                asn1.RawValue
	SignatureAlgorithm pkix.AlgorithmIdentifier
	Signature          asn1.BitString
}

func selfSignV1(key *rsa.PrivateKey, commonName, organization, unit string, v Validity) ([]byte, error) {
	serial, err := randomSerial()
	if err != nil {
		return nil, err
	}
	subject, err := subjectDER(commonName, organization, unit)
	if err != nil {
		return nil, err
	}
	publicKey, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, err
	}
	algorithm := pkix.AlgorithmIdentifier{Algorithm: oidSHA256WithRSA, Parameters: asn1.NullRawValue}
	notBefore, notAfter := v.span()
	tbs, err := asn1.Marshal(tbsCertificateV1{
		SerialNumber: serial,
		Signature:    algorithm,
		Issuer:       asn1.RawValue{FullBytes: subject},
		Validity:     validityASN1{notBefore, notAfter},
		Subject:      asn1.RawValue{FullBytes: subject},
		PublicKey:    asn1.RawValue{FullBytes: publicKey},
	})
	if err != nil {
		return nil, err
	}
	digest := crypto.SHA256.New()
	digest.Write(tbs)
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest.Sum(nil))
	if err != nil {
		return nil, err
	}
	return asn1.Marshal(certificateASN1{
		TBS:                asn1.RawValue{FullBytes: tbs},
		SignatureAlgorithm: algorithm,
		Signature:          asn1.BitString{Bytes: signature, BitLength: len(signature) * 8},
	})
}

type attribute struct {
	Type  asn1.ObjectIdentifier
	Value string `asn1:"utf8"`
}

type attributeSET []attribute // the name's ending makes encoding/asn1 write a SET

// subjectDER is written by hand because pkix.Name has its own order of the
// attributes and prefers PrintableString; openssl keeps the script's order in UTF8String.
func subjectDER(commonName, organization, unit string) ([]byte, error) {
	return asn1.Marshal([]attributeSET{
		{{oidCommonName, commonName}},
		{{oidOrganization, organization}},
		{{oidUnit, unit}},
	})
}

func randomName() (string, error) {
	var b [4]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", fmt.Errorf("read random bytes: %w", err)
	}
	return "FISCO-BCOS-" + hex.EncodeToString(b[:]), nil
}

// randomSerial is positive and has 159 bits at most, so that its DER form stays
// within the 20 octets of RFC 5280.
func randomSerial() (*big.Int, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 159))
	if err != nil {
		return nil, fmt.Errorf("read random bytes: %w", err)
	}
	return serial.Add(serial, big.NewInt(1)), nil
}

func encodeCertificate(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func encodePrivateKey(key crypto.Signer) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode a private key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// parsePrivateKey tells a key that cannot be read from one that does not match.
func parsePrivateKey(keyPEM []byte) (crypto.Signer, error) {
	for rest := keyPEM; ; {
		var block *pem.Block
		block, rest = pem.Decode(rest)
		if block == nil {
			return nil, errors.New("no private key in PEM form")
		}
		switch block.Type {
		case "RSA PRIVATE KEY":
			return x509.ParsePKCS1PrivateKey(block.Bytes)
		case "EC PRIVATE KEY":
			return x509.ParseECPrivateKey(block.Bytes)
		case "PRIVATE KEY":
			key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
			if err != nil {
				return nil, err
			}
			switch key := key.(type) {
			case *rsa.PrivateKey:
				return key, nil
			case *ecdsa.PrivateKey:
				return key, nil
			}
			if signer, ok := key.(crypto.Signer); ok {
				return signer, nil
			}
			return nil, fmt.Errorf("a key of a kind that cannot sign (%T)", key)
		}
	}
}
