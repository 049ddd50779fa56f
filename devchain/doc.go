// Package devchain is the ledger of a development chain that behaves like one
// group of a FISCO BCOS 3.16 chain with executor version 1: it checks and pools
// transactions, seals blocks, executes them with go-ethereum's EVM and state,
// keeps everything on disk and answers reads.
//
// It knows no network, no JSON and no configuration file; devchain/rpc is its
// front end. It never imports the client packages of this module: a chain that
// shared its codec with the client would agree with every bug of it. What it
// does otherwise than a real node is listed in DIFFERENCES.md.
package devchain
