package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/ethereum/go-ethereum/common"
)

// comparer holds recorded answers against answers of a node. What follows from
// time, gas or keys is masked by the rules of this file, never by case.
type comparer struct {
	node *node
	// heights are the recorded block hashes: lower-case hex without 0x, to number.
	heights map[string]uint64
	// renamed are names that are this node's own: of filters, and of transactions
	// that a recording leaves out. Recorded name, to ours.
	renamed map[string]string
	// anyResult is true for a method whose result is a number of its own.
	anyResult bool
	// nodes are the recorded node ids.
	nodes map[string]bool

	differences []string
}

func newComparer(n *node) *comparer {
	return &comparer{node: n, heights: map[string]uint64{}, renamed: map[string]string{}, nodes: map[string]bool{}}
}

// freeTexts and freeNumbers are members whose value is the machine's or the
// build's own, or follows from time, gas or the keys of the node.
var (
	freeTexts = []string{
		"gasUsed", "stateRoot", "receiptsRoot", "gitCommitHash", "platform", "p2pNodeID", "endPoint", "authAdminAccount",
		"receiptProof", "txReceiptProof",
	}
	freeNumbers = []string{"timestamp", "importTime", "view", "gasUsed"}
	nodeIDText  = regexp.MustCompile(`^(0x)?[0-9a-f]{128}$`)
	hashText    = regexp.MustCompile(`^(0x)?[0-9a-f]{64}$`)
	hashToken   = regexp.MustCompile(`\b(?:0x)?([0-9a-fA-F]{64})\b`)
	idToken     = regexp.MustCompile(`"0x[0-9a-f]{1,16}"`)
)

// answers compares two whole answers as text.
func (c *comparer) answers(want, got string) []string {
	c.differences = nil
	var w, g any
	if decode(want, &w) != nil || decode(got, &g) != nil {
		if want != got {
			c.differ("", want, got)
		}
		return c.differences
	}
	c.values("", nil, nil, w, g)
	return c.differences
}

func (c *comparer) differ(path string, want, got any) {
	c.differences = append(c.differences, fmt.Sprintf("%s: recorded %.300v, here %.300v", path, show(want), show(got)))
}

func show(v any) any {
	if text, err := json.Marshal(v); err == nil {
		return string(text)
	}
	return v
}

// values compares two values of the member that path ends with; in is the recorded
// object that the member is in, and ours the one that was answered.
func (c *comparer) values(path string, in, ours map[string]any, want, got any) {
	switch w := want.(type) {
	case map[string]any:
		if g, ok := got.(map[string]any); ok {
			c.objects(path, w, g)
			return
		}
	case []any:
		if g, ok := got.([]any); ok && len(w) == len(g) {
			for i := range w {
				c.values(path, in, ours, w[i], g[i])
			}
			return
		}
	case string:
		if g, ok := got.(string); ok {
			c.texts(path, in, ours, w, g)
			return
		}
	case json.Number:
		if g, ok := got.(json.Number); ok && (w == g || slices.Contains(freeNumbers, last(path)) || c.turns(path) || c.countsOurs(path) || c.anyResult && path == ".result") {
			return
		}
	default:
		if want == got {
			return
		}
	}
	c.differ(path, want, got)
}

// turns is true for what says whose turn it is among several sealers.
func (c *comparer) turns(path string) bool {
	return len(c.node.chain.Sealers()) > 1 && slices.Contains([]string{"sealer", "leaderIndex", "index"}, last(path))
}

// countsOurs is true for totals that count what the player itself sent.
func (c *comparer) countsOurs(path string) bool {
	return c.node.nonces > 0 && slices.Contains([]string{"transactionCount", "failedTransactionCount"}, last(path))
}

func last(path string) string { return path[strings.LastIndexByte(path, '.')+1:] }

