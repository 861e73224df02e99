package planner

import (
	"fmt"
	"slices"

	"github.com/expandcontract/migrate/planner/plan"
)

// omit.go makes sure that new versions can leave out the columns that they no
// longer know.

// omissible makes sure that new versions can leave out a column that they no
// longer know.
func (b *builder) omissible(t *tableShape, c *columnShape, downs []down) {
	i := slices.IndexFunc(downs, func(d down) bool { return d.column == c.orig.Name })
	if i < 0 {
		b.warn(c.at, "missing-down", plan.Warning,
			fmt.Sprintf("-- migrate:down %s.%s = … says what old versions shall read", t.ref.Name, c.orig.Name),
			"rows that new versions write have no value of their own in %s.%s, which old versions still read", t.label, c.orig.Name)
		if c.orig.NotNull && c.orig.Default.IsZero() {
			b.relax(t, c)
		}
		b.sameDefaults(t, c)
		return
	}
	supplied := b.dir.shadow == plan.ShadowDB && downs[i].expr.NeverNull(t.neverNull)
	if c.orig.NotNull && !supplied && (b.dir.shadow == plan.ShadowDB || c.orig.Default.IsZero()) {
		b.warn(c.at, "null-for-old-readers", plan.Warning, "wrap the parts of migrate:down that can be NULL in COALESCE(…, '')",
			"migrate:down of %s.%s can be NULL for rows that new versions write, so expand lets the column be NULL; old versions must be able to read that",
			t.label, c.orig.Name)
		b.relax(t, c)
	}
}

// sameDefaults refuses a column of which new versions, who leave it out, would
// write the same value into every row, where a unique index forbids that.
func (b *builder) sameDefaults(t *tableShape, c *columnShape) {
	if c.orig.Default.IsZero() || c.orig.Default.Volatile || c.orig.Generated != "" {
		return
	}
	for _, ix := range t.t.Indexes {
		left := func(name string) bool { o := t.original(name); return o != nil && o.dropped }
		early := func(d located[Index]) bool { return d.it.Name == ix.Name && b.dir.placed[d.stmt].phase == plan.Expand }
		if !ix.Unique || slices.ContainsFunc(t.dropIndexes, early) || !slices.Contains(ix.Columns, c.orig.Name) || slices.ContainsFunc(ix.Columns, func(n string) bool { return !left(n) }) {
			continue
		}
		b.ps.at(c.at.pos, "", fmt.Sprintf("-- migrate:down %s.%s = … with another value for each row, or drop the index with -- migrate:phase expand before", t.ref.Name, c.orig.Name),
			"until contract, new versions leave %s.%s out, its default would be the same in each of their rows, and unique index %s refuses the second",
			t.label, c.orig.Name, ix.Name)
	}
}

// omit has the dialect look at what the rows of new versions could break.
func (b *builder) omit(t *tableShape, downs []down) {
	op := OpOmit{Table: t.t}
	var where at
	for _, c := range t.columns {
		if c.orig == nil || !c.dropped {
			continue
		}
		left := Omitted{Column: *c.orig}
		if i := slices.IndexFunc(downs, func(d down) bool { return d.column == c.orig.Name }); i >= 0 {
			left.Down = downs[i].expr
		}
		op.Columns, where = append(op.Columns, left), c.at
	}
	about := func(columns []string) bool {
		return slices.ContainsFunc(op.Columns, func(o Omitted) bool { return slices.Contains(columns, o.Column.Name) })
	}
	for _, k := range t.t.Constraints {
		if about(k.Columns) && !b.dropsConstraint(t, k.Name) {
			op.Constraints = append(op.Constraints, k)
		}
	}
	early := func(d located[Index]) bool { return b.dir.placed[d.stmt].phase == plan.Expand }
	for _, ix := range t.t.Indexes {
		dropped := slices.ContainsFunc(t.dropIndexes, func(d located[Index]) bool { return d.it.Name == ix.Name && early(d) })
		if about(ix.Columns) && !dropped && !b.dropsConstraint(t, ix.Constraint) {
			op.Indexes = append(op.Indexes, ix)
		}
	}
	if len(op.Constraints)+len(op.Indexes) > 0 {
		b.add(stageExpand, where, op)
	}
}

// relax lets a column that goes be NULL while new versions, which leave it out,
// write beside old ones.
func (b *builder) relax(t *tableShape, c *columnShape) {
	b.add(stageExpand, c.at, OpDropNotNull{Table: b.inForce(t, stageExpand, false), Column: c.wide()})
}

// neverNull reports whether new versions always write a value into a column.
func (t *tableShape) neverNull(name string) bool {
	if c := t.column(name); c != nil {
		return c.notNull
	}
	o := t.t.Column(name)
	return o != nil && o.NotNull
}
