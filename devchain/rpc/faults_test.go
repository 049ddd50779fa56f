package rpc

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/devchain/faults"
)

// struckWorld is an endpoint with faults.
func struckWorld(t *testing.T, list ...faults.Fault) (*world, *endpoint, *faults.Set) {
	t.Helper()
	return struckEndpoint(t, (*world).endpoint, list)
}

// struckPiped is struckWorld inside a bubble of synctest.
func struckPiped(t *testing.T, list ...faults.Fault) (*world, *endpoint, *faults.Set) {
	t.Helper()
	return struckEndpoint(t, (*world).piped, list)
}

func struckEndpoint(t *testing.T, open func(*world, func(*Config)) *endpoint, list []faults.Fault) (*world, *endpoint, *faults.Set) {
	t.Helper()
	set := &faults.Set{}
	w := newWorld(t, 1, -1)
	e := open(w, func(cfg *Config) { cfg.Faults, cfg.Name = set, "node0" })
	for _, f := range list {
		_, err := set.Add(f)
		require.NoError(t, err)
	}
	return w, e, set
}

func struck(set *faults.Set) int { return set.List()[0].Struck }

// eventually waits for what another goroutine does.
func eventually(t *testing.T, what func() bool) {
	t.Helper()
	require.Eventually(t, what, patience, time.Millisecond)
}

// request sends a request on a connection of its own, which may stay without answer.
func (e *endpoint) request(ctx context.Context, method string, params ...any) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url(), strings.NewReader(rpcText(method, params...)))
	require.NoError(e.t, err)
	return (&http.Client{Transport: &http.Transport{TLSClientConfig: e.tls, DialContext: e.dialer, DisableKeepAlives: true}}).Do(r)
}

func TestErrorsInPlaceOfAnswers(t *testing.T) {
	t.Parallel()
	w, e, set := struckWorld(t, faults.Fault{Action: faults.Error, Code: -32603, Message: "broken", Times: 2}, faults.Fault{Action: faults.PoolFull})
	p := e.dial()
	require.Equal(t, fault{-32603, "broken"}, e.failure("getBlockNumber", "group0", ""))
	require.JSONEq(t, `{"id":1,"jsonrpc":"2.0","error":{"code":-32603,"message":"broken"}}`, p.call("getGroupList"))
	raw := w.signed(nil, unhex(t, emitterInit), "")
	require.Equal(t, fault{10002, "TxPoolIsFull"}, e.failure("sendTransaction", "group0", "", raw, false))
	require.Zero(t, w.chain.Head().Number)
	require.NotEmpty(t, e.result("sendTransaction", "group0", "", raw, false), "only once")
	require.Equal(t, 2, struck(set))
}

func TestDropsOverHTTP(t *testing.T) {
	t.Parallel()
	for name, after := range map[string]bool{"before": false, "after": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, e, set := struckWorld(t, faults.Fault{Action: faults.Drop, On: "sendTransaction", After: after})
			ctx, cancel := context.WithCancel(t.Context())
			raw := w.signed(nil, unhex(t, emitterInit), "")
			ended := make(chan error)
			go func() {
				_, err := e.request(ctx, "sendTransaction", "group0", "", raw, false)
				ended <- err
			}()
			eventually(t, func() bool { return struck(set) == 1 })
			if after {
				eventually(t, func() bool { return w.chain.Head().Number == 1 })
			}
			select {
			case err := <-ended:
				require.Fail(t, "the request ended", err)
			case <-time.After(100 * time.Millisecond): // long for an answer on one machine
			}
			cancel()
			require.ErrorIs(t, <-ended, context.Canceled)
			if after {
				require.Equal(t, 10000, e.failure("sendTransaction", "group0", "", raw, false).Code)
			} else {
				require.Zero(t, w.chain.Head().Number)
				require.NotEmpty(t, e.result("sendTransaction", "group0", "", raw, false))
			}
		})
	}
}

