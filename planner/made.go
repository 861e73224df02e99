package planner

import (
	"slices"
)

// made.go plans the tables that a migration makes: nobody uses them yet.

func (b *builder) createTable(t *tableShape) {
	op := OpCreateTable{Change: *t.created}
	for _, part := range b.tables { // a partition gets rows of the table that it is of
		if part == t || part.created != nil && part.created.Table == t.created.Of {
			for _, in := range part.inserts {
				op.Seeds = append(op.Seeds, b.seedName(part, in))
			}
		}
	}
	b.add(stageExpand, t.at, op)
}

// createdParts adds to tables that the migration makes what the file adds to
// them, in its order, when all of them are there: they may refer to each other.
func (b *builder) createdParts() {
	first := len(b.ops[stageExpand])
	for _, t := range b.tables {
		if t.created == nil {
			continue
		}
		virtual := t.virtual()
		for _, ix := range t.indexes {
			b.add(stageExpand, ix.at, OpCreateIndex{Table: virtual, Change: ix.it})
		}
		for i, ck := range t.checks {
			op := OpAddCheck{Table: virtual, Change: ck.it}
			for _, e := range t.checks[:i] {
				op.Earlier = append(op.Earlier, e.it)
			}
			b.add(stageExpand, ck.at, op)
		}
		for i := range t.constraints {
			b.addConstraint(t, virtual, i, stageExpand)
		}
	}
	slices.SortStableFunc(b.ops[stageExpand][first:], func(x, y placedOp) int { return x.stmt - y.stmt })
}

// virtual is a table that the migration makes, as far as the planner knows it.
func (t *tableShape) virtual() *Table { return &Table{Ref: t.created.Table, Kind: "table"} }
