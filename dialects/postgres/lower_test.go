package postgres

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// usersSchema is the schema that the lowering tests work on.
func usersSchema(version int) *planner.Schema {
	users := &planner.Table{
		Ref: planner.Ref{Schema: "public", Name: "users"}, Kind: "table", Rows: 1000, Key: []string{"id"},
		Columns: []planner.Column{
			{Name: "id", Type: "bigint", NotNull: true},
			{Name: "name", Type: "text", NotNull: true},
			{Name: "Mail", Type: "character varying(20)", Collation: "C"},
			{Name: "hits", Type: "integer", NotNull: true},
			{Name: "price", Type: "numeric(10,2)"},
			{Name: "data", Type: "json"},
		},
		Indexes: []planner.Index{
			{Name: "users_pkey", Columns: []string{"id"}, Unique: true, Primary: true, Simple: true, Constraint: "users_pkey", Definition: "CREATE UNIQUE INDEX users_pkey ON public.users USING btree (id)"},
			{Name: "users_hits", Columns: []string{"hits", "name"}, Definition: "CREATE INDEX users_hits ON public.users USING btree (hits DESC, lower(name)) WHERE (hits > 0)"},
		},
		Constraints: []planner.Constraint{
			{Name: "users_price_check", Kind: kindCheck, Columns: []string{"price"}, Definition: "CHECK ((price > (0)::numeric))"},
			{Name: "users_hits_nn", Kind: kindNotNull, Columns: []string{"hits"}, Definition: "NOT NULL hits"},
		},
		Facts: map[string]string{factUpdateTriggers: "touch"},
	}
	return &planner.Schema{
		Engine: "postgres", VersionNum: version, Default: "public", Path: []string{"public"},
		Facts: map[string]string{factDomains: "short"}, Tables: []*planner.Table{users},
	}
}

