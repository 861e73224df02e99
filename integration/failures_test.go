package integration

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/integration/servers"
)

// failures_test.go: a transform that is wrong, or that meets a row it cannot
// convert, is stopped with its place, and nothing is lost.

func TestWrongTransformIsRefused(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, src string
		place     string   // line:column
		says      []string // of PostgreSQL and MySQL alike
	}{
		{
			"syntax error in migrate:up", "-- migrate:up t.b = a *\nALTER TABLE t ADD COLUMN b bigint;\n", "1:", []string{"migrate:up"},
		},
		{
			"syntax error in migrate:down", "ALTER TABLE t ADD COLUMN b bigint;\n-- migrate:down t.a = (b\nALTER TABLE t DROP COLUMN a;\n", "2:", []string{"migrate:down"},
		},
		{
			"syntax error in a statement", "ALTER TABLE t ADD COLUMN b bigint;\n  UPDATE t SET b = = a;\n", "2:20", nil,
		},
		{
			"column that is missing", "ALTER TABLE t ADD COLUMN b bigint;\nUPDATE t SET b = nowhere * 2;\n", "2:1", []string{`"nowhere"`},
		},
		{
			"column that is missing in migrate:up", "-- migrate:up t.b = nowhere\nALTER TABLE t ADD COLUMN b bigint;\n", "1:1", []string{`"nowhere"`},
		},
		{
			"function that is missing", "ALTER TABLE t ADD COLUMN b bigint;\nUPDATE t SET b = no_such_function(a);\n", "2:1", []string{"no_such_function"},
		},
		{
			"table that is missing", "ALTER TABLE nowhere ADD COLUMN b bigint;\n", "1:1", []string{`"nowhere"`},
		},
	}
	servers.Each(t, func(t *testing.T, d *servers.Database) {
		w := newWorld(t, d)
		bigTable(t, w, 3)
		before := w.look(t)
		for _, tc := range tests {
			c := w.cli(t, map[string]string{"0007_wrong": tc.src})
			for _, command := range []string{"plan", "expand"} {
				p := c.run(t, 1, command)
				contains(t, p.stderr.String(), append(tc.says, "0007_wrong.sql:"+tc.place)...)
				if t.Failed() {
					t.Fatalf("%s: %s is not refused as it should be", tc.name, command)
				}
			}
			same(t, tc.name+": refused, the state", before, w.look(t))
		}
	})
}

// convert makes numbers of labels, and fails on a label that is none.
func convert(w *world) string {
	return "ALTER TABLE t ADD COLUMN b bigint;\nUPDATE t SET b = CAST(label AS " + w.either("bigint", "SIGNED") + ");\n"
}

func TestRowThatCannotBeConverted(t *testing.T) {
	t.Parallel()
	servers.Each(t, func(t *testing.T, d *servers.Database) {
		const bad, rows, secret = 500_000, 500_100, "kept-from-the-log"
		w := newWorld(t, d)
		w.exec(t, "CREATE TABLE t (id bigint PRIMARY KEY, label varchar(60) NOT NULL)")
		w.exec(t, w.series(rows, "INSERT INTO t (id, label) SELECT n, n FROM numbers"))
		w.exec(t, fmt.Sprintf("UPDATE t SET label = '%s' WHERE id = %d", secret, bad))
		w.exec(t, w.either("VACUUM ANALYZE t", "ANALYZE TABLE t"))
		before := w.shape(t)
		c := w.cli(t, map[string]string{"0007_convert": convert(w)})

		// The row is found before anything is changed; without looking, the
		// backfill stops at it.
		p := c.run(t, 1, "expand", "-v")
		contains(t, p.stderr.String(), fmt.Sprintf("id=%d", bad), "transform-fails")
		hides(t, p.said(), secret)
		if diff := cmp.Diff(before, w.shape(t)); diff != "" {
			t.Errorf("refused, the table is not what it was (-was +is):\n%s", diff)
		}

		p = c.run(t, 1, "expand", "-v", "--data-checks", "0s")
		contains(t, p.stderr.String(), fmt.Sprintf("id=%d", bad))
		hides(t, p.said(), secret)
		s := c.status(t, "0007_convert")
		if s.State != executor.Failed {
			t.Errorf("the migration is %s, want failed", s.State)
		}
		contains(t, s.FailedReason, fmt.Sprintf("id=%d", bad))
		hides(t, c.run(t, 0, "status").said()+s.FailedReason, secret)
		contains(t, c.run(t, 3, "contract", "0007_convert").said(), "backfilled")

		c.run(t, 0, "rollback", "0007_convert")
		if diff := cmp.Diff(before, w.shape(t)); diff != "" {
			t.Errorf("rolled back, the table is not what it was (-was +is):\n%s", diff)
		}
	})
}

