//go:build linux

package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What make million does, with few rows: it is not the place to hold bounds.
func TestALargeJobIsMeasuredAgainstSmallOnes(t *testing.T) {
	t.Parallel()
	bin, err := programs()
	require.NoError(t, err)
	var out, told bytes.Buffer
	c, err := runMillion(t.Context(), millionConfig{root: "../..", bin: bin, dir: t.TempDir(), rows: 4000, smallRows: 200, smallJobs: 1, out: &out, told: &told})
	require.NoError(t, err, "%s%s", &out, &told)
	require.Equal(t, 4000, c.large.rows)
	require.Equal(t, 200, c.small.rows)
	for _, cost := range []cost{c.small, c.large} {
		require.Greater(t, cost.peak, 10*mb)
		require.Greater(t, cost.wall, 500*time.Millisecond, "a block")
		require.Positive(t, cost.cpu)
	}
	require.GreaterOrEqual(t, c.resumed.at, 2000)
	require.Less(t, c.resumed.at, 4000)
	require.Positive(t, c.resumed.sent)
	require.LessOrEqual(t, c.resumed.sent, c.resumed.confirmed)
}

func TestEachBoundOfALargeJobIsHeld(t *testing.T) {
	t.Parallel()
	good := func() comparison {
		return comparison{
			small:   cost{rows: 100, wall: 100 * time.Millisecond, cpu: 10 * time.Millisecond, peak: 150 * mb},
			large:   cost{rows: 1000, wall: 1090 * time.Millisecond, cpu: 109 * time.Millisecond, peak: 200 * mb},
			resumed: resumption{at: 500, sent: time.Second, confirmed: 2 * time.Second},
		}
	}
	for name, c := range map[string]struct {
		change func(*comparison)
		missed string
	}{
		"all kept":       {func(*comparison) {}, ""},
		"memory":         {func(c *comparison) { c.small.peak, c.large.peak = 249*mb, 251*mb }, "peak memory"},
		"growth":         {func(c *comparison) { c.large.peak = 201 * mb }, "peak memory"},
		"time":           {func(c *comparison) { c.large.wall = 1110 * time.Millisecond }, "time a row"},
		"processor time": {func(c *comparison) { c.large.cpu = 111 * time.Millisecond }, "processor time a row"},
		"resume":         {func(c *comparison) { c.resumed.confirmed++ }, "resume"},
	} {
		measured := good()
		c.change(&measured)
		var out bytes.Buffer
		err := measured.judge(&out)
		require.Equal(t, 4, strings.Count(out.String(), "\n"), "%s", &out)
		if c.missed == "" {
			require.NoError(t, err, name)
		} else {
			require.ErrorContains(t, err, c.missed, name)
		}
	}
}

func TestMedianIsOfEachPart(t *testing.T) {
	t.Parallel()
	require.Equal(t, cost{rows: 1, wall: 3, cpu: 25, peak: 6}, median([]cost{
		{1, 2, 10, 8}, {1, 9, 20, 1}, {1, 3, 30, 5}, {1, 3, 40, 7}}))
}
