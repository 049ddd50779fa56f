package system

import (
	"context"
	"strings"

	"github.com/ethereum/go-ethereum/common"
)

// BFS is contract 0x100e: the tree of paths of a chain. Users write below /apps
// (directories and links); tables appear below /tables, and /sys, /usr and
// /shards belong to the chain.
type BFS struct{ contract }

// BFS is the contract of this group.
func (c *Contracts) BFS() BFS { return BFS{c.fixed("BFS", 0x100e)} }

// Path is an absolute path, for example "/apps/Hello/1.0".
type Path string

// PathType is what is at a path.
type PathType string

// The types of protocol §8.1.
const (
	TypeDirectory PathType = "directory"
	TypeLink      PathType = "link"
	TypeContract  PathType = "contract"
)

// PathEntry is one entry of a directory, or the link or contract itself that was
// asked for.
type PathEntry struct {
	Name string
	Type PathType
	Ext  []string // more about it; of a link that was asked for: its address and its ABI
}

// Link is a name and a version of a contract. Its path is /apps/NAME/VERSION.
type Link struct {
	Name    string
	Version string // any text, for example "1.0" or "latest"
	Address common.Address
	ABI     string // JSON, at most 16 MiB
}

// Path is where the link is.
func (l Link) Path() Path { return Path("/apps/" + l.Name + "/" + l.Version) }

func pathEntry(o *outputs) PathEntry {
	return PathEntry{Name: o.text(), Type: PathType(o.text()), Ext: o.texts()}
}

// List gives the entries of a directory, at most 500, or the one entry that a
// link or a contract is. CodeNoPath when there is nothing.
func (b BFS) List(ctx context.Context, path Path) ([]PathEntry, error) {
	if err := b.checkPath("list", path); err != nil {
		return nil, err
	}
	return read(ctx, b.contract, "list(string)(int256,(string,string,string[])[])", func(out *outputs) []PathEntry {
		out.count()
		return tuples(out, pathEntry)
	}, string(path))
}

// PathPage is a part of a directory.
type PathPage struct {
	Entries []PathEntry
	Left    int64 // entries behind this page
}

// ListPage gives at most count entries of a directory from offset on (node 3.1).
// It is of no use on nodes of 3.16 with executor 1, which fail with KindNode when
// the directory has more entries than the page and give nothing from offset 1 on:
// use List there.
func (b BFS) ListPage(ctx context.Context, path Path, offset, count uint64) (PathPage, error) {
	if err := b.checkPath("list", path); err != nil {
		return PathPage{}, err
	}
	return read(ctx, b.contract, "list(string,uint256,uint256)(int256,(string,string,string[])[])", func(out *outputs) PathPage {
		return PathPage{Left: out.count(), Entries: tuples(out, pathEntry)}
	}, string(path), offset, count)
}

// ReadLink gives the address that a link leads to; KindNotFound when there is none.
func (b BFS) ReadLink(ctx context.Context, path Path) (common.Address, error) {
	if err := b.checkPath("readlink", path); err != nil {
		return common.Address{}, err
	}
	return read(ctx, b.contract, "readlink(string)(address)", func(out *outputs) common.Address {
		return out.found("there is no such link")
	}, string(path))
}

// MakeDirectory makes a directory and those above it. CodePathExists when it is
// there.
func (b BFS) MakeDirectory(path Path) (Write[None], error) {
	if err := b.checkPath("mkdir", path); err != nil {
		return Write[None]{}, err
	}
	return b.change("mkdir(string)", string(path))
}

// LinkVersion makes the link of a version, or leads it to another address.
func (b BFS) LinkVersion(link Link) (Write[None], error) {
	if link.Name == "" || link.Version == "" || strings.Contains(link.Name+link.Version, "/") {
		return Write[None]{}, b.invalid("link", "name %q and version %q must be there and have no /", link.Name, link.Version)
	}
	return b.change("link(string,string,string,string)", link.Name, link.Version, hexText(link.Address), link.ABI)
}

// LinkPath makes a link at any path below /apps, or leads it to another address
// (node 3.1). abi is JSON.
func (b BFS) LinkPath(path Path, address common.Address, abi string) (Write[None], error) {
	if err := b.checkPath("link", path); err != nil {
		return Write[None]{}, err
	}
	return b.change("link(string,string,string)", string(path), hexText(address), abi)
}

// Touch makes an entry of a type. It is meant for contracts of the chain itself.
func (b BFS) Touch(path Path, typ PathType) (Write[None], error) {
	if err := b.checkPath("touch", path); err != nil {
		return Write[None]{}, err
	}
	return b.change("touch(string,string)", string(path), string(typ))
}

// checkPath refuses what every node answers with CodeInvalidPath.
func (b BFS) checkPath(function string, path Path) error {
	if !strings.HasPrefix(string(path), "/") {
		return b.invalid(function, "path %q does not begin with /", path)
	}
	return nil
}
