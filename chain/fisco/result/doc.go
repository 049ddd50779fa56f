// Package result is what FISCO BCOS 3.x nodes answer, as types: every member of
// every answer of 3.2 to 3.16, in the form in which the node gave it. What is
// read can be written again without loss: whether a member was absent, null, ""
// or [] is kept beside the fields, and so are members that are not known, which
// never break decoding (jsonrpc.Form).
//
// It never asks a node and judges nothing: package fisco turns results into the
// vocabulary of package chain, package proof verifies them.
//
// Answers that are one value have no type here: getBlockNumber, getPbftView,
// getPendingTxSize (int64), getBlockHashByNumber (common.Hash), getCode (Hex),
// getABI and the ids of filters (string), getObserverList and getGroupPeers
// ([]string), uninstallFilter (bool). getGroupInfo and getGroupNodeInfo may be
// null.
package result
