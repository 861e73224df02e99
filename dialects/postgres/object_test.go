package postgres

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/expandcontract/migrate/integration/servers"
	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// objectWorld is what is there before each of objectCases.
const objectWorld = `
	CREATE TABLE t (id bigint PRIMARY KEY, name text NOT NULL, price numeric, note text CONSTRAINT t_note CHECK (note <> ''));
	CREATE TABLE u (id bigint PRIMARY KEY, t_id bigint REFERENCES t);
	INSERT INTO t SELECT i, 'n' || i, i, 'x' FROM generate_series(1, 100) i;
	CREATE INDEX t_name ON t (name) WITH (fillfactor = 80);
	ALTER TABLE t SET (fillfactor = 90, autovacuum_enabled = true);
	ALTER TABLE t ALTER COLUMN name SET STATISTICS 50, ALTER COLUMN note SET STORAGE EXTERNAL, ALTER COLUMN price SET (n_distinct = 7);
	COMMENT ON TABLE t IS 'the table';
	COMMENT ON COLUMN t.name IS 'it''s a name';
	COMMENT ON CONSTRAINT t_note ON t IS 'no empty notes';
	GRANT SELECT ON t TO pg_monitor;
	GRANT UPDATE (price) ON t TO pg_read_all_settings;
	CREATE VIEW v WITH (security_barrier = true) AS SELECT id, name FROM t;
	COMMENT ON VIEW v IS 'the view';
	COMMENT ON COLUMN v.name IS 'a name';
	ALTER VIEW v ALTER COLUMN name SET DEFAULT 'nobody';
	GRANT SELECT ON v TO PUBLIC;
	GRANT SELECT, UPDATE ON v TO pg_monitor WITH GRANT OPTION;
	CREATE VIEW below AS SELECT id FROM t;
	CREATE VIEW above AS SELECT id FROM below;
	CREATE MATERIALIZED VIEW m AS SELECT id, name FROM t;
	CREATE UNIQUE INDEX m_id ON m (id);
	CREATE MATERIALIZED VIEW plainm AS SELECT id FROM t;
	CREATE FUNCTION f(a integer, b text DEFAULT 'x') RETURNS integer LANGUAGE sql AS 'SELECT a';
	COMMENT ON FUNCTION f(integer, text) IS 'the function';
	REVOKE ALL ON FUNCTION f(integer, text) FROM PUBLIC;
	GRANT EXECUTE ON FUNCTION f(integer, text) TO pg_monitor;
	CREATE PROCEDURE p(a integer) LANGUAGE sql AS 'SELECT a';
	CREATE FUNCTION tf() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
	CREATE TRIGGER tr BEFORE UPDATE OF name ON t FOR EACH ROW WHEN (NEW.name <> '') EXECUTE FUNCTION tf();
	COMMENT ON TRIGGER tr ON t IS 'the trigger';
	CREATE TRIGGER off AFTER DELETE ON t EXECUTE FUNCTION tf();
	ALTER TABLE t DISABLE TRIGGER off;
	CREATE POLICY pol ON t FOR SELECT TO pg_monitor, PUBLIC USING (id > 0);
	CREATE RULE rul AS ON DELETE TO u DO ALSO SELECT 1;
	CREATE TYPE mood AS ENUM ('sad', 'ok');
	CREATE DOMAIN short AS text DEFAULT 's' CONSTRAINT short_length CHECK (length(VALUE) < 10);
	CREATE TABLE uses_short (id bigint PRIMARY KEY, s short);
	CREATE DOMAIN unused AS text;
	CREATE SEQUENCE s INCREMENT BY 5 MAXVALUE 5000 OWNED BY t.id;
	CREATE STATISTICS st (dependencies) ON id, name FROM t;
	COMMENT ON STATISTICS st IS 'the statistics';
	CREATE SCHEMA app;
	CREATE TABLE app.inside (id bigint);
	GRANT SELECT ON app.inside TO pg_monitor;
	CREATE PUBLICATION pub FOR TABLE t WITH (publish = 'insert, update');
	CREATE COLLATION coll (locale = 'C');
	CREATE EXTENSION citext`

