package cluster

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/certs"
)

// stranger is a connection to the p2p port of a node, up to the TLS handshake.
type stranger struct {
	*tls.Conn
	secret []byte
}

func (w *world) stranger(i int, cfg *tls.Config) (stranger, error) {
	conn, err := (&net.Dialer{Timeout: longWait}).DialContext(w.t.Context(), "tcp", w.peers[i])
	require.NoError(w.t, err)
	w.t.Cleanup(func() { _ = conn.Close() })
	require.NoError(w.t, conn.SetDeadline(time.Now().Add(longWait)))
	secured := tls.Client(conn, newest(cfg))
	if err := secured.HandshakeContext(w.t.Context()); err != nil {
		return stranger{}, err
	}
	secret, err := secretOf(secured)
	require.NoError(w.t, err)
	return stranger{secured, secret}, nil
}

// hello is what sealer i would say, as one that has its key.
func (w *world) hello(i int, secret []byte) hello {
	signature, err := w.keys[i].SignBlock(proof("dialed", secret))
	require.NoError(w.t, err)
	return hello{Version: helloVersion, Genesis: w.genesis.Hash(), Sealer: uint64(i), Proof: signature}
}

// isClosed tells whether the node ends the connection without an answer.
func (s stranger) isClosed() bool {
	n, err := s.Read(make([]byte, 1))
	return n == 0 && err != nil
}

// Only a sealer's own key opens the p2p port, whatever certificate there is.
func TestStrangersAreNotListenedTo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	w.start(0)

	other, err := certs.NewCA(certs.Validity{})
	require.NoError(t, err)
	s, err := w.stranger(0, identity(t, other).Client)
	if err == nil { // with TLS 1.3 the client hears of it when it reads
		_, err = s.Read(make([]byte, 1))
	}
	require.Error(t, err, "a certificate of another CA")

	for name, say := range map[string]func(secret []byte) []byte{
		"nothing that is a message":     func([]byte) []byte { return []byte("GET / HTTP/1.1\r\n\r\n") },
		"no hello":                      func([]byte) []byte { return frame(status{1, common.Hash{1}}) },
		"a hello of no key":             func(secret []byte) []byte { h := w.hello(1, secret); h.Proof = make([]byte, 65); return frame(h) },
		"a hello of another connection": func([]byte) []byte { return frame(w.hello(1, []byte("secret"))) },
		"another sealer's name":         func(secret []byte) []byte { h := w.hello(1, secret); h.Sealer = 0; return frame(h) },
		"no sealer":                     func(secret []byte) []byte { h := w.hello(1, secret); h.Sealer = 2; return frame(h) },
		"another chain":                 func(secret []byte) []byte { h := w.hello(1, secret); h.Genesis = common.Hash{1}; return frame(h) },
		"another version":               func(secret []byte) []byte { h := w.hello(1, secret); h.Version++; return frame(h) },
		"a hello that is too long":      func(secret []byte) []byte { h := w.hello(1, secret); h.Proof = make([]byte, maxHello); return frame(h) },
	} {
		s, err := w.stranger(0, w.config.Client)
		require.NoError(t, err)
		_, _ = s.Write(say(s.secret)) // the node may close before the end of it
		require.True(t, s.isClosed(), name)
		require.Empty(t, w.nodes[0].Peers(), name)
	}
	w.start(1)
	w.must(0)
}

// talker is a sealer that only this test speaks for.
func (w *world) talker(to, sealer int) stranger {
	s, err := w.stranger(to, w.config.Client)
	require.NoError(w.t, err)
	_, err = s.Write(frame(w.hello(sealer, s.secret)))
	require.NoError(w.t, err)
	answer, err := readMessage(bufio.NewReader(s), maxHello)
	require.NoError(w.t, err)
	require.EqualValues(w.t, to, answer.(hello).Sealer)
	return s
}

// What makes no sense changes nothing, and the node goes on with the others.
func TestMessagesThatMakeNoSense(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 4)
	for i := range 3 {
		w.start(i)
	}
	w.must(0)
	head := w.nodes[0].chain.Head()
	s := w.talker(0, 3)
	bad := proposed{Round: 3, Proposal: proposal{Number: head.Number + 1, Parent: head.Hash, Timestamp: 1 << 62, Sealer: 9, Transactions: [][]byte{{1}}}}
	for round := range uint64(8) {
		bad.Round = round
		for _, m := range []any{
			bad, proposed{Round: round}, vote{Number: head.Number + 1, Round: round}, transaction{[]byte("rubbish")}, getBlocks{1 << 60}, getBlocks{},
			blocks{Blocks: []finished{{Proposal: bad.Proposal, Signatures: []signature{{Sealer: 1 << 60}}}}}, w.hello(3, nil),
			vote{Number: head.Number + 2, Round: round}, proposed{Round: round, Proposal: proposal{Number: head.Number + 2}},
		} {
			_, err := s.Write(frame(m))
			require.NoError(t, err)
		}
	}
	w.must(1)
	w.must(0)
	_, err := s.Write([]byte{0xff, 0xff, 0xff, 0xff})
	require.NoError(t, err)
	for err == nil { // until the node ends it: no message is as long as that
		_, err = s.Read(make([]byte, 100))
	}
	require.ErrorIs(t, err, io.EOF)
	w.must(2)
	w.start(3)
	w.requireOneChain()
}

// A sealer that takes no message, or says nothing, holds up nobody for long.
func TestAPeerThatDoesNotRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 4)
	l, err := net.Listen("tcp", w.peers[3])
	require.NoError(t, err)
	defer l.Close()
	go func() { // it accepts, and never says hello
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
		}
	}()
	for i := range 3 {
		w.start(i)
	}
	for range 5 {
		w.must(0)
	}
}
