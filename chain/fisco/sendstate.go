package fisco

import (
	"fmt"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/fisco/result"
	"github.com/bcosgate/bcosgate/chain/jsonrpc"
)

// This file is the truth about sending a transaction (protocol §5.2, §5.5): what
// an answer of sendTransaction means, and what may be done next. It is the only
// place that knows. It does no I/O and keeps no time.

// Next is what may be done with a transaction.
type Next string

// What may be done. Only NextSend is free to choose the node.
const (
	NextSend    Next = "send"    // no node has the bytes: send them
	NextResend  Next = "resend"  // send the same bytes again, to the node of SendState.Node only
	NextLook    Next = "look"    // they may be in a pool or in a block: ask for the receipt and the head
	NextDone    Next = "done"    // executed: there is a receipt
	NextRefused Next = "refused" // no node can take these bytes, and none ever had them
	NextDead    Next = "dead"    // proven absent: the head is past the block limit and there is no receipt
)

const (
	// deadMargin is how many blocks a head must be past the block limit before a
	// missing receipt proves anything: the last block that may have the transaction
	// is complete on the node that is asked.
	deadMargin = 2
	// patience is how many looks in vain come before the same bytes are sent again;
	// a needless send does no harm, the chain refuses the second copy itself.
	patience = 3
)

// SendState is what is known of one signed transaction from its first send on.
// It is not safe for concurrent use. The zero value is not useful; see
// NewSendState.
type SendState struct {
	tx      chain.SignedTx
	node    string // the node that may have the bytes; "" for none
	next    Next
	looks   int // in vain, since the last send
	receipt chain.Receipt
	err     error // of the last send or look
}

// NewSendState is the state of a transaction that was not sent yet.
func NewSendState(tx chain.SignedTx) *SendState { return &SendState{tx: tx, next: NextSend} }

// Next is what may be done now.
func (s *SendState) Next() Next { return s.next }

// Node is the node that may have the bytes, "" when none has.
func (s *SendState) Node() string { return s.node }

// Receipt is the receipt, when Next is NextDone.
func (s *SendState) Receipt() chain.Receipt { return s.receipt }

// Err says why the last send or look did not end it; nil when it did.
func (s *SendState) Err() error { return s.err }

// MaySendTo reports whether the bytes may be sent to a node. While one node may
// have them no other gets them: nodes of 3.16 that receive the same transaction
// from a client and from a peer answer 10004 to whoever waits, also to the first
// (protocol §5.5).
func (s *SendState) MaySendTo(node string) bool {
	switch s.next {
	case NextSend:
		return true
	case NextResend:
		return node == s.node
	}
	return false
}

// Lost tells that the node that may have the bytes is gone for long: another one
// may get the same bytes when it is time to send them again. The chain itself
// still executes them once at most.
func (s *SendState) Lost() {
	if s.next == NextResend {
		s.next = NextSend
	}
}

// Sent takes the outcome of a send to a node.
func (s *SendState) Sent(node string, receipt chain.Receipt, err error) Next {
	s.err, s.looks = err, 0
	exposed := s.node != ""
	switch {
	case err == nil:
		s.node, s.receipt, s.next = node, receipt, NextDone
	case chain.Unsent(err) && exposed:
		s.next = NextLook // an earlier copy may still land
	case chain.Unsent(err) && chain.Is(err, chain.KindUnavailable, chain.KindOverloaded, chain.KindTimeout, chain.KindCanceled):
		s.next = NextSend
	case chain.Unsent(err):
		s.next = NextRefused
	case chain.Is(err, chain.KindDropped, chain.KindOverloaded):
		s.node, s.next = node, NextResend
	default: // a time-out, a broken connection, 10000, 10001, 10004, an answer that cannot be read …
		s.node, s.next = node, NextLook
	}
	return s.next
}

// Looked takes what a node says: head was asked for first, then the receipt, and
// err is that of the receipt (KindNotFound) or of whatever failed before it.
func (s *SendState) Looked(head uint64, receipt chain.Receipt, err error) Next {
	s.err = err
	switch {
	case s.next != NextLook:
	case err == nil:
		s.receipt, s.next = receipt, NextDone
	case !chain.Is(err, chain.KindNotFound): // nothing was learned
	case head > s.tx.Terms.BlockLimit && head-s.tx.Terms.BlockLimit > deadMargin:
		s.next = NextDead
	default:
		if s.looks++; s.looks >= patience {
			s.next = NextResend
		}
	}
	return s.next
}

// judgeSend tells what the answer of sendTransaction means.
//
//   - an error: what the table says;
//   - status 0 with a receipt hash: executed;
//   - status 0 with hash "0x": a false success, the pool dropped the transaction
//     (KindDropped), and the same bytes may be sent again;
//   - another status: executed and failed, which is a result; its hash is "0x" always;
//   - a pool status in a result: what the table says about it;
//   - a result for another transaction: KindProtocol.
func judgeSend(sent common.Hash, answer []byte) (result.Receipt, chain.Receipt, error) {
	full, err := jsonrpc.DecodeResponse[result.Receipt](answer)
	if err != nil {
		return full, chain.Receipt{}, answerError(opSend, err)
	}
	if full.Status >= 10000 {
		return full, chain.Receipt{}, nodeError(opSend, &jsonrpc.Error{Code: full.Status, Message: full.Message})
	}
	receipt, err := receiptOf(&full)
	switch {
	case err != nil:
		err = brokenAnswer(opSend, "the receipt cannot be read", err)
	case receipt.TxHash != sent:
		err = brokenAnswer(opSend, fmt.Sprintf("the receipt is of transaction %s, sent was %s", receipt.TxHash, sent), nil)
	case full.Status == 0 && !full.HasHash():
		err = &chain.Error{Kind: chain.KindDropped, Sent: chain.SentMaybe, Op: opSend, Code: 10010,
			Msg: "the node dropped the transaction from its pool: it waited too long, or its block limit passed"}
	case receipt.BlockNumber == 0:
		err = brokenAnswer(opSend, "the receipt names block 0", nil)
	case full.Status == 0 && len(full.Hash) != common.HashLength:
		err = brokenAnswer(opSend, fmt.Sprintf("the receipt hash has %d bytes", len(full.Hash)), nil)
	}
	if err != nil {
		return full, chain.Receipt{}, err
	}
	return full, receipt, nil
}
