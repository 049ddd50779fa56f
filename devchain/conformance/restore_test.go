package conformance

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

var cutHex = regexp.MustCompile(`…\((\d+) hex digits\)…`)

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

// cutLike cuts a long text the way a recorded one was cut.
func cutLike(want, got string) string {
	at := cutHex.FindStringIndex(want)
	tail := len(want) - at[1]
	if len(got) < at[0]+tail {
		return got
	}
	return fmt.Sprintf("%s…(%d hex digits)…%s", got[:at[0]], len(strings.TrimPrefix(got, "0x")), got[len(got)-tail:])
}
