package gateway

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/ethereum/go-ethereum/common"
)

// headTimeout bounds what is asked of each target for GET /v1/chains.
const headTimeout = 3 * time.Second

// Chain is one target with its nodes.
type Chain struct {
	Name    string       `json:"name" doc:"Name of the target in the configuration"`
	Family  string       `json:"family" doc:"Sort of chain" example:"fisco3"`
	ChainID string       `json:"chainId" example:"chain0" doc:"ID of the chain"`
	Group   string       `json:"group" example:"group0" doc:"Group of the chain"`
	Genesis *common.Hash `json:"genesis,omitempty" doc:"Hash of block 0; left out when no node told it yet"`
	Head    *uint64      `json:"head,omitempty" doc:"Newest block that is known; left out when no node told it yet"`
	Nodes   []Node       `json:"nodes" nullable:"false" doc:"The nodes that are listed, and those that end what they have"`
	Pool    PoolStat     `json:"pool" doc:"The connections to all nodes"`
	Calls   CallStat     `json:"calls" doc:"How the limits of calls stand"`
	Error   string       `json:"error,omitempty" doc:"Why genesis or head is missing"`
}

// ChainList has all targets.
type ChainList struct {
	Chains []Chain `json:"chains" nullable:"false" doc:"In the order of the configuration"`
}

type listChainsInput struct{}
type listChainsOutput struct{ Body ChainList }

func listChainsRoute() route {
	return route{
		Operation: huma.Operation{
			OperationID: "listChains", Method: http.MethodGet, Path: "/v1/chains", Tags: []string{"chains"},
			Summary: "List chains and nodes", Description: "Each configured target with its newest block and the state of its nodes.",
		},
		curl:     `curl http://127.0.0.1:8080/v1/chains`,
		problems: []int{http.StatusUnprocessableEntity},
		timeout:  requestTimeout,
		register: handle((*Gateway).listChains),
	}
}

func (g *Gateway) listChains(ctx context.Context, _ *listChainsInput) (*listChainsOutput, error) {
	list := ChainList{Chains: make([]Chain, len(g.cfg.Targets))}
	var wg sync.WaitGroup
	for i, t := range g.cfg.Targets {
		wg.Go(func() { list.Chains[i] = g.chainOf(ctx, t) })
	}
	wg.Wait()
	return &listChainsOutput{Body: list}, nil
}

func (g *Gateway) chainOf(ctx context.Context, t Target) Chain {
	ctx, cancel := context.WithTimeout(ctx, headTimeout)
	defer cancel()
	c := Chain{Name: t.Info.Name, Family: string(t.Info.Family), ChainID: t.Info.ChainID, Group: t.Info.Group, Nodes: t.Nodes.List()}
	if c.Nodes == nil {
		c.Nodes = []Node{}
	}
	stat := t.Nodes.Stat()
	c.Pool, c.Calls = stat.Pool, stat.Calls
	if head, err := t.Chain.Head(ctx); err == nil {
		c.Head = &head.Number
	} else {
		c.Error = g.problemOf(err).Detail
	}
	if identity, err := t.Chain.Identity(ctx); err == nil {
		c.Genesis = &identity.Genesis
	} else {
		c.Error = g.problemOf(err).Detail
	}
	return c
}

// Contract is one contract that can be called by its name.
type Contract struct {
	Name    string         `json:"name" doc:"The name to call it by"`
	Address common.Address `json:"address" doc:"Where it is"`
	TxHash  common.Hash    `json:"txHash" doc:"The transaction that deployed it"`
	Block   uint64         `json:"block" doc:"The block of that transaction"`
	JobID   string         `json:"jobId,omitempty" doc:"The job that deployed it"`
}

// ContractList has the newest contract of each name.
type ContractList struct {
	Contracts []Contract `json:"contracts" nullable:"false" doc:"By name; of each name the newest"`
}

type listContractsInput struct {
	Target string `query:"target" maxLength:"100" doc:"Name of a configured target; may be left out when there is only one"`
}
type listContractsOutput struct{ Body ContractList }

func listContractsRoute() route {
	return route{
		Operation: huma.Operation{
			OperationID: "listContracts", Method: http.MethodGet, Path: "/v1/contracts", Tags: []string{"chains"},
			Summary: "List deployed contracts", Description: "The contracts that were deployed on a target through this gateway.",
		},
		curl:     `curl http://127.0.0.1:8080/v1/contracts`,
		problems: []int{http.StatusUnprocessableEntity},
		timeout:  requestTimeout,
		register: handle((*Gateway).listContracts),
	}
}

func (g *Gateway) listContracts(ctx context.Context, in *listContractsInput) (*listContractsOutput, error) {
	target, err := g.target(in.Target, "query.target")
	if err != nil {
		return nil, err
	}
	found, err := g.cfg.Engine.Contracts(ctx, target.Info.Name)
	if err != nil {
		return nil, err
	}
	list := ContractList{Contracts: []Contract{}}
	for _, c := range found {
		list.Contracts = append(list.Contracts, Contract{Name: c.Name, Address: c.Address, TxHash: c.TxHash, Block: c.Block, JobID: c.JobID})
	}
	return &listContractsOutput{Body: list}, nil
}
