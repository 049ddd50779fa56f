package fisco

import (
	"errors"
	"strconv"
	"strings"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/jsonrpc"
)

// The methods that the tables below tell apart.
const (
	opSend        = "sendTransaction"
	opCall        = "call"
	opBlock       = "getBlockByNumber"
	opReceipt     = "getTransactionReceipt"
	opTransaction = "getTransaction"
)

// statusNames are the numbers that receipts and the transaction pool share
// (protocol §5.3).
var statusNames = map[int]string{
	0: "None", 1: "Unknown", 2: "OutOfGasLimit", 7: "NotEnoughCash", 10: "BadInstruction", 11: "BadJumpDestination",
	12: "OutOfGas", 13: "OutOfStack", 14: "StackUnderflow", 15: "PrecompiledError", 16: "RevertInstruction",
	17: "ContractAddressAlreadyUsed", 18: "PermissionDenied", 19: "CallAddressError", 20: "GasOverflow",
	21: "ContractFrozen", 22: "AccountFrozen", 23: "AccountAbolished", 24: "ContractAbolished",
	32: "WASMValidationFailure", 33: "WASMArgumentOutOfRange", 34: "WASMUnreachableInstruction", 35: "WASMTrap",
	10000: "NonceCheckFail", 10001: "BlockLimitCheckFail", 10002: "TxPoolIsFull", 10003: "Malformed",
	10004: "AlreadyInTxPool", 10005: "TxAlreadyInChain", 10006: "InvalidChainId", 10007: "InvalidGroupId",
	10008: "InvalidSignature", 10009: "RequestNotBelongToTheGroup", 10010: "TransactionPoolTimeout",
	10011: "AlreadyInTxPoolAndAccept", 10012: "OverFlowValue", 10013: "MaxInitCodeSizeExceeded",
	10014: "SenderNoEOA", 10015: "InsufficientFunds",
}

// StatusName is the node's name of a receipt status, or "Status" and the number
// when it has none (protocol §5.3).
func StatusName(status int) string {
	if name, ok := statusNames[status]; ok {
		return name
	}
	return "Status" + strconv.Itoa(status)
}

// errorRule says what a refusal of the node means. The first rule that fits
// counts.
type errorRule struct {
	op   string // only this method; "" is every one
	code int
	text string // must occur in the node's text; "" is any
	kind chain.Kind
	sent chain.Sent // for sendTransaction; reads have nothing to send
}

