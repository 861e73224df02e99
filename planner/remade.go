package planner

import "slices"

// remade.go plans types that a migration takes away and makes anew under the
// same name, as PostgreSQL wants it of an enum that loses a value. Columns change
// from one to the other as with any change of type; the names of the types change
// hands in the moment in which those of the columns do.

// Remade says of a change of type that the new type takes the place and the name
// of the old one.
type Remade struct {
	// Was is the column's type before.
	Was string
	// Change is what the change means, in the names that the types have until the
	// switch; Then is the same in those that they have from it on, and WasThen what
	// the old type is called then.
	Change, Then TypeChange
	WasThen      string
	// Types get these names in the switch, in this order.
	Types []TypeRename
	// From gives the text of the new value, or what can be cast to it, over the row
	// as it was; Array: of a whole array of the type.
	From  Expr
	Array bool
	// Take is the same change, made by another expression over the row as it was.
	Take func(up Expr) *Remade
	// Type names the type, and Definition is the statement that makes it as it will be.
	Type       Ref
	Definition string
}

// TypeRename gives a type another name in its schema.
type TypeRename struct {
	From Ref
	To   string
}

// Bridge carries those over who know a column by the type that was there when they
// prepared their statements, for as long as both types are.
type Bridge struct {
	// Old is the type that goes and New the one that comes, each with the name that
	// it gets in the switch.
	Old, New TypeRename
	// Maps are what becomes of a value of Old, where a column says it of its values
	// and of nothing else: over that one column.
	Maps []Expr
	// Arrays: there are columns of arrays of the type.
	Arrays bool
}

// bridged are the bridges with the one that a column needs.
func bridged(all []Bridge, c *columnShape) []Bridge {
	r := c.remade
	one := Bridge{Old: r.Types[0], New: r.Types[1], Arrays: r.Array}
	if !r.Array && !r.From.Volatile && !r.From.Stable && !r.From.Subquery && slices.Equal(r.From.Columns(), []string{c.orig.Name}) {
		one.Maps = []Expr{r.From}
	}
	return joined(all, []Bridge{one})
}

// joined are the bridges of both, each type's once.
func joined(a, b []Bridge) []Bridge {
	out := slices.Clone(a)
	for _, br := range b {
		i := slices.IndexFunc(out, func(o Bridge) bool { return o.Old == br.Old })
		if i < 0 {
			out = append(out, br)
			continue
		}
		out[i].Maps = slices.Concat(out[i].Maps, br.Maps)
		out[i].Arrays = out[i].Arrays || br.Arrays
	}
	return out
}

// bridges emits what is made ready before the switch for those who know a type
// that goes, and has the last to purge its columns take that away.
func (b *builder) bridges() {
	for _, o := range b.ops[stageContract] {
		if sw, ok := o.op.(OpSwitch); ok && len(sw.Bridges) > 0 {
			b.add(stageExpand, o.at, OpBridge{Bridges: sw.Bridges})
		}
	}
	var all []Bridge
	last := -1
	for i, o := range b.ops[stagePurge] {
		if purge, ok := o.op.(OpPurge); ok && len(purge.Bridges) > 0 {
			all, last = joined(all, purge.Bridges), i
			purge.Bridges = nil
			b.ops[stagePurge][i].op = purge
		}
	}
	if last >= 0 {
		purge, _ := b.ops[stagePurge][last].op.(OpPurge)
		purge.Bridges = all
		b.ops[stagePurge][last].op = purge
	}
}

