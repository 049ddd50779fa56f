package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bcosgate/bcosgate/batch"
	"github.com/bcosgate/bcosgate/configs"
)

const storeExits = `Exit codes:
  0    done
  1    usage, or it was not done; the reason is on stderr
  2    check: something is wrong with the store
  130  interrupted`

func (p *program) storeCommand() *cobra.Command {
	parent := &cobra.Command{
		Use:   "store",
		Short: "Back up the store, check it, delete old jobs",
		Long: `Back up the store, check it, delete old jobs. The store is the one that the
configuration names, or that --store (a file) or --store-url (PostgreSQL) give.

` + storeExits,
		Example: `  gateway store backup /backup/jobs-$(date +%F).db
  gateway store check
  gateway store prune --older-than 90d --dry-run`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	parent.AddCommand(p.storeBackupCommand(), p.storeCheckCommand(), p.storePruneCommand())
	return parent
}

func (p *program) storeBackupCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Copy the store into a new file, also while a gateway works with it",
		Long: `Copy the store into a new file, also while a gateway works with it. The copy
shows one moment, has no gaps, is checked, and is on the disk when the command
ends. It is a store: to go back to it, stop the gateway, and put the copy in the
place of the store's file (remove the files beside it that end in -wal and -shm).

A gateway that goes on from an old copy executes nothing twice, but what was sent
after the copy is not in it: such rows end as rejected, with the evidence.

It does not overwrite anything. A store in PostgreSQL is backed up with pg_dump.

` + storeExits,
		Example: `  gateway store backup /backup/jobs-$(date +%F).db
  gateway store backup copy.db --store /var/lib/bcosgate/jobs.db`,
		Args: cobra.ExactArgs(1),
	}
	p.addStoreFlags(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return p.onStore(cmd, func(ctx context.Context, location string) error {
			return p.backupStore(ctx, location, args[0])
		})
	}
	return cmd
}

func (p *program) backupStore(ctx context.Context, location, to string) error {
	began := time.Now()
	if err := batch.BackupStore(ctx, location, to); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("%w: it is left alone, name another file", err)
		}
		return err
	}
	info, err := os.Stat(to)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.out, "%s: a copy of %s, checked, %d bytes, in %s\n", to, location, info.Size(), time.Since(began).Round(time.Millisecond))
	return nil
}

func (p *program) storeCheckCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Read all of the store and say what is wrong with it",
		Long: `Read all of the store and say what is wrong with it: damaged pages of a file,
and jobs whose numbers are not those of their rows. A gateway may work with it
meanwhile. What is stored is not compared with a chain.

` + storeExits,
		Example: `  gateway store check
  gateway store check --store copy.db`,
		Args: cobra.NoArgs,
	}
	p.addStoreFlags(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return p.onStore(cmd, p.checkStore) }
	return cmd
}

func (p *program) checkStore(ctx context.Context, location string) (err error) {
	store, err := openExisting(ctx, location)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	found, err := store.Check(ctx)
	for _, line := range found {
		fmt.Fprintln(p.out, line)
	}
	if err != nil {
		return advised(err)
	}
	if len(found) > 0 {
		fmt.Fprintf(p.err, "gateway: store %s has %d problems: go back to a backup (gateway store backup makes them)\n", batch.StoreName(location), len(found))
		return exitStatus(exitProblems)
	}
	fmt.Fprintf(p.out, "%s is well\n", batch.StoreName(location))
	return nil
}

func (p *program) storePruneCommand() *cobra.Command {
	var older string
	var dry bool
	cmd := &cobra.Command{
		Use:   "prune --older-than TIME",
		Short: "Delete the jobs that ended long ago",
		Long: `Delete the jobs that ended long ago, with all their rows, from a store that no
gateway works with; a running gateway does it by itself with store.keep. Jobs
that have not ended stay, and deployments of contracts that have a name. The
idempotency keys of deleted jobs are free again.

A file does not become smaller: its space is used for new jobs. A backup is small.

` + storeExits,
		Example: `  gateway store prune --older-than 90d --dry-run
  gateway store prune --older-than 720h`,
		Args: cobra.NoArgs,
	}
	cmd.Flags().StringVar(&older, "older-than", "", "delete jobs that ended longer ago, for example 90d or 12h")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "only say how much would be deleted")
	p.addStoreFlags(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		age, err := configs.ParseDuration(older)
		if err != nil || age <= 0 {
			return fmt.Errorf("--older-than %q is no age: write a number with a unit, such as 90d or 12h", older)
		}
		return p.onStore(cmd, func(ctx context.Context, location string) error {
			return p.pruneStore(ctx, location, time.Now().Add(-age), dry)
		})
	}
	return cmd
}

func (p *program) pruneStore(ctx context.Context, location string, before time.Time, dry bool) (err error) {
	store, err := openExisting(ctx, location)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	prune, said := store.Prune, "deleted"
	if dry {
		prune, said = store.Prunable, "would be deleted"
	}
	pruned, err := prune(ctx, before)
	if err == nil || pruned.Jobs > 0 {
		fmt.Fprintf(p.out, "%d jobs with %d rows %s\n", pruned.Jobs, pruned.Rows, said)
	}
	if errors.Is(err, batch.ErrStoreInUse) {
		return fmt.Errorf("%w: it deletes old jobs itself when store.keep is set", err)
	}
	return err
}

// addStoreFlags adds --config and the flags of the store.
func (p *program) addStoreFlags(flags *pflag.FlagSet) {
	all := pflag.NewFlagSet("", pflag.ContinueOnError)
	p.addConfigFlags(all)
	flags.SetNormalizeFunc(all.GetNormalizeFunc())
	for _, name := range []string{"config", "store-path", "store-url"} {
		flags.AddFlag(all.Lookup(name))
	}
}

// onStore runs a command on the store that the configuration and the flags name.
// What else is in the configuration, and whether its files are there, is no matter.
func (p *program) onStore(cmd *cobra.Command, run func(ctx context.Context, location string) error) error {
	ctx := cmd.Context()
	cfg, err := configs.LoadWithoutFiles(p.config, cmd.Flags())
	if err != nil {
		return err
	}
	err = run(ctx, cfg.Store.Location())
	if err != nil && ctx.Err() != nil {
		fmt.Fprintf(p.err, "gateway: interrupted: %s\n", err)
		return exitStatus(exitInterrupted)
	}
	return err
}

// openExisting opens a store, but makes none.
func openExisting(ctx context.Context, location string) (*batch.Store, error) {
	if !batch.IsStoreURL(location) {
		if _, err := os.Stat(location); err != nil {
			return nil, fmt.Errorf("there is no store: %w", err)
		}
	}
	store, err := batch.OpenStore(ctx, location)
	return store, advised(err)
}

// openStore opens the store of a gateway, and makes it, with the folder of its file.
func openStore(ctx context.Context, location string) (*batch.Store, error) {
	if !batch.IsStoreURL(location) {
		if err := os.MkdirAll(filepath.Dir(location), 0o700); err != nil {
			return nil, fmt.Errorf("the folder of the store (store.path): %w", err)
		}
	}
	store, err := batch.OpenStore(ctx, location)
	return store, advised(err)
}

// advised adds what to do to refusals of the store.
func advised(err error) error {
	switch {
	case errors.Is(err, batch.ErrStoreInUse):
		return fmt.Errorf("%w: stop the other gateway or batchcall, or choose another store with --store, store.path or store.url", err)
	case errors.Is(err, batch.ErrNotAStore):
		return fmt.Errorf("%w: choose another one with --store, store.path or store.url, or put a backup in its place", err)
	}
	return err
}
