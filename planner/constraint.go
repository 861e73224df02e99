package planner

import (
	"slices"

	"github.com/expandcontract/migrate/planner/plan"
)

// constraint.go plans keys of all kinds.

func (sh *shape) addConstraint(t *tableShape, c AddConstraint) {
	if t.wasThere(c.OfColumn) {
		return
	}
	if c.Index != "" && len(c.Columns) == 0 {
		c.Columns = t.indexColumns(c.Index)
	}
	if c.Name != "" {
		sh.name(c.Name, "constraint")
	}
	if !sh.known(t, c.Columns) {
		return
	}
	if c.Kind == "foreign key" && sh.table(c.Refers) == nil {
		return
	}
	if t.t != nil && c.Name != "" && slices.ContainsFunc(t.t.Constraints, func(k Constraint) bool { return k.Name == c.Name }) &&
		!slices.ContainsFunc(t.dropKeys, func(k located[Constraint]) bool { return k.it.Name == c.Name }) {
		sh.fail("", "choose another name", "table %q has a constraint %q already", t.label, c.Name)
		return
	}
	t.constraints = append(t.constraints, located[AddConstraint]{sh.cur, c})
}

// wasThere reports a column that the migration wanted to add, if it was not there.
func (t *tableShape) wasThere(column string) bool {
	c := t.column(column)
	return column != "" && c != nil && c.orig != nil
}

// indexColumns are the columns of an index that is there or is being made.
func (t *tableShape) indexColumns(name string) []string {
	if t.t != nil && t.t.Index(name) != nil {
		return t.t.Index(name).Columns
	}
	for _, ix := range t.indexes {
		if ix.it.Name == name {
			return ix.it.Columns
		}
	}
	return nil
}

func (sh *shape) dropConstraint(t *tableShape, c DropConstraint) {
	i := slices.IndexFunc(t.t.Constraints, func(k Constraint) bool {
		return (c.Kind == "" || k.Kind == c.Kind) && (k.Name == c.Name || c.Name == "" && c.Kind == "primary key")
	})
	switch {
	case i >= 0 && t.t.Constraints[i].Kind == "not null":
		sh.applyColumn(DropNotNull{Table: c.Table, Column: t.t.Constraints[i].Columns[0]})
	case i >= 0:
		t.dropKeys = append(t.dropKeys, located[Constraint]{sh.cur, t.t.Constraints[i]})
	case t.t.Index(c.Name) != nil && t.t.Index(c.Name).Unique && t.t.Index(c.Name).Constraint == "":
		// MySQL and MariaDB have unique constraints in the shape of indexes only.
		t.dropIndexes = append(t.dropIndexes, located[Index]{sh.cur, *t.t.Index(c.Name)})
	case !c.IfExists:
		sh.missing("check the name", "table %q has no constraint %q", t.label, c.Name)
	}
}

// constraintStage says when a constraint is added: when old versions, which may
// write against it, are gone.
func (b *builder) constraintStage(t *tableShape, k located[AddConstraint]) stage {
	if _, when := b.superseded(t, k); when == Widens {
		return stageExpand
	}
	if b.dir.placed[k.stmt].phase != plan.Expand {
		return stageContract
	}
	b.warn(k.at, "narrowing-before-contract", plan.Error, "leave migrate:phase out: the constraint is then added in contract",
		"the %s on %s is added while old versions still run, and fails what they write against it", k.it.Kind, t.label)
	return stageExpand
}

// dropConstraints emits the constraints to drop: foreign keys first, for what
// they refer to may go as well. A primary key that another replaces goes when
// that comes.
func (b *builder) dropConstraints(foreign bool) {
	for _, t := range b.tables {
		if t.t == nil || t.dropped {
			continue
		}
		replaced := b.replacedKey(t)
		for _, k := range t.dropKeys {
			_, by, when := b.successor(t, k)
			if (k.it.Kind == "foreign key") != foreign || replaced != nil && k.it.Name == replaced.Name || by != nil && when != "" {
				continue
			}
			st := stageExpand
			if b.dir.placed[k.stmt].phase == plan.Contract {
				st = stageContract
			}
			b.add(st, k.at, OpDropConstraint{Table: b.remaining(t), Constraint: k.it, Until: b.interim(t, k)})
		}
	}
}

// replacedKey is the primary key that the migration drops and replaces by another.
func (b *builder) replacedKey(t *tableShape) *Constraint {
	if !slices.ContainsFunc(t.constraints, func(k located[AddConstraint]) bool { return k.it.Kind == "primary key" }) {
		return nil
	}
	for _, k := range t.dropKeys {
		if k.it.Kind == "primary key" {
			return &k.it
		}
	}
	return nil
}

// remaining is a table without the foreign keys to it, that the migration drops.
func (b *builder) remaining(t *tableShape) *Table {
	on := *t.t
	on.Dependents = slices.DeleteFunc(slices.Clone(on.Dependents), func(d Dependent) bool {
		return d.Kind == "foreign key" && slices.ContainsFunc(b.tables, func(o *tableShape) bool {
			return slices.ContainsFunc(o.dropKeys, func(k located[Constraint]) bool { return d.Name == k.it.Name+" of "+o.label })
		})
	})
	return &on
}

// kept is a table as it remains when the constraints are gone that the
// migration drops, with their indexes: their names are free again.
func (b *builder) kept(t *tableShape) *Table {
	if t.t == nil || len(t.dropKeys) == 0 {
		return t.t
	}
	on := *t.t
	gone := func(name string) bool {
		return name != "" && slices.ContainsFunc(t.dropKeys, func(k located[Constraint]) bool { return k.it.Name == name })
	}
	on.Constraints = slices.DeleteFunc(slices.Clone(on.Constraints), func(k Constraint) bool { return gone(k.Name) })
	on.Indexes = slices.DeleteFunc(slices.Clone(on.Indexes), func(i Index) bool { return gone(i.Constraint) })
	return &on
}

