package offline

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/batch/rows"
	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/fisco/suite"
	"github.com/bcosgate/bcosgate/chain/fisco/tx"
)

var contract = common.HexToAddress("0x31ed5233b81c79d5adddeef991f531a9bbc2ad01")

func keySigner(t testing.TB, last byte) *tx.Signer {
	t.Helper()
	key, err := suite.NewKey(suite.Standard, append(make([]byte, 31), last))
	require.NoError(t, err)
	return tx.NewSigner(key, "chain0", "group0")
}

func header(t testing.TB) Header {
	return Header{
		Plan: "0198c0de-6f2e-7000-8000-000000000001", Created: time.Date(2026, 11, 26, 8, 0, 0, 0, time.UTC),
		ChainID: "chain0", Group: "group0", Genesis: common.HexToHash("0x0123"), Ledger: LedgerStandard, Signer: keySigner(t, 1).Address(),
		Head: 100, BlockLimit: 1090, BlockMS: 1000,
		To: &contract, Function: "save(bytes32 digest,string text)",
		Input: "rows.csv", InputSHA256: hex.EncodeToString(make([]byte, 32)), Columns: []string{"_id", "digest", "text", "_to"},
	}
}

// plan writes an unsigned file of n rows.
func plan(t testing.TB, h Header, n int) []byte {
	t.Helper()
	var text strings.Builder
	text.WriteString(strings.Join(h.Columns, ",") + "\n")
	text.WriteString("row-1,0x00000000000000000000000000000000000000000000000000000000000000ff,\"a <b>, \"\"&\"\" \u2028\",\n")
	for i := 1; i < n; i++ {
		fmt.Fprintf(&text, "row-%d,0x%064x,text %d,\n", i+1, i+1, i+1)
	}
	r, err := rows.NewCSV(strings.NewReader(text.String()), rows.CSVOptions{})
	require.NoError(t, err)
	var out bytes.Buffer
	w, err := NewUnsignedWriter(&out, h)
	require.NoError(t, err)
	for {
		row, err := r.Next()
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		require.NoError(t, w.Write(row))
	}
	sum, err := w.Finish()
	require.NoError(t, err)
	require.Equal(t, sha256.Sum256(out.Bytes()), sum)
	return out.Bytes()
}

// signed signs a file.
func signed(t testing.TB, unsigned []byte, signer chain.Signer) []byte {
	t.Helper()
	s, err := Inspect(context.Background(), bytes.NewReader(unsigned))
	require.NoError(t, err)
	var out bytes.Buffer
	sum, err := Sign(context.Background(), s, bytes.NewReader(unsigned), signer, &out, runtime.GOMAXPROCS(0))
	require.NoError(t, err)
	require.Equal(t, sha256.Sum256(out.Bytes()), sum)
	return out.Bytes()
}

// readAll reads a signed file to its end.
func readAll(file []byte) ([]rows.Row, error) {
	r, err := NewReader(bytes.NewReader(file))
	if err != nil {
		return nil, err
	}
	var list []rows.Row
	for {
		row, err := r.Next()
		if err == io.EOF {
			return list, nil
		}
		if err != nil {
			return list, err
		}
		list = append(list, row)
	}
}

func TestWhatIsPlannedIsWhatIsSigned(t *testing.T) {
	t.Parallel()
	const n = 2*signRows + 3
	signer, h := keySigner(t, 1), header(t)
	unsigned := plan(t, h, n)
	s, err := Inspect(t.Context(), bytes.NewReader(unsigned))
	require.NoError(t, err)
	require.EqualValues(t, n, s.Rows)
	require.Equal(t, sha256.Sum256(unsigned), s.SHA256)
	require.Equal(t, []Calls{{To: contract, Function: "save(bytes32,string)", Rows: n}}, s.Calls)
	require.Zero(t, s.Others)
	require.Len(t, s.First, firstRows)
	require.Equal(t, "row-2", s.First[1].ID)

	file := signed(t, unsigned, signer)
	require.Equal(t, file, signed(t, unsigned, signer), "the same file and key give the same bytes")
	r, err := NewReader(bytes.NewReader(file))
	require.NoError(t, err)
	got := r.Header()
	require.Equal(t, Signed, got.Format)
	require.Equal(t, hex.EncodeToString(s.SHA256[:]), got.UnsignedSHA256)
	got.Format, got.UnsignedSHA256 = s.Header.Format, ""
	require.Equal(t, s.Header, got)
	list, err := readAll(file)
	require.NoError(t, err)
	require.Len(t, list, n)
	reader := tx.NewReader(suite.Standard, "chain0", "group0")
	for i, row := range list {
		require.EqualValues(t, i+1, row.Number)
		require.Equal(t, fmt.Sprintf("row-%d", i+1), row.ID)
		intent, made, err := reader.VerifyTx(row.Signed.Tx)
		require.NoError(t, err)
		require.Equal(t, signer.Address(), made.From)
		require.Equal(t, contract, *intent.To)
		require.Equal(t, common.Hash(row.Signed.Hash), made.Hash)
		require.Equal(t, chain.Terms{Nonce: row.Signed.Nonce, BlockLimit: 1090}, made.Terms)
		require.LessOrEqual(t, len(made.Terms.Nonce), 77, "nodes of 3.0 to 3.2 read it as a number of 256 bits")
		require.Empty(t, strings.Trim(made.Terms.Nonce, "0123456789"))
	}
	for range 2 { // the end stays the end
		_, err = r.Next()
	}
	require.NoError(t, err)
}

