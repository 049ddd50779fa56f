package batch

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/bcosgate/bcosgate/batch/tickets"
)

const (
	// How long a transaction is tried again while the database is away or busy:
	// enough for a restart, and what SQLite is given as well.
	writePatience = 10 * time.Second
	// Pause between two tries.
	writePause = 200 * time.Millisecond
	// Bound of one try. A group is written in some milliseconds.
	writeTimeout = 30 * time.Second
	// Bound of giving the lock back, at the end.
	unlockTimeout = 3 * time.Second
	// The oldest PostgreSQL: what is older is not maintained any more.
	oldestPostgres = 130000
)

// errLingers says that the locks are still held by the session that broke.
var errLingers = errors.New("the broken connection still holds the store's lock")

// postgresDB is a store in one schema of a PostgreSQL database. Who works with it
// holds advisory locks in the very session that writes: one that all share and
// nobody may have who changes the tables, and its own, by which others see that it
// lives. When the session is lost, so are the locks, and nothing is written before
// they are back.
type postgresDB struct {
	settings *pgx.ConnConfig
	db       *sql.DB   // the session that writes, and another one for migrations
	conn     *sql.Conn // the session that writes; nil until it is needed, and after it broke
	open     pgx.Tx    // the transaction of conn that goes on, for the work queue

	runner  int64 // of the engine or command that works with the store; 0 is none
	commits int64
	// A commit whose answer was lost, with the number that commits has if it came through.
	asked     *fate
	askedMark int64
}

func (s *Store) openPostgres(ctx context.Context, location string) (err error) {
	read := map[string]string{"default_transaction_read_only": "on", "default_transaction_isolation": "repeatable read"}
	if s.read, err = openURL(location, readers, read); err != nil {
		return err
	}
	if s.reports, err = openURL(location, readers, read); err != nil {
		return err
	}
	have, err := checkDatabase(ctx, s.read)
	if err != nil {
		return err
	}
	// The server notices within half a minute that a gateway has vanished, and
	// frees its lock. What was committed survives a power cut, by whatever default.
	write, err := openURL(location, 2, map[string]string{
		"tcp_keepalives_idle": "15", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "3", "default_transaction_isolation": "read committed"})
	if err != nil {
		return err
	}
	s.pg = &postgresDB{db: write}
	s.db = s.pg
	if s.pg.settings, err = parseURL(location, nil); err != nil {
		return err
	}
	if err := s.migrate(ctx, goose.DialectPostgres, "postgres", write, have); err != nil {
		return err
	}
	ready, err := tickets.Ready(ctx, s.pg.settings)
	if err != nil || ready {
		return err
	}
	if err := s.lockTables(ctx); err != nil {
		return err
	}
	defer s.db.unlock()
	return tickets.Migrate(ctx, s.pg.settings)
}

// openURL opens at most conns connections, each with the settings.
func openURL(location string, conns int, settings map[string]string) (*sql.DB, error) {
	cfg, err := parseURL(location, settings)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector{stdlib.GetConnector(*cfg, stdlib.OptionAfterConnect(durable))})
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	return db, nil
}

func parseURL(location string, settings map[string]string) (*pgx.ConnConfig, error) {
	cfg, err := pgx.ParseConfig(location)
	if err != nil {
		return nil, err
	}
	for name, value := range settings {
		cfg.RuntimeParams[name] = value
	}
	if _, ok := cfg.RuntimeParams["application_name"]; !ok {
		cfg.RuntimeParams["application_name"] = "bcosgate"
	}
	if cfg.ConnectTimeout == 0 {
		cfg.ConnectTimeout = writePatience
	}
	return cfg, nil
}

// durable makes commits wait for the disk where the server does not by default.
func durable(ctx context.Context, c *pgx.Conn) error {
	_, err := c.Exec(ctx, "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'")
	return err
}

// checkDatabase refuses databases that are not ours, before anything is changed
// in them, and gives the number of the schema, 0 for an empty database.
func checkDatabase(ctx context.Context, db querier) (schema int64, err error) {
	var version, tables int64
	var name, space sql.NullString
	var ours bool
	err = db.QueryRowContext(ctx, `SELECT current_setting('server_version_num')::bigint, current_database(), current_schema(), count(*),
		count(*) FILTER (WHERE tablename = 'bcosgate_store') > 0
		FROM pg_tables WHERE schemaname = current_schema() AND tablename <> ?`, goose.DefaultTablename).Scan(&version, &name, &space, &tables, &ours)
	switch {
	case err != nil:
		return 0, err
	case version < oldestPostgres:
		return 0, fmt.Errorf("%w: PostgreSQL 13 or newer is needed, this server has number %d", ErrNotAStore, version)
	case !space.Valid:
		return 0, fmt.Errorf("%w: the search_path of database %s names no schema that there is", ErrNotAStore, name.String)
	case tables == 0:
		return 0, nil
	case !ours:
		return 0, fmt.Errorf("%w: schema %s of database %s has the tables of another program: create a database for the store, or choose a schema of its own with ?search_path=NAME",
			ErrNotAStore, space.String, name.String)
	}
	return schemaNumber(ctx, db)
}

