// Package golden reads recorded conversations with real nodes, for tests.
//
// The recordings lie in the folder that BCOSGATE_GOLDEN names, else in
// ../shared/golden beside the module. Where neither exists a small chosen part
// in testdata is used, and the test's log says so. Files are found by pattern,
// not by name, so that other recordings of the same kind are used as well.
package golden

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Variable names the folder of the recordings.
const Variable = "BCOSGATE_GOLDEN"

// source says which recordings are at hand.
type source int

const (
	small source = iota // the chosen part
	whole               // all that the tests were written with
	named               // a folder that somebody named; it may hold others, or some only
)

// folder finds the recordings of 3.x nodes.
func folder() (dir string, from source) {
	if folder := os.Getenv(Variable); folder != "" {
		return filepath.Join(folder, "fisco3"), named
	}
	beside, chosen := own()
	if exists(beside, ".") {
		return beside, whole
	}
	return chosen, small
}

// own are the places of the recordings that the tests were written with.
func own() (beside, chosen string) {
	_, self, _, _ := runtime.Caller(0)
	here := filepath.Dir(self)
	return filepath.Join(here, "..", "..", "..", "shared", "golden", "fisco3"), filepath.Join(here, "testdata", "fisco3")
}

// folders are all places, the one of folder first.
func folders() []string {
	first, _ := folder()
	beside, chosen := own()
	return []string{first, beside, chosen}
}

func exists(dir, name string) bool {
	_, err := os.Stat(filepath.Join(dir, filepath.FromSlash(name)))
	return err == nil
}

// Whole reports whether the recordings are all those that the tests were written
// with. A test that requires to have seen something asks this first.
func Whole() bool {
	_, from := folder()
	return from == whole
}

// Small reports whether only the chosen part is at hand.
func Small() bool {
	_, from := folder()
	return from == small
}

// Files gives the names (with slashes, below the folder of 3.x) that match a
// pattern of path.Match, for example "rpc/*.txt". Where there is none the test
// fails; it is skipped, and says so, when the folder is one that somebody named.
func Files(t testing.TB, pattern string) []string {
	t.Helper()
	dir, from := folder()
	if from == small {
		t.Logf("neither %s nor ../shared/golden is there: using the small part in testdata", Variable)
	}
	found := match(t, dir, pattern)
	if len(found) == 0 && from == named {
		t.Skipf("no recordings %s in %s", pattern, dir)
	}
	require.NotEmpty(t, found, "no recordings %s in %s", pattern, dir)
	return found
}

func match(t testing.TB, dir, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, filepath.FromSlash(pattern)))
	require.NoError(t, err)
	for i, f := range found {
		rel, err := filepath.Rel(dir, f)
		require.NoError(t, err)
		found[i] = filepath.ToSlash(rel)
	}
	return found
}

// Support reads a file that recordings rest on: a configuration, a contract, the
// ledger that was there before them. A folder that somebody named need not have it;
// then it is that of ../shared/golden, or of testdata. Where nobody has it the test
// is skipped and says so.
func Support(t testing.TB, name string) []byte {
	t.Helper()
	for _, dir := range folders() {
		data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		if err == nil {
			return data
		}
		require.ErrorIs(t, err, fs.ErrNotExist)
	}
	t.Skipf("there is no recording %s, which others rest on", name)
	return nil
}

// HasSupport reports whether Support finds a file.
func HasSupport(name string) bool {
	return slices.ContainsFunc(folders(), func(dir string) bool { return exists(dir, name) })
}

// SupportFiles gives the names that match a pattern of path.Match in the first of
// these folders that has any.
func SupportFiles(t testing.TB, pattern string) []string {
	t.Helper()
	for _, dir := range folders() {
		if found := match(t, dir, pattern); len(found) > 0 {
			return found
		}
	}
	t.Skipf("there are no recordings %s, which others rest on", pattern)
	return nil
}

// SupportingLedger reads tx/NAME.jsonl and, when they are beside it, the blocks of
// blocks/NAME.jsonl, as Support does. Those in testdata are no whole ledgers and do
// not count.
func SupportingLedger(t testing.TB, name string) (entries []Entry, blocks []Block) {
	t.Helper()
	tx, block := "tx/"+name+".jsonl", "blocks/"+name+".jsonl"
	_, chosen := own()
	for _, dir := range folders() {
		if dir == chosen || !exists(dir, tx) {
			continue
		}
		entries = decodeLines[Entry](t, tx, readLines(t, dir, tx))
		if exists(dir, block) {
			blocks = decodeLines[Block](t, block, readLines(t, dir, block))
		}
		return entries, blocks
	}
	t.Skipf("there is no recording %s, which others rest on", tx)
	return nil, nil
}

// GM reports whether the recording is of a GM chain, by its name.
func GM(name string) bool { return strings.Contains(path.Base(name), "gm") }

