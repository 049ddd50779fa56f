package discovery

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// sift sorts what a source lists into addresses in their one form, in order and
// without duplicates, and messages that name each entry that is none.
func sift(entries []Entry) (nodes, refused []string) {
	for _, entry := range entries {
		node, err := "", entry.Err
		if err == nil {
			node, err = canonical(entry.Address)
		}
		if err != nil {
			refused = append(refused, entry.Where+": "+err.Error())
			continue
		}
		nodes = append(nodes, node)
	}
	slices.Sort(nodes)
	return slices.Compact(nodes), refused
}

// canonical checks an address and gives its one form, in which the same node is
// never listed as two: a host name in lower case without its last dot, an IP
// address in its short form, a port without leading zeros.
func canonical(address string) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", fmt.Errorf("%.100q is no address: write host:port, such as 127.0.0.1:20200", address)
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil || number == 0 {
		return "", fmt.Errorf("%.100q has no usable port: it must be a number from 1 to 65535", address)
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		host = ip.String()
	} else if host = strings.ToLower(strings.TrimSuffix(host, ".")); !isHostName(host) {
		return "", fmt.Errorf("%.100q has no usable host: it must be a name or an IP address", address)
	}
	return net.JoinHostPort(host, strconv.FormatUint(number, 10)), nil
}

// isHostName is liberal: what a resolver may know, an underscore included.
func isHostName(host string) bool {
	if len(host) > 253 {
		return false
	}
	for label := range strings.SplitSeq(host, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	return true
}
