package integration

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/integration/servers"
	"github.com/expandcontract/migrate/planner/plan"
)

// churn_test.go: a backfill on PostgreSQL names columns of indexes, so that these are
// not cleaned meanwhile (dialects/postgres/churn.go). Nobody may notice but the clock.

const noChurn = "only PostgreSQL cleans indexes as rows are updated"

// indexed is a table whose indexes are all there can be, and who tells what happens to it.
const indexed = `
CREATE TABLE t (id bigint PRIMARY KEY, a bigint NOT NULL, spread int, often int, watched int, single int UNIQUE, base int,
	computed int GENERATED ALWAYS AS (base + 1) STORED, counted int GENERATED ALWAYS AS IDENTITY, word text, hashed int);
INSERT INTO t (id, a, spread, often, watched, single, base, word, hashed)
	SELECT n, n, (n * 7919) % 20011, n % 10, n, n, n, 'word ' || n, n FROM generate_series(1, 20000) n;
CREATE INDEX ON t (spread); CREATE INDEX ON t (spread, often); CREATE INDEX ON t (watched); CREATE INDEX ON t (base);
CREATE INDEX ON t (computed); CREATE INDEX ON t (counted); CREATE INDEX ON t (lower(word)); CREATE INDEX ON t USING hash (hashed);
CREATE UNIQUE INDEX ON t (single, often);
CREATE TABLE said (what text, query text);
CREATE FUNCTION say() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO said VALUES (TG_NAME, current_query()); RETURN NEW; END $$;
CREATE TRIGGER every AFTER UPDATE ON t FOR EACH STATEMENT EXECUTE FUNCTION say();
CREATE TRIGGER watches BEFORE UPDATE OF watched ON t FOR EACH ROW EXECUTE FUNCTION say();
`

func TestIndexesAreNotCleanedMeanwhile(t *testing.T) {
	t.Parallel()
	needsPostgres(t, noChurn)
	w := newWorld(t, servers.Fresh(t, servers.Postgres))
	w.exec(t, indexed)
	ctx, stop := context.WithCancel(t.Context())
	var app sync.WaitGroup
	added := 0
	app.Go(func() {
		for ctx.Err() == nil {
			if _, err := w.db.ExecContext(context.WithoutCancel(ctx), fmt.Sprintf("UPDATE t SET spread = spread + 1 WHERE id = %d", 1+added%20_000)); err != nil {
				t.Errorf("the application: %v", err)
				return
			}
			added++
		}
	})
	h := w.migrate(t, executor.Options{})
	state, err := h.expand(t.Context(), file("0007_double", addB))
	stop()
	app.Wait()
	reaches(t, executor.Open, state, err)
	if n := w.number(t, "SELECT count(*) FROM t WHERE b IS DISTINCT FROM a * 2"); n != 0 {
		t.Errorf("%d rows are wrong", n)
	}
	const sum = "SELECT sum((n * 7919) % 20011) FROM generate_series(1, 20000) n"
	if got, want := w.number(t, "SELECT sum(spread) FROM t"), w.number(t, sum)+int64(added); got != want {
		t.Errorf("the application's %d increments sum up to %d, want %d", added, got, want)
	}
	if n := w.number(t, "SELECT count(*) FROM said WHERE what = 'watches'"); n != 0 {
		t.Errorf("a trigger that is about another column has fired %d times", n)
	}
	pieces := w.number(t, "SELECT count(*) FROM said WHERE query LIKE '%ctid%'")
	still := w.number(t, "SELECT count(*) FROM said WHERE query LIKE '%SET \"b\" = \"a\" * 2, \"spread\" = \"spread\", \"word\" = \"word\" WHERE ctid%'")
	if pieces == 0 || still != pieces {
		t.Errorf("of %d pieces %d name the columns that may be named: %s", pieces, still, w.strings(t, "SELECT DISTINCT query FROM said WHERE query LIKE '%ctid%'"))
	}
}

