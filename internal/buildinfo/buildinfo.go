// Package buildinfo tells what a program was built from. It only reads what the
// Go toolchain wrote into the program.
package buildinfo

import (
	"runtime"
	"runtime/debug"
)

// Info is what a program was built from.
type Info struct {
	Version  string `json:"version"`            // of the module; "(devel)" outside of a release, "unknown" without build information
	Commit   string `json:"commit,omitempty"`   // empty when it was not built from a repository
	Modified bool   `json:"modified,omitempty"` // the work tree differed from the commit
	Go       string `json:"go"`
	Platform string `json:"platform"` // for example "linux/amd64"
}

// Read gives the information of the running program.
func Read() Info {
	info := Info{Version: "unknown", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return info
	}
	if build.Main.Version != "" {
		info.Version = build.Main.Version
	}
	for _, s := range build.Settings {
		switch s.Key {
		case "vcs.revision":
			info.Commit = s.Value
		case "vcs.modified":
			info.Modified = s.Value == "true"
		}
	}
	return info
}
