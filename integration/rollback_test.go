package integration

import (
	"errors"
	"testing"

	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/flags"
	"github.com/expandcontract/migrate/integration/servers"
	"github.com/expandcontract/migrate/planner"
)

// rollback_test.go: what rollback refuses, so that nothing is lost.

// TestRollbackLosesNothing: values that exist nowhere else are not dropped
// unless somebody says so.
func TestRollbackLosesNothing(t *testing.T) {
	t.Parallel()
	servers.Each(t, func(t *testing.T, d *servers.Database) {
		w := newWorld(t, d)
		w.exec(t, "CREATE TABLE t (id bigint PRIMARY KEY, name varchar(20))")
		w.exec(t, "INSERT INTO t (id, name) VALUES (1, 'a')")
		h := w.migrate(t, executor.Options{})
		before := w.look(t)
		f := file("0007_nick", "ALTER TABLE t ADD COLUMN nick varchar(20);")
		state, err := h.expand(t.Context(), f)
		reaches(t, executor.Done, state, err)
		w.exec(t, "UPDATE t SET nick = 'only here'")
		written := w.look(t)

		_, err = h.Rollback(t.Context(), f.Name)
		var loss *executor.LossError
		if !errors.As(err, &loss) {
			t.Fatalf("a rollback that loses values gives %v, want a LossError", err)
		}
		hides(t, err.Error(), "only here")
		same(t, "refused, the state", written, w.look(t))
		state, err = w.migrate(t, executor.Options{DiscardData: true}).Rollback(t.Context(), f.Name)
		reaches(t, executor.RolledBack, state, err)
		same(t, "rolled back, the state", before, w.look(t))
	})
}

// TestRollbackOfWhatOthersBuildOn: a later migration that is open needs what an
// earlier one made.
func TestRollbackOfWhatOthersBuildOn(t *testing.T) {
	t.Parallel()
	servers.Each(t, func(t *testing.T, d *servers.Database) {
		w := newWorld(t, d)
		w.exec(t, "CREATE TABLE t (id bigint PRIMARY KEY, name varchar(20))")
		w.exec(t, "INSERT INTO t (id, name) VALUES (1, 'a')")
		h := w.migrate(t, executor.Options{})
		first := file("0007_nick", "ALTER TABLE t ADD COLUMN nick varchar(20);")
		state, err := h.expand(t.Context(), first)
		reaches(t, executor.Done, state, err)
		table := file("0008_table", "CREATE TABLE orders (id bigint PRIMARY KEY);")
		state, err = h.expand(t.Context(), table)
		reaches(t, executor.Done, state, err)
		second := file("0009_handle", "ALTER TABLE t RENAME COLUMN nick TO handle;\nALTER TABLE orders ADD COLUMN n bigint;")
		state, err = h.expand(t.Context(), second)
		reaches(t, executor.Open, state, err)

		open := w.look(t)
		for _, f := range []planner.File{first, table} {
			_, err = h.Rollback(t.Context(), f.Name)
			var usage *executor.UsageError
			if !errors.As(err, &usage) {
				t.Errorf("rolling back %s, which an open migration builds on, gives %v, want a UsageError", f.Name, err)
			}
			same(t, "refused, the state", open, w.look(t))
		}
		for _, f := range []planner.File{second, table, first} {
			state, err = h.Rollback(t.Context(), f.Name)
			reaches(t, executor.RolledBack, state, err)
		}
	})
}

// TestRollbackWithTheFlagOn: new versions may be writing the new shape.
func TestRollbackWithTheFlagOn(t *testing.T) {
	t.Parallel()
	servers.Each(t, func(t *testing.T, d *servers.Database) {
		w := newWorld(t, d)
		fillUsers(t, w, 10)
		h := w.migrate(t, executor.Options{})
		f := file("0007_split_name", splitName(w))
		state, err := h.expand(t.Context(), f)
		reaches(t, executor.Open, state, err)
		for _, on := range []int{1, 100} {
			rollout, err := flags.Partial(on)
			if err != nil {
				t.Fatal(err)
			}
			if err := h.flag(t.Context(), f, rollout); err != nil {
				t.Fatal(err)
			}
			open := w.look(t)
			_, err = h.Rollback(t.Context(), f.Name)
			var gate *executor.GateError
			if !errors.As(err, &gate) || !gate.Blocked() {
				t.Errorf("rolling back with the flag at %d%% gives %v, want a blocked gate", on, err)
			}
			same(t, "refused, the state", open, w.look(t))
		}
	})
}
