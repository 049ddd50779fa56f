// Package e2e holds tests of the product's promises over real processes: the
// programs as users start them, the chain that scripts/build_chain.sh makes,
// real sockets and signals. It has no code of its own.
package e2e
