package shield_test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/bcosgate/bcosgate/chain/fisco/tars"
)

// The oracle says what may pass in its own plain words, taken from protocol §3.4,
// §5.7 and §7. It shares no code with the shield.

var (
	oracleAddress = regexp.MustCompile(`\A(0x)?[0-9a-fA-F]{40}\z`)
	oracleHash    = regexp.MustCompile(`\A(0x)?[0-9a-fA-F]{64}\z`)
	oracleWei     = regexp.MustCompile(`\A(0x[0-9a-fA-F]*)?\z`)
	oracleBytes   = regexp.MustCompile(`\A(0x)?([0-9a-fA-F]{2})*\z`)
	oracleInteger = regexp.MustCompile(`\A-?[0-9]{1,19}\z`)
)

// oracleParameters has a letter per parameter: t text, h hash, n number, b flag
// (official clients write numbers, too), a address, d data, x transaction, s signature, f filter.
var oracleParameters = map[string]string{
	"call": "ttads", "sendTransaction": "ttxb", "getTransaction": "tthb", "getTransactionReceipt": "tthb",
	"getBlockByHash": "tthbb", "getBlockByNumber": "ttnbb", "getBlockHashByNumber": "ttn", "getBlockNumber": "tt",
	"getCode": "tta", "getABI": "tta", "getSealerList": "tt", "getObserverList": "tt", "getNodeListByType": "ttt",
	"getPbftView": "tt", "getPendingTxSize": "tt", "getSyncStatus": "tt", "getConsensusStatus": "tt",
	"getSystemConfigByKey": "ttt", "getTotalTransactionCount": "tt", "getPeers": "tt", "getGroupPeers": "tt",
	"getGroupList": "tt", "getGroupInfo": "tt", "getGroupInfoList": "tt", "getGroupNodeInfo": "tt",
	"newBlockFilter": "t", "newPendingTransactionFilter": "t", "newFilter": "tf", "getLogs": "tf",
	"uninstallFilter": "tt", "getFilterChanges": "tt", "getFilterLogs": "tt",
}

// transactionFault is what must keep a transaction from a node, "" for nothing.
func transactionFault(t *tars.Transaction, gm bool) string {
	switch {
	case t.Data.Version != 0 && t.Data.Version != 1 && t.Data.Version != 2:
		return fmt.Sprintf("version %d", t.Data.Version)
	case t.Data.To != "" && !oracleAddress.MatchString(t.Data.To):
		return fmt.Sprintf("to %q", t.Data.To)
	case !signatureFits(t.Signature, gm):
		return fmt.Sprintf("signature %x", t.Signature)
	case t.Type != 0 || len(t.ExtraTransactionBytes)+len(t.ExtraTransactionHash) != 0:
		return "Web3"
	case t.Data.BlockLimit < 0 || t.Data.GasLimit < 0:
		return "negative"
	}
	for _, wei := range []string{t.Data.Value, t.Data.GasPrice, t.Data.MaxFeePerGas, t.Data.MaxPriorityFeePerGas} {
		if !oracleWei.MatchString(wei) || len(wei) > 514 {
			return fmt.Sprintf("quantity %q", wei)
		}
	}
	return settingFault(t.Data.To, t.Data.Input)
}

func signatureFits(b []byte, gm bool) bool {
	if gm {
		return len(b) == 128
	}
	return len(b) == 65 && b[64] < 2
}

// settingFault reads the arguments with go-ethereum's decoder. The selectors are
// the first bytes of both hashes, written out.
func settingFault(to string, input []byte) string {
	if len(input) < 4 {
		return ""
	}
	text, _ := abi.NewType("string", "", nil)
	number, _ := abi.NewType("uint256", "", nil)
	args := abi.Arguments{{Type: text}, {Type: text}}
	selectors := map[string]bool{hex.EncodeToString(crypto.Keccak256([]byte("setValueByKey(string,string)"))[:4]): true, sm3SetValueByKey: true}
	switch {
	case strings.HasSuffix(to, "0000000000000000000000000000000000001000"):
	case strings.HasSuffix(to, "0000000000000000000000000000000000010001"):
		args = append(args, abi.Argument{Type: number})
		selectors = map[string]bool{hex.EncodeToString(crypto.Keccak256([]byte("createSetSysConfigProposal(string,string,uint256)"))[:4]): true}
	default:
		return ""
	}
	if !selectors[hex.EncodeToString(input[:4])] {
		return ""
	}
	values, err := args.Unpack(input[4:])
	if err != nil {
		return "arguments of a setting: " + err.Error()
	}
	key, value := strings.ToLower(values[0].(string)), values[1].(string)
	if key == "executor_version" && value != "0" && value != "1" || key == "compatibility_version" && versionFault(value) {
		return key + " " + value
	}
	return ""
}

// sm3SetValueByKey is the selector of setValueByKey(string,string) on GM chains,
// as the recordings of the GM chain have it.
const sm3SetValueByKey = "0749b518"

