package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets scripts run this test binary as batchcall, in a process of its own.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"batchcall": func() { os.Exit(Main()) },
	})
}
