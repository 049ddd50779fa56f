package batch

import (
	"bytes"
	"context"
	"fmt"
	"sync"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/batch/rows"
	"github.com/bcosgate/bcosgate/chain"
)

// SignedSpec says which transactions a job sends that were signed elsewhere.
type SignedSpec struct {
	Plan       string         `json:"plan"`       // names what was planned and signed
	Signer     common.Address `json:"signer"`     // who has signed every row
	Genesis    common.Hash    `json:"genesis"`    // hash of block 0 of the chain that they are for
	BlockLimit uint64         `json:"blockLimit"` // the last block that may have one of them
}

// normalizeSigned checks what can be checked of a job of signed transactions
// without asking the chain.
func normalizeSigned(spec Spec, t *target) error {
	refuse := func(field, format string, args ...any) error {
		return &SpecError{Field: field, Reason: fmt.Sprintf(format, args...)}
	}
	s := spec.Signed
	switch {
	case t.TxReader == nil:
		return refuse("signed", "target %q cannot read transactions that were signed elsewhere", spec.Target)
	case spec.Account != "":
		return refuse("account", "the rows are signed already: leave it out")
	case spec.Kind != KindBatch:
		return refuse("kind", "signed rows make a job of kind %q", KindBatch)
	case spec.Deploy:
		return refuse("deploy", "deployments cannot be signed elsewhere")
	case s.Plan == "" || len(s.Plan) > maxName:
		return refuse("signed.plan", "is missing, or longer than %d bytes", maxName)
	case s.Signer == common.Address{}:
		return refuse("signed.signer", "is missing")
	case s.BlockLimit == 0:
		return refuse("signed.blockLimit", "is missing")
	}
	return nil
}

// checkSigned compares a job of signed transactions with the chain.
func checkSigned(ctx context.Context, s *SignedSpec, t *target, id chain.Identity) error {
	if s.Genesis != id.Genesis {
		return &SpecError{"signed.genesis", fmt.Sprintf("the transactions are for another chain than target %q: its block 0 is %s, theirs was %s; was it rebuilt?", t.Info.Name, id.Genesis, s.Genesis)}
	}
	head, err := t.Chain.Head(ctx)
	if err != nil {
		return fmt.Errorf("ask target %s for its newest block: %w", t.Info.Name, err)
	}
	if head.Number >= s.BlockLimit {
		return &SpecError{"signed.blockLimit", fmt.Sprintf("no block may have these transactions any more: their block limit is %d, the chain is at block %d; plan the rows again", s.BlockLimit, head.Number)}
	}
	return nil
}

// verifier reads the transactions of a job's rows.
func (e *Engine) verifier(rec record) (chain.TxReader, error) {
	t := e.target(rec.Spec.Target)
	if t == nil || t.TxReader == nil {
		return nil, fmt.Errorf("target %q cannot read transactions that were signed elsewhere", rec.Spec.Target)
	}
	return t.TxReader, nil
}

// The rows of signed transactions that are verified at a time: enough that all
// cores have something to do, and bounded where rows are large.
const (
	verifyRows  = 512
	verifyBytes = 8 << 20
)

// signedRows verifies the transactions of rows: whose they are, and that they are
// what the file says. It is a reader whose faults are those of the input, and of
// these.
type signedRows struct {
	rows.Reader
	reader  chain.TxReader
	spec    SignedSpec
	workers int

	group []verified
	err   error // what ended the reading, once group is used up
}

// verified is a row, or what is wrong with it.
type verified struct {
	row   rows.Row
	fault *rows.Fault
}

// Next gives the next row.
func (s *signedRows) Next() (rows.Row, error) {
	if len(s.group) == 0 && s.err == nil {
		s.read()
	}
	if len(s.group) == 0 {
		return rows.Row{}, s.err
	}
	v := s.group[0]
	s.group = s.group[1:]
	if v.fault != nil {
		return rows.Row{}, v.fault
	}
	return v.row, nil
}

// read reads and verifies the next rows.
func (s *signedRows) read() {
	s.group = make([]verified, 0, verifyRows)
	for size := 0; len(s.group) < verifyRows && size < verifyBytes; {
		row, err := s.Reader.Next()
		if err != nil {
			s.err = err
			break
		}
		if row.Signed != nil {
			size += len(row.Source) + len(row.Signed.Tx)
		}
		s.group = append(s.group, verified{row: row})
	}
	var wg sync.WaitGroup
	for w := range s.workers {
		wg.Go(func() {
			for i := w; i < len(s.group); i += s.workers {
				v := &s.group[i]
				if reason := s.verify(v.row.Signed); reason != "" {
					v.fault = &rows.Fault{Row: v.row.Number, Line: v.row.Line, Reason: reason}
				}
			}
		})
	}
	wg.Wait()
}

