package cluster

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"time"

	"github.com/bcosgate/bcosgate/devchain"
)

// silence is how long a connection may bring nothing, not even a sign of life.
const silence = 20 * time.Second

// accept takes the connections of other nodes until the listener is closed.
func (n *Node) accept(ctx context.Context, l net.Listener) {
	for {
		conn, err := l.Accept()
		if errors.Is(err, net.ErrClosed) || ctx.Err() != nil {
			return
		}
		if err != nil { // out of file descriptors, perhaps
			n.log.Error("a connection of another node cannot be accepted", "error", err)
			select {
			case <-time.After(redialFirst):
			case <-ctx.Done():
			}
			continue
		}
		select {
		case n.incoming <- struct{}{}:
		default:
			n.log.Warn("too many connections to the p2p port", "from", conn.RemoteAddr())
			_ = conn.Close()
			continue
		}
		n.owned.Go(func() {
			defer func() { <-n.incoming }()
			if err := n.listen(ctx, conn); err != nil && ctx.Err() == nil && !errors.Is(err, errOwnAddress) {
				n.log.Debug("a connection of another node has ended", "from", conn.RemoteAddr(), "error", err)
			}
		})
	}
}

// listen reads what one node sends until the connection ends.
func (n *Node) listen(ctx context.Context, tcp net.Conn) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = tcp.Close() })()
	defer tcp.Close()
	conn := tcp
	if err := conn.SetDeadline(time.Now().Add(helloTime)); err != nil {
		return err
	}
	var secret []byte
	if n.cfg.Server != nil {
		secured := tls.Server(tcp, n.cfg.Server)
		err := secured.HandshakeContext(ctx)
		if err != nil {
			return err
		}
		if secret, err = secretOf(secured); err != nil {
			return err
		}
		conn = secured
	}
	reader := bufio.NewReader(conn)
	from, err := n.readHello(reader, "dialed", secret)
	if err != nil && !errors.Is(err, errOwnAddress) {
		return err
	}
	own, failed := n.hello("accepted", secret)
	if failed != nil {
		return failed
	}
	if _, failed := conn.Write(frame(own)); failed != nil || err != nil {
		return errors.Join(err, failed) // our own dialer learns who it has reached
	}
	n.open[from].Add(1)
	n.heardFrom(from)
	n.redial()
	defer n.gone(from, conn)
	for {
		if err := conn.SetDeadline(time.Now().Add(silence)); err != nil {
			return err
		}
		message, err := readMessage(reader, maxMessage)
		if err != nil {
			return err
		}
		n.heardFrom(from)
		if n.handleAMOP(ctx, from, conn, message) {
			continue
		}
		if err := n.handle(ctx, from, message); err != nil {
			return err
		}
	}
}

// handle passes a message on. Messages for the agreement wait for their turn, and
// so the other node does when too many wait; transactions that cannot be checked
// in time are left out: the node that sent them keeps them.
func (n *Node) handle(ctx context.Context, from int, message any) error {
	switch m := message.(type) {
	case transaction:
		if n.arriving.Add(int64(len(m.Raw))) <= maxArrivingBytes {
			select {
			case n.arrivals <- m.Raw:
				return nil
			default:
			}
		}
		n.arriving.Add(-int64(len(m.Raw)))
		return nil
	case getBlocks:
		return n.answer(from, m)
	case status:
		n.noteStatus(from, m)
		select {
		case n.inbox <- inbound{from, m}:
		default: // the next one will do
		}
		return nil
	}
	select {
	case n.inbox <- inbound{from, message}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// answer sends blocks from a number on, some at a time.
func (n *Node) answer(to int, ask getBlocks) error {
	var m blocks
	for number, size := max(ask.From, 1), 0; size < blocksBytes && number <= n.chain.Head().Number; number++ {
		p, block, err := n.chain.ProposalOf(number)
		if err != nil {
			return err
		}
		f := finished{Proposal: onWire(p), Hash: block.Hash}
		for _, s := range block.Signatures {
			f.Signatures = append(f.Signatures, signature{uint64(s.SealerIndex), s.Signature})
		}
		for _, raw := range p.Transactions {
			size += len(raw)
		}
		size += 1 << 10 // about what the rest takes
		m.Blocks = append(m.Blocks, f)
	}
	if len(m.Blocks) > 0 {
		n.send(to, m)
	}
	return nil
}

// check checks the transactions that other nodes took from clients.
func (n *Node) check(ctx context.Context) {
	for {
		select {
		case raw := <-n.arrivals:
			if err := n.chain.Receive(raw); errors.Is(err, devchain.ErrStopped) {
				n.log.Debug("a transaction of another node is not taken", "error", err)
			}
			n.arriving.Add(-int64(len(raw)))
		case <-ctx.Done():
			return
		}
	}
}
