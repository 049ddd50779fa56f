package conformance

import (
	"regexp"
	"slices"
	"strings"

	"github.com/bcosgate/bcosgate/devchain"
)

// reason is why an answer to a request may differ.
func (p *player) reason(x *exchange, differences []string) string {
	switch {
	case p.harmful:
		return "harmful-setting"
	case p.stage.nodes > 1 && p.halted:
		return "one-process"
	case p.stage.nodes > 1 && onlyIn(differences, "signatureList"):
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
	if onlyIn(differences, "receiptProof", "txReceiptProof", "txProof") {
		return "block-order"
	}
	return ""
}

// onlyIn is true when nothing but members of these names differs.
func onlyIn(differences []string, names ...string) bool {
	for _, d := range differences {
		if path, _, _ := strings.Cut(d, ":"); !slices.Contains(names, nameOf(path)) {
			return false
		}
	}
	return true
}
