// Devnode is a development node that behaves like a FISCO BCOS 3.16 node: the
// same command line, configuration files, certificates, port and wire protocol.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/bcosgate/bcosgate/devchain/control"
)

// behavesAs is the node version that this program was modelled on.
const behavesAs = "3.16.4"

func main() {
	saveMemory()
	signals := []os.Signal{syscall.SIGTERM}
	// Started in the background (start_all.sh), it is not for Ctrl-C at the
	// terminal, and asking for the signal would undo that.
	if !signal.Ignored(syscall.SIGINT) {
		signals = append(signals, syscall.SIGINT)
	}
	// The second signal ends the process at once: NotifyContext lets go of it
	// when the first one has come.
	ctx, stop := signal.NotifyContext(context.Background(), signals...)
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// Exit codes.
const (
	exitFailed      = 1
	exitUnreachable = 2 // devnode ctl: no node answers
)

// run is the program without its process: it serves until ctx ends and gives the
// exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	command := newCommand()
	command.SetArgs(args)
	command.SetOut(stdout)
	command.SetErr(stderr)
	if err := command.ExecuteContext(ctx); err != nil {
		fmt.Fprintln(stderr, "devnode:", err)
		if _, unreachable := errors.AsType[*control.UnreachableError](err); unreachable {
			return exitUnreachable
		}
		return exitFailed
	}
	return 0
}

func newCommand() *cobra.Command {
	var config, genesis string
	var version bool
	var extras extras
	command := &cobra.Command{
		Use:   "devnode -c config.ini -g config.genesis",
		Short: "a development node of a FISCO BCOS 3.x chain",
		Long: "Serves a node of a development chain that behaves like FISCO BCOS " + behavesAs + ": JSON-RPC over HTTP and\n" +
			"WebSocket on one port, mutual TLS 1.2, EVM, ledger on disk. When config.genesis names several sealers, each is\n" +
			"a process of its own, and they agree on the blocks over the p2p ports in nodes.json. Paths in a config.ini are\n" +
			"relative to its folder. SIGTERM and SIGINT stop it gracefully; a second one ends it at once. With --control it\n" +
			"can be driven by devnode ctl: faults, snapshots, blocks on request, time.",
		Example: "  devnode -c config.ini -g config.genesis\n" +
			"  devnode -c config.ini -g config.genesis --control 127.0.0.1:20290 --deterministic",
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if version {
				fmt.Fprintf(cmd.OutOrStdout(), "FISCO BCOS Version : %s\nPlatform           : bcosgate devnode, %s/%s, %s\n",
					behavesAs, runtime.GOOS, runtime.GOARCH, runtime.Version())
				return nil
			}
			return serve(cmd.Context(), config, genesis, extras, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := command.Flags()
	flags.SortFlags = false
	flags.StringVarP(&config, "config", "c", "./config.ini", "config.ini of the node")
	flags.StringVarP(&genesis, "genesis", "g", "./config.genesis", "config.genesis of the chain")
	flags.BoolVarP(&version, "version", "v", false, "print the version and exit")
	extras.addTo(command)
	command.AddCommand(newCertCommand(), newCtlCommand())
	command.CompletionOptions.DisableDefaultCmd = true
	return command
}
