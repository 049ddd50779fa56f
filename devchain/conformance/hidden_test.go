package conformance

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	cryptosuite "github.com/bcosgate/bcosgate/devchain/suite"
	"github.com/bcosgate/bcosgate/internal/golden"
)

// hidden are the transactions that a recording leaves out, made again from what
// its answers show of them: whole ones as getTransaction shows them, or others that
// write the same logs.
type hidden struct {
	raws   map[string][]byte        // by hash
	blocks map[uint64][]string      // the hashes in a block, in its order
	logs   map[uint64][]recordedLog // by block, in the order of the answer
	sent   map[string]bool          // hashes of transactions that the recording sends
}

type recordedLog struct {
	Address, Data, TransactionHash string
	BlockNumber                    json.RawMessage
	Topics                         []string
}

// findHidden reads the exchanges of all recordings of a chain; sent are the
// transactions that the one which is played sends itself.
func findHidden(exchanges []*exchange, sent map[string]bool) *hidden {
	h := &hidden{raws: map[string][]byte{}, blocks: map[uint64][]string{}, logs: map[uint64][]recordedLog{}, sent: sent}
	for _, x := range exchanges {
		text := x.answer
		if method, params := methodOf(x.request); method == "sendTransaction" && len(params) > 2 {
			raw, _ := params[2].(string)
			if m := txHashMember.FindStringSubmatch(text); m != nil && !cutHex.MatchString(raw) {
				h.raws[m[1]] = unhex(raw)
			}
		}
		var answer struct{ Result json.RawMessage }
		if decode(text, &answer) != nil {
			continue
		}
		h.transaction(answer.Result)
		h.block(answer.Result)
		h.receipt(answer.Result)
		h.logsOf(answer.Result)
	}
	return h
}

func (h *hidden) transaction(text json.RawMessage) {
	var tx struct {
		Version                                                        int
		ChainID, GroupID, Nonce, To, Input, ABI, Value, GasPrice, Hash string
		MaxFeePerGas, MaxPriorityFeePerGas, Signature, ExtraData       string
		BlockLimit, GasLimit                                           int64
		Extension                                                      []byte
		ImportTime                                                     *int64
	}
	if json.Unmarshal(text, &tx) != nil || tx.ImportTime == nil {
		return
	}
	u := unsigned{version: tx.Version, chainID: tx.ChainID, groupID: tx.GroupID, blockLimit: tx.BlockLimit, nonce: string(unhex(tx.Nonce)), to: tx.To,
		input: unhex(tx.Input), abi: tx.ABI, gasLimit: tx.GasLimit, maxFee: tx.MaxFeePerGas, maxPriorityFee: tx.MaxPriorityFeePerGas,
		extension: tx.Extension, signature: unhex(tx.Signature), extraData: tx.ExtraData}
	if tx.Version > 0 {
		u.value, u.gasPrice = tx.Value, tx.GasPrice
	}
	h.raws[tx.Hash] = u.encode()
}

func (h *hidden) block(text json.RawMessage) {
	var block struct {
		Number       uint64
		Transactions []json.RawMessage
		TxsRoot      string
	}
	if json.Unmarshal(text, &block) != nil || block.TxsRoot == "" {
		return
	}
	var hashes []string
	for _, tx := range block.Transactions {
		var hash string
		var whole struct{ Hash string }
		if json.Unmarshal(tx, &hash) != nil && json.Unmarshal(tx, &whole) == nil {
			h.transaction(tx)
			hash = whole.Hash
		}
		hashes = append(hashes, hash)
	}
	if len(hashes) > 0 {
		h.blocks[block.Number] = hashes
	}
}

func (h *hidden) receipt(text json.RawMessage) {
	var r struct {
		BlockNumber     uint64
		TransactionHash string
		GasUsed         string
	}
	if json.Unmarshal(text, &r) == nil && r.GasUsed != "" && !slices.Contains(h.blocks[r.BlockNumber], r.TransactionHash) {
		h.blocks[r.BlockNumber] = append(h.blocks[r.BlockNumber], r.TransactionHash)
	}
}

func (h *hidden) logsOf(text json.RawMessage) {
	var logs []recordedLog
	if json.Unmarshal(text, &logs) != nil {
		return
	}
	for _, log := range logs {
		number, ok := logHeight(log.BlockNumber)
		if ok && log.Topics != nil && !slices.ContainsFunc(h.logs[number], func(other recordedLog) bool {
			return other.TransactionHash == log.TransactionHash && other.Data == log.Data && slices.Equal(other.Topics, log.Topics)
		}) {
			h.logs[number] = append(h.logs[number], log)
		}
	}
}