// versionFault compares a version a.b.c with 3.16.4, digit groups as numbers.
func versionFault(text string) bool {
	m := regexp.MustCompile(`\A(\d{1,9})\.(\d{1,9})\.(\d{1,9})\z`).FindStringSubmatch(text)
	if m == nil {
		return true
	}
	a, _ := strconv.Atoi(m[1])
	b, _ := strconv.Atoi(m[2])
	c, _ := strconv.Atoi(m[3])
	return a > 3 || a == 3 && (b > 16 || b == 16 && c > 4)
}

// requestFault is what must keep a request from a node.
func requestFault(method string, params []any, gm bool) string {
	forms, known := oracleParameters[method]
	if !known {
		return "method " + method
	}
	if len(params) > len(forms) {
		return "too many parameters"
	}
	for _, due := range "adxf" {
		if at := strings.IndexRune(forms, due); at >= len(params) {
			return "parameter missing"
		}
	}
	for i, p := range params {
		if !parameterFits(forms[i], p, gm) {
			return fmt.Sprintf("parameter %d is %.80v", i, p)
		}
	}
	if method == "call" {
		data, _ := hex.DecodeString(strings.TrimPrefix(params[3].(string), "0x"))
		return settingFault(params[2].(string), data)
	}
	return ""
}

func parameterFits(form byte, p any, gm bool) bool {
	switch p := p.(type) {
	case bool:
		return form == 'b'
	case json.Number:
		return (form == 'n' || form == 'b') && oracleInteger.MatchString(p.String())
	case map[string]any:
		return form == 'f' && filterFits(p)
	case string:
		switch form {
		case 't':
			return true
		case 'h':
			return oracleHash.MatchString(p)
		case 'a':
			return oracleAddress.MatchString(p)
		case 'd':
			return p != "" && oracleBytes.MatchString(p)
		}
		b, err := hex.DecodeString(strings.TrimPrefix(p, "0x"))
		switch {
		case err != nil:
			return false
		case form == 's':
			return signatureFits(b, gm)
		case form == 'x':
			t, err := tars.DecodeTransaction(b)
			return err == nil && transactionFault(&t, gm) == ""
		}
	}
	return false
}

func filterFits(f map[string]any) bool {
	for name, v := range f {
		text, isText := v.(string)
		switch name {
		case "fromBlock", "toBlock":
			if !isText {
				return false
			}
		case "blockhash":
			if !oracleHash.MatchString(text) {
				return false
			}
		case "address":
			if !oracleAddress.MatchString(text) && !allFit(v, oracleAddress, 1000) {
				return false
			}
		case "topics":
			if !topicsFit(v) {
				return false
			}
		default:
			return false
		}
	}
	return true
}

func topicsFit(v any) bool {
	positions, isList := v.([]any)
	if !isList || len(positions) > 4 {
		return false
	}
	for _, position := range positions {
		text, _ := position.(string)
		if position != nil && !oracleHash.MatchString(text) && !allFit(position, oracleHash, 1000) {
			return false
		}
	}
	return true
}

func allFit(v any, form *regexp.Regexp, most int) bool {
	list, isList := v.([]any)
	for _, entry := range list {
		text, isText := entry.(string)
		if !isText || !form.MatchString(text) {
			return false
		}
	}
	return isList && len(list) <= most
}

// messageFault is what must keep a WebSocket message from a node.
func messageFault(b []byte, gm bool) string {
	if len(b) < 10 || len(b) >= 32<<20 {
		return "length"
	}
	start := 10 + int(b[6])<<8 + int(b[7])
	if start > len(b) {
		return "seq"
	}
	payload := b[start:]
	var object map[string]any
	numbers := json.NewDecoder(strings.NewReader(string(payload)))
	numbers.UseNumber()
	switch fmt.Sprintf("%02x%02x", b[2], b[3]) {
	case "0100", "0113":
		return ""
	case "0111", "0112":
		if len(payload) < 6 || payload[4] == 0 && payload[5] == 0 || 6+int(payload[4])<<8+int(payload[5]) > len(payload) {
			return "AMOP"
		}
		return ""
	case "0110":
		if numbers.Decode(&object) != nil || !allFit(object["topics"], regexp.MustCompile(`(?s)\A.+\z`), 1000) {
			return "topics"
		}
		return ""
	case "0120":
		if numbers.Decode(&object) != nil {
			return "no JSON"
		}
		return subscriptionFault(object)
	case "0121":
		if numbers.Decode(&object) != nil || object["id"] == nil || object["group"] == nil {
			return "unsubscription"
		}
		return ""
	case "0102":
		if numbers.Decode(&object) != nil {
			return "no JSON"
		}
		method, _ := object["method"].(string)
		params, _ := object["params"].([]any)
		return requestFault(method, params, gm)
	}
	return "type"
}

func subscriptionFault(object map[string]any) string {
	params, isObject := object["params"].(map[string]any)
	if !isObject || object["id"] == nil || object["group"] == nil {
		return "id, group or params"
	}
	if addresses, there := params["addresses"]; there && !allFit(addresses, oracleAddress, 1000) {
		return "addresses"
	}
	if topics, there := params["topics"]; there && !topicsFit(topics) {
		return "topics"
	}
	for _, name := range []string{"fromBlock", "toBlock"} {
		if v, there := params[name]; there {
			if n, isNumber := v.(json.Number); !isNumber || !oracleInteger.MatchString(n.String()) {
				return name
			}
		}
	}
	return ""
}
