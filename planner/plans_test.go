package planner_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/expandcontract/migrate/dialects/all"
	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// TestPlans runs testdata: a schema and a migration in, the plan or its errors
// out. What the SQL of a step looks like is told in the dialects' own tests.
//
//	schema engine=postgres|mysql|mariadb
//	table users rows=1000
//	  id bigint not null
//	  name text default 'x'
//	  key id
//	  index users_name (name)
//	  unique users_email (email)
//	  check users_age (age)
//	  view v_users (name)
//	----
//
//	plan [open=(name:table.column,...)] [settings] [touches] [groups]
//	ALTER TABLE …
//	----
//
// With groups, it tells which columns say the same thing in two shapes, and how
// one follows from the other.
//
// go test -rewrite writes what came out into the files.
func TestPlans(t *testing.T) {
	t.Parallel()
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		var schema *planner.Schema
		datadriven.RunTest(t, path, func(t *testing.T, td *datadriven.TestData) string {
			switch td.Cmd {
			case "schema":
				var engine string
				td.ScanArgs(t, "engine", &engine)
				schema = readSchema(t, engine, td.Input)
				return ""
			case "plan":
				return tell(td, input(schema, td))
			default:
				t.Fatalf("%s: unknown command %s", td.Pos, td.Cmd)
				return ""
			}
		})
	})
}

// input is what the planner gets for a case.
func input(schema *planner.Schema, td *datadriven.TestData) planner.Input {
	in := planner.Input{
		Dialect: all.Engines().ByName(schema.Engine), Schema: schema, Defaults: planner.StandardDefaults,
		File: planner.File{Name: "0007_change", Path: "0007_change.sql", Src: td.Input + "\n"},
	}
	for _, arg := range td.CmdArgs {
		if arg.Key != "open" {
			continue
		}
		for _, v := range arg.Vals {
			name, touch, _ := strings.Cut(v, ":")
			in.Open = append(in.Open, planner.OpenMigration{Name: name, Touches: []string{touch}})
		}
	}
	return in
}

// tell makes a plan, and writes it as the files show it.
func tell(td *datadriven.TestData, in planner.Input) string {
	seen := &witness{Dialect: in.Dialect}
	in.Dialect = seen
	p, err := planner.Plan(in)
	var errs planner.Errors
	if errors.As(err, &errs) {
		var b strings.Builder
		for _, e := range errs {
			fmt.Fprintf(&b, "error %d:%d", e.Line, e.Column)
			if e.Rule != "" {
				fmt.Fprintf(&b, " [%s]", e.Rule)
			}
			fmt.Fprintf(&b, " %s\n", e.Message)
			if e.Instead != "" {
				fmt.Fprintf(&b, "  instead: %s\n", e.Instead)
			}
		}
		return b.String()
	}
	if err != nil {
		return fmt.Sprintf("not planner.Errors: %v", err)
	}
	out := describe(p, td.HasArg("settings"), td.HasArg("touches"))
	if td.HasArg("groups") {
		out += seen.groups()
	}
	return out
}

// witness is a dialect that remembers what it was asked to lower.
type witness struct {
	planner.Dialect
	syncs []*planner.Sync
}

// Lower remembers the synchronisations.
func (w *witness) Lower(s *planner.Schema, op planner.Op) (planner.Lowered, error) {
	switch op := op.(type) {
	case planner.OpInstallShadow:
		w.syncs = append(w.syncs, op.Sync)
	case planner.OpSwitch:
		if op.Grace != nil {
			w.syncs = append(w.syncs, op.Grace)
		}
	}
	return w.Dialect.Lower(s, op)
}

func (w *witness) groups() string {
	var b strings.Builder
	name := func(column string) string { return "[" + column + "]" }
	assigns := func(what string, as []planner.Assign) {
		for _, a := range as {
			fmt.Fprintf(&b, "  %s %s = %s\n", what, a.Column, a.Expr.SQL(name))
		}
	}
	for _, s := range w.syncs {
		for _, g := range s.Groups {
			fmt.Fprintf(&b, "group %s: old %s, new %s\n", s.State, strings.Join(g.Old, " "), strings.Join(g.New, " "))
			assigns("up", g.Up)
			assigns("down", g.Down)
			assigns("default of new", g.NewDefaults)
			assigns("default of old", g.OldDefaults)
		}
	}
	return b.String()
}

func describe(p *plan.Plan, settings, touches bool) string {
	var b strings.Builder
	if settings {
		fmt.Fprintf(&b, "flag %s, soak %s, grace %s, shadow %s\n", p.Flag, p.Soak, p.Grace, p.Shadow)
	}
	if touches {
		fmt.Fprintf(&b, "touches %s\n", strings.Join(p.Touches, ", "))
	}
	for _, ph := range p.Phases {
		if len(ph.Steps) == 0 {
			continue
		}
		fmt.Fprintf(&b, "%s", ph.Phase)
		if len(ph.Gates) > 0 {
			fmt.Fprintf(&b, " if %s", strings.Join(ph.Gates, ", "))
		}
		b.WriteString("\n")
		for _, s := range ph.Steps {
			b.WriteString("  " + describeStep(s) + "\n")
		}
	}
	if p.Empty() {
		b.WriteString("nothing to do\n")
	}
	for _, h := range p.Hazards {
		fmt.Fprintf(&b, "%s %d:%d [%s] %s\n", h.Severity, h.Line, h.Column, h.Rule, h.Message)
		if h.Instead != "" {
			fmt.Fprintf(&b, "  instead: %s\n", h.Instead)
		}
		if h.Allowed {
			fmt.Fprintf(&b, "  allowed: %s\n", h.Reason)
		}
	}
	for _, n := range p.Notes {
		fmt.Fprintf(&b, "note %s\n", n)
	}
	for _, c := range p.Checks {
		fmt.Fprintf(&b, "check %d:%d %s\n", c.Line, c.Column, c.Message)
	}
	return b.String()
}

func describeStep(s plan.Step) string {
	out := fmt.Sprintf("%s: %s", s.Title, s.Work)
	if s.Lock.Mode != "" {
		out += ", " + s.Lock.Mode
		if s.Lock.Object != "" {
			out += " on " + s.Lock.Object
		}
	}
	for _, l := range s.AlsoLocks {
		out += ", " + l.Mode + " on " + l.Object
	}
	if s.AfterGrace {
		out += ", after the grace"
	}
	if s.Ends != "" {
		out += ", ends the open state"
	}
	if s.Undo == "" && s.Mode != plan.Chunked {
		out += ", no undo"
	}
	if s.UndoLoses != nil {
		out += ", undo guarded"
	}
	return out
}