// Key is secret key i of those that have signed the recordings: the bytes 01 02 …
// 1f and 20+i.
func Key(i byte) (key [32]byte) {
	for n := range key {
		key[n] = byte(n + 1)
	}
	key[31] += i
	return key
}

// Path is where a recording lies (a file or a folder, with slashes, below that of
// 3.x). Where it is missing, from the chosen part or from a folder that somebody
// named, the test is skipped and says so.
func Path(t testing.TB, name string) string {
	t.Helper()
	dir, from := folder()
	file := filepath.Join(dir, filepath.FromSlash(name))
	if _, err := os.Stat(file); err != nil && from != whole {
		t.Skipf("there is no recording %s in %s", name, dir)
	}
	return file
}

// Has reports whether there is a recording of that name.
func Has(name string) bool {
	dir, _ := folder()
	return exists(dir, name)
}

// Read gives a whole file.
func Read(t testing.TB, name string) []byte {
	t.Helper()
	dir, _ := folder()
	data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
	require.NoError(t, err)
	return data
}

// Lines gives the lines of a file.
func Lines(t testing.TB, name string) []string {
	t.Helper()
	dir, _ := folder()
	return readLines(t, dir, name)
}

func readLines(t testing.TB, dir, name string) []string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
	require.NoError(t, err)
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, 64<<20)
	var out []string
	for lines.Scan() {
		out = append(out, lines.Text())
	}
	require.NoError(t, lines.Err())
	return out
}

// Entry is a line of tx/NAME.jsonl: a transaction (Raw is set) or a read
// (Request is set).
type Entry struct {
	N           int
	Note        string
	Raw         string // hex without 0x
	Version     int
	Hash        string // our own
	Height      int64  // before sending
	Expect      string // "result" or "error"
	Together    int
	Block       json.RawMessage
	Request     json.RawMessage
	Response    json.RawMessage
	Receipt     json.RawMessage // answer of getTransactionReceipt
	Transaction json.RawMessage // answer of getTransaction
}

// Ledger reads tx/NAME.jsonl.
func Ledger(t testing.TB, name string) []Entry { return decodeLines[Entry](t, name, Lines(t, name)) }

// Block is a line of blocks/NAME.jsonl.
type Block struct {
	Number   int64
	Response json.RawMessage // answer of getBlockByNumber with whole transactions
}

// Blocks reads blocks/NAME.jsonl.
func Blocks(t testing.TB, name string) []Block { return decodeLines[Block](t, name, Lines(t, name)) }

func decodeLines[T any](t testing.TB, name string, lines []string) []T {
	t.Helper()
	var out []T
	for i, line := range lines {
		var v T
		require.NoError(t, json.Unmarshal([]byte(line), &v), "%s:%d", name, i+1)
		out = append(out, v)
	}
	return out
}

// marked is a line of a transcript: an optional name of the peer, > or <, text.
var marked = regexp.MustCompile(`^([A-Za-z0-9]*)([<>]) (.*)$`)

// Exchange is a request of a transcript and its answer.
type Exchange struct {
	Line     int
	Case     string // the comment that heads the case
	Peer     string // the mark in front of >, "" in most files
	Request  string
	Response string // "" when there was none
}

// Exchanges reads rpc/*.txt: texts as sent and received.
func Exchanges(t testing.TB, name string) []Exchange {
	t.Helper()
	var out []Exchange
	open := map[string]int{} // by peer: the request that waits for its answer
	heading, blank := "", true
	for i, line := range Lines(t, name) {
		if comment, ok := strings.CutPrefix(line, "# "); ok && blank {
			heading = comment
		}
		blank = line == ""
		m := marked.FindStringSubmatch(line)
		switch {
		case m == nil:
		case m[2] == ">":
			open[m[1]] = len(out)
			out = append(out, Exchange{Line: i + 1, Case: heading, Peer: m[1], Request: m[3]})
		default:
			if at, ok := open[m[1]]; ok {
				out[at].Response = m[3]
				delete(open, m[1])
			}
		}
	}
	return out
}

// Message is a WebSocket message of a transcript.
type Message struct {
	Line int
	Case string
	Peer string // names the session, "" in most files
	Sent bool   // by the client
	Data []byte
}

// Messages reads ws/*.txt: the binary messages, without HTTP and control frames.
func Messages(t testing.TB, name string) []Message {
	t.Helper()
	var out []Message
	heading, blank := "", true
	for i, line := range Lines(t, name) {
		if comment, ok := strings.CutPrefix(line, "# "); ok && blank {
			heading = comment
		}
		blank = line == ""
		m := marked.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		if data, err := hex.DecodeString(m[3]); err == nil && len(data) > 0 {
			out = append(out, Message{Line: i + 1, Case: heading, Peer: m[1], Sent: m[2] == ">", Data: data})
		}
	}
	return out
}