// inForce is a table with the checks that hold when a stage defines its columns: not
// those that the migration has dropped, but those that it has added by then, which
// are all of them at its end.
func (b *builder) inForce(t *tableShape, st stage, end bool) *Table {
	gone := func(k Constraint) bool {
		return k.Kind == "check" && slices.ContainsFunc(t.dropKeys, func(d located[Constraint]) bool {
			return d.it.Name == k.Name && (st == stageContract || b.dir.placed[d.stmt].phase != plan.Contract)
		})
	}
	var added []Constraint
	switch {
	case end:
		for _, ck := range t.checks {
			added = append(added, ck.it.constraint())
		}
	case st == stageContract:
		added = b.earlyChecks(t)
	}
	if len(added) == 0 && !slices.ContainsFunc(t.t.Constraints, gone) {
		return t.t
	}
	return t.checked(append(slices.DeleteFunc(slices.Clone(t.t.Constraints), gone), added...))
}

// earlyChecks are those that the migration is told to add in expand.
func (b *builder) earlyChecks(t *tableShape) []Constraint {
	var out []Constraint
	for _, ck := range t.checks {
		if b.dir.placed[ck.stmt].phase == plan.Expand && !b.afterSwitch(t, ck.it.Check.Columns()) {
			out = append(out, ck.it.constraint())
		}
	}
	return out
}

// checked is a table with other constraints, which may mention what the migration adds
// to it or calls by another name.
func (t *tableShape) checked(constraints []Constraint) *Table {
	on := *t.t
	on.Columns, on.Constraints = slices.Clone(on.Columns), constraints
	for _, c := range t.columns {
		if !c.dropped && on.Column(c.name) == nil {
			on.Columns = append(on.Columns, Column{Name: c.name, Type: c.typ})
		}
	}
	return &on
}

// constraint is the check as the table has it then.
func (c AddCheck) constraint() Constraint {
	return Constraint{Name: c.Name, Kind: "check", Columns: c.Check.Columns()}
}

// addConstraint emits the i-th constraint of a table; on is the table as the
// dialect shall see it.
func (b *builder) addConstraint(t *tableShape, on *Table, i int, st stage) {
	k := t.constraints[i]
	op := OpAddConstraint{Table: on, Constraint: k.it.ConstraintDef}
	if k.it.Refers != (Ref{}) {
		op.Refers = b.referred(t, k.it, st)
	}
	if k.it.Kind == "primary key" {
		if op.Replaces = b.replacedKey(t); op.Replaces != nil {
			b.add(st, k.at, OpDropConstraint{Table: b.remaining(t), Constraint: *op.Replaces, Replaced: true})
		}
	}
	if old, _ := b.superseded(t, k); old != nil {
		op.Replaces, op.Hidden = old, b.hiddenName(t, old.Name)
	}
	for _, name := range k.it.Columns {
		if c := t.column(name); c != nil {
			col, _, _ := b.waiting(c)
			col.Name = name
			col.NotNull = col.NotNull || st == stageContract && c.notNull
			op.Columns = append(op.Columns, col)
		}
	}
	for _, e := range t.constraints[:i] {
		op.Earlier = append(op.Earlier, e.it.ConstraintDef)
	}
	for _, ix := range t.indexes {
		op.Indexes = append(op.Indexes, ix.it)
	}
	b.add(st, k.at, op)
}

// referred is the table that a foreign key points to, as it is by then.
func (b *builder) referred(t *tableShape, k AddConstraint, st stage) *Table {
	to := b.s.Table(k.Refers)
	if to == nil {
		return &Table{Ref: k.Refers, Kind: "table"} // created by this migration
	}
	o := b.changing(to)
	if o == nil || o != t && st == stageContract && !b.afterTheirs(t, k) {
		return to
	}
	on := *to
	on.Columns = slices.Clone(on.Columns)
	for _, c := range o.columns {
		if i := slices.IndexFunc(on.Columns, func(x Column) bool { return c.orig != nil && x.Name == c.orig.Name }); i >= 0 && c.shadow() != "" {
			on.Columns[i].Name, on.Columns[i].Type = c.name, c.shadowType()
		}
	}
	return &on
}

// changing is a table that is there and that the migration changes.
func (b *builder) changing(t *Table) *tableShape {
	for _, o := range b.tables {
		if o.t == t {
			return o
		}
	}
	return nil
}

// afterTheirs reports a foreign key to columns that take their final form in
// another table's switch: it must wait for that.
func (b *builder) afterTheirs(t *tableShape, k AddConstraint) bool {
	if k.Kind != "foreign key" {
		return false
	}
	to := b.s.Table(k.Refers)
	if to == nil {
		return false
	}
	o, columns := b.changing(to), k.RefColumns
	if len(columns) == 0 {
		columns = to.Key
	}
	return o != nil && o != t && b.afterSwitch(o, columns)
}

// lateKeys emits the foreign keys that wait for other tables' switches.
func (b *builder) lateKeys() {
	for _, t := range b.tables {
		if t.created != nil || t.dropped || t.to != "" {
			continue
		}
		for i, k := range t.constraints {
			if b.afterTheirs(t, k.it) {
				b.addConstraint(t, b.kept(t), i, stageContract)
			}
		}
	}
}
