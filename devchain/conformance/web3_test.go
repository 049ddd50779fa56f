package conformance

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/devchain/web3"
	"github.com/bcosgate/bcosgate/internal/golden"
)

// web3Player plays web3/*.txt: requests to the Web3 port, and those that are marked
// with n, to the native port of the same node.
type web3Player struct {
	*stack
	t     *testing.T
	table *table
	name  string // of the recording
	port  string // address of the Web3 port
}

func playWeb3(t *testing.T, tb *table, name string) {
	chain := strings.TrimSuffix(path.Base(name), ".txt")
	for _, other := range []string{"web3", "std"} {
		if !golden.HasSupport("config/" + chain + ".genesis") {
			chain = other
		}
	}
	p := &web3Player{stack: newStack(t, chain), t: t, table: tb, name: name}
	node := p.chain.Sealers()[0]
	p.learnMiner(node.NodeID())
	server, err := web3.NewServer(web3.Config{Ledger: p.chain, NodeID: node.NodeID(), CORS: &web3.CORS{Origins: "*"}})
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server.Start(listener)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience) // that of the test has ended
		defer cancel()
		require.NoError(t, server.Stop(ctx))
	})
	p.port = "http://" + listener.Addr().String()
	p.learn(`{"result":{"number":"0x0","hash":"`+p.genesisHash(name)+`"}}`, "")
	for _, e := range golden.Exchanges(t, name) {
		p.exchange(e)
	}
}

// genesisHash is the recorded hash of block 0, where the recording shows it.
func (p *web3Player) genesisHash(name string) string {
	for _, e := range golden.Exchanges(p.t, name) {
		var block struct{ Result struct{ Number, Hash string } }
		if json.Unmarshal([]byte(e.Response), &block) == nil && block.Result.Number == "0x0" {
			return block.Result.Hash
		}
	}
	return ""
}

// learnMiner notes the addresses of the recorded node's key and of ours, and how
// the extra data of block 0 names the nodes.
func (p *web3Player) learnMiner(ours string) {
	if len(p.known.pairs) == 0 {
		return
	}
	address := func(id string) common.Address { return common.Address(crypto.Keccak256(common.FromHex(id))[12:]) }
	recorded := p.known.pairs[0]
	p.known.add(strings.ToLower(address(recorded).Hex()), strings.ToLower(address(ours).Hex()))
	p.known.add(address(recorded).Hex(), address(ours).Hex())
	for i := 0; i < len(p.known.pairs); i += 2 {
		if len(p.known.pairs[i]) == 128 {
			p.known.add(hex.EncodeToString([]byte(p.known.pairs[i])), hex.EncodeToString([]byte(p.known.pairs[i+1])))
		}
	}
}

// exchange puts a recorded request and compares the answer.
func (p *web3Player) exchange(e golden.Exchange) {
	request := p.known.apply(e.Request)
	var ours string
	switch {
	case e.Peer == "n" && strings.Contains(e.Request, `"sendTransaction"`):
		ours = p.sendNative(request)
	case e.Peer == "n":
		ours = p.ask(request)
	default:
		ours = p.askAt(p.port, request)
		if strings.Contains(e.Request, `"eth_sendRawTransaction"`) {
			_, err := p.chain.Mine(p.t.Context())
			require.NoError(p.t, err)
		}
	}
	p.learn(e.Response, ours)
	place := fmt.Sprintf("%s:%d %.150s", p.name, e.Line, e.Request)
	p.table.count(p.t, p.name, place, p.judge(e.Request, ours, e.Response))
}

// sendNative puts a recorded request of sendTransaction.
func (p *web3Player) sendNative(request string) string {
	var r struct{ Params []any }
	require.NoError(p.t, json.Unmarshal([]byte(request), &r))
	raw, ok := r.Params[2].(string)
	require.True(p.t, ok)
	return p.send([]string{raw}, []int64{0}, 0)[0]
}

// learn notes what stands for what from an answer: hashes of blocks, and the names
// of filters.
func (p *web3Player) learn(recorded, ours string) {
	var a struct {
		Result struct{ Number, Hash, BlockNumber, BlockHash, ParentHash any }
	}
	if json.Unmarshal([]byte(recorded), &a) == nil {
		p.learnBlock(a.Result.BlockNumber, a.Result.BlockHash)
		p.learnBlock(a.Result.Number, a.Result.Hash)
	}
	var x, y struct{ Result string }
	if json.Unmarshal([]byte(recorded), &x) == nil && json.Unmarshal([]byte(ours), &y) == nil && isFilterName(x.Result) && isFilterName(y.Result) {
		p.known.add(`"`+x.Result+`"`, `"`+y.Result+`"`)
	}
}

// isFilterName tells the names of filters from other quantities by their length.
func isFilterName(text string) bool { return len(text) > 2+13 && len(text) <= 2+16 }

func (p *web3Player) learnBlock(number, hash any) {
	text, ok := number.(string)
	recorded, ok2 := hash.(string)
	if !ok || !ok2 || slices.Contains(p.known.pairs, strings.TrimPrefix(recorded, "0x")) {
		return
	}
	n := common.HexToHash(text).Big().Uint64()
	if ours, err := p.chain.BlockHash(n); err == nil && recorded != "" {
		p.known.add(strings.TrimPrefix(recorded, "0x"), strings.TrimPrefix(ours.Hex(), "0x"))
	}
}

// judge compares an answer with the recorded one; times and signatures are our own.
// Gas may differ where it is listed, and with it what covers it.
func (p *web3Player) judge(request, ours, recorded string) verdict {
	expected := p.known.apply(recorded)
	own := []string{".timestamp", ".stateRoot", ".importTime", ".signatureList[0].signature"}
	found := differences(p.t, ours, expected, own...)
	if len(found) == 0 {
		return verdict{}
	}
	gas := []string{".gasUsed", ".cumulativeGasUsed", ".receiptsRoot"}
	if isReceipt(recorded) && isReceipt(ours) {
		gas = append(gas, ".result.hash")
	}
	if strings.Contains(request, `"eth_estimateGas"`) {
		gas = append(gas, ".result")
	}
	v := verdict{difference: strings.Join(found, "; ")}
	if len(differences(p.t, ours, expected, append(own, gas...)...)) == 0 {
		v.reason = "gas-used"
	}
	return v
}
