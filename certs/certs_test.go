package certs

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func write(t *testing.T, dir, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	require.NoError(t, os.WriteFile(path, data, 0o600))
	return path
}

func TestLoadTLSCert(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ca, _ := authority(t)
	otherCA, _ := authority(t)
	pair, err := ca.Issue(Validity{})
	require.NoError(t, err)
	other, err := otherCA.Issue(Validity{})
	require.NoError(t, err)
	past := time.Now().AddDate(-1, 0, 0)
	expired, err := ca.Issue(Validity{NotBefore: past, NotAfter: past.AddDate(0, 1, 0)})
	require.NoError(t, err)
	early, err := ca.Issue(Validity{NotBefore: time.Now().AddDate(0, 0, 1)})
	require.NoError(t, err)
	oldCA, err := NewCA(Validity{NotBefore: past, NotAfter: past.AddDate(0, 1, 0)})
	require.NoError(t, err)
	curveKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	curvePEM, err := encodePrivateKey(curveKey)
	require.NoError(t, err)

	good := Files{
		CA:   write(t, dir, "ca.crt", ca.CertPEM()),
		Cert: write(t, dir, "sdk.crt", pair.CertPEM),
		Key:  write(t, dir, "sdk.key", pair.KeyPEM),
	}
	broken := bytes.Replace(pair.CertPEM, []byte("MII"), []byte("MIJ"), 1)
	encrypted := pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte{1}})
	rubbishKey := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte{1, 2, 3}})
	folder := filepath.Join(dir, "folder")
	require.NoError(t, os.Mkdir(folder, 0o700))

	t.Run("good files", func(t *testing.T) {
		t.Parallel()
		cert, pool, err := LoadTLSCert(good)
		require.NoError(t, err)
		require.NotNil(t, pool)
		require.Len(t, cert.Certificate, 2, "the chain ends with the CA, as nodes send it")
		require.Equal(t, ca.Certificate().Raw, cert.Certificate[1])
		require.Equal(t, cert.Certificate[0], cert.Leaf.Raw)
	})
	t.Run("a file of several CAs", func(t *testing.T) {
		t.Parallel()
		files := good
		files.CA = write(t, dir, "both.crt", append(otherCA.CertPEM(), ca.CertPEM()...))
		cert, _, err := LoadTLSCert(files)
		require.NoError(t, err)
		require.Equal(t, ca.Certificate().Raw, cert.Certificate[1])
	})
	t.Run("text around the PEM blocks", func(t *testing.T) {
		t.Parallel()
		files := good
		files.Cert = write(t, dir, "text.crt", append([]byte("Certificate:\n    Data:\n"), pair.CertPEM...))
		_, _, err := LoadTLSCert(files)
		require.NoError(t, err)
	})

	tests := []struct {
		name   string
		change func(f *Files)
		file   string // the base name of the file that the error names
		reason string
		is     error
	}{
		{"no CA named", func(f *Files) { f.CA = "" }, "(no file)", "no file is named for the CA certificate", nil},
		{"no certificate named", func(f *Files) { f.Cert = "" }, "(no file)", "no file is named for the certificate", nil},
		{"missing CA", func(f *Files) { f.CA = filepath.Join(dir, "none.crt") }, "none.crt", "does not exist", fs.ErrNotExist},
		{"missing certificate", func(f *Files) { f.Cert = filepath.Join(dir, "none.crt") }, "none.crt", "does not exist", fs.ErrNotExist},
		{"missing key", func(f *Files) { f.Key = filepath.Join(dir, "none.key") }, "none.key", "does not exist", fs.ErrNotExist},
		{"a folder", func(f *Files) { f.Key = folder }, "folder", "cannot be read", nil},
		{"CA is not PEM", func(f *Files) { f.CA = write(t, dir, "text.txt", []byte("hello")) }, "text.txt", "no PEM block of a certificate", nil},
		{"certificate is empty", func(f *Files) { f.Cert = write(t, dir, "empty.crt", nil) }, "empty.crt", "no PEM block of a certificate", nil},
		{"certificate is a key", func(f *Files) { f.Cert = f.Key }, "sdk.key", "no PEM block of a certificate", nil},
		{"key is a certificate", func(f *Files) { f.Key = f.Cert }, "sdk.crt", "no PEM block of a private key", nil},
		{"certificate is damaged", func(f *Files) { f.Cert = write(t, dir, "broken.crt", broken) }, "broken.crt", "cannot be read", nil},
		{"key is encrypted", func(f *Files) { f.Key = write(t, dir, "secret.key", encrypted) }, "secret.key", "encrypted with a pass phrase", nil},
		{"key is rubbish", func(f *Files) { f.Key = write(t, dir, "rubbish.key", rubbishKey) }, "rubbish.key", "holds no private key", nil},
		{"key of another certificate", func(f *Files) { f.Key = write(t, dir, "other.key", other.KeyPEM) }, "other.key", "is not the private key of the certificate", nil},
		{"key of another kind", func(f *Files) { f.Key = write(t, dir, "curve.key", curvePEM) }, "curve.key", "is not the private key of the certificate", nil},
		{"expired", func(f *Files) {
			f.Cert, f.Key = write(t, dir, "expired.crt", expired.CertPEM), write(t, dir, "expired.key", expired.KeyPEM)
		}, "expired.crt", "expired at", nil},
		{"not yet valid", func(f *Files) {
			f.Cert, f.Key = write(t, dir, "early.crt", early.CertPEM), write(t, dir, "early.key", early.KeyPEM)
		}, "early.crt", "is not valid before", nil},
		{"CA expired", func(f *Files) { f.CA = write(t, dir, "oldca.crt", oldCA.CertPEM()) }, "oldca.crt", "expired at", nil},
		{"another CA", func(f *Files) { f.CA = write(t, dir, "otherca.crt", otherCA.CertPEM()) }, "sdk.crt", "was not signed by the CA in", nil},
		{"CA is a leaf", func(f *Files) { f.CA = write(t, dir, "leaf.crt", other.CertPEM) }, "sdk.crt", "was not signed by the CA in", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			files := good
			test.change(&files)
			_, _, err := LoadTLSCert(files)
			var wrong *FileError
			require.ErrorAs(t, err, &wrong)
			require.Equal(t, test.file, filepath.Base(wrong.Path))
			require.Contains(t, wrong.Reason, test.reason)
			if test.is != nil {
				require.ErrorIs(t, err, test.is)
			}
		})
	}
}

