package fisco

import (
	"context"
	"time"

	"github.com/bcosgate/bcosgate/chain"
)

// pollAfter is how many heartbeats may pass without news of the head before the
// node is asked: pushes come with each block only, and a quiet chain makes none.
const pollAfter = 2

// Head is the newest block that this connection heard of, by push, by an answer
// or by polling. It never waits and never fails while the connection is up;
// afterwards it is KindUnavailable.
func (c *Client) Head(context.Context) (chain.Head, error) {
	if err := c.gone("head"); err != nil {
		return chain.Head{}, err
	}
	c.headMu.Lock()
	defer c.headMu.Unlock()
	return c.head, nil
}

// noteHead takes news of a block. Blocks are final: a lower number is old news.
func (c *Client) noteHead(number uint64) {
	c.headMu.Lock()
	if c.head.At.IsZero() || number >= c.head.Number {
		c.head = chain.Head{Number: number, At: time.Now()}
	}
	c.headMu.Unlock()
}

// watch asks for the block number when nothing was heard of it for a while.
func (c *Client) watch() {
	c.owned.start(func() {
		tick := time.NewTicker(c.cfg.Heartbeat)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
			case <-c.conn.closed:
				return
			}
			c.headMu.Lock()
			silent := time.Since(c.head.At)
			c.headMu.Unlock()
			if silent < pollAfter*c.cfg.Heartbeat {
				continue
			}
			// The read's own time limit ends it, or the end of the connection does.
			if _, err := c.BlockNumber(context.Background()); err != nil {
				c.log.Debug("polling the head failed", "error", err)
			}
		}
	})
}
