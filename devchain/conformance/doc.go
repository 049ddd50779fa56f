// Package conformance compares the development chain with recordings of a real
// node: the whole of it, from the socket down to the ledger, in one process.
//
// It has tests only. TestConformance plays every recording that it finds
// (package golden) and prints a table: how many answers were recorded, how many
// agree, and how many differ for a reason. A reason is an id that stands in the
// first column of a table in devchain/DIFFERENCES.md; a difference without one
// fails the test.
package conformance
