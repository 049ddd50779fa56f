package conformance

import (
	"context"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// heightBefore is the height that the recorded chain had when it got a request, as
// far as the answer shows it.
func heightBefore(x *exchange) uint64 {
	var answer struct{ Result any }
	if decode(x.answer, &answer) != nil {
		return 0
	}
	switch method, _ := methodOf(x.request); method {
	case "getBlockNumber":
		n, _ := asHeight(answer.Result)
		return n
	case "sendTransaction":
		if n := highest(answer.Result); n > 0 {
			return n - 1
		}
		return 0
	case "getTransactionReceipt", "getBlockByNumber", "getBlockByHash", "call", "getTotalTransactionCount", "getSyncStatus",
		"getConsensusStatus", "getLogs", "getFilterLogs", "getFilterChanges":
		return highest(answer.Result)
	}
	return 0
}

// highest is the highest block that an answer names.
func highest(v any) (n uint64) {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			n = max(n, highest(item))
		}
	case string:
		var inner any
		if strings.HasPrefix(v, "{") && decode(v, &inner) == nil {
			return highest(inner)
		}
	case map[string]any:
		for _, name := range []string{"blockNumber", "number"} {
			if height, ok := asHeight(v[name]); ok {
				n = max(n, height)
			}
		}
	}
	return n
}

// secondsLater is a remark that time has passed.
var secondsLater = regexp.MustCompile(`(?:after|,) (\d+) s\b`)

// recordedTime is a remark on how long the node took.
var recordedTime = regexp.MustCompile(`^(\d+) ms$`)

// tooLong is true for a case that ran for seconds on a node, until its gas was used
// up, and would run for minutes with the race detector: it is left to a run without.
func (c *recordedCase) tooLong() bool {
	var seconds, outOfGas bool
	for _, i := range c.items {
		if m := recordedTime.FindStringSubmatch(i.text); m != nil {
			ms, _ := strconv.Atoi(m[1])
			seconds = seconds || ms > 4000
		}
		outOfGas = outOfGas || i.kind == received && strings.Contains(i.text, `"status":12`)
	}
	return raceDetector && seconds && outOfGas
}

// play holds all exchanges of a case against the node.
func (p *player) play(c *recordedCase) {
	if c.tooLong() {
		p.t.Logf("%s:%d (%s): left out, it takes minutes with the race detector", p.file, c.line, c.name)
		return
	}
	exchanges := c.exchanges()
	ended := false
	for i := 0; i < len(exchanges); {
		k := i + 1
		for k < len(exchanges) && exchanges[k].together {
			k++
		}
		group := exchanges[i:k]
		i = k
		for _, x := range group {
			ended = ended || !x.answered
			for _, text := range x.remarks {
				if m := secondsLater.FindStringSubmatch(text); m != nil {
					seconds, _ := strconv.Atoi(m[1])
					p.node.setAge(time.Duration(seconds) * time.Second)
				}
			}
		}
		p.group(c, group, ended)
	}
}

// group sends requests that were under way at the same time.
func (p *player) group(c *recordedCase, group []*exchange, ended bool) {
	for _, x := range group {
		p.advance(heightBefore(x))
		p.makeHashes(x)
		if len(group) == 1 {
			p.useNonce(x.request, x.answer)
		}
	}
	answers := make([]string, len(group))
	answered := make([]bool, len(group))
	ctx, cancel := context.WithTimeout(p.node.t.Context(), patience)
	defer cancel()
	var waiting sync.WaitGroup
	for i, x := range group {
		if i > 0 && x.request == group[0].request && strings.Contains(x.answer, `"code":10000`) {
			p.node.mine() // the first copy was in a block already
		}
		request := p.compare.rewrite(restored(p, x))
		pending, done := p.node.chain.PendingCount(), make(chan struct{})
		waiting.Go(func() {
			defer close(done)
			answers[i], answered[i] = p.node.post(ctx, x.peer, request)
		})
		if method, _ := methodOf(x.request); method == "sendTransaction" {
			settled(p.t, p.node.chain, pending, done)
		}
	}
	if p.node.chain.PendingCount() > 0 {
		p.node.mine()
	}
	waiting.Wait()
	if p.raced(group, answers) {
		answers[0], answers[1] = answers[1], answers[0]
	}
	for i, x := range group {
		p.judge(c, x, answers[i], answered[i], ended)
	}
}

