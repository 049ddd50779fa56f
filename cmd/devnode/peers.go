package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"

	"github.com/bcosgate/bcosgate/certs"
	"github.com/bcosgate/bcosgate/devchain"
	"github.com/bcosgate/bcosgate/devchain/cluster"
	"github.com/bcosgate/bcosgate/devchain/nodeconf"
	"github.com/bcosgate/bcosgate/devchain/rpc"
)

// peers is the node's way to the other nodes of the chain; nil when the chain has
// one sealer.
type peers struct {
	node     *cluster.Node
	config   nodeconf.Node
	listener net.Listener
}

// openPeers makes the way to the other nodes. Nothing listens yet.
func openPeers(node nodeconf.Node, genesis nodeconf.Genesis, id identity, log *slog.Logger) (*peers, error) {
	if len(genesis.Sealers) == 1 {
		return nil, nil
	}
	if len(node.Peers) == 0 {
		return nil, fmt.Errorf("%s: [p2p] nodes_file: names no node, and %s has %d sealers: list their p2p addresses there", node.File, genesis.ChainID, len(genesis.Sealers))
	}
	n, err := cluster.New(cluster.Config{
		Peers: node.Peers, Client: certs.ClientConfig(id.cert, id.roots), Server: certs.ServerConfig(id.cert, id.roots), Logger: log,
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", node.File, err)
	}
	return &peers{node: n, config: node}, nil
}

func (p *peers) gossip() func([]byte) {
	if p == nil {
		return nil
	}
	return p.node.Gossip
}

func (p *peers) network() rpc.Network {
	if p == nil {
		return nil
	}
	return network{p.node}
}

func (p *peers) neighbors() rpc.Neighbors {
	if p == nil {
		return nil
	}
	return p.node
}

// listen takes the p2p port.
func (p *peers) listen(ctx context.Context) error {
	if p == nil {
		return nil
	}
	var ports net.ListenConfig
	var err error
	if p.listener, err = ports.Listen(ctx, "tcp", p.config.P2PListen); err != nil {
		return fmt.Errorf("%s: [p2p] listen_port cannot be used: %w", p.config.File, err)
	}
	return nil
}

func (p *peers) start(chain *devchain.Chain, clients cluster.Clients) error {
	if p == nil {
		return nil
	}
	return p.node.Start(chain, p.listener, clients)
}

func (p *peers) stop() {
	if p != nil {
		p.node.Stop()
	}
}

func (p *peers) canMakeBlocks() bool { return p == nil || p.node.HasQuorum() }

// network is what the RPC port tells of the other nodes.
type network struct{ node *cluster.Node }

func (n network) View() rpc.View { return rpc.View(n.node.View()) }

func (n network) Peers() []rpc.Peer {
	var list []rpc.Peer
	for _, p := range n.node.Peers() {
		list = append(list, rpc.Peer{
			Node: rpc.Node{ID: p.NodeID, P2PID: p.TLSID, P2PEndpoint: p.Address}, Number: p.Number, Hash: p.Hash,
		})
	}
	return list
}

// up counts the nodes of the chain that are up, this one too.
func (p *peers) up() int {
	if p == nil {
		return 1
	}
	return 1 + len(p.node.Peers())
}

// close gives the p2p port back, unless start has taken it over.
func (p *peers) close() error {
	if p == nil {
		return nil
	}
	return p.listener.Close()
}
