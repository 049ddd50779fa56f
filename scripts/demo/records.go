//go:build unix

package main

import (
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// record is one digest and the paths, relative to the source folder, of all
// files that hash to it.
type record struct {
	digest [sha256.Size]byte
	paths  []string
}

// text is what stands on the chain beside the digest.
func (r record) text() string { return strings.Join(r.paths, "\n") }

// hexDigest is the digest as the CSV and the API take it.
func (r record) hexDigest() string { return "0x" + hex.EncodeToString(r.digest[:]) }

// toolchainSource is the src folder of the Go toolchain that is on the PATH.
func toolchainSource(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return "", fmt.Errorf("ask go for its GOROOT: %w", err)
	}
	return filepath.Join(strings.TrimSpace(string(out)), "src"), nil
}

// writeRecords hashes every regular file below src and writes one CSV row for
// each different content, in the order of the first path.
func writeRecords(ctx context.Context, src, path string) (records []record, files int, err error) {
	index := map[[sha256.Size]byte]int{}
	err = filepath.WalkDir(src, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		digest, err := hashFile(p)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(src, p)
		if err != nil {
			return err
		}
		files++
		i, seen := index[digest]
		if !seen {
			i = len(records)
			index[digest] = i
			records = append(records, record{digest: digest})
		}
		records[i].paths = append(records[i].paths, filepath.ToSlash(rel))
		return nil
	})
	if err != nil {
		return nil, 0, fmt.Errorf("hash the files: %w", err)
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	w := csv.NewWriter(f)
	if err := w.Write([]string{"digest", "text"}); err != nil {
		return nil, 0, err
	}
	for _, r := range records {
		if err := w.Write([]string{r.hexDigest(), r.text()}); err != nil {
			return nil, 0, err
		}
	}
	w.Flush()
	if err := w.Error(); err != nil {
		return nil, 0, err
	}
	return records, files, f.Close()
}

func hashFile(path string) (digest [sha256.Size]byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return digest, err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return digest, err
	}
	h.Sum(digest[:0])
	return digest, nil
}
