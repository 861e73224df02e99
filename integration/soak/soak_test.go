package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/expandcontract/migrate/integration/servers"
	"github.com/expandcontract/migrate/integration/throwaway"
)

// TestSoak is the short version of the hour that make soak takes.
func TestSoak(t *testing.T) {
	t.Parallel()
	servers.Each(t, func(t *testing.T, d *servers.Database) {
		var log, summary strings.Builder
		s, err := run(t.Context(), options{
			Engine: d.Engine, URL: d.URL, Duration: 10 * time.Second, Rows: 2000, Writers: 2, Dwell: 300 * time.Millisecond, Log: &log,
		})
		if err != nil {
			t.Fatalf("%v\n%s", err, &log)
		}
		if err := s.verdict(&summary); err != nil {
			t.Error(err)
		}
		if len(s.samples) == 0 || s.looks < 2 || s.ledger.statements.Load() < 200 {
			t.Errorf("%d migrations, %d looks, %d statements: that is no soak", len(s.samples), s.looks, s.ledger.statements.Load())
		}
		t.Logf("%s%s", &log, &summary)
	})
}

// TestTheLedgerNotices: a row that somebody else changes, deletes or adds is told, each by itself.
func TestTheLedgerNotices(t *testing.T) {
	t.Parallel()
	servers.Each(t, func(t *testing.T, d *servers.Database) {
		db := d.Open(t)
		whole, _ := shapes(d.Engine)
		if _, err := db.ExecContext(t.Context(), whole.create); err != nil {
			t.Fatal(err)
		}
		l := newLedger(d.Engine, 40)
		if err := l.fill(t.Context(), db, whole, true); err != nil {
			t.Fatal(err)
		}
		r := rand.New(rand.NewPCG(1, 1)) //nolint:gosec // a repeatable sequence is wanted
		for n := range int64(400) {
			l.write(t.Context(), db, whole, r, 1000+n)
		}
		compare := func() int64 {
			t.Helper()
			before := l.wrong.count()
			if _, err := l.compare(t.Context(), db, whole); err != nil {
				t.Fatal(err)
			}
			return l.wrong.count() - before
		}
		if n := compare(); n != 0 || l.wrong.count() != 0 || l.errors.count() != 0 {
			t.Fatalf("undisturbed, %d rows are wrong and %d statements failed: %v %v", l.wrong.count(), l.errors.count(), l.wrong.first, l.errors.first)
		}
		there, absent := pick(l, true), pick(l, false)
		for _, c := range []struct{ what, do, undo string }{
			{"changed", "UPDATE people SET visits = visits + 1 WHERE id = %d", "UPDATE people SET visits = visits - 1 WHERE id = %d"},
			{"moved", "UPDATE people SET id = -id WHERE id = %d", "UPDATE people SET id = -id WHERE id = -%d"},
		} {
			mustExec(t, d, fmt.Sprintf(c.do, there))
			if compare() == 0 {
				t.Errorf("a row that was %s is not told", c.what)
			}
			mustExec(t, d, fmt.Sprintf(c.undo, there))
		}
		if n := compare(); n != 0 {
			t.Errorf("all is as it was, and %d rows are told", n)
		}
		mustExec(t, d, fmt.Sprintf("INSERT INTO people (id, name, mail, visits) VALUES (%d, 'x', 'x', 0)", absent))
		if compare() != 1 {
			t.Error("a row that was added is not told")
		}
		// The app meets it, too.
		mustExec(t, d, "DELETE FROM people")
		before := l.wrong.count()
		for n := range int64(100) {
			l.write(t.Context(), db, whole, r, 2000+n)
		}
		if l.wrong.count() == before {
			t.Error("the app does not notice that all rows are gone")
		}
	})
}

func pick(l *ledger, there bool) int {
	for i := range l.entries {
		if l.entries[i].there == there {
			return i + 1
		}
	}
	return 0
}

func mustExec(t *testing.T, d *servers.Database, query string) {
	t.Helper()
	if _, err := d.Open(t).ExecContext(t.Context(), query); err != nil {
		t.Fatalf("%v\n%s", err, query)
	}
}

