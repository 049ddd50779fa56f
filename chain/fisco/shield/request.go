package shield

import (
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/bcosgate/bcosgate/chain/fisco/suite"
	"github.com/bcosgate/bcosgate/chain/jsonrpc"
)

const (
	// MaxMessage is the size that a message must stay below (protocol §2.5).
	MaxMessage = 32 << 20
	// MaxData is how many bytes fit into a message besides its envelope, for which
	// 128 KiB are set aside: the longest seq, and two names full of escapes.
	MaxData = MaxMessage - 128<<10
	// MaxTransaction is how many bytes a transaction may have, since it travels as
	// hex: 15.9 MiB.
	MaxTransaction = MaxData / 2

	// maxText bounds names of groups, nodes, keys and the like, the longest of
	// which is a node id of 128 digits.
	maxText = 4 << 10
)

// form is what one parameter must look like.
type form uint8

const (
	formText form = iota
	formHash
	formNumber
	formFlag
	formAddress
	formData
	formTransaction
	formSignature
	formFilter
)

// method is what protocol §3.4 says of a method's parameters.
type method struct {
	forms []form
	needs int // how many of them must be there; nodes read those left out as their defaults
}

var (
	nodeMethod   = method{[]form{formText, formText}, 0} // group, node
	filterMethod = method{[]form{formText}, 0}
	idMethod     = method{[]form{formText, formText}, 2}
	lookup       = method{[]form{formText, formText, formHash, formFlag}, 3}
)

// methods is the whole of protocol §3.4. Those that take no parameters may be
// given group and node, as some clients do.
var methods = map[string]method{
	"call":                        {[]form{formText, formText, formAddress, formData, formSignature}, 4},
	"sendTransaction":             {[]form{formText, formText, formTransaction, formFlag}, 3},
	"getTransaction":              lookup,
	"getTransactionReceipt":       lookup,
	"getBlockByHash":              {[]form{formText, formText, formHash, formFlag, formFlag}, 3},
	"getBlockByNumber":            {[]form{formText, formText, formNumber, formFlag, formFlag}, 3},
	"getBlockHashByNumber":        {[]form{formText, formText, formNumber}, 3},
	"getBlockNumber":              nodeMethod,
	"getCode":                     {[]form{formText, formText, formAddress}, 3},
	"getABI":                      {[]form{formText, formText, formAddress}, 3},
	"getSealerList":               nodeMethod,
	"getObserverList":             nodeMethod,
	"getNodeListByType":           {[]form{formText, formText, formText}, 3},
	"getPbftView":                 nodeMethod,
	"getPendingTxSize":            nodeMethod,
	"getSyncStatus":               nodeMethod,
	"getConsensusStatus":          nodeMethod,
	"getSystemConfigByKey":        {[]form{formText, formText, formText}, 3},
	"getTotalTransactionCount":    nodeMethod,
	"getPeers":                    nodeMethod,
	"getGroupPeers":               nodeMethod,
	"getGroupList":                nodeMethod,
	"getGroupInfo":                nodeMethod,
	"getGroupInfoList":            nodeMethod,
	"getGroupNodeInfo":            nodeMethod,
	"newBlockFilter":              filterMethod,
	"newPendingTransactionFilter": filterMethod,
	"newFilter":                   {[]form{formText, formFilter}, 2},
	"getLogs":                     {[]form{formText, formFilter}, 2},
	"uninstallFilter":             idMethod,
	"getFilterChanges":            idMethod,
	"getFilterLogs":               idMethod,
}

// Request refuses a JSON-RPC request to a node of suite s: a method that
// protocol §3.4 does not have (KindUnsupported), and parameters of another
// number, type or form than the method has. Parameters are what
// jsonrpc.AppendRequest takes, and must not change until they are written.
// Transactions, addresses, filters and the signatures of calls are judged like
// Transaction, Address and Filter do. Trailing parameters that a node reads as
// harmless defaults may be left out.
func Request(op string, s suite.Suite, params []any) error { return border(op, request(op, s, params)) }

