package integration

import (
	"testing"
	"time"

	"github.com/expandcontract/migrate/executor"
)

// TestFailedTwice: a contract that was cut off in its switch, and whose next runs do not get as far as that again, goes on
// where it was cut off. PostgreSQL's switch is one transaction, which no run finds half done.
func TestFailedTwice(t *testing.T) {
	t.Parallel()
	eachButPostgres(t, func(t *testing.T, w *world) {
		bigTable(t, w, 100)
		h := w.migrate(t, executor.Options{LockDeadline: time.Second})
		f := file("0007_double", addB)
		state, err := h.expand(t.Context(), f)
		reaches(t, executor.Open, state, err)
		// As a run leaves it that was killed before the first statement of the switch.
		w.exec(t, "UPDATE migrate_migrations SET state = 'contracting'")
		w.exec(t, "INSERT INTO migrate_journal (migration, run, step, action, event, detail, holder, token, happened_at) "+
			"SELECT migration, run, 'contract-1', 'do', 'intent', '', holder, token, happened_at FROM migrate_journal LIMIT 1")
		tx, _ := block(t, w, "SELECT count(*) FROM t")
		for range 3 {
			if state, err := h.contract(t.Context(), f, 0); err == nil || state != executor.Failed && state != executor.Contracting {
				t.Fatalf("contract got through: %s, %v", state, err)
			}
			if got := w.strings(t, "SELECT CONCAT(state, ' ', resume) FROM migrate_migrations"); len(got) != 1 || got[0] != "failed contracting" {
				t.Fatalf("it is %q, and is to go on in contracting", got)
			}
		}
		if err := tx.Rollback(); err != nil {
			t.Fatal(err)
		}
		state, err = h.contract(t.Context(), f, 0)
		reaches(t, executor.Done, state, err)
		if n := w.number(t, "SELECT count(*) FROM t WHERE b = 2 * id"); n != 100 {
			t.Errorf("%d rows of 100 are as they should be", n)
		}
	})
}
