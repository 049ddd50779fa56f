package cluster

import (
	"bufio"
	"context"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/bcosgate/bcosgate/devchain"
)

const (
	// helloTime is what a connection may take until both sides know each other.
	helloTime = 5 * time.Second
	// writeTime is how long a peer may take to accept one frame.
	writeTime = 20 * time.Second
	// redialFirst and redialMost are the pauses between attempts to reach a node.
	redialFirst = 50 * time.Millisecond
	redialMost  = time.Second
)

// link is the way to one address. A node sends on the connections that it made
// itself, and only reads from those that others made to it.
type link struct {
	node    *Node
	address string
	queue   *queue
	kick    chan struct{} // one token: try again now

	mu     sync.Mutex
	sealer int                // who is there; −1 while nobody is
	peerID string             // its TLS key; guarded by mu
	cut    context.CancelFunc // ends the connection; guarded by mu
}

var errOwnAddress = errors.New("this is the node's own address")

// run keeps the link up until ctx ends.
func (l *link) run(ctx context.Context) {
	pause := redialFirst
	for ctx.Err() == nil {
		began := time.Now()
		err := l.connect(ctx)
		if errors.Is(err, errOwnAddress) {
			return
		}
		if err != nil && ctx.Err() == nil {
			l.node.log.Debug("no connection", "address", l.address, "error", err)
		}
		if time.Since(began) > redialMost {
			pause = redialFirst
		}
		select {
		case <-time.After(pause):
			pause = min(2*pause, redialMost)
		case <-l.kick:
			pause = redialFirst
		case <-ctx.Done():
		}
	}
}

// connect dials, says hello and writes what is queued until the connection ends.
func (l *link) connect(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	dialing, done := context.WithTimeout(ctx, helloTime)
	defer done()
	tcp, err := (&net.Dialer{}).DialContext(dialing, "tcp", l.address)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = tcp.Close() })()
	defer tcp.Close()
	conn := tcp
	if err := conn.SetDeadline(time.Now().Add(helloTime)); err != nil {
		return err
	}
	var secret []byte
	if l.node.cfg.Client != nil {
		secured := tls.Client(tcp, l.node.cfg.Client)
		if err := secured.HandshakeContext(dialing); err != nil {
			return err
		}
		if secret, err = secretOf(secured); err != nil {
			return err
		}
		l.setPeerID(secured)
		conn = secured
	}
	own, err := l.node.hello("dialed", secret)
	if err != nil {
		return err
	}
	if _, err := conn.Write(frame(own)); err != nil {
		return err
	}
	reader := bufio.NewReader(conn)
	sealer, err := l.node.readHello(reader, "accepted", secret)
	if err != nil {
		return err
	}
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return err
	}
	l.up(sealer, cancel)
	defer l.down()
	var reading sync.WaitGroup
	defer reading.Wait()
	defer cancel()
	reading.Go(func() {
		_, _ = io.Copy(io.Discard, reader) // nothing comes but the end
		cancel()
	})
	return l.write(ctx, conn)
}

func (l *link) write(ctx context.Context, conn net.Conn) error {
	for {
		for next := l.queue.take(); next != nil; next = l.queue.take() {
			if err := conn.SetWriteDeadline(time.Now().Add(writeTime)); err != nil {
				return err
			}
			if _, err := conn.Write(next); err != nil {
				return err
			}
		}
		select {
		case <-l.queue.wake:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (l *link) up(sealer int, cut context.CancelFunc) {
	l.mu.Lock()
	l.sealer, l.cut = sealer, cut
	l.mu.Unlock()
	l.node.linkUp(sealer)
}

func (l *link) down() {
	l.mu.Lock()
	sealer := l.sealer
	l.sealer = -1
	l.mu.Unlock()
	l.queue.clear()
	l.node.asked.lose(sealer)
	l.node.poke()
}

func (l *link) setPeerID(conn *tls.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if key, ok := conn.ConnectionState().PeerCertificates[0].PublicKey.(*rsa.PublicKey); ok {
		l.peerID = hex.EncodeToString(x509.MarshalPKCS1PublicKey(key)) // protocol §3.5.5
	}
}

// everybody is the receiver of what all other sealers get.
const everybody = -2

// send queues a frame when that sealer is there, and is false when it is not or there
// is no room. An urgent frame that has no room ends the connection, so that the peer
// is told anew what it needs; others are left out.
func (l *link) send(to int, frame []byte, in lane) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sealer != to && (to != everybody || l.sealer < 0) {
		return false
	}
	if l.queue.put(frame, in) {
		return true
	}
	if in == urgent {
		l.node.log.Warn("a node reads too slowly, its connection is closed", "address", l.address)
		l.cut()
	}
	return false
}

func (l *link) reaches(sealer int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sealer == sealer
}

// secretOf is known to the two ends of this TLS session only.
func secretOf(conn *tls.Conn) ([]byte, error) {
	state := conn.ConnectionState()
	return state.ExportKeyingMaterial("EXPORTER-bcosgate-devnode", nil, 32)
}

// proof is what a node signs to show that it is at that end of a connection.
func proof(end string, secret []byte) common.Hash {
	return crypto.Keccak256Hash([]byte("bcosgate devnode hello, "+end), secret)
}

func (n *Node) hello(end string, secret []byte) (hello, error) {
	s, err := n.chain.Sign(proof(end, secret))
	return hello{Version: helloVersion, Genesis: n.chain.GenesisHash(), Sealer: uint64(n.self), Proof: s.Signature}, err
}

// readHello gives the sealer at the other end.
func (n *Node) readHello(r io.Reader, end string, secret []byte) (int, error) {
	message, err := readMessage(r, maxHello)
	if err != nil {
		return -1, err
	}
	h, ok := message.(hello)
	switch {
	case !ok:
		return -1, fmt.Errorf("%w: the first one must be a hello", errMessage)
	case h.Version != helloVersion:
		return -1, fmt.Errorf("the other node speaks version %d, this one %d: use the same program", h.Version, helloVersion)
	case h.Genesis != n.chain.GenesisHash():
		return -1, fmt.Errorf("the other node is of another chain: its block 0 is %s, here it is %s", h.Genesis, n.chain.GenesisHash())
	case h.Sealer >= uint64(len(n.sealers.members)):
		return -1, fmt.Errorf("%w: there is no sealer %d", errMessage, h.Sealer)
	case !n.chain.IsSignature(proof(end, secret), devchain.Signature{SealerIndex: int(h.Sealer), Signature: h.Proof}):
		return -1, fmt.Errorf("%w: its sender is not sealer %d", errMessage, h.Sealer)
	case int(h.Sealer) == n.self:
		return -1, errOwnAddress
	}
	return int(h.Sealer), nil
}

func (l *link) tlsID() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.peerID
}
