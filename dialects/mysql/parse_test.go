package mysql

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/expandcontract/migrate/planner"
)

// TestParse reads testdata/parse: a migration in, its changes out.
//
//	parse [mariadb]     a script
//	assign [mariadb]    the body of a directive
//	expr [mariadb]      an expression over table t
func TestParse(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"testdata/parse", "testdata/parse_more", "testdata/parse_compound"} {
		datadriven.RunTest(t, file, parseCase)
	}
}

func parseCase(t *testing.T, td *datadriven.TestData) string {
	t.Helper()
	d := &dialect{maria: td.HasArg("mariadb")}
	var out string
	switch td.Cmd {
	case "parse":
		out = dumpScript(d, td.Input)
	case "assign":
		ref, a, err := d.ParseAssign(td.Input)
		if err != nil {
			out = dumpError(td.Input, err)
		} else {
			out = ref.String() + " " + dumpAssign(a) + "\n"
		}
	case "expr":
		e, err := d.parseExprOf(td.Input, "t")
		if err != nil {
			out = "error: " + err.Error() + "\n"
		} else {
			out = dumpExpr(e) + "\n"
		}
	default:
		t.Fatalf("unknown command %s", td.Cmd)
	}
	return out
}

// parseExprOf reads an expression over a table.
func (d *dialect) parseExprOf(text, table string) (planner.Expr, error) {
	_, a, err := d.ParseAssign(table + ".x = " + text)
	return a.Expr, err
}

func dumpScript(d *dialect, src string) string {
	script, err := d.Parse(src)
	if err != nil {
		return dumpError(src, err)
	}
	var b strings.Builder
	for _, c := range script.Comments {
		fmt.Fprintf(&b, "comment %d+%d %q\n", c.Start, c.TextStart-c.Start, c.Text)
	}
	for _, st := range script.Statements {
		fmt.Fprintf(&b, "%d-%d\n", st.Start, st.End)
		for _, c := range st.Changes {
			fmt.Fprintf(&b, "  %s\n", dumpChange(c))
		}
	}
	return b.String()
}

func dumpError(src string, err error) string {
	var se *planner.SyntaxError
	if !errors.As(err, &se) {
		return "error: " + err.Error() + "\n"
	}
	return fmt.Sprintf("syntax error at %d, before %.12q: %s\n", se.Offset, src[se.Offset:], se.Message)
}

func dumpExpr(e planner.Expr) string {
	out := e.SQL(func(c string) string { return "{" + c + "}" })
	for flag, on := range map[string]bool{"subquery": e.Subquery} {
		if on {
			out += " " + flag
		}
	}
	switch {
	case e.Volatile:
		out += " volatile"
	case e.Stable:
		out += " stable"
	}
	if e.MaybeNull {
		return out + " maybe-null"
	}
	if len(e.NullInputs) > 0 {
		out += " null-with " + strings.Join(e.NullInputs, ",")
	}
	return out
}

func dumpAssign(a planner.Assign) string { return a.Column + " = " + dumpExpr(a.Expr) }

func dumpColumn(c planner.ColumnDef) string {
	out := fmt.Sprintf("%s %q", c.Name, c.Type)
	if c.NotNull {
		out += " not-null"
	}
	if !c.Default.IsZero() {
		out += " default " + dumpExpr(c.Default)
	}
	if c.Comment != "" {
		out += fmt.Sprintf(" comment %q", c.Comment)
	}
	if c.Rest != "" {
		out += " rest " + c.Rest
	}
	return out
}

