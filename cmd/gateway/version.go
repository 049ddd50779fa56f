package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version says what this program was built from.
type version struct {
	Version  string // of the module; "(devel)" outside of a release
	Commit   string // empty when it was not built from a repository
	Modified bool   // the work tree differed from the commit
}

func readVersion() version {
	v := version{Version: "unknown"}
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if build.Main.Version != "" {
		v.Version = build.Main.Version
	}
	for _, s := range build.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Commit = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Say which version this is",
		Example: "  gateway version",
		Args:    cobra.NoArgs,
		Run: func(cmd *cobra.Command, _ []string) {
			v := readVersion()
			fmt.Fprintf(cmd.OutOrStdout(), "gateway %s", v.Version)
			if v.Commit != "" {
				fmt.Fprintf(cmd.OutOrStdout(), " (commit %s", v.Commit)
				if v.Modified {
					fmt.Fprint(cmd.OutOrStdout(), ", modified")
				}
				fmt.Fprint(cmd.OutOrStdout(), ")")
			}
			fmt.Fprintf(cmd.OutOrStdout(), " %s %s/%s\n", runtime.Version(), runtime.GOOS, runtime.GOARCH)
		},
	}
}
