package planner_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/expandcontract/migrate/dialects/all"
	"github.com/expandcontract/migrate/examples/changes"
	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

const splitSchema = `
table users rows=5000
  id bigint not null
  name text not null
  email text
  key id
  index users_name (name)
`

const splitName = `-- migrate:flag users.split-name
-- migrate:down users.name = CONCAT(first_name, ' ', last_name)
ALTER TABLE users ADD COLUMN first_name varchar(100), ADD COLUMN last_name varchar(100);
UPDATE users SET first_name = UPPER(name), last_name = LOWER(name);
ALTER TABLE users RENAME COLUMN email TO mail;
ALTER TABLE users DROP COLUMN name;
`

func split(t *testing.T, engine string) planner.Input {
	t.Helper()
	schema := readSchema(t, engine, splitSchema)
	return planner.Input{
		Dialect: all.Engines().ByName(engine), Schema: schema, Defaults: planner.StandardDefaults,
		File: planner.File{Name: "0007_split_name", Path: "migrations/0007_split_name.sql", Src: splitName},
	}
}

func mustPlan(t *testing.T, in planner.Input) *plan.Plan {
	t.Helper()
	p, err := planner.Plan(in)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func asJSON(t *testing.T, p *plan.Plan) string {
	t.Helper()
	text, err := json.MarshalIndent(p, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var engines = []string{"postgres", "mysql", "mariadb"}

func TestSameInputSamePlan(t *testing.T) {
	t.Parallel()
	for _, engine := range engines {
		first := asJSON(t, mustPlan(t, split(t, engine)))
		for range 20 { // maps iterate in another order each time
			if again := asJSON(t, mustPlan(t, split(t, engine))); again != first {
				t.Fatalf("%s: the same input gave another plan:\n%s\n%s", engine, first, again)
			}
		}
	}
}

func TestPlanSurvivesJSON(t *testing.T) {
	t.Parallel()
	for _, engine := range engines {
		text := asJSON(t, mustPlan(t, split(t, engine)))
		var back plan.Plan
		if err := json.Unmarshal([]byte(text), &back); err != nil {
			t.Fatal(err)
		}
		if again := asJSON(t, &back); again != text {
			t.Errorf("%s: a plan that was written and read is another:\n%s\n%s", engine, text, again)
		}
	}
}

// TestFingerprint: what a plan depends on changes its fingerprint, estimates do not.
func TestFingerprint(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(in *planner.Input)
		same   bool
	}{
		{"nothing", func(*planner.Input) {}, true},
		{"estimates", func(in *planner.Input) {
			in.Schema.Tables[0].Rows, in.Schema.Tables[0].Bytes = 7_000_000, 1<<40
		}, true},
		{"a table that the migration does not touch", func(in *planner.Input) {
			in.Schema.Tables = append(in.Schema.Tables, &planner.Table{Ref: planner.Ref{Schema: in.Schema.Tables[0].Ref.Schema, Name: "other"}, Kind: "table"})
		}, true},
		{"a column's type", func(in *planner.Input) { in.Schema.Tables[0].Columns[2].Type = "varchar(10)" }, false},
		{"a column's default", func(in *planner.Input) {
			in.Schema.Tables[0].Columns[2].Default = planner.Expr{Parts: []planner.Part{{Text: "'x'"}}}
		}, false},
		{"a column's comment", func(in *planner.Input) { in.Schema.Tables[0].Columns[2].Comment = "x" }, false},
		{"another column", func(in *planner.Input) {
			in.Schema.Tables[0].Columns = append(in.Schema.Tables[0].Columns, planner.Column{Name: "age", Type: "bigint"})
		}, false},
		{"another index", func(in *planner.Input) {
			t := in.Schema.Tables[0]
			t.Indexes = append(t.Indexes, readIndex(in.Schema, t, "users_email", []string{"id"}, false))
		}, false},
		{"a constraint", func(in *planner.Input) {
			in.Schema.Tables[0].Constraints = []planner.Constraint{{Name: "c", Kind: "check", Columns: []string{"id"}, Definition: "CHECK (id > 0)"}}
		}, false},
		{"the file", func(in *planner.Input) { in.File.Src += "-- and so on\n" }, false},
		{"the server's version", func(in *planner.Input) { in.Schema.VersionNum++ }, false},
	}
	for _, engine := range engines {
		was := mustPlan(t, split(t, engine)).Fingerprint
		if len(was) != 64 {
			t.Errorf("%s: the fingerprint %q is no SHA-256", engine, was)
		}
		for _, tc := range tests {
			in := split(t, engine)
			tc.change(&in)
			if got := mustPlan(t, in).Fingerprint; (got == was) != tc.same {
				t.Errorf("%s: %s: fingerprint same = %v, want %v", engine, tc.name, got == was, tc.same)
			}
		}
	}
}

// TestStepsAreComplete: what DESIGN section 4 promises of every step.
func TestStepsAreComplete(t *testing.T) {
	t.Parallel()
	for _, engine := range engines {
		p := mustPlan(t, split(t, engine))
		seen := map[string]bool{}
		for _, ph := range p.Phases {
			for _, s := range ph.Steps {
				if seen[s.ID] || s.ID == "" {
					t.Errorf("%s: step id %q is empty or given twice", engine, s.ID)
				}
				seen[s.ID] = true
				if s.Title == "" || s.SQL == "" || s.Work == "" || s.Mode == "" {
					t.Errorf("%s: step %s lacks a title, SQL, work or mode: %+v", engine, s.ID, s)
				}
				if s.Lock.Mode == "" || s.Lock.Object != "users" && s.Mode != plan.Chunked {
					t.Errorf("%s: step %s (%s) does not say which lock it takes on users: %+v", engine, s.ID, s.Title, s.Lock)
				}
				if s.Mode == plan.Chunked != (s.Chunks != nil) {
					t.Errorf("%s: step %s has mode %s, chunks %v", engine, s.ID, s.Mode, s.Chunks != nil)
				}
				if s.Mode == plan.Each {
					probed(t, engine, s)
				}
			}
		}
	}
}

// probed: what cannot be in a transaction with its journal entry has a probe,
// or may be repeated.
func probed(t *testing.T, engine string, s plan.Step) {
	t.Helper()
	if !slices.ContainsFunc(s.Statements, func(st plan.Statement) bool { return st.Probe != "" }) {
		t.Errorf("%s: no statement of step %s (%s) has a probe", engine, s.ID, s.Title)
	}
}

func TestChecksNameTheirPlace(t *testing.T) {
	t.Parallel()
	for _, engine := range engines {
		p := mustPlan(t, split(t, engine))
		if len(p.Checks) == 0 {
			t.Errorf("%s: the server is asked about no expression", engine)
		}
		for _, c := range p.Checks {
			if c.File == "" || c.Line == 0 || c.SQL == "" || c.Message == "" {
				t.Errorf("%s: a check lacks its place, SQL or message: %+v", engine, c)
			}
		}
	}
}

// TestExamplesCanBeRead: every kind of change is understood, and refers to tables.
func TestExamplesCanBeRead(t *testing.T) {
	t.Parallel()
	for _, engine := range engines {
		all, err := changes.All(engine)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range all {
			refs, err := planner.Refer(dialect(engine), planner.File{Name: c.Name, Path: c.Name + ".sql", Src: c.Migration})
			if err != nil {
				t.Errorf("%s/%s: %v", engine, c.Name, err)
				continue
			}
			if len(refs.Tables)+len(refs.Indexes) == 0 {
				t.Errorf("%s/%s refers to nothing", engine, c.Name)
			}
		}
	}
}

func dialect(engine string) planner.Dialect { return all.Engines().ByName(engine) }