func TestAnotherPlanHasOtherNonces(t *testing.T) {
	t.Parallel()
	h := header(t)
	other := h
	other.Plan = "0198c0de-6f2e-7000-8000-000000000002"
	a, err := readAll(signed(t, plan(t, h, 3), keySigner(t, 1)))
	require.NoError(t, err)
	b, err := readAll(signed(t, plan(t, other, 3), keySigner(t, 1)))
	require.NoError(t, err)
	nonces := map[string]bool{}
	for _, row := range append(a, b...) {
		nonces[row.Signed.Nonce] = true
	}
	require.Len(t, nonces, 6)
}

func TestFilesMayBePacked(t *testing.T) {
	t.Parallel()
	unsigned := plan(t, header(t), 5)
	file := signed(t, unsigned, keySigner(t, 1))
	pack := func(b []byte) []byte {
		var out bytes.Buffer
		w := gzip.NewWriter(&out)
		_, err := w.Write(b)
		require.NoError(t, err)
		require.NoError(t, w.Close())
		return out.Bytes()
	}
	s, err := Inspect(t.Context(), bytes.NewReader(pack(unsigned)))
	require.NoError(t, err)
	require.Equal(t, sha256.Sum256(unsigned), s.SHA256)
	packed := pack(file)
	list, err := readAll(packed)
	require.NoError(t, err)
	require.Len(t, list, 5)
	_, err = readAll(packed[:len(packed)-9])
	require.ErrorContains(t, err, "gzip")
	r, err := NewReader(bytes.NewReader(packed))
	require.NoError(t, err)
	for err == nil {
		_, err = r.Next()
	}
	require.Equal(t, io.EOF, err)
	require.Equal(t, sha256.Sum256(packed), r.SHA256())
	require.EqualValues(t, len(file), r.Unpacked())
}

func TestADamagedFileIsRefused(t *testing.T) {
	t.Parallel()
	unsigned := plan(t, header(t), 2)
	file := signed(t, unsigned, keySigner(t, 1))
	inspect := func(b []byte) error {
		_, err := Inspect(t.Context(), bytes.NewReader(b))
		return err
	}
	read := func(b []byte) error {
		_, err := readAll(b)
		return err
	}
	for _, c := range []struct {
		file []byte
		read func([]byte) error
	}{{unsigned, inspect}, {file, read}} {
		require.NoError(t, c.read(c.file))
		for n := 0; n < len(c.file); n += 3 {
			requireFault(t, c.read(c.file[:n]), "cut behind byte %d", n)
		}
		for n := 1; n < len(c.file); n += 3 {
			changed := bytes.Clone(c.file)
			changed[n] ^= 1
			requireFault(t, c.read(changed), "byte %d changed: %s", n, changed[max(n-20, 0):min(n+20, len(changed))])
		}
		requireFault(t, c.read(append(bytes.Clone(c.file), '\n')), "a line more")
		lines := bytes.SplitAfter(c.file, []byte("\n"))
		lines[1], lines[2] = lines[2], lines[1]
		requireFault(t, c.read(bytes.Join(lines, nil)), "lines swapped")
	}
	requireFault(t, inspect(file), "signed already")
	requireFault(t, read(unsigned), "not signed")
}

func requireFault(t *testing.T, err error, format string, args ...any) {
	t.Helper()
	_, ok := errors.AsType[*rows.Fault](err)
	require.True(t, ok, "%s: %v", fmt.Sprintf(format, args...), err)
}

