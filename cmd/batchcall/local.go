package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/bcosgate/bcosgate/batch"
	"github.com/bcosgate/bcosgate/configs"
)

// localConfig is what is needed to work without a gateway: the configuration
// file, or what --node and its companions say. The account and the target that
// the flags choose are the default ones in it.
func (a *app) localConfig() (configs.Config, error) {
	cfg, err := a.baseConfig()
	if err != nil {
		return configs.Config{}, err
	}
	if err := a.opt.chooseTarget(&cfg); err != nil {
		return configs.Config{}, err
	}
	return cfg, a.opt.chooseAccount(&cfg)
}

func (a *app) baseConfig() (configs.Config, error) {
	if len(a.opt.nodes) > 0 {
		return a.opt.nodeConfig()
	}
	file := a.opt.config
	if file == "" {
		if _, err := os.Stat(defaultConfig); err != nil {
			return configs.Config{}, usage("which chain? Name a node (--node host:port --certs DIR), a configuration (--config FILE) or a gateway (--gateway URL)")
		}
		file = defaultConfig
	}
	return configs.Load(file, nil)
}

// nodeConfig is a configuration with one target and the account beside the store.
func (o *options) nodeConfig() (configs.Config, error) {
	if o.certs == "" {
		return configs.Config{}, usage("--certs is missing: the folder with ca.crt, sdk.crt and sdk.key of the chain (build_chain.sh writes it as nodes/127.0.0.1/sdk)")
	}
	name := o.target
	if name == "" {
		name = o.chain + "." + o.group
	}
	cfg := configs.Default()
	file := o.store
	if batch.IsStoreURL(file) {
		file = defaultStore // the account is a file all the same
	}
	cfg.Store.Path = file
	cfg.Accounts = []configs.Account{{Name: "default", File: filepath.Join(filepath.Dir(file), "account.pem"), Create: true}}
	cfg.Targets = []configs.Target{{
		Name: name, Family: "fisco3", Chain: o.chain, Group: o.group, Nodes: o.nodes, Account: "default",
		TLS: configs.TargetTLS{CA: filepath.Join(o.certs, "ca.crt"), Cert: filepath.Join(o.certs, "sdk.crt"), Key: filepath.Join(o.certs, "sdk.key")},
	}}
	err := cfg.Validate()
	if problems, ok := errors.AsType[*configs.ProblemsError](err); ok {
		return configs.Config{}, usage("%s", inFlags(problems))
	}
	return cfg, err
}

// inFlags words the problems of a configuration that was made from flags.
func inFlags(e *configs.ProblemsError) string {
	names := strings.NewReplacer(
		"targets[0].nodes", "--node", "targets[0].tls.ca", "--certs", "targets[0].tls.cert", "--certs", "targets[0].tls.key", "--certs",
		"targets[0].tls", "--certs", "targets[0].chain", "--chain", "targets[0].group", "--group", "targets[0].name", "--target",
		"accounts[0].file", "account beside --store", "store.path", "--store")
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = names.Replace(p.String())
	}
	return strings.Join(lines, "\n  ")
}

// chooseTarget leaves the one target that is asked for.
func (o *options) chooseTarget(cfg *configs.Config) error {
	var names []string
	for _, t := range cfg.Targets {
		if t.Name == o.target || o.target == "" && len(cfg.Targets) == 1 {
			cfg.Targets = []configs.Target{t}
			return nil
		}
		names = append(names, t.Name)
	}
	if o.target == "" {
		return usage("which target? The configuration has several: choose with --target one of %s", strings.Join(names, ", "))
	}
	return usage("--target %s: the configuration has %s", o.target, strings.Join(names, ", "))
}

// chooseAccount makes --account the default account: the name of a configured
// one, else a key file.
func (o *options) chooseAccount(cfg *configs.Config) error {
	target := &cfg.Targets[0]
	if o.account == "" {
		return nil // every target of a checked configuration has one
	}
	for _, account := range cfg.Accounts {
		if account.Name == o.account {
			target.Account = o.account
			return nil
		}
	}
	if _, err := os.Stat(o.account); errors.Is(err, fs.ErrNotExist) {
		return usage("--account %s: neither the name of an account (there is %s) nor a key file", o.account, accountNames(cfg))
	}
	name := fileAccount(o.account)
	cfg.Accounts = append(cfg.Accounts, configs.Account{Name: name, File: o.account})
	target.Account = name
	return nil
}

// fileAccount names the account of a key file, the same for the same file.
func fileAccount(path string) string {
	base := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	base = regexp.MustCompile(`[^A-Za-z0-9._-]+`).ReplaceAllString(base, "_")
	return "file." + base
}

func accountNames(cfg *configs.Config) string {
	names := make([]string, len(cfg.Accounts))
	for i, account := range cfg.Accounts {
		names[i] = account.Name
	}
	return strings.Join(names, ", ")
}

// withoutAccounts leaves accounts out, also as the default of the target.
func withoutAccounts(cfg configs.Config, out func(configs.Account) bool) configs.Config {
	for _, account := range cfg.Accounts {
		if out(account) && cfg.Targets[0].Account == account.Name {
			cfg.Targets[0].Account = ""
		}
	}
	cfg.Accounts = slices.DeleteFunc(slices.Clone(cfg.Accounts), out)
	return cfg
}

// isMissing reports whether the key of an account would have to be made first.
func isMissing(account configs.Account) bool {
	_, err := os.Stat(account.File)
	return errors.Is(err, fs.ErrNotExist)
}
