package integration

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/integration/servers"
)

// compat_test.go runs an old and a new version of an app against a table while
// the migration of DESIGN section 1 goes through it. No statement may fail, and
// both shapes must say the same.

const usersTable = `CREATE TABLE users (
  id bigint PRIMARY KEY,
  name varchar(200) NOT NULL,
  email varchar(200) NOT NULL
)`

// splitName is 0007_split_name, in the engine's words.
func splitName(w *world) string {
	return `-- migrate:flag users.split-name
-- migrate:soak 0s
` + w.either(`-- migrate:down users.name = first_name || ' ' || last_name
ALTER TABLE users ADD COLUMN first_name text, ADD COLUMN last_name text;
UPDATE users SET first_name = split_part(name, ' ', 1),
                 last_name  = split_part(name, ' ', 2);
ALTER TABLE users ALTER COLUMN first_name SET NOT NULL;
ALTER TABLE users DROP COLUMN name;
`, `-- migrate:down users.name = concat(first_name, ' ', last_name)
ALTER TABLE users ADD COLUMN first_name varchar(100), ADD COLUMN last_name varchar(100);
UPDATE users SET first_name = substring_index(name, ' ', 1),
                 last_name  = substring_index(name, ' ', -1);
ALTER TABLE users MODIFY COLUMN first_name varchar(100) NOT NULL;
ALTER TABLE users DROP COLUMN name;
`)
}

// inconsistent counts the rows in which neither shape follows from the other.
func inconsistent(w *world) string {
	up := w.either(`first_name IS NOT DISTINCT FROM split_part(name, ' ', 1) AND last_name IS NOT DISTINCT FROM split_part(name, ' ', 2)`,
		`BINARY first_name <=> BINARY substring_index(name, ' ', 1) AND BINARY last_name <=> BINARY substring_index(name, ' ', -1)`)
	down := w.either(`name IS NOT DISTINCT FROM (first_name || ' ' || last_name)`, `BINARY name <=> BINARY concat(first_name, ' ', last_name)`)
	return fmt.Sprintf(`SELECT count(*) FROM users WHERE NOT (%s) AND NOT (%s)`, up, down)
}

const firstRows = 5000

// fillUsers makes a table big enough for the backfill to take many chunks.
func fillUsers(t *testing.T, w *world, rows int) {
	t.Helper()
	w.exec(t, usersTable)
	w.exec(t, w.series(rows, "INSERT INTO users (id, name, email) SELECT n, CONCAT('First', n, ' Last', n), CONCAT('user', n, '@example.com') FROM numbers"))
	w.exec(t, w.either("ANALYZE users", "ANALYZE TABLE users"))
}

// series lets a statement select from numbers, a table of n = 1 … rows.
func (w *world) series(rows int, insert string) string {
	const digits = "(SELECT 0 d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9)"
	numbers := fmt.Sprintf("(SELECT n FROM generate_series(1, %d) n) numbers", rows)
	if !w.postgres() {
		numbers = fmt.Sprintf(`(SELECT 1 + a.d + 10*b.d + 100*c.d + 1000*e.d + 10000*f.d + 100000*g.d AS n
			FROM %[2]s a, %[2]s b, %[2]s c, %[2]s e, %[2]s f, %[2]s g HAVING n <= %[1]d) numbers`, rows, digits)
	}
	return strings.Replace(insert, "numbers", numbers, 1)
}

// writer is one app of one version, writing rows of its own and rows that it
// shares with the others.
type writer struct {
	name string
	db   *sql.DB
	step func(ctx context.Context, db *sql.DB, r *rand.Rand, n int) error

	statements atomic.Int64
	stop       chan struct{}
	once       sync.Once
	done       chan struct{}
	errs       []error
}

func (w *world) writer(t *testing.T, name string, seed uint64, step func(context.Context, *sql.DB, *rand.Rand, int) error) *writer {
	t.Helper()
	wr := &writer{name: name, db: w.Open(t), step: step, stop: make(chan struct{}), done: make(chan struct{})}
	go wr.run(t.Context(), rand.New(rand.NewPCG(seed, 7))) //nolint:gosec // a repeatable sequence is wanted
	t.Cleanup(func() { wr.ended(t) })
	return wr
}

