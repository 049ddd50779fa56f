package conformance

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/internal/golden"
)

// Frame types (protocol §2.2) that a player has to know.
const (
	frameReply        = 0x0000
	frameHandshake    = 0x0100
	frameBlockNotify  = 0x0101
	frameRPC          = 0x0102
	frameAMOPRequest  = 0x0111
	frameBroadcast    = 0x0112
	frameAMOPResponse = 0x0113
	frameSubTopic     = 0x0110
	framePush         = 0x0122
)

// wsFrame is a message of protocol §2.1.
type wsFrame struct {
	version, kind uint16
	status        int16
	seq           string
	ext           uint16
	payload       []byte
}

func parseFrame(data []byte) (f wsFrame, ok bool) {
	if len(data) < 10 || len(data) < 10+int(binary.BigEndian.Uint16(data[6:])) {
		return f, false
	}
	n := 8 + int(binary.BigEndian.Uint16(data[6:]))
	return wsFrame{
		version: binary.BigEndian.Uint16(data), kind: binary.BigEndian.Uint16(data[2:]), status: int16(binary.BigEndian.Uint16(data[4:])),
		seq: string(data[8:n]), ext: binary.BigEndian.Uint16(data[n:]), payload: data[n+2:],
	}, true
}

func (f wsFrame) bytes() []byte {
	var b []byte
	b = binary.BigEndian.AppendUint16(b, f.version)
	b = binary.BigEndian.AppendUint16(b, f.kind)
	b = binary.BigEndian.AppendUint16(b, uint16(f.status))
	b = binary.BigEndian.AppendUint16(b, uint16(len(f.seq)))
	b = append(b, f.seq...)
	b = binary.BigEndian.AppendUint16(b, f.ext)
	return append(b, f.payload...)
}

func (f wsFrame) String() string {
	return fmt.Sprintf("version %d type %#04x status %d seq %q ext %d payload %.200q", f.version, f.kind, f.status, f.seq, f.ext, f.payload)
}

// poison is a message that makes a node's session or its whole WebSocket service
// stand still (protocol §5.7); here it ends the session.
func poison(data []byte) bool {
	f, ok := parseFrame(data)
	if !ok {
		return len(data) >= 10
	}
	return (f.kind == frameAMOPRequest || f.kind == frameBroadcast) && (len(f.payload) < 6 || len(f.payload) < 6+int(binary.BigEndian.Uint16(f.payload[4:])))
}

// session is one connection of a recording.
type session struct {
	ws    *websocket.Conn
	ended chan struct{}

	mu      sync.Mutex
	inbox   []wsFrame     // guarded by mu; what no recorded frame has claimed
	arrived chan struct{} // guarded by mu; closed and replaced with each frame
}

func (n *node) dial() *session {
	ctx, cancel := context.WithTimeout(n.t.Context(), soon)
	defer cancel()
	ws, _, err := websocket.Dial(ctx, "ws://"+n.addr("")+"/", nil)
	require.NoError(n.t, err)
	ws.SetReadLimit(64 << 20)
	s := &session{ws: ws, ended: make(chan struct{}), arrived: make(chan struct{})}
	go func() { // ends with the connection, which close waits for
		defer close(s.ended)
		for {
			_, data, err := ws.Read(context.Background())
			if err != nil {
				return
			}
			if f, ok := parseFrame(data); ok {
				s.mu.Lock()
				s.inbox = append(s.inbox, f)
				close(s.arrived)
				s.arrived = make(chan struct{})
				s.mu.Unlock()
			}
		}
	}()
	return s
}

func (s *session) close() {
	_ = s.ws.CloseNow()
	<-s.ended
}

// claim takes the first frame that fits out of the inbox, and waits for it.
func (s *session) claim(fits func(wsFrame) bool, wait time.Duration) (wsFrame, bool) {
	deadline := time.After(wait)
	for {
		s.mu.Lock()
		at := slices.IndexFunc(s.inbox, fits)
		if at >= 0 {
			f := s.inbox[at]
			s.inbox = slices.Delete(s.inbox, at, at+1)
			s.mu.Unlock()
			return f, true
		}
		arrived := s.arrived
		s.mu.Unlock()
		select {
		case <-arrived:
		case <-s.ended:
			select {
			case <-arrived: // the last frame and the end came together
				continue
			default:
			}
			return wsFrame{}, false
		case <-deadline:
			return wsFrame{}, false
		}
	}
}

