package postgres

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/expandcontract/migrate/dialects"
	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/integration/servers"
	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// world is a database with a session, for tests that run steps.
type world struct {
	*testing.T
	db      *servers.Database
	session dialects.Session
}

func newWorld(t *testing.T, db *servers.Database, script string) *world {
	t.Helper()
	w := &world{T: t, db: db, session: open(t, db.URL)}
	run(t, w.session.DB(), "CREATE SCHEMA migrate")
	run(t, w.session.DB(), script)
	return w
}

func (w *world) inspect(table string) (*planner.Schema, *planner.Table) {
	w.Helper()
	s, err := w.session.Inspect(w.Context(), planner.References{Tables: []planner.Ref{{Name: table}}})
	if err != nil {
		w.Fatal(err)
	}
	return s, s.Table(planner.Ref{Name: table})
}

func (w *world) lower(op planner.Op) []plan.Step {
	w.Helper()
	s, _ := w.inspect("t")
	l, err := Dialect{}.Lower(s, op)
	if err != nil {
		w.Fatal(err)
	}
	return l.Steps
}

// do runs statements one by one as their probes want it, and returns the first
// error.
func (w *world) do(statements []plan.Statement) error {
	w.Helper()
	conn, err := w.session.DB().Conn(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	defer func() { _ = conn.Close() }() // it only gives the connection back
	for _, st := range statements {
		if st.Probe != "" && text(w, w.session.DB(), st.Probe) == "true" {
			continue
		}
		if err := w.session.Exec(w.Context(), conn, executor.Bounds{}, st.SQL); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) all(steps []plan.Step) {
	w.Helper()
	for _, s := range steps {
		if err := w.do(s.Statements); err != nil {
			w.Fatalf("%s: %v\n%s", s.Title, err, s.SQL)
		}
	}
}

func (w *world) undoAll(steps []plan.Step) {
	w.Helper()
	for i := len(steps) - 1; i >= 0; i-- {
		if err := w.do(steps[i].UndoStatements); err != nil {
			w.Fatalf("undoing %s: %v\n%s", steps[i].Title, err, steps[i].Undo)
		}
	}
}

// TestUndoRestores runs each kind of change and its undo, and compares what the
// inspector sees before and after.
func TestUndoRestores(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, db *servers.Database) {
		w := newWorld(t, db, `
			CREATE TABLE t (id bigint PRIMARY KEY, name varchar(20) DEFAULT 'x' NOT NULL CHECK (name <> ''), "Note" text);
			CREATE INDEX t_note ON t (lower("Note") DESC) WHERE id > 0;
			INSERT INTO t SELECT i, 'n', 'o' FROM generate_series(1, 50) i`)
		_, table := w.inspect("t")
		ops := map[string]planner.Op{
			"add":           planner.OpAddColumns{Table: table, Columns: []planner.NewColumn{{ColumnDef: planner.ColumnDef{Name: "extra", Type: "integer", NotNull: true, Default: expr(t, "3")}}}},
			"default":       planner.OpSetDefault{Table: table, Column: *table.Column("name"), Default: expr(t, "'y'"), Before: table.Column("name").Default},
			"drop not null": planner.OpDropNotNull{Table: table, Column: *table.Column("name")},
			"set not null":  planner.OpSetNotNull{Table: table, Columns: []planner.Column{*table.Column("Note")}},
			"widen":         planner.OpWidenType{Table: table, Column: *table.Column("name"), Type: "text"},
			"check":         planner.OpAddCheck{Table: table, Change: planner.AddCheck{Check: expr(t, `"Note" <> 'z'`)}},
			"index":         planner.OpCreateIndex{Table: table, Change: planner.CreateIndex{Name: "t_more", SQL: `CREATE INDEX t_more ON t ("Note")`}},
			"copy":          planner.OpCopyIndexes{Table: table, Columns: map[string]string{"Note": "name"}, Names: map[string]string{"t_note": "t_copy"}},
			"drop index":    planner.OpDropIndex{Table: table, Index: *table.Index("t_note")},
			"fence":         planner.OpFenceTable{Table: table, Name: "_old_t"},
		}
		for name, op := range ops {
			steps := w.lower(op)
			w.all(steps)
			if _, changed := w.inspect("t"); cmp.Equal(table, changed) {
				t.Errorf("%s changes nothing", name)
			}
			for _, s := range steps {
				if s.UndoLoses != nil && text(t, w.session.DB(), s.UndoLoses.SQL) != "false" {
					t.Errorf("%s: the undo is refused: %s", name, s.UndoLoses.Message)
				}
			}
			w.undoAll(steps)
			_, after := w.inspect("t")
			after.Bytes, after.Rows = table.Bytes, table.Rows
			if diff := cmp.Diff(table, after); diff != "" {
				t.Errorf("%s and back (-before +after):\n%s", name, diff)
			}
		}
	})
}

