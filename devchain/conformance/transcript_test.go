package conformance

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/bcosgate/bcosgate/internal/golden"
)

// transcript is a file of rpc/ or ws/: cases of marked lines under a heading.
type transcript struct {
	name   string
	head   string // the comments before the first case
	height uint64 // "Recorded at block N"; 0 when it does not say
	cases  []*recordedCase
}

type recordedCase struct {
	name  string
	line  int
	items []item
}

type itemKind int

const (
	sent itemKind = iota
	received
	silence // "!": a request that was never answered
	remark
)

// item is one line of a case.
type item struct {
	kind itemKind
	peer string // the mark in front of > and <
	text string
	line int
}

var (
	markedLine = regexp.MustCompile(`^([A-Za-z0-9]*)([<>!])(?: (.*))?$`)
	recordedAt = regexp.MustCompile(`Recorded at block (\d+)`)
)

// readTranscript parses a file. A case begins behind an empty line with its
// heading; one without a heading belongs to the case before.
func readTranscript(t testing.TB, name string) *transcript {
	tr := &transcript{name: name}
	var current *recordedCase
	blank := true
	for i, line := range golden.Lines(t, name) {
		if line == "" {
			blank = true
			continue
		}
		it, marked := parseLine(line, i+1)
		begins := blank && !marked
		blank = false
		if begins && i > 0 {
			current = &recordedCase{name: it.text, line: i + 1}
			tr.cases = append(tr.cases, current)
			continue
		}
		if current == nil {
			if !marked {
				tr.head += it.text + "\n"
				continue
			}
			current = &recordedCase{name: "all of it", line: i + 1}
			tr.cases = append(tr.cases, current)
		}
		current.items = append(current.items, it)
	}
	if m := recordedAt.FindStringSubmatch(tr.head); m != nil {
		tr.height, _ = strconv.ParseUint(m[1], 10, 64)
	}
	return tr
}

func parseLine(line string, number int) (item, bool) {
	if comment, ok := strings.CutPrefix(line, "#"); ok {
		return item{kind: remark, text: strings.TrimPrefix(comment, " "), line: number}, false
	}
	m := markedLine.FindStringSubmatch(line)
	if m == nil {
		return item{kind: remark, text: line, line: number}, false
	}
	kinds := map[string]itemKind{">": sent, "<": received, "!": silence}
	return item{kind: kinds[m[2]], peer: m[1], text: m[3], line: number}, true
}

// exchange is a request of a case and what came back.
type exchange struct {
	peer    string
	request string
	answer  string // without answered: empty
	line    int
	// answered is false when the request was never answered.
	answered bool
	// together counts the requests that were under way with this one when it was
	// sent; the later ones of such a group have it set.
	together bool
	remarks  []string // those between the request before and this one
}

var idOf = regexp.MustCompile(`"id":(-?\d+)`)

// exchanges pairs requests with answers: by id when several are under way.
func (c *recordedCase) exchanges() []*exchange {
	var all []*exchange
	var remarks []string
	open, underWay := map[string][]*exchange{}, 0
	for _, it := range c.items {
		switch it.kind {
		case remark:
			remarks = append(remarks, it.text)
		case sent:
			x := &exchange{peer: it.peer, request: unescape(it.text), line: it.line, remarks: remarks, together: underWay > 0}
			remarks = nil
			all = append(all, x)
			open[it.peer] = append(open[it.peer], x)
			underWay++
		case received, silence:
			waiting := open[it.peer]
			if len(waiting) == 0 {
				continue
			}
			underWay--
			at := answeredBy(waiting, it.text)
			waiting[at].answer, waiting[at].answered = it.text, it.kind == received
			open[it.peer] = append(waiting[:at:at], waiting[at+1:]...)
		}
	}
	return all
}

func answeredBy(waiting []*exchange, answer string) int {
	if len(waiting) == 1 {
		return 0
	}
	ids := idOf.FindAllStringSubmatch(answer, -1)
	if len(ids) == 0 {
		return 0
	}
	for i, x := range waiting {
		if m := idOf.FindStringSubmatch(x.request); m != nil && m[1] == ids[len(ids)-1][1] {
			return i
		}
		if m := idOf.FindStringSubmatch(x.request); m != nil && m[1] == ids[0][1] {
			return i
		}
	}
	return 0
}

// unescape undoes how a transcript writes line ends; those inside of JSON strings
// are JSON's own.
func unescape(text string) string {
	var out strings.Builder
	for i, inside := 0, false; i < len(text); i++ {
		switch {
		case text[i] == '"':
			inside = !inside
		case text[i] == '\\' && i+1 < len(text):
			i++
			switch {
			case !inside && text[i] == 'n':
				out.WriteByte('\n')
			case !inside && text[i] == 'r':
				out.WriteByte('\r')
			default:
				out.WriteByte('\\')
				out.WriteByte(text[i])
			}
			continue
		}
		out.WriteByte(text[i])
	}
	return out.String()
}
