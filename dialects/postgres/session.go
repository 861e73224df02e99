package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/expandcontract/migrate/dialects"
	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/flags"
)

// session is a pool of connections to one database.
type session struct {
	db          *sql.DB
	application string
}

var _ dialects.Session = (*session)(nil)

const defaultConns = 8

// Open connects. The URL is never part of an error: pgx hides the password of
// a URL it can read, but not of one it cannot.
func (Dialect) Open(ctx context.Context, url string, o dialects.Options) (dialects.Session, error) {
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, errors.New("reading the database URL: it should look like postgres://user:password@host:port/database, " +
			"with special characters in the password written as %XX")
	}
	if o.Application != "" {
		cfg.RuntimeParams["application_name"] = o.Application
	}
	cfg.DialFunc = dialects.Dial
	if cfg.ConnectTimeout == 0 {
		cfg.ConnectTimeout = dialects.ConnectTimeout
	}
	db := stdlib.OpenDB(*cfg, stdlib.OptionAfterConnect(prepareSession))
	conns := o.MaxConns
	if conns <= 0 {
		conns = defaultConns
	}
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	s := &session{db: db, application: cfg.RuntimeParams["application_name"]}
	if err := db.PingContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("connecting to PostgreSQL: %w", err), db.Close())
	}
	if err := s.refusePooling(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

// prepareSession sets what a session of ours needs and not every server or role
// allows; where it is not allowed, sessions do without.
//
// The first makes the server notice within seconds that we are gone while it
// runs a statement of ours, so that a killed executor's locks do not outlive it
// (from 14 on). The second is how long a statement waits before the server looks
// for deadlocks, and sends an autovacuum away that is in its way: it must be
// less than our lock timeout, or a long autovacuum would win every time. The
// third ends a transaction of ours whose process is frozen, or cut off: the app
// would wait for its locks for as long. The fourth is what the executor is written for: in an
// older snapshot a piece would not see what others of ours have committed since, and take it for lost.
func prepareSession(ctx context.Context, conn *pgx.Conn) error {
	for _, setting := range []string{
		"client_connection_check_interval = '2s'", "deadlock_timeout = '100ms'", "idle_in_transaction_session_timeout = '5s'",
		"default_transaction_isolation = 'read committed'",
	} {
		_, err := conn.Exec(ctx, "SET "+setting, pgx.QueryExecModeSimpleProtocol)
		if pe := (*pgconn.PgError)(nil); err != nil && !errors.As(err, &pe) {
			return err
		}
	}
	return nil
}

func (s *session) DB() *sql.DB { return s.db }

func (s *session) Close() error { return s.db.Close() }

// Layout: the executor's tables live in the schema migrate.
func (s *session) Layout() executor.Layout {
	return executor.Layout{
		Prelude: []string{"CREATE SCHEMA IF NOT EXISTS " + ourSchema},
		Table:   func(name string) string { return ourSchema + "." + name },
		Exists:  "SELECT 1 FROM pg_catalog.pg_class WHERE oid = to_regclass('" + ourSchema + ".migrations')",
		Placeholder: func(i int) string {
			return "$" + strconv.Itoa(i)
		},
		Types: executor.Types{
			Key: `varchar(191) COLLATE "C"`, Text: "text", Time: "timestamptz(6)", Double: "double precision",
			SerialPK: "bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
		},
		Now: "clock_timestamp()",
		AddSeconds: func(instant, seconds string) string {
			return "(" + instant + " + (" + seconds + ") * interval '1 second')"
		},
		SecondsSince: func(instant string) string { return "extract(epoch FROM clock_timestamp() - " + instant + ")::float8" },
		Flags:        flags.InSchema(ourSchema),
		ForShare:     "FOR SHARE",
		Late:         "pg_catalog.set_config('synchronous_commit', 'off', true) IS NOT NULL",
	}
}

// The key of the advisory lock "the migrate executor of this database": the
// letters migr and ate, so that people recognise it in pg_locks. Advisory locks
// are kept per database.
const (
	lockClass  = 0x6d696772
	lockObject = 0x617465
)

// TryLock takes the advisory lock on conn's session.
func (s *session) TryLock(ctx context.Context, conn *sql.Conn) (ok bool, holder string, err error) {
	err = conn.QueryRowContext(ctx, "SELECT pg_try_advisory_lock($1, $2)", lockClass, lockObject).Scan(&ok)
	if err != nil {
		return false, "", fmt.Errorf("taking the executor's lock: %w", err)
	}
	if ok {
		return true, "", nil
	}
	err = conn.QueryRowContext(ctx, `
		SELECT format('pid %s%s%s%s', l.pid, ', user ' || a.usename, ', client ' || host(a.client_addr), ', ' || nullif(a.application_name, ''))
		FROM pg_locks l LEFT JOIN pg_stat_activity a USING (pid)
		WHERE l.locktype = 'advisory' AND l.classid = $1::int8::oid AND l.objid = $2::int8::oid AND l.objsubid = 2 AND l.granted
		AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())`, lockClass, lockObject).Scan(&holder)
	if errors.Is(err, sql.ErrNoRows) { // it has just let go
		return false, "a session that has just ended", nil
	}
	if err != nil {
		return false, "", fmt.Errorf("finding who holds the executor's lock: %w", err)
	}
	return false, holder, nil
}

// millis writes a bound for a setting in milliseconds: at least 1, since 0
// would mean none.
func millis(d time.Duration) string {
	return strconv.FormatInt(max(1, d.Milliseconds()), 10)
}

// settings lists the settings that bounds mean.
func settings(b executor.Bounds) [][2]string {
	out := [][2]string{{"statement_timeout", "0"}}
	if b.Statement > 0 {
		out[0][1] = millis(b.Statement)
	}
	if b.Lock > 0 {
		out = append(out, [2]string{"lock_timeout", millis(b.Lock)})
	}
	if b.Bypass {
		out = append(out, [2]string{"migrate.bypass", "on"})
	}
	if b.Quiet != "" {
		out = append(out, [2]string{quietSetting, b.Quiet})
	}
	return out
}

// configure sets all settings in one round trip.
func configure(b executor.Bounds, local bool) (query string, args []any) {
	query = "SELECT "
	for i, s := range settings(b) {
		if i > 0 {
			query += ", "
		}
		query += fmt.Sprintf("set_config('%s', $%d, %t)", s[0], i+1, local)
		args = append(args, s[1])
	}
	return query, args
}

// Begin starts a transaction within bounds.
func (s *session) Begin(ctx context.Context, conn *sql.Conn, b executor.Bounds) (*sql.Tx, error) {
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("beginning a transaction: %w", err)
	}
	query, args := configure(b, true)
	if b.Bypass || b.Late {
		// A piece of a walk carries its checkpoint: a crash of the server that loses
		// the one loses the other, and the piece is done again. What says that the
		// walk is finished is written later, and waits for the log. So it is with a
		// step and its journal entry, whose locks go sooner by it.
		query += ", set_config('synchronous_commit', 'off', true)"
	}
	if _, err := tx.ExecContext(ctx, query, args...); err != nil {
		return nil, errors.Join(fmt.Errorf("setting the transaction's bounds: %w", err), tx.Rollback())
	}
	return tx, nil
}

