package fisco

import (
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bcosgate/bcosgate/chain"
)

func sendError(kind chain.Kind, sent chain.Sent) error {
	return &chain.Error{Kind: kind, Sent: sent, Op: opSend}
}

// What follows the first answer of sendTransaction (protocol §5.2, §5.5).
func TestSendStateAfterTheFirstSend(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err  error
		next Next
		node string
	}{
		"a receipt":                           {nil, NextDone, "a"},
		"never left":                          {sendError(chain.KindUnavailable, chain.SentNo), NextSend, ""},
		"the client was full":                 {sendError(chain.KindOverloaded, chain.SentNo), NextSend, ""},
		"timed out before it left":            {sendError(chain.KindTimeout, chain.SentNo), NextSend, ""},
		"poison":                              {sendError(chain.KindInvalid, chain.SentNo), NextRefused, ""},
		"wrong chain id":                      {sendError(chain.KindWrongChain, chain.SentNo), NextRefused, ""},
		"10008 wrong signature":               {sendError(chain.KindInvalid, chain.SentNo), NextRefused, ""},
		"no answer at all":                    {sendError(chain.KindTimeout, chain.SentMaybe), NextLook, "a"},
		"the connection broke":                {sendError(chain.KindUnavailable, chain.SentMaybe), NextLook, "a"},
		"false success with hash 0x, 10010":   {sendError(chain.KindDropped, chain.SentMaybe), NextResend, "a"},
		"10000 after inclusion":               {sendError(chain.KindNonceUsed, chain.SentMaybe), NextLook, "a"},
		"10001 expired, or a node far behind": {sendError(chain.KindExpired, chain.SentMaybe), NextLook, "a"},
		"10002 pool full":                     {sendError(chain.KindOverloaded, chain.SentMaybe), NextResend, "a"},
		"10004 known from a peer":             {sendError(chain.KindKnown, chain.SentYes), NextLook, "a"},
		"an answer that cannot be read":       {sendError(chain.KindProtocol, chain.SentMaybe), NextLook, "a"},
		"the node failed inside":              {sendError(chain.KindNode, chain.SentMaybe), NextLook, "a"},
	} {
		s := NewSendState(chain.SignedTx{Hash: common.MaxHash, Terms: chain.Terms{BlockLimit: 500}})
		require.Equal(t, NextSend, s.Next())
		require.True(t, s.MaySendTo("a") && s.MaySendTo("b"), name)
		require.Equal(t, c.next, s.Sent("a", chain.Receipt{BlockNumber: 7}, c.err), name)
		require.Equal(t, c.node, s.Node(), name)
		require.Equal(t, c.err, s.Err(), name)
		require.Equal(t, c.next == NextSend || c.next == NextResend, s.MaySendTo("a"), name)
		require.Equal(t, c.next == NextSend, s.MaySendTo("b"), "%s: never the same transaction to two nodes", name)
		if c.next == NextDone {
			require.Equal(t, uint64(7), s.Receipt().BlockNumber)
		}
	}
}

func TestSendStateLooks(t *testing.T) {
	t.Parallel()
	missing := sendError(chain.KindNotFound, chain.SentNo)
	open := func() *SendState {
		s := NewSendState(chain.SignedTx{Terms: chain.Terms{BlockLimit: 500}})
		s.Sent("a", chain.Receipt{}, sendError(chain.KindTimeout, chain.SentMaybe))
		return s
	}

	s := open()
	require.Equal(t, NextLook, s.Looked(400, chain.Receipt{}, missing))
	require.Equal(t, NextDone, s.Looked(401, chain.Receipt{BlockNumber: 401}, nil))
	require.Equal(t, NextDone, s.Looked(900, chain.Receipt{}, missing), "what is done stays done")
	require.Equal(t, uint64(401), s.Receipt().BlockNumber)

	s = open()
	for range patience - 1 {
		require.Equal(t, NextLook, s.Looked(400, chain.Receipt{}, missing))
	}
	require.Equal(t, NextResend, s.Looked(400, chain.Receipt{}, missing), "after some looks in vain the same bytes go out again")
	require.False(t, s.MaySendTo("b"))
	s.Lost()
	require.True(t, s.MaySendTo("b"), "the first node is gone for good")
	require.Equal(t, NextLook, s.Sent("b", chain.Receipt{}, sendError(chain.KindNonceUsed, chain.SentMaybe)))
	require.Equal(t, "b", s.Node())

	s = open()
	require.Equal(t, NextLook, s.Looked(502, chain.Receipt{}, missing), "the margin is not over")
	require.Equal(t, NextLook, s.Looked(900, chain.Receipt{}, sendError(chain.KindUnavailable, chain.SentNo)), "a look that failed proves nothing")
	require.Equal(t, NextDead, s.Looked(503, chain.Receipt{}, missing))
	require.False(t, s.MaySendTo("a") || s.MaySendTo("b"))

	s = open() // an earlier copy may land, whatever a later send says
	for range patience {
		s.Looked(400, chain.Receipt{}, missing)
	}
	require.Equal(t, NextLook, s.Sent("a", chain.Receipt{}, sendError(chain.KindWrongChain, chain.SentNo)))
}

// Whatever the answers are: bytes that may be somewhere are never called refused,
// dead needs a head past the block limit, and no second node gets them unasked.
func TestSendStateNeverGuesses(t *testing.T) {
	t.Parallel()
	kinds := []chain.Kind{chain.KindInvalid, chain.KindNonceUsed, chain.KindKnown, chain.KindExpired, chain.KindDropped, chain.KindOverloaded,
		chain.KindUnavailable, chain.KindTimeout, chain.KindCanceled, chain.KindWrongChain, chain.KindProtocol, chain.KindNode, chain.KindNotFound}
	rapid.Check(t, func(t *rapid.T) {
		const limit = 500
		s := NewSendState(chain.SignedTx{Terms: chain.Terms{BlockLimit: limit}})
		exposed := map[string]bool{}
		var highest uint64
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			kind := rapid.SampledFrom(kinds).Draw(t, "kind")
			switch s.Next() {
			case NextDone, NextRefused, NextDead:
				return
			case NextLook:
				head := rapid.Uint64Range(400, 600).Draw(t, "head")
				if s.Looked(head, chain.Receipt{}, sendError(kind, chain.SentNo)) == NextDead {
					highest = max(highest, head)
					require.Greater(t, highest, uint64(limit+deadMargin))
				}
			default:
				node := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "node")
				if !s.MaySendTo(node) {
					require.NotEmpty(t, s.Node())
					continue
				}
				require.True(t, len(exposed) == 0 || exposed[node], "a second node")
				sent := rapid.SampledFrom([]chain.Sent{chain.SentNo, chain.SentMaybe, chain.SentYes}).Draw(t, "sent")
				next := s.Sent(node, chain.Receipt{}, sendError(kind, sent))
				if sent != chain.SentNo {
					exposed[node] = true
				}
				require.False(t, next == NextRefused && len(exposed) > 0)
			}
		}
	})
}
