package conformance

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// pace is how much faster than recorded the keep-alive is played. A machine that is
// busy elsewhere for a second must not change what comes.
const pace = 4

// rawSocket is a connection on which WebSocket messages are written and read by hand
// (RFC 6455): a library would answer pings by itself.
type rawSocket struct {
	net.Conn
	in *bufio.Reader
}

var opcodes = map[string]byte{"close": 8, "ping": 9, "pong": 10}

// write sends a control frame with a mask of zeros.
func (w *rawSocket) write(kind string, payload []byte) error {
	frame := append([]byte{0x80 | opcodes[kind], 0x80 | byte(len(payload)), 0, 0, 0, 0}, payload...)
	_, err := w.Write(frame)
	return err
}

// read gives the next short frame.
func (w *rawSocket) read() (kind string, payload []byte, err error) {
	var head [2]byte
	if _, err := io.ReadFull(w.in, head[:]); err != nil {
		return "", nil, err
	}
	length := int(head[1] & 0x7f)
	if length == 126 {
		var long [2]byte
		if _, err := io.ReadFull(w.in, long[:]); err != nil {
			return "", nil, err
		}
		length = int(binary.BigEndian.Uint16(long[:]))
	}
	payload = make([]byte, length)
	_, err = io.ReadFull(w.in, payload)
	for name, code := range opcodes {
		if head[0]&15 == code {
			kind = name
		}
	}
	return kind, payload, err
}

var (
	controlFrame = regexp.MustCompile(`^(?:\[(\d+) ms\] )?(ping|pong|close) ?([0-9a-f]*)$`)
	endedIdle    = regexp.MustCompile(`^(\d+) ms: (connection ended|closed by the node|still open|read tcp)`)
)

// playIdle holds the upgrade and the keep-alive against a node, at a faster pace.
func playIdle(t *testing.T, tr *transcript, all *ledgers, results *table) {
	p := newPlayer(t, tr, stageOf(tr), all, results)
	defer p.node.close()
	p.node.serve(5*time.Second/pace, 10*time.Second/pace)
	for _, c := range tr.cases {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", p.node.addr(""))
		require.NoError(t, err)
		w := &rawSocket{Conn: conn, in: bufio.NewReader(conn)}
		begin := time.Now()
		for _, it := range c.items {
			p.count(c, it.line, "", p.idle(w, it, &begin))
		}
		_ = conn.Close()
	}
}

// idle plays one line and gives what is wrong.
func (p *player) idle(w *rawSocket, it item, begin *time.Time) []string {
	m := controlFrame.FindStringSubmatch(it.text)
	switch {
	case strings.HasPrefix(it.text, "GET "):
		_, err := io.WriteString(w, wireText(it.text))
		*begin = time.Now()
		return complaint(err)
	case strings.HasPrefix(it.text, "HTTP/"):
		return p.upgraded(w, it.text)
	case m != nil && it.kind == sent:
		time.Sleep(time.Until(begin.Add(scaled(m[1]))))
		return complaint(w.write(m[2], unhex(m[3])))
	case m != nil && it.kind == received:
		require.NoError(p.t, w.SetReadDeadline(time.Now().Add(patience)))
		kind, payload, err := w.read()
		switch {
		case err != nil:
			return complaint(err)
		case kind != m[2], kind != "ping" && hex.EncodeToString(payload) != m[3]: // a ping of ours has a payload
			return []string{fmt.Sprintf("recorded %s, here %s %x", it.text, kind, payload)}
		}
		return p.onTime(m[1], *begin)
	case endedIdle.MatchString(it.text):
		return p.idleEnd(w, endedIdle.FindStringSubmatch(it.text), *begin)
	}
	return nil
}

func complaint(err error) []string {
	if err != nil {
		return []string{err.Error()}
	}
	return nil
}

func scaled(ms string) time.Duration {
	n, _ := strconv.Atoi(ms)
	return time.Duration(n) * time.Millisecond / pace
}

// onTime allows a busy machine to be late, but never early.
func (p *player) onTime(ms string, begin time.Time) []string {
	if want, got := scaled(ms), time.Since(begin); got < want-want/5 || got > want+5*time.Second {
		return []string{fmt.Sprintf("recorded after %s (at this pace), here after %s", want, got)}
	}
	return nil
}

func (p *player) idleEnd(w *rawSocket, m []string, begin time.Time) []string {
	switch m[2] {
	case "still open", "read tcp":
		require.NoError(p.t, w.SetReadDeadline(begin.Add(scaled(m[1]))))
		if _, err := w.in.Peek(1); errTimeout(err) == nil {
			return []string{fmt.Sprintf("a node's connection stays open, here %v", err)}
		}
		return nil
	}
	require.NoError(p.t, w.SetReadDeadline(time.Now().Add(patience)))
	if rest, err := io.ReadAll(w.in); errTimeout(err) != nil || len(rest) > 0 && m[2] == "connection ended" && rest[0] != 0x88 {
		return []string{fmt.Sprintf("the connection does not end: %x, %v", rest, err)}
	}
	return p.onTime(m[1], begin)
}

// errTimeout is err when the time of a read has passed, else nil.
func errTimeout(err error) error {
	if late := net.Error(nil); errors.As(err, &late) && late.Timeout() {
		return err
	}
	return nil
}

func (p *player) upgraded(w *rawSocket, text string) []string {
	require.NoError(p.t, w.SetReadDeadline(time.Now().Add(patience)))
	want, err := http.ReadResponse(bufio.NewReader(strings.NewReader(wireText(text))), nil)
	require.NoError(p.t, err)
	_ = want.Body.Close()
	got, err := http.ReadResponse(w.in, nil)
	if err != nil {
		return complaint(err)
	}
	_ = got.Body.Close()
	return responses(want, got)
}
