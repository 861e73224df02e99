package mysql

import (
	"fmt"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// restate gives a column another comment or other attributes: mostly metadata, on
// both servers.
func (d *dialect) restate(s *planner.Schema, op planner.OpRestate) (planner.Lowered, error) {
	if err := d.generated(op.Table, op.Column); err != nil {
		return planner.Lowered{}, err
	}
	table := op.Table.Ref.Name
	title := fmt.Sprintf("change what %s.%s says", table, op.To.Name)
	switch {
	case op.To.Rest == op.Column.Rest:
		title = fmt.Sprintf("change the comment of %s.%s", table, op.To.Name)
	case op.To.Rest != "":
		title = fmt.Sprintf("make %s.%s %s", table, op.To.Name, op.To.Rest)
	}
	m := d.defining(op.Table, instantly)
	st := ddl(table, title, "", m.work,
		stmts(stmt(alterTable(table, m.how, d.restated(op.To)), "")),
		stmts(stmt(alterTable(table, m.how, d.restated(op.Column)), "")))
	if m.work != plan.Metadata {
		st.Rows = op.Table.Rows
	}
	out := steps(st)
	out.Hazards = d.toldDefining(s, op.Table, m, title)
	return out, nil
}
