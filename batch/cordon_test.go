package batch

import (
	"context"
	"testing"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/require"
)

func TestCordonsAreKept(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, location string) {
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
	})
}

// A store of the version before cordons is brought up to date with its jobs.
func TestAnOlderStoreLearnsCordons(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx := context.Background()
	job := b.wait(b.run(saveSpec(), 3).ID)
	require.NoError(t, b.engine.Stop(ctx))
	_, err := b.store.db.(*sqliteDB).conn.ExecContext(ctx, "DROP TABLE cordons; DROP TABLE pruned")
	require.NoError(t, err)
	_, err = b.store.db.(*sqliteDB).conn.ExecContext(ctx, "DELETE FROM "+goose.DefaultTablename+" WHERE version_id > 1")
	require.NoError(t, err)

	s, err := OpenStore(ctx, b.path)
	require.NoError(t, err)
	defer s.Close()
	require.NoError(t, s.SetCordon(ctx, "main", Cordon{Node: "a:1", Since: time.Now()}))
	kept, err := s.Job(ctx, job.ID)
	require.NoError(t, err)
	require.Equal(t, job, kept)
}
