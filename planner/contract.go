package planner

import (
	"slices"

	"github.com/expandcontract/migrate/planner/plan"
)

// contract.go emits what happens to a table when nobody needs its old shape.
// What can fail on data comes first, the switch of names after it, so that a
// contract that fails has taken nothing away.

func (b *builder) contract(t *tableShape, open *Sync) {
	for _, p := range t.repairPasses() {
		b.add(stageContract, p.at, OpBackfill{Table: t.t, Repairs: p.it})
	}
	for _, c := range t.columns {
		if c.retyped() && !c.dropped && !c.retype.Must.IsZero() {
			// It goes with the old column.
			b.add(stageContract, c.at, OpAddCheck{Table: t.t, Change: AddCheck{Table: t.t.Ref, Name: b.hiddenName(t, c.orig.Name), Check: c.retype.Must}})
		}
	}
	forbid := map[stage]*located[OpSetNotNull]{}
	for _, c := range t.columns {
		b.tighten(t, c, forbid)
	}
	for _, st := range []stage{stageExpand, stageContract} {
		if op := forbid[st]; op != nil {
			b.add(st, op.at, op.it)
		}
	}
	for _, c := range t.columns {
		if c.orig == nil && !c.dropped && c.sequence != "" {
			b.add(stageContract, c.at, OpSetIdentity{Table: t.t, Column: c.bare(), Generated: c.generated, Sequence: c.sequence})
		}
	}
	for i, ck := range t.checks {
		if !b.checkedLate(t, ck) {
			b.addCheck(t, ck, t.checks[:i])
			b.endInterim(t, ck)
		}
	}
	for _, ix := range t.indexes {
		if b.indexStage(t, ix) == stageContract && !b.afterSwitch(t, ix.it.Columns) && !t.dropsIndex(ix.it.Name) {
			b.add(stageContract, ix.at, OpCreateIndex{Table: t.t, Change: ix.it})
		}
	}
	for _, ix := range t.dropIndexes {
		st := stageContract
		if b.dir.placed[ix.stmt].phase == plan.Expand {
			st = stageExpand
		}
		on := b.remaining(t)
		on.Constraints = slices.DeleteFunc(slices.Clone(on.Constraints), func(k Constraint) bool {
			return slices.ContainsFunc(t.dropKeys, func(d located[Constraint]) bool { return d.it.Name == k.Name })
		})
		b.add(st, ix.at, OpDropIndex{Table: on, Index: ix.it})
	}
	for _, ix := range t.indexes {
		if t.dropsIndex(ix.it.Name) && !b.afterSwitch(t, ix.it.Columns) {
			b.add(stageContract, ix.at, OpCreateIndex{Table: t.t, Change: ix.it})
		}
	}
	for i, k := range t.constraints {
		if !b.afterSwitch(t, k.it.Columns) && !b.afterTheirs(t, k.it) {
			b.addConstraint(t, b.kept(t), i, b.constraintStage(t, k))
		}
	}
	b.switchNames(t, open)
	for i, ck := range t.checks {
		if b.checkedLate(t, ck) {
			ck.it.Check = t.asFinal(ck.it.Check)
			b.addCheck(t, ck, t.checks[:i])
		}
	}
	for _, ix := range t.indexes {
		if b.indexStage(t, ix) == stageContract && b.afterSwitch(t, ix.it.Columns) {
			b.add(stageContract, ix.at, OpCreateIndex{Table: t.t, Change: ix.it})
		}
	}
	for i, k := range t.constraints {
		if b.afterSwitch(t, k.it.Columns) && !b.afterTheirs(t, k.it) {
			b.addConstraint(t, b.kept(t), i, stageContract)
		}
	}
	b.restate(t)
}

// restate emits, when each column has its final name, what else it shall say.
func (b *builder) restate(t *tableShape) {
	for _, c := range t.columns {
		if !c.restated() || c.commented() || c.retyped() {
			continue // it says so already, or does from the switch on
		}
		col, _, _ := b.waiting(c)
		col.Name, col.Type, col.NotNull, col.Default = c.name, c.typ, c.notNull, c.def
		before := col
		before.Comment, before.Rest = c.orig.Comment, c.orig.Rest
		col.Comment, col.Rest = c.comment, c.rest
		b.add(stageContract, c.at, OpRestate{Table: b.inForce(t, stageContract, true), Column: before, To: col})
	}
}

func (b *builder) addCheck(t *tableShape, ck located[AddCheck], earlier []located[AddCheck]) {
	st := stageContract
	if b.dir.placed[ck.stmt].phase == plan.Expand {
		st = stageExpand
		b.warn(ck.at, "narrowing-before-contract", plan.Error, "leave migrate:phase out: the check is then added in contract",
			"the check is added while old versions still run, and fails what they write against it")
	}
	op := OpAddCheck{Table: b.kept(t), Change: ck.it}
	for _, e := range earlier {
		op.Earlier = append(op.Earlier, e.it)
	}
	b.add(st, ck.at, op)
}

