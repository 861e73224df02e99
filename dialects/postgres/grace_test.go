package postgres

import (
	"testing"

	"github.com/expandcontract/migrate/integration/servers"
	"github.com/expandcontract/migrate/planner/plan"
)

// A row that an UPDATE moves to another partition is an inserted one to the
// triggers there. In the grace it brings its old value along, which down may not
// be able to make again.
func TestMovedRowsKeepTheirOldValues(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, db *servers.Database) {
		w := newWorld(t, db, `
			CREATE TABLE m (id bigint, day date NOT NULL, name text DEFAULT 'nobody', PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
			CREATE TABLE m_1 PARTITION OF m FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
			CREATE TABLE m_2 PARTITION OF m FOR VALUES FROM ('2026-02-01') TO ('2026-03-01')`)
		pool := w.session.DB()
		l := w.migration(`
			-- migrate:up m.first = split_part(name, ' ', 1)
			-- migrate:up m.last = split_part(name, ' ', 3)
			-- migrate:down m.name = first || ' ' || last
			ALTER TABLE m ADD COLUMN first text, ADD COLUMN last text;
			ALTER TABLE m DROP COLUMN name;`)
		l.phase(plan.Expand)
		run(t, pool, "INSERT INTO m (id, day, name) SELECT i, '2026-01-05', 'Jean Luc Picard' FROM generate_series(1, 3) i")
		l.phase(plan.Contract)
		run(t, pool, `
			UPDATE m SET day = '2026-02-05' WHERE id = 1;
			UPDATE m SET day = '2026-02-05', first = 'Jack' WHERE id = 2;
			UPDATE m SET last = 'Crusher' WHERE id = 3;
			INSERT INTO m (id, day, first, last) VALUES (4, '2026-02-05', 'William', 'Riker')`)
		l.rollback()
		for id, want := range []string{"Jean Luc Picard", "Jack Picard", "Jean Crusher", "William Riker"} {
			if got := text(t, pool, "SELECT name FROM m WHERE id = $1", id+1); got != want {
				t.Errorf("row %d is %q, want %q", id+1, got, want)
			}
		}
	})
}
