package mysql

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log"
	"strings"
	"sync"
	"time"

	driver "github.com/go-sql-driver/mysql"

	"github.com/expandcontract/migrate/dialects"
	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/flags"
	"github.com/expandcontract/migrate/planner/plan"
)

var _ dialects.Session = (*session)(nil)

// session is a connected server.
type session struct {
	engine *engine
	db     *sql.DB
	// control is apart, so that a statement can be watched and ended even when
	// every other connection is busy.
	control *sql.DB
	app     string
	dbName  string
	// perf tells whether performance_schema is on.
	perf bool
	// opens is for how long a statement may be opening its tables, and must not be ended.
	opens time.Duration

	trxs    trxTable
	waiting waitTable

	tally  tally
	others others

	mu  sync.Mutex
	own map[int64]bool // ids of our connections
}

// Open implements dialects.Engine.
func (e *engine) Open(ctx context.Context, url string, o dialects.Options) (dialects.Session, error) {
	cfg, err := parseURL(url, e.Engine())
	if err != nil {
		return nil, err
	}
	s := &session{engine: e, app: o.Application, dbName: cfg.DBName, own: map[int64]bool{}}
	if s.app == "" {
		s.app = "migrate"
	}
	if e.maria {
		s.opens = opensWithin
	}
	s.configure(cfg)
	inner, err := driver.NewConnector(cfg)
	if err != nil {
		return nil, fmt.Errorf("connecting: %w", s.Redact(err))
	}
	s.db = sql.OpenDB(&connector{inner: inner, s: s})
	s.control = sql.OpenDB(&connector{inner: inner, s: s})
	maxConns := o.MaxConns
	if maxConns <= 0 {
		maxConns = 8
	}
	s.db.SetMaxOpenConns(maxConns)
	s.db.SetMaxIdleConns(maxConns)
	s.control.SetMaxOpenConns(maxConns)
	s.control.SetMaxIdleConns(maxConns) // each worker's watcher looks many times a second
	if err := s.check(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("connecting to %s at %s: %w", e.product(), cfg.Addr, s.Redact(err)), s.Close())
	}
	return s, nil
}

// configure sets what every connection of ours has: UTC, our sql_mode, and a
// lock timeout as a safety net below the watcher's.
func (s *session) configure(cfg *driver.Config) {
	cfg.DialFunc = dialects.Dial
	cfg.ParseTime = true
	cfg.MultiStatements = true // what is done under a lock is one message
	cfg.Loc = time.UTC
	cfg.Logger = log.New(io.Discard, "", 0)
	cfg.ConnectionAttributes = "program_name:" + strings.NewReplacer(",", " ", ":", " ").Replace(s.app)
	cfg.Params = map[string]string{
		"time_zone": "'+00:00'", "sql_mode": "'" + sqlMode + "'", "lock_wait_timeout": "1",
	}
	// The error can only be about names, and this one exists.
	_ = cfg.Apply(driver.Charset("utf8mb4", ""))
}

func (s *session) check(ctx context.Context) error {
	var version string
	var perf int
	if err := s.db.QueryRowContext(ctx, "SELECT VERSION(), @@performance_schema").Scan(&version, &perf); err != nil {
		return err
	}
	s.perf = perf == 1
	if maria := strings.Contains(strings.ToLower(version), "mariadb"); maria != s.engine.maria {
		other, scheme := "MySQL", "mysql"
		if maria {
			other, scheme = "MariaDB", "mariadb"
		}
		return fmt.Errorf("the server is %s: write the URL with %s://", other, scheme)
	}
	return nil
}

// DB implements executor.Session.
func (s *session) DB() *sql.DB { return s.db }

// Close implements dialects.Session.
func (s *session) Close() error { return errors.Join(s.db.Close(), s.control.Close()) }

// Layout implements executor.Session.
func (s *session) Layout() executor.Layout {
	return executor.Layout{
		Table: func(name string) string { return quoteName("migrate_" + name) },
		Exists: "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND " +
			among("table_name", []string{"migrate_migrations"}),
		Flags:       flags.WithPrefix("migrate_"),
		Placeholder: func(int) string { return "?" },
		Types: executor.Types{
			Text:     "longtext",
			Time:     "datetime(6)",
			Double:   "double",
			SerialPK: "bigint NOT NULL AUTO_INCREMENT PRIMARY KEY",
			Key:      "varchar(191) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
		},
		Now:        "UTC_TIMESTAMP(6)",
		AddSeconds: func(instant, seconds string) string { return "(" + instant + " + INTERVAL " + seconds + " SECOND)" },
		SecondsSince: func(instant string) string {
			return "(TIMESTAMPDIFF(MICROSECOND, " + instant + ", SYSDATE(6)) / 1000000e0)"
		},
		ForShare: "LOCK IN SHARE MODE",
		Late:     "TRUE",
	}
}

// lockName is the advisory lock of a database; names may have 64 characters.
func (s *session) lockName() string {
	name := "migrate:" + s.dbName
	if len(name) <= 60 {
		return name
	}
	sum := sha256.Sum256([]byte(s.dbName))
	return "migrate:" + hex.EncodeToString(sum[:16])
}