func (c *comparer) objects(path string, want, got map[string]any) {
	for _, name := range slices.Sorted(maps.Keys(want)) {
		g, found := got[name]
		if !found {
			c.differ(path+"."+name, want[name], "(no such member)")
			continue
		}
		c.values(path+"."+name, want, got, want[name], g)
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if _, found := want[name]; !found {
			c.differ(path+"."+name, "(no such member)", got[name])
		}
	}
}

func (c *comparer) texts(path string, in, ours map[string]any, want, got string) {
	name := last(path)
	switch {
	case want == got:
	case name == "buildTime": // empty here: nobody has built a node
	case slices.Contains(freeTexts, name) && (want == "") == (got == ""):
	case name == "signature" && in["sealerIndex"] != nil: // of a block
	case name == "hash" && in["transactionHash"] != nil && len(want) == len(got): // of a receipt: covers the gas
	case name == "txsRoot" && c.isOurs(ours): // of a block with transactions of the player's
	case nodeIDText.MatchString(want) && nodeIDText.MatchString(got) && len(want) == len(got):
	case name == "message" && isDump(in) && dumpText(want) == dumpText(got):
	case hashText.MatchString(want) && hashText.MatchString(got) && len(want) == len(got) && c.sameHash(want, got):
	case cutHex.MatchString(want) && cutLike(want, got) == want:
	case genesisText(want) != "" && genesisText(want) == genesisText(got):
	case strings.HasPrefix(want, "{") && strings.HasPrefix(got, "{"):
		c.embedded(path, want, got)
	case c.plain(want, c.heightOf) == c.plain(got, c.node.heightOf):
	default:
		c.differ(path, want, got)
	}
}

// embedded compares JSON inside a string, and its final line end.
func (c *comparer) embedded(path, want, got string) {
	var w, g any
	if decode(want, &w) != nil || decode(got, &g) != nil || strings.HasSuffix(want, "\n") != strings.HasSuffix(got, "\n") {
		c.differ(path, want, got)
		return
	}
	c.values(path, nil, nil, w, g)
}

// cutLike cuts a long text the way a recorded one was cut.
func cutLike(want, got string) string {
	at := cutHex.FindStringIndex(want)
	tail := len(want) - at[1]
	if len(got) < at[0]+tail {
		return got
	}
	return fmt.Sprintf("%s…(%d hex digits)…%s", got[:at[0]], len(strings.TrimPrefix(got, "0x")), got[len(got)-tail:])
}

var nodeLine = regexp.MustCompile(`[0-9a-f]{128}`)

// genesisText is the extra data of block 0 as text, without the ids of the nodes.
func genesisText(data string) string {
	text := string(unhex(data))
	if !strings.HasPrefix(text, "[chain]") {
		return ""
	}
	return nodeLine.ReplaceAllString(text, "a node")
}

// isDump is true for the error of a diagnostic dump.
func isDump(in map[string]any) bool { return in["code"] == json.Number("-1") }

var offset = regexp.MustCompile(`buffer overflow when .*`)

// dumpText is what a dump says, without the place in the decoder.
func dumpText(dump string) string { return offset.ReplaceAllString(lastLines(dump), "buffer overflow") }

func (c *comparer) heightOf(hash string) (uint64, bool) {
	n, ok := c.heights[hash]
	return n, ok
}

// sameHash is true when got is what want is: a block of the same number, or a
// transaction that takes the place of one that the recording leaves out.
func (c *comparer) sameHash(want, got string) bool {
	w, g := strings.TrimPrefix(want, "0x"), strings.TrimPrefix(got, "0x")
	height, isBlock := c.heights[w]
	if ourHeight, ok := c.node.heightOf(g); ok {
		return !isBlock || height == ourHeight
	}
	if isBlock {
		return false
	}
	if ours, renamed := c.renamed[w]; renamed {
		return ours == g
	}
	if _, err := c.node.chain.Transaction(common.HexToHash(w)); err == nil {
		return false
	}
	if _, err := c.node.chain.Transaction(common.HexToHash(g)); err != nil {
		return false
	}
	c.renamed[w] = g
	return true
}

