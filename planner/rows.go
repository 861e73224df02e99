package planner

import (
	"slices"
	"strconv"
)

// rows.go plans the rows that a migration itself writes and deletes.

// deletes emits what goes in contract, in the file's order, before anything is
// asked of the rows that stay.
func (b *builder) deletes() {
	first := len(b.ops[stageContract])
	for _, t := range b.tables {
		for _, del := range t.deletes {
			b.add(stageContract, del.at, OpDeleteRows{Table: t.t, Where: del.it.Where})
		}
	}
	slices.SortStableFunc(b.ops[stageContract][first:], func(x, y placedOp) int { return x.stmt - y.stmt })
}

// inserts emits the seed rows of all tables in the file's order, for one may
// refer to another.
func (b *builder) inserts() {
	first := len(b.ops[stageExpand])
	for _, t := range b.tables {
		on := t.t
		if t.created != nil {
			on = t.virtual()
		}
		for _, in := range t.inserts {
			b.add(stageExpand, in.at, OpInsertRows{Table: on, Change: in.it, Name: b.seedName(t, in)})
		}
	}
	slices.SortStableFunc(b.ops[stageExpand][first:], func(x, y placedOp) int { return x.stmt - y.stmt })
}

// seedName names an INSERT for good: by its migration, its table and its place.
func (b *builder) seedName(t *tableShape, in located[InsertRows]) string {
	return digest(b.ps.file.Name, t.ref.String(), "insert", strconv.Itoa(in.stmt))
}
