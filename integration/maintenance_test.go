package integration

import (
	"testing"

	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/integration/servers"
)

// TestNobodyQueuesBehindMaintenance: while a table, or a partition of it, is vacuumed or analyzed, expand waits for that
// with a lock that nobody who reads or writes waits for. A strong lock that waited would let all of them wait.
func TestNobodyQueuesBehindMaintenance(t *testing.T) {
	t.Parallel()
	needsPostgres(t, "what the other engines do for a table keeps nobody from changing it")
	for name, c := range map[string]struct{ table, busy string }{
		"table": {"CREATE TABLE t (id bigint PRIMARY KEY, a bigint NOT NULL)", "t"},
		"partition": {`CREATE TABLE t (id bigint PRIMARY KEY, a bigint NOT NULL) PARTITION BY RANGE (id);
			CREATE TABLE "First" PARTITION OF t FOR VALUES FROM (0) TO (500);
			CREATE TABLE rest PARTITION OF t DEFAULT`, `"First"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, servers.Fresh(t, servers.Postgres))
			w.exec(t, c.table)
			w.exec(t, "INSERT INTO t (id, a) SELECT n, n FROM generate_series(1, 1000) n")
			// What VACUUM and ANALYZE hold, for as long as is wanted.
			vacuum, _ := block(t, w, "LOCK TABLE "+c.busy+" IN SHARE UPDATE EXCLUSIVE MODE")
			_, wait := w.expanding(t, executor.Options{}, `-- migrate:soak 0s
-- migrate:down t.a = b / 2
ALTER TABLE t ADD COLUMN b bigint;
UPDATE t SET b = a * 2;
ALTER TABLE t DROP COLUMN a;
`)
			const waiting = `SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE a.datname = current_database() AND NOT l.granted AND l.mode `
			eventually(t, "the wait that keeps nobody waiting", func() bool {
				if n := w.number(t, waiting+"<> 'ShareUpdateExclusiveLock'"); n > 0 {
					t.Fatal("a lock is waited for behind which others wait")
				}
				return w.number(t, waiting+"= 'ShareUpdateExclusiveLock'") > 0
			})
			w.exec(t, "UPDATE t SET a = a + 1 WHERE id = 7") // nobody waits for it
			if err := vacuum.Rollback(); err != nil {
				t.Fatal(err)
			}
			state, err := wait()
			reaches(t, executor.Open, state, err)
			if n := w.number(t, "SELECT count(*) FROM t WHERE b = a * 2"); n != 1000 {
				t.Errorf("%d rows of 1000 are filled", n)
			}
		})
	}
}
