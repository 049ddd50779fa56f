package batch

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestCordonsAreKept(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, location string) {
		ctx := t.Context()
		s, err := OpenStore(ctx, location)
		require.NoError(t, err)
		none, err := s.Cordons(ctx, "main")
		require.NoError(t, err)
		require.Empty(t, none)

		first := Cordon{Node: "b:2", Reason: "new disk", Since: time.UnixMilli(1_700_000_000_123).UTC()}
		again := Cordon{Node: "b:2", Since: first.Since.Add(time.Hour)}
		other := Cordon{Node: "a:1", Reason: "磁盘", Since: first.Since}
		for _, c := range []Cordon{first, again, other} {
			require.NoError(t, s.SetCordon(ctx, "main", c))
		}
		require.NoError(t, s.SetCordon(ctx, "backup", first), "the same node of another target")
		require.NoError(t, s.Close())

		s, err = OpenStore(ctx, location)
		require.NoError(t, err)
		defer s.Close()
		list, err := s.Cordons(ctx, "main")
		require.NoError(t, err)
		require.Equal(t, []Cordon{other, again}, list)

		require.NoError(t, s.ClearCordon(ctx, "main", "b:2"))
		require.NoError(t, s.ClearCordon(ctx, "main", "b:2"), "there is none any more")
		list, err = s.Cordons(ctx, "main")
		require.NoError(t, err)
		require.Equal(t, []Cordon{other}, list)
		list, err = s.Cordons(ctx, "backup")
		require.NoError(t, err)
		require.Equal(t, []Cordon{first}, list)
	})
}
