package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/bcosgate/bcosgate/devchain"
	"github.com/bcosgate/bcosgate/devchain/control"
	"github.com/bcosgate/bcosgate/devchain/faults"
	"github.com/bcosgate/bcosgate/devchain/nodeconf"
)

// extras is what a real node does not have.
type extras struct {
	control         string // address of the control endpoint; empty: none
	controlAnywhere bool
	deterministic   bool
}

func (e *extras) addTo(command *cobra.Command) {
	flags := command.Flags()
	flags.StringVar(&e.control, "control", "", "address of a control endpoint for devnode ctl, host:port on the loopback or unix:PATH;\nalso [devnode] control in config.ini; without it there is none")
	flags.BoolVar(&e.controlAnywhere, "control-anywhere", false, "allow a control address that other machines can reach: whoever does can do anything with the node")
	flags.BoolVar(&e.deterministic, "deterministic", false, "make the same blocks with the same hashes of the same transactions: one block for each as it arrives,\ntime stamps that do not depend on the clock; also [devnode] deterministic in config.ini")
}

// or takes what was not said on the command line from a node's file.
func (e extras) or(node nodeconf.Node) extras {
	if e.control == "" {
		e.control = node.Control
	}
	e.deterministic = e.deterministic || node.Deterministic
	return e
}

// controls are the faults and the clock of the process, and their endpoint.
type controls struct {
	extras
	faults *faults.Set
	clock  control.Clock
	server *control.Server // nil: there is no endpoint
}

func newControls(e extras) *controls {
	c := &controls{extras: e}
	if e.control != "" {
		c.faults = &faults.Set{}
	}
	if e.deterministic {
		c.clock.Stand(devchain.DeterministicStart)
	}
	return c
}

// of adds the controls to the configuration of a chain.
func (c *controls) of(cfg devchain.Config) devchain.Config {
	cfg.Deterministic, cfg.Clock, cfg.Skew = c.deterministic, c.clock.Now, c.faults.Skew
	return cfg
}

// start opens the endpoint, if one was asked for. stop must follow.
func (c *controls) start(ctx context.Context, chain *devchain.Chain, node nodeconf.Node, stdout io.Writer, log *slog.Logger) error {
	if c.control == "" {
		return nil
	}
	listener, err := control.Listen(ctx, c.control, c.controlAnywhere)
	if err != nil {
		return err
	}
	c.server = control.NewServer(control.Config{
		Ledger: chain, Faults: c.faults, Clock: &c.clock, Nodes: []string{node.Name}, Anywhere: c.controlAnywhere, Logger: log,
	})
	c.server.Start(listener)
	address := control.Address(listener)
	fmt.Fprintf(stdout, "control endpoint on %s\n", address)
	log.Info("control endpoint", "address", address)
	return nil
}

// stop may be called more than once.
func (c *controls) stop(ctx context.Context) error {
	if c.server == nil {
		return nil
	}
	return c.server.Stop(ctx)
}
