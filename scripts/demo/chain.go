//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/bcosgate/bcosgate/certs"
)

// nodes is how many nodes the demonstration's chain has.
const nodes = 4

// devChain is a running chain that scripts/build_chain.sh made.
type devChain struct {
	home    string // the folder with start_all.sh
	rpcPort int    // of node 0; the others follow
	http    *http.Client
}

// startChain makes the chain below work and starts it.
func startChain(ctx context.Context, work string) (*devChain, error) {
	rpcPort, err := freePorts(ctx, 20200, nodes)
	if err != nil {
		return nil, err
	}
	p2pPort, err := freePorts(ctx, 30300, nodes)
	if err != nil {
		return nil, err
	}
	out := filepath.Join(work, "nodes")
	err = command(ctx, "scripts", "build_chain.sh", "-l", "127.0.0.1:"+strconv.Itoa(nodes), "-o", out,
		"-p", fmt.Sprintf("%d,%d", p2pPort, rpcPort))
	if err != nil {
		return nil, err
	}
	c := &devChain{home: filepath.Join(out, "127.0.0.1"), rpcPort: rpcPort}
	cert, roots, err := certs.LoadTLSCert(c.certs())
	if err != nil {
		return nil, err
	}
	c.http = &http.Client{Transport: &http.Transport{TLSClientConfig: certs.ClientConfig(cert, roots)}, Timeout: 10 * time.Second}
	if err := command(ctx, c.home, "start_all.sh"); err != nil {
		return nil, errors.Join(err, c.stop())
	}
	return c, nil
}

// certs are the files of the SDK identity that the script made.
func (c *devChain) certs() certs.Files {
	sdk := filepath.Join(c.home, "sdk")
	return certs.Files{CA: filepath.Join(sdk, "ca.crt"), Cert: filepath.Join(sdk, "sdk.crt"), Key: filepath.Join(sdk, "sdk.key")}
}

// transactions asks the nodes, without the gateway, how many transactions the
// chain holds. The node that is ahead of the others is right.
func (c *devChain) transactions(ctx context.Context) (int, error) {
	most := 0
	for node := range nodes {
		count, err := c.transactionsOf(ctx, node)
		if err != nil {
			return 0, err
		}
		most = max(most, count)
	}
	return most, nil
}

func (c *devChain) transactionsOf(ctx context.Context, node int) (int, error) {
	body := `{"jsonrpc":"2.0","id":1,"method":"getTotalTransactionCount","params":["group0",""]}`
	url := fmt.Sprintf("https://127.0.0.1:%d", c.rpcPort+node)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader([]byte(body)))
	if err != nil {
		return 0, err
	}
	res, err := c.http.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, err
	}
	var answer struct {
		Result struct {
			TransactionCount int `json:"transactionCount"`
		} `json:"result"`
	}
	if err := json.Unmarshal(text, &answer); err != nil || answer.Result.TransactionCount == 0 {
		return 0, fmt.Errorf("node answered %s", text)
	}
	return answer.Result.TransactionCount, nil
}

// stop ends the nodes. It runs after an interrupt, too, so it has its own time.
func (c *devChain) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if c.http != nil {
		c.http.CloseIdleConnections()
	}
	cmd := exec.CommandContext(ctx, filepath.Join(c.home, "stop_all.sh"))
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("stop the chain: %w: %s", err, text)
	}
	return nil
}

// freePorts finds n neighbouring free ports, from first on.
func freePorts(ctx context.Context, first, n int) (int, error) {
	for base := first; base < first+1000; base += n {
		if allFree(ctx, base, n) {
			return base, nil
		}
	}
	return 0, fmt.Errorf("no %d neighbouring free ports between %d and %d", n, first, first+1000)
}

func allFree(ctx context.Context, base, n int) bool {
	var config net.ListenConfig
	for port := base; port < base+n; port++ {
		l, err := config.Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			return false
		}
		_ = l.Close() // nothing was accepted on it
	}
	return true
}

// command runs a program of folder dir, showing what it prints. An interrupt
// is passed on to it, and it has ten seconds to end.
func command(ctx context.Context, dir, name string, args ...string) error {
	path, err := filepath.Abs(filepath.Join(dir, name))
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