func request(op string, s suite.Suite, params []any) *Refusal {
	m, ok := methods[op]
	switch {
	case !ok:
		return refuse(PoisonMethod, "the protocol has no method %s", quoted(op))
	case len(params) < m.needs:
		return refuse(PoisonParameter, "%d parameters, fewer than %d", len(params), m.needs)
	case len(params) > len(m.forms):
		return refuse(PoisonParameter, "%d parameters, more than %d", len(params), len(m.forms))
	}
	var call struct {
		to   string
		data []byte
	}
	for i, p := range params {
		v, r := value(PoisonParameter, p)
		if r != nil {
			return r
		}
		if r := m.forms[i].check(i, v, s); r != nil {
			return r
		}
		switch m.forms[i] {
		case formAddress:
			call.to, _ = v.(string)
		case formData:
			call.data, _ = hexParameter(v)
		}
	}
	return setting(call.to, call.data) // a read of it changes nothing; but none is worth the risk
}

// value is a parameter as it will stand on the wire: string, json.Number, bool,
// nil, []any, map[string]any, or jsonrpc.Hex as it is.
func value(p Poison, v any) (any, *Refusal) {
	switch v := v.(type) {
	case string, bool, jsonrpc.Hex:
		return v, nil
	case int:
		return json.Number(strconv.Itoa(v)), nil
	}
	text, err := json.Marshal(v)
	if err != nil {
		return nil, refuse(p, "a parameter cannot be written as JSON: %v", err)
	}
	decoded, err := decode(text)
	if err != nil {
		return nil, refuse(p, "a parameter is no JSON: %v", err)
	}
	return decoded, nil
}

// check judges parameter i. It has one arm per form.
func (f form) check(i int, v any, s suite.Suite) *Refusal {
	switch f {
	case formAddress:
		text, ok := v.(string)
		if !ok {
			return refuse(PoisonAddress, "address is %s, not text", typeName(v))
		}
		return address(text)
	case formFilter:
		return logFilter(v)
	case formTransaction:
		b, ok := hexParameter(v)
		if !ok {
			return refuse(PoisonTransaction, "the transaction is not hex")
		}
		if len(b) > MaxTransaction {
			return refuse(PoisonSize, "transaction has more than %d bytes", MaxTransaction)
		}
		return rawTransaction(b, s)
	case formSignature:
		b, ok := hexParameter(v)
		if !ok {
			return refuse(PoisonCallSignature, "the signature is not hex")
		}
		return signature(PoisonCallSignature, b, s)
	case formData:
		b, ok := hexParameter(v)
		if ok && len(b) > MaxTransaction {
			return refuse(PoisonSize, "data has more than %d bytes", MaxTransaction)
		}
		if !ok {
			return refuse(PoisonParameter, "parameter %d is not hex", i)
		}
		return nil
	}
	if !f.plain(v) {
		return refuse(PoisonParameter, "parameter %d is %s, or has the wrong form", i, typeName(v))
	}
	return nil
}

// plain judges the forms that hold no danger of their own.
func (f form) plain(v any) bool {
	switch f {
	case formText:
		text, ok := v.(string)
		return ok && len(text) <= maxText
	case formHash:
		return isTextOf(v, isHash)
	case formNumber:
		_, ok := wholeNumber(v)
		return ok
	case formFlag: // go-sdk writes 0
		_, isBool := v.(bool)
		_, isNumber := wholeNumber(v)
		return isBool || isNumber
	}
	return false
}

// hexParameter is a parameter that stands for bytes; "" is none, "0x" is no bytes.
func hexParameter(v any) ([]byte, bool) {
	switch v := v.(type) {
	case jsonrpc.Hex:
		return v, true
	case string:
		b, err := hex.DecodeString(strings.TrimPrefix(v, hexPrefix))
		return b, err == nil && v != ""
	}
	return nil, false
}
