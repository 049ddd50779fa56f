//go:build linux

package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/ethereum/go-ethereum/crypto"
)

// The rows of a job are calls of this function. The digest says which row it is,
// so that whoever reads the chain knows without asking the engine.
const saveFunction = "save(bytes32,string)"

// rowSet is the rows 1 to count of one input.
type rowSet struct {
	count int
	mark  [24]byte // the beginning of all digests; other inputs have another one
}

func newRowSet(count int, seed uint64) rowSet {
	sum := sha256.Sum256(fmt.Appendf(nil, "endurance %d of %d rows", seed, count))
	return rowSet{count: count, mark: [24]byte(sum[:24])}
}

func (s rowSet) digest(row int) [32]byte {
	return [32]byte(binary.BigEndian.AppendUint64(s.mark[:], uint64(row)))
}

func (s rowSet) text(row int) string { return "record " + strconv.Itoa(row) }

// cells are the row in the input and at the beginning of a line of the report.
func (s rowSet) cells(row int) []string {
	digest := s.digest(row)
	return []string{"0x" + hex.EncodeToString(digest[:]), s.text(row)}
}

// write makes the input file.
func (s rowSet) write(path string) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := csv.NewWriter(f)                   // which has a buffer
	_ = w.Write([]string{"digest", "text"}) // Error says it
	for row := 1; row <= s.count; row++ {
		_ = w.Write(s.cells(row))
	}
	w.Flush()
	return w.Error()
}

var saveSelector = crypto.Keccak256([]byte(saveFunction))[:4]

// input is what a transaction calls the contract with for a row, put together
// without the encoder that is under test: the digest, where the text begins, how
// long it is, and the text, filled up to whole words.
func (s rowSet) input(row int) []byte {
	text := s.text(row)
	digest := s.digest(row)
	out := append(bytes.Clone(saveSelector), digest[:]...)
	out = append(out, word(64)...)
	out = append(out, word(len(text))...)
	out = append(out, text...)
	return append(out, make([]byte, -len(text)&31)...)
}

func word(n int) []byte {
	var w [32]byte
	binary.BigEndian.PutUint64(w[24:], uint64(n))
	return w[:]
}

// rowOf says which row a transaction executes; 0 when it is none of ours.
func (s rowSet) rowOf(input []byte) int {
	if len(input) < 4+32 || !bytes.HasPrefix(input[4:], s.mark[:]) {
		return 0
	}
	row := binary.BigEndian.Uint64(input[4+24:])
	if row < 1 || row > uint64(s.count) || !bytes.Equal(input, s.input(int(row))) {
		return 0
	}
	return int(row)
}

// readReport calls f with every line of a CSV report: its row, counted from 1, and
// its cells by the names of their columns.
func readReport(path string, f func(row int, cells map[string]string) error) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	r := csv.NewReader(bufio.NewReaderSize(file, 1<<16))
	r.ReuseRecord = true
	record, err := r.Read()
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	columns := append([]string(nil), record...)
	cells := make(map[string]string, len(columns))
	for row := 1; ; row++ {
		record, err := r.Read()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		for i, name := range columns {
			cells[name] = record[i]
		}
		if err := f(row, cells); err != nil {
			return err
		}
	}
}
