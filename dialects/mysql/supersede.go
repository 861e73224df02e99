package mysql

import "github.com/expandcontract/migrate/planner"

// Supersede: a constraint is dropped in expand and added in contract, whatever
// takes its place.
func (d *dialect) Supersede(*planner.Schema, *planner.Table, planner.Constraint, planner.ConstraintDef) planner.Effect {
	return ""
}
