package system

import (
	"strings"

	"github.com/ethereum/go-ethereum/common"
)

// Kinds of files, and the rows of a link.
const (
	typeDirectory = "directory"
	typeContract  = "contract"
	typeLink      = "link"

	linkType    = "type"
	linkAddress = "link_address"
	linkABI     = "link_abi"
	linkName    = "name"
)

const directoryColumns = "type,status,acl_type,acl_white,acl_black,extra"

// fileRow is the row of a file in its directory.
func fileRow(kind string) string { return rowOf([]string{kind, "0", "0", "", "", ""}) }

// BFS, 0x100e: the file system of contracts. A directory is a table with a row for
// each of its files.
func (c *Contracts) bfs() contract {
	return contract{
		name: "BFSPrecompiled",
		methods: c.functions(map[string]method{
			"list(string)":                 listFiles,
			"list(string,uint256,uint256)": listPage,
			"mkdir(string)":                makeDirectory,
			"link(string,string,string)": func(x *context, args *arguments) ([]byte, error) {
				path, target, abi := args.string(), args.string(), args.string()
				if strings.HasPrefix(path, shardPrefix) {
					return code(codeInvalidPath)
				}
				return link(x, below(appsPrefix, path), target, abi, appsAndTables)
			},
			"link(string,string,string,string)": linkVersion,
			"readlink(string)": func(x *context, args *arguments) ([]byte, error) {
				at, err := linked(x.State, args.string())
				if err != nil {
					return nil, err
				}
				return encode(address(at)), nil
			},
			"touch(string,string)": func(x *context, args *arguments) ([]byte, error) {
				path, kind := args.string(), args.string()
				result, err := touch(x, path, kind, appsAndTables)
				if err != nil {
					return nil, err
				}
				return code(result)
			},
			"initBfs()": func(*context, *arguments) ([]byte, error) { return nil, nil }, // it was done by the genesis
			"rebuildBfs(uint256,uint256)": func(*context, *arguments) ([]byte, error) {
				return code(codeNoAuthorized) // only for upgrades from 3.0
			},
			"fixBfs(uint256)": func(_ *context, args *arguments) ([]byte, error) {
				if args.uint64() != 0x03030000 {
					return nil, refuse("BFSPrecompiled call undefined function!")
				}
				return nil, refuse("BFSPrecompiled fixBfs320 backendStorage is null.")
			},
		}),
	}
}

// below is the path of a file below a directory.
func below(directory, path string) string { return directory + strings.TrimPrefix(path, "/") }

// isPath reports whether a text is a path: up to six names of letters, digits, _ and
// behind the first character - # @ and dots.
func isPath(path string) bool {
	if path == "" || len(path) > 128 {
		return false
	}
	if path == "/" {
		return true
	}
	names := namesOf(path)
	if len(names) > 6 {
		return false
	}
	for _, name := range names {
		if name == "" || !madeOf(name[:1], "_") || !madeOf(name, "_-#@.") {
			return false
		}
	}
	return true
}

// namesOf splits a path; slashes that follow each other count as one.
func namesOf(path string) []string {
	path = strings.TrimSuffix(strings.TrimPrefix(path, "/"), "/")
	var names []string
	for i, name := range strings.Split(path, "/") {
		if name != "" || i == 0 {
			names = append(names, name)
		}
	}
	return names
}

// split gives the directory of a file and the file's name.
func split(path string) (directory, name string) {
	if path == "/" {
		return "/", "/"
	}
	path = strings.TrimSuffix(path, "/")
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return path, path
	}
	if i == 0 {
		return "/", path[1:]
	}
	return path[:i], path[i+1:]
}

// file reads what the directory of a file says about it; nil when there is none.
func file(state State, path string) []string {
	if path == "/" {
		return fieldsOf(fileRow(typeDirectory))
	}
	directory, name := split(path)
	row, ok := state.Get(directory, name)
	if !ok {
		return nil
	}
	return fieldsOf(row)
}

func entry(name string, fields []string) value {
	return tuple(text(name), text(fields[0]), texts(fields[1:]))
}

func entries(state State, directory string, keys []string) []value {
	files := []value{}
	for _, key := range keys {
		row, _ := state.Get(directory, key)
		if fields := fieldsOf(row); len(fields) > 0 {
			files = append(files, entry(key, fields))
		}
	}
	return files
}

// single lists a file that is no directory.
func single(state State, path string, fields []string) []value {
	_, name := split(path)
	switch fields[0] {
	case typeLink:
		target, _ := state.Get(path, linkAddress)
		abi, _ := state.Get(path, linkABI)
		return []value{entry(name, []string{typeLink, target, abi})}
	case typeContract:
		return []value{entry(name, fields)}
	}
	return nil
}

func listFiles(x *context, args *arguments) ([]byte, error) {
	path := args.string()
	return list(x, path, func() ([]string, error) { return keysOf(x.State, path, nil, 0, maxRows), nil })
}

func listPage(x *context, args *arguments) ([]byte, error) {
	path, offset, count := args.string(), args.uint256(), args.uint256()
	return list(x, path, func() ([]string, error) {
		keys := keysOf(x.State, path, nil, offset.Uint64(), count.Uint64())
		if count.IsUint64() && count.Uint64() == uint64(len(keys)) {
			return nil, errInternal // a node with executor version 1 cannot count what is left
		}
		return keys, nil
	})
}

