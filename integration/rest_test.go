package integration

import (
	"strings"
	"testing"
	"time"

	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/planner/plan"
)

// rest_test.go: locks, one after another, leave an application time between them. The
// server is the test's own: of another one, other tests are the application.

// rested checks the rests: each behind a step that had a table locked, and what came
// next not before it was over. It returns how many of how many such steps had one. On
// a busy machine an application may have been silent just when it was looked for.
func (w *watcher) rested(t *testing.T, most time.Duration) (n, of int) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, e := range w.events {
		if done, ok := e.event.(executor.StepDone); ok && done.Step.Mode != plan.Chunked && done.Step.Lock.Object != "" && done.Step.LockTimeoutMS > 0 {
			of++
		}
		rests, ok := e.event.(executor.Rests)
		if !ok {
			continue
		}
		n++
		before := w.events[i-1]
		done, ok := before.event.(executor.StepDone)
		if !ok || rests.Step != done.Step.ID || rests.Object != done.Step.Lock.Object || rests.Why == "" ||
			rests.Held <= 0 || rests.Held > done.Took || rests.Rest != min(100*rests.Held, most) {
			t.Errorf("behind %+v the rest is %+v", before.event, rests)
		}
		if i+1 < len(w.events) {
			if gap := w.events[i+1].at.Sub(before.at); gap < rests.Rest {
				t.Errorf("behind %s the rest is %s, and what came next came after %s", rests.Step, rests.Rest, gap)
			}
		}
	}
	return n, of
}

func TestTablesRestBetweenLocks(t *testing.T) {
	t.Parallel()
	eachAlone(t, func(t *testing.T, s fragile) {
		t.Helper()
		w := s.database(t, "rested")
		w.db.SetMaxIdleConns(12) // an application's sessions stay
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
		var stop []func()
		for range 3 {
			stop = append(stop, application(t, w))
		}
		watched := map[string]*watcher{"expand": does(executor.Open, expand), "rollback": does(executor.RolledBack, rollback)}
		// The command line lets tables rest, too, unless it is told not to.
		for name, env := range map[string]string{"usual": "MIGRATE_LOCKS_REST=300ms", "hurried": "MIGRATE_LOCKS_REST=0s"} {
			c := s.database(t, name).cli(t, map[string]string{f.Name: addB})
			c.env = []string{env}
			const told = "a table is let alone after a lock"
			if said := c.run(t, 0, "expand", "-v").said(); strings.Contains(said, told) != (name == "usual") {
				t.Errorf("with %s it says\n%s", env, said)
			}
		}
		for _, f := range stop {
			f()
		}
		for what, w := range watched {
			n, of := w.rested(t, most)
			t.Logf("%s: %d rests behind %d locks", what, n, of)
			if n == 0 || of < 2 {
				t.Errorf("%s: %d rests behind %d locks", what, n, of)
			}
		}
		for _, e := range does(executor.Open, expand).events {
			if r, ok := e.event.(executor.Rests); ok {
				t.Errorf("with nobody there it rests: %+v", r)
			}
		}
	})
}
