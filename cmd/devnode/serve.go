package main

import (
	"context"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/bcosgate/bcosgate/certs"
	"github.com/bcosgate/bcosgate/devchain"
	"github.com/bcosgate/bcosgate/devchain/faults"
	"github.com/bcosgate/bcosgate/devchain/nodeconf"
	"github.com/bcosgate/bcosgate/devchain/rpc"
	"github.com/bcosgate/bcosgate/devchain/suite"
)

// stopTime is how long a graceful stop may take before what is left is cut off.
const stopTime = 10 * time.Second

// serve runs the nodes of the config files as one chain until ctx ends. It
// prints a line for each endpoint and "devnode ready" when all are listening.
func serve(ctx context.Context, configs []string, genesisFile string, extras extras, stdout, stderr io.Writer) (err error) {
	nodes, genesis, err := read(configs, genesisFile)
	if err != nil {
		return err
	}
	first := nodes[0]

	unlock, err := lockDataDir(first.DataDir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()

	log, closeLog, err := openLog(first.Log, stderr)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeLog()) }()

	controls := newControls(extras.or(first))
	chain, err := devchain.Open(controls.of(chainConfig(nodes, genesis, log)))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, chain.Close()) }()

	endpoints, err := prepare(nodes, chain, controls.faults, log)
	if err != nil {
		return err
	}
	if err := controls.start(ctx, chain, nodes, stdout, log); err != nil {
		return err
	}
	ended, end := context.WithCancel(context.WithoutCancel(ctx))
	end()
	defer func() { err = errors.Join(err, controls.stop(ended)) }()
	// All ports are taken before one of them answers.
	var ports net.ListenConfig
	for i := range endpoints {
		if endpoints[i].listener, err = ports.Listen(ctx, "tcp", endpoints[i].node.Listen); err != nil {
			for _, e := range endpoints[:i] {
				_ = e.listener.Close()
			}
			return fmt.Errorf("%s: [rpc] listen_port cannot be used: %w", endpoints[i].node.File, err)
		}
	}
	web3, err := openWeb3(ctx, nodes, chain, func() int { return len(nodes) }, log)
	if err != nil {
		for _, e := range endpoints {
			_ = e.listener.Close()
		}
		return err
	}
	if err := chain.Start(ctx); err != nil {
		return err
	}
	for _, e := range endpoints {
		address := e.listener.Addr().String()
		e.server.Start(e.listener)
		fmt.Fprintf(stdout, "%s listening on %s://%s (%s, %s)\n", e.node.Name, e.scheme(), address, genesis.ChainID, genesis.GroupID)
		log.Info("listening", "node", e.node.Name, "address", address, "tls", e.node.TLS)
	}
	web3.start(stdout)
	fmt.Fprintln(stdout, "devnode ready")

	<-ctx.Done()
	log.Info("stopping")
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	failed := controls.stop(ending)
	if !chain.Sealing() {
		// Nobody will ask for the block that clients wait for.
		failed = errors.Join(failed, chain.Stop(ending))
	}
	// Clients first: what they wait for still goes into a block.
	failures := make([]error, len(endpoints))
	var stopping sync.WaitGroup
	for i, e := range endpoints {
		stopping.Go(func() { failures[i] = e.server.Stop(ending) })
	}
	failed = errors.Join(failed, web3.stop(ending))
	stopping.Wait()
	err = errors.Join(append(failures, failed, chain.Stop(ending))...)
	log.Info("stopped", "error", err)
	fmt.Fprintln(stdout, "devnode stopped")
	return err
}

// read reads all files and finds every fault in them at once.
func read(configs []string, genesisFile string) ([]nodeconf.Node, nodeconf.Genesis, error) {
	genesis, err := nodeconf.ReadGenesis(genesisFile)
	faults := []error{err}
	var nodes []nodeconf.Node
	for _, path := range configs {
		node, err := nodeconf.ReadNode(path)
		faults = append(faults, err)
		nodes = append(nodes, node)
	}
	if err := errors.Join(faults...); err != nil {
		return nil, genesis, err
	}
	for i, node := range nodes {
		if node.NodeKey.Suite() != genesis.Suite {
			return nil, genesis, fmt.Errorf("%s: its key is one of a %s, but %s makes a %s: set sm_crypto there, or make the key anew",
				node.File, node.NodeKey.Suite(), genesisFile, genesis.Suite)
		}
		if !slices.ContainsFunc(genesis.Sealers, func(s devchain.Sealer) bool { return s.NodeID() == node.NodeID }) {
			return nil, genesis, fmt.Errorf("%s: its node %.16s… is no sealer in %s: add a line node.N=%s: 1 there, or start it with its own config.genesis",
				node.File, node.NodeID, genesisFile, node.NodeID)
		}
		for _, other := range nodes[:i] {
			if other.NodeID == node.NodeID {
				return nil, genesis, fmt.Errorf("%s and %s are the same node: name each node once, with its own key", other.File, node.File)
			}
		}
	}
	return nodes, genesis, nil
}

func chainConfig(nodes []nodeconf.Node, genesis nodeconf.Genesis, log *slog.Logger) devchain.Config {
	first := nodes[0]
	keys := make([]*suite.Key, len(nodes))
	for i, node := range nodes {
		keys[i] = node.NodeKey
	}
	sealTime := first.MinSealTime
	if sealTime == 0 {
		sealTime = -1 // the ledger's word for no wait; its 0 is the default
	}
	return devchain.Config{
		Genesis: genesis.Genesis, DataDir: first.DataDir, NodeKeys: keys, MinSealTime: sealTime, BlockLimit: genesis.BlockLimit,
		SealFull: true, PoolLimit: first.PoolLimit, TxExpiration: first.TxExpiration, Logger: log,
	}
}

type endpoint struct {
	node     nodeconf.Node
	server   *rpc.Server
	listener net.Listener
}

func (e endpoint) scheme() string {
	if e.node.TLS {
		return "https"
	}
	return "http"
}

// prepare makes an endpoint for each node. Nothing listens yet.
func prepare(nodes []nodeconf.Node, chain *devchain.Chain, struck *faults.Set, log *slog.Logger) ([]endpoint, error) {
	identities := make([]rpc.Node, len(nodes))
	configs := make([]*tls.Config, len(nodes))
	for i, node := range nodes {
		identities[i] = rpc.Node{ID: node.NodeID, P2PEndpoint: node.P2PListen}
		if !node.TLS {
			continue
		}
		cert, roots, err := certs.LoadTLSCert(certs.Files{CA: node.CACert, Cert: node.Cert, Key: node.Key})
		if err != nil {
			return nil, fmt.Errorf("%s: [cert]: %w", node.File, err)
		}
		configs[i] = certs.ServerConfig(cert, roots)
		if key, ok := cert.Leaf.PublicKey.(*rsa.PublicKey); ok {
			identities[i].P2PID = hex.EncodeToString(x509.MarshalPKCS1PublicKey(key)) // protocol §3.5.5
		}
	}
	endpoints := make([]endpoint, len(nodes))
	for i, node := range nodes {
		server, err := rpc.NewServer(rpc.Config{
			Ledger: chain, Node: identities[i], Peers: slices.Concat(identities[:i], identities[i+1:]), TLS: configs[i],
			ReturnInputParams: node.ReturnInputParams, Faults: struck, Name: node.Name,
			Logger: log.With("node", node.Name),
		})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", node.File, err)
		}
		endpoints[i] = endpoint{node: node, server: server}
	}
	return endpoints, nil
}
