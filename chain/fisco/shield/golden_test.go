package shield_test

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain/fisco/shield"
	"github.com/bcosgate/bcosgate/chain/fisco/suite"
	"github.com/bcosgate/bcosgate/chain/fisco/tars"
	"github.com/bcosgate/bcosgate/internal/golden"
)

func suiteOf(name string) suite.Suite {
	if golden.GM(name) {
		return suite.GM
	}
	return suite.Standard
}

// shortened marks requests of which only the ends were kept.
func shortened(request string) bool { return strings.Contains(request, "…") }

func isPoisonFile(name string) bool { return strings.Contains(name, "poison") }

func isHTTPFile(name string) bool { return strings.Contains(name, "http") }

// A case of the poison recordings begins with the input; when any request of the
// case has no answer, the input did it.
func TestRecordedPoisonIsRefused(t *testing.T) {
	t.Parallel()
	seen := 0
	for _, name := range golden.Files(t, "rpc/*.txt") {
		if !isPoisonFile(name) {
			continue
		}
		s := suiteOf(name)
		var input golden.Exchange
		harmful := map[string]golden.Exchange{}
		for _, x := range golden.Exchanges(t, name) {
			if x.Case != input.Case {
				input = x
			}
			if x.Response == "" {
				harmful[x.Case] = input
			}
			if strings.Contains(x.Case, "compatibility_version") && x == input {
				harmful[x.Case] = input // it was accepted, and harms after a restart
			}
		}
		require.NotEmpty(t, harmful, name)
		seen += len(harmful)
		for title, x := range harmful {
			err := shield.Envelope(op, s, []byte(x.Request))
			_, refused := errors.AsType[*shield.Refusal](err)
			require.True(t, refused, "%s:%d %s", name, x.Line, title)
			t.Logf("%s:%d %s: %v", name, x.Line, title, err)
		}
	}
	if seen == 0 {
		t.Skip("there are no recordings of poison")
	}
}

// Elsewhere a read without an answer is poison as well, unless there was nobody to
// ask. Transactions may wait for a block in vain without harm.
func TestUnansweredRequestsAreRefused(t *testing.T) {
	t.Parallel()
	poisonous := 0
	for _, name := range golden.Files(t, "rpc/*.txt") {
		if isPoisonFile(name) || isHTTPFile(name) {
			continue
		}
		lines := append(golden.Lines(t, name), "")
		for _, x := range golden.Exchanges(t, name) {
			if after := lines[x.Line]; !strings.HasPrefix(after, "!") || strings.Contains(after, "connect") {
				continue
			}
			if shortened(x.Request) || strings.Contains(x.Request, "sendTransaction") {
				continue
			}
			poisonous++
			require.Error(t, shield.Envelope(op, suiteOf(name), []byte(x.Request)), "%s:%d", name, x.Line)
		}
	}
	t.Logf("%d reads without an answer", poisonous)
}

// A case of the hang recordings begins with the frames under test; its last
// line says who was answered afterwards.
func TestRecordedHangsAreRefused(t *testing.T) {
	t.Parallel()
	seen := 0
	for _, name := range golden.Files(t, "ws/*.txt") {
		harmful := map[string]bool{}
		title, blank := "", true
		for _, line := range golden.Lines(t, name) {
			if comment, ok := strings.CutPrefix(line, "# "); ok && blank {
				title = comment
			}
			blank = line == ""
			if strings.Contains(line, "session answers: false") {
				harmful[title] = true
			}
		}
		seen += len(harmful)
		for _, m := range golden.Messages(t, name) {
			if m.Sent && harmful[m.Case] {
				require.Error(t, shield.Message(op, suiteOf(name), m.Data), "%s:%d %s", name, m.Line, m.Case)
				delete(harmful, m.Case)
			}
		}
		require.Empty(t, harmful, name)
	}
	if seen == 0 {
		t.Skip("there are no recordings of a hang")
	}
	t.Logf("%d hangs", seen)
}

// refusedOnPrinciple are the requests that were answered with a result, and that
// the shield refuses all the same.
var refusedOnPrinciple = []struct {
	why string
	fit func(method string, params []any) bool
}{
	{"an address that is not 20 bytes: of which length a node ends, nobody has found out", func(method string, params []any) bool {
		at := strings.IndexByte(oracleParameters[method], 'a')
		return at >= 0 && at < len(params) && !parameterFits('a', params[at], false)
	}},
	{"parameters that the method does not have: another version may read them", func(method string, params []any) bool {
		return len(params) > len(oracleParameters[method])
	}},
	{"null, a fraction, a list and the like where the method has text, a number or a flag", func(method string, params []any) bool {
		for i, p := range params[:min(len(params), len(oracleParameters[method]))] {
			if form := oracleParameters[method][i]; strings.IndexByte("tnbd", form) >= 0 && !parameterFits(form, p, false) {
				return true
			}
		}
		return false
	}},
	{"a filter with an address, a topic or a member that no log can match", func(method string, params []any) bool {
		at := strings.IndexByte(oracleParameters[method], 'f')
		return at >= 0 && at < len(params) && !parameterFits('f', params[at], false)
	}},
	{"a transaction with bytes behind it, which another reader may take for fields", func(method string, params []any) bool {
		if method != "sendTransaction" || len(params) < 3 {
			return false
		}
		text, _ := params[2].(string)
		b, _ := hex.DecodeString(strings.TrimPrefix(text, "0x"))
		_, err := tars.DecodeTransaction(b)
		return err != nil
	}},
}

