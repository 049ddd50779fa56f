//go:build !cgo || !linux

package main

// limitArenas has nothing to do: all memory is Go's, or that of a C library that
// returns it.
func limitArenas() {}
