package mysql

import (
	"fmt"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// restate gives a column another comment or other attributes: metadata, on both
// servers.
func (d *dialect) restate(op planner.OpRestate) (planner.Lowered, error) {
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
	return steps(ddl(table, title, "", plan.Metadata,
		stmts(stmt(alterTable(table, instant, d.restated(op.To)), "")),
		stmts(stmt(alterTable(table, instant, d.restated(op.Column)), "")))), nil
}