func TestDropsOverWebSocket(t *testing.T) {
	t.Parallel()
	w, e, _ := struckWorld(t, faults.Fault{Action: faults.Drop, On: "sendTransaction", Transport: faults.WebSocket, After: true},
		faults.Fault{Action: faults.Drop, On: faults.Handshake})
	p := e.dial()
	raw := w.signed(nil, unhex(t, emitterInit), "")
	p.ask(typeRPC, rpcText("sendTransaction", "group0", "", raw, false))
	eventually(t, func() bool { return w.chain.Head().Number == 1 })
	p.ask(typeHandshake, `{"minVersion":0,"maxVersion":2,"moduleID":2}`)
	second := p.ask(typeHandshake, `{"minVersion":0,"maxVersion":2,"moduleID":2}`)
	require.Equal(t, second, string(p.next(typeHandshake).Seq))
	require.Contains(t, p.call("getBlockNumber", "group0", ""), `"result":1`, "the session lives on; the first reply is of this call")
}

func TestAStopEndsWhatWasDropped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, stopEndsWhatWasDropped)
}

func stopEndsWhatWasDropped(t *testing.T) {
	_, e, set := struckPiped(t, faults.Fault{Action: faults.Drop}, faults.Fault{Action: faults.HalfOpen})
	ended := make(chan error, 2)
	for range 2 {
		go func() {
			_, err := e.request(t.Context(), "getBlockNumber", "group0", "")
			ended <- err
		}()
	}
	eventually(t, func() bool { return struck(set) == 1 && set.List()[1].Struck == 1 })
	dead := e.dial()
	_, err := set.Add(faults.Fault{Action: faults.HalfOpen})
	require.NoError(t, err)
	dead.ask(typeRPC, rpcText("getBlockNumber", "group0", ""))
	eventually(t, func() bool { return set.List()[2].Struck == 1 })
	began := time.Now()
	require.NoError(t, e.server.Stop(t.Context()))
	require.Less(t, time.Since(began), time.Second, "it does not wait for a close handshake")
	for range 2 {
		require.Error(t, <-ended)
	}
	dead.ended()
}

func TestDelay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const wait = 3 * time.Second
		_, e, _ := struckPiped(t, faults.Fault{Action: faults.Delay, Delay: faults.Duration(wait), On: "getBlockNumber", Times: 2})
		began := time.Now()
		require.Equal(t, "0", e.result("getBlockNumber", "group0", ""))
		require.Equal(t, wait, time.Since(began))
		p := e.dial()
		began = time.Now()
		slow := p.ask(typeRPC, rpcText("getBlockNumber", "group0", ""))
		quick := p.ask(typeRPC, rpcText("getGroupList"))
		require.Equal(t, quick, string(p.next(typeReply).Seq), "others are not held up")
		require.Zero(t, time.Since(began))
		require.Equal(t, slow, string(p.next(typeReply).Seq))
		require.Equal(t, wait, time.Since(began))
	})
}

func TestClosedAndResetConnections(t *testing.T) {
	t.Parallel()
	for name, secure := range map[string]bool{"plain": false, "TLS": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			set := &faults.Set{}
			w := newWorld(t, 1, -1)
			ca := newAuthority(t)
			e := w.endpoint(func(cfg *Config) {
				if cfg.Faults = set; secure {
					cfg.TLS = ca.server(ca.issue(t))
				}
			})
			if secure {
				e.tls = ca.client(ca.issue(t))
			}
			for _, action := range []faults.Action{faults.Close, faults.Reset} {
				wanted := func(err error) {
					t.Helper()
					isReset := errors.Is(err, syscall.ECONNRESET)
					if action == faults.Reset {
						require.True(t, isReset, "%v", err)
						return
					}
					require.False(t, isReset, "%v", err)
				}
				add := func(on string) {
					t.Helper()
					_, err := set.Add(faults.Fault{Action: action, On: on})
					require.NoError(t, err)
				}
				add("getBlockNumber")
				_, err := e.request(t.Context(), "getBlockNumber", "group0", "")
				require.Error(t, err)
				wanted(err)
				require.Equal(t, "0", e.result("getBlockNumber", "group0", ""), "the next one is served")

				ws, _, err := websocket.Dial(t.Context(), "ws"+e.url()[len("http"):], &websocket.DialOptions{HTTPClient: e.client()})
				require.NoError(t, err)
				add("getBlockNumber")
				require.NoError(t, ws.Write(t.Context(), websocket.MessageBinary, frame{Type: typeRPC, Payload: []byte(rpcText("getBlockNumber", "group0", ""))}.bytes()))
				_, _, err = ws.Read(t.Context())
				if action == faults.Close {
					require.Equal(t, websocket.StatusNormalClosure, websocket.CloseStatus(err))
				}
				wanted(err)
				_ = ws.CloseNow()

				add(faults.Connect)
				_, err = e.request(t.Context(), "getBlockNumber", "group0", "")
				require.Error(t, err)
			}
		})
	}
}

