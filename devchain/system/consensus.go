package system

import (
	"strings"

	"github.com/ethereum/go-ethereum/rlp"
)

// Kinds of nodes.
const (
	KindSealer   = "consensus_sealer"
	KindObserver = "consensus_observer"
)

// Node is a member of the group. Since is the block from which on this counts.
type Node struct {
	ID     string // 128 lower-case hex digits
	Kind   string
	Weight uint64
	Term   uint64 // term weight
	Since  uint64
}

// nodeTable has the list of nodes under nodeKey.
const (
	nodeTable = "s_consensus"
	nodeKey   = "key"
)

// Nodes are the members of the group in the order in which they came.
func Nodes(store Store) []Node {
	data, _ := store.Get(nodeTable, nodeKey)
	var nodes []Node
	if rlp.DecodeBytes([]byte(data), &nodes) != nil {
		return nil
	}
	return nodes
}

func writeNodes(store Store, nodes []Node) {
	data, _ := rlp.EncodeToBytes(nodes) // texts and numbers can be encoded
	store.Set(nodeTable, nodeKey, string(data))
}

// Consensus, 0x1003.
func (c *Contracts) consensus() contract {
	return contract{
		name: "ConsensusPrecompiled",
		methods: c.functions(map[string]method{
			"addSealer(string,uint256)": func(x *context, args *arguments) ([]byte, error) {
				return addSealer(x, args.string(), args.uint64(), 0)
			},
			"addSealer(string,uint256,uint256)": func(x *context, args *arguments) ([]byte, error) {
				return addSealer(x, args.string(), args.uint64(), args.uint64())
			},
			"addObserver(string)":       addObserver,
			"remove(string)":            removeNode,
			"setWeight(string,uint256)": setWeight,
			"setTermWeight(string,uint256)": func(x *context, args *arguments) ([]byte, error) {
				return changeWeight(x, strings.ToLower(args.string()), func(n *Node) { n.Term = args.uint64() })
			},
		}),
		before: consensusAllowed(c.selector("setTermWeight(string,uint256)")),
	}
}

// consensusAllowed leaves changes to the committee where permissions are checked;
// governors may set term weights by themselves.
func consensusAllowed(term [4]byte) func(*context, [4]byte, *arguments) ([]byte, error) {
	return func(x *context, selector [4]byte, _ *arguments) ([]byte, error) {
		if !x.Config.AuthCheck || x.call.Sender == Address(committeeAt) || selector == term && isGovernor(x.State, x.Origin) {
			return nil, nil
		}
		return code(codeNoAuthorized)
	}
}

func isNodeID(id string) bool {
	return len(id) == 128 && strings.Trim(id, "0123456789abcdef") == ""
}

func find(nodes []Node, id string) *Node {
	for i := range nodes {
		if nodes[i].ID == id {
			return &nodes[i]
		}
	}
	return nil
}

func countSealers(nodes []Node) (n int) {
	for _, node := range nodes {
		if node.Kind == KindSealer {
			n++
		}
	}
	return n
}

func addSealer(x *context, id string, weight, term uint64) ([]byte, error) {
	id = strings.ToLower(id)
	nodes := Nodes(x.State)
	node := find(nodes, id)
	switch {
	case !isNodeID(id):
		return code(codeInvalidNodeID)
	case weight == 0:
		return code(codeInvalidWeight)
	case node == nil:
		return code(codeObserverFirst)
	}
	node.Kind, node.Weight, node.Term, node.Since = KindSealer, weight, term, x.Block+1
	writeNodes(x.State, nodes)
	return code(codeSuccess)
}

func addObserver(x *context, args *arguments) ([]byte, error) {
	id := strings.ToLower(args.string())
	if !isNodeID(id) {
		return code(codeInvalidNodeID)
	}
	nodes := Nodes(x.State)
	if node := find(nodes, id); node == nil {
		nodes = append(nodes, Node{ID: id, Kind: KindObserver, Since: x.Block + 1})
	} else {
		if countSealers(nodes) == 1 { // also when it is an observer already
			return code(codeLastSealer)
		}
		node.Kind, node.Weight, node.Term, node.Since = KindObserver, 0, 0, x.Block+1
	}
	writeNodes(x.State, nodes)
	return code(codeSuccess)
}

func removeNode(x *context, args *arguments) ([]byte, error) {
	id := strings.ToLower(args.string())
	if len(id) != 128 {
		return code(codeInvalidNodeID)
	}
	nodes := Nodes(x.State)
	for i, node := range nodes {
		if node.ID != id {
			continue
		}
		left := append(append([]Node{}, nodes[:i]...), nodes[i+1:]...)
		if countSealers(left) == 0 {
			return code(codeLastSealer)
		}
		writeNodes(x.State, left)
		return code(codeSuccess)
	}
	return code(codeNodeMissing)
}

func setWeight(x *context, args *arguments) ([]byte, error) {
	id, weight := strings.ToLower(args.string()), args.uint256()
	if len(id) == 128 && weight.IsZero() {
		return code(codeInvalidWeight)
	}
	return changeWeight(x, id, func(n *Node) { n.Weight = weight.Uint64() })
}

func changeWeight(x *context, id string, change func(*Node)) ([]byte, error) {
	if len(id) != 128 {
		return code(codeInvalidNodeID)
	}
	nodes := Nodes(x.State)
	node := find(nodes, id)
	if node == nil {
		return code(codeNodeMissing)
	}
	if node.Kind == KindObserver {
		return nil, refuse("Cannot set weight to observer.")
	}
	change(node)
	node.Since = x.Block + 1
	writeNodes(x.State, nodes)
	return code(codeSuccess)
}
