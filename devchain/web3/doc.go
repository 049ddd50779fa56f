// Package web3 is the Web3 port of a node (protocol §9): Ethereum's JSON-RPC over
// HTTP and WebSocket, never TLS, in front of a chain that it sees as Ledger.
//
// It holds no ledger state, checks no transactions and executes nothing.
package web3
