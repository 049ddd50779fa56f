package devchain

import "context"

// order is work that the sealer does between two blocks. After an error the chain
// has ended.
type order func() error

// between has the sealer do work between two blocks and waits for it. The error is
// that of the work, ErrStopped when the chain does not run, ErrAgreed where no node
// makes blocks alone, or that of ctx; then the work may still be done.
func (c *Chain) between(ctx context.Context, work order) error {
	if c.agreed() {
		return ErrAgreed
	}
	c.mu.Lock()
	started := c.started
	c.mu.Unlock()
	if !started {
		return ErrStopped
	}
	answer := make(chan error, 1)
	do := func() error {
		err := work()
		answer <- err
		return err
	}
	select {
	case c.orders <- do:
	case <-c.done:
		return ErrStopped
	case <-c.stopping:
		return ErrStopped
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-answer: // it comes: the sealer ends with an order or between two
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Mine makes a block at once of what waits in the pool, at most TxCountLimit
// transactions, and gives the newest block. When nothing waits no block is made,
// as on a node. It waits for a block that is being made. The error is ErrStopped
// when the chain does not run, or that of ctx; then a block may still be made.
func (c *Chain) Mine(ctx context.Context) (Head, error) {
	return c.mine(ctx, 1, false)
}

// MineBlocks makes n blocks at once, at least one, of what waits in the pool; when
// nothing waits any more they are empty. A real node makes no empty blocks. Other
// than that it is like Mine.
func (c *Chain) MineBlocks(ctx context.Context, n int) (Head, error) {
	return c.mine(ctx, n, true)
}

func (c *Chain) mine(ctx context.Context, n int, empty bool) (Head, error) {
	var head Head
	err := c.between(ctx, func() error {
		for range max(n, 1) {
			if ctx.Err() != nil { // nobody waits for the others
				break
			}
			if err := c.seal(c.blockSize(), empty); err != nil {
				return err
			}
		}
		var err error
		head, err = c.newest()
		return err
	})
	if err != nil {
		return Head{}, err
	}
	return head, nil
}

// SetSealing lets the chain make blocks by itself, or only when Mine is called.
// When it returns no block is being made that was not asked for. The errors are
// those of Mine.
// Where several nodes agree on the blocks it is this node's part that begins or ends.
func (c *Chain) SetSealing(ctx context.Context, on bool) error {
	if c.agreed() {
		c.manual.Store(!on)
		return nil
	}
	return c.between(ctx, func() error {
		c.manual.Store(!on)
		return nil
	})
}

// Sealing reports whether the chain makes blocks by itself.
func (c *Chain) Sealing() bool { return !c.manual.Load() }
