// Package loadgen puts load on a chain and measures what comes of it.
//
// The model is open: every request has an intended start, which the profile of the
// run gives and no answer moves. Latency counts from there, so that a chain that
// stalls is seen by all requests that it kept waiting, not only by those that were
// on their way (coordinated omission). What cannot start in time is counted as
// dropped; nothing is skipped silently.
//
// It opens no connection and asks no person: its caller hands it a Workload, for
// chains the one of NewTransactions or NewCalls.
package loadgen