func TestLoadPool(t *testing.T) {
	t.Parallel()
	ca, pool := authority(t)
	dir := t.TempDir()
	got, err := LoadPool(write(t, dir, "ca.crt", ca.CertPEM()))
	require.NoError(t, err)
	require.True(t, pool.Equal(got))
	_, err = LoadPool(write(t, dir, "none.crt", nil))
	require.ErrorContains(t, err, "no PEM block of a certificate")
}

func TestLoadPairKeepsIntermediates(t *testing.T) {
	t.Parallel()
	ca, _ := authority(t)
	pair, err := ca.Issue(Validity{})
	require.NoError(t, err)
	dir := t.TempDir()
	chain := write(t, dir, "chain.crt", append(bytes.Clone(pair.CertPEM), ca.CertPEM()...))
	cert, err := LoadPair(chain, write(t, dir, "key", pair.KeyPEM))
	require.NoError(t, err)
	require.Len(t, cert.Certificate, 2)
	var _ *x509.Certificate = cert.Leaf
	require.Equal(t, cert.Certificate[0], cert.Leaf.Raw)
}

func TestHTTPSClientsAreMadeFromFiles(t *testing.T) {
	t.Parallel()
	ca, err := NewCA(Validity{})
	require.NoError(t, err)
	pair, err := ca.Issue(Validity{})
	require.NoError(t, err)
	dir := t.TempDir()
	file := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, data, 0o600))
		return path
	}
	caFile, certFile, keyFile := file("ca.crt", ca.CertPEM()), file("c.crt", pair.CertPEM), file("c.key", pair.KeyPEM)

	got, err := LoadHTTPSClient("", "", "")
	require.NoError(t, err)
	require.Nil(t, got.RootCAs, "those of the system")
	require.Empty(t, got.Certificates)
	require.False(t, got.InsecureSkipVerify)

	got, err = LoadHTTPSClient(caFile, certFile, keyFile)
	require.NoError(t, err)
	require.NotNil(t, got.RootCAs)
	require.Len(t, got.Certificates, 1)

	for _, files := range [][3]string{{"none.crt", "", ""}, {caFile, certFile, ""}, {caFile, "", keyFile}, {caFile, certFile, "none.key"}} {
		_, err := LoadHTTPSClient(files[0], files[1], files[2])
		var broken *FileError
		require.ErrorAs(t, err, &broken, "%v", files)
	}
}