// lowerings are the operations that testdata/lower shows, by name.
func lowerings(t *testing.T, s *planner.Schema) map[string]planner.Op {
	t.Helper()
	users := s.Tables[0]
	column := func(name string) planner.Column { return *users.Column(name) }
	index := func(name, sql string) planner.OpCreateIndex {
		return planner.OpCreateIndex{Table: users, Change: planner.CreateIndex{Table: users.Ref, Name: name, SQL: sql}}
	}
	add := func(defs ...planner.NewColumn) planner.OpAddColumns {
		return planner.OpAddColumns{Table: users, Columns: defs}
	}
	repair := func(set, where string) planner.OpBackfill {
		r := planner.Repair{Set: []planner.Assign{assign(t, set)}}
		if where != "" {
			r.Where = expr(t, where)
		}
		return planner.OpBackfill{Table: users, Repairs: []planner.Repair{r}}
	}
	open, grace := splitSync(t, users), hitsSync(t, users)
	grace.State = "grace"
	return map[string]planner.Op{
		"create-table":         planner.OpCreateTable{Change: planner.CreateTable{Table: planner.Ref{Name: "a"}, SQL: "CREATE TABLE a (id bigint)"}},
		"create-table-fk":      planner.OpCreateTable{Change: planner.CreateTable{Table: planner.Ref{Name: "a"}, SQL: "CREATE TABLE a (u bigint REFERENCES users, a bigint REFERENCES a)"}},
		"create-table-there":   planner.OpCreateTable{Change: planner.CreateTable{Table: planner.Ref{Name: "users"}, IfNotExists: true, SQL: "CREATE TABLE IF NOT EXISTS users (id bigint)"}},
		"create-table-taken":   planner.OpCreateTable{Change: planner.CreateTable{Table: planner.Ref{Name: "users"}, SQL: "CREATE TABLE users (id bigint)"}},
		"add-columns":          add(planner.NewColumn{ColumnDef: planner.ColumnDef{Name: "first", Type: "text"}}, planner.NewColumn{ColumnDef: planner.ColumnDef{Name: "Second", Type: "integer", NotNull: true, Default: expr(t, "7"), Comment: "it's"}, Guarded: true}),
		"add-column-like":      add(planner.NewColumn{ColumnDef: planner.ColumnDef{Name: "email", Type: "character varying(20)"}, Like: users.Column("Mail")}),
		"add-column-guarded":   add(planner.NewColumn{ColumnDef: planner.ColumnDef{Name: "more", Type: "json"}, Guarded: true}),
		"add-column-domain":    add(planner.NewColumn{ColumnDef: planner.ColumnDef{Name: "more", Type: "public.short"}}),
		"set-default":          planner.OpSetDefault{Table: users, Column: column("name"), Default: expr(t, "'x'"), Before: expr(t, "'y'")},
		"drop-default":         planner.OpSetDefault{Table: users, Column: column("name"), Before: expr(t, "'y'")},
		"drop-not-null":        planner.OpDropNotNull{Table: users, Column: column("name")},
		"drop-not-null-key":    planner.OpDropNotNull{Table: users, Column: column("id")},
		"set-not-null":         planner.OpSetNotNull{Table: users, Columns: []planner.Column{column("Mail")}},
		"widen-varchar":        planner.OpWidenType{Table: users, Column: column("Mail"), Type: "character varying(60)"},
		"widen-numeric":        planner.OpWidenType{Table: users, Column: column("price"), Type: "numeric(12,2)"},
		"widen-indexed":        planner.OpWidenType{Table: users, Column: column("name"), Type: "character varying"},
		"create-index":         index("i", `CREATE INDEX i ON users USING btree (lower(name), "Mail")`),
		"create-index-taken":   index("users_hits", "CREATE INDEX users_hits ON users (name)"),
		"create-index-newborn": planner.OpCreateIndex{Table: &planner.Table{Ref: planner.Ref{Name: "a"}, Kind: "table"}, Change: planner.CreateIndex{Name: "i", SQL: "CREATE INDEX i ON a (b)"}},
		"copy-indexes":         planner.OpCopyIndexes{Table: users, Columns: map[string]string{"hits": "_new hits"}, Names: map[string]string{"users_hits": "_new_users_hits"}},
		"drop-index":           planner.OpDropIndex{Table: users, Index: users.Indexes[1]},
		"drop-index-key":       planner.OpDropIndex{Table: users, Index: users.Indexes[0]},
		"install-shadow":       planner.OpInstallShadow{Sync: open},
		"drop-shadow":          planner.OpDropShadow{Sync: grace},
		"backfill-group":       planner.OpBackfill{Table: users, Sync: open},
		"backfill-fill":        planner.OpBackfill{Table: users, Fills: []planner.Assign{assign(t, "t.token = gen_random_uuid()")}},
		"backfill-both":        planner.OpBackfill{Table: users, Sync: open, Fills: []planner.Assign{assign(t, "t.token = gen_random_uuid()")}},
		"repair":               repair(`t."Mail" = lower("Mail")`, `name <> ''`),
		"repair-twice":         repair("t.hits = hits + 1", ""),
		"repair-where":         repair("t.hits = hits + 1", "hits < 0"),
		"add-check":            planner.OpAddCheck{Table: users, Change: planner.AddCheck{Table: users.Ref, Check: expr(t, "price < 100")}},
		"add-check-named":      planner.OpAddCheck{Table: users, Change: planner.AddCheck{Table: users.Ref, Name: "sane", Check: expr(t, "price < hits")}},
		"add-check-taken":      planner.OpAddCheck{Table: users, Change: planner.AddCheck{Table: users.Ref, Name: "users_price_check", Check: expr(t, "price < 100")}},
		"fence-table":          planner.OpFenceTable{Table: users, Name: "_old_users"},
		"purge-table":          planner.OpPurgeTable{Table: users, Name: "_old_users"},
		"purge":                planner.OpPurge{Table: users, Columns: []string{"_old_hits"}, Indexes: []string{"_old_users_hits"}, Sync: grace},
		"switch": planner.OpSwitch{
			Table:   users,
			Columns: []planner.Rename{{From: "hits", To: "_old_hits"}, {From: "_new_hits", To: "hits"}},
			Indexes: []planner.Rename{{From: "users_hits", To: "_old_i"}, {From: "_new_i", To: "users_hits"}},
			Open:    hitsSync(t, users), Grace: hitsGrace(t, users),
		},
		"opaque":        planner.OpOpaque{SQL: "ALTER TABLE users SET (fillfactor = 70)", Undo: "ALTER TABLE users RESET (fillfactor)"},
		"opaque-vacuum": planner.OpOpaque{SQL: "VACUUM users"},
	}
}

