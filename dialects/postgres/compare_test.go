package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/expandcontract/migrate/integration/servers"
	"github.com/expandcontract/migrate/planner"
)

// changes of type and what Compare says of them. Free ones are watched on the
// server: see TestFreeIsFree.
var typeChanges = []struct {
	from, to string
	want     planner.TypeKind
}{
	{"integer", "int4", planner.TypeSame},
	{"character varying(20)", "varchar(20)", planner.TypeSame},
	{"timestamp with time zone", "timestamptz", planner.TypeSame},
	{"numeric(10,2)", "decimal(10, 2)", planner.TypeSame},
	{"character varying(20)", "varchar(60)", planner.TypeFree},
	{"character varying(20)", "varchar", planner.TypeFree},
	{"character varying(20)", "text", planner.TypeFree},
	{"text", "varchar", planner.TypeFree},
	{"numeric(10,2)", "numeric(12,2)", planner.TypeFree},
	{"numeric(10)", "numeric(12)", planner.TypeFree},
	{"numeric(10,2)", "numeric", planner.TypeFree},
	{"bit varying(5)", "varbit(9)", planner.TypeFree},
	{"bit varying(5)", "varbit", planner.TypeFree},
	{"timestamp(3) without time zone", "timestamp(6)", planner.TypeFree},
	{"timestamp(3) with time zone", "timestamptz", planner.TypeFree},
	{"time(0) without time zone", "time(3)", planner.TypeFree},
	{"cidr", "inet", planner.TypeFree},
	{"smallint", "int", planner.TypeCompatible},
	{"smallint", "bigint", planner.TypeCompatible},
	{"integer", "bigint", planner.TypeCompatible},
	{"real", "float8", planner.TypeCompatible},
	{"interval(3)", "interval(6)", planner.TypeFree},
	{"interval(3)", "interval", planner.TypeFree},
	{"interval day to second(3)", "interval", planner.TypeFree},
	{"interval year to month", "interval", planner.TypeFree},
	{"time(2) with time zone", "timetz(4)", planner.TypeFree},
	{"text", `text COLLATE "C"`, planner.TypeFree},
	{"character varying(20)", `varchar(40) COLLATE "C"`, planner.TypeFree},
	{"integer", "whole", planner.TypeFree},
	{"whole", "integer", planner.TypeFree},
	{"positive", "integer", planner.TypeFree},
	{"label", "text", planner.TypeFree},
	{"character varying(10)", "label", planner.TypeFree},
	{"bigint", "integer", planner.TypeCompatible},
	{"integer", "smallint", planner.TypeCompatible},
	{"character varying(20)", "varchar(10)", planner.TypeCompatible},
	{"character varying", "varchar(10)", planner.TypeCompatible},
	{"text", "varchar(10)", planner.TypeCompatible},
	{"numeric(10,2)", "numeric(12,4)", planner.TypeCompatible},
	{"numeric(10,2)", "numeric(8,2)", planner.TypeCompatible},
	{"numeric(10,4)", "numeric(8,2)", planner.TypeCompatible},
	{"numeric", "numeric(8,2)", planner.TypeCompatible},
	{"integer", "positive", planner.TypeIncompatible},
	{"integer", "numeric", planner.TypeIncompatible},
	{"numeric", "integer", planner.TypeIncompatible},
	{"double precision", "real", planner.TypeIncompatible},
	{"numeric(10,2)", "numeric(11,4)", planner.TypeIncompatible},
	{"bit(5)", "bit(9)", planner.TypeIncompatible},
	{"timestamp with time zone", "timestamp", planner.TypeIncompatible},
	{"interval(6)", "interval(3)", planner.TypeIncompatible},
	{"jsonb", "json", planner.TypeIncompatible},
	{"character(5)", "char(9)", planner.TypeIncompatible},
	{"character(5)", "text", planner.TypeIncompatible},
	{"timestamp without time zone", "timestamptz", planner.TypeIncompatible},
	{"timestamp(6) without time zone", "timestamp(3)", planner.TypeIncompatible},
	{"inet", "cidr", planner.TypeIncompatible},
	{"integer", "text", planner.TypeIncompatible},
	{"text[]", "varchar[]", planner.TypeIncompatible},
	{"json", "jsonb", planner.TypeIncompatible},
}