// TestUndoGuards: an undo that would lose something says so.
func TestUndoGuards(t *testing.T) {
	t.Parallel()
	db := servers.Fresh(t, servers.Postgres)
	w := newWorld(t, db, `CREATE TABLE t (id bigint PRIMARY KEY, a varchar(3) NOT NULL, p numeric(4,2)); INSERT INTO t VALUES (1, 'abc', 'NaN')`)
	_, table := w.inspect("t")
	for name, tc := range map[string]struct {
		op   planner.Op
		harm string
	}{
		"added value":    {planner.OpAddColumns{Table: table, Columns: []planner.NewColumn{{ColumnDef: planner.ColumnDef{Name: "extra", Type: "text", Default: expr(t, "'d'")}, Guarded: true}}}, "UPDATE t SET extra = 'mine'"},
		"null":           {planner.OpDropNotNull{Table: table, Column: *table.Column("a")}, "UPDATE t SET a = NULL"},
		"longer":         {planner.OpWidenType{Table: table, Column: *table.Column("a"), Type: "text"}, "UPDATE t SET a = 'abcd'"},
		"larger":         {planner.OpWidenType{Table: table, Column: *table.Column("p"), Type: "numeric(6,2)"}, "UPDATE t SET p = 100"},
		"finer":          {planner.OpWidenType{Table: table, Column: *table.Column("p"), Type: "numeric"}, "UPDATE t SET p = 1.234"},
		"rows, no table": {planner.OpCreateTable{Change: planner.CreateTable{Table: planner.Ref{Name: "new"}, SQL: "CREATE TABLE new (id int)"}}, "INSERT INTO new VALUES (1)"},
	} {
		t.Run(name, func(t *testing.T) {
			steps := w.lower(tc.op)
			w.all(steps)
			guard := steps[0].UndoLoses.SQL
			if got := text(t, w.session.DB(), guard); got != "false" {
				t.Errorf("before any harm the guard says %s: %s", got, guard)
			}
			run(t, w.session.DB(), tc.harm)
			if got := text(t, w.session.DB(), guard); got != "true" {
				t.Errorf("the guard does not see the harm: %s", guard)
			}
			run(t, w.session.DB(), "DROP TABLE IF EXISTS new; UPDATE t SET a = 'abc', p = 1")
			if name != "rows, no table" {
				w.undoAll(steps)
			}
		})
	}
}

// TestSetNotNullDoesNotScan reads the server's own word for it.
func TestSetNotNullDoesNotScan(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, db *servers.Database) {
		w := newWorld(t, db, "CREATE TABLE t (a int); INSERT INTO t SELECT generate_series(1, 100)")
		_, table := w.inspect("t")
		steps := w.lower(planner.OpSetNotNull{Table: table, Columns: []planner.Column{*table.Column("a")}})
		w.all(steps[:2])
		cfg, err := pgx.ParseConfig(db.URL)
		if err != nil {
			t.Fatal(err)
		}
		var notices []string
		cfg.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { notices = append(notices, n.Message) }
		conn, err := pgx.ConnectConfig(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
		if _, err := conn.Exec(t.Context(), "SET client_min_messages = debug1; "+steps[2].SQL); err != nil {
			t.Fatal(err)
		}
		if said := strings.Join(notices, "\n"); !strings.Contains(said, "sufficient to prove that it does not contain nulls") {
			t.Errorf("the server does not say that it skips the scan:\n%s", said)
		}
		if _, after := w.inspect("t"); !after.Column("a").NotNull {
			t.Error("the column still allows NULL")
		}
	})
}