// checkedLate reports whether a check comes behind the switch: it mentions what takes
// its name there, or it would itself be in the way of the names.
func (b *builder) checkedLate(t *tableShape, ck located[AddCheck]) bool {
	if b.afterSwitch(t, ck.it.Check.Columns()) {
		return true
	}
	if b.dir.placed[ck.stmt].phase == plan.Expand {
		return false
	}
	on := t.checked([]Constraint{ck.it.constraint()})
	on.Indexes, on.Dependents = nil, nil
	return slices.ContainsFunc(t.columns, func(c *columnShape) bool {
		return c.orig != nil && (c.dropped || c.shadow() != "") && slices.ContainsFunc(b.d.Blockers(b.s, on, []string{c.orig.Name}, WishRename), func(bl Blocker) bool {
			return bl.Ref.Kind == "constraint"
		})
	})
}

// afterSwitch reports whether something mentions a column that takes its name,
// or gives it away, only in the switch.
func (b *builder) afterSwitch(t *tableShape, columns []string) bool {
	return slices.ContainsFunc(columns, func(name string) bool {
		return slices.ContainsFunc(t.columns, func(c *columnShape) bool {
			return c.shadow() != "" && (c.name == name || c.orig.Name == name)
		})
	})
}

// tighten sets the defaults that had to wait, and gathers the NOT NULLs.
func (b *builder) tighten(t *tableShape, c *columnShape, forbid map[stage]*located[OpSetNotNull]) {
	if c.dropped {
		return
	}
	st := stageContract
	if c.phase == plan.Expand && c.orig != nil {
		st = stageExpand
	}
	narrowEarly := func(what string) {
		if st == stageExpand {
			b.warn(c.at, "narrowing-before-contract", plan.Error, "leave migrate:phase out",
				"%s of %s.%s happens while old versions still run, and may fail what they write", what, t.label, c.name)
		}
	}
	col, hadDefault, isNotNull := b.waiting(c)
	// A placeholder without successor goes in the switch: old versions leave the
	// column out until then.
	if !b.d.SameDefault(hadDefault, c.def) && !(c.placed() && c.def.IsZero()) {
		narrowEarly("the change of the default")
		b.add(st, c.at, OpSetDefault{Table: b.inForce(t, st, false), Column: col, Default: c.def, Before: hadDefault})
		col.Default = c.def
	}
	if c.notNull && !isNotNull {
		narrowEarly("NOT NULL")
		if forbid[st] == nil {
			forbid[st] = &located[OpSetNotNull]{c.at, OpSetNotNull{Table: b.inForce(t, st, false)}}
		}
		forbid[st].it.Columns = append(forbid[st].it.Columns, col)
	}
}

// waiting returns the column that will bear the new name, as it is before
// contract, with its default and whether it is NOT NULL.
func (b *builder) waiting(c *columnShape) (col Column, def Expr, notNull bool) {
	switch {
	case c.orig == nil:
		col = c.bare()
		if c.up.IsZero() {
			col.Default = c.early()
			col.NotNull = c.notNull && !c.early().Volatile
		}
	case c.retyped():
		col = *c.orig
		col.Name, col.Type, col.NotNull, col.Default = c.hidden, c.retype.Canonical, c.placed(), c.placeholder()
	default:
		col = c.now()
		if c.retype != nil {
			col.Type = c.retype.Canonical
		}
		if c.orig.Default.IsZero() {
			col.Default = c.def
		}
	}
	return col, col.Default, col.NotNull
}

