package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/bcosgate/bcosgate/configs"
	"github.com/bcosgate/bcosgate/internal/buildinfo"
)

func (p *program) serveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the service until it is told to stop",
		Long: `Run the service until it is told to stop.

Settings come from the configuration file, from the environment (http.listen is
BCOSGATE_HTTP_LISTEN) and from the flags below; a flag wins over the
environment, which wins over the file.

Nodes that are away at the start are dialled until they come: the service runs,
and /readyz says which target is not ready. On SIGINT or SIGTERM it takes
nothing new, finishes what is in flight within http.shutdown_timeout and saves
the rest for the next start; a second signal ends it at once.`,
		Example: `  gateway serve
  gateway serve --config /etc/bcosgate/gateway.yaml --log-format json
  gateway serve --listen 127.0.0.1:9090 --store /var/lib/bcosgate/jobs.db
  BCOSGATE_LOG_LEVEL=debug gateway serve`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := configs.Load(p.config, cmd.Flags())
			if err != nil {
				return err
			}
			return p.serve(cmd.Context(), cfg)
		},
	}
	p.addConfigFlags(cmd.Flags())
	return cmd
}

// serve runs the service until ctx ends or a part of it dies, then stops it.
func (p *program) serve(ctx context.Context, cfg configs.Config) error {
	log := logger(cfg.Log, p.err)
	app := NewApp(cfg, log)
	if err := app.Start(ctx); err != nil {
		return err
	}
	fmt.Fprintf(p.out, "gateway %s listens on %s\n", buildinfo.Read().Version, app.URL())
	fmt.Fprintf(p.out, "documentation: %s/docs\n", app.URL())

	var failure error
	select {
	case <-ctx.Done():
		log.Info("stopping: nothing new is taken, what is in flight is finished", "timeout", cfg.HTTP.ShutdownTimeout)
	case failure = <-app.Failed():
		log.Error("stopping: a part of the service died", "error", failure)
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), cfg.HTTP.ShutdownTimeout)
	defer cancel()
	if err := errors.Join(failure, app.Stop(ending)); err != nil {
		return err
	}
	fmt.Fprintln(p.out, "gateway stopped")
	return nil
}
