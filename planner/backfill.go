package planner

import (
	"slices"

	"github.com/expandcontract/migrate/planner/plan"
)

// backfill.go plans what is done while both shapes are being made equal.

func (b *builder) backfill(t *tableShape, open *Sync) {
	op := OpBackfill{Table: t.t}
	if open != nil && slices.ContainsFunc(open.Groups, func(g Group) bool { return len(g.Up) > 0 }) {
		op.Sync, op.Verified, op.Shadowed = open, b.verifies(), b.dir.shadow == plan.ShadowDB
		b.syncs = append(b.syncs, open)
	}
	for _, c := range t.columns {
		if c.orig == nil && c.up.IsZero() && c.early().Volatile && !c.unfilled() {
			op.Fills = append(op.Fills, Assign{Column: c.name, Expr: c.early()})
		}
	}
	passes := t.repairPasses()
	if len(passes) > 0 {
		op.Repairs = passes[0].it
	}
	if op.Sync != nil || len(op.Fills) > 0 || len(op.Repairs) > 0 {
		b.add(stageBackfill, t.at, op)
	}
	for _, p := range passes[min(1, len(passes)):] {
		b.add(stageBackfill, p.at, OpBackfill{Table: t.t, Repairs: p.it})
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

// repairPasses puts repairs that have nothing to do with each other into one pass
// over the table. What sets or reads a column that one before it sets finds it set,
// as in the file.
func (t *tableShape) repairPasses() []located[[]Repair] {
	var out []located[[]Repair]
	for _, r := range t.repairs {
		last := len(out) - 1
		if last < 0 || slices.ContainsFunc(out[last].it, func(before Repair) bool { return before.meets(r.it) }) {
			out = append(out, located[[]Repair]{r.at, []Repair{r.it}})
			continue
		}
		out[last].it = append(out[last].it, r.it)
	}
	return out
}

// meets reports whether one of two repairs sets what the other sets or reads.
func (r Repair) meets(o Repair) bool {
	sets := func(r Repair, c string) bool {
		return slices.ContainsFunc(r.Set, func(a Assign) bool { return a.Column == c })
	}
	reads := func(r Repair) []string {
		out := r.Where.Columns()
		for _, a := range r.Set {
			out = append(append(out, a.Column), a.Expr.Columns()...)
		}
		return out
	}
	return slices.ContainsFunc(reads(o), func(c string) bool { return sets(r, c) }) || slices.ContainsFunc(reads(r), func(c string) bool { return sets(o, c) })
}
