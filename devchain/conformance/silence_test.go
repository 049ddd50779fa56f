package conformance

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/coder/websocket"
)

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
			p.count(c, c.items[i].line, "", nil)
		case <-time.After(patience):
			p.count(c, c.items[i].line, "", []string{"the session stays open, a node closes it"})
		}
	}
	s.close()
	delete(p.sessions, peer)
}

// staysSilent is a place where a node stays silent: all that was sent has been served
// when a request of our own is answered, and no frame may be left over.
func (p *wsPlayer) staysSilent(c *recordedCase, it item, peer string) {
	if p.failing[peer] || p.poisoned {
		return
	}
	s := p.session(peer)
	p.barrier(s)
	p.surplus(c, it.line, s)
}

func (p *wsPlayer) barrier(s *session) bool {
	const seq = "of the player"
	ctx, cancel := context.WithTimeout(p.node.t.Context(), patience)
	defer cancel()
	f := frame{kind: frameRPC, seq: seq, payload: []byte(`{"jsonrpc":"2.0","id":1,"method":"getGroupList","params":[]}`)}
	if s.ws.Write(ctx, websocket.MessageBinary, f.bytes()) != nil {
		return false
	}
	_, ok := s.claim(func(f frame) bool { return f.seq == seq }, patience)
	return ok
}

// surplus counts frames that nobody asked for; notices of the blocks that the
// player made itself are none.
func (p *wsPlayer) surplus(c *recordedCase, line int, s *session) {
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
	p.count(c, line, "", left)
}

// leftovers ends a case: sessions that poison must have ended have ended, and the
// others have nothing left to say.
func (p *wsPlayer) leftovers(c *recordedCase) {
	for peer, s := range p.sessions {
		if p.failing[peer] {
			select {
			case <-s.ended:
				p.count(c, c.line, "", nil)
			case <-time.After(patience):
				p.count(c, c.line, "", []string{"poison has not ended the session"})
			}
			continue
		}
		if !p.poisoned && p.barrier(s) {
			p.surplus(c, c.line, s)
		}
	}
}
