package batch

import (
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/internal/pgtest"
)

// eachStore runs a test of the suite on an SQLite file and on a PostgreSQL
// database, each of them new.
func eachStore(t *testing.T, test func(t *testing.T, location string)) {
	t.Helper()
	for name, place := range map[string]func(testing.TB) string{"sqlite": newFile, "postgres": newDatabase} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, place(t))
		})
	}
}

func newFile(t testing.TB) string { return filepath.Join(t.TempDir(), "store.db") }

// sharedServer is started by the first test that needs it and stopped by TestMain.
var sharedServer struct {
	once sync.Once
	*pgtest.Server
	err error
}

// newDatabase makes a database on the server that tests share.
func newDatabase(t testing.TB) string {
	t.Helper()
	pgtest.Need(t)
	sharedServer.once.Do(func() { sharedServer.Server, sharedServer.err = pgtest.Start() })
	require.NoError(t, sharedServer.err)
	location, err := sharedServer.Database()
	require.NoError(t, err)
	return location
}
