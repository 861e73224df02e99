package planner

import (
	"fmt"
	"slices"

	"github.com/expandcontract/migrate/planner/plan"
)

// direct.go places the statements that change no table's shape. They keep the
// file's order among themselves; each runs as early as what it mentions is
// there, or, if it takes something away, when nobody needs that any more.

// directGroup are the statements of a migration on one object.
type directGroup struct {
	object ObjectRef
	its    []located[Direct]
	// columns, tables and parts are what they need.
	columns []*columnShape
	tables  []*tableShape
	parts   []string
	// newName: it says the new name of a table that the migration renames.
	newName bool
	// stars are the tables of which they take all columns there are.
	stars []located[*tableShape]
}

func (sh *shape) direct(d Direct) {
	if d.Object.On != (Ref{}) && !sh.exists(d.Object.On) {
		sh.missing("check the name, and that the database is the one you mean", "there is no table %q", d.Object.On)
		return
	}
	i := slices.IndexFunc(sh.directs, func(g *directGroup) bool { return sh.sameObject(g.object, d.Object) })
	if i < 0 {
		i = len(sh.directs)
		sh.directs = append(sh.directs, &directGroup{object: d.Object})
	}
	g := sh.directs[i]
	g.its = append(g.its, located[Direct]{sh.cur, d})
	for _, n := range d.Needs {
		sh.need(g, n)
	}
}

// exists reports whether there is a table of that name at this point of the file.
func (sh *shape) exists(r Ref) bool {
	return sh.s.Table(r) != nil || slices.ContainsFunc(sh.tables, func(t *tableShape) bool {
		return (t.created != nil && t.ref.Name == r.Name || t.to != "" && t.to == r.Name) && (r.Schema == "" || t.ref.Schema == "" || r.Schema == t.ref.Schema)
	})
}

// need notes what of this migration's doing a statement depends on. What the
// database has and the migration leaves alone is the server's to check.
func (sh *shape) need(g *directGroup, n Need) {
	for _, t := range sh.tables {
		if t.ref.Name != n.Table.Name && (t.to == "" || t.to != n.Table.Name) || n.Table.Schema != "" && t.ref.Schema != n.Table.Schema && t.t != nil {
			continue
		}
		if !slices.Contains(g.tables, t) {
			g.tables = append(g.tables, t)
		}
		g.newName = g.newName || t.to != ""
		for _, name := range n.Columns {
			if name == "*" {
				sh.needAll(g, t)
			} else if c := t.column(name); c != nil && !slices.Contains(g.columns, c) {
				g.columns = append(g.columns, c)
			}
		}
		g.parts = append(g.parts, n.Parts...)
	}
}

// needAll notes a statement that takes all columns there are at its point of the
// file. Until contract there are others, too.
func (sh *shape) needAll(g *directGroup, t *tableShape) {
	for _, c := range t.columns {
		if !c.dropped && !slices.Contains(g.columns, c) {
			g.columns = append(g.columns, c)
		}
	}
	g.stars = append(g.stars, located[*tableShape]{sh.cur, t})
}

func (sh *shape) sameObject(a, b ObjectRef) bool {
	same := func(x, y Ref) bool {
		return x == y || x.Name == y.Name && (x.Schema == "" || x.Schema == sh.s.Default) && (y.Schema == "" || y.Schema == sh.s.Default)
	}
	return a.Kind == b.Kind && a.Detail == b.Detail && same(a.Ref, b.Ref) && same(a.On, b.On)
}

// yields reports whether the migration itself takes an object away, or makes it
// anew, before anything else is in its way: then it is not in the way itself. An
// index or a constraint is known by its kind in words and its table.
func (b *builder) yields(o ObjectRef) bool {
	switch {
	case o == ObjectRef{}:
		return false
	case o.Kind == "index" || o.Kind == "constraint":
		return slices.ContainsFunc(b.tables, func(t *tableShape) bool {
			return t.t != nil && t.t == b.s.Table(o.On) && (b.dropsConstraint(t, o.Ref.Name) || o.Kind == "index" && b.dropsIndex(t, o.Ref.Name))
		})
	}
	return slices.ContainsFunc(b.directs, func(g *directGroup) bool {
		return b.sameObject(g.object, o) && slices.ContainsFunc(g.its, func(d located[Direct]) bool { return d.it.Effect != Widens || d.it.Replaces })
	})
}

