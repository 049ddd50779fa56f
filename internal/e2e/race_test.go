//go:build race

package e2e

// raceFlags build the programs as the tests are built, so that everything
// below them is compiled already.
var raceFlags = []string{"-race"}