// forged changes a line of a file and mends the trailer, as who wants to harm would.
func forged(t *testing.T, file []byte, line int, change func(map[string]any)) []byte {
	t.Helper()
	lines := bytes.SplitAfter(file, []byte("\n"))
	// Keep the order of the members: replace values only.
	var before, after map[string]any
	require.NoError(t, json.Unmarshal(lines[line], &before))
	require.NoError(t, json.Unmarshal(lines[line], &after))
	change(after)
	text := string(lines[line])
	for name, value := range after {
		old, err := encodeLine(before[name])
		require.NoError(t, err)
		now, err := encodeLine(value)
		require.NoError(t, err)
		if string(old) != string(now) {
			member := `"` + name + `":`
			replaced := strings.Replace(text, member+strings.TrimSpace(string(old)), member+strings.TrimSpace(string(now)), 1)
			require.NotEqual(t, text, replaced, name)
			text = replaced
		}
	}
	lines[line] = []byte(text)
	body := bytes.Join(lines[:len(lines)-2], nil)
	sum := sha256.Sum256(body)
	end, err := encodeLine(trailer{Rows: int64(len(lines) - 3), SHA256: hex.EncodeToString(sum[:])})
	require.NoError(t, err)
	return append(body, end...)
}

func TestAForgedFileIsNotSigned(t *testing.T) {
	t.Parallel()
	unsigned := plan(t, header(t), 4)
	_, err := Inspect(t.Context(), bytes.NewReader(forged(t, unsigned, 2, func(map[string]any) {})))
	require.NoError(t, err)
	for name, c := range map[string]struct {
		line   int
		change func(map[string]any)
		reason string
	}{
		"another call":        {2, func(m map[string]any) { m["input"] = "0x00" }, "its values make another call"},
		"another contract":    {2, func(m map[string]any) { m["to"] = "0x0000000000000000000000000000000000000001" }, "its values make another call"},
		"another function":    {2, func(m map[string]any) { m["function"] = "drop(bytes32,string)" }, "its values make another call"},
		"another row":         {2, func(m map[string]any) { m["row"] = 3.0 }, "is row 3, expected was row 2"},
		"another id":          {2, func(m map[string]any) { m["id"] = "x" }, `is "row-2" in the row and "x" beside it`},
		"a value that is bad": {2, func(m map[string]any) { m["source"] = []any{"row-2", "0x1", "a", ""} }, "digest"},
		"a value less":        {2, func(m map[string]any) { m["source"] = []any{"row-2", "0x1", "a"} }, "has 3 cells, but the header has 4 columns"},
		"a late block limit":  {0, func(m map[string]any) { m["blockLimit"] = 1101.0 }, "block limit 1101, which is not 1 to 1000 blocks after block 100"},
		"a past block limit":  {0, func(m map[string]any) { m["blockLimit"] = 100.0 }, "block limit 100"},
		"no plan":             {0, func(m map[string]any) { m["plan"] = "x" }, "names no plan"},
		"no group":            {0, func(m map[string]any) { m["group"] = "" }, "names no chain or no group"},
		"a GM ledger":         {0, func(m map[string]any) { m["ledger"] = "gm" }, `is for a ledger "gm"`},
		"a later version":     {0, func(m map[string]any) { m["version"] = 2.0 }, "version 2 of the format"},
		"a bad function":      {0, func(m map[string]any) { m["function"] = "save" }, "save"},
		"columns that lack":   {0, func(m map[string]any) { m["columns"] = []any{"_id", "digest", "test", "_to"} }, "the header lacks the column"},
	} {
		_, err := Inspect(t.Context(), bytes.NewReader(forged(t, unsigned, c.line, c.change)))
		requireFault(t, err, "%s", name)
		require.ErrorContains(t, err, c.reason, name)
	}
}

func TestAForgedSignedFileIsRefusedOrFoundByItsBytes(t *testing.T) {
	t.Parallel()
	file := signed(t, plan(t, header(t), 4), keySigner(t, 1))
	for name, c := range map[string]struct {
		change func(map[string]any)
		reason string
	}{
		"another nonce": {func(m map[string]any) { m["nonce"] = "10000000000003" }, "does not end with the row"},
		"another row":   {func(m map[string]any) { m["row"] = 1.0 }, "is row 1, expected was row 2"},
		"another id":    {func(m map[string]any) { m["id"] = "" }, "is not written as this program writes it"},
	} {
		_, err := readAll(forged(t, file, 2, c.change))
		requireFault(t, err, "%s", name)
		require.ErrorContains(t, err, c.reason, name)
	}
}