func (p *postgresDB) lock(ctx context.Context, alone bool) error {
	if err := p.connect(ctx); err != nil {
		return err
	}
	got, err := p.tryLock(ctx, alone)
	if err != nil {
		p.drop()
		return err
	}
	if !got {
		p.drop()
		return ErrStoreInUse
	}
	return nil
}

// tryLock takes the lock of the tables: alone, or with all who work with them.
func (p *postgresDB) tryLock(ctx context.Context, alone bool) (got bool, err error) {
	f := "pg_try_advisory_lock_shared"
	if alone {
		f = "pg_try_advisory_lock"
	}
	err = p.conn.QueryRowContext(ctx, "SELECT "+f+"(?, hashtext(current_schema()))", applicationID).Scan(&got)
	return got, err
}

// runnerLocks is the first half of the keys of the runners' own locks; the second
// is their id.
const runnerLocks = "hashtext(current_schema() || '.runners')"

// databaseClock is the database's clock in milliseconds since 1970: those of the processes may differ.
const databaseClock = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"

func (p *postgresDB) claim(ctx context.Context, name string, serves []string) error {
	var id int64
	err := p.conn.QueryRowContext(ctx, "INSERT INTO runners (name, serves, commits, seen) VALUES (?, ?, 0, "+databaseClock+") RETURNING id",
		name, strings.Join(serves, "\n")).Scan(&id)
	if err != nil {
		return err
	}
	// Whoever finds the row without the lock before this is done declares the runner
	// dead, which its next transaction tells.
	if _, err := p.conn.ExecContext(ctx, "SELECT pg_advisory_lock("+runnerLocks+", ?::bigint::int)", id); err != nil {
		return err
	}
	p.runner, p.commits = id, 0
	return nil
}

// unlock frees the locks and ends the session. That alone would free them, too, but
// a little later.
func (p *postgresDB) unlock() {
	p.runner, p.asked = 0, nil
	if p.conn != nil {
		ctx, cancel := context.WithTimeout(context.Background(), unlockTimeout)
		defer cancel()
		_, _ = p.conn.ExecContext(ctx, "SELECT pg_advisory_unlock_all()")
	}
	p.drop()
}

// connect sees to it that there is a session, with the locks if they were lost with
// an earlier one. ErrStoreLost when this runner was declared dead meanwhile.
func (p *postgresDB) connect(ctx context.Context) (err error) {
	if p.conn != nil {
		return nil
	}
	if p.conn, err = p.db.Conn(ctx); err != nil {
		return err
	}
	if p.runner == 0 {
		return nil
	}
	if err := p.resume(ctx); err != nil {
		p.drop()
		return err
	}
	return nil
}

// resume takes the locks again, and finds out what came of a commit without an answer.
func (p *postgresDB) resume(ctx context.Context) error {
	shared, err := p.tryLock(ctx, false)
	if err != nil {
		return err
	}
	var own bool
	if err := p.conn.QueryRowContext(ctx, "SELECT pg_try_advisory_lock("+runnerLocks+", ?::bigint::int)", p.runner).Scan(&own); err != nil {
		return err
	}
	var commits int64
	err = p.conn.QueryRowContext(ctx, "SELECT commits FROM runners WHERE id = ?", p.runner).Scan(&commits)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return ErrStoreLost
	case err != nil:
		return err
	case !shared || !own:
		return errLingers
	}
	if p.asked != nil {
		p.asked.committed = commits == p.askedMark
		p.asked = nil
	}
	p.commits = commits
	return nil
}

// drop ends the session.
func (p *postgresDB) drop() {
	if p.conn == nil {
		return
	}
	_ = p.conn.Raw(func(any) error { return driver.ErrBadConn }) // not back into the pool
	_ = p.conn.Close()
	p.conn = nil
}

func (p *postgresDB) tx(once *fate, f func(ctx context.Context, c *sql.Conn) error) error {
	until := time.Now().Add(writePatience)
	for {
		err := p.try(once, f)
		if !isTransient(err) || time.Now().After(until) {
			return err
		}
		time.Sleep(writePause)
	}
}

