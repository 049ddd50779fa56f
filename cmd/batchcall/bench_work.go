package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/ethereum/go-ethereum/common"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"github.com/bcosgate/bcosgate/contracts"
	"github.com/bcosgate/bcosgate/internal/loadgen"
)

// The contract and the function that are taken when none is named.
const (
	benchContract = "Evidence"
	benchFunction = "save(bytes32,string)"
)

// workOptions are the flags that say what is called.
type workOptions struct {
	contract, to, abi string
	functions         []string
	args              string
	mix               string
	reads             bool
}

func (o *workOptions) addTo(f *pflag.FlagSet) {
	f.StringVar(&o.contract, "contract", "", "`name` of a contract: built in ("+strings.Join(contracts.BuiltinNames(), ", ")+") or deployed from here (default: a new "+benchContract+")")
	f.StringVar(&o.to, "to", "", "`address` of the contract (default: the newest deployment of --contract)")
	f.StringVar(&o.abi, "abi", "", "JSON `file` with the ABI, when the contract has no known name")
	f.StringArrayVar(&o.functions, "fn", nil, "`function`, with =N a weight; more than once for a mix (default: "+benchFunction+")")
	f.StringVar(&o.args, "args", "", "JSON `array` with the arguments of the one --fn")
	f.StringVar(&o.mix, "mix", "", "YAML `file` with functions, weights and arguments, instead of --fn")
	f.BoolVar(&o.reads, "call", false, "make calls that only read, no transactions")
}

// own reports whether a contract is deployed for the run.
func (o workOptions) own() bool { return o.contract == "" && o.to == "" }

// writes reports whether anything is written to the chain.
func (o workOptions) writes() bool { return !o.reads || o.own() }

// callee is the contract as the other commands know it.
func (o workOptions) callee(function string) calleeOptions {
	c := calleeOptions{contract: o.contract, to: o.to, abi: o.abi, function: function}
	if o.own() {
		c.contract = benchContract
	}
	return c
}

// mixEntry is one function of a mix, in a file or from flags.
type mixEntry struct {
	Function string   `yaml:"fn"`
	Weight   float64  `yaml:"weight"`
	Args     []string `yaml:"args"`
}

// benchCall is one function of the run.
type benchCall struct {
	name      string // as it is shown, and asked of a gateway
	weight    float64
	arguments *loadgen.Arguments
}

// calls checks the functions and their arguments. It asks nobody, so a function of a
// contract that is neither built in nor has an --abi needs its whole signature.
func (o workOptions) calls() ([]benchCall, error) {
	if _, err := o.address(); err != nil {
		return nil, err
	}
	entries, err := o.entries()
	if err != nil {
		return nil, err
	}
	abi, err := o.callee("").readABI()
	if err != nil {
		return nil, err
	}
	var list []benchCall
	for _, entry := range entries {
		method, err := o.method(entry.Function, abi)
		if err != nil {
			return nil, err
		}
		arguments, err := loadgen.ParseArguments(method, entry.Args)
		if err != nil {
			return nil, usage("the arguments of %s", err)
		}
		list = append(list, benchCall{name: method.Signature(), weight: entry.Weight, arguments: arguments})
	}
	return list, nil
}

func (o workOptions) address() (*common.Address, error) { return o.callee("").address() }

func (o workOptions) method(function string, abi json.RawMessage) (*contracts.Method, error) {
	var known *contracts.ABI
	if artifact, ok := contracts.Builtin(o.callee("").contract); ok {
		known = artifact.ABI
	}
	if len(abi) > 0 {
		var err error
		if known, err = contracts.ParseABI(abi); err != nil {
			return nil, usage("--abi: %s", err)
		}
	}
	method, err := methodOf(known, function)
	if err != nil {
		return nil, usage("--fn %s: %s", function, err)
	}
	return method, nil
}

// entries are the functions of the flags.
func (o workOptions) entries() ([]mixEntry, error) {
	if o.mix != "" {
		if len(o.functions) > 0 || o.args != "" {
			return nil, usage("--mix does not go with --fn and --args: the file has them")
		}
		return readMix(o.mix)
	}
	functions := o.functions
	if len(functions) == 0 {
		if !o.own() && o.contract != benchContract {
			return nil, usage("--fn is missing: name the function, for example 'save(bytes32,string)'")
		}
		functions = []string{benchFunction}
		if o.reads {
			functions = []string{"count()"}
		}
	}
	var list []mixEntry
	for _, text := range functions {
		entry, err := parseWeighted(text)
		if err != nil {
			return nil, err
		}
		list = append(list, entry)
	}
	if o.args == "" {
		return list, nil
	}
	if len(list) > 1 {
		return nil, usage("--args goes with one --fn; a mix with arguments comes from a file (--mix)")
	}
	var err error
	list[0].Args, err = parseTexts(o.args)
	return list, err
}

var weighted = regexp.MustCompile(`^(.+?)(?:=([0-9.]+))?$`)

func parseWeighted(text string) (mixEntry, error) {
	m := weighted.FindStringSubmatch(text)
	if m == nil {
		return mixEntry{}, usage("--fn is empty")
	}
	entry := mixEntry{Function: m[1], Weight: 1}
	if m[2] != "" {
		var err error
		if entry.Weight, err = strconv.ParseFloat(m[2], 64); err != nil || entry.Weight <= 0 {
			return entry, usage("--fn %s: the weight behind = is a number above 0", text)
		}
	}
	return entry, nil
}

// parseTexts reads a JSON array; what is not a text in it stands for its own JSON.
func parseTexts(text string) ([]string, error) {
	var values []json.RawMessage
	if err := json.Unmarshal([]byte(text), &values); err != nil {
		return nil, usage(`--args: it is a JSON array with a value for each argument, such as '["{hash}","note {seq}"]': %s`, err)
	}
	texts := make([]string, len(values))
	for i, v := range values {
		if json.Unmarshal(v, &texts[i]) != nil {
			texts[i] = string(v)
		}
	}
	return texts, nil
}

func readMix(file string) ([]mixEntry, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, usage("--mix: %s", err)
	}
	var list []mixEntry
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(&list); err != nil && !errors.Is(err, io.EOF) {
		return nil, usage("--mix %s: %s", file, err)
	}
	if len(list) == 0 {
		return nil, usage("--mix %s: it has no functions", file)
	}
	for i := range list {
		switch entry := &list[i]; {
		case entry.Function == "":
			return nil, usage("--mix %s: entry %d has no fn", file, i+1)
		case entry.Weight == 0:
			entry.Weight = 1
		case !(entry.Weight > 0):
			return nil, usage("--mix %s: %s has the weight %s", file, entry.Function, fmt.Sprint(entry.Weight))
		}
	}
	return list, nil
}
