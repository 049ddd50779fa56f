package batch

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/internal/pgtest"
)

func TestAJobSurvivesKillsOfItsDatabase(t *testing.T) {
	t.Parallel()
	pgtest.Need(t)
	server, err := pgtest.Start()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Stop()) })
	location, err := server.Database()
	require.NoError(t, err)
	b := newBenchAt(t, location)
	b.chain.latency = 20 * time.Millisecond
	b.chain.perBlock = 50
	const rows = 3000
	job := b.run(saveSpec(), rows)
	for kill := 1; kill <= 3; kill++ {
		require.Eventually(t, func() bool {
			p, err := b.engine.Progress(context.Background(), job.ID)
			return err == nil && p.Counts.Confirmed >= int64(kill*rows/5)
		}, 30*time.Second, 5*time.Millisecond)
		require.NoError(t, server.Kill())
		require.NoError(t, server.Up())
	}
	job = b.wait(job.ID)
	require.Equal(t, JobDone, job.State)
	require.EqualValues(t, rows, job.Counts.Confirmed)
	b.verify(job)
}

func TestEnginesThatShareAJobSurviveKillsOfTheirDatabase(t *testing.T) {
	t.Parallel()
	pgtest.Need(t)
	server, err := pgtest.Start()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Stop()) })
	location, err := server.Database()
	require.NoError(t, err)
	f := newFleetAt(t, location, 3)
	f[0].chain.latency, f[0].chain.perBlock = 20*time.Millisecond, 50
	const rows = 4000
	spec := saveSpec()
	spec.ShardBy = "range(50)" // enough for all
	job := f[0].run(spec, rows)
	for kill := 1; kill <= 2; kill++ {
		require.Eventually(t, func() bool {
			p, err := f[kill].engine.Progress(context.Background(), job.ID)
			return err == nil && p.Counts.Confirmed >= int64(kill*rows/5) && (kill > 1 || f.carriers() == 3)
		}, time.Minute, 5*time.Millisecond)
		require.NoError(t, server.Kill())
		require.NoError(t, server.Up())
	}
	job = f[2].wait(job.ID)
	require.Equal(t, Counts{Confirmed: rows}, job.Counts)
	f[2].verify(job)
}

func TestALostAnswerToACommitChangesNothingTwice(t *testing.T) {
	t.Parallel()
	direct := newDatabase(t)
	wire := newCutter(t, direct)
	b := newBenchAt(t, wire.location, func(cfg *Config) { cfg.Targets[0].Limits.InFlight = 8 }) // many small groups
	b.chain.latency = 5 * time.Millisecond
	b.chain.perBlock = 20
	wire.begin()
	job := b.wait(b.run(saveSpec(), 200).ID)
	require.GreaterOrEqual(t, wire.end(), 2, "cuts, of both kinds")
	require.EqualValues(t, 200, job.Counts.Confirmed)
	b.verify(job)
}

// cutter stands between a store and its database, and breaks the connection at
// some of the commits: before they arrive, or after they were carried out.
type cutter struct {
	location, to string
	mu           sync.Mutex
	on           bool
	commits      int
	cuts         int
}

func newCutter(t *testing.T, location string) *cutter {
	u, err := url.Parse(location)
	require.NoError(t, err)
	c := &cutter{to: filepath.Join(u.Query().Get("host"), ".s.PGSQL.5432")}
	dir, err := os.MkdirTemp("", "cut") // the path of a socket must be short
	require.NoError(t, err)
	u.RawQuery = url.Values{"host": {dir}}.Encode()
	c.location = u.String()
	listener, err := net.Listen("unix", filepath.Join(dir, ".s.PGSQL.5432"))
	require.NoError(t, err)
	var served sync.WaitGroup
	served.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			served.Go(func() { c.serve(conn) })
		}
	})
	t.Cleanup(func() {
		require.NoError(t, listener.Close())
		served.Wait()
		require.NoError(t, os.RemoveAll(dir))
	})
	return c
}

func (c *cutter) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.on = true
}

func (c *cutter) end() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.on = false
	return c.cuts
}

// cut decides whether this commit is cut, and whether it still arrives.
func (c *cutter) cut() (cut, arrives bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.on {
		return false, false
	}
	c.commits++
	if c.commits%4 > 0 {
		return false, false
	}
	c.cuts++
	return true, c.cuts%2 == 0
}