func (wr *writer) run(ctx context.Context, r *rand.Rand) {
	defer close(wr.done)
	for n := 0; ; n++ {
		select {
		case <-wr.stop:
			return
		default:
		}
		err := wr.step(ctx, wr.db, r, n)
		wr.statements.Add(1)
		if err != nil {
			wr.errs = append(wr.errs, err)
			if len(wr.errs) > 5 {
				return
			}
		}
	}
}

// ended stops the writer and fails for every statement that did.
func (wr *writer) ended(t *testing.T) {
	t.Helper()
	wr.once.Do(func() {
		close(wr.stop)
		<-wr.done
		if err := errors.Join(wr.errs...); err != nil {
			t.Errorf("the %s failed: %v", wr.name, err)
		}
	})
}

// moves waits until the writer has done some more.
func (wr *writer) moves(t *testing.T) {
	t.Helper()
	from := wr.statements.Load()
	eventually(t, "the "+wr.name+" to write", func() bool {
		select {
		case <-wr.done:
			t.Fatalf("the %s ended: %v", wr.name, errors.Join(wr.errs...))
		default:
		}
		return wr.statements.Load() > from+20
	})
}

// oldApp knows users.name.
func oldApp(w *world) func(context.Context, *sql.DB, *rand.Rand, int) error {
	upsert := w.either(" ON CONFLICT (id) DO UPDATE SET name = excluded.name", " ON DUPLICATE KEY UPDATE name = VALUES(name)")
	return func(ctx context.Context, db *sql.DB, r *rand.Rand, n int) error {
		shared, own := 1+r.IntN(firstRows), 1_000_000+n
		name := []string{fmt.Sprintf("Old%d Name%d", n, n), "Cher", fmt.Sprintf("Zoë Ann O''Brien%d", n), "trailing "}[r.IntN(4)]
		var statement string
		switch r.IntN(6) {
		case 0:
			statement = fmt.Sprintf("INSERT INTO users (id, name, email) VALUES (%d, '%s', 'x')", own, name)
		case 1:
			statement = fmt.Sprintf("INSERT INTO users (id, name, email) VALUES (%d, '%s', 'x')", shared, name) + upsert
		case 2:
			statement = fmt.Sprintf("DELETE FROM users WHERE id = %d", 1_000_000+r.IntN(n+1))
		case 3:
			statement = fmt.Sprintf("UPDATE users SET email = 'e%d' WHERE id = %d", n, shared)
		case 4:
			var got sql.NullString
			err := db.QueryRowContext(ctx, fmt.Sprintf("SELECT name FROM users WHERE id = %d", shared)).Scan(&got)
			return err
		default:
			statement = fmt.Sprintf("UPDATE users SET name = '%s' WHERE id = %d", name, shared)
		}
		_, err := db.ExecContext(ctx, statement)
		return err
	}
}

// newApp knows users.first_name and users.last_name.
func newApp(w *world) func(context.Context, *sql.DB, *rand.Rand, int) error {
	upsert := w.either(" ON CONFLICT (id) DO UPDATE SET last_name = excluded.last_name", " ON DUPLICATE KEY UPDATE last_name = VALUES(last_name)")
	return func(ctx context.Context, db *sql.DB, r *rand.Rand, n int) error {
		shared, own := 1+r.IntN(firstRows), 2_000_000+n
		var statement string
		switch r.IntN(6) {
		case 0:
			// The second form asks MariaDB for a value of name before any trigger.
			values := []string{"VALUES (%d, 'New%d', 'Näme%d', 'x')", "SELECT %d, 'New%d', 'Näme%d', 'x'"}[r.IntN(2)]
			statement = fmt.Sprintf("INSERT INTO users (id, first_name, last_name, email) "+values, own, n, n)
		case 1:
			statement = fmt.Sprintf("INSERT INTO users (id, first_name, last_name, email) VALUES (%d, 'New%d', 'Näme%d', 'x')", shared, n, n) + upsert
		case 2:
			statement = fmt.Sprintf("DELETE FROM users WHERE id = %d", 2_000_000+r.IntN(n+1))
		case 3:
			statement = fmt.Sprintf("UPDATE users SET last_name = 'Last%d' WHERE id = %d", n, shared)
		case 4:
			var first, last sql.NullString
			err := db.QueryRowContext(ctx, fmt.Sprintf("SELECT first_name, last_name FROM users WHERE id = %d", shared)).Scan(&first, &last)
			if err == nil && !first.Valid {
				err = fmt.Errorf("row %d has no first_name: it was not backfilled", shared)
			}
			return err
		default:
			statement = fmt.Sprintf("UPDATE users SET first_name = 'First%d', last_name = 'Last%d' WHERE id = %d", n, n, shared)
		}
		_, err := db.ExecContext(ctx, statement)
		return err
	}
}

