package integration

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/flags"
	"github.com/expandcontract/migrate/integration/servers"
	"github.com/expandcontract/migrate/planner/plan"
)

// equivalence_test.go holds every kind of change against the naive run of the
// same file: the same schema, the same rows, nothing of ours left behind.

// unsteady are the columns whose values differ from run to run.
var unsteady = []string{"sessions.token", "sessions.opened_at"}

// eachChange runs a test for every kind of change on every engine, in parallel.
func eachChange(t *testing.T, f func(t *testing.T, w *world, c kase)) {
	t.Helper()
	t.Parallel()
	for _, target := range servers.Matrix() {
		for _, c := range cases(t, target.Engine) {
			t.Run(target.String()+"/"+c.Name, func(t *testing.T) {
				t.Parallel()
				w := worldOn(t, target)
				if (c.since != 0 || c.until != 0) && !c.suits(w.version(t)) {
					t.Skipf("there is no such statement in version %d", w.version(t))
				}
				w.exec(t, c.Before)
				f(t, w, c)
			})
		}
	}
}

func TestEquivalence(t *testing.T) {
	eachChange(t, func(t *testing.T, w *world, c kase) {
		naive := w.fresh(t)
		naive.exec(t, c.Before)
		naive.exec(t, c.Migration)

		h := w.migrate(t, executor.Options{})
		f := file("0007_"+strings.ReplaceAll(c.Name, "-", "_"), c.Migration)
		p, err := h.planner(f)(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := h.through(t.Context(), f); err != nil {
			t.Fatal(err)
		}
		got, want := w.look(t, c.unsteady...), naive.look(t, c.unsteady...)
		if diff := cmp.Diff(want.Schema, got.Schema); diff != "" {
			t.Errorf("the schema is not that of the naive run (-naive +migrate):\n%s", diff)
		}
		if diff := cmp.Diff(want.Rows, got.Rows); diff != "" {
			t.Errorf("the rows are not those of the naive run (-naive +migrate):\n%s", diff)
		}
		if diff := cmp.Diff(want.Order, got.Order); diff != "" && !(w.postgres() && tellsOfOrder(p.Notes)) {
			t.Errorf("columns stand elsewhere than after the naive run, and no note says so (-naive +migrate):\n%s\nnotes: %q", diff, p.Notes)
		}
	})
}

// tellsOfOrder reports whether the plan's notes say that a column moves.
func tellsOfOrder(notes []string) bool {
	return slices.ContainsFunc(notes, func(n string) bool { return strings.Contains(n, "column list") || strings.Contains(n, "position") })
}

func TestRollbackRestores(t *testing.T) {
	eachChange(t, func(t *testing.T, w *world, c kase) {
		if c.stays {
			return
		}
		h := w.migrate(t, executor.Options{})
		f := file("0007_change", c.Migration)
		before := w.look(t)
		state, err := h.expand(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		if state == executor.Open {
			opened := w.look(t, c.unsteady...)
			if putsOff(t, h, f.Name) && !c.noRollback {
				state, err = h.contract(t.Context(), f, time.Hour)
				reaches(t, executor.Grace, state, err)
				state, err = h.Rollback(t.Context(), f.Name)
				reaches(t, executor.Open, state, err)
				same(t, "rolled back from grace, the open state", opened, w.look(t, c.unsteady...))
			}
			if err := h.flag(t.Context(), f, flags.Off()); err != nil {
				t.Fatal(err)
			}
		}
		state, err = h.Rollback(t.Context(), f.Name)
		var loss *executor.LossError
		if c.discard && errors.As(err, &loss) {
			// Such as a default that was filled in: the server cannot tell it from a value that was written.
			state, err = w.migrate(t, executor.Options{DiscardData: true}).Rollback(t.Context(), f.Name)
		}
		reaches(t, executor.RolledBack, state, err)
		same(t, "rolled back, the state before expand", before, w.look(t))

		// What was rolled back can be begun anew; what is contracted stays.
		if err := h.through(t.Context(), f); err != nil {
			t.Fatalf("after a rollback: %v", err)
		}
		if contracts(t, h, f.Name) {
			stays(t, w, h, f.Name)
		}
	})
}

// stays checks that a migration that is done is not rolled back by halves.
func stays(t *testing.T, w *world, h *hand, name string) {
	t.Helper()
	before := w.look(t)
	_, err := h.Rollback(t.Context(), name)
	var usage *executor.UsageError
	if !errors.As(err, &usage) {
		t.Errorf("rolling back what is done gives %v, want a UsageError", err)
	}
	same(t, "refused to roll back, the state", before, w.look(t))
}

// steps are those of a migration's contract.
func steps(t *testing.T, h *hand, name string) []plan.Step {
	t.Helper()
	return storedPlan(t, h, name).Steps(plan.Contract)
}

// storedPlan is the plan by which a migration goes.
func storedPlan(t *testing.T, h *hand, name string) *plan.Plan {
	t.Helper()
	p := &plan.Plan{}
	text := h.world.strings(t, "SELECT plan FROM "+h.world.own("migrations")+" WHERE name = "+h.world.literal(name))[0]
	if err := json.Unmarshal([]byte(text), p); err != nil {
		t.Fatal(err)
	}
	return p
}

func contracts(t *testing.T, h *hand, name string) bool {
	t.Helper()
	return len(steps(t, h, name)) > 0
}

// putsOff reports whether there are steps that wait for the end of the grace.
func putsOff(t *testing.T, h *hand, name string) bool {
	t.Helper()
	return slices.ContainsFunc(steps(t, h, name), func(s plan.Step) bool { return s.AfterGrace })
}

// same compares two pictures in full.
func same(t *testing.T, what string, want, got picture) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s is not what it was (-was +is):\n%s", what, diff)
	}
}
