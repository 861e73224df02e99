package integration

import (
	"testing"
	"time"

	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/integration/servers"
)

// TestPiecesBehindAStretchWithoutRows: pages that hold no rows any more are walked in no time, and the piece behind
// them may not be as large as that suggests: whoever wants one of its rows waits for all of it. How many rows a
// statement changes, PostgreSQL tells.
func TestPiecesBehindAStretchWithoutRows(t *testing.T) {
	t.Parallel()
	needsPostgres(t, "pages without rows are walked on PostgreSQL only; elsewhere rows are, from key to key")
	w := newWorld(t, servers.Fresh(t, servers.Postgres))
	w.exec(t, `
CREATE TABLE t (id bigint PRIMARY KEY, a bigint NOT NULL) WITH (autovacuum_enabled = off);
INSERT INTO t SELECT n, n FROM generate_series(1, 600000) n;
DELETE FROM t WHERE id <= 300000;
ANALYZE t;
CREATE TABLE pieces (changed bigint);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO pieces SELECT count(*) FROM updated; RETURN NULL; END $$;
CREATE TRIGGER note AFTER UPDATE ON t REFERENCING NEW TABLE AS updated FOR EACH STATEMENT EXECUTE FUNCTION note();
`)
	h := w.migrate(t, executor.Options{ChunkTarget: 12 * time.Millisecond, Workers: 1})
	state, err := h.expand(t.Context(), file("0007_double", addB))
	reaches(t, executor.Open, state, err)
	if n := w.number(t, "SELECT count(*) FROM t WHERE b IS DISTINCT FROM a * 2"); n != 0 {
		t.Errorf("%d rows are wrong", n)
	}
	if most := w.number(t, "SELECT max(changed) FROM pieces"); most < 20 || most > 20_000 {
		t.Errorf("one statement has changed %d rows, want at most 20,000: %s", most, w.strings(t, "SELECT changed::text FROM pieces ORDER BY changed DESC LIMIT 5"))
	}
}