// typeDomains are the domains among them.
const typeDomains = `CREATE DOMAIN whole AS int; CREATE DOMAIN positive AS int CHECK (VALUE > 0); CREATE DOMAIN label AS varchar(20)`

func compare(from, to string) planner.TypeChange {
	s := &planner.Schema{Path: []string{"public"}, Facts: map[string]string{
		factDomains: "positive", factBases: "whole=integer; positive=integer; label=character varying(20)", factLoose: "loose",
	}}
	return Dialect{}.Compare(s, planner.Column{Name: "c", Type: from}, to)
}

func TestCompare(t *testing.T) {
	t.Parallel()
	for _, tc := range typeChanges {
		got := compare(tc.from, tc.to)
		if got.Kind != tc.want {
			t.Errorf("%s to %s is %s (%s), want %s", tc.from, tc.to, got.Kind, got.Why, tc.want)
		}
		if got.Why == "" || got.Canonical == "" {
			t.Errorf("%s to %s: why %q, canonical %q", tc.from, tc.to, got.Why, got.Canonical)
		}
		if converts := !got.Up.IsZero() && !got.Down.IsZero(); tc.want == planner.TypeCompatible && !converts || tc.want == planner.TypeIncompatible && converts {
			t.Errorf("%s to %s: up %v, down %v", tc.from, tc.to, got.Up, got.Down)
		}
	}
	collated := planner.Column{Name: "c", Type: "character varying(5)", Collation: "C"}
	for to, want := range map[string]planner.TypeKind{
		`varchar(9) COLLATE "C"`:     planner.TypeFree,
		"varchar(9)":                 planner.TypeFree, // back to the default collation
		`varchar(9) COLLATE "loose"`: planner.TypeIncompatible,
		"no such (":                  planner.TypeIncompatible,
	} {
		if got := (Dialect{}).Compare(&planner.Schema{Facts: map[string]string{factLoose: "other; loose"}}, collated, to); got.Kind != want {
			t.Errorf("a collated column to %s is %s (%s), want %s", to, got.Kind, got.Why, want)
		}
	}
	mood := planner.Column{Name: "c", Type: "mood"}
	if got := (Dialect{}).Compare(&planner.Schema{Path: []string{"public"}}, mood, "public.mood"); got.Kind != planner.TypeSame {
		t.Errorf("a type with the schema that the search path finds is %s", got.Kind)
	}
}

