package main

import (
	"os"
	"runtime/debug"
)

// saveMemory makes the process small for the price of some processor time, so
// that several nodes fit beside what they are developed with: the heap is
// collected when it has grown by half, unless GOGC says otherwise, and the C
// library keeps less of what it was given back.
func saveMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50)
	}
	limitArenas()
}