func (p *postgresDB) try(once *fate, f func(ctx context.Context, c *sql.Conn) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), writeTimeout)
	defer cancel()
	if err := p.connect(ctx); err != nil {
		return err
	}
	if once.committed {
		return nil
	}
	if err := p.body(ctx, f); err != nil {
		if _, undo := p.conn.ExecContext(ctx, "ROLLBACK"); undo != nil {
			p.drop()
		}
		return err
	}
	if _, err := p.conn.ExecContext(ctx, "COMMIT"); err != nil {
		if p.runner > 0 {
			p.asked, p.askedMark = once, p.commits+1
		}
		p.drop()
		return err
	}
	p.commits++
	return nil
}

// body is a transaction up to its commit. A runner's row is changed first: it fences
// all that follows, and everybody locks it before anything else.
func (p *postgresDB) body(ctx context.Context, f func(ctx context.Context, c *sql.Conn) error) error {
	err := p.conn.Raw(func(conn any) (err error) {
		p.open, err = conn.(session).Conn.Conn().Begin(ctx)
		return err
	})
	if err != nil {
		return err
	}
	if p.runner == 0 {
		return f(ctx, p.conn)
	}
	res, err := p.conn.ExecContext(ctx, "UPDATE runners SET commits = commits + 1, seen = "+databaseClock+" WHERE id = ?", p.runner)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return errors.Join(ErrStoreLost, err)
	}
	return f(ctx, p.conn)
}

// each sends all commands in one go, and then reads all answers.
func (p *postgresDB) each(ctx context.Context, c *sql.Conn, list []command) (changed []int64, err error) {
	b := &pgx.Batch{}
	for _, cmd := range list {
		for i, arg := range cmd.args {
			cmd.args[i] = storable(arg)
		}
		b.Queue(numberedRows[cmd.statement], cmd.args...)
	}
	changed = make([]int64, len(list))
	err = c.Raw(func(conn any) error {
		answers := conn.(session).Conn.Conn().SendBatch(ctx, b)
		for i := range list {
			tag, err := answers.Exec()
			if err != nil {
				return errors.Join(err, answers.Close())
			}
			changed[i] = tag.RowsAffected()
		}
		return answers.Close()
	})
	return changed, err
}

// copyItems is each for insertItem by COPY, which is several times as fast. all is
// false, and nothing is stored, when an item has an _id that is taken: COPY does not
// say which. It is called inside of tx.
func (p *postgresDB) copyItems(ctx context.Context, list []command) (all bool, err error) {
	columns := []string{"id", "ref", "recipient", "input", "source", "lane"} // in the order of insertItem
	part, err := p.open.Begin(ctx)
	if err != nil {
		return false, err
	}
	_, err = part.CopyFrom(ctx, pgx.Identifier{"items"}, columns, pgx.CopyFromSlice(len(list), func(i int) ([]any, error) {
		for n, arg := range list[i].args {
			list[i].args[n] = storable(arg)
		}
		return list[i].args, nil
	}))
	if err != nil {
		if undo := part.Rollback(ctx); undo != nil {
			return false, errors.Join(err, undo)
		}
		if isConstraint(err) {
			err = nil
		}
		return false, err
	}
	return true, part.Commit(ctx)
}

func (p *postgresDB) close() error {
	p.drop()
	return p.db.Close()
}

// connector makes sessions that take questions as SQLite does.
type connector struct{ driver.Connector }

func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return session{conn.(*stdlib.Conn)}, nil
}

// session numbers the ? of a statement, which is how PostgreSQL wants its values.
// No statement of this package has a ? that means anything else.
type session struct{ *stdlib.Conn }

func (s session) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	return s.Conn.PrepareContext(ctx, numbered(query))
}

func (s session) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	return s.Conn.ExecContext(ctx, numbered(query), args)
}

func (s session) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	return s.Conn.QueryContext(ctx, numbered(query), args)
}

// CheckNamedValue keeps out what PostgreSQL cannot store.
func (s session) CheckNamedValue(v *driver.NamedValue) error {
	v.Value = storable(v.Value)
	return s.Conn.CheckNamedValue(v)
}

// storable replaces what PostgreSQL refuses in texts: zero bytes and bytes that
// are no UTF-8. Nodes may put them into their messages.
func storable(arg any) any {
	text, ok := arg.(string)
	if !ok {
		return arg
	}
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
}

var numberedRows = func() (list [len(rowStatements)]string) {
	for i, text := range rowStatements {
		list[i] = numbered(text)
	}
	return list
}()

func numbered(query string) string {
	parts := strings.Split(query, "?")
	if len(parts) == 1 {
		return query
	}
	var s strings.Builder
	for i, part := range parts {
		if i > 0 {
			s.WriteString("$" + strconv.Itoa(i))
		}
		s.WriteString(part)
	}
	return s.String()
}