func assign(t testing.TB, body string) planner.Assign {
	t.Helper()
	_, a, err := Dialect{}.ParseAssign(body)
	if err != nil {
		t.Fatalf("reading %s: %v", body, err)
	}
	return a
}

// splitSync splits name, with defaults on both shapes; data is derived and json.
func splitSync(t testing.TB, users *planner.Table) *planner.Sync {
	t.Helper()
	return &planner.Sync{
		Migration: "0007", Table: users, Name: "split_1a2b", State: "open",
		Columns: append(slices.Clone(users.Columns), planner.Column{Name: "first", Type: "text"}, planner.Column{Name: "last", Type: "text"}, planner.Column{Name: "more", Type: "json"}),
		Groups: []planner.Group{
			{
				Old: []string{"name"}, New: []string{"first", "last"},
				Up:          []planner.Assign{assign(t, "t.first = split_part(name, ' ', 1)"), assign(t, "t.last = split_part(name, ' ', 2)")},
				Down:        []planner.Assign{assign(t, "t.name = first || ' ' || last")},
				NewDefaults: []planner.Assign{assign(t, "t.first = 'Anon'")},
				OldDefaults: []planner.Assign{assign(t, "t.name = 'nobody'")},
			},
			{Old: []string{"data"}, New: []string{"more"}, Up: []planner.Assign{assign(t, "t.more = data -> 'more'")}},
		},
	}
}

func hitsSync(t testing.TB, users *planner.Table) *planner.Sync {
	t.Helper()
	return &planner.Sync{
		Migration: "0008", Table: users, Name: "hits_1a2b", State: "open",
		Columns: append(slices.Clone(users.Columns), planner.Column{Name: "_new_hits", Type: "bigint"}),
		Groups: []planner.Group{{
			Old: []string{"hits"}, New: []string{"_new_hits"},
			Up:   []planner.Assign{assign(t, "t._new_hits = hits::bigint")},
			Down: []planner.Assign{assign(t, "t.hits = least(_new_hits, 2147483647)::integer")},
		}},
	}
}

func hitsGrace(t testing.TB, users *planner.Table) *planner.Sync {
	t.Helper()
	return &planner.Sync{
		Migration: "0008", Table: users, Name: "hits_1a2b", State: "grace",
		Columns: []planner.Column{{Name: "_old_hits", Type: "integer"}, {Name: "hits", Type: "bigint"}},
		Groups: []planner.Group{{
			Old: []string{"_old_hits"}, New: []string{"hits"},
			Down: []planner.Assign{assign(t, "t._old_hits = least(hits, 2147483647)::integer")},
		}},
	}
}

func TestLower(t *testing.T) {
	t.Parallel()
	shown := map[string]bool{}
	datadriven.Walk(t, "testdata/lower", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			version := 170000
			d.MaybeScanArgs(t, "version", &version)
			s := usersSchema(version)
			var b strings.Builder
			for _, name := range strings.Fields(d.Input) {
				op, ok := lowerings(t, s)[name]
				if !ok {
					t.Fatalf("there is no operation %q", name)
				}
				shown[name] = true
				showLowered(&b, s, op)
			}
			return b.String()
		})
	})
	for name := range lowerings(t, usersSchema(170000)) {
		if !shown[name] {
			t.Errorf("no file in testdata/lower shows %s", name)
		}
	}
}

func showLowered(b *strings.Builder, s *planner.Schema, op planner.Op) {
	l, err := Dialect{}.Lower(s, op)
	if un := (*planner.Unsupported)(nil); errors.As(err, &un) {
		fmt.Fprintf(b, "unsupported: %v\n", un)
		return
	}
	if err != nil {
		fmt.Fprintf(b, "error: %v\n", err)
		return
	}
	for _, step := range l.Steps {
		showStep(b, step)
	}
	for _, h := range l.Hazards {
		fmt.Fprintf(b, "hazard %s %s: %s; instead: %s\n", h.Severity, h.Rule, h.Message, h.Instead)
	}
	for _, n := range l.Notes {
		fmt.Fprintf(b, "note: %s\n", n)
	}
}