// detailColumn begins the Detail of an ObjectRef that is about one column.
const detailColumn = "column "

// placeDirects puts each group among the operations on tables.
func (b *builder) placeDirects() {
	last := map[stage]int{}
	for _, g := range b.directs {
		op := OpDirect{Changes: g.changes(), Before: b.s.Object(g.object)}
		for _, c := range g.columns {
			if c.orig == nil || c.name == c.orig.Name {
				continue
			}
			if op.Was == nil {
				op.Was = map[string]string{}
			}
			if op.Was[c.name] = c.orig.Name; g.object.Detail == detailColumn+c.name {
				was := g.object
				was.Detail = detailColumn + c.orig.Name
				op.Before = b.s.Object(was)
			}
		}
		st := b.directStage(g, op.Before)
		op.Grace = st == stageContract
		b.refuseStars(g)
		if b.alongWithSwitch(g, op) {
			continue
		}
		where := max(b.directPlace(st, g), last[st])
		b.ops[st] = slices.Insert(b.ops[st], where, placedOp{at: g.its[0].at, op: op})
		last[st] = where + 1
	}
}

// refuseStars: all columns of a table on its way are those of both shapes.
func (b *builder) refuseStars(g *directGroup) {
	for _, t := range g.stars {
		for _, c := range t.it.columns {
			if c.orig != nil && (c.dropped || c.shadow() != "") {
				b.ps.at(t.pos, "", "name the columns that it shall have", "%s takes all columns of %s, which until contract has those of both shapes",
					g.its[0].it.What, t.it.label)
				break
			}
		}
	}
}

// Strongest is the strongest effect among statements on one object. What does
// nothing because there is no object has none.
func Strongest(changes []Direct, before *Object) Effect {
	out := Widens
	for _, c := range changes {
		switch {
		case c.IfExists && before == nil:
		case c.Effect == Destroys || out == Widens:
			out = c.Effect
		}
	}
	return out
}

// alongWithSwitch puts a group into the switch of the columns that it takes
// something out of the way of. After it, what it makes anew would be missing for
// a moment; and on the way back it must find the old columns in their place.
func (b *builder) alongWithSwitch(g *directGroup, op OpDirect) bool {
	i := slices.IndexFunc(b.entangled, func(e entanglement) bool { return b.sameObject(e.object, g.object) })
	if i < 0 || op.Before == nil {
		return false
	}
	for j, o := range b.ops[stageContract] {
		if sw, ok := o.op.(OpSwitch); ok && sw.Table == b.entangled[i].table {
			op.Grace = false
			sw.With = append(slices.Clone(sw.With), op)
			b.ops[stageContract][j].op = sw
			return true
		}
	}
	return false
}

func (g *directGroup) changes() []Direct {
	out := make([]Direct, len(g.its))
	for i, d := range g.its {
		out[i] = d.it
	}
	return out
}

// directStage says in which phase a group runs: what widens in expand, but
// behind the backfill where something in use would read columns that are yet
// to be filled.
func (b *builder) directStage(g *directGroup, before *Object) stage {
	effect := b.d.Weigh(b.s, g.changes(), before)
	st := map[Effect]stage{Widens: stageExpand, Narrows: stageContract, Destroys: stagePurge}[effect]
	late := slices.ContainsFunc(g.its, func(d located[Direct]) bool { return d.it.Late })
	if effect == Narrows && late && len(b.ops[stagePurge]) > 0 {
		st = stagePurge
	}
	for _, d := range g.its {
		switch phase := b.dir.placed[d.stmt].phase; {
		case phase == plan.Expand && effect != Widens:
			b.warnOnce(d.at, "narrowing-before-contract", "leave migrate:phase out: it then happens in contract",
				"%s happens while old versions still run, and they may rely on what it takes away", d.it.What)
			st = stageExpand
		case phase == plan.Contract && st == stageExpand:
			st = stageContract
		}
	}
	switch {
	case st == stagePurge:
		return st
	case b.stageOfParts(g) == stageContract:
		return stageContract
	case st == stageExpand && (b.takesShadow(g) || slices.ContainsFunc(g.tables, func(t *tableShape) bool { return t.to != "" })):
		note := fmt.Sprintf("%s mentions what gets its final name in contract, and so comes right after that: new versions must do without it until then", g.its[0].it.What)
		b.notes = append(b.notes, note)
		return stageContract
	case st == stageExpand && (before != nil && g.replaces() && b.awaitsFill(g) || b.stageOfParts(g) == stageBackfill || g.readsRows() && len(b.ops[stageBackfill]) > 0):
		return stageBackfill
	}
	return st
}

