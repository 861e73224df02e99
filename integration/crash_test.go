package integration

import (
	"strings"
	"syscall"
	"testing"

	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/integration/servers"
)

// crash_test.go kills the program itself, with the signal that it cannot catch.

// bigTable makes a table t of so many rows that a backfill takes a while.
func bigTable(t *testing.T, w *world, rows int) {
	t.Helper()
	w.exec(t, "CREATE TABLE t (id bigint PRIMARY KEY, a bigint NOT NULL, label varchar(60) NOT NULL)")
	w.exec(t, w.series(rows, "INSERT INTO t (id, a, label) SELECT n, n, CONCAT('row ', n) FROM numbers"))
	w.exec(t, w.either("VACUUM ANALYZE t", "ANALYZE TABLE t"))
}

// bigRows is how many rows the killed backfill has before it.
func bigRows(w *world) int {
	if w.postgres() {
		return 1_000_000
	}
	return 200_000
}

const addB = `-- migrate:soak 0s
-- migrate:down t.a = b / 2
ALTER TABLE t ADD COLUMN b bigint;
UPDATE t SET b = a * 2;
ALTER TABLE t DROP COLUMN a;
`

// progress is what the checkpoints say.
type progress struct {
	done, changed, finished, spans int64
}

func (w *world) progress(t *testing.T) progress {
	t.Helper()
	var p progress
	err := w.db.QueryRowContext(t.Context(), "SELECT COALESCE(SUM(rows_done), 0), COALESCE(SUM(rows_changed), 0), COALESCE(SUM(finished), 0), COUNT(*) FROM "+
		w.own("checkpoints")).Scan(&p.done, &p.changed, &p.finished, &p.spans)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// walking waits until the backfill has done some of its work, but not all.
func (w *world) walking(t *testing.T, p *process) {
	t.Helper()
	eventually(t, "the backfill to be under way", func() bool {
		if !p.running() {
			t.Fatalf("expand ended (exit %d) before it could be cut off:\n%s", p.wait(), p.said())
		}
		return w.state(t) == string(executor.Backfilling) && w.progress(t).done > 0
	})
}

func TestKilledInMidBackfill(t *testing.T) {
	t.Parallel()
	servers.Each(t, func(t *testing.T, d *servers.Database) {
		w := newWorld(t, d)
		rows := int64(bigRows(w))
		bigTable(t, w, int(rows))
		before := w.list(t, "t")
		c := w.cli(t, map[string]string{"0007_double": addB})

		p := c.start(t, "expand", "--chunk-target", "10ms", "--workers", "1")
		w.walking(t, p)
		p.signal(t, syscall.SIGKILL)
		if code := p.wait(); code != -1 {
			t.Fatalf("expand ended with exit %d before it was killed:\n%s", code, p.said())
		}
		left := w.progress(t)
		if left.done == 0 || left.changed >= rows {
			t.Fatalf("killed after %+v, want some of %d rows", left, rows)
		}

		// Nobody contracts what is half done.
		contains(t, c.run(t, 3, "contract", "0007_double", "--grace", "0s").said(), "backfilled")
		if after := w.list(t, "t"); after != before+", b" {
			t.Errorf("after the refused contract, table t has columns %s, want %s and b", after, before)
		}
		s := c.status(t, "0007_double")
		if len(s.Backfill) != 1 || s.Backfill[0].RowsDone == 0 || s.Backfill[0].RowsDone >= rows {
			t.Errorf("status says %+v of the backfill, want part of %d rows done", s.Backfill, rows)
		}

		again := c.run(t, 0, "expand")
		if s := c.status(t, "0007_double"); s.State != executor.Open {
			t.Errorf("expand again ended in %s, want open", s.State)
		}
		end := w.progress(t)
		if end.changed != rows {
			t.Errorf("both runs together changed %d rows, want each of %d once; after the kill %+v, now %+v\n%s\n%s", end.changed, rows, left, end, p.said(), again.said())
		}
		// A walk from the beginning would have counted again what was done.
		if most := rows + rows/10; end.done > most {
			t.Errorf("both runs together walked over %d rows of %d: what was done was done again", end.done, rows)
		}
		if n := w.number(t, "SELECT count(*) FROM t WHERE b IS NULL OR b <> a * 2"); n != 0 {
			t.Errorf("%d rows are wrong", n)
		}
	})
}

// list names the columns of a table.
func (w *world) list(t *testing.T, table string) string {
	t.Helper()
	return strings.Join(w.columns(t, table), ", ")
}

func TestInterruptedInMidBackfill(t *testing.T) {
	t.Parallel()
	servers.Each(t, func(t *testing.T, d *servers.Database) {
		w := newWorld(t, d)
		const rows = 50_000
		bigTable(t, w, rows)
		c := w.cli(t, map[string]string{"0007_double": addB})
		p := c.start(t, "expand", "--chunk-target", "1ms", "--workers", "1")
		w.walking(t, p)
		p.signal(t, syscall.SIGINT)
		if code := p.wait(); code != 130 {
			t.Fatalf("interrupted, expand exits %d, want 130\n%s", code, p.said())
		}
		if s := c.status(t, "0007_double"); s.State != executor.Backfilling || s.FailedReason != "" {
			t.Errorf("interrupted, the migration is %s (%s), want backfilling", s.State, s.FailedReason)
		}
		if holder := w.strings(t, "SELECT holder FROM "+w.own("lease")); holder[0] != "" {
			t.Errorf("the interrupted expand did not give the lease back: %q", holder)
		}
		left := w.progress(t)
		c.run(t, 0, "expand")
		end := w.progress(t)
		if end.changed != rows || end.done > rows+rows/10 {
			t.Errorf("before %+v, after %+v: want %d rows changed, each walked over once", left, end, rows)
		}
	})
}