// plain replaces block hashes, also those that are words of a longer hex text, by
// the numbers of their blocks, and names of node ids by one word.
func (c *comparer) plain(text string, heightOf func(string) (uint64, bool)) string {
	digits := strings.TrimPrefix(text, "0x")
	if len(digits) < 64 || len(digits)%64 != 0 {
		return text
	}
	var out strings.Builder
	for ; digits != ""; digits = digits[64:] {
		if n, ok := heightOf(digits[:64]); ok {
			fmt.Fprintf(&out, "(block %d)", n)
			continue
		}
		out.WriteString(digits[:64])
	}
	return out.String()
}

// isOurs is true for a block that has transactions of the player in it, or lacks
// some that were recorded.
func (c *comparer) isOurs(block map[string]any) bool {
	number, ok := block["number"].(json.Number)
	if !ok {
		return false
	}
	n, err := number.Int64()
	return err == nil && c.node.ours[uint64(n)]
}

// learn takes the block hashes out of recorded answers.
func (c *comparer) learn(text string) {
	var v any
	if decode(text, &v) == nil {
		c.learnFrom(v)
	}
}

func (c *comparer) learnFrom(v any) {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			c.learnFrom(item)
		}
	case string:
		if strings.HasPrefix(v, "{") {
			c.learn(v)
		}
	case map[string]any:
		for _, pair := range [][2]string{{"hash", "number"}, {"blockHash", "blockNumber"}, {"latestHash", "blockNumber"}, {"hash", "blockNumber"}} {
			if pair[0] == "hash" && v["transactionHash"] != nil {
				continue // of a receipt
			}
			hash, isText := v[pair[0]].(string)
			if number, ok := asHeight(v[pair[1]]); ok && isText && len(hash) >= 64 {
				c.heights[strings.TrimPrefix(hash, "0x")] = number
			}
		}
		if id, ok := v["nodeID"].(string); ok {
			c.nodes[id] = true
		}
		for _, item := range v {
			c.learnFrom(item)
		}
	}
}

func asHeight(v any) (n uint64, ok bool) {
	switch v := v.(type) {
	case json.Number:
		_, err := fmt.Sscan(v.String(), &n)
		return n, err == nil
	case string:
		_, err := fmt.Sscanf(v, "0x%x", &n)
		return n, err == nil
	}
	return 0, false
}

// rewrite puts our own names into a request: of blocks, filters and transactions.
func (c *comparer) rewrite(request string) string {
	request = hashToken.ReplaceAllStringFunc(request, func(token string) string {
		digits := token[len(token)-64:]
		lower := strings.ToLower(digits)
		ours := c.renamed[lower]
		if n, ok := c.heights[lower]; ok {
			if hash, err := c.node.chain.BlockHash(n); err == nil {
				ours = common.Bytes2Hex(hash[:])
			}
		}
		switch {
		case ours == "":
			return token
		case digits != lower:
			ours = strings.ToUpper(ours)
		}
		return token[:len(token)-64] + ours
	})
	for id := range c.nodes {
		request = strings.ReplaceAll(request, `"`+id+`"`, `"`+c.node.chain.Sealers()[0].NodeID()+`"`)
	}
	return idToken.ReplaceAllStringFunc(request, func(token string) string {
		if ours, ok := c.renamed[token]; ok {
			return ours
		}
		return token
	})
}

// nameFilter notes that a filter has another name here.
func (c *comparer) nameFilter(want, got string) bool {
	var w, g struct{ Result json.RawMessage }
	if decode(want, &w) != nil || decode(got, &g) != nil || !idToken.Match(w.Result) || !idToken.Match(g.Result) {
		return false
	}
	c.renamed[string(bytes.TrimSpace(w.Result))] = string(bytes.TrimSpace(g.Result))
	return true
}

// heightOf finds one of our own blocks by its hash.
func (n *node) heightOf(hash string) (uint64, bool) {
	block, err := n.chain.BlockByHash(common.HexToHash(hash))
	if err != nil {
		return 0, false
	}
	return block.Number, true
}
