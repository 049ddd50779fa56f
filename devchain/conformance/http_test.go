package conformance

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// playHTTP holds a recording of whole HTTP messages against a node.
func playHTTP(t *testing.T, tr *transcript, all *ledgers, results *table) {
	p := newPlayer(t, tr, stageOf(tr), all, results)
	defer p.node.close()
	p.prepare(nil, others(t, stageOf(tr)))
	p.advance(tr.height)
	for _, c := range tr.cases {
		for _, x := range c.exchanges() {
			p.playBytes(c, x)
		}
	}
}

// playBytes sends a request byte by byte and compares what comes back.
func (p *player) playBytes(c *recordedCase, x *exchange) {
	conn, err := (&net.Dialer{}).DialContext(p.t.Context(), "tcp", p.node.addr(""))
	require.NoError(p.t, err)
	defer func() { _ = conn.Close() }()
	require.NoError(p.t, conn.SetDeadline(time.Now().Add(patience)))
	request := padded(wireText(x.request))
	go func() { _, _ = io.WriteString(conn, request) }() // ends with the connection

	method, _, _ := strings.Cut(request, " ")
	answers := bufio.NewReader(conn)
	recorded := bufio.NewReader(strings.NewReader(wireText(x.answer)))
	var differences []string
	for {
		want, wantErr := http.ReadResponse(recorded, nil)
		if wantErr != nil {
			break
		}
		wantBody, _ := io.ReadAll(want.Body)
		got, err := http.ReadResponse(answers, &http.Request{Method: method})
		if err != nil {
			differences = append(differences, "no answer: "+err.Error())
			break
		}
		gotBody, err := io.ReadAll(got.Body)
		if err != nil {
			differences = append(differences, "body: "+err.Error())
		}
		differences = append(differences, responses(want, got)...)
		differences = append(differences, p.compare.answers(string(wantBody), string(gotBody))...)
	}
	if x.answer == "" {
		if rest, _ := io.ReadAll(answers); len(rest) > 0 {
			differences = append(differences, fmt.Sprintf("a node hangs up, here %.200q", rest))
		}
	}
	p.count(c, x.line, wireReason(request), differences)
}

// wireReason is why an answer may differ: the HTTP library here keeps the standard.
func wireReason(request string) string {
	switch line, _, _ := strings.Cut(request, "\r\n"); {
	case strings.HasPrefix(line, "HEAD "):
		return "http-head"
	case strings.Contains(request, "\r\nExpect: 100-continue\r\n"):
		return "http-expect"
	case !strings.Contains(line, " HTTP/1."):
		return "http-garbage"
	}
	return ""
}

// wireText undoes the line ends of a recorded HTTP text.
func wireText(text string) string {
	return strings.NewReplacer(`\r`, "\r", `\n`, "\n").Replace(text)
}

// padded puts the spaces back that a recording leaves out behind a long request.
func padded(request string) string {
	head, body, found := strings.Cut(request, "\r\n\r\n")
	_, length, named := strings.Cut(head, "Content-Length: ")
	if !found || !named || !strings.HasSuffix(body, "…") {
		return request
	}
	n, _ := strconv.Atoi(strings.TrimSpace(strings.SplitN(length, "\r\n", 2)[0]))
	body = strings.TrimSuffix(body, "…")
	return head + "\r\n\r\n" + body + strings.Repeat(" ", max(0, n-len(body)))
}

// responses compares status and header; the name of the server and the date are
// its own, and the length follows from the body.
func responses(want, got *http.Response) []string {
	head := func(r *http.Response) string {
		h := r.Header.Clone()
		for _, own := range []string{"Server", "Date", "Content-Length"} {
			h.Del(own)
		}
		if r.Close && r.ProtoAtLeast(1, 1) {
			h.Set("Connection", "close")
		}
		text := r.Proto + " " + r.Status
		for _, name := range slices.Sorted(maps.Keys(h)) {
			text += fmt.Sprintf("; %s: %s", name, strings.Join(h[name], ", "))
		}
		return text
	}
	if head(want) != head(got) {
		return []string{difference("head", head(want), head(got))}
	}
	return nil
}
