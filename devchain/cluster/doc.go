// Package cluster lets several nodes, each its own process, agree on the blocks
// of one chain. Each may end at any moment, also by SIGKILL: a quorum of the
// sealers goes on, and a node that comes back catches up. It never knows what a
// transaction does (package devchain) and serves no clients (package rpc).
//
// For every block the sealers take part in one run of Paxos whose rounds have
// fixed leaders (protocol §3.5.4): in round r of block h that is sealer
// (h/leader_period + r) mod n. The leader proposes; a node executes the proposal,
// keeps it on disk and sends all others its vote, which is its signature of the
// block. The block is on the chain when votes of one round and of the weight
// W − ⌊(W−1)/3⌋ are there (protocol §6.7), so that these votes are the signature
// list of the block. When the leader of a round is gone or silent, nodes go to a
// later round: each promises to take no proposal of an earlier one, and says which
// proposal it has taken last. The new leader waits for promises of the same weight
// and proposes the latest of those again, or a new one when there is none.
// Any two quorums have a node in common, so what may be on some chain is proposed
// again; promises and votes are on disk before they are sent, so a crash breaks
// none. Nodes are trusted to follow this: it is for crashes, not for traitors.
//
// The nodes also pass on what AMOP clients say to each other (protocol §7.4), without
// looking into it.
//
// DESIGN.md has the messages and the bounds.
package cluster
