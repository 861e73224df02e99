package postgres

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/expandcontract/migrate/planner"
)

// show writes an expression with its columns in brackets and what is known of it.
func show(e planner.Expr) string {
	if e.IsZero() {
		return "-"
	}
	out := e.SQL(func(name string) string { return "[" + name + "]" })
	var notes []string
	for note, on := range map[string]bool{"volatile": e.Volatile, "stable": e.Stable && !e.Volatile} {
		if on {
			notes = append(notes, note)
		}
	}
	switch {
	case e.MaybeNull:
		notes = append(notes, "maybe null")
	case len(e.NullInputs) > 0:
		notes = append(notes, "null by "+strings.Join(e.NullInputs, ","))
	}
	if len(notes) > 0 {
		out += "  {" + strings.Join(notes, "; ") + "}"
	}
	return out
}

func showChange(c planner.Change) string {
	flag := func(on bool, word string) string {
		if on {
			return " " + word
		}
		return ""
	}
	switch c := c.(type) {
	case planner.CreateTable:
		return fmt.Sprintf("create table %s%s", c.Table, flag(c.IfNotExists, "if-not-exists"))
	case planner.DropTable:
		return fmt.Sprintf("drop table %s%s", c.Table, flag(c.IfExists, "if-exists"))
	case planner.AddColumn:
		out := fmt.Sprintf("add column %s.%s %s%s%s default %s", c.Table, c.Column.Name, c.Column.Type,
			flag(c.Column.NotNull, "not-null"), flag(c.IfNotExists, "if-not-exists"), show(c.Column.Default))
		if c.Column.Generated != "" {
			out += fmt.Sprintf("\n    %s %s%s", c.Column.Generated, c.Column.Sequence, show(c.Column.GeneratedAs))
		}
		return out
	case planner.DropColumn:
		return fmt.Sprintf("drop column %s.%s%s", c.Table, c.Column, flag(c.IfExists, "if-exists"))
	case planner.RenameColumn:
		return fmt.Sprintf("rename column %s.%s to %s", c.Table, c.From, c.To)
	case planner.ChangeType:
		return fmt.Sprintf("change type %s.%s to %s using %s", c.Table, c.Column, c.Type, show(c.Using))
	case planner.SetNotNull:
		return fmt.Sprintf("set not null %s.%s", c.Table, c.Column)
	case planner.DropNotNull:
		return fmt.Sprintf("drop not null %s.%s", c.Table, c.Column)
	case planner.SetDefault:
		return fmt.Sprintf("set default %s.%s %s", c.Table, c.Column, show(c.Default))
	case planner.DropDefault:
		return fmt.Sprintf("drop default %s.%s", c.Table, c.Column)
	case planner.UpdateRows:
		var b strings.Builder
		fmt.Fprintf(&b, "update %s", c.Table)
		for _, a := range c.Set {
			fmt.Fprintf(&b, "\n    %s = %s", a.Column, show(a.Expr))
		}
		if !c.Where.IsZero() {
			fmt.Fprintf(&b, "\n    where %s", show(c.Where))
		}
		return b.String()
	case planner.CreateIndex:
		return fmt.Sprintf("create index %s on %s%s%s columns %v\n    %s", c.Name, c.Table,
			flag(c.Unique, "unique"), flag(c.IfNotExists, "if-not-exists"), c.Columns, c.SQL)
	case planner.DropIndex:
		return fmt.Sprintf("drop index %s%s", planner.Ref{Schema: c.Schema, Name: c.Name}, flag(c.IfExists, "if-exists"))
	case planner.AddCheck:
		return fmt.Sprintf("add check %s to %s: %s%s", c.Name, c.Table, show(c.Check), flag(c.NotValid, "not-valid"))
	case planner.Direct:
		out := fmt.Sprintf("%s: %s%s%s%s of %s %s", c.What, c.Effect, flag(c.Late, "late"), flag(c.Replaces, "replaces"), flag(c.IfExists, "if-exists"), c.Object.Kind, c.Object.Ref)
		if c.Object.On != (planner.Ref{}) {
			out += " on " + c.Object.On.String()
		}
		out += c.Object.Detail
		for _, n := range c.Needs {
			out += fmt.Sprintf("\n    needs %s %v%v", n.Table, n.Columns, n.Parts)
		}
		return out
	case planner.Ignored:
		return fmt.Sprintf("ignored %s [%s] %s", c.What, c.Rule, c.Reason)
	case planner.Opaque:
		out := "opaque " + c.What
		if c.Reason != "" {
			out += "\n    because " + c.Reason
		}
		if c.At > 0 {
			out += fmt.Sprintf(", at its byte %d", c.At)
		}
		return out
	}
	return showMore(c, flag)
}

