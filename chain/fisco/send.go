package fisco

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/fisco/result"
	"github.com/bcosgate/bcosgate/chain/fisco/tx"
	"github.com/bcosgate/bcosgate/chain/jsonrpc"
)

// Send sends a signed transaction and waits until it is in a block, as long as
// ctx allows: a node has no time limit of its own (protocol §5.1). What must not
// reach a node, or was made for another chain, is refused before (KindInvalid,
// KindWrongChain; sent no). An error's Sent is no only when no byte left this
// process or no node can accept them. A receipt with another status than success
// is a result, not an error.
//
// Send asks once; Submit goes on until the outcome is known.
func (m *Methods) Send(ctx context.Context, signed chain.SignedTx) (chain.Receipt, error) {
	t, err := tx.Decode(m.suite, signed.Raw)
	if err == nil && t.Hash != signed.Hash {
		err = &chain.Error{Kind: chain.KindInvalid, Sent: chain.SentNo, Op: opSend, Msg: fmt.Sprintf("the transaction hashes to %s, not to %s", t.Hash, signed.Hash)}
	}
	if err != nil {
		return chain.Receipt{}, m.at(err)
	}
	_, receipt, err := m.send(ctx, &t, signed.Raw, false)
	return receipt, err
}

// SendTransaction is Send for the bytes of a transaction that was signed
// anywhere, and gives the node's own receipt, with its Merkle proof if asked for
// (node 3.6 on). The bytes are those of sendTransaction's parameter, not their
// hex text; they are checked first (see tx.Decode).
func (m *Methods) SendTransaction(ctx context.Context, raw []byte, proof bool) (result.Receipt, error) {
	t, err := tx.Decode(m.suite, raw)
	if err != nil {
		return result.Receipt{}, m.at(err)
	}
	full, _, err := m.send(ctx, &t, raw, proof)
	return full, err
}

// send sends the bytes of a transaction that was decoded from them.
func (m *Methods) send(ctx context.Context, t *tx.Transaction, raw []byte, proof bool) (result.Receipt, chain.Receipt, error) {
	if t.Data.ChainID != m.chainID || t.Data.GroupID != m.group {
		return result.Receipt{}, chain.Receipt{}, m.at(&chain.Error{Kind: chain.KindWrongChain, Sent: chain.SentNo, Op: opSend,
			Msg: fmt.Sprintf("the transaction is for group %s of chain %s, the node serves group %s of chain %s", t.Data.GroupID, t.Data.ChainID, m.group, m.chainID)})
	}
	answer, err := m.ask(ctx, opSend, m.group, "", jsonrpc.Hex(raw), proof)
	if err != nil {
		return result.Receipt{}, chain.Receipt{}, err
	}
	full, receipt, err := judgeSend(t.Hash, answer)
	if err != nil {
		return full, chain.Receipt{}, m.at(err)
	}
	m.carrier.noteHead(receipt.BlockNumber)
	return full, receipt, nil
}

const (
	// submitWait is how long one send of Submit waits for its answer: many blocks.
	submitWait = 30 * time.Second
	// lookPause lies between two looks for a receipt: half a block.
	lookPause = 500 * time.Millisecond
)

// Submit sends a signed transaction and stays with it until its fate is known:
// after a time-out or an unclear answer it looks for the receipt, and sends the
// same bytes again where that is right (see SendState). It returns the receipt;
// KindExpired, sent no, when the transaction is proven dead (the head of this
// node is past its block limit and there is no receipt), so that it may be signed
// anew; a refusal; or KindPending with its Sent when ctx ends or the connection
// breaks before.
func (m *Methods) Submit(ctx context.Context, signed chain.SignedTx) (chain.Receipt, error) {
	return submit(ctx, signed, func(context.Context) (*Methods, error) { return m, m.carrier.broken() })
}

// Submit is Methods.Submit over the breaks of connections: it ends before the
// fate is known only when ctx or the session does.
func (s *Session) Submit(ctx context.Context, signed chain.SignedTx) (chain.Receipt, error) {
	return submit(ctx, signed, func(ctx context.Context) (*Methods, error) {
		c, err := s.Client(ctx)
		if err != nil {
			return nil, err
		}
		return &c.Methods, nil
	})
}

// submit does what the state of the transaction says, with the methods that
// source gives for each step.
func submit(ctx context.Context, signed chain.SignedTx, source func(context.Context) (*Methods, error)) (chain.Receipt, error) {
	s := NewSendState(signed)
	for {
		m, err := source(ctx)
		if err != nil {
			return chain.Receipt{}, s.unsettled(err)
		}
		switch s.Next() {
		case NextSend, NextResend:
			attempt, cancel := context.WithTimeout(ctx, submitWait)
			receipt, err := m.Send(attempt, signed)
			cancel()
			s.Sent(m.address, receipt, err)
		case NextLook:
			s.Looked(m.look(ctx, signed))
		}
		switch s.Next() {
		case NextDone:
			return s.Receipt(), nil
		case NextRefused:
			return chain.Receipt{}, s.Err()
		case NextDead:
			return chain.Receipt{}, m.at(&chain.Error{Kind: chain.KindExpired, Sent: chain.SentNo, Op: opSend, Err: s.Err(),
				Msg: fmt.Sprintf("transaction %s can no longer land: its block limit %d has passed and there is no receipt", signed.Hash, signed.Terms.BlockLimit)})
		}
		select {
		case <-time.After(lookPause):
		case <-ctx.Done():
			return chain.Receipt{}, m.at(s.unsettled(ctx.Err()))
		}
	}
}

// look asks for the head first and for the receipt then, so that a receipt that
// is missing was missing when the head was already there.
func (m *Methods) look(ctx context.Context, signed chain.SignedTx) (uint64, chain.Receipt, error) {
	head, err := m.GetBlockNumber(ctx)
	if err != nil {
		return 0, chain.Receipt{}, err
	}
	receipt, err := m.Receipt(ctx, signed.Hash)
	return head, receipt, err
}

// unsettled is the error of a transaction whose fate is open when cause ends the
// wait for it.
func (s *SendState) unsettled(cause error) error {
	if s.node == "" {
		e := &chain.Error{Kind: chain.KindUnavailable, Sent: chain.SentNo, Op: opSend, Err: errors.Join(cause, s.err), Msg: "gave up before the transaction was sent"}
		if kind := chain.KindOf(s.err); kind != "" {
			e.Kind = kind
		}
		return e
	}
	return &chain.Error{Kind: chain.KindPending, Sent: chain.SentMaybe, Op: opSend, Node: s.node, Err: errors.Join(cause, s.err),
		Msg: fmt.Sprintf("gave up before the outcome of transaction %s was known: look for its receipt", s.tx.Hash)}
}
