package system

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/contracts"
)

// CodeError is a negative return code: the transaction is in a block and has
// status 0, but the contract refused to do what was asked (protocol §8.2). It
// stands behind a *chain.Error that has the kind of the code.
// errors.Is(err, CodeNoPermission) asks for one code.
type CodeError struct {
	Code     Code
	Contract string // for example "Consensus"
	Function string // for example "addSealer"
}

// Error gives name and meaning of the code.
func (e *CodeError) Error() string { return e.Code.Error() }

// Unwrap gives the code.
func (e *CodeError) Unwrap() error { return e.Code }

func (f function) codeError(code Code, sent chain.Sent) *chain.Error {
	return &chain.Error{Kind: code.Kind(), Sent: sent, Op: f.op(), Code: int(code),
		Err: &CodeError{Code: code, Contract: f.contract.name, Function: f.Name()}}
}

// StatusError is an execution that failed: a status that is not 0 (protocol
// §5.3). System contracts answer bad parameters so, with status 15. It stands
// behind a *chain.Error.
type StatusError struct {
	Contract   string
	Function   string
	Status     int
	StatusName string // for example "PrecompiledError"
	Reason     string // the text of the node or of the contract, "" when there is none
	Code       Code   // the return code that the text names, 0 when it names none
}

// Error gives name and reason.
func (e *StatusError) Error() string {
	name := e.StatusName
	if name == "" {
		name = fmt.Sprintf("status %d", e.Status)
	}
	if e.Reason == "" {
		return name
	}
	return name + ": " + strconv.Quote(e.Reason)
}

// Unwrap gives the code, nil when the text names none.
func (e *StatusError) Unwrap() error {
	if e.Code == 0 {
		return nil
	}
	return e.Code
}

func (f function) statusError(status int, name string, output []byte, message string, sent chain.Sent) error {
	e := &StatusError{Contract: f.contract.name, Function: f.Name(), Status: status, StatusName: name,
		Reason: (*contracts.ABI)(nil).RevertReason(output)}
	if e.Reason == "" {
		e.Reason = message
	}
	e.Code = codeIn(e.Reason)
	kind := e.Code.Kind()
	if e.Code == 0 {
		kind = kindOfStatus(status, e.Reason)
	}
	return &chain.Error{Kind: kind, Sent: sent, Op: f.op(), Code: status, Err: e}
}

// written finds a return code in a text, as in "errorCode: -50002 tableName
// length overflow 50".
var written = regexp.MustCompile(`-5\d{4}\b`)

func codeIn(reason string) Code {
	n, err := strconv.ParseInt(written.FindString(reason), 10, 64)
	if _, known := codes[Code(n)]; err != nil || !known {
		return 0
	}
	return Code(n)
}

// statusRules say what a failed execution means. The first rule whose text occurs
// in the reason counts. The texts are those of the node's contracts and of the
// committee.
var statusRules = []struct {
	status int
	text   string
	kind   chain.Kind
}{
	{15, "call undefined function", chain.KindUnsupported},
	{15, "invalid function selector", chain.KindUnsupported},
	{15, "InternalPrecompiledFailed", chain.KindNode},
	{15, "already exist", chain.KindExists},
	{15, "not found", chain.KindNotFound},
	{15, "only governor can", chain.KindDenied},
	{15, "sender not caller", chain.KindDenied},
	{15, "", chain.KindInvalid},
	{16, "Call address error", chain.KindUnsupported}, // the contract is not there: a feature is off, or the chain has no committee
	{16, "you must be governor", chain.KindDenied},
	{16, "Only proposer can revoke", chain.KindDenied},
	{16, "Proposal not exist", chain.KindNotFound},
	{16, "Current proposal not end", chain.KindExists},
	{16, "Already voted", chain.KindExists},
	{16, "", chain.KindInvalid},
	{18, "", chain.KindDenied},
	{19, "", chain.KindUnsupported}, // as 16 "Call address error", with executor 0
	{21, "", chain.KindDenied},
	{22, "", chain.KindDenied},
	{23, "", chain.KindDenied},
	{24, "", chain.KindDenied},
}

// kindOfStatus is KindNode for what no rule names: out of gas and the like.
func kindOfStatus(status int, reason string) chain.Kind {
	for _, r := range statusRules {
		if r.status == status && strings.Contains(reason, r.text) {
			return r.kind
		}
	}
	return chain.KindNode
}
