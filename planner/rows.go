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
	b.buildMade(true)
	for _, t := range b.tables {
		for _, in := range t.inserts {
			b.add(stageExpand, in.at, OpInsertRows{Table: t.t, Change: in.it, Name: b.seedName(t, in)})
		}
	}
	slices.SortStableFunc(b.ops[stageExpand][first:], func(x, y placedOp) int { return x.stmt - y.stmt })
}

// readsChanged refuses rows that are read from columns which the migration only
// fills behind expand, when the rows are written already.
func (b *builder) readsChanged() {
	refuse := func(a at, in InsertRows) {
		for _, r := range in.Reads {
			from := b.s.Table(r)
			i := slices.IndexFunc(b.tables, func(t *tableShape) bool { return t.t != nil && t.t == from })
			if i < 0 || !slices.ContainsFunc(b.tables[i].columns, (*columnShape).filledLater) {
				continue
			}
			b.ps.at(a.pos, "", "write it in a later migration",
				"the INSERT reads %s, of which this migration fills a column: that is done behind the INSERT, while the app goes on", b.tables[i].label)
		}
	}
	for _, m := range b.made {
		for _, c := range m.it.Changes {
			if in, ok := c.(InsertRows); ok {
				refuse(m.at, in)
			}
		}
	}
	for _, t := range b.tables {
		for _, in := range t.inserts {
			refuse(in.at, in.it)
		}
	}
}

// filledLater reports a column that the backfill fills.
func (c *columnShape) filledLater() bool {
	return c.orig == nil && !c.up.IsZero() || c.shadow() != ""
}

// seedName names an INSERT for good: by its migration, its table and its place.
func (b *builder) seedName(t *tableShape, in located[InsertRows]) string {
	return digest(b.ps.file.Name, t.ref.String(), "insert", strconv.Itoa(in.stmt))
}