// Whatever a node answered with a result passes, but for a short list of reasons.
func TestAnsweredRequestsPass(t *testing.T) {
	t.Parallel()
	passed, errorsPassed, errorsRefused, reasons := 0, 0, 0, map[string]int{}
	for _, name := range golden.Files(t, "rpc/*.txt") {
		if isPoisonFile(name) || isHTTPFile(name) {
			continue
		}
		for _, x := range golden.Exchanges(t, name) {
			if x.Response == "" || shortened(x.Request) {
				continue
			}
			err := shield.Envelope(op, suiteOf(name), []byte(x.Request))
			var answer struct{ Error json.RawMessage }
			require.NoError(t, json.Unmarshal([]byte(x.Response), &answer), "%s:%d", name, x.Line)
			switch failed := answer.Error != nil; {
			case failed && err == nil:
				errorsPassed++
			case failed:
				errorsRefused++
			case err == nil:
				passed++
			default:
				why := explain(x.Request)
				require.NotEmpty(t, why, "%s:%d %.300s: %v", name, x.Line, x.Request, err)
				reasons[why]++
			}
		}
	}
	t.Logf("answered with a result: %d pass; refused all the same: %v", passed, reasons)
	t.Logf("answered with an error: %d pass, %d are refused", errorsPassed, errorsRefused)
	require.NotZero(t, passed)
}

func explain(request string) string {
	var r map[string]any
	d := json.NewDecoder(strings.NewReader(request))
	d.UseNumber()
	if d.Decode(&r) != nil || d.More() {
		return "text around the request, or a comment inside"
	}
	for name := range r {
		if !strings.Contains(" jsonrpc id method params ", " "+name+" ") {
			return "members that a request does not have"
		}
	}
	if id, isNumber := r["id"].(json.Number); r["id"] != nil && (!isNumber || !oracleInteger.MatchString(id.String())) {
		return "an id that is no whole number"
	}
	method, _ := r["method"].(string)
	params, _ := r["params"].([]any)
	for _, p := range refusedOnPrinciple {
		if p.fit(method, params) {
			return p.why
		}
	}
	return ""
}

// transactionsRefused are the transactions of the ledgers that got a receipt, and
// that the shield refuses all the same.
var transactionsRefused = []struct {
	why string
	fit func(d *tars.Transaction, gm bool) bool
}{
	{"a signature with bytes behind it, which GM chains take", func(d *tars.Transaction, gm bool) bool {
		return gm && len(d.Signature) > 128
	}},
	{"a to of another size than 20 bytes, which fails anyway", func(d *tars.Transaction, _ bool) bool {
		return d.Data.To != "" && !oracleAddress.MatchString(d.Data.To)
	}},
	{"a setting whose arguments are cut, which fails anyway, or that is poison", func(d *tars.Transaction, _ bool) bool {
		return settingFault(d.Data.To, d.Data.Input) != ""
	}},
}

func TestExecutedTransactionsPass(t *testing.T) {
	t.Parallel()
	passed, reasons := 0, map[string][]int{}
	for _, name := range golden.Files(t, "tx/*.jsonl") {
		s := suiteOf(name)
		for _, e := range golden.Ledger(t, name) {
			if e.Raw == "" || e.Expect != "result" {
				continue
			}
			raw, err := hex.DecodeString(e.Raw)
			require.NoError(t, err)
			d, err := tars.DecodeTransaction(raw)
			require.NoError(t, err)
			err = shield.Transaction(op, &d, s)
			if err == nil {
				passed++
				continue
			}
			why := ""
			for _, r := range transactionsRefused {
				if r.fit(&d, s == suite.GM) {
					why = r.why
					break
				}
			}
			require.NotEmpty(t, why, "%s n %d %s: %v", name, e.N, e.Note, err)
			reasons[why] = append(reasons[why], e.N)
		}
	}
	t.Logf("with a receipt: %d pass; refused all the same, by n: %v", passed, reasons)
	require.NotZero(t, passed)
}

// What clients sent over WebSocket and got answered passes, but for what the
// recordings tried on purpose.
func TestRecordedMessagesPass(t *testing.T) {
	t.Parallel()
	passed, refused := 0, map[string]int{}
	for _, name := range golden.Files(t, "ws/*.txt") {
		clean := strings.Contains(name, "sdk") // what official clients say
		for _, m := range golden.Messages(t, name) {
			if !m.Sent {
				continue
			}
			err := shield.Message(op, suiteOf(name), m.Data)
			if err == nil {
				passed++
				continue
			}
			require.False(t, clean, "%s:%d %s: %v", name, m.Line, m.Case, err)
			require.NotEmpty(t, messageFault(m.Data, golden.GM(name))+rangeFault(m.Data), "%s:%d %s: %v", name, m.Line, m.Case, err)
			refusal, _ := errors.AsType[*shield.Refusal](err)
			refused[fmt.Sprintf("%s: %s", name, refusal.Reason)]++
		}
	}
	t.Logf("%d pass, refused: %v", passed, refused)
	require.NotZero(t, passed)
}

// rangeFault finds the two things that the shield refuses in messages and the
// oracle lets pass.
func rangeFault(b []byte) string {
	var m struct {
		ID     json.RawMessage
		Params struct{ FromBlock, ToBlock int64 }
	}
	if len(b) < 42 || json.Unmarshal(b[42:], &m) != nil {
		return "no JSON"
	}
	if m.Params.ToBlock > 0 && m.Params.ToBlock < m.Params.FromBlock {
		return "range"
	}
	return ""
}
