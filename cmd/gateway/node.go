package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/bcosgate/bcosgate/certs"
	"github.com/bcosgate/bcosgate/gateway/client"
)

const (
	defaultGateway = "http://127.0.0.1:8080"
	tokenVariable  = "BCOSGATE_TOKEN"
)

const nodeExits = `Exit codes:
  0    done
  1    usage, no such node, or the gateway refused
  5    the gateway does not answer
  130  interrupted`

// nodeFlags are those of all commands below gateway node.
type nodeFlags struct {
	gateway, token string
	ca, cert, key  string
	target         string
	output         string
	timeout        time.Duration
}

func (p *program) nodeCommand() *cobra.Command {
	given := &nodeFlags{}
	parent := &cobra.Command{
		Use:   "node",
		Short: "See the nodes of a running gateway, take one out, let it in again",
		Long:  "See the nodes of a running gateway, take one out, let it in again.\n\n" + nodeExits,
		Example: `  gateway node list
  gateway node cordon 127.0.0.1:20200 --reason 'new disk'
  gateway node uncordon 127.0.0.1:20200`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	flags := parent.PersistentFlags()
	flags.SortFlags = false
	flags.StringVar(&given.gateway, "gateway", defaultGateway, "`URL` of the gateway")
	flags.StringVar(&given.token, "token", "", "bearer `token` for the gateway (default: $"+tokenVariable+", which other users cannot see)")
	flags.StringVar(&given.ca, "ca", "", "PEM `file` of the authority that signed the gateway's certificate (default: the system's)")
	flags.StringVar(&given.cert, "cert", "", "PEM `file` of the certificate that is shown to the gateway")
	flags.StringVar(&given.key, "key", "", "PEM `file` of its private key")
	flags.StringVar(&given.target, "target", "", "only the target of this `name`")
	flags.StringVarP(&given.output, "output", "o", "table", "table or json")
	flags.DurationVar(&given.timeout, "timeout", 30*time.Second, "how long the gateway may take")
	parent.AddCommand(p.nodeListCommand(given), p.nodeCordonCommand(given), p.nodeUncordonCommand(given))
	return parent
}

func (p *program) nodeListCommand(given *nodeFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the nodes and what keeps requests away from them",
		Long: `List the nodes and what keeps requests away from them.

STATUS is ok, or the reasons: offline, wrong_chain, not_serving, cordoned and
draining nodes are not asked; lagging, failing and slow ones only when there is
no better one. BREAKER names the calls that are kept away because too many
failed. -o json has all that is known.

` + nodeExits,
		Example: `  gateway node list
  gateway node list -o json --gateway https://gateway.example:8443 --ca ca.crt`,
		Args: cobra.NoArgs,
		RunE: p.onGateway(given, func(ctx context.Context, c *client.Client, _ []string) error {
			rows, err := nodesOf(ctx, c, given.target)
			if err != nil {
				return err
			}
			return p.printNodes(given.output, rows)
		}),
	}
}

func (p *program) nodeCordonCommand(given *nodeFlags) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:   "cordon NODE",
		Short: "Take a node out, until it is let in again",
		Long: `Take a node out: it gets no more requests, also after a restart of the gateway;
what it works on it ends. It is allowed for the last usable node, too, and said.

` + nodeExits,
		Example: `  gateway node cordon 127.0.0.1:20200 --reason 'new disk, back on Monday'`,
		Args:    cobra.ExactArgs(1),
		RunE: p.onGateway(given, func(ctx context.Context, c *client.Client, args []string) error {
			return p.changeNode(ctx, given, c, args[0], "cordoned", func(target, node string) (client.NodeChange, error) {
				return c.CordonNode(ctx, target, node, reason)
			})
		}),
	}
	cmd.Flags().StringVar(&reason, "reason", "", "`text` for others who see the node")
	return cmd
}

func (p *program) nodeUncordonCommand(given *nodeFlags) *cobra.Command {
	return &cobra.Command{
		Use:     "uncordon NODE",
		Short:   "Let a node in again",
		Long:    "Let a node in again that was taken out with gateway node cordon.\n\n" + nodeExits,
		Example: `  gateway node uncordon 127.0.0.1:20200`,
		Args:    cobra.ExactArgs(1),
		RunE: p.onGateway(given, func(ctx context.Context, c *client.Client, args []string) error {
			return p.changeNode(ctx, given, c, args[0], "uncordoned", func(target, node string) (client.NodeChange, error) {
				return c.UncordonNode(ctx, target, node)
			})
		}),
	}
}

// onGateway runs a command with a client of the gateway, and turns its error into
// words on stderr and an exit code.
func (p *program) onGateway(given *nodeFlags, do func(ctx context.Context, c *client.Client, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		c, err := given.open()
		if err != nil {
			return err
		}
		defer c.Close()
		ctx, cancel := context.WithTimeout(cmd.Context(), given.timeout)
		defer cancel()
		err = do(ctx, c, args)
		if err == nil {
			return nil
		}
		fmt.Fprintf(p.err, "gateway: %s\n", gatewayAdvice(err))
		return exitStatus(nodeExit(cmd.Context(), err))
	}
}

