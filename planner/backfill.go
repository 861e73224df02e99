package planner

import (
	"slices"
)

// backfill.go plans what is done while both shapes are being made equal.

func (b *builder) backfill(t *tableShape, open *Sync) {
	op := OpBackfill{Table: t.t}
	if open != nil && slices.ContainsFunc(open.Groups, func(g Group) bool { return len(g.Up) > 0 }) {
		op.Sync = open
		b.syncs = append(b.syncs, open)
	}
	for _, c := range t.columns {
		if c.orig == nil && c.up.IsZero() && c.early().Volatile && !c.unfilled() {
			op.Fills = append(op.Fills, Assign{Column: c.name, Expr: c.early()})
		}
	}
	for _, r := range t.repairs {
		op.Repairs = append(op.Repairs, r.it)
	}
	if op.Sync != nil || len(op.Fills) > 0 || len(op.Repairs) > 0 {
		b.add(stageBackfill, t.at, op)
	}
	for _, retyped := range []bool{false, true} {
		cp := b.copies(t, retyped)
		if retyped {
			cp = cp.deferrable(false)
		}
		if len(cp.Names) > 0 {
			b.add(stageBackfill, cp.at, cp.OpCopyIndexes)
		}
	}
	for _, ix := range t.indexes {
		if b.indexStage(t, ix) == stageBackfill {
			b.add(stageBackfill, ix.at, OpCreateIndex{Table: t.t, Change: ix.it})
		}
	}
}
