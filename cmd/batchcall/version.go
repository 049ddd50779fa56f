package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/bcosgate/bcosgate/internal/buildinfo"
)

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Say which version this is",
		Long:  "Say which version this is, from which commit it was built and with which Go.",
		Example: `  batchcall version
  batchcall version -o json`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error { return a.print(versionView(buildinfo.Read())) },
	}
}

func versionView(v buildinfo.Info) view {
	return view{value: v, pairs: true, header: []string{"version", "commit", "modified", "go", "platform"},
		rows: [][]string{{v.Version, v.Commit, fmt.Sprint(v.Modified), v.Go, v.Platform}}}
}
