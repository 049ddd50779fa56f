package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bcosgate/bcosgate/configs"
	"github.com/bcosgate/bcosgate/internal/assemble"
	"github.com/bcosgate/bcosgate/internal/doctor"
)

// Exit codes of gateway doctor, besides those of main.go.
const (
	exitProblems = 2 // something is wrong, but every target has a usable node
	exitNoNode   = 5 // a target has no usable node
)

// exitStatus ends the program with a code of its own, when the command has said
// everything.
type exitStatus int

func (s exitStatus) Error() string { return fmt.Sprintf("exit code %d", int(s)) }

// doctorFlags are those of gateway doctor.
type doctorFlags struct {
	target string
	lang   string
	output string
	doctor.Options
}

func (p *program) doctorCommand() *cobra.Command {
	var given doctorFlags
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Find out what is wrong with the nodes, in English and Chinese",
		Long: `Find out what is wrong with the nodes, in English and Chinese.

It looks at the accounts and the TLS files, connects to every node of every
target and says in plain words what is wrong: port closed, another protocol
(a 2.x node, a Web3 port), TLS refused and why, another chain or group, a node
that is behind or of another chain, sealers that are missing, a clock that is
off. It makes no file and, without --probe, changes nothing on a chain.

Whether a node checks block limits ([txpool] check_block_limit) cannot be seen
by reading. With --probe each node is sent one transaction that it must refuse,
because its block limit is far beyond the window. It comes from a key that is
made for it and calls an address without code, so that a node which does not
check executes nothing; but it is in the chain then, and other nodes of the
chain may have been handed it.

Exit codes:
  0  all is well; there may be warnings
  1  usage or configuration: nothing was examined, or not to the end
  2  there are problems, but every target has a usable node
  5  a target has no usable node`,
		Example: `  gateway doctor
  gateway doctor --config /etc/bcosgate/gateway.yaml --target main
  gateway doctor --lang zh
  gateway doctor --lang both --probe
  gateway doctor -o json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.doctor(cmd.Context(), given) },
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVarP(&p.config, "config", "c", defaultConfig, "configuration `file`")
	flags.StringVar(&given.target, "target", "", "examine only the target of this `name`")
	flags.StringVar(&given.lang, "lang", "", "en, zh or both; by default that of the environment (LC_ALL, LC_MESSAGES, LANG)")
	flags.StringVarP(&given.output, "output", "o", "text", "text or json; json has both languages")
	flags.DurationVar(&given.Timeout, "timeout", 10*time.Second, "how long each node may take; comparing the nodes and --probe may take as long again")
	flags.BoolVar(&given.Probe, "probe", false, "send each node one transaction that it must refuse, to see whether it checks block limits")
	return cmd
}

// doctor examines and writes what was found. The error carries the exit code.
func (p *program) doctor(ctx context.Context, given doctorFlags) error {
	languages, err := languagesOf(given.lang, os.Getenv)
	if err != nil {
		return err
	}
	if given.output != "text" && given.output != "json" {
		return fmt.Errorf("--output %q is neither text nor json", given.output)
	}
	if given.Timeout <= 0 {
		return fmt.Errorf("--timeout %s is not more than 0", given.Timeout)
	}
	cfg, err := configs.LoadWithoutFiles(p.config, nil)
	if err != nil {
		return err
	}
	if given.target != "" {
		if cfg.Targets, err = oneTarget(cfg.Targets, given.target); err != nil {
			return err
		}
	}
	if err := listNodes(ctx, cfg.Targets, given.Timeout); err != nil {
		return err
	}
	report := doctor.Examine(ctx, cfg, given.Options)
	if given.output == "json" {
		err = writeJSON(p.out, report)
	} else {
		err = report.Write(p.out, languages...)
	}
	switch {
	case err != nil:
		return err
	case ctx.Err() != nil:
		return errors.New("interrupted: not all nodes were examined")
	}
	if code := doctorCodes[report.Verdict]; code != exitOK {
		return exitStatus(code)
	}
	return nil
}

// listNodes fills in the nodes that are listed elsewhere than in the configuration.
func listNodes(ctx context.Context, targets []configs.Target, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	for i, t := range targets {
		nodes, err := assemble.ListNodes(ctx, t)
		if err != nil {
			return fmt.Errorf("target %s: %w", t.Name, err)
		}
		targets[i].Nodes = nodes
	}
	return nil
}

// doctorCodes are the exit codes of the verdicts.
var doctorCodes = map[doctor.Verdict]int{doctor.Well: exitOK, doctor.Problems: exitProblems, doctor.NoNode: exitNoNode}

// oneTarget is the target with a name.
func oneTarget(targets []configs.Target, name string) ([]configs.Target, error) {
	i := slices.IndexFunc(targets, func(t configs.Target) bool { return t.Name == name })
	if i >= 0 {
		return targets[i : i+1], nil
	}
	names := make([]string, len(targets))
	for i, t := range targets {
		names[i] = t.Name
	}
	return nil, fmt.Errorf("no target is named %q: the configuration has %s", name, strings.Join(names, ", "))
}

// languagesOf gives the languages that --lang names. Without it the first of the
// variables that is set decides, as in other programs.
func languagesOf(lang string, env func(string) string) ([]doctor.Language, error) {
	switch lang {
	case "en":
		return []doctor.Language{doctor.English}, nil
	case "zh":
		return []doctor.Language{doctor.Chinese}, nil
	case "both":
		return []doctor.Language{doctor.English, doctor.Chinese}, nil
	case "":
	default:
		return nil, fmt.Errorf("--lang %q is neither en, zh nor both", lang)
	}
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if value := env(name); value != "" {
			if strings.HasPrefix(strings.ToLower(value), "zh") {
				return []doctor.Language{doctor.Chinese}, nil
			}
			break
		}
	}
	return []doctor.Language{doctor.English}, nil
}

func writeJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}