// errorRules is the whole table (protocol §3.2, §5.3). Sent is no only where no
// honest node of the chain can take these bytes: pool refusals that depend on the
// state of one node are "maybe", because the bytes go to its peers before its own
// pool looks at them (§5.1).
var errorRules = []errorRule{
	{opSend, -1, "Chain ID mismatch!", chain.KindWrongChain, chain.SentNo},
	{opSend, -1, "transaction hash mismatching", chain.KindInvalid, chain.SentNo}, // a GM chain, or a version that the node does not know
	{opSend, -1, "is not hex string", chain.KindInvalid, chain.SentNo},
	{opSend, -1, "Unexpect hex string", chain.KindInvalid, chain.SentNo},
	{opSend, -1, "non_hex_input", chain.KindInvalid, chain.SentNo},
	{opSend, -1, "TarsDecodeException", chain.KindInvalid, chain.SentNo},
	{opSend, -32600, "", chain.KindNode, chain.SentMaybe}, // stands for any exception

	{"", 10000, "", chain.KindNonceUsed, chain.SentMaybe},
	{"", 10001, "", chain.KindExpired, chain.SentMaybe},
	{"", 10002, "", chain.KindOverloaded, chain.SentMaybe},
	{"", 10003, "", chain.KindInvalid, chain.SentMaybe}, // also the text of an unknown exception
	{"", 10004, "", chain.KindKnown, chain.SentYes},
	{"", 10005, "", chain.KindKnown, chain.SentYes},
	{"", 10006, "", chain.KindWrongChain, chain.SentNo},
	{"", 10007, "", chain.KindWrongChain, chain.SentNo},
	{"", 10008, "", chain.KindInvalid, chain.SentNo},
	{"", 10009, "", chain.KindWrongChain, chain.SentNo},
	{"", 10010, "", chain.KindDropped, chain.SentMaybe},
	{"", 10011, "", chain.KindKnown, chain.SentYes},
	{"", 10012, "", chain.KindInvalid, chain.SentNo},
	{"", 10013, "", chain.KindInvalid, chain.SentMaybe}, // the limit differs between versions
	{"", 10014, "", chain.KindDenied, chain.SentMaybe},
	{"", 10015, "", chain.KindDenied, chain.SentMaybe},

	{"", -32700, "", chain.KindProtocol, chain.SentNo},
	{"", -32600, "", chain.KindInvalid, chain.SentMaybe},
	{"", -32601, "", chain.KindUnsupported, chain.SentNo},
	{"", -32602, "", chain.KindInvalid, chain.SentMaybe},
	{"", -32603, "", chain.KindNode, chain.SentMaybe},
	{"", -32000, "", chain.KindUnavailable, chain.SentNo}, // the group exists, the handshake said so: it is not started
	{"", -32001, "", chain.KindInvalid, chain.SentMaybe},
	{"", -32002, "", chain.KindInvalid, chain.SentMaybe},
	{"", -32003, "", chain.KindDenied, chain.SentMaybe},
	{"", -32004, "", chain.KindUnavailable, chain.SentNo},
	{"", -32005, "", chain.KindWrongChain, chain.SentNo},

	{opBlock, 3006, "", chain.KindNotFound, chain.SentNo},
	{"", 3003, "", chain.KindInvalid, chain.SentMaybe},
	{opSend, 3008, "", chain.KindNode, chain.SentMaybe},
	{"", 3008, "", chain.KindNotFound, chain.SentNo}, // a receipt, transaction, block or setting that is not there
}

// ruleFor gives the meaning of a refusal; what no rule names failed inside the
// node, and the outcome of a write is unknown.
func ruleFor(op string, code int, text string) errorRule {
	for _, r := range errorRules {
		if r.code == code && (r.op == "" || r.op == op) && strings.Contains(text, r.text) {
			return r
		}
	}
	return errorRule{op: op, code: code, kind: chain.KindNode, sent: chain.SentMaybe}
}

// nodeError turns a refusal of the node into the border error.
func nodeError(op string, refused *jsonrpc.Error) *chain.Error {
	rule := ruleFor(op, refused.Code, refused.Message)
	if op != opSend {
		rule.sent = chain.SentNo
	}
	return &chain.Error{Kind: rule.kind, Sent: rule.sent, Op: op, Code: refused.Code, Msg: plainText(refused)}
}

// plainText puts the node's text on one line. Behind code -1 it is a dump of
// several lines, of which what() says the most.
func plainText(refused *jsonrpc.Error) string {
	text := refused.Message
	if _, what, ok := strings.Cut(text, "std::exception::what: "); ok {
		text = what
	}
	text = strings.Join(strings.Fields(text), " ")
	if name, ok := statusNames[refused.Code]; ok && !strings.Contains(text, name) {
		text = strings.TrimSpace(name + " " + text)
	}
	return text
}

// answerError turns the error of a decoder into the border error: a refusal, or
// an answer that breaks the rules, after which the outcome of a write is unknown.
func answerError(op string, err error) *chain.Error {
	if refused, ok := errors.AsType[*jsonrpc.Error](err); ok {
		return nodeError(op, refused)
	}
	return brokenAnswer(op, "the node's answer cannot be read", err)
}

func brokenAnswer(op, msg string, err error) *chain.Error {
	sent := chain.SentNo
	if op == opSend {
		sent = chain.SentMaybe
	}
	return &chain.Error{Kind: chain.KindProtocol, Sent: sent, Op: op, Msg: msg, Err: err}
}
