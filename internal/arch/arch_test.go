// Package arch holds the import arrows of the project: which package may know
// which. docs/ARCHITECTURE.md draws them; this test keeps them true.
package arch

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/bcosgate/bcosgate/"

// mayImport lists for each part of the tree the packages that it may know; /...
// adds all below. The part with the longest matching prefix counts, and what
// lies below a part is always known to it.
var mayImport = map[string][]string{
	"chain":              {},
	"chain/jsonrpc":      {"chain"},
	"chain/fisco":        {"chain", "chain/jsonrpc"},
	"chain/fisco/suite":  {},
	"chain/fisco/tars":   {},
	"chain/fisco/shield": {"chain", "chain/jsonrpc", "chain/fisco/suite", "chain/fisco/tars"},
	"chain/fisco/tx":     {"chain", "chain/fisco/shield", "chain/fisco/suite", "chain/fisco/tars"},
	"chain/fisco/result": {"chain/jsonrpc", "chain/fisco/suite", "chain/fisco/tars", "chain/fisco/tx"},
	"chain/fisco/proof":  {"chain", "chain/fisco/result", "chain/fisco/suite", "chain/fisco/tars", "chain/fisco/tx"},
	"chain/fisco/system": {"chain", "chain/fisco/suite", "contracts"},
	"chain/pool":         {"chain"},
	"chain/guard":        {"chain", "chain/pool"},
	"chain/chaintest":    {"chain"}, // for tests only
	"contracts":          {"chain", "internal/exactjson"},
	"batch":              {"chain", "contracts"},
	"batch/rows":         {"internal/exactjson"},
	"batch/tickets":      {}, // the work queue of processes that share a store
	"batch/reconcile":    {"chain", "contracts", "batch"},
	"batch/report":       {"internal/chart", "batch", "contracts"},
	"batch/offline":      {"chain", "batch", "batch/rows"},
	"batch/plan":         {"batch", "batch/report"},
	"gateway":            {"chain", "contracts", "batch", "batch/offline", "batch/report", "batch/rows", "batch/reconcile", "batch/plan", "internal/exactjson"},
	"gateway/client":     {"chain", "batch", "batch/plan", "batch/report", "batch/rows", "batch/reconcile"},
	"gateway/uploads":    {},
	"certs":              {},
	"configs":            {},
	// The development node, its tests included, hence internal/golden and certs.
	"devchain":             {"internal/golden"},
	"devchain/suite":       {"internal/golden"},
	"devchain/flatstate":   {},
	"devchain/tables":      {"devchain/flatstate"},
	"devchain/system":      {"devchain/tables"},
	"devchain/faults":      {},
	"devchain/logfilter":   {"devchain"},
	"devchain/nodejson":    {"devchain/logfilter"},
	"devchain/nodehttp":    {},
	"devchain/nodeconf":    {"devchain", "devchain/suite"},
	"devchain/rpc":         {"devchain", "devchain/faults", "devchain/logfilter", "devchain/nodehttp", "devchain/nodejson", "devchain/suite", "internal/golden"},
	"devchain/web3":        {"devchain", "devchain/faults", "devchain/logfilter", "devchain/nodehttp", "devchain/nodejson", "devchain/flatstate", "devchain/suite", "internal/golden"},
	"devchain/control":     {"devchain", "devchain/faults", "devchain/suite"},
	"devchain/cluster":     {"devchain", "devchain/suite", "certs"},
	"devchain/conformance": {"devchain/...", "internal/golden"},
	"internal":             {"chain/...", "contracts", "batch/...", "gateway/...", "certs", "configs"},
	"internal/arch":        {},
	"internal/chart":       {},
	"internal/loadgen":     {"chain", "contracts", "internal/buildinfo", "internal/chart"},
	"internal/discovery":   {},
	"internal/devnodes":    {},                                                      // for programs of developers
	"internal/pgtest":      {},                                                      // for tests and internal/endurance
	"internal/testkit":     {"certs", "devchain", "devchain/rpc", "devchain/suite"}, // for tests only
	"cmd":                  {"chain/...", "contracts", "batch/...", "gateway/...", "certs", "configs", "internal/..."},
	"cmd/devnode":          {"devchain/...", "certs"}, // the node shares no code with its clients
	"scripts":              {"certs", "gateway/client"},
}

