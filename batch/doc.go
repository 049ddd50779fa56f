// Package batch is the job engine: it turns the rows of a job into transactions
// that are executed on a chain exactly once, and says of each row what became
// of it. It keeps items, attempts and outcomes in a store, so that it can be
// killed at any moment and go on.
//
// It knows chains only as the interfaces of package chain, and never decides
// by the text of an error.
package batch
