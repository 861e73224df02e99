package mysql

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// lower_object.go lowers the statements that change no shape. What undoes them is
// read off the object as it was before.

// directStep is what the statements on one object come to.
type directStep struct {
	do, undo []plan.Statement
	tables   []string // that it locks
	work     plan.Work
	rows     int64
	loses    *plan.Check
	hazards  []plan.Hazard
	notes    []string
}

// direct lowers the statements on one object as one step.
func (d *dialect) direct(s *planner.Schema, op planner.OpDirect) (planner.Lowered, error) {
	o := op.Changes[0].Object
	var st directStep
	var err error
	switch o.Kind {
	case objectView, objectTrigger, objectProcedure, objectFunction, objectEvent, objectSequence:
		st, err = d.namedObject(s, op)
	default:
		st, err = d.ofTable(s, op)
	}
	if err != nil || len(st.do) == 0 {
		return planner.Lowered{Hazards: st.hazards}, err
	}
	var titles []string
	for _, c := range op.Changes {
		if what := strings.ReplaceAll(c.What, "`", ""); !slices.Contains(titles, what) {
			titles = append(titles, what)
		}
	}
	work := st.work
	if work == "" {
		work = plan.Metadata
	}
	out := ddl("", strings.Join(titles, ", "), "", work, st.do, st.undo)
	out.Rows, out.UndoLoses, out.Lock = st.rows, st.loses, plan.Lock{}
	for i, t := range st.tables {
		if l := (plan.Lock{Mode: lockExclusive, Object: t}); i == 0 {
			out.Lock = l
		} else {
			out.AlsoLocks = append(out.AlsoLocks, l)
		}
	}
	l := steps(out)
	l.Hazards, l.Notes = st.hazards, st.notes
	return l, nil
}

// namedObject lowers what is done to an object of the database.
func (d *dialect) namedObject(s *planner.Schema, op planner.OpDirect) (directStep, error) {
	o := op.Changes[0].Object
	kind, name := strings.ToUpper(o.Kind), o.Ref.Name
	st := directStep{}
	there := op.Before != nil
	for _, c := range d.replacing(op) {
		if c.Effect == planner.Narrows {
			if !there && !c.IfExists && !s.Assumed {
				return st, d.unsupported(o.Kind+" "+name, "there is none", "check the name")
			}
			st.do = append(st.do, stmt(c.SQL, ""))
			there = false
			continue
		}
		if there && !c.Replaces {
			if c.IfExists {
				continue
			}
			return st, d.unsupported(o.Kind+" "+name, "it exists already", "drop it first, or write OR REPLACE")
		}
		if err := d.keepsColumns(op.Before, c); err != nil {
			return st, err
		}
		probe := d.objectThere(s, o)
		if c.Replaces {
			probe = ""
		}
		// Code keeps the sql_mode that it was made in: the server's, not ours.
		st.do = append(st.do, d.inMode(o.Kind, "@@GLOBAL.sql_mode", stmt(c.SQL, probe))...)
		there = true
	}
	if len(st.do) == 0 {
		return st, nil
	}
	st.undo = stmts(stmt(fmt.Sprintf("DROP %s IF EXISTS %s", kind, quoteName(name)), ""))
	if op.Before != nil {
		back := stmt(op.Before.Definition, d.objectThere(s, o))
		st.undo = append(st.undo, d.inMode(o.Kind, quoteString(op.Before.Facts[factSQLMode]), back)...)
		if o.Kind == objectView {
			st.undo = stmts(stmt(op.Before.Definition, "")) // OR REPLACE
		}
	}
	if o.Kind == objectTrigger {
		st.tables = triggerTables(op)
	}
	if op.Before != nil && there {
		d.atOnce(&st, o)
	}
	return st, nil
}

// triggerTables are the tables whose rows a trigger was for, and is for then.
func triggerTables(op planner.OpDirect) []string {
	var out []string
	if op.Before != nil {
		for _, t := range op.Before.Tables[:min(1, len(op.Before.Tables))] {
			out = append(out, t.Name)
		}
	}
	for _, c := range op.Changes {
		for _, n := range c.Needs {
			if !slices.Contains(out, n.Table.Name) {
				out = append(out, n.Table.Name)
			}
		}
	}
	return out
}

// replacing makes of a DROP and a CREATE of the same object one statement, where
// the server has it: nobody can find the object gone between the two. Views have
// OR REPLACE everywhere, code has it on MariaDB.
func (d *dialect) replacing(op planner.OpDirect) []planner.Direct {
	var out []planner.Direct
	for _, c := range op.Changes {
		n := len(out)
		able := c.Object.Kind == objectView || d.maria && c.Object.Kind != objectSequence
		if op.Before != nil && able && c.Effect == planner.Widens && !c.Replaces && !c.IfExists && n > 0 && out[n-1].Effect == planner.Narrows {
			create := tokens(c.SQL)
			c.SQL = c.SQL[:create[0].end] + " OR REPLACE" + c.SQL[create[0].end:]
			c.Replaces = true
			out = out[:n-1]
		}
		out = append(out, c)
	}
	return out
}

