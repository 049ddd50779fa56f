package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/bcosgate/bcosgate/devchain/control"
	"github.com/bcosgate/bcosgate/devchain/faults"
)

func (c *ctl) fault() *cobra.Command {
	command := &cobra.Command{
		Use: "fault", Short: "faults on demand", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	command.AddCommand(c.faultAdd(), c.faultList(), c.faultClear())
	return command
}

func (c *ctl) faultAdd() *cobra.Command {
	var f faults.Fault
	var transport, part string
	var delay, skew time.Duration
	command := &cobra.Command{
		Use:   "add ACTION",
		Short: "strike the next requests of a kind, or a percentage of them",
		Long: "Actions:\n" +
			"  delay         wait for --delay\n" +
			"  drop          never answer; the request is not executed, or with --after it is\n" +
			"  error         answer with the error --code and --message\n" +
			"  pool-full     answer sendTransaction with 10002 TxPoolIsFull\n" +
			"  close         close the connection in order\n" +
			"  reset         reset the connection (TCP RST)\n" +
			"  half-open     let the connection stay open, and dead: nothing is answered or closed any more\n" +
			"  corrupt       damage the answer in --part header, seq or payload\n" +
			"  block-number  tell a block height that is wrong --by so many blocks: in getBlockNumber, handshakes and block notices\n" +
			"  clock-skew    make a block whose time stamp is wrong by --skew\n\n" +
			"--on says what is struck: the name of a method, any (every request), connect (a new connection), block (a block that\n" +
			"is made), a frame (handshake, event-subscribe, event-unsubscribe, amop-topics, amop-request, amop-broadcast,\n" +
			"amop-response) or a push (block-notify, event-push). Of several faults that fit, the oldest strikes.",
		Example: "  devnode ctl fault add drop --on sendTransaction --after --times 3\n" +
			"  devnode ctl fault add delay --delay 2s --percent 10 --seed 7\n" +
			"  devnode ctl fault add error --on getTransactionReceipt --code -32603 --message broken\n" +
			"  devnode ctl fault add half-open --on connect --times 5\n" +
			"  devnode ctl fault add block-number --by -100 --on block-notify --times -1",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f.Action, f.Transport, f.Part = faults.Action(args[0]), faults.Transport(transport), faults.Part(part)
			f.Delay, f.Skew = faults.Duration(delay), faults.Duration(skew)
			ask := func(ctx context.Context, node *control.Client) (faults.Fault, error) { return node.AddFault(ctx, f) }
			return tell(c, cmd, ask, func(out io.Writer, f faults.Fault) { fmt.Fprintln(out, f.ID) })
		},
	}
	flags := command.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.On, "on", "", "what is struck (default any; sendTransaction for pool-full, block for clock-skew)")
	flags.StringVar(&transport, "transport", "", "only requests over http, ws or web3")
	flags.StringVar(&f.Node, "node", "", "only at the node of this name")
	flags.IntVar(&f.Times, "times", 0, "how often at most; -1 is without end (default 1, or without end with --percent)")
	flags.Float64Var(&f.Percent, "percent", 0, "strike so many of a hundred, drawn by --seed")
	flags.Uint64Var(&f.Seed, "seed", 0, "the same seed and requests give the same strikes")
	flags.BoolVar(&f.After, "after", false, "execute the request first")
	flags.DurationVar(&delay, "delay", 0, "wait so long before the action, for example 1.5s")
	flags.IntVar(&f.Code, "code", 0, "code of the error")
	flags.StringVar(&f.Message, "message", "", "text of the error")
	flags.StringVar(&part, "part", "", "what is damaged: header, seq or payload (default payload)")
	flags.Int64Var(&f.By, "by", 0, "how many blocks the height is wrong, may be negative")
	flags.DurationVar(&skew, "skew", 0, "how wrong the time stamp is, may be negative")
	return command
}

func (c *ctl) faultList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "all faults and how often each has struck", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ask := func(ctx context.Context, node *control.Client) ([]faults.Fault, error) { return node.Faults(ctx) }
			return tell(c, cmd, ask, showFaults)
		},
	}
}

func showFaults(out io.Writer, list []faults.Fault) {
	if len(list) == 0 {
		fmt.Fprintln(out, "no faults")
		return
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tACTION\tON\tSTRUCK\tOF\tSEEN")
	for _, f := range list {
		of := strconv.Itoa(f.Times)
		if f.Times < 0 || f.Times == 0 {
			of = "no end"
		}
		if f.Percent > 0 {
			of += fmt.Sprintf(", %g%%", f.Percent)
		}
		on := f.On
		if f.Transport != "" {
			on += " over " + string(f.Transport)
		}
		fmt.Fprintf(table, "%d\t%s\t%s\t%d\t%s\t%d\n", f.ID, f.Action, on, f.Struck, of, f.Seen)
	}
	_ = table.Flush() // a terminal that is gone needs no table
}

func (c *ctl) faultClear() *cobra.Command {
	return &cobra.Command{
		Use: "clear [ID]", Short: "take all faults away, or one",
		Long: "Takes all faults away, or one. Connections that are half-open stay so, and who waits goes on waiting.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ask := func(ctx context.Context, node *control.Client) (int, error) { return node.ClearFaults(ctx) }
			if len(args) > 0 {
				id, err := strconv.Atoi(args[0])
				if err != nil {
					return fmt.Errorf("fault %q: a fault is named by its number, see devnode ctl fault list", args[0])
				}
				ask = func(ctx context.Context, node *control.Client) (int, error) {
					_, err := node.RemoveFault(ctx, id)
					return 1, err
				}
			}
			return tell(c, cmd, ask, func(out io.Writer, n int) { fmt.Fprintf(out, "%d cleared\n", n) })
		},
	}
}
