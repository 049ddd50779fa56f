//go:build linux

// Endurance shows two promises at full size, with the programs as users have them,
// each in processes of its own. It is called in the root of the repository.
//
//	endurance torture   every row exactly once, however often engine and nodes are killed
//	endurance million   memory, time for a row and resume time do not grow with the rows
//
// What is printed to standard output is the result; how far it is goes to standard
// error. Exit code 1 says that a promise was broken, or that it could not be tried.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "endurance:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errors.New("what? torture or million")
	}
	switch args[0] {
	case "torture":
		return tortureCommand(ctx, args[1:])
	case "million":
		return millionCommand(ctx, args[1:])
	default:
		return fmt.Errorf("what is %q? torture or million", args[0])
	}
}

func tortureCommand(ctx context.Context, args []string) error {
	f := flag.NewFlagSet("torture", flag.ContinueOnError)
	cfg := tortureConfig{root: ".", out: os.Stdout, told: os.Stderr}
	f.IntVar(&cfg.rows, "rows", 100_000, "rows of the job")
	f.IntVar(&cfg.kills, "kills", 55, "how often the engine is killed")
	f.IntVar(&cfg.nodes, "nodes", 4, "nodes of the chain")
	f.IntVar(&cfg.nodeKills, "node-kills", 22, "how often a node is killed")
	f.Float64Var(&cfg.drop, "drop", 1, "so many of a hundred sends are executed and never answered")
	f.StringVar(&cfg.store, "store", onSQLite, "sqlite: batchcall on a file; postgres: gateways that share a database")
	f.IntVar(&cfg.gateways, "gateways", 3, "gateways on PostgreSQL")
	f.IntVar(&cfg.restarts, "restarts", 3, "how often PostgreSQL is killed")
	f.Uint64Var(&cfg.seed, "seed", 0, "draws all that is random; 0: another one each time")
	var place place
	place.addTo(f)
	if err := f.Parse(args); err != nil {
		return err
	}
	if cfg.store != onSQLite && cfg.store != onPostgres {
		return fmt.Errorf("-store %s: it is %s or %s", cfg.store, onSQLite, onPostgres)
	}
	if cfg.rows < 10*cfg.kills || cfg.kills < 10 || cfg.nodes < 4 {
		return errors.New("at least 10 kills, 10 rows for each of them, and 4 nodes are needed")
	}
	for cfg.seed == 0 {
		cfg.seed = rand.Uint64()
	}
	return place.use(ctx, cfg.root, func(dir, bin string) error {
		cfg.dir, cfg.bin = dir, bin
		_, err := runTorture(ctx, cfg)
		return err
	})
}

func millionCommand(ctx context.Context, args []string) error {
	f := flag.NewFlagSet("million", flag.ContinueOnError)
	cfg := millionConfig{root: ".", out: os.Stdout, told: os.Stderr}
	f.IntVar(&cfg.rows, "rows", 1_000_000, "rows of the large job")
	f.IntVar(&cfg.smallRows, "small", 10_000, "rows of the small jobs that it is compared with")
	f.IntVar(&cfg.smallJobs, "jobs", 3, "small jobs before it, and as many after it")
	var place place
	place.addTo(f)
	if err := f.Parse(args); err != nil {
		return err
	}
	if cfg.smallJobs < 1 || cfg.smallRows < 1 || cfg.rows < 2*cfg.smallRows {
		return errors.New("a small job is needed, of at most half as many rows")
	}
	return place.use(ctx, cfg.root, func(dir, bin string) error {
		cfg.dir, cfg.bin = dir, bin
		measured, err := runMillion(ctx, cfg)
		if err != nil {
			return err
		}
		return measured.judge(cfg.out)
	})
}

// place is where everything happens, and with which programs.
type place struct{ dir, bin string }

func (p *place) addTo(f *flag.FlagSet) {
	f.StringVar(&p.dir, "dir", "", "folder that everything is left in (default: a new one, removed when all is well)")
	f.StringVar(&p.bin, "bin", "", "folder with batchcall, gateway and devnode (default: they are built now)")
}

// use does something there. A new folder is removed unless that fails.
func (p *place) use(ctx context.Context, root string, do func(dir, bin string) error) error {
	dir, remove, err := workFolder(p.dir)
	if err != nil {
		return err
	}
	bin, err := filepath.Abs(p.bin)
	if p.bin == "" {
		bin, err = buildPrograms(ctx, root, dir)
	}
	if err != nil {
		return errors.Join(err, remove())
	}
	if err := do(dir, bin); err != nil {
		return fmt.Errorf("%w\n(everything is left in %s)", err, dir)
	}
	return remove()
}
