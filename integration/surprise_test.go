package integration

import (
	"context"
	"database/sql"
	"strings"
	"testing"

	"github.com/expandcontract/migrate/dialects"
	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/integration/servers"
	"github.com/expandcontract/migrate/planner/plan"
)

// surprise_test.go watches every step of every kind of change while it runs: no
// lock, no rewrite and no scan may exceed what the plan says of the step.

// watch looks at what the statements of steps do on one engine.
type watch interface {
	// around runs a statement of a step, outside any transaction of its own, and
	// tells the test what exceeds the plan. bounds are the executor's; run is how
	// the session runs the statement.
	around(ctx context.Context, conn *sql.Conn, statement string, step *plan.Step, b executor.Bounds, run func(executor.Bounds) error) error
}

// watches makes an engine's watch.
var watches = map[string]func(t *testing.T, w *world) watch{
	servers.Postgres: newPostgresWatch,
	servers.MySQL:    newMySQLWatch,
	servers.MariaDB:  newMySQLWatch,
}

// watched is a session whose statements are looked at.
type watched struct {
	dialects.Session
	watch watch
	plan  *plan.Plan
}

// Exec finds the step that a statement is of. What is of none is the executor's own.
func (s *watched) Exec(ctx context.Context, conn *sql.Conn, b executor.Bounds, statements ...string) error {
	for _, statement := range statements {
		err := error(nil)
		run := func(b executor.Bounds) error { return s.Session.Exec(ctx, conn, b, statement) }
		if step := stepOf(s.plan, statement); step != nil {
			err = s.watch.around(ctx, conn, statement, step, b, run)
		} else {
			err = run(b)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func stepOf(p *plan.Plan, statement string) *plan.Step {
	for _, phase := range p.Phases {
		for i := range phase.Steps {
			for _, st := range phase.Steps[i].Statements {
				if strings.TrimSpace(st.SQL) == strings.TrimSpace(statement) {
					return &phase.Steps[i]
				}
			}
		}
	}
	return nil
}

func TestNoSurprise(t *testing.T) {
	t.Cleanup(func() { holdFacts(t) })
	eachChange(t, func(t *testing.T, w *world, c kase) {
		h := w.migrate(t, executor.Options{})
		f := file("0007_"+strings.ReplaceAll(c.Name, "-", "_"), c.Migration)
		p, err := h.planner(f)(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		s := &watched{Session: h.session, watch: watches[w.Engine](t, w), plan: p}
		o := executor.Options{}
		// A watch may look at a step before it begins.
		o.Reporter, _ = s.watch.(executor.Reporter)
		seen := &hand{Executor: executor.New(s, o), world: w, session: s}
		if err := seen.through(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	})
}