// TestDefaultNames compares our guess of a name with the server's choice.
func TestDefaultNames(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("long_", 12)
	uml := strings.Repeat("ü", 31)
	db := servers.Fresh(t, servers.Postgres)
	pool := db.Open(t)
	for _, names := range [][2]string{{"t", "a"}, {"T b", "C d"}, {long, "a"}, {"a", long}, {long + "x", long + "y"}, {uml, uml}, {"ö" + uml[:58], "a"}} {
		ref := planner.Ref{Schema: "public", Name: names[0]}
		table, col := quote(names[0]), quote(names[1])
		run(t, pool, fmt.Sprintf("CREATE TABLE %s (%s int CHECK (%s > 0), b int)", table, col, col))
		s := open(t, db.URL)
		schema, err := s.Inspect(t.Context(), planner.References{Tables: []planner.Ref{ref}})
		if err != nil {
			t.Fatal(err)
		}
		var earlier []planner.AddCheck
		for _, check := range []string{col + " > 1", col + " > 2", col + " > b", "b > 5"} {
			want := checkDefaultName(names[0], expr(t, check), takenChecks(schema.Tables[0], earlier))
			run(t, pool, fmt.Sprintf("ALTER TABLE %s ADD CHECK (%s)", table, check))
			if n := text(t, pool, "SELECT count(*) FROM pg_constraint WHERE conname = $1", want); n != "1" {
				t.Errorf("CHECK (%s) of %s is not called %s", check, names[0], want)
			}
			earlier = append(earlier, planner.AddCheck{Check: expr(t, check)})
		}
		for _, index := range []string{col, col + ", b", "b) INCLUDE (" + col} {
			sql := fmt.Sprintf("CREATE INDEX ON %s (%s)", table, index)
			script, err := Dialect{}.Parse(sql)
			if err != nil {
				t.Fatal(err)
			}
			change, ok := script.Statements[0].Changes[0].(planner.CreateIndex)
			if !ok {
				t.Fatalf("%s is read as %T", sql, script.Statements[0].Changes[0])
			}
			want := change.Name
			run(t, pool, sql)
			if text(t, pool, "SELECT to_regclass($1)::text", quote(want)) == "" {
				t.Errorf("%s does not make an index %s", sql, want)
			}
		}
	}
}

// TestInvalidIndexIsReplaced: what a failed build leaves behind goes first; an
// index of that name on another table is not ours to drop.
func TestInvalidIndexIsReplaced(t *testing.T) {
	t.Parallel()
	w := newWorld(t, servers.Fresh(t, servers.Postgres), "CREATE TABLE t (a int); INSERT INTO t VALUES (1), (1); CREATE TABLE other (a int); CREATE INDEX taken ON other (a)")
	_, table := w.inspect("t")
	create := func(name string) plan.Step {
		return w.lower(planner.OpCreateIndex{Table: table, Change: planner.CreateIndex{Name: name, SQL: "CREATE UNIQUE INDEX " + name + " ON t (a)"}})[0]
	}
	step := create("u")
	if err := w.do(step.Statements); w.session.Classify(err) != executor.BadRow {
		t.Fatalf("duplicates: %v", err)
	}
	if text(t, w.session.DB(), "SELECT indisvalid FROM pg_index WHERE indexrelid = 'u'::regclass") != "false" {
		t.Fatal("the failed build has left no invalid index")
	}
	if _, seen := w.inspect("t"); len(seen.Indexes) != 0 {
		t.Errorf("the inspector takes the invalid index for one: %+v", seen.Indexes)
	}
	run(t, w.session.DB(), "DELETE FROM t WHERE ctid = '(0,1)'")
	for range 2 { // the second time there is nothing to do
		if err := w.do(step.Statements); err != nil {
			t.Fatal(err)
		}
	}
	for _, st := range step.Statements {
		if text(t, w.session.DB(), st.Probe) != "true" {
			t.Errorf("the probe does not see that it is done: %s", st.Probe)
		}
	}
	taken := create("taken")
	if err := w.do(taken.Statements); w.session.Classify(err) != executor.Exists {
		t.Errorf("the name of another table's index: %v", err)
	}
	if err := w.do(taken.UndoStatements); err != nil {
		t.Error(err)
	}
	if text(t, w.session.DB(), "SELECT to_regclass('taken')::text") == "" {
		t.Error("the other table's index is gone")
	}
}

