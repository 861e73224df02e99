package integration

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/expandcontract/migrate/executor"
)

// quiet_test.go is about triggers of the user's own that change each row which is updated, as those do that keep
// the time of the last change. A migration that says nothing of the rows leaves such a column as it is, and so
// does the file itself, run by hand.

// touched makes a table whose trigger counts what happens to each row.
func touched(t *testing.T, w *world) {
	t.Helper()
	w.exec(t, "CREATE TABLE t (id bigint PRIMARY KEY, a int NOT NULL, touches int NOT NULL, untouched int)")
	w.exec(t, w.series(500, "INSERT INTO t (id, a, touches) SELECT n, n, 0 FROM numbers"))
	if w.postgres() {
		w.exec(t, `CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.touches := OLD.touches + 1; RETURN NEW; END $$;
			CREATE TRIGGER zz_touch BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION touch()`)
		return
	}
	w.exec(t, "CREATE TRIGGER touch BEFORE UPDATE ON t FOR EACH ROW SET NEW.touches = OLD.touches + 1")
}

func touches(t *testing.T, w *world) []string {
	t.Helper()
	return w.strings(t, "SELECT CONCAT(touches, ' times: ', count(*)) FROM t GROUP BY touches ORDER BY touches")
}

// TestWalksTouchNothing: expand, a repair, contract and a rollback from the grace, with writes of the app's in between.
func TestWalksTouchNothing(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		touched(t, w)
		h := w.migrate(t, executor.Options{Overrides: map[string]string{"flag-full": "test", "soaked": "test"}})
		f := file("0007_double", `
			-- migrate:up t.b = a * 2
			-- migrate:down t.a = b / 2
			ALTER TABLE t ADD COLUMN b bigint;
			ALTER TABLE t DROP COLUMN a;`)
		state, err := h.expand(t.Context(), f)
		reaches(t, executor.Open, state, err)
		wants := func(when string, want ...string) {
			t.Helper()
			if diff := cmp.Diff(want, touches(t, w)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", when, diff)
			}
		}
		wants("after the backfill", "0 times: 500")
		w.exec(t, "UPDATE t SET a = 0 WHERE id <= 10")
		w.exec(t, "UPDATE t SET b = 0 WHERE id BETWEEN 11 AND 20")
		wants("after writes of both shapes", "0 times: 480", "1 times: 20")
		w.exec(t, w.either("SET migrate.bypass = 'on'; UPDATE t SET b = 7, touches = 0 WHERE id = 1; RESET migrate.bypass",
			"UPDATE t SET a = 0 WHERE id = 1"))
		if _, err := h.Verify(t.Context(), f.Name, executor.RepairUp); err != nil {
			t.Fatal(err)
		}
		if got := w.strings(t, "SELECT CONCAT(a, ' ', b) FROM t WHERE id IN (1, 11, 500) ORDER BY id"); cmp.Diff([]string{"0 0", "0 0", "500 1000"}, got) != "" {
			t.Errorf("in both shapes: %q", got)
		}
		before := touches(t, w)
		state, err = h.contract(t.Context(), f, 0)
		reaches(t, executor.Done, state, err)
		wants("after contract", before...)
		if got := w.strings(t, "SELECT count(*) FROM t WHERE b = id * 2"); got[0] != "480" {
			t.Errorf("%s rows hold what they held, want 480", got[0])
		}
	})
}

// TestAnUpdateOfTheFilesOwnTouches: what the file itself does to rows does what it did without migrate.
func TestAnUpdateOfTheFilesOwnTouches(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		touched(t, w)
		h := w.migrate(t, executor.Options{})
		state, err := h.expand(t.Context(), file("0007_repair", `
			ALTER TABLE t ADD COLUMN b bigint;
			UPDATE t SET b = a * 2;
			UPDATE t SET untouched = 3 WHERE id <= 100;`))
		reaches(t, executor.Open, state, err)
		if diff := cmp.Diff([]string{"1 times: 500"}, touches(t, w)); diff != "" {
			t.Errorf("after the UPDATE (-want +got):\n%s", diff)
		}
	})
}

// TestOthersTriggersKnowNothingOfIt: a table may be in one migration's grace and another's backfill. The first one's
// trigger must not take back what the second fills in.
func TestOthersTriggersKnowNothingOfIt(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		touched(t, w)
		w.exec(t, "ALTER TABLE t ADD COLUMN c int")
		w.exec(t, "UPDATE t SET c = id, touches = 0")
		w.exec(t, w.either("CREATE OR REPLACE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.touches := OLD.touches + 1; NEW.untouched := NEW.c; RETURN NEW; END $$", "DROP TRIGGER touch"))
		if !w.postgres() {
			w.exec(t, "CREATE TRIGGER touch BEFORE UPDATE ON t FOR EACH ROW SET NEW.touches = OLD.touches + 1, NEW.untouched = NEW.c")
		}
		h := w.migrate(t, executor.Options{Overrides: map[string]string{"flag-full": "test", "soaked": "test"}})
		first := file("0007_first", `
			-- migrate:up t.b = a * 2
			-- migrate:down t.a = b / 2
			ALTER TABLE t ADD COLUMN b bigint;
			ALTER TABLE t DROP COLUMN a;`)
		state, err := h.expand(t.Context(), first)
		reaches(t, executor.Open, state, err)
		state, err = h.contract(t.Context(), first, time.Hour)
		reaches(t, executor.Grace, state, err)
		before := touches(t, w)
		state, err = h.expand(t.Context(), file("0008_second", `
			-- migrate:up t.d = c * 3
			ALTER TABLE t ADD COLUMN d bigint;`))
		reaches(t, executor.Open, state, err)
		if n := w.number(t, "SELECT count(*) FROM t WHERE d = id * 3"); n != 500 {
			t.Errorf("%d rows are filled, want 500", n)
		}
		if diff := cmp.Diff(before, touches(t, w)); diff != "" {
			t.Errorf("after the second backfill (-want +got):\n%s", diff)
		}
	})
}
