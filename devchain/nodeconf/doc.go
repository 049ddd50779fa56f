// Package nodeconf reads the two files that a FISCO BCOS 3.x node is started
// with, config.ini and config.genesis, and the key of the node, so that the
// development chain can be run from a folder that the official script made.
//
// It never opens a socket or a ledger and never writes a file: it only says
// what the files say, or what is wrong with them.
package nodeconf
