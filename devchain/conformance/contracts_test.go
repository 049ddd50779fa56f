package conformance

import (
	"encoding/hex"
	"fmt"
	"math/big"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/devchain/suite"
	"github.com/bcosgate/bcosgate/internal/golden"
)

// contract is the address of a contract of this name that the replayed ledger
// made: one that the recording speaks of, if there is one.
func (p *wsPlayer) contract(name string) (found string) {
	code := strings.TrimSpace(string(golden.Support(p.node.t, p.node.code(name))))
	for number := uint64(1); number <= p.node.chain.Head().Number; number++ {
		receipts, err := p.node.chain.Receipts(number)
		require.NoError(p.node.t, err)
		for _, r := range receipts {
			if r.ContractAddress == nil {
				continue
			}
			runtime, err := p.node.chain.Code(*r.ContractAddress)
			require.NoError(p.node.t, err)
			address := hex.EncodeToString(r.ContractAddress[:])
			if len(runtime) == 0 || !strings.Contains(code, hex.EncodeToString(runtime)) {
				continue
			}
			if strings.Contains(p.text, address) {
				return address
			}
			found = address
		}
	}
	require.NotEmpty(p.node.t, found, "the ledger has no contract "+name)
	return found
}

// sameSize is a call of the same function and the same size whose arguments, all
// of them bytes or text, are zeros; nil when the function takes something else.
func (n *node) sameSize(data []byte) []byte {
	for _, file := range golden.SupportFiles(n.t, "contracts/*.abi") {
		contract := contractABI(n.t, strings.TrimSuffix(path.Base(file), ".abi"))
		method, err := contract.MethodById(data[:4])
		if err != nil || len(method.Inputs) == 0 {
			continue
		}
		last := len(method.Inputs) - 1 // it takes all the bytes
		args := make([]any, len(method.Inputs))
		for i, input := range method.Inputs {
			var fill []byte
			if i == last {
				fill = make([]byte, max(0, len(data)-4-64*len(args)))
			}
			switch input.Type.T {
			case abi.BytesTy:
				args[i] = fill
			case abi.StringTy:
				args[i] = string(fill)
			}
		}
		if !slices.Contains(args, nil) {
			return n.pack(contract, method.Name, args...)
		}
	}
	return nil
}

// code names the file of a contract's code for this chain.
func (n *node) code(contract string) string {
	if n.suite == suite.GM {
		return "contracts/" + contract + ".sm3.bin"
	}
	return "contracts/" + contract + ".bin"
}

func contractABI(t testing.TB, name string) abi.ABI {
	contract, err := abi.JSON(strings.NewReader(string(golden.Support(t, "contracts/"+name+".abi"))))
	require.NoError(t, err)
	return contract
}

func (n *node) pack(contract abi.ABI, function string, args ...any) []byte {
	input, err := contract.Pack(function, args...)
	require.NoError(n.t, err)
	selector := n.suite.Selector(contract.Methods[function].Sig)
	return append(selector[:], input[4:]...)
}

// packTexts packs arguments that are written as text: numbers, quoted texts, hex.
func (n *node) packTexts(contract abi.ABI, function, text string) []byte {
	t := n.t
	var args []any
	texts := strings.Split(text, ",")
	if text == "" {
		texts = nil
	}
	for i, input := range contract.Methods[function].Inputs {
		require.Less(t, i, len(texts), "arguments of %s: %s", function, text)
		arg := strings.Trim(strings.TrimSpace(texts[i]), `"`)
		switch input.Type.T {
		case abi.UintTy:
			n, ok := new(big.Int).SetString(arg, 0)
			require.True(t, ok, arg)
			args = append(args, n)
		case abi.BoolTy:
			args = append(args, arg == "true")
		case abi.StringTy:
			args = append(args, arg)
		case abi.BytesTy:
			args = append(args, unhex(arg))
		case abi.AddressTy:
			args = append(args, common.HexToAddress(arg))
		case abi.FixedBytesTy:
			args = append(args, [32]byte(common.HexToHash(arg)))
		default:
			require.Fail(t, "argument of a type that players do not write", "%s of %s", input.Type, function)
		}
	}
	return n.pack(contract, function, args...)
}

// deployed is the address of a contract that the first transaction of a block made.
func (n *node) deployed(block uint64) string {
	hash := n.suite.Hash(fmt.Appendf(nil, "%d_0_0", block))
	return hex.EncodeToString(hash[:20])
}

// contractAt finds the contract whose functions are called at an address.
func (n *node) contractAt(text, address, inside string) (best string) {
	t, most := n.t, 0
	for _, file := range golden.SupportFiles(t, "contracts/*.abi") {
		name := strings.TrimSuffix(path.Base(file), ".abi")
		hits := 0
		for _, method := range contractABI(t, name).Methods {
			id := n.suite.Selector(method.Sig)
			selector := hex.EncodeToString(id[:])
			for _, at := range []string{address + `","0x` + selector, address + `","` + selector} {
				hits += strings.Count(text, at)
			}
			// In a raw transaction the input follows the receiver, behind its length.
			hits += len(regexp.MustCompile(inside+"7d00(?:00..|01....|02........)"+selector).FindAllString(text, -1))
			// Very long requests are cut, their answers show enough.
			hits += len(regexp.MustCompile(`"input":"0x`+selector+`[^{}]*"to":"(?:0x)?`+address+`"`).FindAllString(text, -1))
		}
		if hits > most {
			best, most = name, hits
		}
	}
	return best
}

// logging is the call of the contract Events that writes these logs: an event Xyz
// is written by the function xyz with the same arguments, and many(from, n) writes
// Many n times.
func (n *node) logging(logs []recordedLog) []byte {
	t := n.t
	contract := contractABI(t, "Events")
	if len(logs[0].Topics) == 0 {
		return nil
	}
	for name, event := range contract.Events {
		if n.suite.Hash([]byte(event.Sig)) != common.HexToHash(logs[0].Topics[0]) {
			continue
		}
		if name == "Many" {
			return n.pack(contract, "many", common.HexToHash(logs[0].Topics[1]).Big(), big.NewInt(int64(len(logs))))
		}
		args := map[string]any{}
		require.NoError(t, contract.UnpackIntoMap(args, name, unhex(logs[0].Data)))
		var indexed abi.Arguments
		var ordered []any
		for _, arg := range event.Inputs {
			if arg.Indexed {
				indexed = append(indexed, arg)
			}
		}
		var topics []common.Hash
		for _, topic := range logs[0].Topics[1:] {
			topics = append(topics, common.HexToHash(topic))
		}
		require.NoError(t, abi.ParseTopicsIntoMap(args, indexed, topics))
		for _, arg := range event.Inputs {
			ordered = append(ordered, args[arg.Name])
		}
		return n.pack(contract, strings.ToLower(name[:1])+name[1:], ordered...)
	}
	return nil
}
