package assemble

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/chain/fisco/suite"
	"github.com/bcosgate/bcosgate/configs"
)

// Account is a key that signs transactions, read from its file.
type Account struct {
	Name    string
	File    string
	Address common.Address
	Created bool // the file was made now, so nobody has a copy of the key yet
	key     *suite.Key
}

// Accounts reads the key files. A missing one is made where the configuration
// says so, readable by its owner only, and never replaces a file. Errors name
// the account and the file, never the key.
func Accounts(list []configs.Account) ([]Account, error) {
	accounts := make([]Account, 0, len(list))
	for _, c := range list {
		a, err := openAccount(c)
		if err != nil {
			return nil, fmt.Errorf("account %s: %w", c.Name, err)
		}
		accounts = append(accounts, a)
	}
	return accounts, nil
}

func openAccount(c configs.Account) (Account, error) {
	data, err := os.ReadFile(c.File)
	created := false
	if errors.Is(err, fs.ErrNotExist) && c.Create {
		if data, err = createKey(c.File); errors.Is(err, fs.ErrExist) {
			data, err = os.ReadFile(c.File) // another process was faster
		} else {
			created = err == nil
		}
	}
	if err != nil {
		return Account{}, fmt.Errorf("key file: %w", err)
	}
	key, err := suite.ParseKey(data, suite.Standard)
	if err != nil {
		return Account{}, fmt.Errorf("key file %s: %w", c.File, err)
	}
	if key.Suite() != suite.Standard {
		return Account{}, fmt.Errorf("key file %s: an SM2 key, for a GM chain; jobs need a secp256k1 key", c.File)
	}
	return Account{Name: c.Name, File: c.File, Address: key.Address(), Created: created, key: key}, nil
}

// createKey writes a new key under a name of its own first, so that no reader
// ever sees half of it, and gives it its name only if that is free.
func createKey(path string) ([]byte, error) {
	key, err := suite.GenerateKey(suite.Standard)
	if err != nil {
		return nil, err
	}
	data, err := key.MarshalPEM()
	if err != nil {
		return nil, err
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(dir, ".key-") // mode 0600
	if err != nil {
		return nil, err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	return data, os.Link(f.Name(), path)
}