// ExecTx implements executor.Session.
func (s *session) ExecTx(ctx context.Context, tx *sql.Tx, statements ...string) error {
	_, err := tx.ExecContext(ctx, strings.Join(statements, ";\n"), pgx.QueryExecModeSimpleProtocol)
	return err
}

// Exec implements executor.Session. The settings are the session's for that long; a
// connection that a cancelled statement has cost is closed by the driver, and its
// settings with it. No step here locks a table beyond a statement outside of a
// transaction, and in one message several would be one.
func (s *session) Exec(ctx context.Context, conn *sql.Conn, b executor.Bounds, statements ...string) error {
	query, args := configure(b, false)
	if _, err := conn.ExecContext(ctx, query, args...); err != nil {
		return fmt.Errorf("setting the statement's bounds: %w", err)
	}
	var err error
	for _, statement := range statements {
		if _, err = conn.ExecContext(ctx, statement, pgx.QueryExecModeSimpleProtocol); err != nil {
			break
		}
	}
	if ctx.Err() != nil {
		return err
	}
	return errors.Join(err, s.unset(ctx, conn))
}

const unsetSettings = "RESET lock_timeout; RESET statement_timeout; SELECT set_config('migrate.bypass', '', false), set_config('" + quietSetting + "', '', false)"

func (s *session) unset(ctx context.Context, conn *sql.Conn) error {
	if _, err := conn.ExecContext(ctx, unsetSettings, pgx.QueryExecModeSimpleProtocol); err != nil {
		return fmt.Errorf("resetting the connection's bounds: %w", err)
	}
	return nil
}

// Rehearse implements executor.Session. No step here holds a lock over several statements
// of its own: in a transaction the server writes them at its end, together.
func (s *session) Rehearse(context.Context, int, time.Duration) (time.Duration, error) { return 0, nil }

// UndoCost implements executor.Session: what was written is dead at once.
func (s *session) UndoCost() float64 { return 0 }

// Reset ends a transaction that may be open, and takes back settings. The
// advisory lock stays.
func (s *session) Reset(ctx context.Context, conn *sql.Conn) error {
	if _, err := conn.ExecContext(ctx, "ROLLBACK", pgx.QueryExecModeSimpleProtocol); err != nil {
		return fmt.Errorf("resetting the connection: %w", err)
	}
	return s.unset(ctx, conn)
}
