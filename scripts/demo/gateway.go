//go:build unix

package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/bcosgate/bcosgate/gateway/client"
)

// gateway is a running `gateway serve`.
type gateway struct {
	url    string
	api    *client.Client
	cmd    *exec.Cmd
	exited chan error
}

// startGateway writes a configuration for the chain below work and serves it
// on a free port of the loopback.
func startGateway(ctx context.Context, bin, work string, chain *devChain) (*gateway, error) {
	port, err := freePorts(ctx, 8080, 1)
	if err != nil {
		return nil, err
	}
	listen := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	config := filepath.Join(work, "gateway.yaml")
	if err := os.WriteFile(config, []byte(gatewayConfig(listen, work, chain)), 0o600); err != nil {
		return nil, err
	}
	logPath := filepath.Join(work, "gateway.log")
	log, err := os.Create(logPath)
	if err != nil {
		return nil, err
	}
	defer log.Close() // the process has its own copy

	g := &gateway{url: "http://" + listen, exited: make(chan error, 1)}
	// Not with ctx: an interrupt reaches it through stop, in order.
	g.cmd = exec.CommandContext(context.WithoutCancel(ctx), filepath.Join(bin, "gateway"), "serve", "--config", config)
	g.cmd.Stdout, g.cmd.Stderr = log, log
	// A group of its own, so that Ctrl-C at the terminal does not reach it either.
	g.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := g.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the gateway: %w", err)
	}
	go func() { g.exited <- g.cmd.Wait() }()
	if err := g.waitReady(ctx); err != nil {
		text, _ := os.ReadFile(logPath) // best effort: it explains err
		return nil, errors.Join(fmt.Errorf("%w\n%s", err, text), g.stop())
	}
	if g.api, err = client.New(client.Config{URL: g.url}); err != nil {
		return nil, errors.Join(err, g.stop())
	}
	return g, nil
}

func gatewayConfig(listen, work string, chain *devChain) string {
	var b strings.Builder
	files := chain.certs()
	fmt.Fprintf(&b, "http:\n  listen: %s\nstore:\n  path: %s\n", listen, filepath.Join(work, "gateway.db"))
	fmt.Fprintf(&b, "accounts:\n  - name: default\n    file: %s\n    create: true\n", filepath.Join(work, "account.pem"))
	fmt.Fprintf(&b, "targets:\n  - name: demo\n    family: fisco3\n    chain: chain0\n    group: group0\n    account: default\n")
	fmt.Fprintf(&b, "    tls:\n      ca: %s\n      cert: %s\n      key: %s\n    nodes:\n", files.CA, files.Cert, files.Key)
	for i := range nodes {
		fmt.Fprintf(&b, "      - 127.0.0.1:%d\n", chain.rpcPort+i)
	}
	return b.String()
}

// waitReady asks /readyz until it says yes, for at most twenty seconds.
func (g *gateway) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	last := "it does not answer"
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, g.url+"/readyz", nil)
		if err != nil {
			return err
		}
		if res, err := http.DefaultClient.Do(req); err == nil {
			text, _ := io.ReadAll(res.Body) // only shown
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
			last = string(text)
		}
		select {
		case err := <-g.exited:
			g.exited <- err
			return fmt.Errorf("the gateway ended: %w", err)
		case <-ctx.Done():
			return fmt.Errorf("the gateway is not ready: %w: %s", ctx.Err(), last)
		case <-tick.C:
		}
	}
}

// stop ends the gateway gently and waits for it.
func (g *gateway) stop() error {
	if g.api != nil {
		g.api.Close()
	}
	http.DefaultClient.CloseIdleConnections()
	if err := g.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop the gateway: %w", err)
	}
	select {
	case err := <-g.exited:
		if err != nil {
			return fmt.Errorf("the gateway: %w", err)
		}
		return nil
	case <-time.After(30 * time.Second):
		return errors.Join(errors.New("the gateway did not stop in 30 s and was killed"), g.cmd.Process.Kill())
	}
}

