// Package control drives a development node from outside: faults, snapshots and
// reverts, blocks on request, sealing on and off, and the time. Server is the
// endpoint, HTTP with JSON on a Unix socket or a loopback port of its own; Client
// is for the command line and for tests that kill and stall nodes. Clients of the
// chain have nothing to do with it.
package control
