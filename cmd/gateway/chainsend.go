package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/fisco"
	"github.com/bcosgate/bcosgate/chain/fisco/tx"
)

// sender is a system.Transactor: it signs an intent once and stays with that
// transaction until its fate is known or the time is over.
type sender struct {
	session  *fisco.Session
	signer   *tx.Signer
	timeout  time.Duration
	announce func(chain.SignedTx) // is told before anything is sent
}

// unknownError says that a transaction was sent and may or may not be executed.
type unknownError struct {
	tx  chain.SignedTx
	err error
}

func (e *unknownError) Error() string {
	return fmt.Sprintf("the outcome of transaction %s is not known: %v", e.tx.Hash, e.err)
}

func (e *unknownError) Unwrap() error { return e.err }

// notExecutedError says that a transaction was not executed and never will be.
type notExecutedError struct {
	hash common.Hash
	err  error
}

func (e *notExecutedError) Error() string {
	return fmt.Sprintf("transaction %s was not executed and never will be; the same command may be given again: %v", e.hash, e.err)
}

func (e *notExecutedError) Unwrap() error { return e.err }

// Transact implements system.Transactor. Once a node may have the bytes the error
// is an *unknownError, unless it is proven that they cannot land.
func (s *sender) Transact(ctx context.Context, intent chain.Intent) (chain.Receipt, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	terms, err := s.session.Terms(ctx, s.signer.Nonce("auth "+rand.Text()))
	if err != nil {
		return chain.Receipt{}, err
	}
	signed, err := s.signer.Sign(intent, terms)
	if err != nil {
		return chain.Receipt{}, err
	}
	s.announce(signed)
	receipt, err := s.session.Submit(ctx, signed)
	switch {
	case err == nil:
		return receipt, nil
	case !chain.Unsent(err):
		return chain.Receipt{}, &unknownError{signed, err}
	case chain.Is(err, chain.KindExpired):
		return chain.Receipt{}, &notExecutedError{signed.Hash, err}
	}
	return chain.Receipt{}, unsent(signed.Hash, err)
}

// unsent is the error of a transaction that no node has. One that a node refused
// for good was not executed either.
func unsent(hash common.Hash, err error) error {
	if e, ok := errors.AsType[*chain.Error](err); ok && e.Code != 0 {
		return &notExecutedError{hash, err}
	}
	return fmt.Errorf("nothing was sent: %w", err)
}
