package doctor

import (
	"strings"
	"unicode"
)

// Level says how bad a finding is.
type Level string

// The levels.
const (
	OK      Level = "ok"
	Warning Level = "warning" // it works, but somebody should look at it
	Problem Level = "problem" // it does not work, or not as it should
)

// Check is what was looked at, in this order.
type Check string

// The checks.
const (
	CheckAccount    Check = "account"     // the key files of the accounts
	CheckFiles      Check = "files"       // the TLS files of a target
	CheckPort       Check = "port"        // name and port
	CheckProtocol   Check = "protocol"    // what answers there
	CheckTLS        Check = "tls"         // the TLS handshake
	CheckGroup      Check = "group"       // chain and group
	CheckNode       Check = "node"        // the node's version and its answers
	CheckMember     Check = "member"      // its role in the group, and its peers
	CheckHead       Check = "head"        // how far it is
	CheckChain      Check = "chain"       // whether all nodes have the same blocks
	CheckClock      Check = "clock"       // what block times tell of clocks
	CheckPool       Check = "pool"        // transactions that wait
	CheckBlockLimit Check = "block_limit" // whether block limits are checked
)

// Text is the same in both languages.
type Text struct {
	En string `json:"en"`
	Zh string `json:"zh"`
}

// Details are the values in the texts, by their names; also "error", the text of
// a library, where there is one.
type Details map[string]string

// Finding is one thing that was looked at and what was seen. The code decides
// check, level and texts.
type Finding struct {
	Target  string  `json:"target,omitempty"` // name of the target; empty for accounts
	Node    string  `json:"node,omitempty"`   // host:port; empty for what concerns the whole target
	Check   Check   `json:"check"`
	Level   Level   `json:"level"`
	Code    Code    `json:"code"`
	Text    Text    `json:"text"`
	Advice  *Text   `json:"advice,omitempty"` // what to do; nil when there is nothing to do
	Details Details `json:"details,omitempty"`
}

// find makes the finding of a code.
func find(code Code, details Details) Finding {
	w := vocabulary[code]
	f := Finding{Check: w.check, Level: w.level, Code: code, Text: w.text.fill(details), Details: details}
	if w.advice != (Text{}) {
		advice := w.advice.fill(details)
		f.Advice = &advice
	}
	return f
}

// fill puts the details in the place of their names in braces. They may come from
// anywhere: what could steer a terminal is taken out, and what is long is cut.
func (t Text) fill(details Details) Text {
	pairs := make([]string, 0, 2*len(details))
	for name, value := range details {
		pairs = append(pairs, "{"+name+"}", printable(value))
	}
	r := strings.NewReplacer(pairs...)
	return Text{En: r.Replace(t.En), Zh: r.Replace(t.Zh)}
}

func printable(value string) string {
	const enough = 400
	runes := []rune(strings.ToValidUTF8(value, "\uFFFD"))
	if len(runes) > enough {
		runes = append(runes[:enough], '…')
	}
	for i, r := range runes {
		if !unicode.IsPrint(r) {
			runes[i] = ' '
		}
	}
	return string(runes)
}
