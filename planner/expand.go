package planner

import (
	"fmt"

	"github.com/expandcontract/migrate/planner/plan"
)

// expand.go plans what expand does to the columns of a table.

// newColumns are the columns that expand adds, bare where NOT NULL or a default
// must wait.
func (b *builder) newColumns(t *tableShape) []NewColumn {
	var out []NewColumn
	for _, c := range t.columns {
		switch {
		case c.orig == nil && !c.dropped:
			n := NewColumn{ColumnDef: ColumnDef{
				Name: c.name, Type: c.typ, Comment: c.comment, Rest: c.rest, Generated: c.generated, GeneratedAs: c.generatedAs, Sequence: c.sequence,
			}}
			if c.unfilled() {
				n.Guarded = true
			} else if c.up.IsZero() && !c.early().Volatile {
				n.NotNull, n.Default, n.Guarded = c.notNull, c.early(), c.generatedAs.IsZero()
			}
			out = append(out, n)
		case c.shadow() != "":
			out = append(out, NewColumn{
				ColumnDef: ColumnDef{Name: c.shadow(), Type: c.shadowType(), NotNull: c.placed(), Default: c.placeholder()},
				Like:      c.orig, After: c.orig.Name,
			})
		}
	}
	return out
}

// placeholder is what the shadow of a retyped column holds until it is filled,
// where the engine knows such a value and neither shape takes NULL; zero: NULL.
func (c *columnShape) placeholder() Expr {
	if c.retyped() && c.orig.NotNull && c.notNull {
		return c.retype.Placeholder
	}
	return Expr{}
}

func (c *columnShape) placed() bool { return !c.placeholder().IsZero() }

func (c *columnShape) shadowType() string {
	if c.retype != nil {
		return c.retype.Canonical
	}
	return c.orig.Type
}

func (b *builder) expand(t *tableShape, downs []down) {
	if added := b.newColumns(t); len(added) > 0 {
		b.add(stageExpand, firstAdded(t), OpAddColumns{Table: t.t, Columns: added})
	}
	for _, c := range t.columns {
		if c.orig == nil {
			b.addedColumn(t, c)
		} else {
			b.widened(t, c, downs)
		}
	}
	b.omit(t, downs)
	for _, ix := range t.indexes {
		if b.indexStage(t, ix) == stageExpand {
			b.add(stageExpand, ix.at, OpCreateIndex{Table: t.t, Change: ix.it})
		}
	}
}

func firstAdded(t *tableShape) at {
	for _, c := range t.columns {
		if c.orig == nil && !c.dropped || c.shadow() != "" {
			return c.at
		}
	}
	return t.at
}

// addedColumn decides about one new column: its default, and what fills it.
func (b *builder) addedColumn(t *tableShape, c *columnShape) {
	if c.up.IsZero() && c.early().IsZero() && c.notNull && c.generated == "" {
		b.ps.at(c.at.pos, "not-null-without-default",
			fmt.Sprintf("give it a DEFAULT, or say where its values come from: -- migrate:up %s.%s = …", t.ref.Name, c.name),
			"column %s.%s is NOT NULL and has no default: old versions that do not know it could not insert rows, and existing rows have no value",
			t.label, c.name)
		return
	}
	if c.unfilled() || c.up.IsZero() && c.early().Volatile {
		b.add(stageExpand, c.at, OpSetDefault{Table: b.inForce(t, stageExpand, false), Column: c.bare(), Default: c.early()})
	}
}

// early is the default that a column has until contract. One that the file gives
// to an added column and takes away again, as frameworks do to fill existing
// rows, serves old versions as long as they run.
func (c *columnShape) early() Expr {
	if c.orig == nil && !c.lent.IsZero() {
		return c.lent
	}
	return c.def
}

// bare is an added column, or a shadow, as expand makes it.
func (c *columnShape) bare() Column {
	return Column{Name: c.name, Type: c.typ, Comment: c.comment, Rest: c.rest}
}

// widened emits what expand does to a column of the old shape.
func (b *builder) widened(t *tableShape, c *columnShape, downs []down) {
	if c.retyped() && c.renamed() {
		b.ps.at(c.at.pos, "", "use two migrations", "column %s.%s is renamed and changes its type at once", t.label, c.orig.Name)
		return
	}
	if c.retype != nil && c.retype.Kind == TypeFree {
		b.add(stageExpand, c.at, OpWidenType{Table: b.inForce(t, stageExpand, false), Column: *c.orig, Type: c.retype.Canonical})
	}
	switch {
	case c.dropped:
		b.blocked(t, c.at, []string{c.orig.Name}, WishDrop)
		b.omissible(t, c, downs)
	case c.renamed():
		b.blocked(t, c.at, []string{c.orig.Name}, WishRename)
	case c.retyped():
		b.blocked(t, c.at, []string{c.orig.Name}, WishReplace)
	}
	if c.dropped {
		return
	}
	if c.orig.NotNull && !c.notNull {
		b.add(stageExpand, c.at, OpDropNotNull{Table: b.inForce(t, stageExpand, false), Column: c.wide()})
		b.warn(c.at, "null-for-old-readers", plan.Info, "make sure that running versions can read a NULL there",
			"from expand on, new versions may write NULL into %s.%s, which old versions then read", t.label, c.orig.Name)
	}
	if c.orig.Default.IsZero() && !c.def.IsZero() && !c.retyped() {
		b.add(stageExpand, c.at, OpSetDefault{Table: b.inForce(t, stageExpand, false), Column: c.now(), Default: c.def})
	}
	if c.commented() {
		col, _, _ := b.waiting(c)
		before := col
		before.Comment = c.orig.Comment
		b.add(stageExpand, c.at, OpRestate{Table: b.inForce(t, stageExpand, false), Column: before, To: col})
	}
}

// now is a column of the old shape as it is after expand's DROP NOT NULL.
func (c *columnShape) now() Column {
	col := c.wide()
	col.NotNull = c.orig.NotNull && c.notNull
	if c.commented() {
		col.Comment = c.comment
	}
	return col
}

// wide is a column of the old shape as it is when expand has widened its type.
func (c *columnShape) wide() Column {
	col := *c.orig
	if c.retype != nil && c.retype.Kind == TypeFree {
		col.Type = c.retype.Canonical
	}
	return col
}

// restated reports whether the column says something else than it did, besides
// its type, NULL and default.
func (c *columnShape) restated() bool {
	return c.orig != nil && !c.dropped && (c.comment != c.orig.Comment || c.rest != c.orig.Rest)
}

// commented reports whether all that it says else is a comment, which nobody
// relies on: then it can say so at once.
func (c *columnShape) commented() bool {
	return c.restated() && c.rest == c.orig.Rest && c.shadow() == ""
}
