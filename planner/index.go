package planner

import (
	"slices"

	"github.com/expandcontract/migrate/planner/plan"
)

// index.go plans indexes: new ones, and the copies of those that mention columns
// with a shadow.

// indexStage says when an index is built: for fast queries as early as its
// columns allow; a unique one when old versions, which may write duplicates,
// are gone; one on a column with a shadow when that has its final name; one that
// takes a dropped one's name when that is free.
func (b *builder) indexStage(t *tableShape, ix located[CreateIndex]) stage {
	if t.dropsIndex(ix.it.Name) {
		return stageContract
	}
	switch b.dir.placed[ix.stmt].phase {
	case plan.Contract:
		return stageContract
	case plan.Expand:
		if ix.it.Unique {
			b.warnOnce(ix.at, "narrowing-before-contract", "leave migrate:phase out: the index is then built in contract",
				"unique index %s is built while old versions still run, and fails their duplicates", ix.it.Name)
		}
	case plan.Backfill:
	default:
		if ix.it.Unique {
			return stageContract
		}
	}
	st := stageExpand
	for _, name := range ix.it.Columns {
		c := t.column(name)
		switch {
		case c == nil:
		case c.shadow() != "":
			return stageContract
		case c.orig == nil:
			st = stageBackfill
		}
	}
	return st
}

// indexCopies is an OpCopyIndexes, and the place that asks for it.
type indexCopies struct {
	at
	OpCopyIndexes
}

// copies lists the copies of the indexes that mention a column with a shadow,
// each over all of these shadows at once. Those over the shadows of renamed
// columns serve the new shape while both live, and go with them. Those over the
// shadows of retyped columns take the original's place in the switch, in which
// renamed columns only change their name. An index may need both.
func (b *builder) copies(t *tableShape, retyped bool) indexCopies {
	out := indexCopies{OpCopyIndexes: OpCopyIndexes{Table: t.t, Columns: map[string]string{}, Names: map[string]string{}, Replaces: retyped}}
	for _, c := range t.columns {
		if c.shadow() != "" && c.retyped() == retyped {
			out.at = c.at
			out.Columns[c.orig.Name] = c.shadow()
		}
	}
	for _, ix := range t.t.Indexes {
		if b.dropsIndex(t, ix.Name) || !slices.ContainsFunc(ix.Columns, func(c string) bool { return out.Columns[c] != "" }) {
			continue
		}
		if out.Names[ix.Name] = b.hiddenName(t, ix.Name); !retyped {
			out.Names[ix.Name] = b.openName(t, ix.Name)
		}
	}
	return out
}

// deferrable picks the copies of indexes whose constraints are deferrable, or
// of the others. Until it is made a constraint's, an index of the former forbids
// duplicates at once, which writers of the original need not heed: so it is
// built while the shadow is still empty.
func (c indexCopies) deferrable(yes bool) indexCopies {
	all := c.Names
	c.Names = map[string]string{}
	for _, ix := range c.Table.Indexes {
		if name, ok := all[ix.Name]; ok && ix.Deferrable == yes {
			c.Names[ix.Name] = name
		}
	}
	return c
}

func (b *builder) dropsIndex(t *tableShape, name string) bool {
	// A foreign key often has the name of the index that it needs, which stays.
	key := slices.ContainsFunc(t.dropKeys, func(d located[Constraint]) bool { return d.it.Name == name && d.it.Kind != "foreign key" })
	return key || t.dropsIndex(name)
}

func (t *tableShape) dropsIndex(name string) bool {
	return slices.ContainsFunc(t.dropIndexes, func(d located[Index]) bool { return d.it.Name == name })
}

func (b *builder) dropsConstraint(t *tableShape, name string) bool {
	return slices.ContainsFunc(t.dropKeys, func(d located[Constraint]) bool { return d.it.Name == name })
}