func TestInconsistentRowsAreCounted(t *testing.T) {
	t.Parallel()
	servers.Each(t, func(t *testing.T, d *servers.Database) {
		mustExec(t, d, "CREATE TABLE people (id int, name varchar(50), first_name varchar(50), last_name varchar(50), mail varchar(50), email varchar(50))")
		mustExec(t, d, `INSERT INTO people VALUES (1, 'Ada King', 'Ada', 'King', 'a', 'a'), (2, 'Ada King', 'ada', 'King', 'a', 'a'),
			(3, 'Ada King', 'Ada', NULL, 'a', 'a'), (4, 'Ada King', 'Ada', 'King', 'a', 'A'), (5, 'Ada King', 'Ada', 'King', 'a', NULL)`)
		n, err := number(t.Context(), d.Open(t), inconsistent(d.Engine))
		if err != nil || n != 4 {
			t.Errorf("%d rows are inconsistent (%v), want 4", n, err)
		}
	})
}

func TestGrown(t *testing.T) {
	t.Parallel()
	steady := func(i int, s *sample) { s.peak, s.heap, s.routines, s.book = 8*mib, 5*mib, 20, int64(30*i) }
	for name, c := range map[string]struct {
		samples int
		of      func(i int, s *sample)
		want    bool
	}{
		"steady":               {40, steady, false},
		"too few to tell":      {6, func(i int, s *sample) { s.heap = int64(i) * 100 * mib }, false},
		"the heap":             {40, func(i int, s *sample) { steady(i, s); s.heap += int64(i) * mib / 5 }, true},
		"the program":          {40, func(i int, s *sample) { steady(i, s); s.peak += int64(i) * mib / 5 }, true},
		"a goroutine each":     {40, func(i int, s *sample) { steady(i, s); s.routines += i }, true},
		"more rows each time":  {40, func(i int, s *sample) { steady(i, s); s.book += int64(i * i) }, true},
		"only the first":       {40, func(i int, s *sample) { steady(i, s); s.heap += int64(9*mib) * int64(max(0, 1-i)) }, false},
		"up and down, no more": {40, func(i int, s *sample) { steady(i, s); s.heap += int64(i%2) * 4 * mib }, false},
	} {
		var samples []sample
		for i := range c.samples {
			var s sample
			c.of(i, &s)
			samples = append(samples, s)
		}
		if lines, got := grown(samples); got != c.want {
			t.Errorf("%s: growth is %t, want %t: %q", name, got, c.want, lines)
		}
	}
}

func TestLeftovers(t *testing.T) {
	t.Parallel()
	got := leftovers([]string{"column a", "trigger t"}, []string{"column a", "function f"})
	if diff := cmp.Diff([]string{"+function f", "-trigger t"}, got); diff != "" {
		t.Errorf("leftovers (-want +got):\n%s", diff)
	}
}

// TestTheCatalogIsAllThere: what migrate could leave behind is seen.
func TestTheCatalogIsAllThere(t *testing.T) {
	t.Parallel()
	servers.Each(t, func(t *testing.T, d *servers.Database) {
		list := func() []string {
			t.Helper()
			names, err := column(t.Context(), d.Open(t), queriesFor(d.Engine).catalog)
			if err != nil {
				t.Fatal(err)
			}
			return names
		}
		statements := []string{
			"CREATE TABLE t (id int PRIMARY KEY)", "ALTER TABLE t ADD COLUMN a int", "CREATE INDEX t_a ON t (a)",
			"ALTER TABLE t ADD CONSTRAINT t_check CHECK (a > 0)", "CREATE VIEW v AS SELECT id FROM t",
		}
		if d.Engine == throwaway.Postgres {
			statements = append(statements, "CREATE SCHEMA s", "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
				"CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()", "CREATE TYPE e AS ENUM ('x')", "CREATE SEQUENCE q")
		} else {
			statements = append(statements, "CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET NEW.a = 1", "CREATE PROCEDURE p() SELECT 1")
		}
		before := list()
		for _, st := range statements {
			mustExec(t, d, st)
			now := list()
			if len(leftovers(before, now)) == 0 {
				t.Errorf("%s is not seen", st)
			}
			before = now
		}
	})
}
