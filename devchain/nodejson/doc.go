// Package nodejson reads and writes JSON as nodes do: with a lenient reader, with
// conversions between types that clients rely on, and with members in alphabetical
// order. Both ports of a node use it.
//
// It words no answers: codes, and what stands around a text, are the port's.
package nodejson
