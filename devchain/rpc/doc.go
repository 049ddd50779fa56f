// Package rpc is the front end of a node of the development chain: one port that
// speaks TLS 1.2 (or plain TCP) and behind it native JSON-RPC over HTTP and over
// boostssl WebSocket frames, with block notices and event subscriptions, the way
// a FISCO BCOS 3.16 node answers (protocol §1-§3, §5-§7).
//
// It holds no ledger of its own: everything it says comes from a devchain.Chain.
// It reads no configuration and no certificate files, and it never imports the
// project's client code, so that a mistake is never made on both sides at once.
package rpc
