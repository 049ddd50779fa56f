// Package proof verifies what a node answers without trusting the node:
// transactions and receipts by their hashes, their places in a block by Merkle
// proofs, a block by its hash and by the signatures of its sealers, and block 0
// by the genesis text (protocol §6.7). Trust begins at what the caller brings: a
// hash that it made itself, the genesis text, or the sealers of a block that was
// verified before.
//
// Hashes of this chain family run over the fields one behind the other, without
// lengths: a proof shows which bytes are on the chain. Where one field ends and
// the next begins is checked by the form of the fields, as far as they have one;
// the border between a receipt's output and its first log has none. What no hash
// covers cannot be verified: a receipt's message, extra data and the texts that
// repeat the transaction, and the meaning of a state root.
//
// It asks no node and keeps no state.
package proof
