package postgres

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"

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
	{"bigint", "integer", planner.TypeIncompatible},
	{"character varying(20)", "varchar(10)", planner.TypeIncompatible},
	{"character varying", "varchar(10)", planner.TypeIncompatible},
	{"text", "varchar(10)", planner.TypeIncompatible},
	{"character(5)", "char(9)", planner.TypeIncompatible},
	{"character(5)", "text", planner.TypeIncompatible},
	{"numeric(10,2)", "numeric(12,4)", planner.TypeIncompatible},
	{"numeric(10,2)", "numeric(8,2)", planner.TypeIncompatible},
	{"timestamp without time zone", "timestamptz", planner.TypeIncompatible},
	{"timestamp(6) without time zone", "timestamp(3)", planner.TypeIncompatible},
	{"inet", "cidr", planner.TypeIncompatible},
	{"integer", "text", planner.TypeIncompatible},
	{"text[]", "varchar[]", planner.TypeIncompatible},
	{"text", `text COLLATE "C"`, planner.TypeIncompatible},
	{"json", "jsonb", planner.TypeIncompatible},
}

func compare(from, to string) planner.TypeChange {
	return Dialect{}.Compare(&planner.Schema{Path: []string{"public"}}, planner.Column{Name: "c", Type: from}, to)
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
		if converts := !got.Up.IsZero() && !got.Down.IsZero(); converts != (tc.want == planner.TypeCompatible) {
			t.Errorf("%s to %s: up %v, down %v", tc.from, tc.to, got.Up, got.Down)
		}
	}
	collated := planner.Column{Name: "c", Type: "character varying(5)", Collation: "C"}
	for to, want := range map[string]planner.TypeKind{
		`varchar(9) COLLATE "C"`: planner.TypeFree,
		"varchar(9)":             planner.TypeIncompatible, // would fall back to the default collation
		"no such (":              planner.TypeIncompatible,
	} {
		if got := (Dialect{}).Compare(&planner.Schema{}, collated, to); got.Kind != want {
			t.Errorf("a collated column to %s is %s (%s), want %s", to, got.Kind, got.Why, want)
		}
	}
	mood := planner.Column{Name: "c", Type: "mood"}
	if got := (Dialect{}).Compare(&planner.Schema{Path: []string{"public"}}, mood, "public.mood"); got.Kind != planner.TypeSame {
		t.Errorf("a type with the schema that the search path finds is %s", got.Kind)
	}
}

// TestFreeIsFree runs each change that Compare calls free on a table with rows
// and an index, and watches that neither is written anew.
func TestFreeIsFree(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, db *servers.Database) {
		pool := db.Open(t)
		free := 0
		for i, tc := range typeChanges {
			if tc.want != planner.TypeFree {
				continue
			}
			free++
			table := fmt.Sprintf("free%d", i)
			run(t, pool, fmt.Sprintf("CREATE TABLE %s (c %s, d int); INSERT INTO %s (d) SELECT generate_series(1, 100); CREATE INDEX ON %s (c, d)", table, tc.from, table, table))
			files := "SELECT string_agg(pg_relation_filenode(oid)::text, ',' ORDER BY oid) FROM pg_class WHERE relname LIKE '" + table + "%'"
			before := text(t, pool, files)
			run(t, pool, fmt.Sprintf("ALTER TABLE %s ALTER c TYPE %s", table, compare(tc.from, tc.to).Canonical))
			if after := text(t, pool, files); after != before {
				t.Errorf("%s to %s: the files of table and index change from %s to %s", tc.from, tc.to, before, after)
			}
			typ := text(t, pool, "SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attname = 'c' AND attrelid = '"+table+"'::regclass")
			if typ != compare(tc.from, tc.to).Canonical {
				t.Errorf("%s to %s: the server calls it %s, we %s", tc.from, tc.to, typ, compare(tc.from, tc.to).Canonical)
			}
		}
		if free == 0 {
			t.Error("no free change was tried")
		}
	})
}

// TestDownNeverFails converts extreme values down and up again.
func TestDownNeverFails(t *testing.T) {
	t.Parallel()
	pool := servers.Fresh(t, servers.Postgres).Open(t)
	for from, values := range map[string][]string{
		"smallint int":    {"2147483647", "-2147483648", "32768", "7"},
		"smallint bigint": {"9223372036854775807", "-9223372036854775808", "-32769"},
		"integer bigint":  {"9223372036854775807", "-9223372036854775808", "2147483648", "-7"},
		"real float8":     {"'NaN'", "'Infinity'", "'-Infinity'", "1e308", "-1e308", "1e-300", "-1e-320", "0", "1.5", "1e-45", "3.4028236e38", "5e-324"},
	} {
		old, wide, _ := strings.Cut(from, " ")
		c := compare(old, wide)
		for _, v := range values {
			value := func(string) string { return "(" + v + ")::" + c.Canonical }
			down := c.Down.SQL(value)
			text(t, pool, "SELECT ("+down+")::text")
			up := c.Up.SQL(func(string) string { return "(" + down + ")" })
			again := c.Down.SQL(func(string) string { return "(" + up + ")" })
			if text(t, pool, "SELECT ("+down+")::text") != text(t, pool, "SELECT ("+again+")::text") {
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
