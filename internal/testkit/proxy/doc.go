// Package proxy is a TCP proxy between a client and a node whose line can be
// made bad while a test runs: slow, thin, cut, reset, half-open, partitioned or
// corrupting. Faults strike connections that live and those that come.
//
// It works on bytes and knows nothing of what they say; faults that need to know
// belong to the node (devchain/faults). Programs never use it.
package proxy