// A half-open connection takes everything and answers nothing, not even a ping,
// and is not closed by the node's own keep-alive either.
func TestHalfOpen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, halfOpen)
}

func halfOpen(t *testing.T) {
	w, e, set := struckPiped(t)
	p := e.dial()
	require.Contains(t, p.call("getBlockNumber", "group0", ""), `"result":0`)
	_, err := set.Add(faults.Fault{Action: faults.HalfOpen})
	require.NoError(t, err)
	p.ask(typeRPC, rpcText("getBlockNumber", "group0", ""))
	eventually(t, func() bool { return struck(set) == 1 })
	w.deploy() // a notice that it does not get
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	require.ErrorIs(t, p.ws.Ping(ctx), context.DeadlineExceeded)
	select {
	case f := <-p.frames:
		require.Fail(t, "something came", "%v", f)
	default:
	}
	require.Len(t, e.server.live(), 1, "the node thinks that the session is alive")
	require.NoError(t, p.ws.CloseNow())
	eventually(t, func() bool { return len(e.server.live()) == 0 })
}

func (s *Server) live() []*session {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []*session
	for session := range s.sessions {
		all = append(all, session)
	}
	return all
}

func TestHalfOpenFromTheStart(t *testing.T) {
	t.Parallel()
	_, e, _ := struckWorld(t, faults.Fault{Action: faults.HalfOpen, On: faults.Connect})
	c, err := net.Dial("tcp", e.address)
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, c.SetDeadline(time.Now().Add(200*time.Millisecond)))
	require.Error(t, tls.Client(c, &tls.Config{InsecureSkipVerify: true}).Handshake())
	_, err = c.Read(make([]byte, 1))
	require.True(t, errors.Is(err, os.ErrDeadlineExceeded), "%v", err)
	require.Equal(t, "0", e.result("getBlockNumber", "group0", ""))
}

func TestCorruptAnswersOverHTTP(t *testing.T) {
	t.Parallel()
	_, e, set := struckWorld(t)
	const whole = `{"id":1,"jsonrpc":"2.0","result":0}`
	for part, tc := range map[faults.Part]struct {
		body   string
		length int64
		err    error
	}{
		faults.Header:  {whole[:len(whole)/2], int64(len(whole)), io.ErrUnexpectedEOF},
		faults.Seq:     {`{"id":11,"jsonrpc":"2.0","result":0}`, int64(len(whole)) + 1, nil},
		faults.Payload: {whole[:len(whole)/2], int64(len(whole) / 2), nil},
	} {
		_, err := set.Add(faults.Fault{Action: faults.Corrupt, Part: part})
		require.NoError(t, err)
		res, err := e.request(t.Context(), "getBlockNumber", "group0", "")
		require.NoError(t, err)
		body, err := io.ReadAll(res.Body)
		require.ErrorIs(t, err, tc.err)
		require.Equal(t, tc.body, string(body))
		require.Equal(t, tc.length, res.ContentLength)
		require.NoError(t, res.Body.Close())
	}
}

