package doctor

import (
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/certs"
	"github.com/bcosgate/bcosgate/chain/fisco/suite"
	"github.com/bcosgate/bcosgate/internal/golden"
)

// Each fault of the files is named for itself.
func TestFilesOfATarget(t *testing.T) {
	t.Parallel()
	ours, theirs := newFolder(t), newFolder(t)
	read := func(f folder, name string) []byte {
		data, err := os.ReadFile(filepath.Join(f.dir, name))
		require.NoError(t, err)
		return data
	}
	issued := func(v certs.Validity) []byte {
		pair, err := ours.ca.Issue(v)
		require.NoError(t, err)
		return append(pair.CertPEM, pair.KeyPEM...) // a file may have both
	}
	account := func(s suite.Suite) []byte {
		key, err := suite.GenerateKey(s)
		require.NoError(t, err)
		data, err := key.MarshalPEM()
		require.NoError(t, err)
		return data
	}
	block := func(kind string, der ...byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}) }
	now := time.Now()
	past := issued(certs.Validity{NotBefore: now.AddDate(0, 0, -9), NotAfter: now.AddDate(0, 0, -1)})
	future := issued(certs.Validity{NotBefore: now.AddDate(0, 0, 1)})
	soon := issued(certs.Validity{NotAfter: now.AddDate(0, 0, 29)})
	late := issued(certs.Validity{NotAfter: now.AddDate(0, 0, 32)})
	gm := block("CERTIFICATE", sm2Curve...)

	for name, c := range map[string]struct {
		change map[string][]byte // nil removes
		want   []Code
	}{
		"right":                     {nil, []Code{FilesOK}},
		"no key":                    {map[string][]byte{"sdk.key": nil}, []Code{FileMissing}},
		"nothing":                   {map[string][]byte{"ca.crt": nil, "sdk.crt": nil, "sdk.key": nil}, []Code{FileMissing, FileMissing, FileMissing}},
		"no PEM":                    {map[string][]byte{"ca.crt": []byte("ca"), "sdk.crt": []byte("crt"), "sdk.key": []byte("key")}, []Code{CertificateNotPEM, CertificateNotPEM, KeyNotPEM}},
		"key and certificate mixed": {map[string][]byte{"sdk.crt": read(ours, "sdk.key"), "sdk.key": read(ours, "sdk.crt")}, []Code{CertificateNotPEM, KeyNotPEM}},
		"damaged":                   {map[string][]byte{"sdk.crt": block("CERTIFICATE", 1, 2), "sdk.key": block("PRIVATE KEY", 1, 2)}, []Code{CertificateDamaged, KeyDamaged}},
		"encrypted key":             {map[string][]byte{"sdk.key": block("ENCRYPTED PRIVATE KEY", 1)}, []Code{KeyEncrypted}},
		"key of another":            {map[string][]byte{"sdk.key": read(theirs, "sdk.key")}, []Code{KeyMismatch}},
		"certificate of another CA": {map[string][]byte{"sdk.crt": read(theirs, "sdk.crt"), "sdk.key": read(theirs, "sdk.key")}, []Code{CertificateForeign}},
		"CA of another chain":       {map[string][]byte{"ca.crt": read(theirs, "ca.crt")}, []Code{CertificateForeign}},
		"expired":                   {map[string][]byte{"sdk.crt": past, "sdk.key": past}, []Code{CertificateExpired}},
		"not valid yet":             {map[string][]byte{"sdk.crt": future, "sdk.key": future}, []Code{CertificateEarly}},
		"expires soon":              {map[string][]byte{"sdk.crt": soon, "sdk.key": soon}, []Code{FilesOK, CertificateExpiring}},
		"expires later":             {map[string][]byte{"sdk.crt": late, "sdk.key": late}, []Code{FilesOK}},
		"GM files":                  {map[string][]byte{"ca.crt": gm, "sdk.crt": gm, "sdk.key": account(suite.GM)}, []Code{CertificateGM, CertificateGM, KeyGM}},
		"files of a 2.x chain":      {map[string][]byte{"sdk.crt": block("CERTIFICATE", secp256k1Curve...), "sdk.key": account(suite.Standard)}, []Code{CertificateSecp256k1, KeySecp256k1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for _, file := range []string{"ca.crt", "sdk.crt", "sdk.key"} {
				data, changed := c.change[file]
				if !changed {
					data = read(ours, file)
				}
				if data != nil {
					require.NoError(t, os.WriteFile(filepath.Join(dir, file), data, 0o600))
				}
			}
			conf, findings := checkFiles(certs.Files{CA: filepath.Join(dir, "ca.crt"), Cert: filepath.Join(dir, "sdk.crt"), Key: filepath.Join(dir, "sdk.key")}, time.Now())
			require.Equal(t, c.want, codes(Report{Findings: findings}))
			require.Equal(t, findings[0].Level == OK, conf != nil)
		})
	}
	_, findings := checkFiles(certs.Files{CA: ours.dir, Cert: ours.dir, Key: ours.dir}, now)
	require.Equal(t, []Code{FileUnreadable, FileUnreadable, FileUnreadable}, codes(Report{Findings: findings}))
}

// copyOf gives a copy of a recorded file, as the file system of a user has it.
func copyOf(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), filepath.Base(name))
	require.NoError(t, os.WriteFile(path, golden.Read(t, name), 0o600))
	return path
}

// The recorded files of real chains are known for what they are.
func TestRecordedCertificates(t *testing.T) {
	t.Parallel()
	for _, name := range golden.Files(t, "tls/gm/*.crt") {
		_, wrong := readCertificates(copyOf(t, name), time.Now())
		require.Equal(t, []Code{CertificateGM}, codes(Report{Findings: wrong}), name)
	}
	for _, name := range golden.Files(t, "tls/std/sdk.crt") {
		chain, _ := readCertificates(copyOf(t, name), time.Now())
		require.Len(t, chain, 1)
		cas, _ := readCertificates(copyOf(t, filepath.ToSlash(filepath.Dir(name))+"/ca.crt"), time.Now())
		require.True(t, signs(cas, chain, chain[0].NotBefore.Add(time.Hour)))
	}
}

func TestRecordedKeys(t *testing.T) {
	t.Parallel()
	golden.Path(t, "tls/std/sdk.key") // keys are in none but the whole recordings
	for _, name := range golden.Files(t, "tls/gm/*.key") {
		_, wrong := readKey(copyOf(t, name))
		require.Equal(t, []Code{KeyGM}, codes(Report{Findings: wrong}), name)
	}
	for _, name := range golden.Files(t, "tls/std/sdk.crt") {
		chain, _ := readCertificates(copyOf(t, name), time.Now())
		key, wrong := readKey(copyOf(t, filepath.ToSlash(filepath.Dir(name))+"/sdk.key"))
		require.Empty(t, wrong)
		require.True(t, fits(key, chain[0]))
	}
}