func showStep(b *strings.Builder, step plan.Step) {
	fmt.Fprintf(b, "# %s [%s, %s", step.Title, step.Mode, step.Work)
	if step.Lock.Mode != "" {
		fmt.Fprintf(b, ", %s on %s", step.Lock.Mode, step.Lock.Object)
	}
	fmt.Fprintf(b, ", %d/%d ms]\n", step.LockTimeoutMS, step.StatementTimeoutMS)
	list := func(mark string, statements []plan.Statement) {
		for _, st := range statements {
			fmt.Fprintf(b, "%s%s\n", mark, strings.ReplaceAll(st.SQL, "\n", "\n"+mark))
			if st.Probe != "" {
				fmt.Fprintf(b, "%s  probe %s\n", mark, st.Probe)
			}
		}
	}
	list("  ", step.Statements)
	if c := step.Chunks; c != nil {
		fmt.Fprintf(b, "  chunks %s key %v\n  %s\n  sample %s\n  left %s\n", c.Table, c.Key, c.SQL, c.Sample, c.Left)
		if q := c.Quicker; q != nil {
			fmt.Fprintf(b, "  quicker %s\n  when %s\n", q.SQL, q.When)
		}
	}
	list("  - ", step.UndoStatements)
	if c := step.UndoFirst; c != nil {
		fmt.Fprintf(b, "  - first %s\n", c.SQL)
	}
	if step.UndoLoses != nil {
		fmt.Fprintf(b, "  - unless %s\n    %s\n", step.UndoLoses.SQL, step.UndoLoses.Message)
	}
}

// TestStepsTellTheTruth: what a reader sees of a step is what runs, and no lock
// on a table is waited for without a bound, but by those that block nobody.
func TestStepsTellTheTruth(t *testing.T) {
	t.Parallel()
	s := usersSchema(170000)
	for name, op := range lowerings(t, s) {
		l, err := Dialect{}.Lower(s, op)
		if err != nil {
			continue
		}
		for _, step := range l.Steps {
			if want := script(step.Statements); step.Chunks == nil && step.SQL != want {
				t.Errorf("%s: shown\n%s\nrun\n%s", name, step.SQL, want)
			}
			if step.Undo != script(step.UndoStatements) {
				t.Errorf("%s: the undo shown is not the one run", name)
			}
			if step.LockTimeoutMS != lockTimeoutMS && step.Lock.Mode != lockShareUpdateExclusive {
				t.Errorf("%s waits %d ms for %s", name, step.LockTimeoutMS, step.Lock.Mode)
			}
			if step.Title == "" || step.Why == "" || step.Work == "" {
				t.Errorf("%s: the step does not say what it is: %+v", name, step)
			}
			if step.Mode == plan.Each && step.Work != plan.Metadata {
				for _, st := range step.Statements {
					if st.Probe == "" {
						t.Errorf("%s: %s has no probe", name, st.SQL)
					}
				}
			}
		}
	}
}

func TestVerifyStatements(t *testing.T) {
	t.Parallel()
	datadriven.RunTest(t, "testdata/verify", func(t *testing.T, d *datadriven.TestData) string {
		s := usersSchema(170000)
		sync := map[string]*planner.Sync{
			"split": splitSync(t, s.Tables[0]), "hits": hitsSync(t, s.Tables[0]), "grace": hitsGrace(t, s.Tables[0]),
		}[d.Cmd]
		v, err := Dialect{}.Verify(s, sync)
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		fmt.Fprintf(&b, "counts  %s\nsample  %s\n", v.Counts.SQL, v.Counts.Sample)
		for what, c := range map[string]*plan.Chunks{"strict": v.Strict, "up    ": v.RepairUp, "down  ": v.RepairDown} {
			if c != nil {
				fmt.Fprintf(&b, "%s  %s\n", what, c.SQL)
			}
		}
		lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
		slices.Sort(lines)
		return strings.Join(lines, "\n") + "\n"
	})
}
