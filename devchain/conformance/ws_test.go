package conformance

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"
)

// wsPlayer plays the frames of a recording.
type wsPlayer struct {
	*player
	sessions map[string]*session
	seqs     map[string]string // recorded seqs of the node's own, to ours
	clients  map[string]bool   // seqs that clients of the recording made
	waiting  map[string]bool   // seqs of sendTransaction without an answer yet
	text     string            // of all payloads
	poisoned bool              // in this case
	failing  map[string]bool   // sessions that poison or the node has ended
}

// playWS holds ws/NAME.txt against a node, over WebSocket.
func playWS(t *testing.T, name string, all *ledgers, results *table) {
	tr := readTranscript(t, name)
	if strings.Contains(tr.head, "keep-alive as seen on the wire") {
		playIdle(t, tr, all, results)
		return
	}
	s := stageOf(tr)
	if !s.perCase {
		playFrames(t, tr, s, tr.cases, all, results)
		return
	}
	// Cases that go on with the sessions of the one before share its chain.
	for i := 0; i < len(tr.cases); {
		k := i + 1
		for k < len(tr.cases) && !opensSession(tr.cases[k]) {
			k++
		}
		playFrames(t, tr, s, tr.cases[i:k], all, results)
		i = k
	}
}

func opensSession(c *recordedCase) bool {
	return slices.ContainsFunc(c.items, func(it item) bool { return it.kind == remark && strings.HasSuffix(it.text, "open") })
}

func playFrames(t *testing.T, tr *transcript, s stage, cases []*recordedCase, all *ledgers, results *table) {
	p := &wsPlayer{player: newPlayer(t, tr, s, all, results), sessions: map[string]*session{}, seqs: map[string]string{},
		clients: map[string]bool{}, waiting: map[string]bool{}, failing: map[string]bool{}}
	defer func() {
		for _, session := range p.sessions {
			session.close()
		}
		p.node.close()
	}()
	p.prepareFrames(cases, others(t, s))
	p.advance(max(tr.height, p.heightAtOpen(cases)))
	for _, c := range cases {
		p.poisoned = false
		for i, it := range c.items {
			p.playItem(c, i, it)
		}
		p.leftovers(c)
	}
}

// prepareFrames reads what the recording will show.
func (p *wsPlayer) prepareFrames(cases []*recordedCase, others []*exchange) {
	for _, c := range cases {
		for _, it := range c.items {
			f, ok := parseFrame(unhex(it.text))
			if !ok || it.kind == remark {
				continue
			}
			p.text += string(f.payload)
			if it.kind == sent && f.kind != frameAMOPResponse {
				p.clients[f.seq] = true
			}
			if it.kind == received {
				p.compare.learn(string(f.payload))
			}
		}
	}
	p.prepare(frameExchanges(cases), others)
}

// heightAtOpen is the height that the first answer shows, of a recording that does
// not say it.
func (p *wsPlayer) heightAtOpen(cases []*recordedCase) uint64 {
	for _, c := range cases {
		for _, it := range c.items {
			if f, ok := parseFrame(unhex(it.text)); ok && it.kind == received {
				if n, ok := handshakeHeight(f); ok {
					return n
				}
			}
		}
	}
	return 0
}

var (
	sentRemark   = regexp.MustCompile(`^sent: (\w+)\.(\w+)\((.*)\), block (\d+)`)
	openRemark   = regexp.MustCompile(`^(?:([A-Z]): )?open\b`)
	closedRemark = regexp.MustCompile(`^(?:([A-Z]): )?closed after`)
	endRemark    = regexp.MustCompile(`^([A-Z])> end at`)
	silentRemark = regexp.MustCompile(`^(?:([A-Z]): )?nothing \(more\) within`)
)

func (p *wsPlayer) playItem(c *recordedCase, i int, it item) {
	switch it.kind {
	case remark:
		p.remark(c, i, it)
	case sent:
		p.send(c, i, it)
	case received:
		p.receive(c, it)
	}
}

func (p *wsPlayer) remark(c *recordedCase, i int, it item) {
	switch {
	case openRemark.MatchString(it.text):
		p.session(openRemark.FindStringSubmatch(it.text)[1])
	case sentRemark.MatchString(it.text):
		p.sendHidden(it.text)
	case closedRemark.MatchString(it.text):
		p.closed(c, i, closedRemark.FindStringSubmatch(it.text)[1])
	case endRemark.MatchString(it.text):
		p.closed(c, i, endRemark.FindStringSubmatch(it.text)[1])
	case silentRemark.MatchString(it.text):
		p.staysSilent(c, it, silentRemark.FindStringSubmatch(it.text)[1])
	}
}

// session opens a connection when the recording first speaks of it.
func (p *wsPlayer) session(peer string) *session {
	if p.sessions[peer] == nil {
		p.sessions[peer] = p.node.dial()
		delete(p.failing, peer)
	}
	return p.sessions[peer]
}

// sendHidden sends a transaction that the recording tells of in words.
func (p *wsPlayer) sendHidden(text string) {
	m := sentRemark.FindStringSubmatch(text)
	if atoi(m[4]) <= p.node.chain.Head().Number {
		return // a frame in front of the words has shown it
	}
	p.advance(atoi(m[4]) - 1)
	contract := contractABI(p.node.t, m[1])
	input := p.node.packTexts(contract, m[2], m[3])
	p.node.call(p.contract(m[1]), input)
	p.node.ours[p.node.chain.Head().Number] = true
}

