package fisco

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"
)

// fakeNode is a node on a real socket with scripted answers. It has its own
// frame codec, so that it cannot agree with a fault of the client's.
type fakeNode struct {
	t         testing.TB
	addr      string
	handshake string // answer to a handshake; "" never answers
	// answer is asked for each RPC request and says what goes into the payload;
	// nil, or a result of nil, answers nothing.
	answer func(s *fakeSession, seq, method string, params []json.RawMessage) []byte
	// frames gets the frames of events and AMOP. It must not wait.
	frames func(s *fakeSession, f fakeFrame)
	deaf   bool // stops reading after the handshake: pings stay unanswered

	mu       sync.Mutex
	requests []string // methods, in order of arrival
	sessions []*fakeSession
}

// fakeFrame is a frame that a client sent.
type fakeFrame struct {
	typ     uint16
	seq     string
	payload []byte
}

// fakeSession is one client's connection.
type fakeSession struct {
	ws   *websocket.Conn
	gone chan struct{} // closed when the connection has ended
}

const fakeHandshake = `{"groupBlockNumber":[{"group0":377}],"groupInfoList":[{"chainID":"chain0","groupID":"group0","genesisConfig":"{}\n","iniConfig":"","nodeList":[{"name":"n","nodeID":"n","type":0,"iniConfig":"{}","protocol":{"compatibilityVersion":51380224},"newMember":1}]}],"protocolVersion":2}` + "\n"

// startNode serves until the test ends; conf is nil for plain.
func startNode(t testing.TB, n *fakeNode, conf *tls.Config) *fakeNode {
	t.Helper()
	n.t = t
	ctx, stop := context.WithCancel(context.Background())
	server := httptest.NewUnstartedServer(n.handler(ctx))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	if conf != nil {
		server.TLS = conf
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(func() {
		stop()
		n.mu.Lock()
		sessions := n.sessions
		n.mu.Unlock()
		for _, s := range sessions {
			s.ws.CloseNow()
		}
		server.CloseClientConnections()
		server.Close()
	})
	n.addr = server.Listener.Addr().String()
	return n
}

func (n *fakeNode) handler(ctx context.Context) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer ws.CloseNow()
		ws.SetReadLimit(64 << 20)
		s := &fakeSession{ws: ws, gone: make(chan struct{})}
		defer close(s.gone)
		n.mu.Lock()
		n.sessions = append(n.sessions, s)
		n.mu.Unlock()
		n.serve(ctx, s)
	})
}

func (n *fakeNode) serve(ctx context.Context, s *fakeSession) {
	for {
		_, message, err := s.ws.Read(ctx)
		if err != nil {
			return
		}
		seqLen := int(binary.BigEndian.Uint16(message[6:8]))
		seq, payload := string(message[8:8+seqLen]), message[10+seqLen:]
		switch typ := binary.BigEndian.Uint16(message[2:4]); typ {
		case 0x100:
			if n.handshake != "" {
				s.frame(0x100, seq, []byte(n.handshake))
			}
			if n.deaf {
				<-ctx.Done()
				return
			}
		case 0x102:
			var request struct {
				Method string
				Params []json.RawMessage
			}
			if err := json.Unmarshal(payload, &request); err != nil {
				n.t.Errorf("a request is no JSON: %v", err)
				return
			}
			n.mu.Lock()
			n.requests = append(n.requests, request.Method)
			n.mu.Unlock()
			if n.answer != nil {
				if answer := n.answer(s, seq, request.Method, request.Params); answer != nil {
					s.frame(0, seq, answer)
				}
			}
		default:
			if n.frames != nil {
				n.frames(s, fakeFrame{typ, seq, payload})
			}
		}
	}
}

func (n *fakeNode) seen(method string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	count := 0
	for _, m := range n.requests {
		if m == method {
			count++
		}
	}
	return count
}

func (n *fakeNode) session(t testing.TB) *fakeSession {
	t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	require.NotEmpty(t, n.sessions)
	return n.sessions[len(n.sessions)-1]
}

// frame writes one frame.
func (s *fakeSession) frame(typ uint16, seq string, payload []byte) { s.answer(typ, 0, seq, payload) }

// answer writes one frame with a status.
func (s *fakeSession) answer(typ, status uint16, seq string, payload []byte) {
	b := make([]byte, 8, 10+len(seq)+len(payload))
	binary.BigEndian.PutUint16(b[2:], typ)
	binary.BigEndian.PutUint16(b[4:], status)
	binary.BigEndian.PutUint16(b[6:], uint16(len(seq)))
	b = append(append(b, seq...), 0, 0)
	s.bytes(append(b, payload...))
}

// bytes writes one message as it is.
func (s *fakeSession) bytes(b []byte) {
	_ = s.ws.Write(context.Background(), websocket.MessageBinary, b)
}

// push tells of a block, in the words of a real node.
func (s *fakeSession) push(group string, number int) {
	s.frame(0x101, "", fmt.Appendf(nil, "{\n\t\"blockNumber\" : %d,\n\t\"group\" : \"%s\",\n\t\"nodeName\" : \"n\"\n}\n", number, group))
}

// reset ends the connection without a word.
func (s *fakeSession) reset() { _ = s.ws.CloseNow() }

func ok(result string) []byte { return []byte(`{"id":1,"jsonrpc":"2.0","result":` + result + `}`) }

// dialNode connects a client that is closed when the test ends.
func dialNode(t testing.TB, n *fakeNode, change ...func(*DialConfig)) *Client {
	t.Helper()
	cfg := DialConfig{Address: n.addr, ChainID: "chain0", Group: "group0"}
	for _, c := range change {
		c(&cfg)
	}
	c, err := Dial(context.Background(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

// soon is long enough for anything on one machine; what is expected to take
// shorter never waits for it.
func soon(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// listen gives a listener whose connections go to handle.
func listen(t testing.TB, handle func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer conn.Close()
				handle(conn)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		wg.Wait()
	})
	return l.Addr().String()
}