func (c *cutter) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("unix", c.to)
	if err != nil {
		return
	}
	defer server.Close()
	var mute bool
	var mu sync.Mutex
	var back sync.WaitGroup
	back.Go(func() {
		defer client.Close()
		buf := make([]byte, 64<<10)
		for {
			n, err := server.Read(buf)
			mu.Lock()
			quiet := mute
			mu.Unlock()
			if err != nil || quiet {
				return // after the answer to the commit, which nobody hears
			}
			if _, err := client.Write(buf[:n]); err != nil {
				return
			}
		}
	})
	defer back.Wait()
	defer server.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := client.Read(buf)
		if err != nil {
			return
		}
		if bytes.HasPrefix(buf[:n], []byte("Q\x00\x00\x00\x0bCOMMIT\x00")) {
			cut, arrives := c.cut()
			if cut && !arrives {
				return
			}
			mu.Lock()
			mute = cut
			mu.Unlock()
		}
		if _, err := server.Write(buf[:n]); err != nil {
			return
		}
	}
}

// A process that was declared dead writes nothing more under its old name, whatever
// it was doing, and comes back under another.
func TestAnEngineThatWasDeclaredDeadStartsOver(t *testing.T) {
	t.Parallel()
	location := newDatabase(t)
	b := newBenchAt(t, location)
	ctx := context.Background()
	b.chain.latency = 20 * time.Millisecond
	job := b.run(saveSpec(), 3000)
	b.settles(job.ID, func(p Progress) bool { return p.Counts.Confirmed > 300 && p.InFlight > 0 })
	old := b.store.me()

	other, err := OpenStore(ctx, location)
	require.NoError(t, err)
	defer other.Close()
	require.NoError(t, other.own(ctx))
	defer other.disown()
	_, err = other.bury(old)
	require.NoError(t, err)
	job = b.wait(job.ID)
	require.Equal(t, Counts{Confirmed: 3000}, job.Counts)
	b.verify(job)
	require.NotEqual(t, old, b.store.me())
}

func TestARunnerThatWasBuriedCannotWrite(t *testing.T) {
	t.Parallel()
	location := newDatabase(t)
	ctx := context.Background()
	dead, err := OpenStore(ctx, location)
	require.NoError(t, err)
	defer dead.Close()
	require.NoError(t, dead.own(ctx))
	defer dead.disown()
	other, err := OpenStore(ctx, location)
	require.NoError(t, err)
	defer other.Close()
	require.NoError(t, other.own(ctx))
	defer other.disown()
	_, err = other.bury(dead.me())
	require.NoError(t, err)
	require.ErrorIs(t, dead.beat(), ErrStoreLost)
	require.ErrorIs(t, dead.SetCordon(ctx, "main", Cordon{Node: "a:1"}), ErrStoreLost)
	dead.pg.drop() // also in another session
	require.ErrorIs(t, dead.beat(), ErrStoreLost)
	require.NoError(t, other.SetCordon(ctx, "main", Cordon{Node: "a:1"}))
}

func TestABrokenSessionTakesItsLocksAgain(t *testing.T) {
	t.Parallel()
	location := newDatabase(t)
	b := newBenchAt(t, location)
	me := b.store.me()
	ctx := context.Background()
	_, err := connectTo(t, location).Exec(ctx, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
	require.NoError(t, err)
	b.wait(b.run(saveSpec(), 3).ID)
	require.Equal(t, me, b.store.me(), "as the same runner")
	other, err := OpenStore(ctx, location)
	require.NoError(t, err)
	defer other.Close()
	require.NoError(t, other.own(ctx))
	defer other.disown()
	seen, _, err := other.otherRunners(ctx)
	require.NoError(t, err)
	require.Len(t, seen, 1)
	require.True(t, seen[0].locked)
	require.ErrorIs(t, other.db.lock(ctx, true), ErrStoreInUse, "nobody changes the tables meanwhile")
}

func TestAJobWaitsForADatabaseWithoutPlace(t *testing.T) {
	t.Parallel()
	pgtest.Need(t)
	server, err := pgtest.Start("max_connections = 15")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Stop()) })
	location, err := server.Database()
	require.NoError(t, err)
	b := newBenchAt(t, location)
	b.chain.latency = 10 * time.Millisecond
	ctx := context.Background()
	job := b.run(saveSpec(), 300)
	admin := connectTo(t, location)
	_, err = admin.Exec(ctx, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
	require.NoError(t, err)
	var all []*pgx.Conn
	for { // until there is no place
		conn, err := pgx.Connect(ctx, location)
		if err != nil {
			require.True(t, isTransient(err), "%v", err)
			break
		}
		all = append(all, conn)
	}
	for _, conn := range all {
		require.NoError(t, conn.Close(ctx))
	}
	b.verify(b.wait(job.ID))
}

