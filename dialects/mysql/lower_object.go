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
	table    string
	work     plan.Work
	rows     int64
	loses    *plan.Check
	hazards  []plan.Hazard
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
	out := ddl(st.table, strings.Join(titles, ", "), "", work, st.do, st.undo)
	out.Rows, out.UndoLoses = st.rows, st.loses
	if st.table == "" {
		out.Lock = plan.Lock{}
	}
	l := steps(out)
	l.Hazards = st.hazards
	return l, nil
}

// namedObject lowers what is done to an object of the database.
func (d *dialect) namedObject(s *planner.Schema, op planner.OpDirect) (directStep, error) {
	o := op.Changes[0].Object
	kind, name := strings.ToUpper(o.Kind), o.Ref.Name
	st := directStep{}
	there := op.Before != nil
	for _, c := range op.Changes {
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
		for _, n := range op.Changes[0].Needs {
			st.table = n.Table.Name
		}
		if op.Before != nil && len(op.Before.Tables) > 0 {
			st.table = op.Before.Tables[0].Name
		}
	}
	return st, nil
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
