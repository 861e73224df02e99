package integration

import (
	"testing"
	"time"

	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/planner/plan"
)

// rest_test.go: locks, one after another, leave an application time between them. The
// server is the test's own: of another one, other tests are the application.

// rested checks that each step that had a table locked was followed by a rest, and
// what came next by the time that the rest takes. It returns how many there were.
func (w *watcher) rested(t *testing.T, most time.Duration) (n int) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, e := range w.events {
		done, ok := e.event.(executor.StepDone)
		if !ok || done.Step.Mode == plan.Chunked || done.Step.Lock.Object == "" || done.Step.LockTimeoutMS == 0 {
			continue
		}
		n++
		if i+1 == len(w.events) {
			t.Errorf("behind %s, %s, there is no rest", done.Step.ID, done.Step.Title)
			break
		}
		rests, ok := w.events[i+1].event.(executor.Rests)
		if !ok {
			t.Errorf("behind %s, %s, there is no rest but %T", done.Step.ID, done.Step.Title, w.events[i+1].event)
			continue
		}
		if rests.Held <= 0 || rests.Held > done.Took || rests.Rest != min(100*rests.Held, most) || rests.Why == "" ||
			rests.Step != done.Step.ID || rests.Object != done.Step.Lock.Object {
			t.Errorf("behind %s, which took %s, the rest is %+v", done.Step.ID, done.Took, rests)
		}
		if i+2 < len(w.events) {
			if gap := w.events[i+2].at.Sub(e.at); gap < rests.Rest {
				t.Errorf("behind %s the rest is %s, and what came next came after %s", done.Step.ID, rests.Rest, gap)
			}
		}
	}
	return n
}

func TestTablesRestBetweenLocks(t *testing.T) {
	t.Parallel()
	eachAlone(t, func(t *testing.T, s fragile) {
		t.Helper()
		w := s.database(t, "rested")
		w.db.SetMaxIdleConns(4) // an application's sessions stay
		const most = 300 * time.Millisecond
		f := file("0007_double", addB)
		does := func(to executor.State, do func(h *hand) (executor.State, error)) *watcher {
			t.Helper()
			watch := &watcher{}
			state, err := do(w.migrate(t, executor.Options{LockRest: most, Reporter: watch}))
			reaches(t, to, state, err)
			return watch
		}
		expand := func(h *hand) (executor.State, error) { return h.expand(t.Context(), f) }
		rollback := func(h *hand) (executor.State, error) { return h.Rollback(t.Context(), f.Name) }
		stop := application(t, w)
		expanded, undone := does(executor.Open, expand), does(executor.RolledBack, rollback)
		stop()
		if n := expanded.rested(t, most); n < 2 {
			t.Errorf("expand has %d steps that lock a table", n)
		}
		if n := undone.rested(t, most); n < 2 {
			t.Errorf("rollback has %d steps that lock a table", n)
		}
		for _, e := range does(executor.Open, expand).events {
			if r, ok := e.event.(executor.Rests); ok {
				t.Errorf("with nobody there it rests: %+v", r)
			}
		}
	})
}
