package gateway

import (
	"fmt"
	"net/http"
	"time"

	"github.com/bcosgate/bcosgate/chain"
)

// statusClientClosed is written to the log when the client gave up; nobody reads the answer.
const statusClientClosed = 499

// chainRule says how a kind of chain error looks from outside.
type chainRule struct {
	status     int
	code       string
	retryable  bool
	retryAfter time.Duration // where the error itself does not know
	detail     string
}

// chainRules is the one place where kinds of chain errors become statuses.
func chainRules() map[chain.Kind]chainRule {
	return map[chain.Kind]chainRule{
		chain.KindInvalid:     {status: http.StatusUnprocessableEntity, code: "chain_invalid", detail: "the chain refuses the arguments: mend them"},
		chain.KindUnsupported: {status: http.StatusNotImplemented, code: "chain_unsupported", detail: "this chain cannot do that"},
		chain.KindNotFound:    {status: http.StatusNotFound, code: "chain_not_found", detail: "the chain has no such receipt, block or contract (yet)"},
		chain.KindDenied:      {status: http.StatusForbidden, code: "chain_denied", detail: "the chain denies it to this account: have the permission granted"},
		chain.KindNonceUsed:   {status: http.StatusConflict, code: "chain_nonce_used", detail: "the chain knows this nonce already: look for the receipt"},
		chain.KindKnown:       {status: http.StatusConflict, code: "chain_known", detail: "the node holds this transaction already: wait for the receipt"},
		chain.KindExpired:     {status: http.StatusConflict, code: "chain_expired", retryable: true, detail: "the block limit of the transaction has passed or is too far ahead: ask again"},
		chain.KindDropped:     {status: http.StatusServiceUnavailable, code: "chain_dropped", retryable: true, retryAfter: time.Second, detail: "the node dropped the transaction from its pool: ask again"},
		chain.KindPending:     {status: http.StatusConflict, code: "chain_pending", retryable: true, detail: "the transaction may still land: ask again later"},
		chain.KindExists:      {status: http.StatusConflict, code: "chain_exists", detail: "the transaction has a receipt already"},
		chain.KindOverloaded:  {status: http.StatusTooManyRequests, code: "chain_overloaded", retryable: true, retryAfter: time.Second, detail: "the chain, or a limit of the gateway, takes no more at the moment: slow down and ask again"},
		chain.KindUnavailable: {status: http.StatusServiceUnavailable, code: "chain_unavailable", retryable: true, retryAfter: time.Second, detail: "no node of the chain can be used at the moment: see GET /v1/chains"},
		chain.KindTimeout:     {status: http.StatusGatewayTimeout, code: "chain_timeout", retryable: true, detail: "no node answered in time"},
		chain.KindCanceled:    {status: statusClientClosed, code: "client_closed_request", retryable: true, detail: "the client closed the request"},
		chain.KindWrongChain:  {status: http.StatusBadGateway, code: "chain_wrong", detail: "the node belongs to another chain or group than the configuration says: mend the configuration"},
		chain.KindProtocol:    {status: http.StatusBadGateway, code: "chain_protocol", retryable: true, detail: "a node broke the rules of its own protocol"},
		chain.KindNode:        {status: http.StatusBadGateway, code: "chain_node", retryable: true, detail: "a node failed inside"},
	}
}

// chainProblem words a chain error. The node's own code and text are told, its
// address and the causes below are not.
func chainProblem(rules map[chain.Kind]chainRule, e *chain.Error) *Problem {
	rule, ok := rules[e.Kind]
	if !ok {
		return unexpected(e)
	}
	detail := rule.detail
	switch {
	case e.Msg != "" && e.Code != 0:
		detail += fmt.Sprintf(" (node code %d: %s)", e.Code, e.Msg)
	case e.Msg != "":
		detail += " (" + e.Msg + ")"
	case e.Code != 0:
		detail += fmt.Sprintf(" (node code %d)", e.Code)
	}
	p := newProblem(rule.status, rule.code, detail)
	p.Kind, p.Retryable, p.retryAfter, p.cause = string(e.Kind), rule.retryable, rule.retryAfter, e
	if e.RetryAfter > 0 {
		p.retryAfter = e.RetryAfter
	}
	return p
}

// unexpected hides an error that has no place in any table. The log has it.
func unexpected(err error) *Problem {
	return newProblem(http.StatusInternalServerError, "internal",
		"the gateway failed at something it did not expect: its log has the cause under the request id").because(err)
}
