// Package faults holds the faults that a development node was asked for: which
// request, push, connection or block is struck by which of them, how often, and
// what then happens. It knows neither a wire format nor a ledger: a front end
// asks it once for each request and each push, and says how its own connections
// are cut and its own messages are damaged.
package faults
