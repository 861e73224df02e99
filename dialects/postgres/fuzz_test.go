package postgres

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/expandcontract/migrate/planner"
)

// FuzzParse: whatever the text, parsing neither panics nor places anything
// outside it, and what it gives can be lowered or is refused.
func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/parse/*", "../../examples/changes/postgres/*/migration.sql"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			f.Fatalf("no seeds in %s: %v", pattern, err)
		}
		for _, name := range files {
			text, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(string(text))
			for part := range strings.SplitSeq(string(text), ";") {
				f.Add(part)
			}
		}
	}
	for _, s := range []string{"", "\x00", "\xff", "SELECT '", "/*", "$$", "(((((", "ALTER TABLE t ADD a int DEFAULT (" + strings.Repeat("(", 600), "UPDATE t SET a = b.*", "--\n;", "SELECT 1 /* ü */ ;;-- x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, src string) {
		s, err := Dialect{}.Parse(src)
		if err != nil {
			placed(t, src, err)
			return
		}
		at := 0
		for _, st := range s.Statements {
			if st.Start < at || st.End < st.Start || st.End > len(src) || src[st.Start:st.End] != st.SQL {
				t.Fatalf("the statement %q is said to stand at %d-%d after %d", st.SQL, st.Start, st.End, at)
			}
			at = st.End
			if len(st.Changes) == 0 {
				t.Fatalf("the statement %q changes nothing", st.SQL)
			}
			for _, c := range st.Changes {
				reads(t, c)
			}
		}
		for _, c := range s.Comments {
			if !strings.HasPrefix(src[c.TextStart:], c.Text) {
				t.Fatalf("the comment %q is said to stand at %d", c.Text, c.TextStart)
			}
		}
	})
}

// reads checks that an expression can be read again, over the same columns.
func reads(t *testing.T, c planner.Change) {
	t.Helper()
	u, ok := c.(planner.UpdateRows)
	if !ok {
		return
	}
	for _, a := range u.Set {
		text := a.Expr.SQL(quote)
		again, err := scope{table: u.Table}.readExpression(text)
		if err != nil || again.SQL(quote) != text {
			t.Fatalf("the expression %q reads as %q: %v", text, again.SQL(quote), err)
		}
	}
}

// TestDeepNesting: what would exhaust the grammar's stack is refused before.
func TestDeepNesting(t *testing.T) {
	t.Parallel()
	for what, src := range map[string]string{
		"operators": "SELECT " + strings.Repeat("1+", 200_000) + "1",
		"NOT":       "UPDATE t SET a = " + strings.Repeat("NOT ", 100_000) + "b",
		"brackets":  "SELECT " + strings.Repeat("(", 100_000) + "1" + strings.Repeat(")", 100_000),
		"calls":     "SELECT 1, " + strings.Repeat("f(1, ", 100_000) + "1" + strings.Repeat(")", 100_000),
		"unions":    strings.Repeat("SELECT 1 UNION ", 100_000) + "SELECT 1",
	} {
		if _, err := (Dialect{}).Parse(src); err == nil {
			t.Errorf("%s nested 100,000 times are read", what)
		}
	}
	values := "INSERT INTO t VALUES (1" + strings.Repeat("), (1 + 1, 'x'", 20_000) + ")"
	if _, err := (Dialect{}).Parse(values); err != nil {
		t.Errorf("a long list is taken for deep nesting: %v", err)
	}
	sum := "UPDATE t SET a = " + strings.Repeat("b || ", 200) + "c"
	if s, err := (Dialect{}).Parse(sum); err != nil || !strings.HasPrefix(showChange(s.Statements[0].Changes[0]), "update") {
		t.Errorf("a sum of 200 is not read: %v", err)
	}
}

// FuzzParseAssign likewise.
func FuzzParseAssign(f *testing.F) {
	for _, s := range []string{"a.b = c", `"a"."b"."c" = d || 'x'`, "a.b = (SELECT 1)", "a.b=", "=", "a.b = 1; DROP TABLE x", "a.b = 1) --", "a.b = $1", "é.b = c +"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, src string) {
		_, a, err := Dialect{}.ParseAssign(src)
		if err != nil {
			placed(t, src, err)
			return
		}
		if a.Column == "" || a.Expr.IsZero() {
			t.Fatalf("%q assigns %+v", src, a)
		}
	})
}

func placed(t *testing.T, src string, err error) {
	t.Helper()
	var se *planner.SyntaxError
	if !errors.As(err, &se) || se.Offset < 0 || se.Offset > len(src) || se.Message == "" {
		t.Fatalf("%q fails without a place: %#v", src, err)
	}
}
