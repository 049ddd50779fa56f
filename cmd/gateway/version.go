package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/bcosgate/bcosgate/internal/buildinfo"
)

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Say which version this is",
		Example: "  gateway version",
		Args:    cobra.NoArgs,
		Run: func(cmd *cobra.Command, _ []string) {
			v := buildinfo.Read()
			fmt.Fprintf(cmd.OutOrStdout(), "gateway %s", v.Version)
			if v.Commit != "" {
				fmt.Fprintf(cmd.OutOrStdout(), " (commit %s", v.Commit)
				if v.Modified {
					fmt.Fprint(cmd.OutOrStdout(), ", modified")
				}
				fmt.Fprint(cmd.OutOrStdout(), ")")
			}
			fmt.Fprintf(cmd.OutOrStdout(), " %s %s\n", v.Go, v.Platform)
		},
	}
}