func dumpChange(c planner.Change) string {
	kind := strings.TrimPrefix(fmt.Sprintf("%T", c), "planner.")
	switch c := c.(type) {
	case planner.CreateTable:
		return fmt.Sprintf("%s %s if-not-exists=%t %q", kind, c.Table, c.IfNotExists, c.SQL)
	case planner.DropTable:
		return fmt.Sprintf("%s %s if-exists=%t", kind, c.Table, c.IfExists)
	case planner.AddColumn:
		return fmt.Sprintf("%s %s %s", kind, c.Table, dumpColumn(c.Column))
	case planner.DropColumn:
		return fmt.Sprintf("%s %s %s", kind, c.Table, c.Column)
	case planner.RenameColumn:
		return fmt.Sprintf("%s %s %s -> %s", kind, c.Table, c.From, c.To)
	case planner.RedefineColumn:
		return fmt.Sprintf("%s %s %s as %s", kind, c.Table, c.From, dumpColumn(c.Column))
	case planner.SetDefault:
		return fmt.Sprintf("%s %s %s %s", kind, c.Table, c.Column, dumpExpr(c.Default))
	case planner.DropDefault:
		return fmt.Sprintf("%s %s %s", kind, c.Table, c.Column)
	case planner.UpdateRows:
		out := fmt.Sprintf("%s %s", kind, c.Table)
		for _, a := range c.Set {
			out += "; " + dumpAssign(a)
		}
		if !c.Where.IsZero() {
			out += "; where " + dumpExpr(c.Where)
		}
		return out
	case planner.CreateIndex:
		return fmt.Sprintf("%s %s %s unique=%t on %s: %s", kind, c.Table, c.Name, c.Unique, strings.Join(c.Columns, ","), c.SQL)
	case planner.DropIndex:
		return fmt.Sprintf("%s %s %s", kind, c.Table, c.Name)
	case planner.AddCheck:
		return fmt.Sprintf("%s %s %q %s", kind, c.Table, c.Name, dumpExpr(c.Check))
	case planner.Opaque:
		return fmt.Sprintf("%s %s: %s", kind, c.What, c.Reason)
	case planner.Direct:
		return fmt.Sprintf("%s %s, %s %s%s of %q: %s", kind, c.Effect, c.Object.Kind, c.Object.Ref.Name, c.Object.Detail, c.Object.On.Name, c.SQL)
	case planner.RenameTable:
		return fmt.Sprintf("%s %s to %s", kind, c.Table, c.To)
	case planner.AddConstraint:
		return fmt.Sprintf("%s %s %q cascades=%v: %s", kind, c.Table, c.Name, c.Cascades, c.SQL)
	case planner.DropConstraint:
		return fmt.Sprintf("%s %s %s %s if-exists=%v", kind, c.Table, c.Kind, c.Name, c.IfExists)
	case planner.InsertRows:
		return fmt.Sprintf("%s %s %v", kind, c.Table, c.Columns)
	case planner.DeleteRows:
		return fmt.Sprintf("%s %s where %s", kind, c.Table, dumpExpr(c.Where))
	case planner.Ignored:
		return fmt.Sprintf("%s %s [%s]", kind, c.What, c.Rule)
	}
	return kind
}

// What would exhaust a stack is refused, or read.
func TestParseBounds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ src, want string }{
		{"UPDATE t SET a = " + strings.Repeat("(", 600) + "1" + strings.Repeat(")", 600), "nested too deeply"},
		{"UPDATE t SET a = " + strings.Repeat("1+", 150_000) + "1", "too long"},
		{"UPDATE t SET a = " + strings.Repeat("NOT ", 250_000) + "1", "too long"},
		{"UPDATE t SET a = " + strings.Repeat("1+", 90_000) + "1", ""},
		{"UPDATE t SET a = " + strings.Repeat("(", 400) + "1" + strings.Repeat(")", 400), ""},
		{"UPDATE t SET a = " + strings.Repeat("- ", 90_000) + "1", ""},
	} {
		_, err := (&dialect{}).Parse(c.src)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.40s…: %v, not %q", c.src, err, c.want)
		}
	}
}

// FuzzParse: no input makes the parser panic, and every place it tells lies
// within the source, in order.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("../../examples/changes/mysql/*/*.sql")
	if err != nil || len(files) == 0 {
		f.Fatalf("no examples to start from: %v", err)
	}
	for _, name := range files {
		src, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(src), false)
	}
	for _, src := range []string{
		"", ";;", "/*!80000 SELECT */ 1", "/*! x", "/* x", "'", "`a", "-- ", "#", "DELIMITER //", "DELIMITER $$\nCREATE PROCEDURE p() BEGIN END$$",
		"CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW l: LOOP IF a THEN CASE 1 WHEN 2 THEN BEGIN END; END CASE; END IF; END LOOP; ;",
		"UPDATE t SET a = (SELECT 1)",
		"ALTER TABLE t ADD COLUMN (a int, b int), ADD CHECK (a > 0)", "CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW SET NEW.a = 1",
		"UPDATE t SET a = b'1' || x'ff' + -1e5 <=> INTERVAL(1, 2)", "ALTER TABLE t ADD INDEX ((a + 1), b(3) DESC)", "SELECT '\\'", "\xff\xfe",
	} {
		f.Add(src, true)
	}
	f.Fuzz(func(t *testing.T, src string, maria bool) {
		d := &dialect{maria: maria}
		script, err := d.Parse(src)
		var se *planner.SyntaxError
		if errors.As(err, &se) {
			if se.Offset < 0 || se.Offset > len(src) {
				t.Fatalf("the error is at %d of %d", se.Offset, len(src))
			}
			return
		}
		if err != nil {
			t.Fatalf("an error without a place: %v", err)
		}
		end := 0
		for _, st := range script.Statements {
			if st.Start < end || st.End <= st.Start || st.End > len(src) || st.SQL != src[st.Start:st.End] || len(st.Changes) == 0 {
				t.Fatalf("a statement from %d to %d after %d of %d, with %d changes", st.Start, st.End, end, len(src), len(st.Changes))
			}
			end = st.End
		}
		if _, _, err := d.ParseAssign(src); err != nil && !errors.As(err, &se) {
			t.Fatalf("an error without a place: %v", err)
		}
	})
}
