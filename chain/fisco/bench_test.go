package fisco

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"
)

// echoNode answers each request with a block number, with as little work as
// possible, so that the client is what is measured.
func echoNode(b *testing.B) *Client {
	b.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer ws.CloseNow()
		var answer []byte
		for {
			_, message, err := ws.Read(r.Context())
			if err != nil {
				return
			}
			f, err := ParseFrame(message)
			if err != nil {
				return
			}
			payload := `{"id":1,"jsonrpc":"2.0","result":377}`
			typ := FrameAnswer
			if f.Type == FrameHandshake {
				payload, typ = fakeHandshake, FrameHandshake
			}
			answer, _ = AppendFrame(answer[:0], Frame{Type: typ, Seq: f.Seq, Payload: []byte(payload)})
			if ws.Write(r.Context(), websocket.MessageBinary, answer) != nil {
				return
			}
		}
	}))
	b.Cleanup(server.Close)
	c, err := Dial(context.Background(), DialConfig{Address: strings.TrimPrefix(server.URL, "http://"), ChainID: "chain0", Group: "group0"})
	require.NoError(b, err)
	b.Cleanup(func() { _ = c.Close() })
	return c
}

// BenchmarkInFlight is one request of many in flight on one connection. When
// callers lined up at a lock, 10,000 would be slower each than 100; run it with
// -mutexprofile to see where they wait.
func BenchmarkInFlight(b *testing.B) {
	for _, callers := range []int{1, 100, 10_000} {
		b.Run(fmt.Sprint(callers), func(b *testing.B) {
			c := echoNode(b)
			ctx := context.Background()
			var left atomic.Int64
			left.Store(int64(b.N))
			b.ReportAllocs()
			b.ResetTimer()
			var wg sync.WaitGroup
			for range callers {
				wg.Go(func() {
					for left.Add(-1) >= 0 {
						if _, err := c.GetBlockNumber(ctx); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
		})
	}
}
