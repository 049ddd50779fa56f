package pool

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/bcosgate/bcosgate/chain"
)

// Conn is one connection to one node. Head must not wait for the network. Close
// ends it and waits; Done is closed when it has ended, for whatever reason.
//
// A Conn may also have Serves() error, which must not wait either: an error says
// that the node serves the target no more, although it answers.
type Conn interface {
	chain.HeadReader
	chain.Caller
	chain.Sender
	chain.ReceiptReader
	chain.BlockReader
	chain.CodeReader
	chain.Identifier
	BlockNumber(ctx context.Context) (uint64, error)
	Done() <-chan struct{}
	Close() error
}

// Config says which nodes a pool has and how it keeps connections to them. Zero
// values take the defaults.
type Config struct {
	Target chain.Target
	Nodes  []string // addresses, in the order of the configuration, none twice; empty: SetNodes lists some later

	// Dial opens a connection to a node that serves Target. Its error may be
	// shown to people and must not be nil without a connection.
	Dial func(ctx context.Context, node string) (Conn, error)

	// MaxConns bounds the open connections to each node, those included that only
	// end what they have; 0 is 2. Requests are multiplexed: a few carry thousands.
	MaxConns int
	// MinConns is how many stay open without requests; 0 is 1, at most MaxConns.
	MinConns int
	// PerConn is how many requests a connection has in flight when a further one is
	// opened; 0 is 128, half of what chain/fisco queues before its writer, so that a
	// burst does not line up there.
	PerConn int
	// MaxPerConn bounds the requests in flight on a connection. When all that may be
	// open are full, leases wait in the order in which they came; 0 is 4096, so that
	// one connection holds what a guard lets through of one class by default.
	MaxPerConn int

	// IdleTimeout closes connections beyond MinConns that had no request for so
	// long; 0 is 5 min.
	IdleTimeout time.Duration
	// Lifetime replaces connections that are older; 0 is 1 h, below 0 is never. The
	// successor is dialled first where MaxConns allows it. With a MaxConns of 1 the
	// connection is replaced in a moment without requests.
	Lifetime time.Duration
	// DrainTimeout bounds how long a connection that is replaced, or whose node is
	// listed no more, waits for its last answers; 0 is 30 s, which a write may take.
	DrainTimeout time.Duration

	// MaxDials bounds the dials at a time over all nodes; 0 is 4. There is never
	// more than one to a node.
	MaxDials int
	// DialTimeout bounds one dial and the look at the genesis block; 0 is 5 s.
	DialTimeout time.Duration
	// The pause before the k-th new dial of a node is random between 0 and
	// BackoffMin·2^k, at most BackoffMax; 0 are 100 ms and 5 s. It counts from the
	// beginning of the dial before, and is small again once a connection has stood
	// for BackoffMax.
	BackoffMin, BackoffMax time.Duration

	// Heartbeat is how often each node is asked for its newest block; 0 is 5 s.
	Heartbeat time.Duration
	// HeartbeatTimeout is how long it may take to answer; 0 is 3 s.
	HeartbeatTimeout time.Duration
	// HeartbeatMisses in a row take the node offline; 0 is 3: one is noise on a busy
	// machine, three are a quarter of a minute.
	HeartbeatMisses int

	Cordons CordonBook   // nil forgets cordons when the pool ends
	Logger  *slog.Logger // nil logs nothing
}

// Defaults is what the zero Config stands for.
func Defaults() Config {
	var c Config
	c.setDefaults()
	return c
}

// validate says what is wrong.
func (c *Config) validate() error {
	if c.Dial == nil {
		return errors.New("pool: no dialler")
	}
	return checkNodes(c.Target.Name, c.Nodes)
}

// setDefaults fills in zero values.
func (c *Config) setDefaults() {
	setDefault(&c.MaxConns, 2)
	setDefault(&c.MinConns, 1)
	c.MinConns = min(c.MinConns, c.MaxConns)
	setDefault(&c.PerConn, 128)
	setDefault(&c.MaxPerConn, 4096)
	c.PerConn = min(c.PerConn, c.MaxPerConn)
	setDefault(&c.IdleTimeout, 5*time.Minute)
	if c.Lifetime == 0 {
		c.Lifetime = time.Hour
	}
	setDefault(&c.DrainTimeout, 30*time.Second)
	setDefault(&c.MaxDials, 4)
	setDefault(&c.DialTimeout, 5*time.Second)
	setDefault(&c.BackoffMin, 100*time.Millisecond)
	setDefault(&c.BackoffMax, 5*time.Second)
	setDefault(&c.Heartbeat, 5*time.Second)
	setDefault(&c.HeartbeatTimeout, 3*time.Second)
	setDefault(&c.HeartbeatMisses, 3)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
}

func setDefault[T int | time.Duration](value *T, def T) {
	if *value <= 0 {
		*value = def
	}
}

// checkNodes says what is wrong with a list of nodes.
func checkNodes(target string, names []string) error {
	seen := map[string]bool{}
	for _, name := range names {
		if name == "" || seen[name] {
			return fmt.Errorf("pool: target %q names node %q twice or empty", target, name)
		}
		seen[name] = true
	}
	return nil
}