// TestTidRangeScan: pieces are read by their pages, by a prepared statement's
// generic plan too.
func TestTidRangeScan(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, db *servers.Database) {
		w := newWorld(t, db, "CREATE TABLE t (id bigint PRIMARY KEY, a int, b bigint); INSERT INTO t (id, a) SELECT i, i FROM generate_series(1, 20000) i; ANALYZE t")
		schema, table := w.inspect("t")
		sync := &planner.Sync{Table: table, State: "open", Columns: table.Columns, Groups: []planner.Group{
			{Old: []string{"a"}, New: []string{"b"}, Up: []planner.Assign{assign(t, "t.b = a")}, Down: []planner.Assign{assign(t, "t.a = b::int")}},
		}}
		verify, err := Dialect{}.Verify(schema, sync)
		if err != nil {
			t.Fatal(err)
		}
		fill := w.lower(planner.OpBackfill{Table: table, Sync: sync})[0]
		want := "Tid Range Scan"
		if schema.VersionNum < 140000 {
			want = "Tid Scan"
		}
		for _, sql := range []string{fill.Chunks.SQL, verify.Counts.SQL, verify.Counts.Sample} {
			conn, err := w.session.DB().Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, st := range []string{"SET plan_cache_mode = force_generic_plan", "PREPARE p (tid, tid) AS " + sql} {
				if _, err := conn.ExecContext(t.Context(), st); err != nil {
					t.Fatal(err)
				}
			}
			var plan string
			if err := conn.QueryRowContext(t.Context(), "EXPLAIN (FORMAT JSON) EXECUTE p ('(5,0)', '(9,0)')").Scan(&plan); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(plan, want) || strings.Contains(plan, "Seq Scan") {
				t.Errorf("no %s:\n%s\n%s", want, sql, plan)
			}
			if _, err := conn.ExecContext(t.Context(), "DEALLOCATE p"); err != nil {
				t.Error(err)
			}
			if err := conn.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}

// TestAppRoleAndPath: the trigger works for a role that may only write the
// table, whose search path leads to functions of its own.
func TestAppRoleAndPath(t *testing.T) {
	t.Parallel()
	w := newWorld(t, servers.Fresh(t, servers.Postgres), `
		CREATE TABLE t (id bigint PRIMARY KEY, name text, first text);
		CREATE TYPE kind AS ENUM ('a');
		CREATE FUNCTION public.home_made(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'ours:' || $1 $$`)
	_, table := w.inspect("t")
	sync := &planner.Sync{Table: table, Name: "t_1a2b", State: "open", Columns: table.Columns, Groups: []planner.Group{{
		Old: []string{"name"}, New: []string{"first"},
		Up: []planner.Assign{assign(t, "t.first = home_made(split_part(name, ' ', 1))")},
	}}}
	w.all(w.lower(planner.OpInstallShadow{Sync: sync}))
	role := "app_" + w.db.Name
	run(t, w.session.DB(), fmt.Sprintf(`
		CREATE ROLE %[1]s LOGIN PASSWORD 'app'; GRANT INSERT, UPDATE, SELECT ON t TO %[1]s;
		CREATE SCHEMA theirs AUTHORIZATION %[1]s`, quote(role)))
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		for _, q := range []string{"DROP OWNED BY " + quote(role) + " CASCADE", "DROP ROLE " + quote(role)} {
			if _, err := w.session.DB().ExecContext(ctx, q); err != nil {
				t.Errorf("dropping the role: %v", err)
			}
		}
	})
	u, err := url.Parse(w.db.URL)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(role, "app")
	theirs := app(t, u.String())
	run(t, theirs, `
		SET search_path = theirs, public;
		CREATE FUNCTION theirs.home_made(text) RETURNS text LANGUAGE sql AS $$ SELECT 'stolen' $$;
		CREATE FUNCTION theirs.split_part(text, text, int) RETURNS text LANGUAGE sql AS $$ SELECT 'stolen' $$;
		INSERT INTO public.t (id, name) VALUES (1, 'Ada Lovelace'); UPDATE public.t SET name = 'Grace Hopper'`)
	if got := text(t, w.session.DB(), "SELECT first FROM t"); got != "ours:Grace" {
		t.Errorf("first is %q", got)
	}
}

