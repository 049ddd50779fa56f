package rpc

import (
	"encoding/json"
	"strconv"
)

// quickRequest reads a request in the form that all clients write: the members
// jsonrpc, method, params and id, each once and in any order; texts without
// escapes and of printable ASCII, whole numbers, bools and null; nothing behind
// it. It is false for any other form, also for what is not JSON, and parseRequest
// reads that. Params share memory with body.
func quickRequest(body []byte) (r request, ok bool) {
	s := quickScanner{data: body}
	if !s.next('{') {
		return request{}, false
	}
	var seen [4]bool
	for first := true; !s.next('}'); first = false {
		if !first && !s.next(',') {
			return request{}, false
		}
		name := s.text()
		if name == nil || !s.next(':') {
			return request{}, false
		}
		var member int
		switch string(name) {
		case `"jsonrpc"`:
			member, ok = 0, s.quoted(&r.JSONRPC)
		case `"method"`:
			member, ok = 1, s.quoted(&r.Method)
		case `"id"`:
			member = 2
			n, err := strconv.ParseInt(string(s.number()), 10, 64)
			r.ID, ok = n, err == nil
		case `"params"`:
			member = 3
			r.Params, ok = s.list()
		default:
			return request{}, false
		}
		if !ok || seen[member] {
			return request{}, false
		}
		seen[member] = true
	}
	s.blanks()
	return r, seen == [4]bool{true, true, true, true} && s.pos == len(s.data)
}

// quickScanner reads the tokens of quickRequest from front to back.
type quickScanner struct {
	data []byte
	pos  int
}

func (s *quickScanner) blanks() {
	for s.pos < len(s.data) && (s.data[s.pos] == ' ' || s.data[s.pos] == '\n' || s.data[s.pos] == '\t' || s.data[s.pos] == '\r') {
		s.pos++
	}
}

// next moves behind the character when it comes next.
func (s *quickScanner) next(c byte) bool {
	s.blanks()
	if s.pos < len(s.data) && s.data[s.pos] == c {
		s.pos++
		return true
	}
	return false
}

// text gives a plain string with its quotes; nil when none comes next.
func (s *quickScanner) text() []byte {
	if !s.next('"') {
		return nil
	}
	start := s.pos - 1
	for ; s.pos < len(s.data); s.pos++ {
		switch c := s.data[s.pos]; {
		case c == '"':
			s.pos++
			return s.data[start:s.pos]
		case c == '\\', c < ' ', c > '~':
			return nil
		}
	}
	return nil
}

func (s *quickScanner) quoted(into *string) bool {
	text := s.text()
	if text == nil {
		return false
	}
	*into = string(text[1 : len(text)-1])
	return true
}

// number gives a whole number as JSON writes it; empty when none comes next.
func (s *quickScanner) number() []byte {
	s.blanks()
	start := s.pos
	if s.pos < len(s.data) && s.data[s.pos] == '-' {
		s.pos++
	}
	digits := s.pos
	for s.pos < len(s.data) && s.data[s.pos] >= '0' && s.data[s.pos] <= '9' {
		s.pos++
	}
	if s.pos == digits || s.pos-digits > 1 && s.data[digits] == '0' {
		return nil
	}
	return s.data[start:s.pos]
}

// word gives null, true or false; nil when none comes next.
func (s *quickScanner) word() []byte {
	s.blanks()
	for _, word := range []string{"null", "true", "false"} {
		if end := s.pos + len(word); end <= len(s.data) && string(s.data[s.pos:end]) == word {
			s.pos = end
			return s.data[end-len(word) : end]
		}
	}
	return nil
}

// list gives the elements of an array of texts, numbers and words.
func (s *quickScanner) list() (params, bool) {
	if !s.next('[') {
		return nil, false
	}
	list := make(params, 0, 4)
	for !s.next(']') {
		if len(list) > 0 && !s.next(',') {
			return nil, false
		}
		element := s.text()
		if element == nil {
			if element = s.number(); element == nil {
				element = s.word()
			}
		}
		if element == nil {
			return nil, false
		}
		list = append(list, json.RawMessage(element))
	}
	return list, true
}
