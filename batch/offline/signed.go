package offline

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"

	"github.com/bcosgate/bcosgate/batch"
	"github.com/bcosgate/bcosgate/batch/rows"
	"github.com/bcosgate/bcosgate/chain"
)

// signedRow is the line of a row that is signed.
type signedRow struct {
	Row      int64           `json:"row"` // from 1
	ID       string          `json:"id,omitempty"`
	To       common.Address  `json:"to"`
	Function string          `json:"function"` // signature
	Source   json.RawMessage `json:"source"`   // the row as it came
	Nonce    string          `json:"nonce"`
	Hash     common.Hash     `json:"hash"` // of the transaction
	Tx       hexutil.Bytes   `json:"tx"`   // what is sent
}

// rowDigits are the digits at the end of a nonce that say which row it is of, so
// that no two rows of a file can be the same transaction, which would be executed
// once and reported twice. A job has less than 2^40 rows.
const rowDigits = 13

// nonceOf is the nonce of a row: the same for the same plan, row and key.
func nonceOf(signer chain.Signer, plan string, row int64) string {
	return signer.Nonce(fmt.Sprintf("plan %s/%d", plan, row)) + rowEnd(row)
}

func rowEnd(row int64) string { return fmt.Sprintf("%0*d", rowDigits, row) }

// Reader reads a file of signed transactions as the input of a job. Its rows have
// Signed; what was signed is not looked at. It is not safe for concurrent use.
type Reader struct {
	lines   *lineReader
	restore *rows.Restorer
	ended   bool
}

var _ rows.Reader = (*Reader)(nil)

// NewReader reads the header. The file may be packed with gzip or zstd. The error
// is a *rows.Fault or one of r, which is never closed.
func NewReader(r io.Reader) (*Reader, error) {
	lines, err := newLineReader(r, Signed)
	if err != nil {
		return nil, err
	}
	return &Reader{lines: lines, restore: rows.NewRestorer(lines.header.Columns)}, nil
}

// NewJobReader is NewReader for a job; a file for another one is a *rows.Fault.
func NewJobReader(r io.Reader, job batch.SignedSpec) (*Reader, error) {
	in, err := NewReader(r)
	if err != nil {
		return nil, err
	}
	if got := in.Header().Spec(); got != job {
		return nil, &rows.Fault{Line: 1, Reason: fmt.Sprintf("is for another job: the file has %+v, the job %+v", got, job)}
	}
	return in, nil
}

// Header is the first line.
func (r *Reader) Header() Header { return r.lines.header }

// Columns is the header of the file that was planned, nil when it had none.
func (r *Reader) Columns() []string { return r.lines.header.Columns }

// SHA256 is the hash of all bytes as they came, valid after io.EOF.
func (r *Reader) SHA256() [32]byte { return r.lines.source.SHA256() }

// Unpacked is how many bytes came out of the packing so far; 0 without one.
func (r *Reader) Unpacked() int64 { return r.lines.source.Size() }

// Next gives the next row, io.EOF once the end of the file was found to be right,
// a *rows.Fault of the whole file, after which comes io.EOF only, or an error of
// the underlying reader.
func (r *Reader) Next() (rows.Row, error) {
	if r.ended {
		return rows.Row{}, io.EOF
	}
	row, err := r.next()
	r.ended = err != nil
	return row, err
}

func (r *Reader) next() (rows.Row, error) {
	var line signedRow
	if err := r.lines.row(&line); err != nil {
		return rows.Row{}, err
	}
	if line.Row != r.lines.rows {
		return rows.Row{}, r.lines.fault(fmt.Sprintf("is row %d, expected was row %d", line.Row, r.lines.rows))
	}
	row, err := r.restore.Row(line.Row, line.Source)
	if err != nil {
		return rows.Row{}, r.lines.fault(err.Error())
	}
	switch {
	case row.ID != line.ID:
		return rows.Row{}, r.lines.fault(fmt.Sprintf("row %d is %q in its values and %q beside them", line.Row, row.ID, line.ID))
	case !strings.HasSuffix(line.Nonce, rowEnd(line.Row)):
		return rows.Row{}, r.lines.fault(fmt.Sprintf("row %d has the nonce %q, which does not end with the row in %d digits", line.Row, line.Nonce, rowDigits))
	}
	row.Line = r.lines.number
	row.Signed = &rows.Signed{Tx: line.Tx, Hash: line.Hash, Nonce: line.Nonce}
	return row, nil
}