// objectCases are statements that are done and taken back: the locks are those
// of the plan, and what is there after is what was there before.
var objectCases = []struct {
	name, sql    string
	since, until int
	// stays: there is no way back, and the plan says so. idle: it says what
	// holds anyway, or what the inspector does not see.
	stays, idle bool
}{
	{name: "comment on table", sql: "COMMENT ON TABLE t IS 'else'"},
	{name: "no comment on table", sql: "COMMENT ON TABLE t IS NULL"},
	{name: "first comment on table", sql: "COMMENT ON TABLE u IS 'a \\ ''quoted'' one'"},
	{name: "comment on column", sql: "COMMENT ON COLUMN t.name IS 'else'"},
	{name: "comment on column of a view", sql: "COMMENT ON COLUMN v.name IS NULL"},
	{name: "comment on constraint", sql: "COMMENT ON CONSTRAINT t_note ON t IS 'else'"},
	{name: "comment on index", sql: "COMMENT ON INDEX t_name IS 'else'"},
	{name: "comment on view", sql: "COMMENT ON VIEW v IS 'else'"},
	{name: "comment on materialized view", sql: "COMMENT ON MATERIALIZED VIEW m IS 'else'"},
	{name: "comment on function", sql: "COMMENT ON FUNCTION f(integer, text) IS NULL"},
	{name: "comment on the only function", sql: "COMMENT ON FUNCTION f IS 'else'"},
	{name: "comment on type", sql: "COMMENT ON TYPE mood IS 'else'"},
	{name: "comment on domain", sql: "COMMENT ON DOMAIN short IS 'else'"},
	{name: "comment on sequence", sql: "COMMENT ON SEQUENCE s IS 'else'"},
	{name: "comment on trigger", sql: "COMMENT ON TRIGGER tr ON t IS NULL"},
	{name: "comment on policy", sql: "COMMENT ON POLICY pol ON t IS 'else'"},
	{name: "comment on schema", sql: "COMMENT ON SCHEMA app IS 'else'"},
	{name: "comment on extension", sql: "COMMENT ON EXTENSION citext IS 'else'"},
	{name: "comment on statistics", sql: "COMMENT ON STATISTICS st IS NULL"},
	{name: "comment on publication", sql: "COMMENT ON PUBLICATION pub IS 'else'"},

	{name: "create view", sql: "CREATE VIEW w AS SELECT t.id, u.id AS u FROM t JOIN u ON u.t_id = t.id; COMMENT ON VIEW w IS 'w'; GRANT SELECT ON w TO PUBLIC"},
	{name: "create or replace a new view", sql: "CREATE OR REPLACE VIEW w AS SELECT id FROM t"},
	{name: "replace view", sql: "CREATE OR REPLACE VIEW v AS SELECT id, upper(name) AS name, price FROM t"},
	{name: "replace view that another reads", sql: "CREATE OR REPLACE VIEW below AS SELECT id + 1 AS id FROM t"},
	{name: "drop view", sql: "DROP VIEW v"},
	{name: "drop view and create it", sql: "DROP VIEW v; CREATE VIEW v AS SELECT id FROM t; GRANT SELECT ON v TO pg_monitor"},
	{name: "drop view and create it with more", sql: "DROP VIEW v; CREATE VIEW v AS SELECT id, price, name FROM t"},
	{name: "alter view", sql: "ALTER VIEW v SET (security_barrier = false)"},
	{name: "reset view", sql: "ALTER VIEW v RESET (security_barrier)"},
	{name: "owner of view", sql: "ALTER VIEW v OWNER TO pg_monitor"},
	{name: "create materialized view", sql: "CREATE MATERIALIZED VIEW n AS SELECT id FROM t WITH NO DATA; CREATE INDEX n_id ON n (id)"},
	{name: "drop materialized view", sql: "DROP MATERIALIZED VIEW m"},
	{name: "drop materialized view and create it", sql: "DROP MATERIALIZED VIEW m; CREATE MATERIALIZED VIEW m AS SELECT id, price FROM t; CREATE UNIQUE INDEX m_id ON m (id); CREATE INDEX m_price ON m (price)"},
	{name: "refresh beside readers", sql: "REFRESH MATERIALIZED VIEW m", stays: true},
	{name: "refresh", sql: "REFRESH MATERIALIZED VIEW plainm", stays: true},

	{name: "create function", sql: "CREATE FUNCTION g(int, varchar(3)) RETURNS int LANGUAGE sql AS 'SELECT 1'; GRANT EXECUTE ON FUNCTION g(int, varchar) TO pg_monitor"},
	{name: "replace function", sql: "CREATE OR REPLACE FUNCTION f(a integer, b text DEFAULT 'x') RETURNS integer LANGUAGE sql AS 'SELECT a + 1'"},
	{name: "overload function", sql: "CREATE OR REPLACE FUNCTION f(a integer) RETURNS integer LANGUAGE sql AS 'SELECT a + 1'"},
	{name: "drop function", sql: "DROP FUNCTION f(integer, text)"},
	{name: "drop the only function", sql: "DROP FUNCTION IF EXISTS f"},
	{name: "drop and create function", sql: "DROP FUNCTION f(integer, text); CREATE FUNCTION f(a integer, b text) RETURNS text LANGUAGE sql AS 'SELECT b'"},
	{name: "alter function", sql: "ALTER FUNCTION f(integer, text) STABLE STRICT SET search_path = public"},
	{name: "create procedure", sql: "CREATE PROCEDURE q(a integer, INOUT b text) LANGUAGE sql AS 'SELECT b'"},
	{name: "drop procedure", sql: "DROP PROCEDURE p(integer)"},
	{name: "create aggregate", sql: "CREATE AGGREGATE total (integer) (SFUNC = int4pl, STYPE = integer, INITCOND = '0')"},
	{name: "create function in sql", sql: "CREATE FUNCTION h(a bigint) RETURNS text LANGUAGE sql BEGIN ATOMIC SELECT name FROM t WHERE id = a; END", since: 140000},

	{name: "create trigger", sql: "CREATE TRIGGER tr2 AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION tf()"},
	{name: "create constraint trigger", sql: "CREATE CONSTRAINT TRIGGER tr2 AFTER INSERT ON t DEFERRABLE FOR EACH ROW EXECUTE FUNCTION tf()"},
	{name: "replace trigger", sql: "CREATE OR REPLACE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION tf()", since: 140000},
	{name: "drop trigger", sql: "DROP TRIGGER tr ON t"},
	{name: "drop disabled trigger", sql: "DROP TRIGGER off ON t"},
	{name: "drop and create trigger", sql: "DROP TRIGGER IF EXISTS tr ON t; CREATE TRIGGER tr AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION tf()"},
	{name: "drop no trigger and create it", sql: "DROP TRIGGER IF EXISTS none ON t; CREATE TRIGGER none AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION tf()"},
	{name: "rename trigger", sql: "ALTER TRIGGER tr ON t RENAME TO renamed"},
	{name: "disable trigger", sql: "ALTER TABLE t DISABLE TRIGGER tr"},
	{name: "enable trigger", sql: "ALTER TABLE t ENABLE TRIGGER off"},
	{name: "enable trigger always", sql: "ALTER TABLE t ENABLE ALWAYS TRIGGER tr"},
	{name: "drop rule", sql: "DROP RULE rul ON u"},

	{name: "create policy", sql: "CREATE POLICY mine ON t USING (name = current_user)"},
	{name: "drop policy", sql: "DROP POLICY pol ON t"},
	{name: "alter policy", sql: "ALTER POLICY pol ON t TO PUBLIC USING (id > 10)"},
	{name: "rename policy", sql: "ALTER POLICY pol ON t RENAME TO renamed"},
	{name: "enable row security", sql: "ALTER TABLE t ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"},
	{name: "disable row security", sql: "ALTER TABLE t DISABLE ROW LEVEL SECURITY", idle: true},

	{name: "grant", sql: "GRANT SELECT, INSERT ON t TO pg_monitor, PUBLIC"},
	{name: "grant all", sql: "GRANT ALL ON t TO pg_monitor"},
	{name: "grant to myself", sql: "GRANT SELECT ON u TO CURRENT_USER", idle: true},
	{name: "grant on column", sql: "GRANT SELECT (name, price), UPDATE (price, name) ON t TO pg_read_all_settings"},
	{name: "grant with option", sql: "GRANT SELECT ON t TO pg_monitor WITH GRANT OPTION"},
	{name: "grant on view", sql: "GRANT INSERT ON v TO PUBLIC"},
	{name: "revoke", sql: "REVOKE SELECT, DELETE ON t FROM pg_monitor"},
	{name: "revoke all", sql: "REVOKE ALL ON t FROM pg_monitor"},
	{name: "revoke on column", sql: "REVOKE UPDATE (price) ON t FROM pg_read_all_settings"},
	{name: "revoke option", sql: "REVOKE GRANT OPTION FOR SELECT ON v FROM pg_monitor"},
	{name: "grant on function", sql: "GRANT EXECUTE ON FUNCTION f(integer, text) TO PUBLIC"},
	{name: "revoke on function", sql: "REVOKE ALL ON FUNCTION f(integer, text) FROM pg_monitor"},
	{name: "revoke the function that everybody has", sql: "REVOKE EXECUTE ON FUNCTION tf() FROM PUBLIC"},
	{name: "grant on sequence", sql: "GRANT USAGE ON SEQUENCE s TO pg_monitor"},
	{name: "grant on schema", sql: "GRANT USAGE, CREATE ON SCHEMA app TO pg_monitor"},
	{name: "grant on type", sql: "GRANT USAGE ON TYPE mood TO pg_monitor"},
	{name: "revoke on type", sql: "REVOKE USAGE ON TYPE mood FROM PUBLIC"},
	{name: "grant on all tables", sql: "GRANT SELECT, UPDATE ON ALL TABLES IN SCHEMA app TO pg_monitor"},
	{name: "revoke on all tables", sql: "REVOKE ALL ON ALL TABLES IN SCHEMA app FROM pg_monitor"},
	{name: "default privileges", sql: "ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON TABLES TO pg_monitor"},
	{name: "default privileges of functions", sql: "ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC"},

	{name: "create type", sql: "CREATE TYPE color AS ENUM ('red'); COMMENT ON TYPE color IS 'c'"},
	{name: "create composite", sql: "CREATE TYPE pair AS (a integer, b text)"},
	{name: "create range", sql: "CREATE TYPE span AS RANGE (subtype = float8)"},
	{name: "add value", sql: "ALTER TYPE mood ADD VALUE 'happy' AFTER 'ok'", stays: true},
	{name: "add value that is there", sql: "ALTER TYPE mood ADD VALUE 'sad'", stays: true},
	{name: "create domain", sql: "CREATE DOMAIN email AS text NOT NULL CHECK (VALUE LIKE '%@%')"},
	{name: "add domain constraint", sql: "ALTER DOMAIN unused ADD CONSTRAINT c CHECK (VALUE <> '')"},
	{name: "add domain constraint in use", sql: "ALTER DOMAIN short ADD CONSTRAINT c CHECK (VALUE <> '')"},
	{name: "add domain constraint not valid", sql: "ALTER DOMAIN short ADD CONSTRAINT c CHECK (VALUE <> '') NOT VALID"},
	{name: "drop domain constraint", sql: "ALTER DOMAIN short DROP CONSTRAINT short_length"},
	{name: "domain not null", sql: "ALTER DOMAIN short SET NOT NULL"},
	{name: "domain default", sql: "ALTER DOMAIN short SET DEFAULT 'else'"},
	{name: "drop domain default", sql: "ALTER DOMAIN short DROP DEFAULT"},
	{name: "create sequence", sql: "CREATE SEQUENCE s2 OWNED BY u.id"},
	{name: "alter sequence", sql: "ALTER SEQUENCE s AS integer INCREMENT BY 1 MAXVALUE 100 CACHE 10 CYCLE OWNED BY NONE"},
	{name: "setval", sql: "SELECT setval('s', 40)", stays: true},
	{name: "create schema", sql: "CREATE SCHEMA other; GRANT USAGE ON SCHEMA other TO pg_monitor"},
	{name: "create extension", sql: "CREATE EXTENSION IF NOT EXISTS hstore"},
	{name: "create collation", sql: "CREATE COLLATION coll2 (locale = 'C')"},
	{name: "create statistics", sql: "CREATE STATISTICS st2 (ndistinct) ON name, price FROM t"},
	{name: "drop statistics", sql: "DROP STATISTICS st"},
	{name: "alter statistics", sql: "ALTER STATISTICS st SET STATISTICS 500"},
	{name: "create publication", sql: "CREATE PUBLICATION pub2 FOR TABLE t, u"},
	{name: "create publication of columns", sql: "CREATE PUBLICATION pub2 FOR TABLE t (id, name) WHERE (id > 0)", since: 150000},
	{name: "drop publication", sql: "DROP PUBLICATION pub"},
	{name: "add to publication", sql: "ALTER PUBLICATION pub ADD TABLE u"},
	{name: "drop from publication", sql: "ALTER PUBLICATION pub DROP TABLE t"},
	{name: "set publication", sql: "ALTER PUBLICATION pub SET TABLE u"},
	{name: "publish less", sql: "ALTER PUBLICATION pub SET (publish = 'insert')"},

	{name: "storage parameters", sql: "ALTER TABLE t SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.1, toast.autovacuum_enabled = false)"},
	{name: "reset storage parameters", sql: "ALTER TABLE t RESET (fillfactor, autovacuum_enabled)"},
	{name: "statistics target", sql: "ALTER TABLE t ALTER COLUMN name SET STATISTICS 100"},
	{name: "storage of a column", sql: "ALTER TABLE t ALTER COLUMN note SET STORAGE MAIN"},
	{name: "compression of a column", sql: "ALTER TABLE t ALTER COLUMN note SET COMPRESSION pglz", since: 140000},
	{name: "options of a column", sql: "ALTER TABLE t ALTER COLUMN price SET (n_distinct = -1, n_distinct_inherited = 3)"},
	{name: "replica identity full", sql: "ALTER TABLE t REPLICA IDENTITY FULL"},
	{name: "replica identity nothing", sql: "ALTER TABLE t REPLICA IDENTITY NOTHING"},
	{name: "replica identity index", sql: "ALTER TABLE t REPLICA IDENTITY USING INDEX t_pkey"},
	{name: "cluster on", sql: "ALTER TABLE t CLUSTER ON t_pkey"},
	{name: "owner", sql: "ALTER TABLE t OWNER TO pg_monitor"},
	{name: "options of an index", sql: "ALTER INDEX t_name SET (fillfactor = 60)"},
	{name: "rename index", sql: "ALTER INDEX t_name RENAME TO t_by_name"},
	{name: "reindex index", sql: "REINDEX INDEX t_name", stays: true},
	{name: "reindex table", sql: "REINDEX TABLE t", stays: true},
	{name: "analyze", sql: "ANALYZE t (name)", stays: true},
	{name: "vacuum", sql: "VACUUM (ANALYZE) t", stays: true},
	{name: "several settings", sql: "ALTER TABLE t SET (fillfactor = 60), ALTER COLUMN name SET STATISTICS 10, CLUSTER ON t_pkey"},
}