func TestCorruptFrames(t *testing.T) {
	t.Parallel()
	_, e, set := struckWorld(t)
	for _, part := range []faults.Part{faults.Header, faults.Seq, faults.Payload} {
		_, err := set.Add(faults.Fault{Action: faults.Corrupt, Part: part})
		require.NoError(t, err)
		ws, _, err := websocket.Dial(t.Context(), "ws"+e.url()[len("http"):], &websocket.DialOptions{HTTPClient: e.client()})
		require.NoError(t, err)
		request := frame{Type: typeRPC, Seq: []byte("0123456789abcdef"), Payload: []byte(rpcText("getBlockNumber", "group0", ""))}
		require.NoError(t, ws.Write(t.Context(), websocket.MessageBinary, request.bytes()))
		_, data, err := ws.Read(t.Context())
		require.NoError(t, err)
		f, err := parseFrame(data)
		switch part {
		case faults.Header:
			require.ErrorIs(t, err, errFrame)
		case faults.Seq:
			require.NoError(t, err)
			require.NotEqual(t, request.Seq, f.Seq)
			require.True(t, json.Valid(f.Payload))
		default:
			require.NoError(t, err)
			require.Equal(t, request.Seq, f.Seq)
			require.False(t, json.Valid(f.Payload))
		}
		require.NoError(t, ws.CloseNow())
	}
}

func TestWrongHeights(t *testing.T) {
	t.Parallel()
	w, e, set := struckWorld(t, faults.Fault{Action: faults.BlockNumber, By: 100, Times: 2})
	p := e.dial()
	require.Equal(t, "100", e.result("getBlockNumber", "group0", ""))
	p.ask(typeHandshake, `{"minVersion":0,"maxVersion":2,"moduleID":2}`)
	require.Contains(t, string(p.next(typeHandshake).Payload), `"groupBlockNumber":[{"group0":100}]`)
	require.Equal(t, "0", e.result("getBlockNumber", "group0", ""), "struck out")

	_, err := set.Add(faults.Fault{Action: faults.BlockNumber, By: -7, On: faults.BlockNotify})
	require.NoError(t, err)
	for _, want := range []string{"0", "2"} {
		w.deploy()
		require.Contains(t, string(p.next(typeBlockNotify).Payload), "\"blockNumber\" : "+want+",")
	}
}

func TestPushesAreStruck(t *testing.T) {
	t.Parallel()
	w, e, set := struckWorld(t, faults.Fault{Action: faults.Drop, On: faults.BlockNotify, Times: 2},
		faults.Fault{Action: faults.Drop, On: faults.EventPush}, faults.Fault{Action: faults.Corrupt, On: faults.EventPush})
	p := e.dial()
	p.ask(typeEventSubscribe, `{"id":"a","group":"group0","params":{"fromBlock":-1,"toBlock":-1,"addresses":[],"topics":[]}}`)
	p.next(typeEventSubscribe)
	to := w.deploy()
	for range 3 {
		w.send(&to, strings.Repeat("00", 32), "")
	}
	require.Contains(t, string(p.next(typeBlockNotify).Payload), `"blockNumber" : 3,`)
	require.False(t, json.Valid(p.next(typeEventPush).Payload), "of block 3: that of block 2 was dropped")
	require.Contains(t, string(p.next(typeEventPush).Payload), `"blockNumber":4`)
	for i, want := range []int{2, 1, 1} {
		require.Equal(t, want, set.List()[i].Struck)
	}
}

func TestDelayedNoticesComeLate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, e, _ := struckPiped(t, faults.Fault{Action: faults.Delay, On: faults.BlockNotify, Delay: faults.Duration(time.Second)})
		p := e.dial()
		p.call("getBlockNumber", "group0", "") // the session is there
		w.deploy()
		synctest.Wait() // the notice of block 1 waits
		w.deploy()
		require.Contains(t, string(p.next(typeBlockNotify).Payload), `"blockNumber" : 2,`)
		require.Contains(t, string(p.next(typeBlockNotify).Payload), `"blockNumber" : 1,`)
	})
}

// What follows on a pipelined connection after a dropped request is not looked at.
func TestADroppedRequestHoldsItsConnection(t *testing.T) {
	t.Parallel()
	_, e, _ := struckWorld(t, faults.Fault{Action: faults.Drop})
	c, err := net.Dial("tcp", e.address)
	require.NoError(t, err)
	defer c.Close()
	body := rpcText("getGroupList")
	for range 2 {
		_, err = io.WriteString(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: "+strconv.Itoa(len(body))+"\r\n\r\n"+body)
		require.NoError(t, err)
	}
	require.NoError(t, c.SetReadDeadline(time.Now().Add(200*time.Millisecond)))
	_, err = bufio.NewReader(c).ReadByte()
	require.ErrorAs(t, err, new(net.Error))
}
