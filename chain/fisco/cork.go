package fisco

import (
	"net"
	"sync/atomic"
)

// corkSize is the most that a cork keeps: what one TLS record takes.
const corkSize = 16 << 10

// cork is a connection whose writes can be held back for a moment, so that many
// small messages leave in one TLS record and one call of the kernel, and reach
// the node in as few. The request of a transaction has about 700 bytes: without it
// most of the cost of sending one is that of its record, on both sides.
//
// The WebSocket library writes below a lock of its own, a message at a time, its
// pings and pongs as well. So all of it passes here in order, and no lock is
// needed.
type cork struct {
	net.Conn
	held atomic.Bool // what is written next is kept, if it fits, for what is written then
	kept []byte
}

// Write writes p behind what was kept, or keeps it. An error is that of the
// connection, which then is at its end.
func (c *cork) Write(p []byte) (int, error) {
	fits := len(c.kept)+len(p) <= corkSize
	if c.held.Load() && fits {
		c.kept = append(c.kept, p...)
		return len(p), nil
	}
	if len(c.kept) == 0 {
		return c.Conn.Write(p)
	}
	if fits {
		c.kept = append(c.kept, p...)
		return len(p), c.flush()
	}
	if err := c.flush(); err != nil {
		return 0, err
	}
	return c.Write(p)
}

// flush writes what is kept.
func (c *cork) flush() error {
	_, err := c.Conn.Write(c.kept)
	c.kept = c.kept[:0]
	return err
}
