package conformance

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/accounts/abi"

	"github.com/bcosgate/bcosgate/devchain"
	"github.com/bcosgate/bcosgate/internal/golden"
)

// soon is how long a player waits for an answer.
const soon = time.Minute

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
	dir, stamps := t.TempDir(), map[uint64]int64{}
	if s.ledger != "" {
		dir, stamps = all.copyOf(t, s.ledger)
	}
	p.node = openNode(t, cmp.Or(s.ledger, chainOf(tr.name)), max(1, s.nodes), dir, stamps)
	p.compare = newComparer(p.node)
	if s.ledger != "" {
		_, blocks := golden.SupportingLedger(t, s.ledger)
		for _, block := range blocks {
			p.compare.learn(string(block.Response))
		}
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

var after = regexp.MustCompile(`(?:after|,) (\d+) s\b`)

// play holds all exchanges of a case against the node.
func (p *player) play(c *recordedCase) {
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
				if m := after.FindStringSubmatch(text); m != nil {
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
	ctx, cancel := context.WithTimeout(p.node.t.Context(), soon)
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
			p.node.settled(pending, done)
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

// count notes what comes of one recorded answer; reason is the id in
// DIFFERENCES.md that explains it, should it differ.
func (p *player) count(where, reason string, differences []string) {
	p.t.Helper()
	p.table.count(p.t, p.file, where, verdict{reason: reason, difference: strings.Join(differences, "; ")})
}

// judge counts an exchange as agreed or as differing.
func (p *player) judge(c *recordedCase, x *exchange, answer string, answered, ended bool) {
	where := fmt.Sprintf("%s:%d (%s)", p.file, x.line, c.name)
	silent := iff(!answered, "no answer within "+soon.String())
	switch {
	case !x.answered && strings.Contains(x.answer, "use of closed network connection"):
		// The request was too large for a node, which hung up.
		p.count(where, "", iff(answered, "answered, a node hangs up"))
	case ended || !answered:
		// What ended or stopped the node is refused here, and all is well after it.
		p.count(where, "", silent)
	default:
		method, _ := methodOf(x.request)
		p.compare.anyResult = method == "getPbftView"
		if p.compare.nameFilter(x.answer, answer) {
			var w struct{ Result json.RawMessage }
			_ = decode(x.answer, &w)
			p.kinds[string(w.Result)] = method
			p.count(where, "", nil)
			return
		}
		differences := p.compare.answers(x.answer, answer)
		p.harmful = p.harmful || p.stage.perCase && refusesHarm(x, answer)
		p.count(where, p.reason(x, differences), differences)
	}
}

// reason is why an answer to a request may differ.
func (p *player) reason(x *exchange, differences []string) string {
	switch {
	case p.harmful:
		return "harmful-setting"
	case p.stage.nodes > 1 && p.halted:
		return "one-process"
	case p.stage.nodes > 1 && only(differences, "signatureList"):
		return "block-signatures"
	case foreignNode.MatchString(x.request):
		return "node-keys"
	}
	return orderOnly(differences)
}

// foreignNode is the text of a node id inside of a raw transaction.
var foreignNode = regexp.MustCompile(`(?:3[0-9]|6[1-6]){128}`)

// refusesHarm is true when a node took a transaction of a recording of what does
// it harm, and we have refused it as a system contract refuses.
func refusesHarm(x *exchange, answer string) bool {
	var want, got struct{ Result struct{ Status int } }
	method, _ := methodOf(x.request)
	return method == "sendTransaction" && decode(x.answer, &want) == nil && decode(answer, &got) == nil &&
		want.Result.Status == 0 && got.Result.Status == int(devchain.StatusPrecompiledError)
}

// orderOnly is the reason when a proof differs because the transactions of a block
// have another order.
func orderOnly(differences []string) string {
	if only(differences, "receiptProof", "txReceiptProof", "txProof") {
		return "block-order"
	}
	return ""
}

// only is true when nothing but members of these names differs.
func only(differences []string, names ...string) bool {
	for _, d := range differences {
		if path, _, _ := strings.Cut(d, ":"); !slices.Contains(names, last(path)) {
			return false
		}
	}
	return true
}

func iff(condition bool, difference string) []string {
	if condition {
		return []string{difference}
	}
	return nil
}

var (
	cutHex  = regexp.MustCompile(`…\((\d+) hex digits\)…`)
	account = regexp.MustCompile(`"from":"(0x[0-9a-f]{40})"`)
)

// restored is the request as it was sent. Of very long ones a recording keeps both
// ends only: then a transaction of the same size is signed anew, with zeros for
// what is not known of its input, and where not even that is known the hex is
// filled up.
func restored(p *player, x *exchange) string {
	m := cutHex.FindStringSubmatch(x.request)
	if m == nil {
		return x.request
	}
	var answer struct {
		Result struct{ Input, To, From string }
	}
	_, params := methodOf(x.request)
	raw, _ := params[2].(string)
	if decode(x.answer, &answer) != nil || answer.Result.Input == "" {
		digits, _ := strconv.Atoi(m[1])
		return strings.Replace(x.request, raw, cutHex.ReplaceAllString(raw, strings.Repeat("0", digits-len(raw)+len(m[0]))), 1)
	}
	input := answer.Result.Input
	if cut := cutHex.FindStringSubmatch(input); cut != nil {
		digits, _ := strconv.Atoi(cut[1])
		shown := len(strings.TrimPrefix(cutHex.ReplaceAllString(input, ""), "0x"))
		input = cutHex.ReplaceAllString(input, strings.Repeat("0", digits-shown))
	}
	data := unhex(input)
	if echo := p.node.sameSize(data); echo != nil {
		data = echo
	}
	tx := p.node.signed(0, answer.Result.To, data)
	return strings.Replace(x.request, raw, fmt.Sprintf("0x%x", tx), 1)
}

// sameSize is a call of the same function and the same size whose arguments, all
// of them bytes or text, are zeros; nil when the function takes something else.
func (n *node) sameSize(data []byte) []byte {
	for _, file := range golden.SupportFiles(n.t, "contracts/*.abi") {
		contract := contractABI(n.t, strings.TrimSuffix(path.Base(file), ".abi"))
		method, err := contract.MethodById(data[:4])
		if err != nil || len(method.Inputs) == 0 {
			continue
		}
		last := len(method.Inputs) - 1 // it takes all the bytes
		args := make([]any, len(method.Inputs))
		for i, input := range method.Inputs {
			var fill []byte
			if i == last {
				fill = make([]byte, max(0, len(data)-4-64*len(args)))
			}
			switch input.Type.T {
			case abi.BytesTy:
				args[i] = fill
			case abi.StringTy:
				args[i] = string(fill)
			}
		}
		if !slices.Contains(args, nil) {
			return n.pack(contract, method.Name, args...)
		}
	}
	return nil
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
