package mysql

import (
	"fmt"
	"slices"
	"strings"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// column.go lowers what changes one column in place.

// restated is a column's definition for MODIFY, which keeps its place.
func (d *dialect) restated(c planner.Column) string {
	c.Rest, _ = placeOf(c.Rest)
	return "MODIFY COLUMN " + d.definition(c)
}

// generated refuses to restate what the server computes.
func (d *dialect) generated(t *planner.Table, c planner.Column) error {
	if c.Generated == "" || c.Generated == "auto_increment" {
		return nil
	}
	return d.unsupported(fmt.Sprintf("column %s.%s", t.Ref.Name, c.Name), "it is a generated column", "")
}

func (d *dialect) setDefault(s *planner.Schema, op planner.OpSetDefault) planner.Lowered {
	table := op.Table.Ref.Name
	label := table + "." + op.Column.Name
	title := "set the default of " + label
	if op.Default.IsZero() {
		title = "drop the default of " + label
	}
	do, m := d.defaultSQLStatement(op.Table, op.Column, op.Default)
	undo, _ := d.restoreDefault(op.Table, op.Column, op.Before)
	st := ddl(table, title, "", m.work, stmts(stmt(do, "")), stmts(stmt(undo, "")))
	if m.work != plan.Metadata {
		st.Rows = op.Table.Rows
	}
	out := steps(st)
	out.Hazards = d.toldDefining(s, op.Table, m, title)
	return out
}

// defaultSQLStatement sets or drops a default. The current time is set by restating the
// column: SET DEFAULT would make an expression of it, DEFAULT (now()). So is what MySQL
// takes for a literal, even in parentheses, where a type has no literal defaults.
func (d *dialect) defaultSQLStatement(t *planner.Table, c planner.Column, def planner.Expr) (string, manner) {
	table := t.Ref.Name
	if def.IsZero() {
		return alterTable(table, instant, fmt.Sprintf("ALTER COLUMN %s DROP DEFAULT", quoteName(c.Name))), instantly
	}
	typ := parseType(c.Type)
	text := d.defaultSQL(typ, def)
	if isNow(text) || d.onlyExpressions(typ) && (isNull(def) || isLiteral(def.SQL(quoteName))) {
		c.Default = def
		m := d.defining(t, instantly)
		return alterTable(table, m.how, d.restated(c)), m
	}
	return alterTable(table, instant, fmt.Sprintf("ALTER COLUMN %s SET DEFAULT %s", quoteName(c.Name), text)), instantly
}

// restoreDefault is the way back. A nullable column without default has DEFAULT
// NULL: after DROP DEFAULT, an INSERT that leaves it out would fail.
func (d *dialect) restoreDefault(t *planner.Table, c planner.Column, before planner.Expr) (string, manner) {
	if before.IsZero() && !c.NotNull {
		if d.onlyExpressions(parseType(c.Type)) {
			return d.defaultSQLStatement(t, c, nullDefault())
		}
		return alterTable(t.Ref.Name, instant, fmt.Sprintf("ALTER COLUMN %s SET DEFAULT NULL", quoteName(c.Name))), instantly
	}
	return d.defaultSQLStatement(t, c, before)
}

// nullSteps are the statements that allow and forbid NULL. Both servers rebuild
// the table for either, beside its writers. Strict mode makes a NULL an error
// where it would silently become a zero.
func (d *dialect) nullSteps(s *planner.Schema, t *planner.Table, columns ...planner.Column) (allow, forbid []plan.Statement, err error) {
	var names, nulls, nots []string
	for _, c := range columns {
		if err := d.generated(t, c); err != nil {
			return nil, nil, err
		}
		names = append(names, c.Name)
		c.NotNull = false
		nulls = append(nulls, d.restated(c))
		c.NotNull = true
		nots = append(nots, d.restated(c))
	}
	m := d.allowing(s, t)
	p := d.probes(s, t.Ref.Name)
	allow = stmts(stmt(setMode, ""), stmt(alterTable(t.Ref.Name, m.how, nulls...), p.allNullable(names, true)))
	forbid = stmts(stmt(setMode, ""), stmt(alterTable(t.Ref.Name, m.how, nots...), p.allNullable(names, false)))
	return allow, forbid, nil
}

func (d *dialect) dropNotNull(s *planner.Schema, op planner.OpDropNotNull) (planner.Lowered, error) {
	allow, forbid, err := d.nullSteps(s, op.Table, op.Column)
	if err != nil {
		return planner.Lowered{}, err
	}
	label := op.Table.Ref.Name + "." + op.Column.Name
	st := ddl(op.Table.Ref.Name, "allow NULL in "+label, "writers of one shape leave the column out", plan.Rewrite, allow, forbid)
	st.Rows = op.Table.Rows
	st.UndoLoses = &plan.Check{
		SQL:     fmt.Sprintf("SELECT EXISTS (SELECT 1 FROM %s WHERE %s IS NULL)", quoteName(op.Table.Ref.Name), quoteName(op.Column.Name)),
		Message: label + " holds NULLs by now; give them a value, then undo again",
	}
	out := steps(st)
	out.Hazards = d.toldDefining(s, op.Table, d.allowing(s, op.Table), "allow NULL in "+label)
	return out, nil
}

func (d *dialect) setNotNull(s *planner.Schema, op planner.OpSetNotNull) (planner.Lowered, error) {
	allow, forbid, err := d.nullSteps(s, op.Table, op.Columns...)
	if err != nil {
		return planner.Lowered{}, err
	}
	labels := make([]string, len(op.Columns))
	for i, c := range op.Columns {
		labels[i] = op.Table.Ref.Name + "." + c.Name
	}
	st := ddl(op.Table.Ref.Name, "forbid NULL in "+strings.Join(labels, ", "),
		"the server proves it while it rebuilds the table beside its writers", plan.Rewrite, forbid, allow)
	st.Rows = op.Table.Rows
	out := steps(st)
	out.Hazards = d.toldDefining(s, op.Table, d.allowing(s, op.Table), "forbid NULL in "+strings.Join(labels, ", "))
	return out, nil
}

func (d *dialect) widenType(s *planner.Schema, op planner.OpWidenType) (planner.Lowered, error) {
	if err := d.generated(op.Table, op.Column); err != nil {
		return planner.Lowered{}, err
	}
	if err := d.keyed(op); err != nil {
		return planner.Lowered{}, err
	}
	a, b := parseType(op.Column.Type), parseType(op.Type)
	table := op.Table.Ref.Name
	wide := op.Column
	wide.Type = op.Type
	m := instantly
	if !d.maria && a.class() != classEnum && a.class() != classInt {
		m.how = inplace
	}
	m = d.defining(op.Table, m)
	p := d.probes(s, table)
	st := ddl(table, fmt.Sprintf("widen %s.%s to %s", table, op.Column.Name, op.Type), "every value stays as it is", m.work,
		stmts(stmt(alterTable(table, m.how, d.restated(wide)), p.columnType(op.Column.Name, d.shown(b, s.VersionNum)))),
		stmts(stmt(setMode, ""), stmt(alterTable(table, d.narrow(s, op.Table, a, b), d.restated(op.Column)), p.columnType(op.Column.Name, op.Column.Type))))
	if m.work != plan.Metadata {
		st.Rows = op.Table.Rows
	}
	if fits := tooWide(a, quoteName(op.Column.Name)); fits != "" {
		st.UndoLoses = &plan.Check{
			SQL:     fmt.Sprintf("SELECT EXISTS (SELECT 1 FROM %s WHERE %s)", quoteName(table), fits),
			Message: fmt.Sprintf("%s.%s holds values by now that %s cannot hold", table, op.Column.Name, a.sql()),
		}
	}
	out := steps(st)
	out.Hazards = d.toldDefining(s, op.Table, m, fmt.Sprintf("widen %s.%s", table, op.Column.Name))
	return out, nil
}

// keyed: MariaDB changes no type of a column of a foreign key, be it to a longer
// one (errors 1832 and 1833), whatever foreign_key_checks says.
func (d *dialect) keyed(op planner.OpWidenType) error {
	if !d.maria {
		return nil
	}
	has := func(columns []string) bool { return slices.Contains(columns, op.Column.Name) }
	name := ""
	for _, c := range op.Table.Constraints {
		if c.Kind == "foreign key" && has(c.Columns) {
			name = c.Name
		}
	}
	for _, dep := range op.Table.Dependents {
		if dep.Kind == "foreign key" && has(dep.Columns) {
			name = dep.Name
		}
	}
	if name == "" {
		return nil
	}
	return d.unsupported(fmt.Sprintf("column %s.%s", op.Table.Ref.Name, op.Column.Name), "MariaDB changes the type of no column of a foreign key ("+name+")",
		"drop the foreign key in a migration before, and add it again in one after")
}

// narrow says how a type is made narrower again: by copying the table.
func (d *dialect) narrow(s *planner.Schema, t *planner.Table, a, b colType) string {
	if a.name == b.name && a.class() == classInt {
		return d.defining(t, instantly).how
	}
	return d.copying(s, t)
}

// copying is the best way to copy a table: MariaDB has one that lets writers in
// since 11.2, but for a table whose rows a foreign key changes with their parent's.
func (d *dialect) copying(s *planner.Schema, t *planner.Table) string {
	if d.copiesOnline(s, t) {
		return copyNone
	}
	return copyShared
}

func (d *dialect) copiesOnline(s *planner.Schema, t *planner.Table) bool {
	return d.maria && s.VersionNum >= mariaOnlineCopy && d.followsParent(t) == ""
}

// followsParent names the foreign key with which rows of a table are changed or deleted
// when their parent's are; "" if there is none.
func (d *dialect) followsParent(t *planner.Table) string {
	for _, k := range t.Constraints {
		if k.Kind != "foreign key" {
			continue
		}
		if c, err := d.constraintOf("ADD " + k.Definition); k.Cascades || err == nil && c != nil && cascades(c.Refer) {
			return k.Name
		}
	}
	return ""
}

// tooWide is true for values that a type cannot hold.
func tooWide(a colType, column string) string {
	switch {
	case a.name == "varchar":
		return fmt.Sprintf("CHAR_LENGTH(%s) > %d", column, a.length)
	case a.name == "varbinary":
		return fmt.Sprintf("LENGTH(%s) > %d", column, a.length)
	case a.name == "enum":
		return fmt.Sprintf("%s + 0 > %d", column, len(a.elems))
	case a.name == "set":
		return fmt.Sprintf("%s + 0 >= %d", column, uint64(1)<<len(a.elems))
	}
	return ""
}
