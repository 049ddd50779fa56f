package suite

import (
	"encoding/hex"
	"encoding/pem"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/internal/golden"
)

// The bytes are those of `openssl ecparam -genkey -name secp256k1 -noout | openssl pkcs8 -topk8 -nocrypt`
// with the number 1 in place of the private key, so that the public key is the generator.
func TestKeyIsWrittenAsOpensslWritesIt(t *testing.T) {
	t.Parallel()
	const number = "0000000000000000000000000000000000000000000000000000000000000001"
	const public = "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798" +
		"483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8"
	key, err := NewKey(Standard, [32]byte{31: 1})
	require.NoError(t, err)
	require.Equal(t, public, key.NodeID())
	require.Equal(t, "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf", key.Address().Hex())

	written, err := key.PEM()
	require.NoError(t, err)
	block, rest := pem.Decode(written)
	require.Empty(t, rest)
	require.Equal(t, "PRIVATE KEY", block.Type)
	require.Equal(t, "308184020100301006072a8648ce3d020106052b8104000a046d306b0201010420"+number+
		"a14403420004"+public, hex.EncodeToString(block.Bytes))
}

// The keys of a real GM chain are read, and written again byte for byte.
func TestRecordedKeys(t *testing.T) {
	t.Parallel()
	for _, name := range golden.SupportFiles(t, "tls/gm/*.key") {
		text := golden.Support(t, name)
		key, err := ParsePEM(text)
		require.NoError(t, err, name)
		require.Equal(t, GM, key.Suite())
		written, err := key.PEM()
		require.NoError(t, err)
		require.Equal(t, string(text), string(written), name)
		if id := strings.TrimSuffix(name, ".key") + ".nodeid"; golden.Has(id) {
			require.Equal(t, strings.TrimSpace(string(golden.Read(t, id))), key.NodeID(), name)
		}
	}
}

// OpenSSL reads what is written here, where it knows the curve.
func TestOpensslReadsTheKeys(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed")
	}
	for s, curve := range map[Suite]string{Standard: "secp256k1", GM: "SM2"} {
		if known, _ := exec.Command(program, "ecparam", "-list_curves").Output(); !strings.Contains(string(known), curve) {
			t.Logf("this openssl does not know %s", curve)
			continue
		}
		key, err := GenerateKey(s)
		require.NoError(t, err)
		text, err := key.PEM()
		require.NoError(t, err)
		cmd := exec.Command(program, "pkey", "-noout", "-text")
		cmd.Stdin = strings.NewReader(string(text))
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
		shown := strings.NewReplacer(":", "", "\n", "", " ", "").Replace(string(out))
		require.Contains(t, shown, "04"+key.NodeID())
	}
}

func TestGeneratedKeysDiffer(t *testing.T) {
	t.Parallel()
	for _, s := range []Suite{Standard, GM} {
		one, err := GenerateKey(s)
		require.NoError(t, err)
		two, err := GenerateKey(s)
		require.NoError(t, err)
		require.NotEqual(t, one.NodeID(), two.NodeID())
		text, err := one.PEM()
		require.NoError(t, err)
		read, err := ParsePEM(text)
		require.NoError(t, err)
		require.Equal(t, one.NodeID(), read.NodeID())
		require.Equal(t, s, read.Suite())
	}
}

func TestParsePEMReadsSEC1(t *testing.T) {
	t.Parallel()
	for s, text := range map[Suite]string{
		Standard: `-----BEGIN EC PARAMETERS-----
BgUrgQQACg==
-----END EC PARAMETERS-----
-----BEGIN EC PRIVATE KEY-----
MC4CAQEEIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8goAcGBSuBBAAK
-----END EC PRIVATE KEY-----
`,
		GM: `-----BEGIN EC PRIVATE KEY-----
MDECAQEEIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8goAoGCCqBHM9VAYIt
-----END EC PRIVATE KEY-----
`,
	} {
		key, err := ParsePEM([]byte(text))
		require.NoError(t, err)
		require.Equal(t, vectorKey(t, s).NodeID(), key.NodeID())
	}
}

func TestParsePEMSaysWhyAKeyIsNoGood(t *testing.T) {
	t.Parallel()
	block := func(kind, body string) string {
		return "-----BEGIN " + kind + "-----\n" + body + "\n-----END " + kind + "-----\n"
	}
	for want, text := range map[string]string{
		"holds no PEM private key":       "hello",
		"encrypted key":                  block("ENCRYPTED PRIVATE KEY", "AAAA"),
		"damaged PKCS#8":                 block("PRIVATE KEY", "AAAA"),
		"damaged elliptic":               block("EC PRIVATE KEY", "AAAA"),
		"a key on secp256k1, or on SM2":  block("EC PRIVATE KEY", "MDECAQEEIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8goAoGCCqGSM49AwEH"),
		"holds no elliptic curve key":    block("PRIVATE KEY", "MC4CAQAwBQYDK2VwBCIEIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g"),
		"the number is no secp256k1 key": block("EC PRIVATE KEY", "MC4CAQEEIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAoAcGBSuBBAAK"),
		"the number is no SM2 key":       block("EC PRIVATE KEY", "MDECAQEEIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAoAoGCCqBHM9VAYIt"),
	} {
		_, err := ParsePEM([]byte(text))
		require.ErrorContains(t, err, want)
	}
}

func FuzzParsePEM(f *testing.F) {
	for _, s := range []Suite{Standard, GM} {
		text, err := vectorKey(f, s).PEM()
		require.NoError(f, err)
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if key, err := ParsePEM(data); err == nil {
			require.Len(t, key.NodeID(), 128)
		}
	})
}