// TryLock implements executor.Session.
func (s *session) TryLock(ctx context.Context, conn *sql.Conn) (bool, string, error) {
	var got sql.NullInt64
	if err := conn.QueryRowContext(ctx, "SELECT GET_LOCK(?, 0)", s.lockName()).Scan(&got); err != nil {
		return false, "", fmt.Errorf("taking the executor's lock: %w", s.Redact(err))
	}
	if got.Int64 == 1 {
		return true, "", nil
	}
	var id sql.NullInt64
	if err := s.db.QueryRowContext(ctx, "SELECT IS_USED_LOCK(?)", s.lockName()).Scan(&id); err != nil {
		return false, "", fmt.Errorf("asking who holds the executor's lock: %w", s.Redact(err))
	}
	// MySQL cannot make this table while any session runs a statement with a letter
	// beyond three bytes of UTF-8 (error 3854). A name is a courtesy.
	var user, host string
	err := s.db.QueryRowContext(ctx, "SELECT user, host FROM information_schema.processlist WHERE id = ?", id).Scan(&user, &host)
	if err != nil || user == "" {
		return false, fmt.Sprintf("connection %d", id.Int64), nil
	}
	return false, fmt.Sprintf("connection %d, %s from %s", id.Int64, user, host), nil
}

// Begin implements executor.Session. READ COMMITTED takes no locks on the gaps
// between rows, which writers of new rows would wait for.
func (s *session) Begin(ctx context.Context, conn *sql.Conn, b executor.Bounds) (*sql.Tx, error) {
	if err := onConn(conn, func(c *watchedConn) error { return c.begin(ctx, b) }); err != nil {
		return nil, err
	}
	tx, err := conn.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("beginning a transaction: %w", err), onConn(conn, func(c *watchedConn) error { return c.end() }))
	}
	return tx, nil
}

// ExecTx implements executor.Session.
func (s *session) ExecTx(ctx context.Context, tx *sql.Tx, statements ...string) error {
	if len(statements) == 0 {
		return nil
	}
	return execMessage(ctx, tx, statements...)
}

// Exec implements executor.Session.
func (s *session) Exec(ctx context.Context, conn *sql.Conn, b executor.Bounds, statements ...string) error {
	locked := false
	err := onConn(conn, func(c *watchedConn) error {
		locked = c.locked
		return c.begin(ctx, b)
	})
	if err != nil {
		return err
	}
	if locked {
		err = s.execLocked(ctx, conn, b.Lock, statements)
	} else {
		err = s.execEach(ctx, conn, b.Lock, statements)
	}
	return errors.Join(err, onConn(conn, func(c *watchedConn) error { c.patient = false; return c.end() }))
}

func (s *session) execEach(ctx context.Context, conn *sql.Conn, bound time.Duration, statements []string) error {
	for _, statement := range statements {
		var err error
		switch {
		case strings.HasPrefix(statement, "LOCK TABLES"):
			err = s.lock(ctx, conn, statement)
		case bound > 0 && worksLong(statement):
			err = s.execPatient(ctx, conn, statement)
		default:
			_, err = conn.ExecContext(ctx, statement)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// execPatient runs a statement that may wait while nobody waits behind it.
func (s *session) execPatient(ctx context.Context, conn *sql.Conn, statement string) error {
	if err := onConn(conn, func(c *watchedConn) error { c.patient = true; return nil }); err != nil {
		return err
	}
	if _, err := conn.ExecContext(ctx, lockWait(patientFor/time.Second)); err != nil {
		return err
	}
	s.modest(ctx, conn)
	// Of what fails the rest is left: whoever goes on with this connection resets it.
	return execMessage(ctx, conn, statement, lockWait(1))
}

// UndoCost implements executor.Session. InnoDB takes back change by change, which took
// between 0.4 and 1.0 times as long as making them (100,000 rows, MySQL 9.7, MariaDB 11.8).
func (s *session) UndoCost() float64 { return 1 }

// Reset implements executor.Session.
func (s *session) Reset(ctx context.Context, conn *sql.Conn) error {
	if err := onConn(conn, func(c *watchedConn) error {
		c.locked, c.patient, c.set = false, false, ""
		return c.end()
	}); err != nil {
		return err
	}
	for _, sql := range []string{
		"ROLLBACK", unlockTables,
		"SET SESSION sql_mode = '" + sqlMode + "', innodb_lock_wait_timeout = DEFAULT, lock_wait_timeout = 1, foreign_key_checks = 1, " + bypass + " = NULL, " + quiet + " = NULL",
	} {
		if _, err := conn.ExecContext(ctx, sql); err != nil {
			return fmt.Errorf("resetting a connection: %w", s.Redact(err))
		}
	}
	return nil
}

// Accepts implements dialects.Session: the server plans the query and runs
// nothing of it.
func (s *session) Accepts(ctx context.Context, c plan.Check) error {
	rows, err := s.db.QueryContext(ctx, "EXPLAIN "+c.SQL)
	if err != nil {
		return s.Redact(err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err tells
	for more := true; more; {
		more = rows.Next() // nobody reads the server's plan
	}
	return s.Redact(rows.Err())
}
