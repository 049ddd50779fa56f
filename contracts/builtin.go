package contracts

import (
	"embed"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

//go:embed build/*.abi build/*.bin
var build embed.FS

// Artifact is a contract that comes with the product.
type Artifact struct {
	Name     string
	ABI      *ABI
	Bytecode []byte // creation code, without constructor arguments
}

// Builtin gives a contract by its name, for example "Evidence". Names are
// case-sensitive.
func Builtin(name string) (Artifact, bool) {
	if !slices.Contains(BuiltinNames(), name) {
		return Artifact{}, false
	}
	a, err := loadArtifact(name)
	if err != nil {
		// The files are part of the program, and a test reads all of them.
		panic(fmt.Sprintf("contracts: built-in %s: %v", name, err))
	}
	return a, true
}

// BuiltinNames lists the names of all built-in contracts, sorted.
func BuiltinNames() []string {
	entries, err := build.ReadDir("build")
	if err != nil {
		panic(fmt.Sprintf("contracts: %v", err))
	}
	var names []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".abi"); ok {
			names = append(names, name)
		}
	}
	return names
}

func loadArtifact(name string) (Artifact, error) {
	text, err := build.ReadFile("build/" + name + ".abi")
	if err != nil {
		return Artifact{}, err
	}
	abi, err := ParseABI(text)
	if err != nil {
		return Artifact{}, err
	}
	if text, err = build.ReadFile("build/" + name + ".bin"); err != nil {
		return Artifact{}, err
	}
	code, err := hex.DecodeString(strings.TrimSpace(string(text)))
	return Artifact{Name: name, ABI: abi, Bytecode: code}, err
}