func TestOnlyTheNamedKeySigns(t *testing.T) {
	t.Parallel()
	unsigned := plan(t, header(t), 2)
	s, err := Inspect(t.Context(), bytes.NewReader(unsigned))
	require.NoError(t, err)
	var out bytes.Buffer
	_, err = Sign(t.Context(), s, bytes.NewReader(unsigned), keySigner(t, 2), &out, 1)
	require.ErrorContains(t, err, "the transactions are to be signed by "+keySigner(t, 1).Address().Hex())
	require.Zero(t, out.Len())

	other := header(t)
	other.Plan = "0198c0de-6f2e-7000-8000-000000000009"
	_, err = Sign(t.Context(), s, bytes.NewReader(plan(t, other, 2)), keySigner(t, 1), &out, 1)
	require.ErrorIs(t, err, ErrChanged, "what is signed is what was shown")
}

func TestCallsOfManyKindsAreCounted(t *testing.T) {
	t.Parallel()
	h := header(t)
	h.Columns = []string{"digest", "text", "_to"}
	var out bytes.Buffer
	w, err := NewUnsignedWriter(&out, h)
	require.NoError(t, err)
	for i := range maxCalls + 50 {
		to := common.BytesToAddress([]byte{1, byte(i >> 8), byte(i)})
		require.NoError(t, w.Write(rows.Row{Number: int64(i + 1), Source: json.RawMessage(fmt.Sprintf(`["0x%064x","","%s"]`, i, to))}))
	}
	_, err = w.Finish()
	require.NoError(t, err)
	s, err := Inspect(t.Context(), &out)
	require.NoError(t, err)
	require.Len(t, s.Calls, maxCalls)
	require.EqualValues(t, 50, s.Others)
}

func TestWritersRefuseWhatReadersWould(t *testing.T) {
	t.Parallel()
	h := header(t)
	h.BlockLimit = h.Head + MaxAhead + 1
	_, err := NewUnsignedWriter(io.Discard, h)
	require.ErrorContains(t, err, "block limit 1101")
	w, err := NewUnsignedWriter(io.Discard, header(t))
	require.NoError(t, err)
	_, err = w.Finish()
	require.ErrorContains(t, err, "there are no rows")
	fault := w.Write(rows.Row{Number: 1, Line: 2, ID: "a", Source: json.RawMessage(`["a","0x01","b",""]`)})
	requireFault(t, fault, "too few bytes")
	require.ErrorContains(t, fault, "row 1 (line 2)")
	require.ErrorContains(t, w.Write(rows.Row{Number: 1}), "row 1 comes behind row 1")
	good := json.RawMessage(fmt.Sprintf(`["b","0x%064x","b",""]`, 7))
	require.NoError(t, w.Write(rows.Row{Number: 2, ID: "b", Source: good}))
	_, err = w.Finish()
	require.ErrorContains(t, err, "of 2 rows 1 are missing")

	w, err = NewUnsignedWriter(io.Discard, header(t))
	require.NoError(t, err)
	require.NoError(t, w.Write(rows.Row{Number: 1, ID: "b", Source: good}))
	require.NoError(t, w.Write(rows.Row{Number: 2, ID: "b", Source: good}))
	_, err = w.Finish()
	requireFault(t, err, "the same _id")
	require.ErrorContains(t, err, `row 2, column "_id": is already the _id of row 1`)
}

func TestCancelEndsSigning(t *testing.T) {
	t.Parallel()
	unsigned := plan(t, header(t), 3)
	s, err := Inspect(t.Context(), bytes.NewReader(unsigned))
	require.NoError(t, err)
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("the user left")
	cancel(why)
	_, err = Inspect(ctx, bytes.NewReader(unsigned))
	require.ErrorIs(t, err, why)
	_, err = Sign(ctx, s, bytes.NewReader(unsigned), keySigner(t, 1), io.Discard, 2)
	require.ErrorIs(t, err, why)
}

func FuzzReader(f *testing.F) {
	unsigned := plan(f, header(f), 2)
	f.Add(unsigned)
	f.Add(signed(f, unsigned, keySigner(f, 1)))
	f.Add([]byte(`{"bcosgate":"signed transactions"}` + "\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := Inspect(t.Context(), bytes.NewReader(b)); err != nil {
			requireFault(t, err, "inspect")
		} else {
			require.Positive(t, s.Rows)
		}
		if list, err := readAll(b); err != nil {
			requireFault(t, err, "read")
		} else {
			require.NotEmpty(t, list)
		}
	})
}
