package postgres

import (
	"testing"

	"github.com/expandcontract/migrate/integration/servers"
	"github.com/expandcontract/migrate/planner/plan"
)

// What a subscription applies, and bulk loads with session_replication_role = replica, fire only triggers that
// are enabled always. Their rows are to have both shapes as well, those of partitions that come later, too.
func TestReplicatedWritesAreShadowed(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, db *servers.Database) {
		w := newWorld(t, db, `
			CREATE TABLE plain (id bigint PRIMARY KEY, a text);
			CREATE TABLE parts (id bigint PRIMARY KEY, a text) PARTITION BY RANGE (id);
			CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (100)`)
		for _, table := range []string{"plain", "parts"} {
			t.Run(table, func(t *testing.T) {
				l := w.migration("ALTER TABLE " + table + " RENAME COLUMN a TO b;")
				l.phase(plan.Expand)
				if table == "parts" {
					run(t, w.session.DB(), "CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (100) TO (200)")
				}
				applies, err := w.session.DB().Conn(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = applies.Close() }()
				exec := func(q string) {
					t.Helper()
					if _, err := applies.ExecContext(t.Context(), q); err != nil {
						t.Fatal(err)
					}
				}
				exec("SET session_replication_role = replica")
				defer exec("RESET session_replication_role")
				exec("INSERT INTO " + table + " (id, a) VALUES (1, 'old'), (2, 'old'), (101, 'old')")
				exec("INSERT INTO " + table + " (id, b) VALUES (3, 'new')")
				exec("UPDATE " + table + " SET b = 'changed' WHERE id IN (2, 101)")
				shapes := `SELECT string_agg(concat_ws(' ', id, a, b), ', ' ORDER BY id) FROM ` + table
				if got, want := text(t, w.session.DB(), shapes), "1 old old, 2 changed changed, 3 new new, 101 changed changed"; got != want {
					t.Errorf("in both shapes: %s; want %s", got, want)
				}
				l.phase(plan.Contract)
				exec("INSERT INTO " + table + " (id, b) VALUES (4, 'grace')")
				l.rollback()
				if got, want := text(t, w.session.DB(), "SELECT a FROM "+table+" WHERE id = 4"), "grace"; got != want {
					t.Errorf("written in the grace: %q, want %q", got, want)
				}
			})
		}
	})
}