func (p *wsPlayer) send(c *recordedCase, i int, it item) {
	if strings.HasPrefix(it.text, "GET ") {
		p.session(it.peer)
		return
	}
	data := unhex(it.text)
	s := p.session(it.peer)
	f, ok := parseFrame(data)
	if ok {
		p.beforeFrame(c, i, f)
		if ours, renamed := p.seqs[f.seq]; renamed {
			f.seq = ours
		}
		if f.kind != frameAMOPRequest && f.kind != frameBroadcast {
			f.payload = []byte(p.compare.rewrite(string(f.payload)))
		}
		data = f.bytes()
	}
	kind := websocket.MessageBinary
	if strings.Contains(c.name, "text message") {
		kind = websocket.MessageText
	}
	pending := p.node.chain.PendingCount()
	ctx, cancel := context.WithTimeout(p.node.t.Context(), patience)
	defer cancel()
	err := s.ws.Write(ctx, kind, data)
	if poison(data) {
		p.poisoned, p.failing[it.peer] = true, true
	}
	if err != nil && !p.failing[it.peer] {
		p.count(c, it.line, "", []string{"the session has ended: " + err.Error()})
		return
	}
	if ok && f.kind == frameSubTopic {
		p.barrier(s) // other sessions may count on it
	}
	if method, _ := methodOf(string(f.payload)); ok && f.kind == frameRPC && method == "sendTransaction" {
		p.waiting[f.seq] = true
		p.untilTaken(s, f.seq, pending)
	}
}

// untilTaken waits until a transaction is in the pool, or has an answer.
func (p *wsPlayer) untilTaken(s *session, seq string, pending int) {
	require.Eventually(p.t, func() bool {
		return p.node.chain.PendingCount() != pending || s.has(func(f frame) bool { return f.kind == frameReply && f.seq == seq })
	}, patience, 100*time.Microsecond)
}

// beforeFrame brings the chain to the height that the answer to a frame shows.
func (p *wsPlayer) beforeFrame(c *recordedCase, i int, f frame) {
	for _, later := range c.items[i:] {
		answer, ok := parseFrame(unhex(later.text))
		if !ok || later.kind != received || answer.seq != f.seq {
			continue
		}
		if n, ok := handshakeHeight(answer); ok {
			p.advance(n)
		} else if f.kind == frameRPC {
			p.advance(heightBefore(&exchange{request: string(f.payload), answer: string(answer.payload)}))
			p.useNonce(string(f.payload), string(answer.payload))
		}
		return
	}
}

func (p *wsPlayer) receive(c *recordedCase, it item) {
	if strings.HasPrefix(it.text, "HTTP/") {
		return // the library has seen to it
	}
	want, ok := parseFrame(unhex(it.text))
	if !ok {
		return
	}
	s := p.session(it.peer)
	if number, ok := blockOf(want); ok && (want.kind == frameBlockNotify || want.kind == framePush) && number > p.node.chain.Head().Number {
		p.reach(c, number)
	}
	if p.waiting[want.seq] && p.node.chain.PendingCount() > 0 {
		p.node.mine()
	}
	got, ok := s.claim(p.fits(want), patience/3)
	if !ok {
		p.count(c, it.line, "", []string{fmt.Sprintf("missing: %s", want)})
		return
	}
	delete(p.waiting, want.seq)
	if p.ownSeq(want) {
		p.seqs[want.seq], want.seq = got.seq, got.seq
	}
	reason := ""
	if strings.Contains(string(want.payload), `"jsonrpc":""`) {
		reason = "left-over-id"
	}
	p.count(c, it.line, reason, p.frames(want, got))
}

// reach makes the block that a notice or a push tells of: of a transaction that was
// sent before, or of one that the recording names only behind the frame.
func (p *wsPlayer) reach(c *recordedCase, number uint64) {
	p.advance(number - 1)
	p.node.mine()
	if p.node.chain.Head().Number >= number {
		return
	}
	for _, it := range c.items {
		if m := sentRemark.FindStringSubmatch(it.text); it.kind == remark && m != nil && atoi(m[4]) == number {
			p.sendHidden(it.text)
			return
		}
	}
	p.advance(number)
}

// ownSeq is true for a request to a subscriber: the node makes its seq.
func (p *wsPlayer) ownSeq(f frame) bool { return f.kind == frameAMOPRequest && !p.clients[f.seq] }

// fits is how a frame is told from others: replies by seq, notices and pushes by
// what they tell of.
func (p *wsPlayer) fits(want frame) func(frame) bool {
	return func(got frame) bool {
		switch {
		case got.kind != want.kind:
			return false
		case p.ownSeq(want):
			return bytes.Equal(got.payload, want.payload)
		case want.kind == frameBlockNotify || want.kind == framePush:
			w, _ := blockOf(want)
			g, _ := blockOf(got)
			return w == g && memberID(want) == memberID(got)
		}
		return got.seq == want.seq
	}
}

// frames compares heads and payloads.
func (p *wsPlayer) frames(want, got frame) []string {
	head := func(f frame) string {
		return fmt.Sprintf("version %d type %#04x status %d seq %q ext %d", f.version, f.kind, f.status, f.seq, f.ext)
	}
	var differences []string
	if head(want) != head(got) {
		differences = append(differences, fmt.Sprintf("recorded %s, here %s", head(want), head(got)))
	}
	layout := func(f frame) string {
		return fmt.Sprintf("tabs %t, line end %t", bytes.Contains(f.payload, []byte("\n\t")), bytes.HasSuffix(f.payload, []byte("\n")))
	}
	if layout(want) != layout(got) {
		differences = append(differences, fmt.Sprintf("payload: recorded %s, here %s", layout(want), layout(got)))
	}
	return append(differences, p.compare.answers(string(want.payload), string(got.payload))...)
}