// switchNames emits the moment when columns take their final names, and the
// purge after its grace.
func (b *builder) switchNames(t *tableShape, open *Sync) {
	sw := OpSwitch{Table: t.t}
	purge := OpPurge{Table: t.t}
	final := map[string]string{} // how the open state's names map to the last ones
	var where at
	var back []Group
	move := func(from, to string) { sw.Columns = append(sw.Columns, Rename{From: from, To: to}); final[from] = to }
	for _, c := range t.columns {
		if c.orig == nil || !c.dropped && c.shadow() == "" {
			continue
		}
		where = c.at
		tomb := b.tombstone(t, c.orig.Name)
		switch {
		case c.dropped:
			move(c.orig.Name, tomb)
			purge.Dropped = append(purge.Dropped, c.orig.Name)
			if b.staysIndexed(t, c.orig.Name) {
				purge.Indexed = append(purge.Indexed, tomb)
			}
			b.warn(c.at, "data-loss-drop-column", plan.Info, "keep a backup if anybody may ask for the values later",
				"the values of %s.%s are gone for good when the grace ends", t.label, c.orig.Name)
		case c.renamed():
			// The column itself takes the new name, with every dependant it has;
			// what goes is the shadow that stood in for it.
			tomb = b.tombstone(t, c.name)
			move(c.name, tomb)
			move(c.orig.Name, c.name)
			back = append(back, tombstoneGroup(tomb, ColumnExpr(c.name)))
		default:
			move(c.orig.Name, tomb)
			move(c.hidden, c.orig.Name)
			if c.remade != nil {
				back, sw.Types = append(back, remadeBack(c, tomb)), union(sw.Types, c.remade.Types)
				sw.Bridges, purge.Bridges = bridged(sw.Bridges, c), bridged(purge.Bridges, c)
			} else {
				back = append(back, b.retypedBack(t, c, tomb))
			}
			r := Rebuilt{
				Column: *c.orig, Shadow: c.hidden, Tombstone: tomb, Type: c.retype.Canonical, NotNull: c.notNull, Default: c.def,
				Rest: c.rest, Comment: c.comment,
			}
			if c.def.IsZero() {
				r.Placeholder = c.placeholder()
			}
			sw.Rebuilt = append(sw.Rebuilt, r)
		}
		purge.Columns = append(purge.Columns, tomb)
	}
	sw.Hidden, sw.Tombs = b.dependants(t, sw.Rebuilt)
	purge.Indexes = sortedValues(b.copies(t, false).Names)
	taking := b.copies(t, true).Names
	for _, ix := range t.t.Indexes {
		if cp, ok := taking[ix.Name]; ok {
			old := b.tombstone(t, ix.Name)
			sw.Indexes = append(sw.Indexes, Rename{From: ix.Name, To: old}, Rename{From: cp, To: ix.Name})
			purge.Indexes = append(purge.Indexes, old)
		}
	}
	triggers := b.dir.shadow == plan.ShadowDB
	if len(sw.Columns) == 0 {
		if open != nil && triggers {
			b.add(stageContract, t.at, OpDropShadow{Sync: open})
		}
		return
	}
	if open != nil && triggers {
		sw.Open = open
		sw.Grace = b.graceSync(t, open, final, back)
		purge.Sync = sw.Grace
	}
	b.add(stageContract, where, sw)
	b.add(stagePurge, where, purge)
}

// staysIndexed reports whether an index that nobody drops mentions a column that
// is dropped.
func (b *builder) staysIndexed(t *tableShape, column string) bool {
	return slices.ContainsFunc(t.t.Indexes, func(ix Index) bool { return slices.Contains(ix.Columns, column) && !b.dropsIndex(t, ix.Name) })
}

func sortedValues(m map[string]string) []string {
	out := make([]string, 0, len(m))
	for _, v := range m {
		out = append(out, v)
	}
	slices.Sort(out)
	return out
}

// retypedBack keeps the tombstone of a retyped column current. Where that is
// unique, two values that do not fit must not become the same one.
func (b *builder) retypedBack(t *tableShape, c *columnShape, tomb string) Group {
	g := tombstoneGroup(tomb, c.retype.Down)
	unique := slices.ContainsFunc(t.t.Indexes, func(ix Index) bool { return ix.Unique && slices.Contains(ix.Columns, c.orig.Name) })
	if unique && !c.retype.Fit.IsZero() {
		g.Nearest, g.Down = g.Down, []Assign{{Column: tomb, Expr: c.retype.Fit}}
	}
	return g
}

// dependants names the copies of what else depends on rebuilt columns, and the
// originals once those have taken their names.
func (b *builder) dependants(t *tableShape, rebuilt []Rebuilt) (hidden, tombs map[string]string) {
	if len(rebuilt) == 0 {
		return nil, nil
	}
	hidden, tombs = map[string]string{}, map[string]string{}
	note := func(name string, columns []string) {
		if slices.ContainsFunc(rebuilt, func(r Rebuilt) bool { return slices.Contains(columns, r.Column.Name) }) && !b.dropsConstraint(t, name) {
			hidden[name], tombs[name] = b.hiddenName(t, name), b.tombstone(t, name)
		}
	}
	for _, k := range t.t.Constraints {
		note(k.Name, k.Columns)
	}
	for _, d := range t.t.Dependents {
		note(d.Name, d.Columns)
	}
	return hidden, tombs
}

// tombstoneGroup keeps a tombstone current from the new shape.
func tombstoneGroup(tomb string, from Expr) Group {
	return Group{Old: []string{tomb}, New: from.Columns(), Down: []Assign{{Column: tomb, Expr: from}}}
}

// graceSync keeps every tombstone that has a down current; nil if none has.
func (b *builder) graceSync(t *tableShape, open *Sync, final map[string]string, back []Group) *Sync {
	gs := back
	for _, g := range open.Groups {
		for _, d := range g.Down {
			if c := t.original(d.Column); c == nil || !c.dropped {
				continue
			}
			gs = append(gs, tombstoneGroup(final[d.Column], rename(d.Expr, final)))
		}
	}
	if len(gs) == 0 {
		return nil
	}
	s := b.sync(t, "grace", gs)
	for i := range s.Columns {
		if n, ok := final[s.Columns[i].Name]; ok {
			s.Columns[i].Name = n
		}
	}
	t.typesThen(s.Columns, func(name string) string { return b.tombstone(t, name) })
	return s
}
