package mysql

import (
	"testing"

	"github.com/expandcontract/migrate/planner"
)

// The server itself writes an old column with ON UPDATE where a new version writes
// only the new one: what the new version wrote is carried over all the same.
func TestOnUpdateIsNoWriteOfTheApp(t *testing.T) {
	for _, c := range []struct{ name, typ, clock string }{
		{"timestamp", "timestamp NULL", "CURRENT_TIMESTAMP"},
		{"millis", "datetime(3) NULL", "CURRENT_TIMESTAMP(3)"},
		{"micros", "datetime(6) NULL", "CURRENT_TIMESTAMP(6)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			onServers(t, func(t *testing.T, b *bench) {
				b.exec("CREATE TABLE pages (id int PRIMARY KEY, title varchar(20), changed " + c.typ + " ON UPDATE " + c.clock + ", changed_at " + c.typ + ")")
				table := b.table("pages")
				low, err := b.d.Lower(b.schema("pages"), planner.OpInstallShadow{Sync: &planner.Sync{
					Table: table, Name: "0007_pages_1a2b3c4d", State: "open", Columns: table.Columns,
					Groups: []planner.Group{{
						Old: []string{"changed"}, New: []string{"changed_at"},
						Up:   []planner.Assign{{Column: "changed_at", Expr: planner.ColumnExpr("changed")}},
						Down: []planner.Assign{{Column: "changed", Expr: planner.ColumnExpr("changed_at")}},
					}},
				}})
				if err != nil {
					t.Fatal(err)
				}
				b.run(low.Steps[0].Statements)
				const then, both = "LEFT(changed, 10) = '2024-01-01' AND changed = changed_at", "changed > '2026-01-01' AND changed = changed_at"
				for _, w := range []struct{ who, set, want string }{
					{"a new version", "title = 'x', changed_at = '2024-01-01'", then},
					{"a new version, of that alone", "changed_at = '2024-01-01'", then},
					{"a new version that clears it", "title = 'x', changed_at = NULL", "changed IS NULL AND changed_at IS NULL"},
					{"an old version", "title = 'x', changed = '2024-01-01'", then},
					{"an old version that leaves it to the server", "title = 'x'", both},
					{"who writes both", "changed = '2024-01-01', changed_at = '2025-01-01'", "LEFT(changed, 4) = '2024' AND LEFT(changed_at, 4) = '2025'"},
				} {
					b.exec("DELETE FROM pages", "INSERT INTO pages (id, title, changed) VALUES (1, 'a', '2020-01-01'), (2, 'a', '2020-01-02')")
					b.exec("UPDATE pages SET " + w.set)
					if got := b.text("SELECT COUNT(*) FROM pages WHERE " + w.want); got != "2" {
						t.Errorf("%s: SET %s\nleaves %s as it should be, of 2 rows: %s", w.who, w.set, got,
							b.text("SELECT CONCAT_WS('|', changed, changed_at) FROM pages LIMIT 1"))
					}
				}
				// A row that is not yet backfilled.
				b.exec("DELETE FROM pages")
				conn := b.pinned()
				for _, q := range []string{
					"SET @migrate_bypass = 1", "INSERT INTO pages (id, title, changed) VALUES (1, 'a', '2020-01-01')", "SET @migrate_bypass = NULL",
					"UPDATE pages SET title = 'x', changed_at = '2024-01-01'",
				} {
					if _, err := conn.ExecContext(t.Context(), q); err != nil {
						t.Fatal(err)
					}
				}
				if got := b.text("SELECT COUNT(*) FROM pages WHERE " + then); got != "1" {
					t.Errorf("a row that was not filled holds %s", b.text("SELECT CONCAT_WS('|', changed, changed_at) FROM pages"))
				}
			})
		})
	}
}