// TestObjects does and undoes each of objectCases on a server.
func TestObjects(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, db *servers.Database) {
		w := newWorld(t, db, objectWorld)
		s, _ := w.inspect("t")
		before := w.world()
		for _, c := range objectCases {
			if s.VersionNum < c.since || c.until > 0 && s.VersionNum >= c.until {
				continue
			}
			steps, err := w.directly(c.sql)
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
				continue
			}
			var ran []plan.Step
			for _, st := range steps {
				if st.AfterGrace {
					continue
				}
				ran = append(ran, st)
				if err := w.observed(st); err != nil {
					t.Errorf("%s: %s: %v\n%s", c.name, st.Title, err, st.SQL)
				}
			}
			if after := w.world(); !c.stays && !c.idle && gocmp.Equal(before, after) {
				t.Errorf("%s changes nothing", c.name)
			}
			for _, st := range slices.Backward(ran) {
				if st.Undo == "" != c.stays {
					t.Errorf("%s: %s: the way back is %q", c.name, st.Title, st.Undo)
				}
				if err := w.do(st.UndoStatements); err != nil {
					t.Errorf("%s: undoing %s: %v\n%s", c.name, st.Title, err, st.Undo)
				}
			}
			undone := w.world()
			if diff := gocmp.Diff(before, undone); diff != "" && !c.stays {
				t.Errorf("%s and back (-before +after):\n%s", c.name, diff)
			}
			before = undone
		}
	})
}

