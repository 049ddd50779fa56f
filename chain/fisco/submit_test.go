package fisco

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
)

// lossy is a node that executes what it is sent and loses its answers: it answers
// sendTransaction with what script says for the n-th time (nil for nothing).
type lossy struct {
	tx     chain.SignedTx
	head   atomic.Int64
	sends  atomic.Int64
	landed atomic.Bool // there is a receipt
	script func(n int64, s *fakeSession) []byte
}

func (l *lossy) answer(s *fakeSession, _, method string, _ []json.RawMessage) []byte {
	switch method {
	case opSend:
		return l.script(l.sends.Add(1), s)
	case "getBlockNumber":
		return ok(fmt.Sprint(l.head.Add(1)))
	case opReceipt:
		if l.landed.Load() {
			return ok(receiptFor(l.tx, 378))
		}
		return refusal(3008, "GetTransactionReceiptByHash")
	}
	return nil
}

func TestSubmitFindsOut(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		head   int64
		script func(l *lossy) func(n int64, s *fakeSession) []byte
		sends  int64
		kind   chain.Kind // "" is a receipt
	}{
		"a receipt at once": {377, func(l *lossy) func(int64, *fakeSession) []byte {
			return func(int64, *fakeSession) []byte { return ok(receiptFor(l.tx, 378)) }
		}, 1, ""},
		"10004, and the receipt comes": {377, func(l *lossy) func(int64, *fakeSession) []byte {
			return func(int64, *fakeSession) []byte { l.landed.Store(true); return refusal(10004, "AlreadyInTxPool") }
		}, 1, ""},
		"dropped by the pool, sent again": {377, func(l *lossy) func(int64, *fakeSession) []byte {
			return func(n int64, _ *fakeSession) []byte {
				if n == 1 {
					return ok(fmt.Sprintf(`{"blockNumber":0,"gasUsed":"0","hash":"0x","status":0,"to":"","transactionHash":"%s"}`, l.tx.Hash.Hex()))
				}
				return ok(receiptFor(l.tx, 380))
			}
		}, 2, ""},
		"10000 although nothing landed: dead when the limit has passed": {501, func(*lossy) func(int64, *fakeSession) []byte {
			return func(int64, *fakeSession) []byte { return refusal(10000, "NonceCheckFail") }
		}, 1, chain.KindExpired},
		"refused for good": {377, func(*lossy) func(int64, *fakeSession) []byte {
			return func(int64, *fakeSession) []byte { return refusal(10008, "InvalidSignature") }
		}, 1, chain.KindInvalid},
		"the connection breaks": {377, func(*lossy) func(int64, *fakeSession) []byte {
			return func(_ int64, s *fakeSession) []byte { s.reset(); return nil }
		}, 1, chain.KindPending},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := &lossy{tx: signedCall(t, name)}
			l.head.Store(c.head)
			l.script = c.script(l)
			client := dialNode(t, startNode(t, &fakeNode{handshake: fakeHandshake, answer: l.answer}, nil))
			receipt, err := client.Submit(soon(t), l.tx)
			require.Equal(t, c.sends, l.sends.Load())
			require.Equal(t, c.kind, chain.KindOf(err), "%v", err)
			if c.kind == "" {
				require.Equal(t, l.tx.Hash, receipt.TxHash)
			}
			require.Equal(t, c.kind == chain.KindExpired || c.kind == chain.KindInvalid, err != nil && chain.Unsent(err))
		})
	}
}

// A session submits over the break of a connection that took the answer with it.
func TestSubmitOverABreak(t *testing.T) {
	t.Parallel()
	l := &lossy{tx: signedCall(t, "over a break")}
	l.head.Store(377)
	l.script = func(_ int64, s *fakeSession) []byte {
		l.landed.Store(true)
		s.reset()
		return nil
	}
	node := startNode(t, &fakeNode{handshake: fakeHandshake, answer: l.answer}, nil)
	s, err := OpenSession(soon(t), SessionConfig{DialConfig: DialConfig{Address: node.addr, ChainID: "chain0", Group: "group0"}, BackoffMin: time.Millisecond})
	require.NoError(t, err)
	defer s.Close()
	receipt, err := s.Submit(soon(t), l.tx)
	require.NoError(t, err)
	require.Equal(t, l.tx.Hash, receipt.TxHash)
	require.Equal(t, int64(1), l.sends.Load(), "it was found, not sent again")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = s.Submit(ctx, signedCall(t, "never sent"))
	require.True(t, chain.Unsent(err), "%v", err)
}
