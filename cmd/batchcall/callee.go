package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/ethereum/go-ethereum/common"
	"github.com/spf13/pflag"

	"github.com/bcosgate/bcosgate/batch"
	"github.com/bcosgate/bcosgate/contracts"
)

// calleeOptions are the flags that say which function of which contract is meant.
type calleeOptions struct {
	contract string
	to       string
	abi      string
	function string
}

func (o *calleeOptions) addTo(f *pflag.FlagSet) {
	f.StringVar(&o.contract, "contract", "", "`name` of a contract: built in ("+strings.Join(contracts.BuiltinNames(), ", ")+") or deployed from here")
	f.StringVar(&o.to, "to", "", "`address` of the contract (default: the newest deployment of --contract)")
	f.StringVar(&o.abi, "abi", "", "JSON `file` with the ABI, when the contract has no known name")
	f.StringVar(&o.function, "fn", "", "`function`: its name, or its signature such as 'save(bytes32,string)'")
}

// check says what is missing. column, when not empty, is where rows can name
// their own contract.
func (o calleeOptions) check(column string) error {
	switch {
	case o.function == "" && o.contract != "" && isBuiltin(o.contract):
		return usage("--fn is missing: %s has %s", o.contract, strings.Join(builtinFunctions(o.contract), ", "))
	case o.function == "":
		return usage("--fn is missing: name the function, for example 'save(bytes32,string)'")
	case o.contract == "" && o.to == "" && column == "":
		return usage("which contract? Name it with --contract, or its address with --to")
	}
	_, err := o.address()
	return err
}

// address reads --to; nil when it was not given. Mixed case must be right by EIP-55.
func (o calleeOptions) address() (*common.Address, error) {
	if o.to == "" {
		return nil, nil
	}
	a, err := parseAddress(o.to)
	if err != nil {
		return nil, usage("--to %s: %s", o.to, err)
	}
	return &a, nil
}

func parseAddress(text string) (common.Address, error) {
	if !common.IsHexAddress(text) {
		return common.Address{}, fmt.Errorf("it is not an address, which is 0x and 40 hex digits")
	}
	a := common.HexToAddress(text)
	digits := text[len(text)-40:]
	if digits != strings.ToLower(digits) && digits != strings.ToUpper(digits) && digits != a.Hex()[2:] {
		return common.Address{}, fmt.Errorf("its checksum is wrong (EIP-55): is a digit mistyped? Lower case has no checksum")
	}
	return a, nil
}

// readABI reads --abi; nil when it was not given.
func (o calleeOptions) readABI() (json.RawMessage, error) {
	if o.abi == "" {
		return nil, nil
	}
	data, err := os.ReadFile(o.abi)
	if err != nil {
		return nil, usage("--abi: %s", err)
	}
	parsed, err := contracts.ParseABI(data)
	if err != nil {
		return nil, usage("--abi %s: %s", o.abi, err)
	}
	return json.RawMessage(parsed.JSON()), nil
}

// put reads what is called into a spec.
func (o calleeOptions) put(spec *batch.Spec) (err error) {
	spec.Contract = o.contract
	if spec.To, err = o.address(); err != nil {
		return err
	}
	if spec.ABI, err = o.readABI(); err != nil {
		return err
	}
	spec.Function, err = o.signature(spec.ABI)
	return err
}

// signature checks --fn where that can be done here, before anybody is asked,
// and writes it in the one way that makes the same function the same: "save"
// and "save(bytes32,string)" of a known contract are canonical. Without an ABI
// it keeps the names of the arguments, which are those of the columns.
func (o calleeOptions) signature(abi json.RawMessage) (string, error) {
	var known *contracts.ABI
	if len(abi) > 0 {
		parsed, err := contracts.ParseABI(abi)
		if err != nil {
			return "", err
		}
		known = parsed
	} else if artifact, ok := contracts.Builtin(o.contract); ok {
		known = artifact.ABI
	}
	if known == nil && !strings.Contains(o.function, "(") {
		return o.function, nil // the ABI of a deployed contract may be known where it was deployed
	}
	method, err := methodOf(known, o.function)
	if err != nil {
		return "", usage("--fn %s: %s", o.function, err)
	}
	if known == nil {
		return compact(o.function), nil
	}
	return method.Signature(), nil
}

// compact takes the blanks out of a signature that say nothing.
func compact(signature string) string {
	text := strings.Join(strings.Fields(signature), " ")
	for _, mark := range []string{"(", ")", ","} {
		text = strings.ReplaceAll(text, " "+mark, mark)
		text = strings.ReplaceAll(text, mark+" ", mark)
	}
	return text
}

func isBuiltin(contract string) bool { return slices.Contains(contracts.BuiltinNames(), contract) }

func builtinFunctions(contract string) []string {
	artifact, _ := contracts.Builtin(contract)
	var list []string
	for _, m := range artifact.ABI.Methods() {
		list = append(list, m.Signature())
	}
	return list
}
