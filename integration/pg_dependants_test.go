package integration

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/flags"
	"github.com/expandcontract/migrate/integration/servers"
)

// pg_dependants_test.go: what depends on a rebuilt column, while the old column
// is kept for the grace.

const wideOrders = `
CREATE TABLE shops (id bigint PRIMARY KEY);
INSERT INTO shops VALUES (1), (2147483647), (5000000000);
CREATE TABLE orders (id bigint PRIMARY KEY, number int NOT NULL UNIQUE CHECK (number > 0), shop int REFERENCES shops, lane int CHECK (lane * 2 > lane), UNIQUE (lane, number));
INSERT INTO orders SELECT i, i, 1, i FROM generate_series(1, 20) i;`

// TestGraceTakesWideValues: what does not fit the old type is no duplicate, no
// orphan and breaks no check in the old column, and stops a rollback only where
// the old column has no place for it at all.
func TestGraceTakesWideValues(t *testing.T) {
	t.Parallel()
	servers.Each(t, func(t *testing.T, d *servers.Database) {
		if d.Engine != servers.Postgres {
			t.Skip("its dialect has a test of its own")
		}
		w := newWorld(t, d)
		w.exec(t, wideOrders)
		h := w.migrate(t, executor.Options{})
		f := file("0007_wide", "ALTER TABLE orders ALTER COLUMN number TYPE bigint, ALTER COLUMN shop TYPE bigint, ALTER COLUMN lane TYPE bigint;")
		before := w.look(t)
		state, err := h.expand(t.Context(), f)
		reaches(t, executor.Open, state, err)
		state, err = h.contract(t.Context(), f, time.Hour)
		reaches(t, executor.Grace, state, err)

		w.exec(t, "INSERT INTO orders (id, number, shop, lane) VALUES (100, 3000000000, 5000000000, 1), (101, 3000000001, 5000000000, 2000000000)")
		w.exec(t, "INSERT INTO orders (id, number, shop, lane) VALUES (102, 50, 1, 1) ON CONFLICT (number) DO NOTHING")
		w.exec(t, "UPDATE orders SET number = number + 4000000000 WHERE id IN (5, 6)")
		for what, sql := range map[string]string{
			"a duplicate": "INSERT INTO orders (id, number, shop, lane) VALUES (103, 3000000000, 1, 1)",
			"an orphan":   "INSERT INTO orders (id, number, shop, lane) VALUES (104, 104, 17, 1)",
			"a NULL":      "INSERT INTO orders (id, number, shop, lane) VALUES (105, NULL, 1, 1)",
			"a bad value": "INSERT INTO orders (id, number, shop, lane) VALUES (106, -5, 1, 1)",
		} {
			if _, err := w.db.ExecContext(t.Context(), sql); err == nil {
				t.Errorf("the new column takes %s", what)
			}
		}

		_, err = h.Rollback(t.Context(), f.Name)
		if err == nil || !strings.Contains(err.Error(), "duplicate") {
			t.Fatalf("rolling back four values that the old column cannot tell apart gives %v", err)
		}
		if n := w.number(t, "SELECT number FROM orders WHERE id = 5"); n != 4000000005 {
			t.Errorf("the refused rollback leaves number %d", n)
		}
		w.exec(t, "DELETE FROM orders WHERE id >= 101; UPDATE orders SET number = id WHERE id IN (5, 6)")
		state, err = h.Rollback(t.Context(), f.Name)
		reaches(t, executor.Open, state, err)
		if n := w.number(t, "SELECT number FROM orders WHERE id = 100"); n != 2147483647 {
			t.Errorf("3000000000 comes back as %d, want what is nearest", n)
		}
		w.exec(t, "DELETE FROM orders WHERE id >= 100")
		if err := h.flag(t.Context(), f, flags.Off()); err != nil {
			t.Fatal(err)
		}
		state, err = h.Rollback(t.Context(), f.Name)
		reaches(t, executor.RolledBack, state, err)
		same(t, "rolled back, the state before expand", before, w.look(t))
	})
}

// TestNewVersionsLeaveColumnsOut: once expanded, no constraint over a column
// that goes refuses a row of a version that does not know it.
func TestNewVersionsLeaveColumnsOut(t *testing.T) {
	t.Parallel()
	servers.Each(t, func(t *testing.T, d *servers.Database) {
		if d.Engine != servers.Postgres {
			t.Skip("the constraints are PostgreSQL's")
		}
		w := newWorld(t, d)
		w.exec(t, `
			CREATE TABLE kinds (id int PRIMARY KEY);
			CREATE TABLE users (id bigint PRIMARY KEY, name text, nick text NOT NULL, kind int DEFAULT 7 REFERENCES kinds,
				slot int, code text DEFAULT md5(random()::text) UNIQUE, CHECK (name IS NOT NULL OR nick <> ''), CHECK (slot > 0 AND name <> 'root'),
				UNIQUE (name, slot));
			INSERT INTO kinds VALUES (1);
			INSERT INTO users VALUES (1, 'a', 'b', 1, 1, 'c')`)
		h := w.migrate(t, executor.Options{})
		f := file("0007_less", "ALTER TABLE users DROP COLUMN nick, DROP COLUMN kind, DROP COLUMN slot, DROP COLUMN code;")
		before := w.look(t)
		state, err := h.expand(t.Context(), f)
		reaches(t, executor.Open, state, err)
		opened := w.look(t)
		w.exec(t, "INSERT INTO users (id, name) VALUES (2, 'root'), (3, 'root'), (4, NULL)")
		w.exec(t, "INSERT INTO users VALUES (5, 'x', 'y', 1, 5, 'z') ON CONFLICT (name, slot) DO NOTHING")

		_, err = h.Rollback(t.Context(), f.Name)
		var loss *executor.LossError
		if !errors.As(err, &loss) {
			t.Errorf("rolling back to constraints that rows break gives %v, want a LossError", err)
		}
		w.exec(t, "DELETE FROM users WHERE id > 1")
		same(t, "the open state", opened, w.look(t))
		state, err = h.Rollback(t.Context(), f.Name)
		reaches(t, executor.RolledBack, state, err)
		same(t, "rolled back, the state before expand", before, w.look(t))
	})
}
