package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bcosgate/bcosgate/batch"
	"github.com/bcosgate/bcosgate/certs"
	"github.com/bcosgate/bcosgate/configs"
	"github.com/bcosgate/bcosgate/internal/assemble"
)

func (p *program) configCommand() *cobra.Command {
	parent := &cobra.Command{
		Use:     "config",
		Short:   "Work with the configuration",
		Example: "  gateway config check --config configs/gateway.yaml",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	check := &cobra.Command{
		Use:   "check",
		Short: "Find everything that is wrong with the configuration",
		Long: `Find everything that is wrong with the configuration, without connecting to
anything and without making any file. It takes the flags of gateway serve, so
that the settings can be tried together. Exit code 1 when something is wrong.`,
		Example: `  gateway config check
  gateway config check --config /etc/bcosgate/gateway.yaml --listen 0.0.0.0:8443`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := configs.Load(p.config, cmd.Flags())
			if err != nil {
				return err
			}
			if err := checkFiles(cfg); err != nil {
				return fmt.Errorf("the files that %s names have problems:\n  %s", p.config, strings.ReplaceAll(err.Error(), "\n", "\n  "))
			}
			fmt.Fprintf(p.out, "%s is right: %d targets, %d accounts, listens on %s, store %s\n",
				p.config, len(cfg.Targets), len(cfg.Accounts), cfg.HTTP.Listen, batch.StoreName(cfg.Store.Location()))
			return nil
		},
	}
	p.addConfigFlags(check.Flags())
	parent.AddCommand(check)
	return parent
}

// checkFiles reads every file that the configuration names and lists what is
// wrong with them, a line each.
func checkFiles(cfg configs.Config) error {
	_, tokens := readTokens(cfg.HTTP.TokenFile)
	_, listener := serverTLS(cfg.HTTP.TLS)
	problems := []error{tokens, listener}
	for _, account := range cfg.Accounts {
		if _, err := os.Stat(account.File); account.Create && errors.Is(err, fs.ErrNotExist) {
			continue // gateway serve makes it
		}
		account.Create = false
		_, err := assemble.Accounts([]configs.Account{account})
		problems = append(problems, err)
	}
	for _, target := range cfg.Targets {
		if _, err := assemble.NodeSource(target.Discovery); err != nil {
			problems = append(problems, fmt.Errorf("target %s: %w", target.Name, err))
		}
		if target.TLS.Disabled {
			continue
		}
		if _, _, err := certs.LoadTLSCert(certs.Files{CA: target.TLS.CA, Cert: target.TLS.Cert, Key: target.TLS.Key}); err != nil {
			problems = append(problems, fmt.Errorf("target %s: %w", target.Name, err))
		}
	}
	return errors.Join(problems...)
}
