// Package offline is transactions that are planned on one machine, signed on
// another one, which has the key and no network, and sent from the first again:
// the files that travel between them, and the signing.
//
// Nothing in a file is believed because it stands there: signing makes calls and
// hashes anew from the rows, and who loads a signed file compares what was signed
// with the rows. docs/offline-signing.md has the format.
//
// It never opens a connection and never sends.
package offline
