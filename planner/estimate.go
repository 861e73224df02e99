package planner

import "github.com/expandcontract/migrate/planner/plan"

// estimate notes on a step how much there is to read or write: the bytes of the
// table that its operation is about.
func estimate(op Op, s *plan.Step) {
	if t := operatedOn(op); t != nil && s.Work != plan.Metadata {
		s.Bytes = t.Bytes
	}
}

// operatedOn is the table whose rows an operation may read or write; nil if it
// has none of a size that is known.
func operatedOn(op Op) *Table {
	switch op := op.(type) {
	case OpAddColumns:
		return op.Table
	case OpDropNotNull:
		return op.Table
	case OpWidenType:
		return op.Table
	case OpCreateIndex:
		return op.Table
	case OpCopyIndexes:
		return op.Table
	case OpBackfill:
		return op.Table
	case OpSetNotNull:
		return op.Table
	case OpAddCheck:
		return op.Table
	case OpAddConstraint:
		return op.Table
	case OpDeleteRows:
		return op.Table
	case OpSwitch:
		return op.Table
	case OpPurge:
		return op.Table
	default:
		return nil
	}
}
