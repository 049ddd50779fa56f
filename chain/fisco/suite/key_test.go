package suite

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"testing"

	"github.com/stretchr/testify/require"
)

// Made by OpenSSL 3.0 (ec, pkcs8 -topk8 -nocrypt) for the key of protocol §14.1.
const (
	opensslSEC1 = `-----BEGIN EC PRIVATE KEY-----
MHQCAQEEIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8goAcGBSuBBAAK
oUQDQgAEhL91YiYrvWlACFdI875q+lKuMXFVGB7OMbZjUcz/pLCMxD1jsoWdRp/u
FfMcnttTJCZub9BAfoc4LWD8RRGs2A==
-----END EC PRIVATE KEY-----
`
	opensslPKCS8 = `-----BEGIN PRIVATE KEY-----
MIGEAgEAMBAGByqGSM49AgEGBSuBBAAKBG0wawIBAQQgAQIDBAUGBwgJCgsMDQ4P
EBESExQVFhcYGRobHB0eHyChRANCAASEv3ViJiu9aUAIV0jzvmr6Uq4xcVUYHs4x
tmNRzP+ksIzEPWOyhZ1Gn+4V8xye21MkJm5v0EB+hzgtYPxFEazY
-----END PRIVATE KEY-----
`
)

func TestPrivateKeyForms(t *testing.T) {
	t.Parallel()
	scalar, err := hex.DecodeString(vectorKey)
	require.NoError(t, err)
	want, err := NewKey(Standard, scalar)
	require.NoError(t, err)

	pkcs8PEM, err := want.MarshalPEM()
	require.NoError(t, err)
	require.Equal(t, opensslPKCS8, string(pkcs8PEM))
	sec1DER, err := asn1.Marshal(sec1{Version: 1, PrivateKey: want.Bytes(), Curve: oidSecp256k1})
	require.NoError(t, err)
	sec1PEM := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: sec1DER})
	for name, data := range map[string][]byte{
		"hex":                  []byte(vectorKey),
		"hex with 0x":          []byte("0x" + vectorKey + "\n"),
		"our PKCS#8":           pkcs8PEM,
		"PKCS#8 of OpenSSL":    []byte(opensslPKCS8),
		"SEC1 of OpenSSL":      []byte(opensslSEC1),
		"SEC1":                 sec1PEM,
		"SEC1 with parameters": append([]byte("-----BEGIN EC PARAMETERS-----\nBgUrgQQACg==\n-----END EC PARAMETERS-----\n"), sec1PEM...),
	} {
		got, err := ParseKey(data, Standard)
		require.NoError(t, err, name)
		require.Equal(t, want.Bytes(), got.Bytes(), name)
		require.Equal(t, Standard, got.Suite(), name)
	}
}

func TestPrivateKeyFaults(t *testing.T) {
	t.Parallel()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	rsaDER, err := x509.MarshalPKCS8PrivateKey(rsaKey)
	require.NoError(t, err)
	block := func(typ string, der []byte) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: typ, Bytes: der})
	}
	sm2DER, err := asn1.Marshal(sec1{Version: 1, PrivateKey: make([]byte, 32), Curve: oidSM2})
	require.NoError(t, err)
	p256DER, err := asn1.Marshal(sec1{Version: 1, PrivateKey: make([]byte, 32), Curve: asn1.ObjectIdentifier{1, 2, 840, 10045, 3, 1, 7}})
	require.NoError(t, err)
	longDER, err := asn1.Marshal(sec1{Version: 1, PrivateKey: make([]byte, 33), Curve: oidSecp256k1})
	require.NoError(t, err)
	encrypted := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Headers: map[string]string{"Proc-Type": "4,ENCRYPTED"}, Bytes: sm2DER})

	for name, c := range map[string]struct {
		data []byte
		says string
	}{
		"empty":            {nil, "64 hex digits"},
		"short hex":        {[]byte("0102"), "64 hex digits"},
		"zero":             {[]byte(hex.EncodeToString(make([]byte, 32))), "order"},
		"too large":        {[]byte("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"), "order"},
		"RSA":              {block("PRIVATE KEY", rsaDER), "TLS key"},
		"zero SM2":         {block("EC PRIVATE KEY", sm2DER), "order of SM2"},
		"P-256":            {block("EC PRIVATE KEY", p256DER), "neither secp256k1 nor SM2"},
		"too long":         {block("EC PRIVATE KEY", longDER), "33 bytes"},
		"encrypted":        {encrypted, "encrypted"},
		"encrypted PKCS#8": {block("ENCRYPTED PRIVATE KEY", sm2DER), "encrypted"},
		"a certificate":    {block("CERTIFICATE", sm2DER), "CERTIFICATE"},
		"damaged PKCS#8":   {block("PRIVATE KEY", []byte{1, 2, 3}), "damaged"},
		"damaged SEC1":     {block("EC PRIVATE KEY", []byte{1, 2, 3}), "damaged"},
		"damaged PEM":      {[]byte("-----BEGIN PRIVATE KEY-----\n!!!"), "damaged"},
	} {
		_, err := ParseKey(c.data, Standard)
		require.ErrorIs(t, err, ErrKey, name)
		require.ErrorContains(t, err, c.says, name)
	}
}