// directly plans the statements of a script as the planner would, each object's
// together.
func (w *world) directly(script string) ([]plan.Step, error) {
	w.Helper()
	refs, err := planner.Refer(Dialect{}, planner.File{Name: "x", Path: "x.sql", Src: script})
	if err != nil {
		return nil, err
	}
	s, err := w.session.Inspect(w.Context(), refs)
	if err != nil {
		return nil, err
	}
	parsed, err := Dialect{}.Parse(script)
	if err != nil {
		return nil, err
	}
	var groups []planner.OpDirect
	for _, st := range parsed.Statements {
		for _, c := range st.Changes {
			d, ok := c.(planner.Direct)
			if !ok {
				return nil, fmt.Errorf("%s is read as %#v", st.SQL, c)
			}
			i := slices.IndexFunc(groups, func(g planner.OpDirect) bool { return g.Changes[0].Object == d.Object })
			if i < 0 {
				i = len(groups)
				groups = append(groups, planner.OpDirect{Before: s.Object(d.Object)})
				groups[i].Grace = !strings.Contains(script, "price, name")
			}
			groups[i].Changes = append(groups[i].Changes, d)
		}
	}
	var out []plan.Step
	for _, g := range groups {
		l, err := Dialect{}.Lower(s, g)
		if err != nil {
			return nil, err
		}
		out = append(out, l.Steps...)
	}
	return out, nil
}

