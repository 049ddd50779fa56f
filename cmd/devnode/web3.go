package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"

	"github.com/bcosgate/bcosgate/devchain"
	"github.com/bcosgate/bcosgate/devchain/nodeconf"
	"github.com/bcosgate/bcosgate/devchain/web3"
)

// web3Port is the Web3 port of a node.
type web3Port struct {
	name     string // of the node
	server   *web3.Server
	listener net.Listener
}

// web3Ports are those of the nodes that have one.
type web3Ports []web3Port

// openWeb3 takes the ports. Nothing is answered yet. Up counts the nodes that are up.
func openWeb3(ctx context.Context, nodes []nodeconf.Node, chain *devchain.Chain, up func() int, log *slog.Logger) (web3Ports, error) {
	var ports web3Ports
	for _, node := range nodes {
		if node.Web3 == nil {
			continue
		}
		port, err := openWeb3Port(ctx, node, chain, up, log)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("%s: [web3_rpc]: %w", node.File, err), ports.close())
		}
		ports = append(ports, port)
	}
	return ports, nil
}

func openWeb3Port(ctx context.Context, node nodeconf.Node, chain *devchain.Chain, up func() int, log *slog.Logger) (web3Port, error) {
	port := web3Port{name: node.Name}
	cfg := web3.Config{
		Ledger: chain, NodeID: node.NodeID, Peers: up,
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

// start answers from now on, and prints for each port a line that says where.
func (ports web3Ports) start(stdout io.Writer) {
	for _, p := range ports {
		address := p.listener.Addr()
		p.server.Start(p.listener)
		fmt.Fprintf(stdout, "%s listening on http://%s (web3)\n", p.name, address)
	}
}

// close gives ports back that were not started.
func (ports web3Ports) close() error {
	var errs []error
	for _, p := range ports {
		errs = append(errs, p.listener.Close())
	}
	return errors.Join(errs...)
}

// stop lets all ports finish at the same time.
func (ports web3Ports) stop(ctx context.Context) error {
	errs := make([]error, len(ports))
	var stopping sync.WaitGroup
	for i, p := range ports {
		stopping.Go(func() { errs[i] = p.server.Stop(ctx) })
	}
	stopping.Wait()
	return errors.Join(errs...)
}