// shape is what a table that is too big to look at holds.
func (w *world) shape(t *testing.T) []string {
	t.Helper()
	var out []string
	if w.postgres() {
		for _, q := range postgresCatalog {
			out = append(out, w.strings(t, q)...)
		}
	} else {
		out = w.mysqlSchema(t)
	}
	out = append(out, w.strings(t, "SELECT CAST(COUNT(*) AS "+w.either("text", "char")+") FROM t")...)
	return append(out, w.strings(t, "SELECT CAST(SUM(LENGTH(CONCAT(id, label))) AS "+w.either("text", "char")+") FROM t")...)
}

func TestCorrectedRowGoesThrough(t *testing.T) {
	t.Parallel()
	servers.Each(t, func(t *testing.T, d *servers.Database) {
		w := newWorld(t, d)
		w.exec(t, "CREATE TABLE t (id bigint PRIMARY KEY, label varchar(60) NOT NULL)")
		w.exec(t, w.series(3000, "INSERT INTO t (id, label) SELECT n, n FROM numbers"))
		w.exec(t, "UPDATE t SET label = 'none' WHERE id = 2000")
		c := w.cli(t, map[string]string{"0007_convert": convert(w)})
		contains(t, c.run(t, 1, "expand", "--data-checks", "0s").stderr.String(), "id=2000")
		w.exec(t, "UPDATE t SET label = '17' WHERE id = 2000")
		c.run(t, 0, "expand")
		if n := w.number(t, "SELECT count(*) FROM t WHERE b IS NULL OR b <> CASE id WHEN 2000 THEN 17 ELSE id END"); n != 0 {
			t.Errorf("%d rows are wrong", n)
		}
	})
}

// secretLabel is a label that is no number, which nobody may read in a log.
const secretLabel = "kept-from-the-log"

// spoil makes a table of 3,000 rows, and those with the ids cannot be converted.
func spoil(t *testing.T, w *world, ids ...int) {
	t.Helper()
	w.exec(t, "CREATE TABLE t (id bigint PRIMARY KEY, label varchar(60) NOT NULL)")
	w.exec(t, w.series(3000, "INSERT INTO t (id, label) SELECT n, n FROM numbers"))
	for _, id := range ids {
		w.exec(t, fmt.Sprintf("UPDATE t SET label = '%s' WHERE id = %d", secretLabel, id))
	}
	w.exec(t, w.either("VACUUM ANALYZE t", "ANALYZE TABLE t"))
}

