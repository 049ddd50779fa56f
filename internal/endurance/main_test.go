//go:build linux

package main

import (
	"context"
	"os"
	"runtime/debug"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// programsDir is where programs builds them.
var programsDir string

// programs builds the programs once for all tests, as the tests are built.
var programs = sync.OnceValues(func() (string, error) {
	var flags []string
	if info, _ := debug.ReadBuildInfo(); slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		flags = []string{"-race"}
	}
	return buildPrograms(context.Background(), "../..", programsDir, flags...)
})

func TestMain(m *testing.M) {
	var err error
	if programsDir, err = os.MkdirTemp("", "endurance-test-"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(programsDir)
		os.Exit(code)
	}))
}

func TestWrongArgumentsAreRefused(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{}, {"fly"}, {"torture", "-rows", "100"}, {"torture", "-kills", "9"}, {"torture", "-nodes", "3"}, {"torture", "-no"},
		{"million", "-rows", "19999"}, {"million", "-jobs", "0"}, {"million", "-small", "0"},
	} {
		require.Error(t, run(context.Background(), args), "%q", args)
	}
}
