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
	"github.com/bcosgate/bcosgate/devchain/nodeconf"
	"github.com/bcosgate/bcosgate/devchain/rpc"
	"github.com/bcosgate/bcosgate/devchain/suite"
)

// stopTime is how long a graceful stop may take before what is left is cut off.
const stopTime = 10 * time.Second

// serve runs the node of the config file until ctx ends. It prints a line for its
// endpoint and "devnode ready" when it is listening, whether other nodes of the
// chain are there or not.
func serve(ctx context.Context, config, genesisFile string, extras extras, stdout, stderr io.Writer) (err error) {
	node, genesis, err := read(config, genesisFile)
	if err != nil {
		return err
	}

	unlock, err := lockDataDir(node.DataDir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()

	log, closeLog, err := openLog(node.Log, stderr)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeLog()) }()

	id, err := identify(node, len(genesis.Sealers) > 1)
	if err != nil {
		return err
	}
	others, err := openPeers(node, genesis, id, log)
	if err != nil {
		return err
	}
	controls := newControls(extras.or(node))
	chain, err := devchain.Open(controls.of(chainConfig(node, genesis, others, log)))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, chain.Close()) }()

	server, err := rpc.NewServer(rpc.Config{
		Ledger: chain, Node: id.node, Network: others.network(), Neighbors: others.neighbors(), TLS: id.serverTLS(node.TLS),
		ReturnInputParams: node.ReturnInputParams, FilterTimeout: node.FilterTimeout, FilterBlocks: node.FilterBlocks,
		Faults: controls.faults, Name: node.Name, Logger: log.With("node", node.Name),
	})
	if err != nil {
		return fmt.Errorf("%s: %w", node.File, err)
	}
	if err := controls.start(ctx, chain, node, stdout, log); err != nil {
		return err
	}
	ended, end := context.WithCancel(context.WithoutCancel(ctx))
	end()
	defer func() { err = errors.Join(err, controls.stop(ended)) }()
	// All ports are taken before one of them answers.
	var ports net.ListenConfig
	listener, err := ports.Listen(ctx, "tcp", node.Listen)
	if err != nil {
		return fmt.Errorf("%s: [rpc] listen_port cannot be used: %w", node.File, err)
	}
	if err := others.listen(ctx); err != nil {
		return errors.Join(err, listener.Close())
	}
	web3, err := openWeb3(ctx, node, chain, controls.faults, others.up, log)
	if err != nil {
		return errors.Join(err, listener.Close(), others.close())
	}
	if err := chain.Start(ctx); err != nil {
		return err
	}
	if err := others.start(chain, server); err != nil {
		return err
	}
	defer others.stop()
	server.Start(listener)
	scheme := map[bool]string{true: "https", false: "http"}[node.TLS]
	fmt.Fprintf(stdout, "%s listening on %s://%s (%s, %s)\n", node.Name, scheme, listener.Addr(), genesis.ChainID, genesis.GroupID)
	web3.start(stdout)
	fmt.Fprintln(stdout, "devnode ready")
	log.Info("listening", "node", node.Name, "address", listener.Addr().String(), "tls", node.TLS)

	<-ctx.Done()
	log.Info("stopping")
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	err = errors.Join(controls.stop(ending), drain(ending, func() error {
		var both sync.WaitGroup
		var ethereum error
		both.Go(func() { ethereum = web3.stop(ending) })
		native := server.Stop(ending)
		both.Wait()
		return errors.Join(native, ethereum)
	}, chain, others))
	others.stop()
	err = errors.Join(err, chain.Stop(ending))
	log.Info("stopped", "error", err)
	fmt.Fprintln(stdout, "devnode stopped")
	return err
}

// drain lets clients have what they wait for: it still goes into a block, unless
// there can be none.
func drain(ctx context.Context, stop func() error, chain *devchain.Chain, others *peers) error {
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	for look := time.NewTicker(100 * time.Millisecond); ; {
		select {
		case err := <-stopped:
			look.Stop()
			return err
		case <-look.C:
			if !chain.Sealing() || !others.canMakeBlocks() {
				_ = chain.Stop(ctx) // ends the waits; it is called again at the end
			}
		}
	}
}

// read reads both files and finds every fault in them at once.
func read(config, genesisFile string) (nodeconf.Node, nodeconf.Genesis, error) {
	genesis, wrong := nodeconf.ReadGenesis(genesisFile)
	node, err := nodeconf.ReadNode(config)
	if err := errors.Join(wrong, err); err != nil {
		return node, genesis, err
	}
	if node.NodeKey.Suite() != genesis.Suite {
		return node, genesis, fmt.Errorf("%s: its key is one of a %s, but %s makes a %s: set sm_crypto there, or make the key anew",
			node.File, node.NodeKey.Suite(), genesisFile, genesis.Suite)
	}
	if !slices.ContainsFunc(genesis.Sealers, func(s devchain.Sealer) bool { return s.NodeID() == node.NodeID }) {
		return node, genesis, fmt.Errorf("%s: its node %.16s… is no sealer in %s: add a line node.N=%s: 1 there, or start it with its own config.genesis",
			node.File, node.NodeID, genesisFile, node.NodeID)
	}
	return node, genesis, nil
}

func chainConfig(node nodeconf.Node, genesis nodeconf.Genesis, others *peers, log *slog.Logger) devchain.Config {
	sealTime := node.MinSealTime
	if sealTime == 0 {
		sealTime = -1 // the ledger's word for no wait; its 0 is the default
	}
	return devchain.Config{
		Genesis: genesis.Genesis, DataDir: node.DataDir, NodeKeys: []*suite.Key{node.NodeKey}, MinSealTime: sealTime, SealFull: true,
		BlockLimit: genesis.BlockLimit, PoolLimit: node.PoolLimit, TxExpiration: node.TxExpiration, Gossip: others.gossip(), Logger: log,
	}
}

// identity is who a node is on its ports.
type identity struct {
	node  rpc.Node
	cert  tls.Certificate
	roots *x509.CertPool // nil when there is no certificate
}

// identify reads the certificates that the RPC port or the p2p port needs.
func identify(node nodeconf.Node, p2p bool) (identity, error) {
	id := identity{node: rpc.Node{ID: node.NodeID, P2PEndpoint: node.P2PListen}}
	if !node.TLS && !p2p {
		return id, nil
	}
	var err error
	id.cert, id.roots, err = certs.LoadTLSCert(certs.Files{CA: node.CACert, Cert: node.Cert, Key: node.Key})
	if err != nil {
		return id, fmt.Errorf("%s: [cert]: %w", node.File, err)
	}
	if key, ok := id.cert.Leaf.PublicKey.(*rsa.PublicKey); ok {
		id.node.P2PID = hex.EncodeToString(x509.MarshalPKCS1PublicKey(key)) // protocol §3.5.5
	}
	return id, nil
}

// serverTLS is the TLS configuration of the RPC port; nil when it has none.
func (id identity) serverTLS(secured bool) *tls.Config {
	if !secured {
		return nil
	}
	return certs.ServerConfig(id.cert, id.roots)
}