func TestCompatibility(t *testing.T) {
	t.Parallel()
	servers.Each(t, func(t *testing.T, d *servers.Database) {
		w := newWorld(t, d)
		fillUsers(t, w, firstRows)
		naive := w.fresh(t)
		naive.exec(t, usersTable)
		naive.exec(t, splitName(w))
		c := w.cli(t, map[string]string{"0007_split_name": splitName(w)})
		consistent := func(when string) {
			t.Helper()
			if n := w.number(t, inconsistent(w)); n != 0 {
				t.Errorf("%s, %d rows are inconsistent", when, n)
			}
		}

		before := w.writer(t, "old app", 1, oldApp(w))
		before.moves(t)
		c.run(t, 0, "plan", "0007_split_name")
		c.run(t, 0, "expand", "0007_split_name", "--chunk-target", "5ms")
		consistent("after expand")

		after := w.writer(t, "new app", 2, newApp(w))
		for range 5 { // checkpoints in the open state, both writing
			before.moves(t)
			after.moves(t)
			consistent("in the open state")
		}
		if s := c.status(t, "0007_split_name"); s.State != executor.Open || s.Mismatches != 0 {
			t.Errorf("status says %+v, want open without mismatches", s)
		}
		contains(t, c.run(t, 3, "contract", "0007_split_name", "--grace", "0s").said(), "flag-full")

		before.ended(t)
		c.run(t, 0, "flag", "set", "users.split-name", "full")
		after.moves(t)
		consistent("when the old version is gone")
		c.run(t, 0, "contract", "0007_split_name", "--grace", "0s")
		after.moves(t)
		after.ended(t)
		if diff := cmp.Diff(naive.look(t).Schema, w.look(t).Schema); diff != "" {
			t.Errorf("the schema is not that of the naive run (-naive +migrate):\n%s", diff)
		}
		if s := c.status(t, "0007_split_name"); s.State != executor.Done {
			t.Errorf("the migration is %s, want done", s.State)
		}
		if n := w.number(t, "SELECT count(*) FROM users WHERE first_name IS NULL OR last_name IS NULL"); n != 0 {
			t.Errorf("%d rows lost their names", n)
		}
		t.Logf("%s %s: %d old and %d new statements", d.Engine, d.Version, before.statements.Load(), after.statements.Load())
	})
}

// TestGraceKeepsTheOldShape: a rollback in the grace brings back the old
// shape with what the new version wrote meanwhile.
func TestGraceKeepsTheOldShape(t *testing.T) {
	t.Parallel()
	servers.Each(t, func(t *testing.T, d *servers.Database) {
		w := newWorld(t, d)
		fillUsers(t, w, 500)
		h := w.migrate(t, executor.Options{})
		f := file("0007_split_name", splitName(w))
		state, err := h.expand(t.Context(), f)
		reaches(t, executor.Open, state, err)
		state, err = h.contract(t.Context(), f, time.Hour)
		reaches(t, executor.Grace, state, err)
		w.exec(t, "INSERT INTO users (id, first_name, last_name, email) VALUES (9001, 'Written', 'Ingrace', 'x')")
		w.exec(t, "UPDATE users SET last_name = 'Changed' WHERE id = 7")
		w.exec(t, "DELETE FROM users WHERE id = 8")
		state, err = h.Rollback(t.Context(), f.Name)
		reaches(t, executor.Open, state, err)
		got := w.strings(t, "SELECT name FROM users WHERE id IN (7, 8, 9001) ORDER BY id")
		if diff := cmp.Diff([]string{"First7 Changed", "Written Ingrace"}, got); diff != "" {
			t.Errorf("what the old version reads after the rollback (-want +got):\n%s", diff)
		}
		if n := w.number(t, inconsistent(w)); n != 0 {
			t.Errorf("%d rows are inconsistent", n)
		}
		w.exec(t, "UPDATE users SET name = 'Old Again' WHERE id = 7")
		if got := w.strings(t, "SELECT last_name FROM users WHERE id = 7"); got[0] != "Again" {
			t.Errorf("after the rollback, an old version's write does not reach the new shape: %q", got)
		}
	})
}
