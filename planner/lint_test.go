package planner_test

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/expandcontract/migrate/dialects/all"
	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
	"github.com/expandcontract/migrate/planner/rules"
)

// TestLint runs lintcases: a file in, what a reviewer should know of it out.
//
//	assume postgres:16         begins with an empty schema of that version
//	schema engine=postgres     or with one that a database has (see TestPlans)
//	earlier                    a migration before those that follow
//	lint [path=FILE]           the findings
//	plan                       the hazards that the plan tells, and those that it
//	                           asks the rows about
//
// Every rule must be found somewhere, on each engine that it is for.
func TestLint(t *testing.T) {
	t.Parallel()
	emitted := map[string]map[string]bool{"postgres": {}, "mysql": {}, "mariadb": {}}
	ran := 0
	datadriven.Walk(t, "lintcases", func(t *testing.T, path string) {
		ran++
		var known *planner.Schema
		datadriven.RunTest(t, path, func(t *testing.T, td *datadriven.TestData) string {
			switch td.Cmd {
			case "assume":
				known = assume(t, td.CmdArgs[0].Key)
				return ""
			case "schema":
				var engine string
				td.ScanArgs(t, "engine", &engine)
				known = readSchema(t, engine, td.Input)
				return ""
			}
			d := all.Engines().ByName(known.Engine)
			f := planner.File{Path: "0007_change.sql", Src: td.Input + "\n"}
			if td.HasArg("path") {
				td.ScanArgs(t, "path", &f.Path)
			}
			f.Name = strings.TrimSuffix(f.Path, ".sql")
			var hazards []plan.Hazard
			var asks string
			var next *planner.Schema
			switch td.Cmd {
			case "earlier":
				_, known = planner.Lint(d, known, f)
				return ""
			case "lint":
				hazards, next = planner.Lint(d, known, f)
				if next == nil {
					t.Fatalf("%s: no schema comes out", td.Pos)
				}
			case "plan":
				p, err := planner.Plan(planner.Input{Dialect: d, Schema: known, File: f, Defaults: planner.StandardDefaults})
				if err != nil {
					return fmt.Sprintf("refused: %v\n", err)
				}
				hazards = p.Hazards
				for _, q := range p.Questions {
					emitted[known.Engine][q.Rule] = true
					asks += fmt.Sprintf("asks %s [%s] rows of %s that %s\n", q.Severity, q.Rule, q.Table, q.Message)
				}
			default:
				t.Fatalf("%s: unknown command %s", td.Pos, td.Cmd)
			}
			for _, h := range hazards {
				emitted[known.Engine][h.Rule] = true
			}
			if asks != "" && len(hazards) == 0 {
				return asks
			}
			return tellHazards(hazards) + asks
		})
	})
	if ran == countFiles(t, "lintcases") {
		checkEmitted(t, emitted)
	}
}

func countFiles(t *testing.T, dir string) int {
	t.Helper()
	n := 0
	err := filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			n++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// checkEmitted compares what was found with the catalogue. MySQL and MariaDB
// share their dialect: a rule that is for both is found on one of them.
func checkEmitted(t *testing.T, emitted map[string]map[string]bool) {
	t.Helper()
	for _, r := range rules.All() {
		for _, e := range r.Engines {
			if !emitted[e][r.Name] && (e == "postgres" || !emitted["mysql"][r.Name] && !emitted["mariadb"][r.Name]) {
				t.Errorf("no case finds %s on %s", r.Name, e)
			}
		}
	}
	for engine, found := range emitted {
		for name := range found {
			r, ok := rules.Find(name)
			if !ok || !slices.Contains(r.Engines, engine) {
				t.Errorf("%s is found on %s, and the catalogue does not know it there", name, engine)
			}
		}
	}
}

func assume(t *testing.T, what string) *planner.Schema {
	t.Helper()
	engine, version, _ := strings.Cut(what, ":")
	d := all.Engines().ByName(engine)
	if d == nil {
		t.Fatalf("unknown engine %q", engine)
	}
	s, err := d.Assume(version)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func tellHazards(hazards []plan.Hazard) string {
	if len(hazards) == 0 {
		return "nothing\n"
	}
	var b strings.Builder
	for _, h := range hazards {
		fmt.Fprintf(&b, "%s %d:%d [%s] %s\n", h.Severity, h.Line, h.Column, h.Rule, h.Message)
		if h.Instead != "" {
			fmt.Fprintf(&b, "  instead: %s\n", h.Instead)
		}
		if h.Allowed {
			fmt.Fprintf(&b, "  allowed: %s\n", h.Reason)
		}
	}
	return b.String()
}
