// Package nodehttp has what both ports of a node have in common over HTTP: the name
// of the server, and the upgrade to a WebSocket. It serves nothing itself.
package nodehttp

import (
	"net/http"
	"strings"

	"github.com/coder/websocket"
)

// ServerName stands where a node writes the version of its HTTP library.
const ServerName = "bcosgate-devnode"

// IsUpgrade reports whether a request asks for a WebSocket. As on a node neither
// its method nor its path is looked at.
func IsUpgrade(r *http.Request) bool {
	return hasToken(r.Header["Connection"], "upgrade") && hasToken(r.Header["Upgrade"], "websocket")
}

// hasToken looks for a word in comma-separated header values.
func hasToken(values []string, word string) bool {
	for token := range strings.SplitSeq(strings.Join(values, ","), ",") {
		if strings.EqualFold(strings.TrimSpace(token), word) {
			return true
		}
	}
	return false
}

// Upgrade makes a WebSocket of the connection of a request, from whatever origin it
// comes. After an error the request has been answered. The caller closes the
// WebSocket.
func Upgrade(w http.ResponseWriter, r *http.Request) (*websocket.Conn, error) {
	w.Header().Set("Server", ServerName)
	return websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true}) // a node does not look at Origin
}
