package client

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/ethereum/go-ethereum/common"
)

// Chain is a target of the gateway and the state of its nodes.
type Chain struct {
	Name    string      `json:"name"`
	Family  string      `json:"family"`
	ChainID string      `json:"chainId"`
	Group   string      `json:"group"`
	Genesis common.Hash `json:"genesis"` // the zero hash while no node was ever reached
	Head    uint64      `json:"head"`
	Nodes   []Node      `json:"nodes"`
}

// Node is one node of a chain as the gateway sees it.
type Node struct {
	Node        string        `json:"node"` // host:port
	Online      bool          `json:"online"`
	Usable      bool          `json:"usable"`     // it is asked, if only when there is no better one
	Exclusions  []Exclusion   `json:"exclusions"` // empty: it is in full use
	Head        uint64        `json:"head"`
	Lag         uint64        `json:"lag"`       // blocks behind the highest head
	LatencyMS   float64       `json:"latencyMs"` // 0 before the first answer
	ErrorRate   float64       `json:"errorRate"` // 0 to 1
	InFlight    int           `json:"inFlight"`
	Waiting     int           `json:"waiting"` // for a connection
	Connections NodeConns     `json:"connections"`
	Breakers    []NodeBreaker `json:"breakers"`
	Since       *time.Time    `json:"since,omitempty"` // when it went online or offline
	Error       string        `json:"error,omitempty"` // the last problem with it
}

// Exclusion is one reason why requests stay away from a node.
type Exclusion struct {
	Reason string    `json:"reason"` // "cordoned", "offline", …
	Text   string    `json:"text"`   // for people
	Since  time.Time `json:"since"`
}

// NodeConns are the connections to one node.
type NodeConns struct {
	Open int `json:"open"`
	Idle int `json:"idle"`
}

// NodeBreaker keeps the calls of a class away from a node that fails them.
type NodeBreaker struct {
	Class     string `json:"class"` // "query" or "write"
	State     string `json:"state"` // "closed", "half_open" or "open"
	OpenForMS int64  `json:"openForMs,omitempty"`
}

// Chains lists the targets of the gateway.
func (c *Client) Chains(ctx context.Context) ([]Chain, error) {
	var answer struct {
		Chains []Chain `json:"chains"`
	}
	_, err := c.doJSON(ctx, request{method: http.MethodGet, path: "/v1/chains", repeat: true}, &answer)
	return answer.Chains, err
}

// NodeChange is a node after it was cordoned or uncordoned.
type NodeChange struct {
	Node    Node   `json:"node"`
	Warning string `json:"warning,omitempty"` // for example that no usable node is left
}

// CordonNode takes a node out: it gets no more requests, also after a restart of
// the gateway. One that is cordoned already gets the new reason, which may be
// empty.
func (c *Client) CordonNode(ctx context.Context, chain, node, reason string) (NodeChange, error) {
	body := struct {
		Reason string `json:"reason,omitempty"`
	}{reason}
	r, err := request{method: http.MethodPost, path: nodePath(chain, node) + "/cordon", repeat: true}.withJSON(body)
	if err != nil {
		return NodeChange{}, err
	}
	var change NodeChange
	_, err = c.doJSON(ctx, r, &change)
	return change, err
}

// UncordonNode lets requests to a node again; it may not have been cordoned.
func (c *Client) UncordonNode(ctx context.Context, chain, node string) (NodeChange, error) {
	var change NodeChange
	_, err := c.doJSON(ctx, request{method: http.MethodPost, path: nodePath(chain, node) + "/uncordon", repeat: true}, &change)
	return change, err
}

func nodePath(chain, node string) string {
	return "/v1/chains/" + url.PathEscape(chain) + "/nodes/" + url.PathEscape(node)
}
