package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/spf13/cobra"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/fisco"
	"github.com/bcosgate/bcosgate/chain/fisco/system"
	"github.com/bcosgate/bcosgate/chain/fisco/tx"
	"github.com/bcosgate/bcosgate/configs"
	"github.com/bcosgate/bcosgate/internal/assemble"
	"github.com/bcosgate/bcosgate/internal/permissions"
)

// Exit codes of gateway chain, besides exitOK, exitFailed, exitNoNode and
// exitInterrupted.
const (
	exitRefused = 2
	exitUnknown = 4
)

const chainExits = `Exit codes:
  0    done; a proposal may still wait for votes
  1    usage or configuration: nothing was sent
  2    the chain refused, or will refuse: a permission is missing, or it reverted
  4    the outcome is not known; the hash, and how to look for it, are on stderr
  5    no node can be reached
  130  interrupted`

// chainFlags are those of all commands below gateway chain.
type chainFlags struct {
	target  string
	output  string
	timeout time.Duration
}

func (p *program) chainCommand() *cobra.Command {
	given := &chainFlags{}
	parent := &cobra.Command{
		Use:     "chain",
		Short:   "Look after a chain: its permissions",
		Long:    "Look after a chain: its permissions.\n\n" + chainExits,
		Example: "  gateway chain auth show",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	flags := parent.PersistentFlags()
	flags.SortFlags = false
	flags.StringVarP(&p.config, "config", "c", defaultConfig, "configuration `file`")
	flags.StringVar(&given.target, "target", "", "`name` of the target, where the configuration has several")
	flags.StringVarP(&given.output, "output", "o", "text", "text or json")
	flags.DurationVar(&given.timeout, "timeout", time.Minute, "how long the reads may take, and then the transaction")
	parent.AddCommand(p.authCommand(given))
	return parent
}

// chainSession is a connection to the target of a command.
type chainSession struct {
	*permissions.Permissions
	p       *program
	given   *chainFlags
	cfg     configs.Config
	target  configs.Target
	session *fisco.Session
	client  *fisco.Client
}

// onChain runs a command with a connection, and turns its error into words on
// stderr and an exit code.
func (p *program) onChain(given *chainFlags, do func(ctx context.Context, s *chainSession) error) func(*cobra.Command) error {
	return func(cmd *cobra.Command) error {
		err := p.withChain(cmd.Context(), given, do)
		if err == nil {
			return nil
		}
		fmt.Fprintf(p.err, "gateway: %s\n", advice(err))
		return exitStatus(chainExit(cmd.Context(), err))
	}
}

func (p *program) withChain(ctx context.Context, given *chainFlags, do func(context.Context, *chainSession) error) error {
	if given.output != "text" && given.output != "json" {
		return fmt.Errorf("--output %q is neither text nor json", given.output)
	}
	if given.timeout <= 0 {
		return fmt.Errorf("--timeout %s is not more than 0", given.timeout)
	}
	cfg, err := configs.Load(p.config, nil)
	if err != nil {
		return err
	}
	target, err := chosenTarget(cfg.Targets, given.target)
	if err != nil {
		return err
	}
	session, err := assemble.Session(ctx, target, slog.New(slog.DiscardHandler))
	if err != nil {
		if chain.KindOf(err) != "" {
			return &noNodeError{err}
		}
		return err
	}
	defer session.Close()
	client, err := session.Client(ctx)
	if err != nil {
		return err
	}
	return do(ctx, &chainSession{Permissions: permissions.New(client, client.Suite()), p: p, given: given,
		cfg: cfg, target: target, session: session, client: client})
}

// chosenTarget is the target of a name, or the only one.
func chosenTarget(targets []configs.Target, name string) (configs.Target, error) {
	if name == "" && len(targets) == 1 {
		return targets[0], nil
	}
	names := make([]string, len(targets))
	for i, t := range targets {
		names[i] = t.Name
	}
	if name == "" {
		return configs.Target{}, fmt.Errorf("which target? Name it with --target: %s", strings.Join(names, ", "))
	}
	i := slices.Index(names, name)
	if i < 0 {
		return configs.Target{}, fmt.Errorf("no target is named %q: the configuration has %s", name, strings.Join(names, ", "))
	}
	return targets[i], nil
}

// signer finds the key that signs: an account of the configuration or a key file;
// by default the account of the target. name is how people call it.
func (s *chainSession) signer(as string) (signer *tx.Signer, name string, err error) {
	if as == "" {
		as = s.target.Account
	}
	file := as
	if i := slices.IndexFunc(s.cfg.Accounts, func(a configs.Account) bool { return a.Name == as }); i >= 0 {
		file = s.cfg.Accounts[i].File
	} else if _, err := os.Stat(file); err != nil {
		return nil, as, fmt.Errorf("%q is no account of the configuration and no key file", as)
	}
	signer, err = assemble.Signer(file, s.target, s.client.Suite())
	return signer, as, err
}

// again is a command line that does something else at the same place.
func (s *chainSession) again(words ...string) string {
	words = append([]string{"gateway", "chain", "auth"}, words...)
	if s.p.config != defaultConfig {
		words = append(words, "--config", s.p.config)
	}
	if s.given.target != "" {
		words = append(words, "--target", s.given.target)
	}
	return strings.Join(words, " ")
}

// head is the newest block that is known, 0 when none is.
func (s *chainSession) head(ctx context.Context) uint64 {
	head, err := s.session.Head(ctx)
	if err != nil {
		return 0
	}
	return head.Number
}

// print writes data to stdout: value as JSON, or the lines.
func (s *chainSession) print(value any, lines []string) error {
	if s.given.output == "json" {
		return writeJSON(s.p.out, value)
	}
	for _, line := range lines {
		if _, err := fmt.Fprintln(s.p.out, line); err != nil {
			return err
		}
	}
	return nil
}

// note tells people something on stderr.
func (s *chainSession) note(format string, args ...any) {
	fmt.Fprintf(s.p.err, format+"\n", args...)
}

// noNodeError says that no node of the target can be used.
type noNodeError struct{ err error }

func (e *noNodeError) Error() string { return e.err.Error() }
func (e *noNodeError) Unwrap() error { return e.err }

// advice is an error with what to do about it, where that is not in it.
func advice(err error) string {
	if _, ok := errors.AsType[*noNodeError](err); ok {
		return err.Error() + "\ngateway doctor says what is wrong with each node"
	}
	return err.Error()
}

// chainExit is the exit code of an error.
func chainExit(ctx context.Context, err error) int {
	_, unreachable := errors.AsType[*noNodeError](err)
	_, unknown := errors.AsType[*unknownError](err)
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return exitInterrupted
	case unknown:
		return exitUnknown
	case refused(err):
		return exitRefused
	case unreachable, chain.Is(err, chain.KindUnavailable, chain.KindTimeout):
		return exitNoNode
	}
	return exitFailed
}

// refused reports whether the chain has said no, or will.
func refused(err error) bool {
	_, explained := errors.AsType[*permissions.Refusal](err)
	_, code := errors.AsType[*system.CodeError](err)
	_, status := errors.AsType[*system.StatusError](err)
	_, dead := errors.AsType[*notExecutedError](err)
	return explained || code || status || dead
}

// parseAddress reads an address. Mixed case must be right by EIP-55.
func parseAddress(text string) (common.Address, error) {
	digits, _ := strings.CutPrefix(text, "0x")
	if !common.IsHexAddress(text) || len(digits) != 2*common.AddressLength {
		return common.Address{}, fmt.Errorf("%q is not an address, which is 0x and 40 hex digits", text)
	}
	a := common.HexToAddress(text)
	if digits != strings.ToLower(digits) && digits != strings.ToUpper(digits) && digits != a.Hex()[2:] {
		return common.Address{}, fmt.Errorf("the checksum of %s is wrong (EIP-55): is a digit mistyped? Lower case has no checksum", text)
	}
	return a, nil
}
