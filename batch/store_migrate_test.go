package batch

import (
	"context"
	"io/fs"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/require"
)

// A store of any earlier version is brought up to date with the jobs it has.
func TestAnOlderStoreIsBroughtUpToDate(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	dir, err := fs.Sub(migrations, "migrations/sqlite")
	require.NoError(t, err)
	newest := int64(0)
	for version := int64(1); version == 1 || version < newest; version++ {
		path, err := makeFile(filepath.Join(t.TempDir(), "store.db"))
		require.NoError(t, err)
		db, err := openFile(path, 1)
		require.NoError(t, err)
		_, err = db.Exec("PRAGMA application_id = " + strconv.Itoa(applicationID))
		require.NoError(t, err)
		g, err := goose.NewProvider(goose.DialectSQLite3, db, dir)
		require.NoError(t, err)
		sources := g.ListSources()
		newest = sources[len(sources)-1].Version
		_, err = g.UpTo(ctx, version)
		require.NoError(t, err)
		_, err = db.Exec(`INSERT INTO jobs (id, kind, target, spec, state, signer, nonce_ref, genesis, created)
			VALUES ('old', 'batch', 'main', '{"kind":"batch","target":"main"}', 'ready', x'00', '', x'00', 1)`)
		require.NoError(t, err)
		require.NoError(t, db.Close())

		s, err := OpenStore(ctx, path)
		require.NoError(t, err, "from %d", version)
		job, err := s.Job(ctx, "old")
		require.NoError(t, err)
		require.Equal(t, JobReady, job.State)
		require.NoError(t, s.SetCordon(ctx, "main", Cordon{Node: "a:1", Since: time.Now()}))
		found, err := s.Check(ctx)
		require.NoError(t, err)
		require.Empty(t, found)
		require.NoError(t, s.Close())
	}
}
