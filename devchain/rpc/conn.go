package rpc

import (
	"net"
	"sync/atomic"
	"time"

	"github.com/bcosgate/bcosgate/devchain/faults"
)

// activityConn remembers when the peer was heard last: any byte counts, so that
// the keep-alive never closes a session in the middle of a long message.
type activityConn struct {
	*faults.Conn
	heard atomic.Int64 // nanoseconds since 1970
}

// Read notes the time of what it reads.
func (c *activityConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.touch()
	}
	return n, err
}

func (c *activityConn) touch() { c.heard.Store(time.Now().UnixNano()) }

// silence is how long nothing has been heard; none when it is half-open.
func (c *activityConn) silence() time.Duration {
	if c.Dead() {
		return 0
	}
	return time.Duration(time.Now().UnixNano() - c.heard.Load())
}

// activityListener wraps what it accepts.
type activityListener struct{ faults.Listener }

// Accept waits for the next connection.
func (l activityListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	wrapped := &activityConn{Conn: c.(*faults.Conn)}
	wrapped.touch()
	return wrapped, nil
}
