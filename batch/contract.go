package batch

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/contracts"
)

// Contract is a contract that can be called by name on a target.
type Contract struct {
	Name    string
	Address common.Address
	ABI     *contracts.ABI // nil when it was deployed without one
	TxHash  common.Hash    // of the deployment
	Block   uint64         // of the deployment
	JobID   string         // the job that deployed it
}

// A contract is registered by the confirmed outcome of a deployment; there is
// no second list that could say otherwise.
const deployments = `SELECT j.registers, j.abi, j.id, j.genesis, o.contract, o.block, a.hash
	FROM jobs j JOIN outcomes o ON o.item BETWEEN j.seq << 40 AND ((j.seq + 1) << 40) - 1
	JOIN attempts a ON a.item = o.item AND a.number = o.landed
	WHERE j.target = ? AND j.registers IS NOT NULL AND o.state = 'confirmed' AND o.contract IS NOT NULL`

func scanContract(row scanner) (Contract, common.Hash, error) {
	var c Contract
	var abi string
	var genesis, address, hash []byte
	var block int64
	if err := row.Scan(&c.Name, &abi, &c.JobID, &genesis, &address, &block, &hash); err != nil {
		return Contract{}, common.Hash{}, err
	}
	c.Address, c.TxHash, c.Block = common.BytesToAddress(address), common.BytesToHash(hash), uint64(block)
	if abi != "" {
		parsed, err := contracts.ParseABI([]byte(abi))
		if err != nil {
			return Contract{}, common.Hash{}, fmt.Errorf("contract %s: %w", c.Name, err)
		}
		c.ABI = parsed
	}
	return c, common.BytesToHash(genesis), nil
}

// deployed is Contract with the hash of block 0 of the chain that it is on.
func (s *Store) deployed(ctx context.Context, target, name string) (Contract, common.Hash, error) {
	c, genesis, err := scanContract(s.read.QueryRowContext(ctx, deployments+" AND j.registers = ? ORDER BY o.settled DESC, o.item DESC LIMIT 1", target, name))
	if errors.Is(err, sql.ErrNoRows) {
		return Contract{}, common.Hash{}, fmt.Errorf("contract %q on target %q: %w", name, target, ErrNotDeployed)
	}
	return c, genesis, err
}

// Contract finds the newest contract that was deployed under name on target
// through this store; ErrNotDeployed when there is none, also for a built-in
// contract. It does not ask the chain whether the contract is still there.
func (s *Store) Contract(ctx context.Context, target, name string) (Contract, error) {
	c, _, err := s.deployed(ctx, target, name)
	return c, err
}

// Contracts lists all contracts that were deployed on target through this
// store, by name; of each name the newest.
func (s *Store) Contracts(ctx context.Context, target string) ([]Contract, error) {
	rows, err := s.read.QueryContext(ctx, deployments+" ORDER BY j.registers, o.settled DESC, o.item DESC", target)
	if err != nil {
		return nil, fmt.Errorf("list contracts: %w", err)
	}
	defer rows.Close()
	list := []Contract{}
	for rows.Next() {
		c, _, err := scanContract(rows)
		if err != nil {
			return nil, fmt.Errorf("list contracts: %w", err)
		}
		if len(list) == 0 || list[len(list)-1].Name != c.Name {
			list = append(list, c)
		}
	}
	return list, rows.Err()
}
