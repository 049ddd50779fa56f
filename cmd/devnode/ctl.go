package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bcosgate/bcosgate/devchain/control"
)

// controlEnv names the control endpoint for devnode ctl.
const controlEnv = "DEVNODE_CONTROL"

// newCtlCommand is `devnode ctl …`: what a running node can be made to do.
func newCtlCommand() *cobra.Command {
	var c ctl
	command := &cobra.Command{
		Use:   "ctl",
		Short: "drive a running devnode: faults, snapshots, blocks, time",
		Long: "Drives a devnode that was started with --control ADDRESS. The address is that of --control, or of the environment\n" +
			"variable " + controlEnv + ": host:port or unix:PATH. It belongs to one process, and so do faults and time.\n\n" +
			"Exit codes: 0 done, 1 refused or asked wrongly, 2 no node answers at the address.",
		Example: "  devnode -c config.ini -g config.genesis --control 127.0.0.1:20290\n" +
			"  export DEVNODE_CONTROL=127.0.0.1:20290\n" +
			"  devnode ctl status\n" +
			"  devnode ctl fault add drop --on sendTransaction --after --times 3\n" +
			"  devnode ctl snapshot clean\n" +
			"  devnode ctl revert clean",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	flags := command.PersistentFlags()
	flags.StringVar(&c.address, "control", os.Getenv(controlEnv), "address of the control endpoint: host:port or unix:PATH")
	flags.BoolVar(&c.json, "json", false, "print what the node answered, as JSON")
	command.AddCommand(
		c.status(), c.fault(), c.snapshot(), c.revert(), c.mine(), c.sealing(), c.time(),
	)
	return command
}

// ctl is what all commands below ctl share.
type ctl struct {
	address string
	json    bool
}

// tell asks the node and prints the answer: as text by show, or as JSON.
func tell[T any](c *ctl, cmd *cobra.Command, ask func(context.Context, *control.Client) (T, error), show func(io.Writer, T)) error {
	if c.address == "" {
		return errors.New("which node? name its control endpoint with --control or " + controlEnv)
	}
	client, err := control.NewClient(c.address)
	if err != nil {
		return err
	}
	defer client.Close()
	answer, err := ask(cmd.Context(), client)
	if err != nil {
		return err
	}
	if c.json {
		out := json.NewEncoder(cmd.OutOrStdout())
		out.SetIndent("", "  ")
		return out.Encode(answer)
	}
	show(cmd.OutOrStdout(), answer)
	return nil
}

func showBlock(out io.Writer, b control.Block) {
	fmt.Fprintf(out, "block %d %s\n", b.Number, b.Hash)
}

func onOff(on bool, yes, no string) string {
	if on {
		return yes
	}
	return no
}

func (c *ctl) status() *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "the state of the node", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ask := func(ctx context.Context, node *control.Client) (control.Status, error) { return node.Status(ctx) }
			return tell(c, cmd, ask, func(out io.Writer, s control.Status) {
				fmt.Fprintf(out, "chain %s, group %s, nodes %s\n", s.ChainID, s.GroupID, strings.Join(s.Nodes, ", "))
				showBlock(out, s.Block)
				fmt.Fprintf(out, "%d transactions wait, sealing is %s\n", s.Pending, onOff(s.Sealing, "on", "off"))
				showTime(out, s.Time)
				fmt.Fprintf(out, "%d active faults, %d snapshots\n", s.Faults, s.Snapshots)
			})
		},
	}
}
