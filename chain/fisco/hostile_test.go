package fisco

import (
	"bufio"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
)

// The empty default receipt, which a node gives for what it dropped, is no proof
// of an execution, in whichever answer it comes.
func TestAnEmptyReceiptConfirmsNothing(t *testing.T) {
	t.Parallel()
	for name, change := range map[string][]string{
		"without a receipt hash": {`"0x8892fa93f83d6784a2869f158d9e4b8845b1615958b6f378bed25f3789d75d7a"`, `"0x"`},
		"in block 0":             {`"blockNumber":378`, `"blockNumber":0`},
		"all of it":              {`"0x8892fa93f83d6784a2869f158d9e4b8845b1615958b6f378bed25f3789d75d7a"`, `"0x"`, `"blockNumber":378`, `"blockNumber":0`, `"gasUsed":"40626"`, `"gasUsed":"0"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			node := startNode(t, &fakeNode{handshake: fakeHandshake, answer: scripted(map[string]string{
				"getTransactionReceipt": string(answerWith(goodReceipt, change...)),
			})}, nil)
			_, err := dialNode(t, node).Receipt(soon(t), common.HexToHash(sentHash))
			require.True(t, chain.Is(err, chain.KindProtocol), "%v", err)
			_, _, err = judgeSend(common.HexToHash(sentHash), answerWith(goodReceipt, change...))
			require.Error(t, err)
		})
	}
}

// Whatever stands where the handshake should, the dial ends with a typed error.
func TestHandshakesOfAnyShapeAreRefused(t *testing.T) {
	t.Parallel()
	for _, handshake := range []string{
		"null", "[]", "7", `"x"`, "\x00", "{", strings.Repeat("[", 100000), strings.Repeat(`{"a":`, 100000),
		strings.Replace(fakeHandshake, `"protocolVersion":2`, `"protocolVersion":"2"`, 1),
		strings.Replace(fakeHandshake, `"protocolVersion":2`, `"protocolVersion":2.5`, 1),
		strings.Replace(fakeHandshake, `"protocolVersion":2`, `"protocolVersion":null`, 1),
		strings.Replace(fakeHandshake, `[{"group0":377}]`, `{"group0":377}`, 1),
		strings.Replace(fakeHandshake, `[{"group0":377}]`, `null`, 1),
		strings.Replace(fakeHandshake, `377`, `"377"`, 1),
		strings.Replace(fakeHandshake, `377`, `99999999999999999999`, 1),
		strings.Replace(fakeHandshake, `377`, `null`, 1) + "x",
		strings.Replace(fakeHandshake, `"nodeList":[`, `"nodeList":[7,`, 1),
		strings.Replace(fakeHandshake, `"chainID":"chain0"`, `"chainID":7`, 1),
		`{"groupInfoList":[null,null],"groupBlockNumber":[null],"protocolVersion":2}`,
	} {
		node := startNode(t, &fakeNode{handshake: handshake}, nil)
		client, err := Dial(soon(t), DialConfig{Address: node.addr, ChainID: "chain0", Group: "group0"})
		require.Nil(t, client, "%.60q", handshake)
		var why *DialError
		require.ErrorAs(t, err, &why, "%.60q", handshake)
		require.Contains(t, []chain.Kind{chain.KindProtocol, chain.KindWrongChain}, chain.KindOf(err), "%.60q: %v", handshake, err)
	}
}

// rawNode speaks WebSocket by hand: after the handshake it answers each request
// with the bytes that reply gives, and sends nothing more.
func rawNode(t *testing.T, reply func(io.Writer)) string {
	return listen(t, func(conn net.Conn) {
		in := bufio.NewReader(conn)
		request, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "+
			acceptKey(request.Header.Get("Sec-WebSocket-Key"))+"\r\n\r\n")
		message := readMasked(in)
		if len(message) < 42 {
			return
		}
		answer := append(message[:42:42], fakeHandshake...) // its own head, with its seq
		head := binary.BigEndian.AppendUint16([]byte{0x82, 126}, uint16(len(answer)))
		_, _ = conn.Write(append(head, answer...))
		for readMasked(in) != nil {
			reply(conn)
		}
	})
}

// A length alone, however large, takes no memory and holds nobody longer than
// his context.
func TestAnAnswerThatIsOnlyALengthIsNotWaitedForForEver(t *testing.T) {
	t.Parallel()
	for name, length := range map[string]uint64{"4 GiB": 4 << 30, "the most": 1<<63 - 1, "too much": 1<<64 - 1, "31 MiB": 31 << 20} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			replied := make(chan struct{}, 1)
			addr := rawNode(t, func(w io.Writer) {
				_, _ = w.Write(append(binary.BigEndian.AppendUint64([]byte{0x82, 127}, length), 0, 0, 0))
				replied <- struct{}{}
			})
			c, err := Dial(soon(t), DialConfig{Address: addr, ChainID: "chain0", Group: "group0"})
			require.NoError(t, err)
			defer c.Close()
			ctx, cancel := context.WithCancel(soon(t))
			defer cancel()
			go func() {
				<-replied
				cancel()
			}()
			_, err = c.Send(ctx, signedCall(t, name))
			require.True(t, chain.Is(err, chain.KindCanceled, chain.KindUnavailable), "%v", err)
			require.Equal(t, chain.SentMaybe, sentOf(t, err))
		})
	}
}

// acceptKey is what RFC 6455 wants a server to make of a client's key.
func acceptKey(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // the protocol says so
	return base64.StdEncoding.EncodeToString(sum[:])
}

// readMasked reads one message of a client, nil at the end.
func readMasked(r io.Reader) []byte {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil
	}
	length := uint64(head[1] & 0x7f)
	for _, wide := range []struct {
		mark uint64
		size int
	}{{126, 2}, {127, 8}} {
		if length == wide.mark {
			var b [8]byte
			if _, err := io.ReadFull(r, b[8-wide.size:]); err != nil {
				return nil
			}
			length = binary.BigEndian.Uint64(b[:])
			break
		}
	}
	message := make([]byte, 4+length)
	if _, err := io.ReadFull(r, message); err != nil {
		return nil
	}
	mask, payload := message[:4], message[4:]
	for i := range payload {
		payload[i] ^= mask[i%4]
	}
	return payload
}
