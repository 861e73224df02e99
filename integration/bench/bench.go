package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/expandcontract/migrate/integration/throwaway"
)

// bench holds what the measurements share.
type bench struct {
	o   options
	db  *sql.DB
	sql engineSQL
	dir string
}

// engineSQL is the little SQL that differs.
type engineSQL struct {
	fill, settle, journal string
}

var engines = map[string]engineSQL{
	throwaway.Postgres: {
		fill:   "INSERT INTO %s (id, a, pad) SELECT i, i, repeat('x', 60) FROM generate_series(1, %d) i",
		settle: "VACUUM ANALYZE %s",
		journal: `SELECT EXTRACT(EPOCH FROM max(happened_at) - min(happened_at))::float8 FROM migrate.journal
			WHERE migration = $1 AND step = 'backfill-1' AND action = 'do'`,
	},
	throwaway.MySQL:   mysqlSQL,
	throwaway.MariaDB: mysqlSQL,
}

var mysqlSQL = engineSQL{
	fill: `INSERT INTO %s (id, a, pad) SELECT d.n, d.n, REPEAT('x', 60) FROM (
		SELECT 1 + a.i + 10*b.i + 100*c.i + 1000*d.i + 10000*e.i + 100000*f.i + 1000000*g.i AS n
		FROM (` + digits + `) a, (` + digits + `) b, (` + digits + `) c, (` + digits + `) d, (` + digits + `) e, (` + digits + `) f, (` + digits + `) g
		) d WHERE d.n <= %d`,
	settle: "ANALYZE TABLE %s",
	journal: `SELECT TIMESTAMPDIFF(MICROSECOND, min(happened_at), max(happened_at)) / 1e6 FROM migrate_journal
		WHERE migration = ? AND step = 'backfill-1' AND action = 'do'`,
}

const digits = "SELECT 0 i UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 UNION SELECT 6 UNION SELECT 7 UNION SELECT 8 UNION SELECT 9"

func newBench(o options) (*bench, error) {
	s, ok := engines[o.engine]
	if !ok {
		return nil, fmt.Errorf("unknown engine %q: use postgres, mysql or mariadb", o.engine)
	}
	db, err := throwaway.OpenURL(o.url)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "migrate-bench-")
	if err != nil {
		return nil, fmt.Errorf("making a folder for the migrations: %w", err)
	}
	return &bench{o: o, db: db, sql: s, dir: dir}, nil
}

// ownDatabase makes a database on a throwaway server, whose initial one is the
// server's own, and returns its URL.
func ownDatabase(ctx context.Context, serverURL string) (string, error) {
	u, err := url.Parse(serverURL)
	if err != nil {
		return "", errors.New("the throwaway server's URL cannot be parsed")
	}
	db, err := throwaway.OpenURL(serverURL)
	if err != nil {
		return "", err
	}
	defer func() { _ = db.Close() }()
	if _, err := db.ExecContext(ctx, "CREATE DATABASE migrate_bench"); err != nil {
		return "", fmt.Errorf("making a database: %w", err)
	}
	u.Path = "/migrate_bench"
	return u.String(), nil
}

func (b *bench) close() {
	_ = b.db.Close()
	_ = os.RemoveAll(b.dir)
}

// table makes a fresh table of the benchmark's size.
func (b *bench) table(ctx context.Context, name, extra string) error {
	for _, q := range []string{
		"DROP TABLE IF EXISTS " + name,
		"CREATE TABLE " + name + " (id bigint NOT NULL PRIMARY KEY, a bigint NOT NULL, pad varchar(100)" + extra + ")",
		fmt.Sprintf(b.sql.fill, name, b.o.rows),
		fmt.Sprintf(b.sql.settle, name),
	} {
		if _, err := b.db.ExecContext(ctx, q); err != nil {
			return fmt.Errorf("preparing table %s: %w", name, err)
		}
	}
	return nil
}

// plainUpdate times the statement that people would write.
func (b *bench) plainUpdate(ctx context.Context) (time.Duration, error) {
	if err := b.table(ctx, "bench_plain", ", b bigint"); err != nil {
		return 0, err
	}
	begun := time.Now()
	if _, err := b.db.ExecContext(ctx, "UPDATE bench_plain SET b = a"); err != nil {
		return 0, err
	}
	took := time.Since(begun)
	_, err := b.db.ExecContext(ctx, "DROP TABLE bench_plain")
	return took, err
}

// backfill runs migrate expand as a process, and reads from its journal how
// long the backfill took and from the system how much memory the process had.
func (b *bench) backfill(ctx context.Context, n int) (time.Duration, int64, error) {
	if err := b.table(ctx, "bench_fill", ""); err != nil {
		return 0, 0, err
	}
	name := fmt.Sprintf("%d_bench", time.Now().UnixMilli())
	text := "-- migrate:down bench_fill.a = b\nALTER TABLE bench_fill ADD COLUMN b bigint;\nUPDATE bench_fill SET b = a;\n"
	if err := os.WriteFile(filepath.Join(b.dir, name+".sql"), []byte(text), 0o600); err != nil {
		return 0, 0, err
	}
	peak, err := b.migrate(ctx, "expand", name)
	if err != nil {
		return 0, 0, err
	}
	var seconds float64
	if err := b.db.QueryRowContext(ctx, b.sql.journal, name).Scan(&seconds); err != nil {
		return 0, 0, fmt.Errorf("reading the journal: %w", err)
	}
	var wrong int64
	if err := b.db.QueryRowContext(ctx, "SELECT count(*) FROM bench_fill WHERE b IS NULL OR b <> a").Scan(&wrong); err != nil {
		return 0, 0, err
	}
	if wrong > 0 {
		return 0, 0, fmt.Errorf("%d rows are not filled after the backfill of run %d", wrong, n)
	}
	if _, err := b.migrate(ctx, "rollback", name); err != nil {
		return 0, 0, err
	}
	return time.Duration(seconds * float64(time.Second)), peak, nil
}

// migrate runs the command and returns its peak memory in bytes.
func (b *bench) migrate(ctx context.Context, args ...string) (int64, error) {
	cmd := exec.CommandContext(ctx, b.o.binary, append(args, "--dir", b.dir)...)
	cmd.Env = append(os.Environ(), "MIGRATE_DATABASE_URL="+b.o.url)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("running migrate %s: %w\n%s", args[0], err, out)
	}
	return peakMemory(cmd.ProcessState), nil
}