// readsRows reports whether a group keeps what it finds in the rows, so that it
// must find what the backfill writes.
func (g *directGroup) readsRows() bool {
	return g.object.Kind == "materialized view" || g.object.Kind == "maintenance"
}

// replaces reports whether a group makes its object anew.
func (g *directGroup) replaces() bool {
	return slices.ContainsFunc(g.its, func(d located[Direct]) bool { return d.it.Replaces || d.it.Effect != Widens })
}

// awaitsFill reports whether a group mentions a column that the backfill fills.
func (b *builder) awaitsFill(g *directGroup) bool {
	return slices.ContainsFunc(g.columns, func(c *columnShape) bool { return c.orig == nil && (!c.up.IsZero() || c.def.Volatile) })
}

func (b *builder) takesShadow(g *directGroup) bool {
	return slices.ContainsFunc(g.columns, func(c *columnShape) bool { return c.shadow() != "" })
}

// stageOfParts is the stage in which the last of the mentioned indexes and
// constraints of this migration is made; "" when it makes none of them.
func (b *builder) stageOfParts(g *directGroup) stage {
	for _, st := range []stage{stageContract, stageBackfill, stageExpand} {
		if slices.ContainsFunc(b.ops[st], func(o placedOp) bool { return slices.Contains(g.parts, madeBy(o.op)) }) {
			return st
		}
	}
	return ""
}

// madeBy names the index or constraint that an operation makes.
func madeBy(op Op) string {
	switch op := op.(type) {
	case OpCreateIndex:
		return op.Change.Name
	case OpAddCheck:
		return op.Change.Name
	case OpAddConstraint:
		return op.Constraint.Name
	}
	return ""
}

// directPlace finds the index among a stage's operations.
func (b *builder) directPlace(st stage, g *directGroup) int {
	ops := b.ops[st]
	where := len(ops)
	switch {
	case st == stagePurge, st == stageBackfill:
	case st == stageContract:
		late := slices.ContainsFunc(g.its, func(d located[Direct]) bool { return d.it.Late })
		if i := slices.IndexFunc(ops, movesNames); i >= 0 && !late && !g.newName && !b.takesShadow(g) && b.stageOfParts(g) == "" && b.takesAway(g) {
			where = i
		}
	default:
		if i := slices.IndexFunc(ops, func(o placedOp) bool { return o.stmt > g.its[0].stmt }); i >= 0 {
			where = i
		}
		for i, o := range ops {
			if b.provides(o, g) {
				where = max(where, i+1)
			}
		}
	}
	return where
}

func (b *builder) takesAway(g *directGroup) bool {
	return slices.ContainsFunc(g.its, func(d located[Direct]) bool { return d.it.Effect == Narrows })
}

// movesNames reports whether columns or a table lose their names in an operation.
func movesNames(o placedOp) bool {
	switch o.op.(type) {
	case OpSwitch, OpFenceTable, OpSwapTable:
		return true
	}
	return false
}

// provides reports whether an operation makes what a group needs.
func (b *builder) provides(o placedOp, g *directGroup) bool {
	op := o.op
	switch op := op.(type) {
	case OpBuildTable:
		return o.stmt < g.its[0].stmt && slices.ContainsFunc(g.tables, func(t *tableShape) bool { return t.created != nil && t.ref.Name == op.Table.Ref.Name })
	case OpCreateTable:
		return slices.ContainsFunc(g.tables, func(t *tableShape) bool { return t.created != nil && t.created.Table == op.Change.Table })
	case OpAddColumns:
		return slices.ContainsFunc(g.columns, func(c *columnShape) bool {
			return c.orig == nil && slices.ContainsFunc(op.Columns, func(n NewColumn) bool { return n.Name == c.name })
		})
	}
	return slices.Contains(g.parts, madeBy(op)) && madeBy(op) != ""
}
