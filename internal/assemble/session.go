package assemble

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/bcosgate/bcosgate/chain/fisco"
	"github.com/bcosgate/bcosgate/chain/fisco/suite"
	"github.com/bcosgate/bcosgate/chain/fisco/tx"
	"github.com/bcosgate/bcosgate/configs"
)

// sessionWindow puts the block limit of a transaction a hundred blocks ahead of
// the head. Few transactions are sent over such a session, each at once: that is
// time enough, allowed on chains with a small window, and soon past when the fate
// of one is open.
const sessionWindow = 200

// Session is for a few requests by hand, not for jobs: it connects to the first
// node of a target that answers, in the order of the list, on a ledger of
// either suite. When none does, the error has what each said. Close must be called.
func Session(ctx context.Context, c configs.Target, log *slog.Logger) (*fisco.Session, error) {
	dial, err := dialConfig(c, log)
	if err != nil {
		return nil, fmt.Errorf("target %s: %w", c.Name, err)
	}
	nodes, err := ListNodes(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("target %s: %w", c.Name, err)
	}
	var failures []error
	for _, node := range nodes {
		s, err := fisco.OpenSession(ctx, fisco.SessionConfig{DialConfig: dial(node), BlockLimitWindow: sessionWindow})
		if err == nil {
			return s, nil
		}
		failures = append(failures, err)
	}
	return nil, fmt.Errorf("target %s: %w", c.Name, errors.Join(failures...))
}

// Signer reads the key file of an account that signs for a target whose ledger has
// the suite. The key must be of that suite; no file is ever made. Errors name the
// file, never the key.
func Signer(file string, c configs.Target, s suite.Suite) (*tx.Signer, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	key, err := suite.ParseKey(data, s)
	if err != nil {
		return nil, fmt.Errorf("key file %s: %w", file, err)
	}
	if key.Suite() != s {
		return nil, fmt.Errorf("key file %s: a key for a %s ledger, the group has a %s one", file, key.Suite(), s)
	}
	return tx.NewSigner(key, c.Chain, c.Group), nil
}
