package integration

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/expandcontract/migrate/executor"
)

// TestNewVersionsWriteNulls: that the new shape is NULL throughout is no sign of an old version where down makes
// something of it: such a row is accepted, and stays as it is.
func TestNewVersionsWriteNulls(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.exec(t, "CREATE TABLE t (id int PRIMARY KEY, name varchar(40) NOT NULL, c int)")
		w.exec(t, "INSERT INTO t VALUES (1, 'Ada', 0), (2, 'Bob', 0), (3, 'Cyd', 0)")
		h := w.migrate(t, executor.Options{Overrides: map[string]string{"flag-full": "test", "soaked": "test"}})
		f := file("0007_split", `
			-- migrate:down t.name = concat(coalesce(a, ''), coalesce(b, ''))
			ALTER TABLE t ADD COLUMN a varchar(20), ADD COLUMN b varchar(20);
			UPDATE t SET a = left(name, 1), b = nullif(substr(name, 2), '');
			ALTER TABLE t DROP COLUMN name;`)
		state, err := h.expand(t.Context(), f)
		reaches(t, executor.Open, state, err)
		w.exec(t, "INSERT INTO t (id) VALUES (10)")
		w.exec(t, "INSERT INTO t (id, a, b) VALUES (11, NULL, NULL)")
		w.exec(t, "INSERT INTO t (id, name) VALUES (12, 'Dot')")
		w.exec(t, "UPDATE t SET a = NULL, b = NULL WHERE id = 1")
		w.exec(t, "UPDATE t SET c = c + 1")
		w.exec(t, "UPDATE t SET name = 'Eve' WHERE id = 2")
		want := []string{"1  - -", "2 Eve E ve", "3 Cyd C yd", "10  - -", "11  - -", "12 Dot D ot"}
		if strings.HasPrefix(w.URL, "mariadb:") {
			// It asks for a value of name before any trigger, and has got one then, as from an old version.
			want[3], want[4] = "10   -", "11   -"
		}
		got := w.strings(t, "SELECT CONCAT(id, ' ', name, ' ', coalesce(a, '-'), ' ', coalesce(b, '-')) FROM t ORDER BY id")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("in both shapes (-want +got):\n%s", diff)
		}
		state, err = h.contract(t.Context(), f, 0)
		reaches(t, executor.Done, state, err)
	})
}