// evidence calls a reading function of the contract Evidence.
func (g *gateway) evidence(ctx context.Context, function string, args ...any) (map[string]any, error) {
	encoded, err := json.Marshal(args)
	if err != nil {
		return nil, err
	}
	if len(args) == 0 {
		encoded = nil
	}
	res, err := g.api.Call(ctx, client.CallRequest{Contract: "Evidence", Function: function, Args: encoded})
	if err != nil {
		return nil, err
	}
	if res.Status != 0 {
		return nil, fmt.Errorf("%s: %s", function, res.RevertReason)
	}
	out := map[string]any{}
	for i, v := range res.Outputs {
		out[v.Name] = v.Value
		out[strconv.Itoa(i)] = v.Value
	}
	return out, nil
}

// checkRecords reads n random records from the chain and compares each with
// what its files hash to now.
func checkRecords(ctx context.Context, gw *gateway, src string, records []record, n int) error {
	for _, i := range rand.Perm(len(records))[:min(n, len(records))] {
		r := records[i]
		out, err := gw.evidence(ctx, "get(bytes32)", r.hexDigest())
		if err != nil {
			return fmt.Errorf("read %s back: %w", r.hexDigest(), err)
		}
		paths, ok := out["text"].(string)
		if !ok || paths != r.text() {
			return fmt.Errorf("the chain has %q for %s, not %q", out["text"], r.hexDigest(), r.text())
		}
		for path := range strings.SplitSeq(paths, "\n") {
			digest, err := hashFile(filepath.Join(src, filepath.FromSlash(path)))
			if err != nil {
				return err
			}
			if digest != r.digest {
				return fmt.Errorf("%s does not hash to what the chain has", path)
			}
		}
	}
	return nil
}

// summary counts the rows of a report, and what the chain executed twice.
type summary struct {
	confirmed, failed, reverted, unknown, duplicates int
}

func (s summary) String() string {
	return fmt.Sprintf("confirmed=%d failed=%d reverted=%d unknown=%d duplicates=%d",
		s.confirmed, s.failed, s.reverted, s.unknown, s.duplicates)
}

// countReport counts the rows of a CSV report by their state.
func countReport(path string) (summary, error) {
	var s summary
	f, err := os.Open(path)
	if err != nil {
		return s, err
	}
	defer f.Close()
	r := csv.NewReader(f)
	header, err := r.Read()
	if err != nil {
		return s, fmt.Errorf("read the report: %w", err)
	}
	state := slices.Index(header, "_state")
	if state < 0 {
		return s, fmt.Errorf("the report has no column _state: %q", header)
	}
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return s, nil
		}
		if err != nil {
			return s, fmt.Errorf("read the report: %w", err)
		}
		switch row[state] {
		case "confirmed":
			s.confirmed++
		case "reverted":
			s.reverted++
		case "rejected", "canceled":
			s.failed++
		default:
			s.unknown++
		}
	}
}

// countDuplicates asks the contract how many records there are and a node how
// many transactions there were: one for each record and one for the deployment.
func (s *summary) countDuplicates(ctx context.Context, gw *gateway, chain *devChain) error {
	out, err := gw.evidence(ctx, "count()")
	if err != nil {
		return err
	}
	count, err := strconv.Atoi(fmt.Sprint(out["0"]))
	if err != nil {
		return fmt.Errorf("the contract's count: %w", err)
	}
	if count != s.confirmed {
		return fmt.Errorf("the contract holds %d records, the report says %d are confirmed", count, s.confirmed)
	}
	total, err := chain.transactions(ctx)
	if err != nil {
		return fmt.Errorf("count the chain's transactions: %w", err)
	}
	s.duplicates = total - 1 - s.confirmed - s.reverted
	return nil
}

// verdict is nil when every record is confirmed once.
func (s summary) verdict(records int) error {
	if s != (summary{confirmed: records}) {
		return fmt.Errorf("not every record was put on the chain exactly once: %s of %d records", s, records)
	}
	return nil
}
