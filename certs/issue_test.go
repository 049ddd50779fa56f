package certs

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/internal/golden"
)

func TestCAIsAsTheOfficialScriptMakesIt(t *testing.T) {
	t.Parallel()
	ca, err := NewCA(Validity{NotBefore: time.Date(2026, 11, 21, 4, 31, 27, 999, time.UTC)})
	require.NoError(t, err)
	cert := ca.Certificate()

	require.Equal(t, 1, cert.Version)
	require.Empty(t, cert.Extensions)
	require.Equal(t, x509.SHA256WithRSA, cert.SignatureAlgorithm)
	require.Equal(t, 2048, cert.PublicKey.(*rsa.PublicKey).N.BitLen())
	require.Equal(t, cert.RawSubject, cert.RawIssuer)
	require.NoError(t, cert.CheckSignature(cert.SignatureAlgorithm, cert.RawTBSCertificate, cert.Signature))
	require.Equal(t, time.Date(2026, 11, 21, 4, 31, 27, 0, time.UTC), cert.NotBefore)
	require.Equal(t, time.Date(2126, 10, 28, 4, 31, 27, 0, time.UTC), cert.NotAfter, "36500 days")
	require.Positive(t, cert.SerialNumber.Sign())
	require.LessOrEqual(t, cert.SerialNumber.BitLen(), 160)

	name := requireSubject(t, cert.RawSubject, "", "chain")
	require.Regexp(t, regexp.MustCompile(`^FISCO-BCOS-[0-9a-f]{8}$`), name)

	var outer struct{ TBS, Algorithm, Signature asn1.RawValue }
	_, err = asn1.Unmarshal(cert.Raw, &outer)
	require.NoError(t, err)
	require.Equal(t, asn1.TagInteger, int(outer.TBS.Bytes[0]), "the first field is the serial number: v1 is the default and is not written")
	require.True(t, bytes.Contains(cert.RawTBSCertificate, []byte("\x17\x0d261121043127Z\x18\x0f21261028043127Z")),
		"UTCTime before 2050, GeneralizedTime after")
}

// requireSubject checks CN, O and OU in this order, all UTF8String, and returns
// the CN. An empty organization means that it equals the CN.
func requireSubject(t *testing.T, der []byte, organization, unit string) string {
	t.Helper()
	type pair struct {
		Type  asn1.ObjectIdentifier
		Value asn1.RawValue
	}
	type pairSET []pair
	var name []pairSET
	rest, err := asn1.Unmarshal(der, &name)
	require.NoError(t, err)
	require.Empty(t, rest)
	require.Len(t, name, 3)
	var values []string
	for i, oid := range []asn1.ObjectIdentifier{oidCommonName, oidOrganization, oidUnit} {
		require.Len(t, name[i], 1)
		require.True(t, name[i][0].Type.Equal(oid), "%v", name[i][0].Type)
		require.Equal(t, asn1.TagUTF8String, name[i][0].Value.Tag)
		values = append(values, string(name[i][0].Value.Bytes))
	}
	if organization == "" {
		organization = values[0]
	}
	require.Equal(t, organization, values[1])
	require.Equal(t, unit, values[2])
	return values[0]
}