// atOnce makes one instant of what replaces an object by dropping it. Triggers
// can be made under LOCK TABLES, which keeps whoever writes the table from finding
// it without them; routines cannot (error 1192).
func (d *dialect) atOnce(st *directStep, o planner.ObjectRef) {
	drops := slices.ContainsFunc(st.do, func(s plan.Statement) bool { return strings.HasPrefix(s.SQL, "DROP ") })
	switch o.Kind {
	case objectTrigger:
		if st.undo = locked(st.tables, st.undo); drops || d.maria { // see spared.go
			st.do = locked(st.tables, st.do)
		}
	case objectFunction, objectProcedure:
		if drops {
			st.notes = append(st.notes, fmt.Sprintf("for an instant between its DROP and its CREATE there is no %s %s, and a call fails (error 1305): %s has no statement that replaces it; "+
				"to avoid that, create it under another name, let new versions call that one, and drop this one in a later migration", o.Kind, o.Ref.Name, d.product()))
		}
	}
}

// locked runs statements while nobody else can use some tables.
func locked(tables []string, do []plan.Statement) []plan.Statement {
	names := make([]string, len(tables))
	for i, t := range tables {
		names[i] = quoteName(t)
	}
	return slices.Concat(stmts(lockTable(strings.Join(names, " WRITE, "))), do, stmts(unlock))
}

// inMode runs a statement that makes code under the mode that it shall have.
func (d *dialect) inMode(kind, mode string, st plan.Statement) []plan.Statement {
	if kind == objectView || kind == objectSequence {
		return stmts(st)
	}
	return stmts(stmt("SET SESSION sql_mode = "+mode, ""), st, stmt(setMode, ""))
}

// objectThere tells whether an object is there.
func (d *dialect) objectThere(s *planner.Schema, o planner.ObjectRef) string {
	name := []string{o.Ref.Name}
	switch o.Kind {
	case objectTrigger:
		return "SELECT COUNT(*) FROM information_schema.triggers WHERE trigger_schema = DATABASE() AND " + among("trigger_name", name)
	case objectEvent:
		return "SELECT COUNT(*) FROM information_schema.events WHERE event_schema = DATABASE() AND " + among("event_name", name)
	case objectProcedure, objectFunction:
		return fmt.Sprintf("SELECT COUNT(*) FROM information_schema.routines WHERE routine_schema = DATABASE() AND routine_type = '%s' AND %s",
			strings.ToUpper(o.Kind), among("routine_name", name))
	}
	return d.probes(s, o.Ref.Name).tables()
}

// keepsColumns refuses to make a view anew without a column that old versions
// may read.
func (d *dialect) keepsColumns(before *planner.Object, c planner.Direct) error {
	if before == nil || before.Kind != objectView {
		return nil
	}
	was, now := d.viewColumns(before.Definition), d.viewColumns(c.SQL)
	if now == nil {
		return nil // SELECT *: the server knows
	}
	for _, name := range was {
		if !slices.ContainsFunc(now, func(n string) bool { return strings.EqualFold(n, name) }) {
			return d.unsupported("view "+before.Ref.Name, fmt.Sprintf("it loses its column %s, which old versions may still read", name),
				"make a view under another name, and drop this one in a later migration")
		}
	}
	return nil
}

// viewColumns lists a view's columns; nil if its text does not tell.
func (d *dialect) viewColumns(sql string) []string {
	node, err := d.parseOne(sql)
	if err != nil {
		return nil
	}
	v, ok := node.(*ast.CreateViewStmt)
	if !ok {
		return nil
	}
	var out []string
	for _, c := range v.Cols {
		out = append(out, c.O)
	}
	sel, ok := v.Select.(*ast.SelectStmt)
	if len(out) > 0 || !ok || sel.Fields == nil {
		return out
	}
	for _, f := range sel.Fields.Fields {
		col, isColumn := f.Expr.(*ast.ColumnNameExpr)
		switch {
		case f.AsName.O != "":
			out = append(out, f.AsName.O)
		case isColumn:
			out = append(out, col.Name.Name.O)
		default:
			return nil
		}
	}
	return out
}

// constraintOf reads a clause that adds a constraint.
func (d *dialect) constraintOf(clause string) (*ast.Constraint, error) {
	node, err := d.parseOne("ALTER TABLE t " + clause)
	if err != nil {
		return nil, err
	}
	alter, ok := node.(*ast.AlterTableStmt)
	if !ok || len(alter.Specs) == 0 {
		return nil, nil
	}
	return alter.Specs[0].Constraint, nil
}