// list answers with the file at a path, or with the files of a directory that keys
// chooses.
func list(x *context, path string, keys func() ([]string, error)) ([]byte, error) {
	answer := func(result int64, files []value) ([]byte, error) {
		return encode(integer(result), array(files...)), nil
	}
	if !isPath(path) {
		return answer(codeInvalidPath, nil)
	}
	if !isTable(x.State, path) {
		return answer(codeFileMissing, nil)
	}
	fields := file(x.State, path)
	if len(fields) == 0 {
		return answer(codeFileMissing, nil)
	}
	if fields[0] != typeDirectory {
		return answer(codeSuccess, single(x.State, path, fields))
	}
	names, err := keys()
	if err != nil {
		return nil, err
	}
	return answer(codeSuccess, entries(x.State, path, names))
}

func makeDirectory(x *context, args *arguments) ([]byte, error) {
	path := args.string()
	if strings.HasPrefix(path, shardPrefix) {
		return code(codeBuildFailed)
	}
	return makeDirectoryAt(x, path, appsAndTables)
}

func makeDirectoryAt(x *context, path string, allowed func(path string) bool) ([]byte, error) {
	if isTable(x.State, path) {
		return code(codeFileExists)
	}
	return code(innerTouch(x, path, typeDirectory, allowed))
}

// link makes a link, or changes where one leads to.
func link(x *context, path, target, abi string, allowed func(path string) bool) ([]byte, error) {
	target = strings.TrimPrefix(target, "0x")
	if !isPath(path) {
		return code(codeInvalidPath)
	}
	if isTable(x.State, path) {
		if kind, _ := x.State.Get(path, linkType); kind != typeLink {
			return code(codeFileExists)
		}
		writeLink(x.State, path, target, abi)
		return code(codeSuccess)
	}
	if innerTouch(x, path, typeLink, allowed) != codeSuccess {
		return code(codeBuildFailed)
	}
	if err := createTable(x.State, path, "value"); err != nil {
		return nil, err
	}
	writeLink(x.State, path, target, abi)
	return code(codeSuccess)
}

func writeLink(store Store, path, target, abi string) {
	store.Set(path, linkType, typeLink)
	store.Set(path, linkAddress, target)
	if abi != "" {
		store.Set(path, linkABI, abi)
	}
}

// linkVersion links a contract as name and version, after the manner of a name
// service.
func linkVersion(x *context, args *arguments) ([]byte, error) {
	name, version, target, abi := args.string(), args.string(), args.string(), args.string()
	target = strings.TrimPrefix(target, "0x")
	name, version = trim(name), trim(version)
	if !isTable(x.State, below(appsPrefix, target)) || strings.Contains(name+version, "/") {
		return code(codeAddressVersion)
	}
	if err := checkLength(abi, maxValue, codeValueTooLong); err != nil {
		return nil, err
	}
	path := appsPrefix + name + "/" + version
	fresh := !isTable(x.State, path)
	out, err := link(x, path, target, abi, appsAndTables)
	if kind, _ := x.State.Get(path, linkType); err == nil && kind == typeLink {
		if !fresh {
			x.State.Set(path, linkABI, abi)
		} else if version != "" {
			x.State.Set(path, linkName, version)
		}
	}
	return out, err
}

// appsAndTables are the directories in which users may make files.
func appsAndTables(path string) bool {
	return strings.HasPrefix(path, appsPrefix) || strings.HasPrefix(path, tablePrefix) || strings.HasPrefix(path, userPrefix)
}

// innerTouch is touch as a call from another system contract.
func innerTouch(x *context, path, kind string, allowed func(path string) bool) int64 {
	var result int64
	err := x.inner(func() (err error) {
		result, err = touch(x, path, kind, allowed)
		return err
	})
	if err != nil {
		return codeBuildFailed
	}
	return result
}

// touch enters a file in its directory, and makes the directories that it needs.
func touch(x *context, path, kind string, allowed func(path string) bool) (int64, error) {
	switch {
	case !isPath(path):
		return codeInvalidPath, nil
	case kind != typeDirectory && kind != typeContract && kind != typeLink:
		return codeInvalidFormat, nil
	case !allowed(path):
		return codeInvalidPath, nil
	}
	if kind == typeDirectory {
		return codeSuccess, buildDirectories(x.State, path)
	}
	directory, name := split(path)
	if err := buildDirectories(x.State, directory); err != nil {
		return 0, err
	}
	x.State.Set(directory, name, fileRow(kind))
	return codeSuccess, nil
}

// buildDirectories makes the directories of a path that are missing.
func buildDirectories(state State, path string) error {
	at := "/"
	for _, name := range namesOf(path) {
		if !isTable(state, at) {
			return refuse("Recursive build bfs dir error.")
		}
		next := strings.TrimSuffix(at, "/") + "/" + name
		row, ok := state.Get(at, name)
		if !ok {
			state.Set(at, name, fileRow(typeDirectory))
			if err := createTable(state, next, directoryColumns); err != nil {
				return err
			}
		} else if fields := fieldsOf(row); len(fields) == 0 || fields[0] != typeDirectory {
			return refuse("Recursive build bfs dir error.")
		}
		at = next
	}
	return nil
}

// parseHexAddress reads the text of an address: of more than 20 bytes the first
// count, fewer are filled with zeros on the left.
func parseHexAddress(s string) (common.Address, error) {
	digits := strings.TrimPrefix(s, "0x")
	if strings.Trim(digits, "0123456789abcdefABCDEF") != "" {
		return common.Address{}, errInternal
	}
	data := common.FromHex(digits)
	return common.BytesToAddress(data[:min(len(data), common.AddressLength)]), nil
}