func TestIssuedCertificateIsAsTheOfficialScriptMakesIt(t *testing.T) {
	t.Parallel()
	ca, pool := authority(t)
	pair, err := ca.Issue(Validity{})
	require.NoError(t, err)

	block, rest := pem.Decode(pair.CertPEM)
	require.Empty(t, rest)
	cert, err := x509.ParseCertificate(block.Bytes)
	require.NoError(t, err)
	require.Equal(t, 3, cert.Version)
	require.Equal(t, x509.SHA256WithRSA, cert.SignatureAlgorithm)
	require.Equal(t, ca.Certificate().RawSubject, cert.RawIssuer)
	require.Len(t, cert.Extensions, 1)
	require.Equal(t, oidBasicConstraints, cert.Extensions[0].Id)
	require.False(t, cert.Extensions[0].Critical)
	require.True(t, cert.BasicConstraintsValid)
	require.False(t, cert.IsCA)
	require.Equal(t, cert.NotBefore.AddDate(0, 0, 36500), cert.NotAfter)
	require.Regexp(t, `^FISCO-BCOS-[0-9a-f]{8}$`, requireSubject(t, cert.RawSubject, "fisco-bcos", "agency"))
	require.NoError(t, verifyChain(cert, nil, pool, time.Now()))

	keyBlock, rest := pem.Decode(pair.KeyPEM)
	require.Empty(t, rest)
	require.Equal(t, "PRIVATE KEY", keyBlock.Type)
	key, err := x509.ParsePKCS8PrivateKey(keyBlock.Bytes)
	require.NoError(t, err)
	require.True(t, key.(*rsa.PrivateKey).PublicKey.Equal(cert.PublicKey))

	require.Len(t, pair.NodeID, 512)
	modulus, ok := new(big.Int).SetString(pair.NodeID, 16)
	require.True(t, ok)
	require.Zero(t, modulus.Cmp(cert.PublicKey.(*rsa.PublicKey).N))
}

func TestLoadCA(t *testing.T) {
	t.Parallel()
	ca, pool := authority(t)
	dir := t.TempDir()
	keyPEM, err := ca.KeyPEM()
	require.NoError(t, err)
	caCert, caKey := write(t, dir, "ca.crt", ca.CertPEM()), write(t, dir, "ca.key", keyPEM)

	again, err := LoadCA(caCert, caKey)
	require.NoError(t, err)
	pair, err := again.Issue(Validity{})
	require.NoError(t, err)
	block, _ := pem.Decode(pair.CertPEM)
	cert, err := x509.ParseCertificate(block.Bytes)
	require.NoError(t, err)
	require.NoError(t, verifyChain(cert, nil, pool, time.Now()))

	// openssl 1.1.1 writes ca.key in PKCS#1.
	pkcs1 := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(ca.key.(*rsa.PrivateKey))})
	_, err = LoadCA(caCert, write(t, dir, "old.key", pkcs1))
	require.NoError(t, err)

	_, err = LoadCA(write(t, dir, "leaf.crt", pair.CertPEM), write(t, dir, "leaf.key", pair.KeyPEM))
	require.ErrorContains(t, err, "leaf.crt: is not a CA certificate")
	_, err = LoadCA(caCert, filepath.Join(dir, "leaf.key"))
	require.ErrorContains(t, err, "leaf.key: is not the private key of the certificate")
}

// TestRecordedCertificates reads the certificates of a real chain, when the
// recordings are at hand.
func TestRecordedCertificates(t *testing.T) {
	t.Parallel()
	dir := filepath.Dir(golden.Path(t, "tls/std/sdk.key"))
	now := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	cert, _, err := loadTLSCert(Files{CA: filepath.Join(dir, "ca.crt"), Cert: filepath.Join(dir, "sdk.crt"), Key: filepath.Join(dir, "sdk.key")}, now)
	require.NoError(t, err)
	nodeID, err := os.ReadFile(filepath.Join(dir, "sdk.nodeid"))
	require.NoError(t, err)
	require.Equal(t, string(bytes.TrimSpace(nodeID)), TLSNodeID(cert.Leaf.PublicKey.(*rsa.PublicKey)))
	require.Equal(t, "FISCO-BCOS-e25c8a80", requireSubject(t, cert.Leaf.RawSubject, "fisco-bcos", "agency"))
	require.Len(t, cert.Certificate, 2)
	ca, err := x509.ParseCertificate(cert.Certificate[1])
	require.NoError(t, err)
	require.Equal(t, 1, ca.Version)
	requireSubject(t, ca.RawSubject, "", "chain")
}
