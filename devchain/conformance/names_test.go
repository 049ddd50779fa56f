package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/ethereum/go-ethereum/common"
)

func (c *comparer) heightOf(hash string) (uint64, bool) {
	n, ok := c.heights[hash]
	return n, ok
}

// sameHash is true when got is what want is: a block of the same number, or a
// transaction that takes the place of one that the recording leaves out.
func (c *comparer) sameHash(want, got string) bool {
	w, g := strings.TrimPrefix(want, "0x"), strings.TrimPrefix(got, "0x")
	height, isBlock := c.heights[w]
	if ourHeight, ok := c.node.heightOf(g); ok {
		return !isBlock || height == ourHeight
	}
	if isBlock {
		return false
	}
	if ours, renamed := c.renamed[w]; renamed {
		return ours == g
	}
	if _, err := c.node.chain.Transaction(common.HexToHash(w)); err == nil {
		return false
	}
	if _, err := c.node.chain.Transaction(common.HexToHash(g)); err != nil {
		return false
	}
	c.renamed[w] = g
	return true
}

// learn takes the block hashes out of recorded answers.
func (c *comparer) learn(text string) {
	var v any
	if decode(text, &v) == nil {
		c.learnFrom(v)
	}
}

func (c *comparer) learnFrom(v any) {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			c.learnFrom(item)
		}
	case string:
		if strings.HasPrefix(v, "{") {
			c.learn(v)
		}
	case map[string]any:
		for _, pair := range [][2]string{{"hash", "number"}, {"blockHash", "blockNumber"}, {"latestHash", "blockNumber"}, {"hash", "blockNumber"}} {
			if pair[0] == "hash" && v["transactionHash"] != nil {
				continue // of a receipt
			}
			hash, isText := v[pair[0]].(string)
			if number, ok := asHeight(v[pair[1]]); ok && isText && len(hash) >= 64 {
				c.heights[strings.TrimPrefix(hash, "0x")] = number
			}
		}
		if id, ok := v["nodeID"].(string); ok {
			c.nodes[id] = true
		}
		for _, item := range v {
			c.learnFrom(item)
		}
	}
}

func asHeight(v any) (n uint64, ok bool) {
	switch v := v.(type) {
	case json.Number:
		_, err := fmt.Sscan(v.String(), &n)
		return n, err == nil
	case string:
		_, err := fmt.Sscanf(v, "0x%x", &n)
		return n, err == nil
	}
	return 0, false
}

// rewrite puts our own names into a request: of blocks, filters and transactions.
func (c *comparer) rewrite(request string) string {
	request = hashToken.ReplaceAllStringFunc(request, func(token string) string {
		digits := token[len(token)-64:]
		lower := strings.ToLower(digits)
		ours := c.renamed[lower]
		if n, ok := c.heights[lower]; ok {
			if hash, err := c.node.chain.BlockHash(n); err == nil {
				ours = common.Bytes2Hex(hash[:])
			}
		}
		switch {
		case ours == "":
			return token
		case digits != lower:
			ours = strings.ToUpper(ours)
		}
		return token[:len(token)-64] + ours
	})
	for id := range c.nodes {
		request = strings.ReplaceAll(request, `"`+id+`"`, `"`+c.node.chain.Sealers()[0].NodeID()+`"`)
	}
	return idToken.ReplaceAllStringFunc(request, func(token string) string {
		if ours, ok := c.renamed[token]; ok {
			return ours
		}
		return token
	})
}

// nameFilter notes that a filter has another name here.
func (c *comparer) nameFilter(want, got string) bool {
	var w, g struct{ Result json.RawMessage }
	if decode(want, &w) != nil || decode(got, &g) != nil || !idToken.Match(w.Result) || !idToken.Match(g.Result) {
		return false
	}
	c.renamed[string(bytes.TrimSpace(w.Result))] = string(bytes.TrimSpace(g.Result))
	return true
}

// heightOf finds one of our own blocks by its hash.
func (n *node) heightOf(hash string) (uint64, bool) {
	block, err := n.chain.BlockByHash(common.HexToHash(hash))
	if err != nil {
		return 0, false
	}
	return block.Number, true
}
