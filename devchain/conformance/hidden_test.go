package conformance

import (
	"encoding/hex"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/stretchr/testify/require"

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

// deploys is true when the recording itself shows the making of the contract.
func (p *player) deploys(text, address string) bool {
	return strings.Contains(text, `"contractaddress":"0x`+address)
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

func atoi(text string) uint64 {
	n, _ := strconv.ParseUint(text, 10, 64)
	return n
}
