// Package system has the contracts that are built into a FISCO BCOS node
// (protocol section 8): they keep the system configuration, the tables of
// applications, the file system of contracts, permissions and balances, and offer
// cryptography to contracts.
//
// A contract is called with the bytes that any contract would be called with and
// answers as one; what it knows is in tables. Error texts, codes and the order of
// checks are those of FISCO BCOS 3.16.4 with executor version 1, oddities
// included, because clients see them. The package knows neither blocks nor the
// EVM: who calls it has the caller's address and undoes what a failed contract
// did.
package system
