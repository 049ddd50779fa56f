// Package fisco is the client of FISCO BCOS 3.x nodes in pure Go: transactions
// and their hashes and signatures, and one connection to one node over TLS and
// WebSocket.
//
// It never reads a file, chooses between nodes, retries or waits for a better
// moment: certs reads the files, package pool has the nodes, the job engine
// decides what is sent again.
package fisco