func logHeight(v json.RawMessage) (uint64, bool) {
	n, err := strconv.ParseUint(strings.Trim(string(v), `"`), 0, 64)
	return n, err == nil
}

// advance makes blocks until the head is height: those that a recording left out,
// where it shows what was in them, else blocks of nothing.
func (p *player) advance(height uint64) {
	for {
		next := p.node.chain.Head().Number + 1
		if next > height {
			return
		}
		before := p.node.nonces
		if !p.remake(next) {
			p.node.call(nothingThere, nil)
		}
		if p.node.nonces > before {
			p.node.ours[next] = true
		}
		if p.node.chain.Head().Number < next {
			p.node.call(nothingThere, nil)
			p.node.ours[next] = true
		}
	}
}

// remake makes block number again; false when nothing is known of it.
func (p *player) remake(number uint64) bool {
	var raws [][]byte
	for _, hash := range p.hidden.blocks[number] {
		if raw := p.hidden.raws[hash]; raw != nil && !p.hidden.sent[hash] {
			raws = append(raws, raw)
		}
	}
	if len(raws) == 0 {
		raws = p.loggers(number)
	}
	if len(raws) > 0 {
		p.node.together(raws...)
	}
	return len(raws) > 0
}

// loggers are transactions that write the logs of a block.
func (p *player) loggers(number uint64) (raws [][]byte) {
	logs := p.hidden.logs[number]
	for i := 0; i < len(logs); {
		k := i + 1
		for k < len(logs) && logs[k].TransactionHash == logs[i].TransactionHash {
			k++
		}
		if !p.hidden.sent[logs[i].TransactionHash] {
			if input := p.node.logging(logs[i:k]); input != nil {
				raws = append(raws, p.node.signed(0, logs[i].Address, input))
			}
		}
		i = k
	}
	return raws
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

// code names the file of a contract's code for this chain.
func (n *node) code(contract string) string {
	if n.suite == cryptosuite.GM {
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

// deployHidden makes the contracts that a recording of a fresh chain uses and does
// not deploy: an address says in which block its contract was made (protocol
// §12.3), and the functions that are called there say which contract it is.
func (p *player) deployHidden(text string) {
	const blocks = 32 // recordings deploy at their beginning
	lower := strings.ToLower(text)
	for number := uint64(1); number <= blocks; number++ {
		address := p.node.deployed(number)
		inside := hex.EncodeToString([]byte(address)) // as the receiver of a raw transaction
		if !strings.Contains(lower, address) && !strings.Contains(lower, inside) || p.deploys(lower, address) {
			continue
		}
		name := p.node.contractAt(lower, address, inside)
		if name == "" {
			continue
		}
		p.advance(number - 1)
		code := unhex(strings.TrimSpace(string(golden.Support(p.node.t, p.node.code(name)))))
		for _, err := range p.node.together(p.node.signed(0, "", code)) {
			require.NoError(p.node.t, err)
		}
		p.node.ours[number] = true
	}
}

// deployed is the address of a contract that the first transaction of a block made.
func (n *node) deployed(block uint64) string {
	hash := n.suite.Hash(fmt.Appendf(nil, "%d_0_0", block))
	return hex.EncodeToString(hash[:20])
}

// deploys is true when the recording itself shows the making of the contract.
func (p *player) deploys(text, address string) bool {
	return strings.Contains(text, `"contractaddress":"0x`+address)
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

// nonceOf reads the nonce of a raw transaction; false when it cannot be read.
func nonceOf(raw []byte) (string, bool) {
	if len(raw) < 2 || raw[0] != 0x1a {
		return "", false
	}
	for at := 1; at < len(raw); {
		tag, kind := raw[at]>>4, raw[at]&15
		at++
		size := map[byte]int{0: 1, 1: 2, 2: 4, 3: 8, 12: 0}
		switch n, isNumber := size[kind]; {
		case isNumber:
			at += n
		case kind == 6 && at < len(raw):
			end := at + 1 + int(raw[at])
			if end > len(raw) {
				return "", false
			}
			if tag == 5 {
				return string(raw[at+1 : end]), true
			}
			at = end
		default:
			return "", false
		}
	}
	return "", false
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

func atoi(text string) uint64 {
	n, _ := strconv.ParseUint(text, 10, 64)
	return n
}