func TestAccepts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, servers.Fresh(t, servers.Postgres), `CREATE TABLE t (id bigint PRIMARY KEY, name text, n int, "Day" date, l text[])`)
	schema, table := w.inspect("t")
	for _, tc := range []struct{ expr, typ, objection string }{
		{"upper(name)", "text", ""},
		{"n", "bigint", ""},
		{"n", "text", ""},
		{"n * 1.5", "integer", ""},
		{"'7'", "integer", ""},
		{"NULL", "integer", ""},
		{`"Day"`, "timestamp with time zone", ""},
		{"l", "character varying(5)[]", ""},
		{"upper(name)", "character varying(3)", ""},
		{"name <> ''", "", ""},
		{"name", "integer", "type integer but the expression is of type text"},
		{`"Day"`, "integer", "cannot cast"},
		{"frist_name", "text", "does not exist"},
		{"no_such(name)", "text", "does not exist"},
		{"name + 1", "text", "operator does not exist"},
		{"n", "", "must be type boolean"},
	} {
		checks := Dialect{}.Checks(schema, table, []planner.TypedExpr{{Expr: expr(t, tc.expr), Type: tc.typ, What: "it"}})
		err := w.session.Accepts(t.Context(), checks[0])
		switch {
		case tc.objection == "" && err != nil:
			t.Errorf("%s as %s: %v", tc.expr, tc.typ, err)
		case tc.objection != "" && (err == nil || !strings.Contains(err.Error(), tc.objection)):
			t.Errorf("%s as %s: %v, want %q", tc.expr, tc.typ, err, tc.objection)
		}
	}
}

func TestBlockers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, servers.Fresh(t, servers.Postgres), `
		CREATE TABLE t (id int PRIMARY KEY, a text CHECK (a <> ''), b text UNIQUE, c int, low text GENERATED ALWAYS AS (lower(c::text)) STORED, free text);
		CREATE VIEW v AS SELECT a FROM t;
		CREATE TABLE child (t int REFERENCES t);
		CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
		CREATE TRIGGER "~zz" BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f();
		CREATE STATISTICS st ON c, free FROM t;
		CREATE VIEW other AS SELECT 1`)
	schema, table := w.inspect("t")
	objects := func(t *planner.Table, wish planner.Wish, columns ...string) []string {
		var out []string
		for _, b := range (Dialect{}).Blockers(schema, t, columns, wish) {
			out = append(out, b.Object)
		}
		return out
	}
	_, view := w.inspect("other")
	for name, tc := range map[string]struct{ got, want []string }{
		"sync":             {objects(table, planner.WishSync, "a", "low"), []string{"trigger ~zz", "t.low"}},
		"rename":           {objects(table, planner.WishRename, "a", "b", "c", "id"), nil},
		"drop":             {objects(table, planner.WishDrop, "a"), []string{"view v"}},
		"drop unique":      {objects(table, planner.WishDrop, "b"), nil},
		"drop key":         {objects(table, planner.WishDrop, "id"), []string{"foreign key child_t_fkey of child", "primary key t_pkey"}},
		"drop read":        {objects(table, planner.WishDrop, "c"), []string{"generated column low"}},
		"replace":          {objects(table, planner.WishReplace, "a"), []string{"view v"}},
		"replace unique":   {objects(table, planner.WishReplace, "b"), nil},
		"replace measured": {objects(table, planner.WishReplace, "free"), nil},
		"view":             {objects(view, planner.WishSync, "a"), []string{"other"}},
	} {
		if diff := cmp.Diff(tc.want, tc.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	run(t, w.session.DB(), "CREATE VIEW whole AS SELECT 1 FROM t")
	_, table = w.inspect("t")
	_, err := Dialect{}.Lower(schema, planner.OpFenceTable{Table: table, Name: "_old"})
	if un := (*planner.Unsupported)(nil); !errors.As(err, &un) {
		t.Errorf("a table under a view is fenced: %v", err)
	}
}

func TestOpenHidesPasswords(t *testing.T) {
	t.Parallel()
	for _, u := range []string{
		"postgres://me:hunter2@127.0.0.1:1/db?connect_timeout=1",
		"postgres://me:hunter2@local host/db",
		"postgres://me:hunter2/x@127.0.0.1:1/db",
		"postgres://me:hunter2@127.0.0.1:99999/db",
		"postgres://me:hunter2@127.0.0.1:1/db?sslmode=nonsense",
		"postgres://127.0.0.1:1/db?password=hunter2&sslmode=nonsense",
		"postgres://me:%zzhunter2@127.0.0.1/db",
	} {
		s, err := New().Open(t.Context(), u, dialects.Options{})
		if err == nil {
			t.Errorf("%s can be opened", u)
			_ = s.Close()
			continue
		}
		for e := err; e != nil; e = errors.Unwrap(e) {
			if strings.Contains(e.Error(), "hunter2") {
				t.Errorf("the error shows the password: %v", e)
			}
		}
	}
}
