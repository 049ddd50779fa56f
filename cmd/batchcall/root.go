package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bcosgate/bcosgate/batch"
	"github.com/bcosgate/bcosgate/configs"
)

// app is what all commands share: the common flags and the streams.
type app struct {
	streams
	opt options
	// flags of the command that runs, to say it again with other arguments
	flags *pflag.FlagSet
}

// options are the common flags.
type options struct {
	gateway         string
	token           string
	ca, cert, key   string
	config          string
	nodes           []string
	certs           string
	chain, group    string
	account         string
	store           string
	target          string
	output          string
	report          string // -o of batchcall report, which has other formats
	quiet, verbose  bool
	connectionFlags []string // names of the flags above that say where to connect
}

const (
	defaultConfig = "configs/gateway.yaml"
	defaultStore  = "data/batchcall.db"
	tokenVariable = "BCOSGATE_TOKEN"
)

// execute runs one command line and gives the exit code.
func execute(ctx context.Context, args []string, s streams) exitCode {
	a := &app{streams: s}
	root := a.rootCommand()
	root.SetArgs(args)
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	cmd, err := root.ExecuteContextC(ctx)
	if err != nil && ctx.Err() != nil && codeOf(err) != exitOK {
		if _, said := errors.AsType[*exitError](err); !said {
			err = exitWith(exitInterrupted, "interrupted")
		}
	}
	if err != nil && err.Error() != "" {
		fmt.Fprintf(s.err, "batchcall: %s\n", advise(err))
		if _, ok := errors.AsType[*usageError](err); ok {
			fmt.Fprintf(s.err, "see: %s --help\n", cmd.CommandPath())
		}
	}
	return codeOf(err)
}

// usageError is a wrong command line; the command's help is pointed at.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usage(format string, args ...any) error {
	return &usageError{fmt.Errorf(format, args...)}
}

func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "batchcall",
		Short: "Call a contract for every row of a file, each exactly once",
		Long: `batchcall calls a contract on a FISCO BCOS chain for every row of a file, each
exactly once, and tells what became of every row.

It runs the job itself and keeps it in a store (a file), or, with --gateway,
lets a running gateway do it. A job that was interrupted, even by a power cut,
goes on with batchcall resume; nothing is sent twice. With --store postgres://...
it shares the store's jobs with the gateways that work with it: while it runs it
carries what there is for its nodes and account, and they go on when it ends.

` + exitHelp,
		Example: `  batchcall deploy Evidence --node 127.0.0.1:20200 --certs nodes/127.0.0.1/sdk
  batchcall run -f rows.csv --contract Evidence --fn 'save(bytes32,string)' \
      --node 127.0.0.1:20200 --certs nodes/127.0.0.1/sdk --report report.csv
  batchcall run -f rows.csv --contract Evidence --fn 'save(bytes32,string)' --gateway http://127.0.0.1:8080
  batchcall get`,
		SilenceUsage:      true,
		SilenceErrors:     true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
		Args:              knownCommand,
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			a.flags = cmd.Flags()
			return a.opt.check()
		},
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		var digit rune
		if n, _ := fmt.Sscanf(err.Error(), "unknown shorthand flag: '%c'", &digit); n == 1 && unicode.IsDigit(digit) {
			return usage("%w: put -- before arguments that begin with a minus", err)
		}
		return &usageError{err}
	})
	a.opt.addTo(root.PersistentFlags())
	root.AddCommand(a.runCommand(), a.planCommand(), a.signCommand(), a.sendCommand(), a.pauseCommand(), a.resumeCommand(), a.cancelCommand(), a.retryCommand(), a.getCommand(), a.reportCommand(), a.verifyReportCommand(), a.reconcileCommand(), a.callCommand(), a.deployCommand(), a.benchCommand(), a.versionCommand())
	return root
}

// knownCommand refuses what is no command, and says what it may have been meant for.
func knownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		return usage("unknown command %s for batchcall, did you mean %s?", args[0], strings.Join(near, " or "))
	}
	return usage("unknown command %s for batchcall", args[0])
}

