package gateway

import (
	"context"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

// NewCordon says why a node is taken out.
type NewCordon struct {
	Reason string `json:"reason,omitempty" maxLength:"500" doc:"For people: why, and until when" example:"new disk, back on Monday"`
}

// NodeChange is a node after it was cordoned or uncordoned.
type NodeChange struct {
	Node    Node   `json:"node" doc:"How the node does now"`
	Warning string `json:"warning,omitempty" doc:"What the change means for the target, where that is worth a word"`
}

// NodePath names a node of a target.
type NodePath struct {
	Chain string `path:"chain" maxLength:"100" doc:"Name of the target" example:"dev"`
	Node  string `path:"node" maxLength:"300" doc:"host:port of the node" example:"127.0.0.1:20200"`
}

type cordonInput struct {
	NodePath
	Body *NewCordon
}

type nodeChangeOutput struct{ Body NodeChange }

func cordonRoute() route {
	return route{
		Operation: huma.Operation{
			OperationID: "cordonNode", Method: http.MethodPost, Path: "/v1/chains/{chain}/nodes/{node}/cordon", Tags: []string{"chains"},
			Summary: "Take a node out",
			Description: "The node gets no more requests, also after a restart of the gateway; what it works on it ends. " +
				"It stays connected, so that it can come back at once. A node that is cordoned already gets the new reason.",
		},
		curl: `curl -X POST http://127.0.0.1:8080/v1/chains/dev/nodes/127.0.0.1:20200/cordon \
  -H 'Content-Type: application/json' -d '{"reason":"new disk"}'`,
		problems: problemsOfBody(http.StatusNotFound),
		timeout:  requestTimeout,
		register: handle((*Gateway).cordon),
	}
}

func (g *Gateway) cordon(ctx context.Context, in *cordonInput) (*nodeChangeOutput, error) {
	reason := ""
	if in.Body != nil {
		reason = in.Body.Reason
	}
	return g.changeNode(in.NodePath, func(t Target, node string) error { return t.Nodes.Cordon(ctx, node, reason) })
}

func uncordonRoute() route {
	return route{
		Operation: huma.Operation{
			OperationID: "uncordonNode", Method: http.MethodPost, Path: "/v1/chains/{chain}/nodes/{node}/uncordon", Tags: []string{"chains"},
			Summary: "Let a node in again", Description: "The node gets requests again, as soon as nothing else keeps them away. A node that was not cordoned is left as it is.",
		},
		curl:     `curl -X POST http://127.0.0.1:8080/v1/chains/dev/nodes/127.0.0.1:20200/uncordon`,
		problems: []int{http.StatusNotFound, http.StatusUnprocessableEntity, http.StatusServiceUnavailable},
		timeout:  requestTimeout,
		register: handle((*Gateway).uncordon),
	}
}

func (g *Gateway) uncordon(ctx context.Context, in *NodePath) (*nodeChangeOutput, error) {
	return g.changeNode(*in, func(t Target, node string) error { return t.Nodes.Uncordon(ctx, node) })
}

// changeNode does something to a node and says how it does then.
func (g *Gateway) changeNode(at NodePath, change func(t Target, node string) error) (*nodeChangeOutput, error) {
	target, err := g.targetOfPath(at.Chain)
	if err != nil {
		return nil, err
	}
	if _, ok := target.findNode(at.Node); !ok {
		return nil, noSuchNode(target, at.Node)
	}
	if err := change(target, at.Node); err != nil {
		return nil, err
	}
	node, ok := target.findNode(at.Node)
	if !ok { // it was taken off the list meanwhile
		return nil, noSuchNode(target, at.Node)
	}
	out := &nodeChangeOutput{Body: NodeChange{Node: node}}
	if !anyUsable(target.Nodes.List()) {
		out.Body.Warning = fmt.Sprintf("no node of target %s can be used now: calls fail, and jobs stand still", target.Info.Name)
	}
	return out, nil
}

// targetOfPath finds a target that is part of a path.
func (g *Gateway) targetOfPath(name string) (Target, error) {
	for _, t := range g.cfg.Targets {
		if t.Info.Name == name {
			return t, nil
		}
	}
	return Target{}, newProblem(http.StatusNotFound, "chain_unknown", fmt.Sprintf("there is no chain %q: GET /v1/chains lists them", name))
}

func noSuchNode(t Target, node string) *Problem {
	return newProblem(http.StatusNotFound, "node_unknown", fmt.Sprintf("chain %s has no node %q: GET /v1/chains lists them", t.Info.Name, node))
}
