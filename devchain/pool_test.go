package devchain

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// slow is a chain that makes no block while a test looks at its pool.
func slow(cfg *Config) { cfg.MinSealTime = time.Hour }

// A transaction with several faults is refused for the first one in the node's
// order of checks.
func TestPoolChecksInOrder(t *testing.T) {
	t.Parallel()
	c := newTestChain(t)
	used := c.tx(hello, nil)
	used.Version, used.Value = 1, ""
	c.must(signed(c.key, *used))
	head := int64(c.Head().Number)

	group := func(tx *Transaction) { tx.GroupID = "group1" }
	nonce := func(tx *Transaction) { tx.Nonce = used.Nonce }
	limit := func(tx *Transaction) { tx.BlockLimit = head }
	value := func(tx *Transaction) { tx.Value = "0x" + strings.Repeat("0", 600) }
	type fault = func(*Transaction)
	for name, tc := range map[string]struct {
		faults    []fault
		signature []byte
		want      Status
	}{
		"group before all":         {faults: []fault{group, nonce, limit, value}, signature: []byte{1}, want: StatusInvalidGroupID},
		"signature before nonce":   {faults: []fault{nonce, limit, value}, signature: []byte{1}, want: StatusInvalidSignature},
		"nonce before block limit": {faults: []fault{nonce, limit, value}, want: StatusNonceCheckFail},
		"block limit before value": {faults: []fault{limit, value}, want: StatusBlockLimitCheckFail},
		"value":                    {faults: []fault{value}, want: StatusOverFlowValue},
	} {
		t.Run(name, func(t *testing.T) {
			tx := *c.tx(hello, nil)
			tx.Version = 1
			for _, f := range tc.faults {
				f(&tx)
			}
			bad := signed(c.key, tx)
			if tc.signature != nil {
				bad.Signature = tc.signature
			}
			_, err := c.send(bad)
			require.Equal(t, &Error{Code: int(tc.want), Message: tc.want.String()}, err)
		})
	}
}

func TestSignatures(t *testing.T) {
	t.Parallel()
	c := newTestChain(t)
	for name, change := range map[string]func([]byte) []byte{
		"none":         func([]byte) []byte { return nil },
		"zeros":        func(s []byte) []byte { return make([]byte, 65) },
		"cut":          func(s []byte) []byte { return s[:64] },
		"one too many": func(s []byte) []byte { return append(s, 0) },
		"v 2":          func(s []byte) []byte { s[64] = 2; return s },
		"v 3":          func(s []byte) []byte { s[64] = 3; return s },
		"v 27":         func(s []byte) []byte { s[64] += 27; return s },
		"v 255":        func(s []byte) []byte { s[64] = 255; return s },
		"r too big":    func(s []byte) []byte { copy(s, bytes.Repeat([]byte{255}, 32)); return s },
	} {
		tx := c.tx(hello, nil)
		tx.Signature = change(bytes.Clone(tx.Signature))
		require.Equal(t, int(StatusInvalidSignature), c.refused(tx), name)
	}
	// The other of the two values of s is as good.
	tx := c.tx(hello, nil)
	order := unhex("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141")
	borrow := 0
	for i := 31; i >= 0; i-- {
		d := int(order[i]) - int(tx.Signature[32+i]) - borrow
		borrow = 0
		if d < 0 {
			d, borrow = d+256, 1
		}
		tx.Signature[32+i] = byte(d)
	}
	tx.Signature[64] ^= 1
	result, err := c.send(tx)
	require.NoError(t, err)
	require.Equal(t, addressOf(c.key), result.Transaction.Sender)
	// A damaged s makes it a transaction of somebody else.
	tx = c.tx(hello, nil)
	tx.Signature[50] ^= 1
	result, err = c.send(tx)
	require.NoError(t, err)
	require.NotEqual(t, addressOf(c.key), result.Transaction.Sender)
}

func TestPendingTransactionIsKnown(t *testing.T) {
	t.Parallel()
	c := newTestChain(t, slow)
	tx := c.tx(hello, nil)
	_, err := c.submit(encodeTx(tx))
	require.NoError(t, err)
	require.Equal(t, 1, c.PendingCount())
	require.Equal(t, int(StatusAlreadyInTxPool), c.refused(tx), "the same bytes")
	sameHash := *tx
	sameHash.Signature = nil
	require.Equal(t, int(StatusAlreadyInTxPool), c.refused(&sameHash), "before the signature is looked at")
	other := *tx
	other.Input = []byte{1}
	require.Equal(t, int(StatusNonceCheckFail), c.refused(signed(c.key, other)), "the nonce in another transaction")
	require.Equal(t, int(StatusNonceCheckFail), c.refused(signed(testKey(9), other)), "the nonce of another account")
	other.GroupID = "group1"
	require.Equal(t, int(StatusInvalidGroupID), c.refused(signed(c.key, other)))
}

func TestFullPoolRefuses(t *testing.T) {
	t.Parallel()
	c := newTestChain(t, slow, func(cfg *Config) { cfg.PoolLimit = 3 })
	for range 3 {
		_, err := c.submit(encodeTx(c.tx(hello, nil)))
		require.NoError(t, err)
	}
	require.Equal(t, int(StatusTxPoolIsFull), c.refused(c.tx(hello, nil)))
	require.Equal(t, 3, c.PendingCount())
}

