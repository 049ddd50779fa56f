package conformance

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
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

	walk *comparison // of the answers that are compared just now
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
func (c *comparer) answers(recorded, ours string) []string {
	var r, o any
	if decode(recorded, &r) != nil || decode(ours, &o) != nil {
		if recorded != ours {
			return []string{difference("", recorded, ours)}
		}
		return nil
	}
	c.walk = &comparison{same: c.same}
	c.walk.values(member{}, r, o)
	return c.walk.differences
}

// same is true for values that may stand for each other.
func (c *comparer) same(m member, recorded, ours any) bool {
	switch r := recorded.(type) {
	case string:
		return c.sameTexts(m, r, ours.(string))
	case json.Number:
		return slices.Contains(freeNumbers, m.name()) || c.turns(m) || c.countsOurs(m) || c.anyResult && m.path == ".result"
	}
	return false
}

func (c *comparer) sameTexts(m member, want, got string) bool {
	name, sameLength := m.name(), len(want) == len(got)
	switch {
	case name == "buildTime": // empty here: nobody has built a node
	case slices.Contains(freeTexts, name) && (want == "") == (got == ""):
	case name == "signature" && m.recorded["sealerIndex"] != nil: // of a block
	case name == "hash" && m.recorded["transactionHash"] != nil && sameLength: // of a receipt: covers the gas
	case name == "txsRoot" && c.isOurs(m.ours): // of a block with transactions of the player's
	case nodeIDText.MatchString(want) && nodeIDText.MatchString(got) && sameLength:
	case name == "message" && isDump(m.recorded) && dumpText(want) == dumpText(got):
	case hashText.MatchString(want) && hashText.MatchString(got) && sameLength && c.sameHash(want, got):
	case cutHex.MatchString(want) && cutLike(want, got) == want:
	case genesisText(want) != "" && genesisText(want) == genesisText(got):
	case strings.HasPrefix(want, "{") && strings.HasPrefix(got, "{"):
		return c.sameInside(m, want, got)
	default:
		return c.plain(want, c.heightOf) == c.plain(got, c.node.heightOf)
	}
	return true
}

// sameInside compares JSON inside a string, and its final line end. The walk goes
// on in there, and lists what differs.
func (c *comparer) sameInside(m member, want, got string) bool {
	var w, g any
	if decode(want, &w) != nil || decode(got, &g) != nil || strings.HasSuffix(want, "\n") != strings.HasSuffix(got, "\n") {
		return false
	}
	c.walk.values(member{path: m.path}, w, g)
	return true
}

// turns is true for what says whose turn it is among several sealers.
func (c *comparer) turns(m member) bool {
	return len(c.node.chain.Sealers()) > 1 && slices.Contains([]string{"sealer", "leaderIndex", "index"}, m.name())
}

// countsOurs is true for totals that count what the player itself sent.
func (c *comparer) countsOurs(m member) bool {
	return c.node.nonces > 0 && slices.Contains([]string{"transactionCount", "failedTransactionCount"}, m.name())
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
