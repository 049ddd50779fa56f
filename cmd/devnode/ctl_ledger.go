package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/bcosgate/bcosgate/devchain/control"
	"github.com/bcosgate/bcosgate/devchain/faults"
)

func (c *ctl) snapshot() *cobra.Command {
	var list, remove bool
	command := &cobra.Command{
		Use:   "snapshot [NAME]",
		Short: "name the newest block, to revert to it later",
		Long: "Names the newest block; without NAME the node chooses a number. Snapshots are on disk and survive a restart.\n" +
			"While there is one each block is written with what it overwrites, which costs space and time.",
		Example: "  devnode ctl snapshot clean\n  devnode ctl snapshot --list\n  devnode ctl snapshot --delete clean",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			name := ""
			if len(args) > 0 {
				name = args[0]
			}
			switch {
			case list:
				ask := func(ctx context.Context, node *control.Client) ([]control.Snapshot, error) {
					return node.Snapshots(ctx)
				}
				return tell(c, cmd, ask, showSnapshots)
			case remove:
				ask := func(ctx context.Context, node *control.Client) (struct{}, error) {
					return struct{}{}, node.DeleteSnapshot(ctx, name)
				}
				return tell(c, cmd, ask, func(io.Writer, struct{}) {})
			}
			ask := func(ctx context.Context, node *control.Client) (control.Snapshot, error) {
				return node.Snapshot(ctx, name)
			}
			return tell(c, cmd, ask, func(out io.Writer, s control.Snapshot) { fmt.Fprintln(out, s.Name) })
		},
	}
	command.Flags().BoolVar(&list, "list", false, "list all snapshots")
	command.Flags().BoolVar(&remove, "delete", false, "forget a snapshot; blocks stay")
	command.MarkFlagsMutuallyExclusive("list", "delete")
	return command
}

func showSnapshots(out io.Writer, list []control.Snapshot) {
	if len(list) == 0 {
		fmt.Fprintln(out, "no snapshots")
	}
	for _, s := range list {
		fmt.Fprintf(out, "%s: block %d %s, taken %s\n", s.Name, s.Number, s.Hash, s.Taken.Format(time.DateTime))
	}
}

func (c *ctl) revert() *cobra.Command {
	return &cobra.Command{
		Use:   "revert NAME",
		Short: "undo all blocks after a snapshot",
		Long: "Undoes all blocks after a snapshot. Nonces used since are free again, so the same transactions can be executed once\n" +
			"more; transactions that wait are dropped, with the answer of a node for that (hash 0x); the clock is left alone.\n" +
			"The snapshot stays, younger ones are gone.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ask := func(ctx context.Context, node *control.Client) (control.Block, error) {
				return node.Revert(ctx, args[0])
			}
			return tell(c, cmd, ask, showBlock)
		},
	}
}

func (c *ctl) mine() *cobra.Command {
	return &cobra.Command{
		Use:   "mine [N]",
		Short: "make a block now, or N",
		Long: "Makes a block of the transactions that wait, and none when none waits. With N it makes N blocks, and those for which\n" +
			"no transaction is left are empty: a real node makes none, but block limits pass with them.",
		Example: "  devnode ctl mine\n  devnode ctl mine 600",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ask := func(ctx context.Context, node *control.Client) (control.Block, error) { return node.Mine(ctx) }
			if len(args) > 0 {
				n, err := strconv.Atoi(args[0])
				if err != nil || n < 1 {
					return fmt.Errorf("mine %q: how many blocks? a number from 1 on", args[0])
				}
				ask = func(ctx context.Context, node *control.Client) (control.Block, error) { return node.MineBlocks(ctx, n) }
			}
			return tell(c, cmd, ask, showBlock)
		},
	}
}

func (c *ctl) sealing() *cobra.Command {
	return &cobra.Command{
		Use:       "sealing start|stop",
		Short:     "let the chain make blocks by itself, or only with devnode ctl mine",
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		ValidArgs: []string{"start", "stop"},
		RunE: func(cmd *cobra.Command, args []string) error {
			ask := func(ctx context.Context, node *control.Client) (bool, error) {
				return args[0] == "start", node.SetSealing(ctx, args[0] == "start")
			}
			return tell(c, cmd, ask, func(out io.Writer, on bool) { fmt.Fprintln(out, "sealing is", onOff(on, "on", "off")) })
		},
	}
}

func showTime(out io.Writer, t control.Time) {
	fmt.Fprintf(out, "the time is %s, %s\n", t.Now.UTC().Format("2006-01-02T15:04:05.000Z"), t.Mode)
}

func (c *ctl) time() *cobra.Command {
	command := &cobra.Command{
		Use:   "time",
		Short: "the clock of the chain: show, set, advance, stand, follow",
		Long: "Shows the clock of the chain, from which blocks and arriving transactions have their times. A block is always\n" +
			"younger than the one before, whatever the clock says.",
		Example: "  devnode ctl time\n  devnode ctl time set 2030-01-01T00:00:00Z\n  devnode ctl time advance 24h\n  devnode ctl time follow",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ask := func(ctx context.Context, node *control.Client) (control.Time, error) { return node.Time(ctx) }
			return tell(c, cmd, ask, showTime)
		},
	}
	instant := func(text string) (*time.Time, error) {
		t, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return nil, fmt.Errorf("time %q: write it like 2030-01-31T12:00:00Z", text)
		}
		return &t, nil
	}
	command.AddCommand(
		c.timeChange("set TIME", "make it TIME now; the clock goes on as before", func(text string) (change control.TimeChange, err error) {
			change.Set, err = instant(text)
			return change, err
		}),
		c.timeChange("stand TIME", "make it TIME and stop the clock", func(text string) (change control.TimeChange, err error) {
			change.Stand, err = instant(text)
			return change, err
		}),
		c.timeChange("advance DURATION", "put the clock forward, or back when negative: 90s, 24h", func(text string) (control.TimeChange, error) {
			d, err := time.ParseDuration(text)
			return control.TimeChange{Advance: faults.Duration(d)}, err
		}),
		c.timeChange("follow", "follow the machine's clock again", func(string) (control.TimeChange, error) {
			return control.TimeChange{Follow: true}, nil
		}),
	)
	return command
}

func (c *ctl) timeChange(use, short string, parse func(text string) (control.TimeChange, error)) *cobra.Command {
	args := cobra.NoArgs
	if use != "follow" {
		args = cobra.ExactArgs(1)
	}
	return &cobra.Command{
		Use: use, Short: short, Args: args,
		RunE: func(cmd *cobra.Command, args []string) error {
			text := ""
			if len(args) > 0 {
				text = args[0]
			}
			change, err := parse(text)
			if err != nil {
				return err
			}
			ask := func(ctx context.Context, node *control.Client) (control.Time, error) {
				return node.ChangeTime(ctx, change)
			}
			return tell(c, cmd, ask, showTime)
		},
	}
}
