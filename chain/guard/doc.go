// Package guard puts policies around the calls of one target: it observes them,
// retries by kind of error, bounds the time of each attempt, holds to limits of
// rate and of requests in flight, keeps away from nodes that fail, and answers
// reads together, from a cache, or from a second node when the first is slow.
//
// Everything that a call goes through stands in New, from the outside in. The
// package never opens a connection, which package pool does, never signs, and
// never sends other bytes than it was given.
package guard