func (o *options) addTo(f *pflag.FlagSet) {
	f.SortFlags = false
	f.StringVar(&o.gateway, "gateway", "", "let the gateway at this `URL` do it")
	f.StringVar(&o.ca, "ca", "", "PEM `file` of the authority that signed the gateway's certificate (default: the system's)")
	f.StringVar(&o.cert, "cert", "", "PEM `file` of the certificate that is shown to the gateway")
	f.StringVar(&o.key, "key", "", "PEM `file` of its private key")
	f.StringVar(&o.config, "config", "", "configuration `file` with targets and accounts (default: "+defaultConfig+" if it is there)")
	f.StringSliceVar(&o.nodes, "node", nil, "`host:port` of a node, instead of --config; more than one with commas between")
	f.StringVar(&o.certs, "certs", "", "`folder` with ca.crt, sdk.crt and sdk.key for --node")
	f.StringVar(&o.chain, "chain", "chain0", "`id` of the chain for --node")
	f.StringVar(&o.group, "group", "group0", "`id` of the group for --node")
	f.StringVar(&o.target, "target", "", "`name` of the target, where the configuration or the gateway has several")
	f.StringVar(&o.account, "account", "", "`name` of an account, or a key file, that signs (default: with --node a key beside the store, made on first use)")
	f.StringVar(&o.store, "store", defaultStore, "`file` that keeps the jobs when no gateway does, or postgres://user@host/database (the password by PGPASSWORD or PGPASSFILE)")
	f.VisitAll(func(flag *pflag.Flag) { o.connectionFlags = append(o.connectionFlags, flag.Name) })
	f.StringVar(&o.token, "token", "", "bearer `token` for the gateway (default: $"+tokenVariable+", which other users cannot see)")
	f.StringVarP(&o.output, "output", "o", outTable, "`format` of what is printed: "+strings.Join(outputFormats(), ", "))
	f.BoolVarP(&o.quiet, "quiet", "q", false, "no progress and no notes on stderr")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "log what happens to stderr")
}

// check finds flags that contradict each other.
func (o *options) check() error {
	switch {
	case !slices.Contains(outputFormats(), o.output):
		return usage("-o %s: choose one of %s", o.output, strings.Join(outputFormats(), ", "))
	case o.gateway != "" && (len(o.nodes) > 0 || o.config != "" || o.certs != ""):
		return usage("--gateway does not go with --node, --certs and --config: the gateway has its own configuration")
	case len(o.nodes) > 0 && o.config != "":
		return usage("--node does not go with --config: take one of them")
	case o.certs != "" && len(o.nodes) == 0:
		return usage("--certs goes with --node: which node is to be called?")
	case o.gateway == "" && (o.ca != "" || o.cert != "" || o.key != "" || o.token != ""):
		return usage("--ca, --cert, --key and --token go with --gateway; for nodes it is --certs")
	case (o.cert == "") != (o.key == ""):
		return usage("--cert and --key go together")
	}
	if batch.IsStoreURL(o.store) {
		if reason := configs.StoreURLFault(o.store); reason != "" {
			return usage("--store %s", reason)
		}
	}
	if o.gateway != "" && o.token == "" {
		o.token = os.Getenv(tokenVariable)
	}
	return nil
}

// note tells people something on stderr, unless they want it quiet.
func (a *app) note(format string, args ...any) {
	if !a.opt.quiet {
		fmt.Fprintf(a.err, format+"\n", args...)
	}
}

// logger writes to stderr; only what a user must see, unless more is asked for.
func (a *app) logger() *slog.Logger {
	level := slog.LevelError
	switch {
	case a.opt.verbose:
		level = slog.LevelDebug
	case a.opt.quiet:
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(a.err, &slog.HandlerOptions{Level: level}))
}

// print writes an answer to stdout in the format that -o asks for.
func (a *app) print(v view) error { return v.print(a.out, a.opt.output) }

// again is the command line that does something else at the same place. What
// only reads a store is not told about nodes.
func (a *app) again(args ...string) string {
	words := append([]string{"batchcall"}, args...)
	reads := args[0] == "get" || args[0] == "report"
	for _, name := range a.opt.connectionFlags {
		flag := a.flags.Lookup(name)
		if flag == nil || !flag.Changed || reads && !slices.Contains([]string{"gateway", "ca", "cert", "key", "store"}, name) {
			continue
		}
		value := flag.Value.String()
		if name == "node" {
			value = strings.Join(a.opt.nodes, ",")
		}
		words = append(words, "--"+name, value)
	}
	for i, w := range words {
		words[i] = shellQuote(w)
	}
	return strings.Join(words, " ")
}

// shellQuote puts quotes around a word that a shell would not leave alone.
func shellQuote(word string) string {
	plain := func(r rune) bool {
		return r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || strings.ContainsRune("-_./:,=@%+", r) || r > 0x7f
	}
	if word != "" && strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