func TestConflictsAreTriedAgain(t *testing.T) {
	t.Parallel()
	s, err := OpenStore(t.Context(), newDatabase(t))
	require.NoError(t, err)
	defer s.Close()
	for _, code := range []string{"40001", "40P01", "55P03", "57P03", "53300"} {
		tries := 0
		err := s.tx(func(ctx context.Context, c *sql.Conn) error {
			tries++
			if _, err := c.ExecContext(ctx, "INSERT INTO cordons VALUES (?, 'n', '', 1)", code); err != nil {
				return err
			}
			if tries == 1 {
				_, err := c.ExecContext(ctx, "DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '"+code+"'; END $$")
				return err
			}
			return nil
		})
		require.NoError(t, err, code)
		require.Equal(t, 2, tries, code)
	}
	tries := 0
	err = s.tx(func(ctx context.Context, c *sql.Conn) error {
		tries++
		_, err := c.ExecContext(ctx, "INSERT INTO cordons VALUES ('40001', 'n', '', 1)")
		return err
	})
	require.True(t, isConstraint(err), "%v", err)
	require.Equal(t, 1, tries)
}

func TestWhatIsWorthAnotherTry(t *testing.T) {
	t.Parallel()
	for _, err := range []error{
		&pgconn.PgError{Code: "08006"}, &pgconn.PgError{Code: "57P01"}, &pgconn.PgError{Code: "25006"},
		io.ErrUnexpectedEOF, context.DeadlineExceeded, &net.OpError{Op: "dial", Err: errors.New("refused")},
	} {
		require.True(t, isTransient(err), "%v", err)
	}
	for _, err := range []error{nil, &pgconn.PgError{Code: "28P01"}, &pgconn.PgError{Code: "42P01"}, context.Canceled, ErrStoreLost, errors.New("?")} {
		require.False(t, isTransient(err), "%v", err)
	}
}

func TestADatabaseOfAnotherProgramIsRefused(t *testing.T) {
	t.Parallel()
	location := newDatabase(t)
	ctx := context.Background()
	admin := connectTo(t, location)
	_, err := admin.Exec(ctx, "CREATE TABLE customers (x int); CREATE SCHEMA store")
	require.NoError(t, err)
	_, err = OpenStore(ctx, location)
	require.ErrorIs(t, err, ErrNotAStore)
	require.ErrorContains(t, err, "schema public of database")
	_, err = OpenStore(ctx, location+"&search_path=nowhere")
	require.ErrorIs(t, err, ErrNotAStore)
	require.ErrorContains(t, err, "search_path")
	s, err := OpenStore(ctx, location+"&search_path=store")
	require.NoError(t, err, "a schema of its own")
	require.NoError(t, s.Close())
}

func TestPasswordsAreNotShown(t *testing.T) {
	t.Parallel()
	for _, location := range []string{
		"postgres://gw:s3cret@127.0.0.1:1/db?connect_timeout=1",
		"postgres://gw@127.0.0.1:1/db?password=s3cret&connect_timeout=1",
		"postgres://gw:s3cret@127.0.0.1:bad/db",
	} {
		_, err := OpenStore(t.Context(), location)
		require.Error(t, err)
		require.NotContains(t, err.Error(), "s3cret")
	}
}

func TestTextsThatPostgresRefusesAreStored(t *testing.T) {
	t.Parallel()
	s, err := OpenStore(t.Context(), newDatabase(t))
	require.NoError(t, err)
	defer s.Close()
	require.NoError(t, s.SetCordon(t.Context(), "main", Cordon{Node: "a:1", Reason: "zero \x00, no UTF-8 \xff, 磁盘"}))
	list, err := s.Cordons(t.Context(), "main")
	require.NoError(t, err)
	require.Equal(t, "zero \uFFFD, no UTF-8 \uFFFD, 磁盘", list[0].Reason)
}

func connectTo(t *testing.T, location string) *pgx.Conn {
	conn, err := pgx.Connect(context.Background(), location)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}