func TestFailingRowsAreSetAside(t *testing.T) {
	t.Parallel()
	servers.Each(t, func(t *testing.T, d *servers.Database) {
		w := newWorld(t, d)
		spoil(t, w, 1, 700, 701, 1999, 3000)
		c := w.cli(t, map[string]string{"0007_convert": convert(w)})
		keys := []string{"id=1", "id=1999", "id=3000", "id=700", "id=701"}

		// Twice: what failed is tried again, and is not counted again.
		for range 2 {
			p := c.run(t, 1, "expand", "-v", "--data-checks", "0s", "--max-failures", "10")
			contains(t, p.stderr.String(), append(keys, "5 rows of t ", w.own("failures"))...)
			hides(t, p.said(), secretLabel)
			if diff := cmp.Diff(keys, sorted(w.strings(t, "SELECT row_key FROM "+w.own("failures")))); diff != "" {
				t.Errorf("the keys in the table (-want +got):\n%s", diff)
			}
			for _, row := range w.strings(t, "SELECT CONCAT(migration, ' ', step, ' ', label, ' ', error) FROM "+w.own("failures")) {
				contains(t, row, "0007_convert ", " t ")
				hides(t, row, secretLabel)
			}
			if n := w.number(t, "SELECT count(*) FROM t WHERE b = id"); n != 2995 {
				t.Errorf("%d rows are filled, want 2995", n)
			}
			if n := w.number(t, "SELECT count(*) FROM t WHERE b IS NULL"); n != 5 {
				t.Errorf("%d rows are not filled, want 5", n)
			}
			s := c.status(t, "0007_convert")
			if s.State != executor.Failed || len(s.Backfill) != 1 || s.Backfill[0].Failures != 5 {
				t.Errorf("the migration is %s, its backfill %+v, want failed with 5 failures", s.State, s.Backfill)
			}
			hides(t, s.FailedReason, secretLabel)
		}

		w.exec(t, "UPDATE t SET label = '17' WHERE id = 700")
		contains(t, c.run(t, 1, "expand", "--max-failures", "10").stderr.String(), "4 rows of t ")

		w.exec(t, "UPDATE t SET label = '17' WHERE label = '"+secretLabel+"'")
		c.run(t, 0, "expand")
		if n := w.number(t, "SELECT count(*) FROM t WHERE b IS NULL OR b <> CASE WHEN label = '17' THEN 17 ELSE id END"); n != 0 {
			t.Errorf("repaired, %d rows are wrong", n)
		}
		if n := w.number(t, "SELECT count(*) FROM "+w.own("failures")); n != 0 {
			t.Errorf("repaired, %d failures are listed", n)
		}
	})
}

func TestTooManyFailingRowsStop(t *testing.T) {
	t.Parallel()
	servers.Each(t, func(t *testing.T, d *servers.Database) {
		w := newWorld(t, d)
		spoil(t, w, 100, 200, 300, 400, 500, 600)
		// As an earlier migrate left its tables: what is new is added.
		c := w.cli(t, map[string]string{"0007_convert": convert(w)})
		c.run(t, 0, "init")
		w.exec(t, "DROP TABLE "+w.own("failures"))
		c.run(t, 0, "status")

		p := c.run(t, 1, "expand", "--data-checks", "0s", "--max-failures", "3", "--workers", "1")
		contains(t, p.stderr.String(), "4 rows of t ", "it stopped: 3 may fail", "id=100", "--max-failures")
		hides(t, p.said(), secretLabel)
		if n := w.number(t, "SELECT count(*) FROM "+w.own("failures")); n != 4 {
			t.Errorf("%d failures are listed, want 4", n)
		}
		contains(t, c.run(t, 3, "contract", "0007_convert").said(), "backfilled")

		// Without it, the first one stops as ever, and nothing is listed.
		contains(t, c.run(t, 1, "expand").stderr.String(), "the transform fails on table t, row id=")
		if n := w.number(t, "SELECT count(*) FROM "+w.own("failures")); n != 0 {
			t.Errorf("%d failures are listed, want none", n)
		}
		c.run(t, 1, "expand", "--max-failures", "3", "--workers", "1")
		c.run(t, 0, "rollback", "0007_convert")
		if n := w.number(t, "SELECT count(*) FROM "+w.own("failures")); n != 0 {
			t.Errorf("rolled back, %d failures are listed", n)
		}
	})
}
