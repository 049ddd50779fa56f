package control

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"
)

// unixPrefix begins the address of a Unix socket; the others are host:port.
const unixPrefix = "unix:"

// ErrNotLoopback refuses an address that other machines can reach.
var ErrNotLoopback = errors.New("control: whoever reaches the address can do anything with the node: use a loopback address or unix:PATH, or say that it is meant")

// Listen opens the port of a control endpoint: "unix:PATH" or "host:port". A
// socket that a dead process has left behind is replaced. An address that is not
// loopback is refused with ErrNotLoopback unless anywhere is set.
func Listen(ctx context.Context, address string, anywhere bool) (net.Listener, error) {
	network, place, err := split(address)
	if err != nil {
		return nil, err
	}
	var config net.ListenConfig
	if network == "unix" {
		removeDead(ctx, place)
		l, err := config.Listen(ctx, network, place)
		if err != nil {
			return nil, fmt.Errorf("control: %w", err)
		}
		if err := os.Chmod(place, 0o600); err != nil {
			return nil, errors.Join(fmt.Errorf("control: %w", err), l.Close())
		}
		return l, nil
	}
	host, _, _ := net.SplitHostPort(place) // split has looked at it
	if !anywhere && !isLoopback(host) {
		return nil, fmt.Errorf("%w (%s)", ErrNotLoopback, address)
	}
	l, err := config.Listen(ctx, network, place)
	if err != nil {
		return nil, fmt.Errorf("control: %w", err)
	}
	return l, nil
}

// Address is what clients of l use.
func Address(l net.Listener) string {
	if l.Addr().Network() == "unix" {
		return unixPrefix + l.Addr().String()
	}
	return l.Addr().String()
}

// removeDead takes away a socket on which nobody listens.
func removeDead(ctx context.Context, path string) {
	info, err := os.Lstat(path)
	if err != nil || info.Mode()&os.ModeSocket == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	var d net.Dialer
	c, err := d.DialContext(ctx, "unix", path)
	if err == nil {
		_ = c.Close() // somebody listens: Listen will say so
		return
	}
	_ = os.Remove(path) // Listen says what is wrong with it
}

func split(address string) (network, place string, err error) {
	path, isPath := strings.CutPrefix(address, unixPrefix)
	if isPath && path != "" {
		return "unix", path, nil
	}
	if _, _, err := net.SplitHostPort(address); isPath || err != nil {
		return "", "", fmt.Errorf("control: address %q is neither host:port nor unix:PATH", address)
	}
	return "tcp", address, nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