// observed runs a step, in a transaction if that is its mode, and compares the
// locks that it holds with those of the plan. Nothing of the user's may be
// written anew.
func (w *world) observed(st plan.Step) error {
	if st.Mode != plan.InTx {
		return w.do(st.Statements)
	}
	files := w.files()
	tx, err := w.session.DB().BeginTx(w.Context(), nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	known, indexes := map[string]string{}, map[string]bool{}
	for _, r := range w.rows(tx, `SELECT relname FROM pg_class WHERE relkind = 'i'`) {
		indexes[r] = true
	}
	for _, r := range w.rows(tx, `SELECT c.oid || ' ' || CASE n.nspname WHEN 'public' THEN '' ELSE n.nspname || '.' END || c.relname FROM pg_class c
		JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname IN ('public', 'app')`) {
		oid, name, _ := strings.Cut(r, " ")
		known[oid] = name
	}
	for _, s := range st.Statements {
		if _, err := tx.ExecContext(w.Context(), s.SQL); err != nil {
			return fmt.Errorf("%w\n%s", err, s.SQL)
		}
	}
	var held []plan.Lock
	for _, l := range w.rows(tx, `SELECT mode || ' ' || relation FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'relation'
		AND mode NOT IN ('AccessShareLock', 'RowShareLock')`) {
		mode, oid, _ := strings.Cut(l, " ")
		i := slices.IndexFunc(lockModes, func(m struct{ held, name string }) bool { return m.held == mode })
		if name := known[oid]; name != "" && !strings.HasPrefix(name, "_migrate_") && (!indexes[name] || name == st.Lock.Object) {
			held = append(held, plan.Lock{Mode: lockModes[i].name, Object: known[oid]})
		}
	}
	top, also := strongest(held)
	if err := tx.Commit(); err != nil {
		return err
	}
	told, told2 := strongest(append([]plan.Lock{st.Lock}, st.AlsoLocks...))
	if diff := gocmp.Diff(append([]plan.Lock{told}, told2...), append([]plan.Lock{top}, also...)); diff != "" {
		return fmt.Errorf("the locks are not those of the plan (-plan +held):\n%s", diff)
	}
	if diff := gocmp.Diff(files, w.files()); diff != "" && st.Work == plan.Metadata && !strings.Contains(st.SQL, "SEQUENCE") && !strings.Contains(st.SQL, "setval") && !strings.Contains(st.SQL, "CREATE") && !strings.Contains(st.SQL, "RENAME") {
		return fmt.Errorf("something was written anew (-before +after):\n%s", diff)
	}
	return nil
}

func (w *world) rows(q interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
}, query string,
) []string {
	w.Helper()
	rows, err := q.QueryContext(w.Context(), query)
	if err != nil {
		w.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	var out []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			w.Fatal(err)
		}
		out = append(out, s)
	}
	if err := rows.Err(); err != nil {
		w.Fatal(err)
	}
	return out
}

