package main

import (
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/devchain/control"
	"github.com/bcosgate/bcosgate/devchain/faults"
)

func TestTheWeb3PortOfANode(t *testing.T) {
	t.Parallel()
	nodes, _ := folders(t, 1, 1, "[web3_rpc]\nenable=true\nlisten_port=0\n")
	r := start(t, arguments(nodes[0]))
	require.Len(t, r.web3, 1)
	require.True(t, strings.HasPrefix(r.web3[0], "http://127.0.0.1:"), "it is plain, also where the other port is not")
	plain := &http.Client{Timeout: patience}
	defer plain.CloseIdleConnections()
	require.Contains(t, ask(t, plain, r.web3[0], "eth_blockNumber"), `"result":"0x0"`)
	require.Contains(t, ask(t, plain, r.web3[0], "net_peerCount"), `"result":1`)
	require.Contains(t, ask(t, plain, r.web3[0], "getBlockNumber"), "Method not found")
	code, stderr := r.stop()
	require.Zero(t, code, stderr)
	_, err := net.DialTimeout("tcp", strings.TrimPrefix(r.web3[0], "http://"), time.Second)
	require.Error(t, err)
}

func TestTheWeb3PortIsClosedUnlessItIsEnabled(t *testing.T) {
	t.Parallel()
	nodes, _ := folders(t, 1, 1, "")
	require.Empty(t, start(t, arguments(nodes[0])).web3)
}

func TestAWeb3PortThatIsTakenIsNamed(t *testing.T) {
	t.Parallel()
	taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	_, port, err := net.SplitHostPort(taken.Addr().String())
	require.NoError(t, err)
	nodes, _ := folders(t, 1, 1, "[web3_rpc]\nenable=true\nlisten_port="+port+"\n")
	require.Contains(t, fails(t, arguments(nodes[0])...), "[web3_rpc]: listen_port cannot be used")
}

func TestFaultsStrikeTheWeb3Port(t *testing.T) {
	t.Parallel()
	nodes, _ := folders(t, 1, 1, "[web3_rpc]\nenable=true\nlisten_port=0\n[log]\nenable=false\n")
	r := start(t, append(arguments(nodes[0]), "--control", "127.0.0.1:0"))
	node, err := control.NewClient(r.control)
	require.NoError(t, err)
	defer node.Close()
	_, err = node.AddFault(t.Context(), faults.Fault{Action: faults.Error, Transport: faults.Web3, Node: "node0", Code: -32005, Message: "broken"})
	require.NoError(t, err)
	plain := &http.Client{Timeout: patience}
	defer plain.CloseIdleConnections()
	require.Contains(t, ask(t, plain, r.web3[0], "eth_blockNumber"), `"message":"broken"`)
	require.Contains(t, ask(t, plain, r.web3[0], "eth_blockNumber"), `"result":"0x0"`)
}