func showMore(c planner.Change, flag func(bool, string) string) string {
	switch c := c.(type) {
	case planner.RenameTable:
		return fmt.Sprintf("rename table %s to %s", c.Table, c.To)
	case planner.AddConstraint:
		out := fmt.Sprintf("add %s %s to %s%s%s columns %v", c.Kind, c.Name, c.Table, flag(c.NotValid, "not-valid"), flag(c.Cascades, "cascades"), c.Columns)
		if c.Refers.Name != "" {
			out += fmt.Sprintf(" refers to %s %v", c.Refers, c.RefColumns)
		}
		if c.Index != "" {
			out += " using " + c.Index
		}
		return out + "\n    " + c.SQL
	case planner.DropConstraint:
		return fmt.Sprintf("drop constraint %s of %s%s", c.Name, c.Table, flag(c.IfExists, "if-exists"))
	case planner.InsertRows:
		return fmt.Sprintf("insert into %s %v\n    %s", c.Table, c.Columns, c.SQL)
	case planner.DeleteRows:
		return fmt.Sprintf("delete from %s where %s", c.Table, show(c.Where))
	case planner.Direct:
		return fmt.Sprintf("direct %s: %s %s of %s %s needs %v, %s\n    %s", c.What, c.Object.Kind, c.Object.Ref, c.Object.On, c.Object.Detail, c.Needs, c.Effect, c.SQL)
	case planner.Ignored:
		return fmt.Sprintf("ignored %s: %s", c.What, c.Rule)
	}
	return fmt.Sprintf("unexpected %T", c)
}

func showError(err error) string {
	var se *planner.SyntaxError
	if errors.As(err, &se) {
		return fmt.Sprintf("syntax error at byte %d: %s\n", se.Offset, se.Message)
	}
	return fmt.Sprintf("error: %v\n", err)
}

func TestParse(t *testing.T) {
	t.Parallel()
	datadriven.Walk(t, "testdata/parse", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "parse":
				return parsed(t, d.Input, false)
			case "places":
				return parsed(t, d.Input, true)
			case "assign":
				ref, a, err := Dialect{}.ParseAssign(d.Input)
				if err != nil {
					return showError(err)
				}
				return fmt.Sprintf("%s | %s = %s\n", ref, a.Column, show(a.Expr))
			}
			t.Fatalf("unknown command %s", d.Cmd)
			return ""
		})
	})
}

// parsed reads a script and shows its changes; with places, also where its
// statements and comments stand.
func parsed(t *testing.T, src string, places bool) string {
	t.Helper()
	s, err := Dialect{}.Parse(src)
	if err != nil {
		return showError(err)
	}
	var b strings.Builder
	for _, st := range s.Statements {
		if src[st.Start:st.End] != st.SQL {
			t.Errorf("statement %q is not what stands at its place: %q", st.SQL, src[st.Start:st.End])
		}
		if places {
			fmt.Fprintf(&b, "statement %d-%d %q\n", st.Start, st.End, st.SQL)
		}
		for _, c := range st.Changes {
			b.WriteString(showChange(c) + "\n")
		}
	}
	if places {
		for _, c := range s.Comments {
			if !strings.HasPrefix(src[c.TextStart:], c.Text) {
				t.Errorf("comment %q is not what stands at its place", c.Text)
			}
			fmt.Fprintf(&b, "comment %d, text at %d: %q\n", c.Start, c.TextStart, c.Text)
		}
	}
	return b.String()
}
