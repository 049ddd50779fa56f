package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bcosgate/bcosgate/configs"
)

const defaultConfig = "configs/gateway.yaml"

// program is what all commands share.
type program struct {
	out, err io.Writer
	config   string // path of the configuration file
}

// execute runs one command line and gives the exit code. Data go to out, words
// for people and the log to err. A running service stops in order when ctx ends.
func execute(ctx context.Context, args []string, out, err io.Writer) int {
	p := &program{out: out, err: err}
	root := p.rootCommand()
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(err)
	if failure := root.ExecuteContext(ctx); failure != nil {
		if status, ok := errors.AsType[exitStatus](failure); ok {
			return int(status)
		}
		fmt.Fprintf(err, "gateway: %s\n", failure)
		return exitFailed
	}
	return exitOK
}

func (p *program) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "gateway",
		Short: "Serve contract calls on FISCO BCOS chains over HTTP",
		Long: `gateway keeps connections to the nodes of one or more chains, and serves an HTTP
API that turns rows into transactions, each executed exactly once and each with
a receipt. What it works on is kept in a store (a file, or a PostgreSQL
database) and goes on after a restart, even after a power cut.

Exit codes: 0 stopped in order, 1 failed (the reason is on stderr), 130 stopped
at once by a second interrupt.`,
		Example: `  gateway serve --config configs/gateway.yaml
  gateway config check --config configs/gateway.yaml
  gateway doctor
  gateway node list
  gateway chain auth show
  gateway store backup jobs-copy.db
  gateway version`,
		SilenceUsage:      true,
		SilenceErrors:     true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
		Args:              cobra.NoArgs,
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%w; see: %s --help", err, cmd.CommandPath())
	})
	root.AddCommand(p.serveCommand(), p.configCommand(), p.doctorCommand(), p.nodeCommand(), p.chainCommand(), p.storeCommand(), versionCommand())
	return root
}

// addConfigFlags adds --config and a flag for every setting. The settings that
// are given most often have a short name, too.
func (p *program) addConfigFlags(flags *pflag.FlagSet) {
	flags.SortFlags = false
	flags.StringVarP(&p.config, "config", "c", defaultConfig, "configuration `file`")
	configs.AddFlags(flags)
	flags.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		switch name {
		case "listen":
			name = "http-listen"
		case "store":
			name = "store-path"
		}
		return pflag.NormalizedName(name)
	})
}

// logger writes to w as the configuration says.
func logger(cfg configs.Log, w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{}
	switch cfg.Level {
	case "debug":
		options.Level = slog.LevelDebug
	case "warn":
		options.Level = slog.LevelWarn
	case "error":
		options.Level = slog.LevelError
	}
	if cfg.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
