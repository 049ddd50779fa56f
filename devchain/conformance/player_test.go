package conformance

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/bcosgate/bcosgate/internal/golden"
)

// player holds one recording against a node.
type player struct {
	t       *testing.T
	node    *node
	compare *comparer
	hidden  *hidden
	file    string
	stage   stage
	halted  bool // nodes of the recorded chain were stopped
	harmful bool // a setting that harms a node was refused in this case
	table   *table
	kinds   map[string]string // the method that made a filter, by its recorded name
}

// stage says on which chain a recording was taken.
type stage struct {
	ledger  string // tx/NAME.jsonl was replayed before; empty: a fresh chain
	perCase bool   // every case begins with a chain of its own
	nodes   int    // that the marks of the recording name
}

func stageOf(tr *transcript) stage {
	if strings.Contains(tr.head, "A chain of four nodes") {
		return stage{nodes: 4}
	}
	switch m := regexp.MustCompile(`Chain (\S+) \(see README\)`).FindStringSubmatch(tr.head); {
	case m != nil:
		return stage{ledger: m[1]}
	case strings.Contains(tr.head, "very case") || strings.Contains(tr.head, "before every case"):
		return stage{perCase: true}
	}
	return stage{}
}

// newPlayer makes the chain that a recording begins with.
func newPlayer(t *testing.T, tr *transcript, s stage, all *ledgers, results *table) *player {
	p := &player{t: t, file: tr.name, stage: s, table: results, kinds: map[string]string{}}
	from := replayed{dir: t.TempDir(), stamps: map[uint64]int64{}}
	if s.ledger != "" {
		from = all.copyOf(t, s.ledger)
	}
	p.node = openNode(t, cmp.Or(s.ledger, chainOf(tr.name)), max(1, s.nodes), from.dir, from.stamps)
	p.compare = newComparer(p.node)
	for _, block := range from.blocks {
		p.compare.learn(string(block.Response))
	}
	return p
}

// chainOf is the kind of a fresh chain, by the name of the recording.
func chainOf(name string) string {
	if golden.GM(name) {
		return "gm"
	}
	return "std"
}

// prepare reads the answers that the recording will show, and those of the other
// recordings of the chain.
func (p *player) prepare(own, others []*exchange) {
	sent := map[string]bool{}
	for _, x := range own {
		p.compare.learn(x.answer)
		p.learnHash(x)
		if method, _ := methodOf(x.request); method == "sendTransaction" {
			if m := txHashMember.FindStringSubmatch(x.answer); m != nil {
				sent[m[1]] = true
			}
		}
	}
	p.hidden = findHidden(slices.Concat(own, others), sent)
}

// others are the exchanges of all recordings of a replayed chain.
func others(t testing.TB, s stage) (all []*exchange) {
	if s.ledger == "" {
		return nil
	}
	for _, pattern := range []string{"rpc/*.txt", "ws/*.txt"} {
		for _, name := range golden.Files(t, pattern) {
			tr := readTranscript(t, name)
			if stageOf(tr) != s {
				continue
			}
			if pattern == "ws/*.txt" {
				all = append(all, frameExchanges(tr.cases)...)
				continue
			}
			for _, c := range tr.cases {
				all = append(all, c.exchanges()...)
			}
		}
	}
	return all
}

var txHashMember = regexp.MustCompile(`"transactionHash":"(0x[0-9a-f]{64})"`)

// learnHash takes a block hash out of an answer of getBlockHashByNumber.
func (p *player) learnHash(x *exchange) {
	method, params := methodOf(x.request)
	var answer struct{ Result string }
	if method != "getBlockHashByNumber" || len(params) < 3 || decode(x.answer, &answer) != nil {
		return
	}
	if n, ok := asHeight(params[2]); ok && hashText.MatchString(answer.Result) && strings.Trim(answer.Result, "0x") != "" {
		p.compare.heights[strings.TrimPrefix(answer.Result, "0x")] = n
	}
}

func methodOf(request string) (string, []any) {
	var r struct {
		Method any
		Params any
	}
	if decode(request, &r) != nil {
		return "", nil
	}
	method, _ := r.Method.(string)
	params, _ := r.Params.([]any)
	return method, params
}

// useNonce uses up a nonce that the recorded chain had seen before.
func (p *player) useNonce(request, answer string) {
	method, params := methodOf(request)
	if method != "sendTransaction" || len(params) < 3 || !strings.Contains(answer, `"code":10000`) {
		return
	}
	raw, _ := params[2].(string)
	if nonce, ok := nonceOf(unhex(raw)); ok {
		_ = p.node.together(p.node.signedWith(nonce, 0, nothingThere, nil)) // refused when we have seen it, too
		p.node.ours[p.node.chain.Head().Number] = true
	}
}

// count notes what comes of the recorded answer in a line of a case; reason is the
// id in DIFFERENCES.md that explains it, should it differ.
func (p *player) count(c *recordedCase, line int, reason string, differences []string) {
	p.t.Helper()
	place := fmt.Sprintf("%s:%d (%s)", p.file, line, c.name)
	p.table.count(p.t, p.file, place, verdict{reason: reason, difference: strings.Join(differences, "; ")})
}

func complaintIf(condition bool, difference string) []string {
	if condition {
		return []string{difference}
	}
	return nil
}