// open checks the flags and makes a client of the gateway.
func (f *nodeFlags) open() (*client.Client, error) {
	switch {
	case f.output != "table" && f.output != "json":
		return nil, fmt.Errorf("--output %q is neither table nor json", f.output)
	case f.timeout <= 0:
		return nil, fmt.Errorf("--timeout %s is not more than 0", f.timeout)
	case (f.cert == "") != (f.key == ""):
		return nil, errors.New("--cert and --key go together")
	}
	security, err := certs.LoadHTTPSClient(f.ca, f.cert, f.key)
	if err != nil {
		return nil, err
	}
	token := f.token
	if token == "" {
		token = os.Getenv(tokenVariable)
	}
	return client.New(client.Config{URL: f.gateway, Token: token, TLS: security, Attempts: 2}) // somebody waits for the answer
}

// targetNode is a node with its target.
type targetNode struct {
	Target string `json:"target"`
	client.Node
}

// nodesOf lists the nodes of a target, or of all.
func nodesOf(ctx context.Context, c *client.Client, target string) ([]targetNode, error) {
	chains, err := c.Chains(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	list := []targetNode{}
	for _, chain := range chains {
		names = append(names, chain.Name)
		for _, n := range chain.Nodes {
			if target == "" || chain.Name == target {
				list = append(list, targetNode{chain.Name, n})
			}
		}
	}
	if target != "" && !slices.Contains(names, target) {
		return nil, fmt.Errorf("the gateway has no target %q: it has %s", target, strings.Join(names, ", "))
	}
	return list, nil
}

// changeNode finds the target of a node, changes the node and shows it.
func (p *program) changeNode(ctx context.Context, given *nodeFlags, c *client.Client, node, done string, change func(target, node string) (client.NodeChange, error)) error {
	nodes, err := nodesOf(ctx, c, given.target)
	if err != nil {
		return err
	}
	var targets, names []string
	for _, n := range nodes {
		names = append(names, n.Node.Node)
		if n.Node.Node == node {
			targets = append(targets, n.Target)
		}
	}
	switch len(targets) {
	case 0:
		return fmt.Errorf("no node is named %q: there are %s", node, strings.Join(names, ", "))
	case 1:
	default:
		return fmt.Errorf("node %s is one of several targets, choose with --target: %s", node, strings.Join(targets, ", "))
	}
	changed, err := change(targets[0], node)
	if err != nil {
		return err
	}
	if changed.Warning != "" {
		fmt.Fprintf(p.err, "warning: %s\n", changed.Warning)
	}
	if given.output == "json" {
		return writeJSON(p.out, targetNode{targets[0], changed.Node})
	}
	_, err = fmt.Fprintf(p.out, "node %s %s\n", node, done)
	return err
}

func (p *program) printNodes(output string, nodes []targetNode) error {
	if output == "json" {
		return writeJSON(p.out, nodes)
	}
	tab := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tab, "TARGET\tNODE\tSTATUS\tHEAD\tLAG\tLATENCY\tERRORS\tIN-FLIGHT\tCONNECTIONS\tBREAKER\tWHY")
	for _, n := range nodes {
		fmt.Fprintf(tab, "%s\t%s\t%s\t%d\t%d\t%.1fms\t%.0f%%\t%d\t%d\t%s\t%s\n", n.Target, n.Node.Node, statusOf(n.Node), n.Head, n.Lag,
			n.LatencyMS, 100*n.ErrorRate, n.InFlight, n.Connections.Open, openBreakers(n.Node), whyOf(n.Node))
	}
	return tab.Flush()
}

// statusOf is ok, or what keeps requests away.
func statusOf(n client.Node) string {
	var reasons []string
	for _, e := range n.Exclusions {
		reasons = append(reasons, e.Reason)
	}
	if reasons == nil {
		return "ok"
	}
	return strings.Join(reasons, ",")
}

// openBreakers names the classes of calls that are kept away.
func openBreakers(n client.Node) string {
	var classes []string
	for _, b := range n.Breakers {
		if b.State != "closed" {
			classes = append(classes, b.Class+":"+b.State)
		}
	}
	if classes == nil {
		return "-"
	}
	return strings.Join(classes, ",")
}

// whyOf has the texts of the exclusions on one line.
func whyOf(n client.Node) string {
	var texts []string
	for _, e := range n.Exclusions {
		texts = append(texts, strings.Join(strings.Fields(e.Text), " "))
	}
	if texts == nil {
		return "-"
	}
	return strings.Join(texts, "; ")
}

// gatewayAdvice is an error with what to do about it, where that is not in it.
func gatewayAdvice(err error) string {
	if refusal, ok := errors.AsType[*client.Problem](err); ok && refusal.Status == http.StatusUnauthorized {
		return err.Error() + "\ngive a token with $" + tokenVariable + " or --token, or a certificate with --cert and --key, whichever this gateway wants"
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return err.Error() + "\nname the PEM file of the authority that signed the gateway's certificate with --ca"
	}
	if _, ok := errors.AsType[*client.UnreachableError](err); ok {
		return err.Error() + "\nis the gateway running, and is its address (--gateway) right?"
	}
	return err.Error()
}

// nodeExit is the exit code of an error.
func nodeExit(ctx context.Context, err error) int {
	_, unreachable := errors.AsType[*client.UnreachableError](err)
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return exitInterrupted
	case unreachable, errors.Is(err, context.DeadlineExceeded):
		return exitNoNode
	}
	return exitFailed
}
