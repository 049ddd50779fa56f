package rpc

import "github.com/bcosgate/bcosgate/devchain/nodejson"

// line is compact JSON with a line end, the form of handshake, subscription and
// push payloads (protocol §2.3, §7.1) and of JSON inside strings (§3.6).
func line(v any) ([]byte, error) {
	b, err := nodejson.Compact(v)
	if err != nil {
		return nil, err
	}
	return append(b, '\n'), nil
}
