package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/batch"
	"github.com/bcosgate/bcosgate/contracts"
	"github.com/bcosgate/bcosgate/internal/permissions"
)

// callee is the contract of a command.
type callee struct {
	s       *chainSession
	address common.Address
	abi     *contracts.ABI // nil when none is known here
}

// callee finds a contract by its address or its name. abiFile may be empty.
func (s *chainSession) callee(ctx context.Context, contract, abiFile string) (callee, error) {
	c := callee{s: s}
	var err error
	if strings.HasPrefix(contract, "0x") {
		c.address, err = parseAddress(contract)
	} else {
		c.address, c.abi, err = s.deployed(ctx, contract)
	}
	if err != nil {
		return callee{}, fmt.Errorf("contract: %w", err)
	}
	if abiFile == "" {
		return c, nil
	}
	data, err := os.ReadFile(abiFile)
	if err != nil {
		return callee{}, fmt.Errorf("--abi: %w", err)
	}
	if c.abi, err = contracts.ParseABI(data); err != nil {
		return callee{}, fmt.Errorf("--abi %s: %w", abiFile, err)
	}
	return c, nil
}

// deployed looks in the store for the newest contract of a name.
func (s *chainSession) deployed(ctx context.Context, name string) (common.Address, *contracts.ABI, error) {
	path := s.cfg.Store.Path
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) { // opening would make it
		return common.Address{}, nil, fmt.Errorf("%q is no address, and there is no store (%s) that could know the name: give the address, 0x and 40 hex digits", name, path)
	}
	store, err := openStore(ctx, path)
	if err != nil {
		return common.Address{}, nil, err
	}
	defer store.Close()
	found, err := store.Contract(ctx, s.target.Name, name)
	if errors.Is(err, batch.ErrNotDeployed) {
		return common.Address{}, nil, fmt.Errorf("%q is no address, and the gateway of store %s deployed nothing of that name on target %s", name, path, s.target.Name)
	}
	if err != nil {
		return common.Address{}, nil, err
	}
	if found.ABI == nil {
		if builtin, ok := contracts.Builtin(name); ok {
			found.ABI = builtin.ABI
		}
	}
	return found.Address, found.ABI, nil
}

// method finds a method by its signature, its name or its selector. A name needs
// an ABI, which the chain itself may have.
func (c callee) method(ctx context.Context, fn string) (permissions.Method, error) {
	if digits, ok := strings.CutPrefix(fn, "0x"); ok {
		raw, err := hex.DecodeString(digits)
		if err != nil || len(raw) != 4 {
			return permissions.Method{}, fmt.Errorf("%q is not a selector, which is 0x and 8 hex digits", fn)
		}
		return permissions.Method{Selector: [4]byte(raw)}, nil
	}
	if strings.Contains(fn, "(") && c.abi == nil {
		m, err := contracts.MethodFromSignature(fn)
		if err != nil {
			return permissions.Method{}, fmt.Errorf("method %s: %w", fn, err)
		}
		return c.s.MethodOf(m.Signature()), nil
	}
	abi := c.abi
	if abi == nil {
		var err error
		if abi, err = c.chainABI(ctx); err != nil {
			return permissions.Method{}, fmt.Errorf("method %s: %w", fn, err)
		}
	}
	m, err := abi.Method(fn)
	if err != nil {
		return permissions.Method{}, fmt.Errorf("method %s: %w", fn, err)
	}
	return c.s.MethodOf(m.Signature()), nil
}

// chainABI is the ABI that the contract was deployed with.
func (c callee) chainABI(ctx context.Context) (*contracts.ABI, error) {
	text, err := c.s.client.GetABI(ctx, c.address)
	if err != nil {
		return nil, err
	}
	if text == "" {
		return nil, errors.New("the chain has no ABI of this contract: give --abi, or the signature with the types, for example 'save(bytes32,string)'")
	}
	return contracts.ParseABI([]byte(text))
}