// verify says what is wrong with a transaction, or "".
func (s *signedRows) verify(signed *rows.Signed) string {
	if signed == nil {
		return "is not signed"
	}
	_, tx, err := s.reader.VerifyTx(signed.Tx)
	switch {
	case err != nil:
		return err.Error()
	case tx.From != s.spec.Signer:
		return fmt.Sprintf("is signed by %s, not by %s", tx.From, s.spec.Signer)
	case tx.Hash != signed.Hash:
		return fmt.Sprintf("has the transaction %s, not %s", tx.Hash, common.Hash(signed.Hash))
	case tx.Terms.Nonce != signed.Nonce:
		return fmt.Sprintf("has a transaction with nonce %q, not %q", tx.Terms.Nonce, signed.Nonce)
	case tx.Terms.BlockLimit != s.spec.BlockLimit:
		return fmt.Sprintf("has a transaction with block limit %d, not %d", tx.Terms.BlockLimit, s.spec.BlockLimit)
	}
	return ""
}

// signedItem puts the transaction in the place of the call, when it makes just that
// call.
func signedItem(reader chain.TxReader, it newItem, signed *rows.Signed) (newItem, *RowFault) {
	if signed == nil {
		return it, &RowFault{Reason: "is not signed"}
	}
	intent, _, err := reader.ReadTx(signed.Tx)
	if err != nil {
		return it, &RowFault{Reason: err.Error()}
	}
	if intent.To == nil || !bytes.Equal(intent.To[:], it.recipient) || !bytes.Equal(intent.Input, it.input) {
		return it, &RowFault{Reason: "has a transaction that makes another call than its values"}
	}
	it.input = signed.Tx
	return it, nil
}

var _ rows.Reader = (*signedRows)(nil)

// maker makes the bytes of an item's attempts.
type maker interface {
	// attempt makes those of a new attempt while the chain is at block head.
	attempt(ctx context.Context, it *itemRun, head uint64) (chain.SignedTx, error)
	// again makes those of the last attempt once more.
	again(ctx context.Context, it *itemRun) (chain.SignedTx, error)
}

// signing makes them with the account of the job.
type signing struct{ r *run }

func (s signing) attempt(ctx context.Context, it *itemRun, head uint64) (chain.SignedTx, error) {
	var nonce string
	if len(it.attempts) > 0 {
		nonce = it.last().nonce // one item, one nonce, unless it reverts and the user wants it again
	} else {
		nonce = s.r.signer.Nonce(itemRef(s.r.rec.nonceRef, it.row, it.nonces))
	}
	return s.terms(ctx, it, chain.Terms{Nonce: nonce, BlockLimit: head + s.r.e.cfg.BlockLimitAhead})
}

func (s signing) again(ctx context.Context, it *itemRun) (chain.SignedTx, error) {
	a := it.last()
	return s.terms(ctx, it, chain.Terms{Nonce: a.nonce, BlockLimit: a.limit})
}

func (s signing) terms(ctx context.Context, it *itemRun, terms chain.Terms) (chain.SignedTx, error) {
	intent := chain.Intent{To: it.recipient, Input: it.input}
	if it.recipient == nil {
		intent.ABI = s.r.rec.abi
	}
	select { // signing is pure work: more at a time than cores only delays the answers
	case s.r.e.signing <- struct{}{}:
	case <-ctx.Done():
		return chain.SignedTx{}, ctx.Err()
	}
	defer func() { <-s.r.e.signing }()
	return s.r.signer.Sign(intent, terms)
}

// given has them from elsewhere. There is one form of each item only.
type given struct {
	reader chain.TxReader
	signer common.Address
}

func (g given) attempt(_ context.Context, it *itemRun, _ uint64) (chain.SignedTx, error) {
	return g.tx(it)
}
func (g given) again(_ context.Context, it *itemRun) (chain.SignedTx, error) { return g.tx(it) }

func (g given) tx(it *itemRun) (chain.SignedTx, error) {
	_, tx, err := g.reader.ReadTx(it.input)
	tx.From = g.signer
	return tx, err
}