// raced is true when the same bytes were sent to two nodes and the other one of the
// two copies came first here.
func (p *player) raced(group []*exchange, answers []string) bool {
	if len(group) != 2 || group[0].peer == group[1].peer || group[0].request != group[1].request {
		return false
	}
	failed := func(answer string) bool { return strings.HasPrefix(answer, `{"error"`) }
	return failed(group[0].answer) != failed(answers[0]) && failed(group[0].answer) == failed(answers[1])
}

// makeHashes makes the blocks or transactions of which a poll was told only the
// hashes.
func (p *player) makeHashes(x *exchange) {
	method, params := methodOf(x.request)
	var answer struct{ Result []string }
	if method != "getFilterChanges" || decode(x.answer, &answer) != nil || len(answer.Result) == 0 || len(params) < 2 {
		return
	}
	name, _ := params[1].(string)
	if p.kinds[`"`+name+`"`] == "newBlockFilter" {
		p.advance(p.node.chain.Head().Number + uint64(len(answer.Result)))
		return
	}
	var raws [][]byte
	for range answer.Result {
		raws = append(raws, p.node.signed(0, nothingThere, nil))
	}
	p.node.together(raws...)
	p.node.ours[p.node.chain.Head().Number] = true
}

// judge counts an exchange as agreed or as differing.
func (p *player) judge(c *recordedCase, x *exchange, answer string, answered, ended bool) {
	silent := complaintIf(!answered, "no answer within "+patience.String())
	switch {
	case !x.answered && strings.Contains(x.answer, "use of closed network connection"):
		// The request was too large for a node, which hung up.
		p.count(c, x.line, "", complaintIf(answered, "answered, a node hangs up"))
	case ended || !answered:
		// What ended or stopped the node is refused here, and all is well after it.
		p.count(c, x.line, "", silent)
	default:
		method, _ := methodOf(x.request)
		p.compare.anyResult = method == "getPbftView"
		if p.compare.nameFilter(x.answer, answer) {
			var w struct{ Result json.RawMessage }
			_ = decode(x.answer, &w)
			p.kinds[string(w.Result)] = method
			p.count(c, x.line, "", nil)
			return
		}
		differences := p.compare.answers(x.answer, answer)
		p.harmful = p.harmful || p.stage.perCase && refusesHarm(x, answer)
		p.count(c, x.line, p.reason(x, differences), differences)
	}
}

// playRPC holds rpc/NAME.txt against a node, over HTTP.
func playRPC(t *testing.T, name string, all *ledgers, results *table) {
	tr := readTranscript(t, name)
	if strings.Contains(tr.head, "HTTP on the RPC port") {
		playHTTP(t, tr, all, results)
		return
	}
	s := stageOf(tr)
	if s.perCase {
		for _, c := range tr.cases {
			playCases(t, tr, s, []*recordedCase{c}, all, results)
		}
		return
	}
	playCases(t, tr, s, tr.cases, all, results)
}

func playCases(t *testing.T, tr *transcript, s stage, cases []*recordedCase, all *ledgers, results *table) {
	p := newPlayer(t, tr, s, all, results)
	defer p.node.close()
	var exchanges []*exchange
	var text strings.Builder
	for _, c := range cases {
		exchanges = append(exchanges, c.exchanges()...)
	}
	for _, x := range exchanges {
		text.WriteString(x.request + "\n" + x.answer + "\n")
	}
	p.prepare(exchanges, others(t, s))
	if s.ledger == "" {
		p.deployHidden(text.String())
	}
	p.advance(tr.height)
	for _, c := range cases {
		p.node.setAge(0)
		p.harmful = false
		p.halted = p.halted || strings.Contains(c.name, "stopped")
		p.play(c)
	}
}