func (w *world) files() []string {
	return w.rows(w.session.DB(), `SELECT oid::regclass || ' ' || relfilenode FROM pg_class WHERE relnamespace IN ('public'::regnamespace, 'app'::regnamespace) ORDER BY 1`)
}

// world is everything that objectCases change, as the inspector sees it, and
// what there is besides.
func (w *world) world() []string {
	w.Helper()
	refs := planner.References{Tables: []planner.Ref{{Name: "t"}, {Name: "u"}}}
	t := planner.Ref{Name: "t"}
	for kind, of := range map[string][]string{
		kindView: {"v", "below", "above", "w"}, kindMatview: {"m", "n"}, kindFunction: {"f", "tf", "p"}, kindType: {"mood"}, kindDomain: {"short", "unused"},
		kindSequence: {"s"}, kindStatistics: {"st"}, kindSchema: {"app"}, kindPublication: {"pub"}, kindIndex: {"t_name"}, kindExtension: {"citext"},
	} {
		for _, name := range of {
			refs.Objects = append(refs.Objects, planner.ObjectRef{Kind: kind, Ref: planner.Ref{Name: name}})
		}
	}
	for _, o := range []planner.ObjectRef{
		{Kind: kindTrigger, Ref: planner.Ref{Name: "tr"}},
		{Kind: kindTrigger, Ref: planner.Ref{Name: "off"}},
		{Kind: kindPolicy, Ref: planner.Ref{Name: "pol"}},
		{Kind: kindComment},
		{Kind: kindComment, Detail: "column name"},
		{Kind: kindComment, Detail: "constraint t_note"},
		{Kind: kindPrivileges},
		{Kind: kindTableSetting},
		{Kind: kindColumn, Detail: "column name"},
		{Kind: kindColumn, Detail: "column note"},
		{Kind: kindColumn, Detail: "column price"},
	} {
		o.On = t
		refs.Objects = append(refs.Objects, o)
	}
	refs.Objects = append(refs.Objects,
		planner.ObjectRef{Kind: kindRule, Ref: planner.Ref{Name: "rul"}, On: planner.Ref{Name: "u"}},
		planner.ObjectRef{Kind: kindPrivileges, Ref: planner.Ref{Schema: "app", Name: "*"}, Detail: "all table"},
		planner.ObjectRef{Kind: kindDefaults, Ref: planner.Ref{Schema: "app", Name: "table"}}, planner.ObjectRef{Kind: kindDefaults, Ref: planner.Ref{Name: "function"}},
	)
	s, err := w.session.Inspect(w.Context(), refs)
	if err != nil {
		w.Fatal(err)
	}
	out := w.rows(w.session.DB(), `
		SELECT 'relation ' || oid::regclass || ' ' || relkind::text || coalesce(obj_description(oid, 'pg_class'), '') FROM pg_class WHERE relnamespace IN ('public'::regnamespace, 'app'::regnamespace)
		UNION ALL SELECT 'function ' || oid::regprocedure FROM pg_proc WHERE pronamespace = 'public'::regnamespace
		UNION ALL SELECT 'type ' || oid::regtype FROM pg_type WHERE typnamespace = 'public'::regnamespace
		UNION ALL SELECT 'schema ' || nspname FROM pg_namespace WHERE nspname NOT LIKE 'pg\_%'
		UNION ALL SELECT 'trigger ' || tgname FROM pg_trigger WHERE NOT tgisinternal
		UNION ALL SELECT 'policy ' || polname FROM pg_policy
		UNION ALL SELECT 'statistics ' || stxname FROM pg_statistic_ext
		UNION ALL SELECT 'extension ' || extname FROM pg_extension
		UNION ALL SELECT 'collation ' || collname FROM pg_collation WHERE collnamespace = 'public'::regnamespace
		UNION ALL SELECT 'publication ' || pubname FROM pg_publication
		UNION ALL SELECT 'ACL ' || oid::regclass || (SELECT string_agg(g::text, ' ' ORDER BY g::text) FROM aclexplode(coalesce(relacl, acldefault('r', relowner))) g)
			FROM pg_class WHERE relnamespace = 'app'::regnamespace
		ORDER BY 1`)
	for _, o := range s.Objects {
		text, err := json.Marshal(o)
		if err != nil {
			w.Fatal(err)
		}
		out = append(out, string(text))
	}
	slices.SortStableFunc(out, cmp.Compare[string])
	return out
}
