package doctor

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain/fisco/suite"
	"github.com/bcosgate/bcosgate/chain/fisco/tx"
)

// fakeNode is a node on a real socket that tells what a test wants it to. The
// zero value, after start, is a lone sealer in good health at block 100.
type fakeNode struct {
	addr string

	chain, group string
	ini          map[string]any                                   // changes of the node's iniConfig
	crypto       int                                              // 1 is GM
	answers      map[string]string                                // results by method; "" never answers
	scripts      map[string]func(params []json.RawMessage) string // instead of answers
}

func (n *fakeNode) start(t *testing.T, security *tls.Config) *fakeNode {
	t.Helper()
	if n.chain == "" {
		n.chain = "chain0"
	}
	if n.group == "" {
		n.group = "group0"
	}
	defaults := map[string]string{
		"getBlockNumber":       "100",
		"getSyncStatus":        syncAnswer(100, 100, "aa"),
		"getConsensusStatus":   consensusAnswer(true, 1, 1, 1, 1),
		"getObserverList":      "[]",
		"getPendingTxSize":     "0",
		"getBlockByNumber":     blockAnswer(100, 1_700_000_000_000),
		"getBlockHashByNumber": quote("0x" + strings.Repeat("ab", 32)),
		"getGroupInfoList":     "[" + n.groupInfo() + "]",
	}
	maps.Copy(defaults, n.answers)
	n.answers = defaults
	ctx, stop := context.WithCancel(context.Background())
	server := httptest.NewUnstartedServer(n.handler(ctx))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	if server.TLS = security; security != nil {
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(func() {
		stop()
		server.CloseClientConnections()
		server.Close()
	})
	n.addr = server.Listener.Addr().String()
	return n
}

func (n *fakeNode) groupInfo() string {
	ini := map[string]any{"isWasm": false, "binaryInfo": map[string]string{"version": "3.16.4"}}
	maps.Copy(ini, n.ini)
	text, _ := json.Marshal(ini)
	return fmt.Sprintf(`{"chainID":%q,"groupID":%q,"genesisConfig":"{}","iniConfig":"","nodeList":[{"name":"n","nodeID":"n","type":%d,"iniConfig":%q,"protocol":{"compatibilityVersion":51380224}}]}`,
		n.chain, n.group, n.crypto, text)
}

func (n *fakeNode) handler(ctx context.Context) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" {
			body, _ := io.ReadAll(r.Body)
			_, _ = w.Write(n.answer(body))
			return
		}
		ws, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer ws.CloseNow()
		for {
			_, message, err := ws.Read(ctx)
			if err != nil {
				return
			}
			seqLen := int(binary.BigEndian.Uint16(message[6:8]))
			seq, payload := message[8:8+seqLen], message[10+seqLen:]
			kind := binary.BigEndian.Uint16(message[2:4])
			var reply []byte
			switch kind {
			case 0x100:
				reply = fmt.Appendf(nil, `{"groupBlockNumber":[{%q:100}],"groupInfoList":[%s],"protocolVersion":2}`, n.group, n.groupInfo())
			case 0x102:
				kind, reply = 0, n.answer(payload)
			}
			if reply == nil {
				continue
			}
			frame := make([]byte, 8, 10+len(seq)+len(reply))
			binary.BigEndian.PutUint16(frame[2:], kind)
			binary.BigEndian.PutUint16(frame[6:], uint16(len(seq)))
			frame = append(append(append(frame, seq...), 0, 0), reply...)
			_ = ws.Write(ctx, websocket.MessageBinary, frame)
		}
	})
}

func (n *fakeNode) answer(body []byte) []byte {
	var request struct {
		Method string
		Params []json.RawMessage
	}
	_ = json.Unmarshal(body, &request)
	result, known := n.answers[request.Method]
	if script := n.scripts[request.Method]; script != nil {
		result, known = script(request.Params), true
	}
	switch {
	case !known:
		return []byte(`{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"The method does not exist/is not available."}}`)
	case result == "":
		return nil
	case strings.HasPrefix(result, `{"code"`):
		return []byte(`{"jsonrpc":"2.0","id":1,"error":` + result + `}`)
	}
	return []byte(`{"jsonrpc":"2.0","id":1,"result":` + result + `}`)
}

func quote(s string) string { return fmt.Sprintf("%q", s) }

func syncAnswer(head, highest int, genesis string) string {
	return quote(fmt.Sprintf(`{"blockNumber":%d,"knownHighestNumber":%d,"genesisHash":%q,"nodeID":"0f","isSyncing":false,"peers":[]}`, head, highest, genesis))
}

func consensusAnswer(sealer bool, connected, sealers, quorum, weight int) string {
	list := make([]string, sealers)
	for i := range list {
		list[i] = fmt.Sprintf(`{"nodeID":"%02x","weight":%d,"index":%d}`, i, weight, i)
	}
	return quote(fmt.Sprintf(`{"nodeID":"0f","isConsensusNode":%t,"connectedNodeList":%d,"consensusNodesNum":%d,"minRequiredQuorum":%d,"consensusNodeList":[%s]}`,
		sealer, connected, sealers, quorum, strings.Join(list, ",")))
}

func blockAnswer(number int, ms int64) string {
	return fmt.Sprintf(`{"hash":"0x%s","number":%d,"timestamp":%d,"sealer":0,"sealerList":["0x%s"]}`, strings.Repeat("ab", 32), number, ms, strings.Repeat("1f", 64))
}

// listen gives a listener whose connections go to handle.
func listen(t *testing.T, handle func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer conn.Close()
				handle(conn)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		serving.Wait()
	})
	return l.Addr().String()
}

// executed is the receipt of a transaction as sendTransaction got it.
func executed(raw string) string {
	data, err := hex.DecodeString(strings.TrimPrefix(raw, "0x"))
	if err != nil {
		return `{"code":-1,"message":"no hex"}`
	}
	t, err := tx.Decode(suite.Standard, data)
	if err != nil {
		return `{"code":-1,"message":"no transaction"}`
	}
	return fmt.Sprintf(`{"version":0,"transactionHash":%q,"hash":"0x%s","blockNumber":101,"status":0,"contractAddress":"","from":"","to":%q,"gasUsed":"0","output":"0x","message":"","logEntries":[]}`,
		t.Hash, strings.Repeat("cd", 32), t.Data.To)
}