func TestNoncesAreFreeText(t *testing.T) {
	t.Parallel()
	c := newTestChain(t)
	for _, nonce := range []string{"", "0", "00", "no number", strings.Repeat("9", 300), "汉字"} {
		tx := *c.tx(hello, nil)
		tx.Nonce = nonce
		c.must(signed(c.key, tx))
		require.Equal(t, int(StatusNonceCheckFail), c.refused(signed(c.key, tx)), "%.20q", nonce)
	}
}

// The block limit may lie 1 to window blocks ahead, and a nonce is remembered as
// long as its transaction could be taken again, also by a restarted chain.
func TestBlockLimitAndNonceWindow(t *testing.T) {
	t.Parallel()
	const window = 5
	cfg := testConfig(t)
	cfg.BlockLimit = window
	c := startTestChain(t, cfg)
	with := func(c *testChain, nonce string, limit int64) *Transaction {
		return signed(c.key, Transaction{To: hello, Nonce: nonce, BlockLimit: limit})
	}
	for range 3 {
		c.must(with(c, fmt.Sprint("fill", c.Head().Number), int64(c.Head().Number)+1))
	}
	for _, off := range []int64{-100, -3, -1, 0, window + 1, window + 2, 5000} {
		require.Equal(t, int(StatusBlockLimitCheckFail), c.refused(with(c, "edge", 3+off)), "head %+d", off)
	}
	require.EqualValues(t, 4, c.must(with(c, "edge", 3+1)).BlockNumber)

	// Block 5 takes a transaction with the farthest block limit, 4 + window.
	far := with(c, "far", 4+window)
	require.EqualValues(t, 5, c.must(far).BlockNumber)
	for number := uint64(6); number <= 5+window+1; number++ {
		want := StatusNonceCheckFail
		if number > 5+window {
			want = StatusBlockLimitCheckFail // the nonce is forgotten: block 5 has left the window, but so has the limit
		}
		require.Equal(t, int(want), c.refused(far), "head %d", c.Head().Number)
		require.EqualValues(t, number, c.must(with(c, fmt.Sprint("then", number), int64(number))).BlockNumber)

		require.NoError(t, c.Close())
		c = startTestChain(t, cfg)
		require.Equal(t, number, c.Head().Number)
	}
	require.Equal(t, int(StatusBlockLimitCheckFail), c.refused(far))
	// A forgotten nonce may be used again.
	c.must(with(c, "far", int64(c.Head().Number)+window))
	// In memory and on disk there are only the nonces of the window.
	require.Len(t, c.pool.consumed.of, window)
	require.Len(t, c.pool.consumed.used, window)
	v, err := c.look()
	require.NoError(t, err)
	defer c.letGo(v)
	stored := 0
	require.NoError(t, v.scan([]byte{keyNonces}, func([]byte) error { stored++; return nil }))
	require.Equal(t, window, stored)
}

// What waited too long, or whose block limit passed, gets an answer that says so,
// and may be sent again.
func TestDroppedTransactions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		p := newPool(10, 100)
		p.start()
		add := func(nonce string, limit int64, at time.Time) *pending {
			entry, err := p.add(signed(testKey(1), Transaction{To: hello, Nonce: nonce, BlockLimit: limit}), at)
			require.NoError(t, err)
			return entry
		}
		old := add("old", 50, now)
		passed := add("passed", 3, now.Add(2*time.Minute))
		good := add("good", 50, now.Add(3*time.Minute))
		p.committed(3, nil, nil)
		require.Equal(t, []*pending{good}, p.cut(10, now.Add(time.Minute)))
		for _, entry := range []*pending{old, passed} {
			<-entry.done
			require.NoError(t, entry.err)
			require.Equal(t, Result{Transaction: entry.tx, Dropped: true}, entry.result)
		}
		require.Equal(t, 1, p.size())
		add("old", 50, now.Add(4*time.Minute))
	})
}

func TestExpiredTransactionIsDropped(t *testing.T) {
	t.Parallel()
	c := newTestChain(t, func(cfg *Config) { cfg.TxExpiration, cfg.MinSealTime = time.Nanosecond, 2*time.Millisecond })
	tx := c.tx(hello, nil)
	result, err := c.send(tx)
	require.NoError(t, err)
	require.True(t, result.Dropped)
	require.Nil(t, result.Receipt)
	require.Equal(t, tx.Hash, result.Transaction.Hash)
	_, err = c.Receipt(tx.Hash)
	require.ErrorIs(t, err, ErrNotFound)
	result, err = c.send(tx)
	require.NoError(t, err, "the same bytes again")
	require.True(t, result.Dropped)
	require.Zero(t, c.Head().Number)
}

// A caller that gives up does not take its transaction back.
func TestSendTransactionContext(t *testing.T) {
	t.Parallel()
	c := newTestChain(t, slow)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	tx := c.tx(hello, nil)
	_, err := c.SendTransaction(ctx, encodeTx(tx))
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 1, c.PendingCount())
	require.Equal(t, int(StatusAlreadyInTxPool), c.refused(tx))
}
