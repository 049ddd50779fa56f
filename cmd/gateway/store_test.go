package main

import (
	"bytes"
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/batch"
)

// storeWorld is a folder with a store and a configuration whose other files are missing.
func storeWorld(t *testing.T) (dir string, run func(code int, args ...string) (out, err string)) {
	dir = t.TempDir()
	store, err := batch.OpenStore(t.Context(), filepath.Join(dir, "jobs.db"))
	require.NoError(t, err)
	require.NoError(t, store.SetCordon(t.Context(), "main", batch.Cordon{Node: "a:1", Since: time.Now()}))
	require.NoError(t, store.Close())
	config := filepath.Join(dir, "gateway.yaml")
	require.NoError(t, os.WriteFile(config, []byte(`
store: {path: jobs.db}
accounts: [{name: a, file: missing.pem}]
targets: [{name: main, nodes: ["127.0.0.1:1"], tls: {dir: missing}}]
`), 0o600))
	return dir, func(code int, args ...string) (string, string) {
		var out, err bytes.Buffer
		require.Equal(t, code, execute(context.Background(), append(args, "--config", config), &out, &err), "%s%s", &out, &err)
		return out.String(), err.String()
	}
}

func TestStoreIsBackedUpAndChecked(t *testing.T) {
	t.Parallel()
	dir, run := storeWorld(t)
	copied := filepath.Join(dir, "copy.db")
	out, _ := run(exitOK, "store", "backup", copied)
	require.Contains(t, out, "copy.db: a copy of")
	store, err := batch.OpenStore(t.Context(), copied)
	require.NoError(t, err)
	list, err := store.Cordons(t.Context(), "main")
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.NoError(t, store.Close())

	_, words := run(exitFailed, "store", "backup", copied)
	require.Contains(t, words, "name another file")
	_, words = run(exitFailed, "store", "backup", "x.db", "--store-url", "postgres://h/d")
	require.Contains(t, words, "pg_dump")
	_, words = run(exitFailed, "store", "backup", "x.db", "--store", filepath.Join(dir, "none.db"))
	require.Contains(t, words, "no such file")
	_, words = run(exitFailed, "store", "check", "--store-url", "postgres://u:secret@h/d")
	require.Contains(t, words, "PGPASSWORD")
	require.NotContains(t, words, "secret")

	out, _ = run(exitOK, "store", "check", "--store", copied)
	require.Equal(t, copied+" is well\n", out)
	_, words = run(exitFailed, "store", "check", "--store", filepath.Join(dir, "none.db"))
	require.Contains(t, words, "there is no store")
}

func TestStoreCheckHasACodeForWhatIsWrong(t *testing.T) {
	t.Parallel()
	dir, run := storeWorld(t)
	insertJob(t, filepath.Join(dir, "jobs.db"), time.Now())
	out, words := run(exitProblems, "store", "check")
	require.Contains(t, out, "job old: 0 rows, there should be 3")
	require.Contains(t, words, "go back to a backup")
}

func TestStorePrune(t *testing.T) {
	t.Parallel()
	dir, run := storeWorld(t)
	insertJob(t, filepath.Join(dir, "jobs.db"), time.Now().Add(-48*time.Hour))
	out, _ := run(exitOK, "store", "prune", "--older-than", "3d")
	require.Equal(t, "0 jobs with 0 rows deleted\n", out)
	for range 2 {
		out, _ = run(exitOK, "store", "prune", "--older-than", "1d", "--dry-run")
		require.Equal(t, "1 jobs with 3 rows would be deleted\n", out)
	}
	out, _ = run(exitOK, "store", "prune", "--older-than", "1d")
	require.Equal(t, "1 jobs with 3 rows deleted\n", out)
	for _, age := range []string{"", "0d", "soon", "-1h"} {
		_, words := run(exitFailed, "store", "prune", "--older-than", age)
		require.Contains(t, words, "is no age")
	}
	store, err := batch.OpenStore(t.Context(), filepath.Join(dir, "jobs.db"))
	require.NoError(t, err)
	defer store.Close()
	engine, err := batch.NewEngine(batch.Config{Store: store})
	require.NoError(t, err)
	require.NoError(t, engine.Start(t.Context()))
	_, words := run(exitFailed, "store", "prune", "--older-than", "1d")
	require.Contains(t, words, "store.keep")
	require.NoError(t, engine.Stop(t.Context()))
}

// insertJob puts a job into a store whose three rows are missing.
func insertJob(t *testing.T, path string, finished time.Time) {
	db, err := sql.Open("sqlite", "file:"+path)
	require.NoError(t, err)
	defer db.Close()
	_, err = db.Exec(`INSERT INTO jobs (id, kind, target, spec, state, signer, nonce_ref, genesis, row_count, created, finished)
		VALUES ('old', 'batch', 'main', '{}', 'done', x'00', '', x'00', 3, 1, ?)`, finished.UnixMilli())
	require.NoError(t, err)
}
