//go:build linux

package replay

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// wire is a WebSocket over TLS that does as little as can be done: what it sends
// is laid out beforehand to the last byte, and of what comes it looks at the type
// and for a success.
type wire struct {
	conn *tls.Conn
	in   *bufio.Reader
	out  *bufio.Writer
}

func dialWire(ctx context.Context, address string, config *tls.Config) (*wire, error) {
	dialer := tls.Dialer{Config: config}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	w := &wire{conn: conn.(*tls.Conn), in: bufio.NewReaderSize(conn, 64<<10), out: bufio.NewWriterSize(conn, 64<<10)}
	fmt.Fprintf(w.out, "GET / HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", address)
	if err := w.out.Flush(); err != nil {
		return nil, errors.Join(err, w.close())
	}
	answer, err := http.ReadResponse(w.in, nil)
	if err != nil {
		return nil, errors.Join(err, w.close())
	}
	_ = answer.Body.Close() // it has none
	if answer.StatusCode != http.StatusSwitchingProtocols {
		return nil, errors.Join(fmt.Errorf("the node answers the upgrade with %s", answer.Status), w.close())
	}
	return w, nil
}

func (w *wire) close() error { return w.conn.Close() }

const typeRequest, typeAnswer = 0x0102, 0

// message is a frame with a JSON-RPC request inside a masked WebSocket message
// (protocol §2.1). Seq is of 32 characters.
func message(seq, request string) []byte {
	n := 10 + len(seq) + len(request)
	out := binary.BigEndian.AppendUint16([]byte{0x82, 0x80 | 126}, uint16(n)) // all are shorter than 64 KiB
	mask := []byte{0x37, 0xfa, 0x21, 0x3d}
	out = append(out, mask...)
	start := len(out)
	for _, word := range []uint16{0, typeRequest, 0, uint16(len(seq))} {
		out = binary.BigEndian.AppendUint16(out, word)
	}
	out = append(out, seq...)
	out = append(out, 0, 0)
	out = append(out, request...)
	for i := range out[start:] {
		out[start+i] ^= mask[i%4]
	}
	return out
}

// exchange sends the messages and takes as many answers.
func (w *wire) exchange(messages [][]byte, window int) error {
	underway := make(chan struct{}, window)
	stop := make(chan struct{})
	sent := make(chan error, 1)
	go func() { sent <- w.send(messages, underway, stop) }()
	err := w.receive(len(messages), underway)
	if err != nil {
		close(stop)
		err = errors.Join(err, w.conn.Close())
	}
	return errors.Join(err, <-sent)
}

func (w *wire) send(messages [][]byte, underway chan<- struct{}, stop <-chan struct{}) error {
	for _, m := range messages {
		select {
		case underway <- struct{}{}:
		default:
			if err := w.out.Flush(); err != nil {
				return err
			}
			select {
			case underway <- struct{}{}:
			case <-stop:
				return nil
			}
		}
		if _, err := w.out.Write(m); err != nil {
			return err
		}
	}
	return w.out.Flush()
}

func (w *wire) receive(answers int, underway <-chan struct{}) error {
	var buffer []byte
	for answers > 0 {
		opcode, payload, err := w.read(buffer)
		if err != nil {
			return err
		}
		buffer = payload[:0]
		if opcode != 2 || len(payload) < 10 || binary.BigEndian.Uint16(payload[2:]) != typeAnswer {
			continue
		}
		if !bytes.Contains(payload, []byte(`"status":0,`)) {
			return fmt.Errorf("no success: %s", payload)
		}
		<-underway
		answers--
	}
	return nil
}

// read takes one unfragmented message of the node into buffer.
func (w *wire) read(buffer []byte) (opcode byte, payload []byte, err error) {
	head, err := w.in.Peek(2)
	if err != nil {
		return 0, nil, err
	}
	opcode = head[0] & 0x0f
	size, skip := uint64(head[1]&0x7f), 2
	switch size {
	case 126:
		if head, err = w.in.Peek(4); err != nil {
			return 0, nil, err
		}
		size, skip = uint64(binary.BigEndian.Uint16(head[2:])), 4
	case 127:
		if head, err = w.in.Peek(10); err != nil {
			return 0, nil, err
		}
		size, skip = binary.BigEndian.Uint64(head[2:]), 10
	}
	if _, err := w.in.Discard(skip); err != nil {
		return 0, nil, err
	}
	if uint64(cap(buffer)) < size {
		buffer = make([]byte, size)
	}
	buffer = buffer[:size]
	_, err = io.ReadFull(w.in, buffer)
	return opcode, buffer, err
}
