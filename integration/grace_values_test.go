package integration

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/expandcontract/migrate/executor"
)

// TestUntouchedRowsComeBackAsTheyWere: what down gives is for what new versions write. A row that nobody has written
// in the grace comes back from it as it was, however much of it down could make again, and NULL comes back as NULL.
func TestUntouchedRowsComeBackAsTheyWere(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ table, rows, migration, write, read, want string }{
		"dropped": {
			"id int PRIMARY KEY, name varchar(20) NOT NULL, initial varchar(20) NOT NULL, tag varchar(20)", "(1, 'Ada', 'Z', NULL), (2, 'Bob', 'Y', 'a'), (3, 'Cyd', 'X', 'b')",
			"-- migrate:down t.initial = left(name, 1)\n-- migrate:down t.tag = 'none'\nALTER TABLE t DROP COLUMN initial, DROP COLUMN tag;",
			"UPDATE t SET name = 'Dot' WHERE id = 3", "name, ' ', initial, ' ', coalesce(tag, 'NULL')",
			"Ada Z NULL; Bob Y a; Dot D b",
		},
		"merged": {
			"id int PRIMARY KEY, first varchar(20) NOT NULL, last varchar(20) NOT NULL", "(1, 'Jean Luc', 'Picard'), (2, 'Q', 'of Q'), (3, 'Ro', 'Laren')",
			"-- migrate:down t.first = left(name, 2)\n-- migrate:down t.last = right(name, 5)\n" +
				"ALTER TABLE t ADD COLUMN name varchar(50);\nUPDATE t SET name = concat(first, ' ', last);\nALTER TABLE t DROP COLUMN first, DROP COLUMN last;",
			"UPDATE t SET name = 'Ro Bajor' WHERE id = 3", "first, ' ', last", "Jean Luc Picard; Q of Q; Ro Bajor",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, func(t *testing.T, w *world) { comesBack(t, w, c.table, c.rows, c.migration, c.write, c.read, c.want) })
		})
	}
	for name, c := range map[string][2]string{
		"int":     {"int", "bigint"},
		"small":   {"smallint", "int"},
		"numeric": {"numeric(6,2)", "numeric(12,4)"},
		"float":   {"float", "double precision"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, func(t *testing.T, w *world) {
				from := c[0]
				if name == "float" {
					from = w.either("real", "float")
				}
				comesBack(t, w, "id int PRIMARY KEY, n "+from, "(1, 1), (2, NULL), (3, 3)",
					w.either("ALTER TABLE t ALTER n TYPE "+c[1], "ALTER TABLE t MODIFY n "+c[1])+";",
					"UPDATE t SET n = NULL WHERE id = 1", "case when n is null then 'NULL' when n = 3 then '3' else 'wrong' end", "NULL; NULL; 3")
			})
		})
	}
}

func comesBack(t *testing.T, w *world, table, rows, migration, write, read, want string) {
	t.Helper()
	w.exec(t, "CREATE TABLE t ("+table+")")
	w.exec(t, "INSERT INTO t VALUES "+rows)
	h := w.migrate(t, executor.Options{Overrides: map[string]string{"flag-full": "test", "soaked": "test"}})
	f := file("0007_back", migration)
	state, err := h.expand(t.Context(), f)
	reaches(t, executor.Open, state, err)
	state, err = h.contract(t.Context(), f, time.Hour)
	reaches(t, executor.Grace, state, err)
	w.exec(t, write)
	state, err = h.Rollback(t.Context(), f.Name)
	reaches(t, executor.Open, state, err)
	query := "SELECT " + w.either("string_agg(concat("+read+"), '; ' ORDER BY id)", "group_concat(concat("+read+") ORDER BY id SEPARATOR '; ')") + " FROM t"
	if diff := cmp.Diff([]string{want}, w.strings(t, query)); diff != "" {
		t.Errorf("after the rollback (-want +got):\n%s", diff)
	}
}