// divided is a table of partitions, one of which is divided again by a column with an
// index, and another by what is computed of one.
const divided = `
CREATE TABLE t (id bigint NOT NULL, a bigint NOT NULL, spread int, often int, day date, word text, PRIMARY KEY (id, often, day)) PARTITION BY RANGE (id);
CREATE TABLE t_1 PARTITION OF t FOR VALUES FROM (0) TO (10000);
CREATE TABLE t_2 PARTITION OF t FOR VALUES FROM (10000) TO (20000) PARTITION BY LIST (often);
CREATE TABLE t_2_a PARTITION OF t_2 FOR VALUES IN (0, 1, 2, 3, 4);
CREATE TABLE t_2_b PARTITION OF t_2 DEFAULT;
CREATE INDEX ON t (spread); CREATE INDEX ON t (often); CREATE INDEX ON t (day); CREATE INDEX ON t_1 (word);
INSERT INTO t SELECT n, n, (n * 7919) % 20011, n % 10, date '2026-01-01' + n % 300, 'word' FROM generate_series(1, 19999) n;
CREATE TABLE said (query text);
CREATE FUNCTION say() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO said VALUES (current_query()); RETURN NULL; END $$;
CREATE TRIGGER every AFTER UPDATE ON t FOR EACH STATEMENT EXECUTE FUNCTION say();
`

// Columns of the indexes of all partitions are named, but for those that decide in
// which partition a row is; and none where a partition of its own minds.
func TestIndexesOfPartitionsAreNotCleanedMeanwhile(t *testing.T) {
	t.Parallel()
	needsPostgres(t, noChurn)
	for name, c := range map[string]struct {
		also  string
		still string // what is named
	}{
		"as they are":                {"", `, "spread" = "spread"`},
		"a partition's unique index": {"CREATE UNIQUE INDEX ON t_2_b (spread, id, often)", ""},
		"a partition's trigger": {"CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'fired'; END $$;" +
			"CREATE TRIGGER watches BEFORE UPDATE OF spread ON t_1 FOR EACH ROW EXECUTE FUNCTION fail()", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, servers.Fresh(t, servers.Postgres))
			w.exec(t, divided+c.also)
			before := w.number(t, "SELECT sum(pg_relation_size(inhrelid)) FROM pg_inherits WHERE inhparent = 't_spread_idx'::regclass")
			h := w.migrate(t, executor.Options{})
			state, err := h.expand(t.Context(), file("0007_double", addB))
			reaches(t, executor.Open, state, err)
			if n := w.number(t, "SELECT count(*) FROM t WHERE b IS DISTINCT FROM a * 2"); n != 0 {
				t.Errorf("%d rows are wrong", n)
			}
			pieces := w.number(t, "SELECT count(*) FROM said WHERE query LIKE '%ctid%'")
			if n := w.number(t, "SELECT count(*) FROM said WHERE query LIKE '%SET \"b\" = \"a\" * 2"+c.still+" WHERE ctid%'"); pieces == 0 || n != pieces {
				t.Errorf("of %d pieces %d name what they should: %s", pieces, n, w.strings(t, "SELECT DISTINCT query FROM said WHERE query LIKE '%ctid%'"))
			}
			t.Logf("the index of one partition was %d bytes large, and is %d", before, w.number(t, "SELECT sum(pg_relation_size(inhrelid)) FROM pg_inherits WHERE inhparent = 't_spread_idx'::regclass"))
		})
	}
}

// A backfill that was cut off finds a table that is not what it was: another
// migration, say, has renamed a column that it would name, or watches it.
func TestColumnsThatMayNotBeNamedAnyMore(t *testing.T) {
	t.Parallel()
	needsPostgres(t, noChurn)
	for name, change := range map[string]string{
		"renamed": "ALTER TABLE t RENAME label TO title",
		"watched": "CREATE TABLE said (n int); CREATE FUNCTION say() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO said VALUES (1); RETURN NEW; END $$;" +
			"CREATE TRIGGER watches BEFORE UPDATE OF label ON t FOR EACH ROW EXECUTE FUNCTION say()",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, servers.Fresh(t, servers.Postgres))
			bigTable(t, w, 20_000)
			w.exec(t, "CREATE INDEX ON t (label)")
			c := w.cli(t, map[string]string{"0007_double": addB})
			p := c.start(t, "expand", "--rows-per-second", "5000")
			w.walking(t, p)
			p.signal(t, syscall.SIGKILL)
			p.wait()
			if q := storedPlan(t, w.migrate(t, executor.Options{}), "0007_double").Steps(plan.Backfill)[0].Chunks.Quicker; q == nil || !strings.Contains(q.SQL, `"label" = "label"`) {
				t.Fatalf("the plan does not name the column: %+v", q)
			}
			w.exec(t, change)
			c.run(t, 0, "expand")
			if n := w.number(t, "SELECT count(*) FROM t WHERE b IS DISTINCT FROM a * 2"); n != 0 {
				t.Errorf("%d rows are wrong", n)
			}
			if name == "watched" && w.number(t, "SELECT count(*) FROM said") != 0 {
				t.Error("a trigger that is about another column has fired")
			}
		})
	}
}
