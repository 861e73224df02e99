package integration

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/integration/servers"
	"github.com/expandcontract/migrate/planner/plan"
)

// Rows that somebody writes behind the walk without the shadow writes are found
// when all rows are compared, and filled, before the migration opens. Nobody reads
// the whole table in one long statement for their sake.
func TestRowsThatTheWalkHasMissed(t *testing.T) {
	t.Parallel()
	servers.Each(t, func(t *testing.T, d *servers.Database) {
		w := newWorld(t, d)
		bigTable(t, w, 50_000)
		h := w.migrate(t, executor.Options{})
		c := w.cli(t, map[string]string{"0007_double": addB})
		p := c.start(t, "expand", "--chunk-target", "1ms", "--workers", "1")
		w.walking(t, p)
		w.behindBack(t, h, "UPDATE t SET b = NULL WHERE id <= 7")
		w.behindBack(t, h, "INSERT INTO t (id, a, label) VALUES (-1, 4, 'late')")
		if code := p.wait(); code != 0 {
			t.Fatalf("expand exits %d\n%s", code, p.said())
		}
		if s := c.status(t, "0007_double"); s.State != executor.Open {
			t.Errorf("expand ended in %s, want open", s.State)
		}
		if n := w.number(t, "SELECT count(*) FROM t WHERE b IS NULL OR b <> a * 2"); n != 0 {
			t.Errorf("%d rows are wrong\n%s", n, p.said())
		}
		if n := strings.Count(p.said(), "backfill finished"); n != 2 {
			t.Errorf("the table was walked %d times, want 2\n%s", n, p.said())
		}
		for _, s := range storedPlan(t, h, "0007_double").Steps(plan.Backfill) {
			if s.Mode == plan.Chunked && s.Chunks.Left != "" {
				t.Errorf("step %s looks for rows left, which the comparison finds: %s", s.ID, s.Chunks.Left)
			}
		}
	})
}

// A row that the application moves all the time is met by no walk: it is ahead of the
// walk's end, or behind it. One question about the whole table, in one snapshot, finds
// it; a look in pieces would miss it as the backfill has, and leave it as it is.
func TestRowThatMovesAllTheTime(t *testing.T) {
	t.Parallel()
	servers.Each(t, func(t *testing.T, d *servers.Database) {
		w := newWorld(t, d)
		bigTable(t, w, 5_000)
		w.exec(t, "CREATE INDEX t_a ON t (a)")
		c := w.cli(t, map[string]string{"0007_stamp": "-- migrate:soak 0s\nALTER TABLE t ADD COLUMN stamp " +
			w.either("uuid DEFAULT gen_random_uuid()", "varchar(36) DEFAULT (uuid())") + ";\n"})
		ctx, stop := context.WithCancel(t.Context())
		var app sync.WaitGroup
		app.Go(func() {
			tick := time.NewTicker(3 * time.Millisecond)
			defer tick.Stop()
			for ; ctx.Err() == nil; <-tick.C {
				if _, err := w.db.ExecContext(ctx, "UPDATE t SET a = a + 1 WHERE id = 5000"); err != nil && ctx.Err() == nil {
					t.Errorf("the application: %v", err)
					return
				}
			}
		})
		p := c.start(t, "expand", "--rows-per-second", "5000", "--workers", "1")
		code := p.wait()
		stop()
		app.Wait()
		if n := w.number(t, "SELECT count(*) FROM t WHERE stamp IS NULL"); n != 0 && code == 0 {
			t.Errorf("expand says that it is done, and leaves %d rows\n%s", n, p.said())
		}
		if code != 0 {
			contains(t, p.said(), "keep appearing")
		}
	})
}

// Where there are no two shapes to compare, the backfill itself looks whether it has
// left rows.
func TestRowsThatAFillHasMissed(t *testing.T) {
	t.Parallel()
	servers.Each(t, func(t *testing.T, d *servers.Database) {
		w := newWorld(t, d)
		bigTable(t, w, 50_000)
		h := w.migrate(t, executor.Options{})
		c := w.cli(t, map[string]string{"0007_stamp": "-- migrate:soak 0s\nALTER TABLE t ADD COLUMN stamp " +
			w.either("uuid DEFAULT gen_random_uuid()", "varchar(36) DEFAULT (uuid())") + " NOT NULL;\n"})
		p := c.start(t, "expand", "--chunk-target", "1ms", "--workers", "1")
		w.walking(t, p)
		w.behindBack(t, h, "UPDATE t SET stamp = NULL WHERE id <= 7")
		if code := p.wait(); code != 0 {
			t.Fatalf("expand exits %d\n%s", code, p.said())
		}
		if n := w.number(t, "SELECT count(*) FROM t WHERE stamp IS NULL"); n != 0 {
			t.Errorf("%d rows are left\n%s", n, p.said())
		}
		if n := strings.Count(p.said(), "backfill finished"); n != 2 {
			t.Errorf("the table was walked %d times, want 2\n%s", n, p.said())
		}
	})
}

// Of rows that the walk has missed some cannot be converted: they are set aside like
// others, each with its key.
func TestMissedRowsThatCannotBeConverted(t *testing.T) {
	t.Parallel()
	servers.Each(t, func(t *testing.T, d *servers.Database) {
		w := newWorld(t, d)
		w.exec(t, "CREATE TABLE t (id bigint PRIMARY KEY, label varchar(60) NOT NULL)")
		w.exec(t, w.series(50_000, "INSERT INTO t (id, label) SELECT n, n FROM numbers"))
		w.exec(t, w.either("VACUUM ANALYZE t", "ANALYZE TABLE t"))
		h := w.migrate(t, executor.Options{})
		c := w.cli(t, map[string]string{"0007_convert": convert(w)})
		p := c.start(t, "expand", "--chunk-target", "1ms", "--workers", "1", "--max-failures", "5")
		w.walking(t, p)
		w.behindBack(t, h, "UPDATE t SET b = NULL, label = '"+secretLabel+"' WHERE id IN (3, 5)")
		w.behindBack(t, h, "UPDATE t SET b = NULL WHERE id = 7")
		if code := p.wait(); code != 1 {
			t.Fatalf("expand exits %d\n%s", code, p.said())
		}
		contains(t, p.stderr.String(), "2 rows of t ", "id=3", "id=5", w.own("failures"))
		hides(t, p.said(), secretLabel)
		sameLines(t, "the keys in the table", []string{"id=3", "id=5"}, sorted(w.strings(t, "SELECT row_key FROM "+w.own("failures"))))
		if n := w.number(t, "SELECT b FROM t WHERE id = 7"); n != 7 {
			t.Errorf("the row that can be converted has %d", n)
		}
		w.exec(t, "UPDATE t SET label = '17' WHERE label = '"+secretLabel+"'")
		c.run(t, 0, "expand")
		if n := w.number(t, "SELECT count(*) FROM t WHERE b IS NULL OR b <> CASE WHEN label = '17' THEN 17 ELSE id END"); n != 0 {
			t.Errorf("repaired, %d rows are wrong", n)
		}
		s := c.status(t, "0007_convert")
		if s.State != executor.Open || len(s.Backfill) != 1 || s.Backfill[0].Failures != 0 || s.Backfill[0].RowsDone < s.Backfill[0].RowsTotal {
			t.Errorf("repaired, it is %s, its backfill %+v", s.State, s.Backfill)
		}
	})
}