// TestTypeFacts runs each change as it stands on a table with rows and indexes,
// and compares what the server says that it does with what Compare says: free is
// neither a rewrite nor, unless Compare says so, a build of an index; what needs
// a shadow is a rewrite. The lock is ACCESS EXCLUSIVE throughout.
func TestTypeFacts(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, db *servers.Database) {
		pool := db.Open(t)
		run(t, pool, typeDomains)
		for i, tc := range typeChanges {
			table := fmt.Sprintf("t%d", i)
			run(t, pool, fmt.Sprintf("CREATE TABLE %[1]s (c %[2]s, d int); INSERT INTO %[1]s (d) SELECT generate_series(1, 100)", table, tc.from))
			if tc.from != "json" && tc.to != "json" {
				run(t, pool, fmt.Sprintf("CREATE INDEX ON %[1]s (c DESC, d); CREATE INDEX ON %[1]s (d) INCLUDE (c)", table))
			}
			if strings.HasPrefix(tc.from, "character varying") {
				run(t, pool, fmt.Sprintf(`CREATE INDEX ON %[1]s (c varchar_pattern_ops); CREATE INDEX ON %[1]s USING hash (c);
					ALTER TABLE %[1]s ADD UNIQUE (c); CREATE TABLE child_%[1]s (c %[2]s REFERENCES %[1]s (c))`, table, tc.from))
			}
			got := compare(tc.from, tc.to)
			said, lock, err := watched(t, db, table, fmt.Sprintf("ALTER TABLE %s ALTER c TYPE %s", table, tc.to))
			if err != nil && got.Kind == planner.TypeIncompatible {
				continue // not even the server can
			}
			if err != nil {
				t.Errorf("%s to %s: %v", tc.from, tc.to, err)
				continue
			}
			rewrites, builds := strings.Contains(said, "rewriting table"), strings.Contains(said, `building index "t`)
			switch got.Kind {
			case planner.TypeSame, planner.TypeFree:
				if rewrites || builds != got.Reindexes {
					t.Errorf("%s to %s is called %s, reindexes %t, and the server does:\n%s", tc.from, tc.to, got.Kind, got.Reindexes, said)
				}
			case planner.TypeCompatible:
				if !rewrites {
					t.Errorf("%s to %s gets a shadow, and the server would not write the table anew:\n%s", tc.from, tc.to, said)
				}
			case planner.TypeIncompatible:
			}
			if lock != "AccessExclusiveLock" {
				t.Errorf("%s to %s takes %s", tc.from, tc.to, lock)
			}
			typ := text(t, pool, "SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attname = 'c' AND attrelid = '"+table+"'::regclass")
			if plain, _, _ := strings.Cut(got.Canonical, " COLLATE "); typ != plain {
				t.Errorf("%s to %s: the server calls it %s, we %s", tc.from, tc.to, typ, plain)
			}
		}
	})
}

// watched runs a statement and returns what the server says that it does, and
// the strongest lock that it takes on a table.
func watched(t *testing.T, db *servers.Database, table, statement string) (said, lock string, err error) {
	t.Helper()
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
	if _, err := conn.Exec(t.Context(), "BEGIN; SET LOCAL client_min_messages = debug1; "+statement); err != nil {
		return "", "", err
	}
	err = conn.QueryRow(t.Context(), `SELECT mode FROM pg_locks WHERE pid = pg_backend_pid() AND relation = $1::regclass AND granted
		ORDER BY mode = 'AccessExclusiveLock' DESC LIMIT 1`, table).Scan(&lock)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), "COMMIT"); err != nil {
		t.Fatal(err)
	}
	return strings.Join(notices, "\n"), lock, nil
}

// TestIndexFacts: which indexes, checks and foreign keys a longer varchar costs.
func TestIndexFacts(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, db *servers.Database) {
		pool := db.Open(t)
		for i, tc := range []struct{ with, says string }{
			{"CREATE INDEX %[1]s_i ON %[1]s (lower(c))", "building index"},
			{"CREATE INDEX %[1]s_i ON %[1]s (d) WHERE c <> ''", "building index"},
			{"ALTER TABLE %s ADD CHECK (c <> 'x')", "verifying table"},
			{"ALTER TABLE %s ADD CHECK (c <> 'x') NOT VALID", ""},
			{"CREATE TABLE p_%[1]s (c varchar(40) PRIMARY KEY); ALTER TABLE %[1]s ADD FOREIGN KEY (c) REFERENCES p_%[1]s", ""},
			{"ALTER TABLE %s ADD EXCLUDE USING btree (c WITH =)", ""},
			{"CREATE STATISTICS st_%[1]s ON c, d FROM %[1]s", ""},
		} {
			table := fmt.Sprintf("f%d", i)
			run(t, pool, fmt.Sprintf("CREATE TABLE %s (c varchar(20), d int); ", table)+fmt.Sprintf(tc.with, table))
			said, _, err := watched(t, db, table, "ALTER TABLE "+table+" ALTER c TYPE varchar(40)")
			if err != nil {
				t.Fatal(err)
			}
			does := ""
			for _, work := range []string{"rewriting table", "building index", "verifying table", "validating foreign key"} {
				if strings.Contains(said, work) {
					does = work
				}
			}
			if does != tc.says {
				t.Errorf("with %s the server does %q, want %q", tc.with, does, tc.says)
			}
		}
	})
}

