package offline

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/batch/rows"
	"github.com/bcosgate/bcosgate/chain"
)

const (
	// signRows are signed at a time, spread over all workers: enough that the last
	// one of them is hardly waited for.
	signRows = 1024
	// signBytes bounds their memory where rows are large.
	signBytes = 8 << 20
	// maxCalls is how many different calls are told apart in a summary.
	maxCalls = 1000
)

// Calls says how many rows call one function of one contract.
type Calls struct {
	To       common.Address
	Function string
	Rows     int64
}

// Summary is what an unsigned file asks to be signed, all of it checked.
type Summary struct {
	Header Header
	Rows   int64
	SHA256 [32]byte // of the file, unpacked
	Calls  []Calls  // those with most rows first; the rows of all beyond the first 1000 kinds are in Others
	Others int64
	First  []rows.Row // the first rows
}

// firstRows are shown to who signs.
const firstRows = 3

// Inspect reads an unsigned file to its end and checks every row: that its values
// make the call that it says. What is wrong is a *rows.Fault. It never closes r.
func Inspect(ctx context.Context, r io.Reader) (Summary, error) {
	in, err := newUnsignedReader(r)
	if err != nil {
		return Summary{}, err
	}
	s := Summary{Header: in.lines.header}
	type key struct {
		to       common.Address
		function string
	}
	calls := map[key]int64{}
	for {
		if in.lines.rows%64 == 0 && ctx.Err() != nil {
			return s, context.Cause(ctx)
		}
		row, err := in.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return s, err
		}
		if s.Rows++; s.Rows <= firstRows {
			s.First = append(s.First, rows.Row{Number: row.Row, ID: row.ID, Source: row.Source})
		}
		k := key{row.To, row.Function}
		if _, known := calls[k]; known || len(calls) < maxCalls {
			calls[k]++
		} else {
			s.Others++
		}
	}
	s.SHA256 = in.lines.sum()
	for k, n := range calls {
		s.Calls = append(s.Calls, Calls{To: k.to, Function: k.function, Rows: n})
	}
	slices.SortFunc(s.Calls, func(a, b Calls) int {
		return cmp.Or(cmp.Compare(b.Rows, a.Rows), a.To.Cmp(b.To), cmp.Compare(a.Function, b.Function))
	})
	return s, nil
}

// ErrChanged says that a file is not the one that was inspected.
var ErrChanged = errors.New("the file changed since it was checked")

// Sign signs the unsigned file that gave s, which it reads and checks again, and
// writes the signed one: the same bytes whenever the same file is signed with the
// same key. workers are how many rows are signed at a time. Another key than that
// of the header's signer, and a file that is another one than s is of (ErrChanged),
// are refused; what was written until then must be thrown away. It gives the hash
// of what it wrote.
func Sign(ctx context.Context, s Summary, r io.Reader, signer chain.Signer, w io.Writer, workers int) (sha256 [32]byte, err error) {
	if signer.Address() != s.Header.Signer {
		return sha256, fmt.Errorf("the key is that of account %s, the transactions are to be signed by %s", signer.Address(), s.Header.Signer)
	}
	in, err := newUnsignedReader(r)
	if err != nil {
		return sha256, err
	}
	h := s.Header
	h.Format, h.UnsignedSHA256 = Signed, hex.EncodeToString(s.SHA256[:])
	out, err := newLineWriter(w, h)
	if err != nil {
		return sha256, err
	}
	for done := false; !done; {
		if ctx.Err() != nil {
			return sha256, context.Cause(ctx)
		}
		var group []unsignedRow
		if group, done, err = in.group(); err != nil {
			return sha256, err
		}
		lines, err := signGroup(group, h, signer, max(workers, 1))
		if err != nil {
			return sha256, err
		}
		for _, line := range lines {
			if err := out.row(line); err != nil {
				return sha256, err
			}
		}
	}
	if in.lines.sum() != s.SHA256 {
		return sha256, ErrChanged
	}
	return out.finish()
}

// group reads the next rows; done says that they are the last ones.
func (u *unsignedReader) group() (group []unsignedRow, done bool, err error) {
	for size := 0; len(group) < signRows && size < signBytes; {
		row, err := u.next()
		if err == io.EOF {
			return group, true, nil
		}
		if err != nil {
			return nil, false, err
		}
		size += len(row.Source) + len(row.Input)
		group = append(group, row)
	}
	return group, false, nil
}

// signGroup makes the lines of signed rows, in the order of the rows.
func signGroup(group []unsignedRow, h Header, signer chain.Signer, workers int) ([][]byte, error) {
	lines, errs := make([][]byte, len(group)), make([]error, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < len(group) && errs[w] == nil; i += workers {
				lines[i], errs[w] = signRow(group[i], h, signer)
			}
		})
	}
	wg.Wait()
	return lines, errors.Join(errs...)
}

func signRow(row unsignedRow, h Header, signer chain.Signer) ([]byte, error) {
	terms := chain.Terms{Nonce: nonceOf(signer, h.Plan, row.Row), BlockLimit: h.BlockLimit}
	tx, err := signer.Sign(chain.Intent{To: &row.To, Input: row.Input}, terms)
	if err != nil {
		return nil, fmt.Errorf("sign row %d: %w", row.Row, err)
	}
	return encodeLine(signedRow{Row: row.Row, ID: row.ID, To: row.To, Function: row.Function, Source: row.Source,
		Nonce: terms.Nonce, Hash: tx.Hash, Tx: tx.Raw})
}