// has reports whether a frame that fits has come and was not claimed.
func (s *session) has(fits func(wsFrame) bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.inbox, fits)
}

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
		for k < len(tr.cases) && !opens(tr.cases[k]) {
			k++
		}
		playFrames(t, tr, s, tr.cases[i:k], all, results)
		i = k
	}
}

func opens(c *recordedCase) bool {
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
			p.item(c, i, it)
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

// frameExchanges are the JSON-RPC requests in frames, and their answers.
func frameExchanges(cases []*recordedCase) (all []*exchange) {
	open := map[string]*exchange{}
	for _, c := range cases {
		for _, it := range c.items {
			f, ok := parseFrame(unhex(it.text))
			switch {
			case !ok || it.kind == remark:
			case it.kind == sent && f.kind == frameRPC:
				open[f.seq] = &exchange{request: string(f.payload), line: it.line}
				all = append(all, open[f.seq])
			case it.kind == received && f.kind == frameReply && open[f.seq] != nil:
				open[f.seq].answer, open[f.seq].answered = string(f.payload), true
			}
		}
	}
	return all
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

func handshakeHeight(f wsFrame) (uint64, bool) {
	var answer struct{ GroupBlockNumber []map[string]uint64 }
	if f.kind != frameHandshake || decode(string(f.payload), &answer) != nil {
		return 0, false
	}
	for _, group := range answer.GroupBlockNumber {
		for _, n := range group {
			return n, true
		}
	}
	return 0, false
}

var (
	sentRemark   = regexp.MustCompile(`^sent: (\w+)\.(\w+)\((.*)\), block (\d+)`)
	openRemark   = regexp.MustCompile(`^(?:([A-Z]): )?open\b`)
	closedRemark = regexp.MustCompile(`^(?:([A-Z]): )?closed after`)
	endRemark    = regexp.MustCompile(`^([A-Z])> end at`)
	nothing      = regexp.MustCompile(`^(?:([A-Z]): )?nothing \(more\) within`)
)

func (p *wsPlayer) item(c *recordedCase, i int, it item) {
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
	case nothing.MatchString(it.text):
		p.nothing(c, it, nothing.FindStringSubmatch(it.text)[1])
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

// closed ends a session: the client did, or the node. When nothing came between
// the last message and the end, it was the node, and we must have done so, too.
func (p *wsPlayer) closed(c *recordedCase, i int, peer string) {
	s := p.sessions[peer]
	if s == nil {
		return
	}
	if i > 0 && c.items[i-1].kind == sent || i > 1 && c.items[i-1].kind == remark && c.items[i-2].kind == sent && strings.HasPrefix(c.items[i-1].text, "version") {
		select {
		case <-s.ended:
			p.count(where(p.file, c, c.items[i]), "", nil)
		case <-time.After(soon):
			p.count(where(p.file, c, c.items[i]), "", []string{"the session stays open, a node closes it"})
		}
	}
	s.close()
	delete(p.sessions, peer)
}

func where(file string, c *recordedCase, it item) string {
	return fmt.Sprintf("%s:%d (%s)", file, it.line, c.name)
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
	ctx, cancel := context.WithTimeout(p.node.t.Context(), soon)
	defer cancel()
	err := s.ws.Write(ctx, kind, data)
	if poison(data) {
		p.poisoned, p.failing[it.peer] = true, true
	}
	if err != nil && !p.failing[it.peer] {
		p.count(where(p.file, c, it), "", []string{"the session has ended: " + err.Error()})
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
	done := make(chan struct{})
	go func() {
		defer close(done)
		for deadline := time.Now().Add(soon); time.Now().Before(deadline) && p.node.chain.PendingCount() == pending; time.Sleep(100 * time.Microsecond) {
			if s.has(func(f wsFrame) bool { return f.kind == frameReply && f.seq == seq }) {
				return
			}
		}
	}()
	<-done
}

// beforeFrame brings the chain to the height that the answer to a frame shows.
func (p *wsPlayer) beforeFrame(c *recordedCase, i int, f wsFrame) {
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
	got, ok := s.claim(p.fits(want), soon/3)
	if !ok {
		p.count(where(p.file, c, it), "", []string{fmt.Sprintf("missing: %s", want)})
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
	p.count(where(p.file, c, it), reason, p.frames(want, got))
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
func (p *wsPlayer) ownSeq(f wsFrame) bool { return f.kind == frameAMOPRequest && !p.clients[f.seq] }

// blockOf is the block that a frame tells of.
func blockOf(f wsFrame) (uint64, bool) {
	var v struct {
		BlockNumber *uint64
		Result      []struct{ BlockNumber uint64 }
	}
	if decode(string(f.payload), &v) != nil {
		return 0, false
	}
	if v.BlockNumber != nil {
		return *v.BlockNumber, true
	}
	if len(v.Result) > 0 {
		return v.Result[0].BlockNumber, true
	}
	return 0, false
}

// fits is how a frame is told from others: replies by seq, notices and pushes by
// what they tell of.
func (p *wsPlayer) fits(want wsFrame) func(wsFrame) bool {
	return func(got wsFrame) bool {
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

func memberID(f wsFrame) string {
	var v struct{ ID any }
	_ = decode(string(f.payload), &v)
	return fmt.Sprint(v.ID)
}

// frames compares heads and payloads.
func (p *wsPlayer) frames(want, got wsFrame) []string {
	head := func(f wsFrame) string {
		return fmt.Sprintf("version %d type %#04x status %d seq %q ext %d", f.version, f.kind, f.status, f.seq, f.ext)
	}
	var differences []string
	if head(want) != head(got) {
		differences = append(differences, fmt.Sprintf("recorded %s, here %s", head(want), head(got)))
	}
	layout := func(f wsFrame) string {
		return fmt.Sprintf("tabs %t, line end %t", bytes.Contains(f.payload, []byte("\n\t")), bytes.HasSuffix(f.payload, []byte("\n")))
	}
	if layout(want) != layout(got) {
		differences = append(differences, fmt.Sprintf("payload: recorded %s, here %s", layout(want), layout(got)))
	}
	return append(differences, p.compare.answers(string(want.payload), string(got.payload))...)
}

// nothing is a place where a node stays silent: all that was sent has been served
// when a request of our own is answered, and no frame may be left over.
func (p *wsPlayer) nothing(c *recordedCase, it item, peer string) {
	if p.failing[peer] || p.poisoned {
		return
	}
	s := p.session(peer)
	p.barrier(s)
	p.surplus(c, it, s)
}

func (p *wsPlayer) barrier(s *session) bool {
	const seq = "of the player"
	ctx, cancel := context.WithTimeout(p.node.t.Context(), soon)
	defer cancel()
	f := wsFrame{kind: frameRPC, seq: seq, payload: []byte(`{"jsonrpc":"2.0","id":1,"method":"getGroupList","params":[]}`)}
	if s.ws.Write(ctx, websocket.MessageBinary, f.bytes()) != nil {
		return false
	}
	_, ok := s.claim(func(f wsFrame) bool { return f.seq == seq }, soon)
	return ok
}

// surplus counts frames that nobody asked for; notices of the blocks that the
// player made itself are none.
func (p *wsPlayer) surplus(c *recordedCase, it item, s *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var left []string
	for _, f := range s.inbox {
		if number, ok := blockOf(f); f.kind == frameBlockNotify && ok && p.node.ours[number] {
			continue
		}
		left = append(left, fmt.Sprintf("surplus: %s", f))
	}
	s.inbox = nil
	p.count(where(p.file, c, it), "", left)
}

// leftovers ends a case: sessions that poison must have ended have ended, and the
// others have nothing left to say.
func (p *wsPlayer) leftovers(c *recordedCase) {
	at := item{line: c.line}
	for peer, s := range p.sessions {
		if p.failing[peer] {
			select {
			case <-s.ended:
				p.count(where(p.file, c, at), "", nil)
			case <-time.After(soon):
				p.count(where(p.file, c, at), "", []string{"poison has not ended the session"})
			}
			continue
		}
		if !p.poisoned && p.barrier(s) {
			p.surplus(c, at, s)
		}
	}
}

// contract is the address of a contract of this name that the replayed ledger
// made: one that the recording speaks of, if there is one.
func (p *wsPlayer) contract(name string) (found string) {
	code := strings.TrimSpace(string(golden.Support(p.node.t, p.node.code(name))))
	for number := uint64(1); number <= p.node.chain.Head().Number; number++ {
		receipts, err := p.node.chain.Receipts(number)
		require.NoError(p.node.t, err)
		for _, r := range receipts {
			if r.ContractAddress == nil {
				continue
			}
			runtime, err := p.node.chain.Code(*r.ContractAddress)
			require.NoError(p.node.t, err)
			address := hex.EncodeToString(r.ContractAddress[:])
			if len(runtime) == 0 || !strings.Contains(code, hex.EncodeToString(runtime)) {
				continue
			}
			if strings.Contains(p.text, address) {
				return address
			}
			found = address
		}
	}
	require.NotEmpty(p.node.t, found, "the ledger has no contract "+name)
	return found
}