// remake changes a column's type to one that the migration makes in its place.
func (sh *shape) remake(t *tableShape, col *columnShape, r *Remade) {
	switch {
	case col.orig == nil:
		sh.fail("", "give it the type in a migration of its own", "column %s.%s is added and changes its type at once", t.label, col.name)
		return
	case sh.d.Compare(sh.s, *col.orig, r.Was).Kind != TypeSame:
		sh.fail("type-change-breaks-old-app", "ADD COLUMN a new name with the new type, UPDATE it with the expression, DROP COLUMN the old one",
			"%s.%s is of the type %s, not of %s, which the migration makes anew", t.label, col.name, col.orig.Type, r.Type)
		return
	case !col.def.IsZero():
		sh.fail("", "ALTER COLUMN … DROP DEFAULT before, and SET DEFAULT after", "the server does not cast the default of %s.%s from the old type to the new one", t.label, col.name)
		return
	}
	col.typ, col.remade = r.Change.Canonical, r
	col.retype, col.hidden = &r.Change, sh.hiddenName(t, col.orig.Name)
}

// takeUp has a migrate:up directive say what becomes of a column's values.
func (c *columnShape) takeUp(e Expr) {
	c.remade = c.remade.Take(e)
	c.retype = &c.remade.Change
}

// remadeBack keeps the tombstone of a remade column current. From the switch on
// the types have other names.
func remadeBack(c *columnShape, tomb string) Group {
	g := tombstoneGroup(tomb, c.remade.Then.Down)
	g.Led = []Assign{{Column: c.orig.Name, Expr: rename(c.remade.Then.Up, map[string]string{c.orig.Name: tomb})}}
	return g
}

// typesThen gives a table's columns the types that they have after the switch.
func (t *tableShape) typesThen(columns []Column, tombstone func(name string) string) {
	for _, c := range t.columns {
		if c.remade == nil || c.dropped {
			continue
		}
		for i := range columns {
			switch columns[i].Name {
			case c.orig.Name:
				columns[i].Type = c.remade.Then.Canonical
			case tombstone(c.orig.Name):
				columns[i].Type = c.remade.WasThen
			}
		}
	}
}

// union is a with what b has more.
func union(a, b []TypeRename) []TypeRename {
	out := slices.Clone(a)
	for _, t := range b {
		if !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	return out
}

// mergeSwitches makes one operation of the switches of tables whose columns are of
// types that are made anew: the types' names change only once, and in the same
// moment for all. What comes after the first of them on its table comes after all.
func (b *builder) mergeSwitches() {
	ops := b.ops[stageContract]
	var at []int
	for i, o := range ops {
		if sw, ok := o.op.(OpSwitch); ok && len(sw.Types) > 0 {
			at = append(at, i)
		}
	}
	if len(at) < 2 {
		return
	}
	first, last := at[0], at[len(at)-1]
	merged := ops[first]
	all, _ := merged.op.(OpSwitch)
	var before, after []placedOp
	switched := []*Table{all.Table}
	for i := first + 1; i <= last; i++ {
		sw, ok := ops[i].op.(OpSwitch)
		switch {
		case ok && len(sw.Types) > 0:
			all.And = append(all.And, sw)
			switched = append(switched, sw.Table)
			all.Types = union(all.Types, sw.Types)
			all.Bridges = joined(all.Bridges, sw.Bridges)
		case slices.Contains(switched, switchedOn(ops[i].op)):
			after = append(after, ops[i])
		default:
			before = append(before, ops[i])
		}
	}
	merged.op = all
	b.ops[stageContract] = slices.Concat(ops[:first], before, []placedOp{merged}, after, ops[last+1:])
}

// switchedOn is the table whose final names an operation may mention.
func switchedOn(op Op) *Table {
	if r, ok := op.(OpRestate); ok {
		return r.Table
	}
	return operatedOn(op)
}

// remadeType has a schema that is remembered know a type as it will be.
func (m *Memory) remadeType(r *Remade) {
	m.Objects = slices.DeleteFunc(m.Objects, func(o *Object) bool { return o.Kind == "type" && o.Ref.Name == r.Type.Name })
	m.Objects = append(m.Objects, &Object{ObjectRef: ObjectRef{Kind: "type", Ref: r.Type}, Definition: r.Definition})
}