// onlyIn names the parts that alone may use a library. Tests are free.
var onlyIn = map[string][]string{
	"github.com/spf13/viper":                {"configs"},
	"github.com/gin-gonic/gin":              {"gateway"},
	"github.com/danielgtaylor/huma":         {"gateway"},
	"modernc.org/sqlite":                    {"batch"},
	"github.com/jackc/pgx":                  {"batch", "internal/pgtest"},
	"github.com/riverqueue/river":           {"batch/tickets"},
	"github.com/coder/websocket":            {"chain", "devchain"},
	"github.com/FISCO-BCOS/go-sdk":          {"chain/fisco", "devchain"},
	"github.com/TarsCloud/TarsGo":           {"devchain"},
	"github.com/ethereum/go-ethereum/core/": {"devchain"},
	"github.com/spf13/cobra":                {"cmd", "internal"},
	"go.etcd.io/etcd":                       {"internal/discovery"},
}

type sourceFile struct {
	dir     string // slash path below the root
	name    string
	imports []string
}

func TestImportArrows(t *testing.T) {
	t.Parallel()
	for _, f := range sourceFiles(t) {
		if strings.HasSuffix(f.name, "_test.go") && !strings.HasPrefix(f.dir, "devchain") {
			continue // tests may put parts together; devchain's must not share a codec with the client
		}
		for _, imp := range f.imports {
			to, ours := strings.CutPrefix(imp, module)
			if !ours {
				continue
			}
			require.True(t, allowed(f.dir, to), "%s/%s imports %s: see mayImport in internal/arch", f.dir, f.name, to)
		}
	}
}

func TestLibrariesStayInTheirRooms(t *testing.T) {
	t.Parallel()
	for _, f := range sourceFiles(t) {
		for _, imp := range f.imports {
			for lib, rooms := range onlyIn {
				if !strings.HasPrefix(imp, lib) || strings.HasSuffix(f.name, "_test.go") {
					continue
				}
				ok := slices.ContainsFunc(rooms, func(room string) bool { return within(f.dir, room) })
				require.True(t, ok, "%s/%s imports %s, which belongs in %v", f.dir, f.name, imp, rooms)
			}
		}
	}
}

func TestFamiliesReadNoFiles(t *testing.T) {
	t.Parallel()
	for _, f := range sourceFiles(t) {
		if within(f.dir, "chain") && !strings.HasSuffix(f.name, "_test.go") {
			require.NotContains(t, f.imports, "os", "%s/%s", f.dir, f.name)
		}
	}
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	t.Parallel()
	documented := map[string]bool{}
	for _, f := range sourceFiles(t) {
		if strings.HasSuffix(f.name, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root(t), f.dir, f.name), nil, parser.ParseComments|parser.PackageClauseOnly)
		require.NoError(t, err)
		documented[f.dir] = documented[f.dir] || parsed.Doc != nil
	}
	for dir, ok := range documented {
		require.True(t, ok, "package in %s has no package comment", dir)
	}
}

// allowed reports whether a file in dir may import the package in to.
func allowed(dir, to string) bool {
	for part := dir; part != "."; part = path.Dir(part) {
		known, listed := mayImport[part]
		if !listed {
			continue
		}
		return within(to, part) || slices.ContainsFunc(known, func(k string) bool {
			below, all := strings.CutSuffix(k, "/...")
			return to == below || all && within(to, below)
		})
	}
	return false
}

func within(p, prefix string) bool { return p == prefix || strings.HasPrefix(p, prefix+"/") }

func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	require.NoError(t, err)
	return dir
}

func sourceFiles(t *testing.T) []sourceFile {
	t.Helper()
	var files []sourceFile
	top := root(t)
	err := filepath.WalkDir(top, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(top, p)
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			if strings.HasPrefix(d.Name(), ".") && rel != "." || slices.Contains([]string{"bin", "nodes", "data", "node_modules", "testdata", "dist"}, d.Name()) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(d.Name(), ".go") {
			return nil
		}
		src, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), p, src, parser.ImportsOnly)
		if err != nil {
			return err
		}
		f := sourceFile{dir: path.Dir(rel), name: d.Name()}
		for _, spec := range parsed.Imports {
			imp, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			f.imports = append(f.imports, imp)
		}
		files = append(files, f)
		return nil
	})
	require.NoError(t, err)
	require.NotEmpty(t, files)
	return files
}
