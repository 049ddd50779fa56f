// Package logfilter finds the logs of a chain that a query asks for, and keeps
// the filters that clients poll, with the bounds of a node (protocol §3.7). The
// native and the Web3 port use it alike.
//
// It reads no JSON and words no answer: texts and codes of faults, block tags and
// the letter case of addresses are the port's.
package logfilter