// TestDownNeverFails converts extreme values down and up again.
func TestDownNeverFails(t *testing.T) {
	t.Parallel()
	pool := servers.Fresh(t, servers.Postgres).Open(t)
	for from, values := range map[string][]string{
		"smallint int":                {"2147483647", "-2147483648", "32768", "7"},
		"smallint bigint":             {"9223372036854775807", "-9223372036854775808", "-32769"},
		"integer bigint":              {"9223372036854775807", "-9223372036854775808", "2147483648", "-7"},
		"numeric(10,2) numeric(12,4)": {"'NaN'", "99999999.9999", "-99999999.9999", "1.005", "0", "-0.0001"},
		"varchar(3) text":             {"'abcdef'", "''", "'äöüß'", "'ab   '"},
		"real float8":                 {"'NaN'", "'Infinity'", "'-Infinity'", "1e308", "-1e308", "1e-300", "-1e-320", "0", "1.5", "1e-45", "3.4028236e38", "5e-324"},
	} {
		old, wide, _ := strings.Cut(from, " ")
		if old == "varchar(3)" {
			old = "character varying(3)"
		}
		c := compare(old, wide)
		for _, v := range append(values, "NULL") {
			value := func(string) string { return "(" + v + ")::" + c.Canonical }
			down := c.Down.SQL(value)
			if got := text(t, pool, "SELECT coalesce(("+down+")::text, 'NULL')"); (got == "NULL") != (v == "NULL") {
				t.Errorf("%s of %s is %s", from, v, got)
			}
			up := c.Up.SQL(func(string) string { return "(" + down + ")" })
			again := c.Down.SQL(func(string) string { return "(" + up + ")" })
			if text(t, pool, "SELECT coalesce(("+down+")::text, 'NULL')") != text(t, pool, "SELECT coalesce(("+again+")::text, 'NULL')") {
				t.Errorf("%s of %s is not stable: %s", from, v, down)
			}
		}
	}
}

func TestSameDefault(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		a, b string
		want bool
	}{
		{"", "", true},
		{"'x'", "", false},
		{"'x'", "'x'::text", true},
		{"'x'::character varying", "'x'", true},
		{"5", "'5'::bigint", true},
		{"-1", "'-1'::integer", true},
		{"true", "'true'::boolean", true},
		{"now()", "CURRENT_TIMESTAMP", true},
		{"nextval('a_seq')", "nextval('a_seq'::regclass)", true},
		{"'x'", "'X'", false},
		{"1", "2", false},
		{"now()", "clock_timestamp()", false},
	} {
		if got := (Dialect{}).SameDefault(expr(t, tc.a), expr(t, tc.b)); got != tc.want {
			t.Errorf("%q and %q: same is %t", tc.a, tc.b, got)
		}
	}
}

// expr reads an expression over a table t; empty for none.
func expr(t testing.TB, text string) planner.Expr {
	t.Helper()
	if text == "" {
		return planner.Expr{}
	}
	e, err := scope{table: planner.Ref{Name: "t"}}.readExpression(text)
	if err != nil {
		t.Fatalf("reading %s: %v", text, err)
	}
	return e
}

func run(t testing.TB, db *sql.DB, script string) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), script); err != nil {
		t.Fatalf("running %s: %v", script, err)
	}
}

// text asks for one value.
func text(t testing.TB, db *sql.DB, query string, args ...any) string {
	t.Helper()
	var s sql.NullString
	if err := db.QueryRowContext(t.Context(), query, args...).Scan(&s); err != nil {
		t.Fatalf("asking %s: %v", query, err)
	}
	return s.String
}
