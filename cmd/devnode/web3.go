package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"

	"github.com/bcosgate/bcosgate/devchain"
	"github.com/bcosgate/bcosgate/devchain/faults"
	"github.com/bcosgate/bcosgate/devchain/nodeconf"
	"github.com/bcosgate/bcosgate/devchain/web3"
)

// web3Port is the Web3 port of a node.
type web3Port struct {
	name     string // of the node
	server   *web3.Server
	listener net.Listener
}

// openWeb3 takes the port; nil when the node has none. Nothing is answered yet. Up
// counts the nodes that are up.
func openWeb3(ctx context.Context, node nodeconf.Node, chain *devchain.Chain, struck *faults.Set, up func() int, log *slog.Logger) (*web3Port, error) {
	if node.Web3 == nil {
		return nil, nil
	}
	port, err := openWeb3Port(ctx, node, chain, struck, up, log)
	if err != nil {
		return nil, fmt.Errorf("%s: [web3_rpc]: %w", node.File, err)
	}
	return &port, nil
}

func openWeb3Port(ctx context.Context, node nodeconf.Node, chain *devchain.Chain, struck *faults.Set, up func() int, log *slog.Logger) (web3Port, error) {
	port := web3Port{name: node.Name}
	cfg := web3.Config{
		Ledger: chain, NodeID: node.NodeID, Peers: up, Faults: struck, Name: node.Name,
		FilterTimeout: node.Web3.FilterTimeout, FilterBlocks: node.Web3.FilterBlocks, BatchLimit: node.Web3.BatchLimit,
		BodyLimit: node.Web3.BodyLimit, SyncTransaction: node.Web3.SyncTransaction, Logger: log.With("node", node.Name, "port", "web3"),
	}
	if cors := node.Web3.CORS; cors != nil {
		cfg.CORS = &web3.CORS{Origins: cors.Origins, Methods: cors.Methods, Headers: cors.Headers, MaxAge: cors.MaxAge, Credentials: cors.Credentials}
	}
	var err error
	if port.server, err = web3.NewServer(cfg); err != nil {
		return port, err
	}
	if port.listener, err = new(net.ListenConfig).Listen(ctx, "tcp", node.Web3.Listen); err != nil {
		return port, fmt.Errorf("listen_port cannot be used: %w", err)
	}
	return port, nil
}

// start answers from now on, and prints a line that says where.
func (p *web3Port) start(stdout io.Writer) {
	if p == nil {
		return
	}
	address := p.listener.Addr()
	p.server.Start(p.listener)
	fmt.Fprintf(stdout, "%s listening on http://%s (web3)\n", p.name, address)
}

func (p *web3Port) stop(ctx context.Context) error {
	if p == nil {
		return nil
	}
	return p.server.Stop(ctx)
}
