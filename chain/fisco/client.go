package fisco

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/fisco/result"
	"github.com/bcosgate/bcosgate/chain/jsonrpc"
)

// Client is one WebSocket connection to one node, for one group. All methods are
// safe for concurrent use and share the connection: answers come in any order.
// When the connection breaks, Done is closed, every wait ends with
// KindUnavailable, and the client stays broken: dial another, or let a Session do
// it. Close must be called in any case.
type Client struct {
	Methods
	cfg      DialConfig
	log      *slog.Logger
	conn     *conn
	protocol int

	infoMu   sync.Mutex
	info     result.GroupInfo // as the handshake or the newest notification told
	unserved error            // why the group is not served, as the newest notification told
	greeted  result.GroupInfo // as the handshake told

	headMu sync.Mutex
	head   chain.Head

	feedMu sync.Mutex
	feeds  map[string]*feed // by id

	amopWanted  atomic.Bool   // topics were subscribed
	amopSlots   chan struct{} // holds one for each message that is being handled
	amopDropped atomic.Uint64

	life  context.Context // ends with Close
	stop  context.CancelFunc
	owned owner
}

// newClient is a client without a connection.
func newClient(cfg DialConfig) *Client {
	c := &Client{cfg: cfg, log: cfg.Logger.With("node", cfg.Address), feeds: map[string]*feed{}, amopSlots: make(chan struct{}, amopHandlers)}
	c.Methods = Methods{carrier: c, address: cfg.Address, chainID: cfg.ChainID, group: cfg.Group, readTimeout: cfg.ReadTimeout}
	c.life, c.stop = context.WithCancel(context.Background())
	return c
}

// Group is what the node said last of the group: in the handshake, or in a
// notification since.
func (c *Client) Group() result.GroupInfo {
	c.infoMu.Lock()
	defer c.infoMu.Unlock()
	return c.info
}

// Protocol is the version that the handshake agreed on, 0 to 2.
func (c *Client) Protocol() int { return c.protocol }

// Done is closed when the connection has ended, by Close or by itself.
func (c *Client) Done() <-chan struct{} { return c.conn.closed }

// Err says why the connection ended; nil while it is up.
func (c *Client) Err() error { return c.broken() }

// Close ends the connection and the subscriptions, and waits for their
// goroutines and for DialConfig.OnAMOP. Waits that are in progress end with
// KindUnavailable. It may be called more than once; the error is always nil.
func (c *Client) Close() error {
	c.stop()
	c.conn.close()
	c.owned.wait()
	return nil
}

// carry is the carrier of Methods: an RPC frame.
func (c *Client) carry(ctx context.Context, op string, params []any) ([]byte, bool, error) {
	answer, taken, err := c.conn.do(ctx, FrameRPC, func(dst []byte) ([]byte, error) {
		return jsonrpc.AppendRequest(dst, 1, op, params...)
	})
	return answer.Payload, taken, err
}

func (c *Client) broken() error {
	select {
	case <-c.conn.closed:
		return c.conn.cause
	default:
		return nil
	}
}

// gone is the border error once the connection has ended.
func (c *Client) gone(op string) error {
	cause := c.broken()
	if cause == nil {
		return nil
	}
	return c.at(&chain.Error{Kind: chain.KindUnavailable, Sent: chain.SentNo, Op: op, Msg: "the connection broke", Err: cause})
}

// alive is this client while its connection is up.
func (c *Client) alive(context.Context) (*Client, error) { return c, c.gone(opSubscribe) }
