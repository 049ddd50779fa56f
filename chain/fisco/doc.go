// Package fisco is the client of FISCO BCOS 3.x nodes in pure Go, for standard
// and GM ledgers.
//
// Dial opens a WebSocket to one node and DialHTTP speaks HTTP to it; both have
// the node's JSON-RPC as typed Methods. A Session keeps a WebSocket alive over
// breaks, and with it event subscriptions and AMOP topics. What belongs to them
// lies in packages of its own: suite has the cryptography of a ledger, tx the
// transactions, result the answers of nodes, proof what can be verified of them,
// system the system contracts, shield what a node must never get, which stands in
// front of every request of this package.
//
// It never reads a file or chooses between nodes: certs reads the files, package
// pool has the nodes, the job engine decides what is signed anew.
package fisco
