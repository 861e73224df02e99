package planner

import (
	"slices"

	"github.com/expandcontract/migrate/planner/plan"
)

// constraint.go plans keys of all kinds, and new names of tables.

func (sh *shape) addConstraint(t *tableShape, c AddConstraint) {
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

func (sh *shape) dropConstraint(t *tableShape, c DropConstraint) {
	i := slices.IndexFunc(t.t.Constraints, func(k Constraint) bool {
		return (c.Kind == "" || k.Kind == c.Kind) && (k.Name == c.Name || c.Name == "" && c.Kind == "primary key")
	})
	switch {
	case i >= 0:
		t.dropKeys = append(t.dropKeys, located[Constraint]{sh.cur, t.t.Constraints[i]})
	case !c.IfExists:
		sh.missing("check the name", "table %q has no constraint %q", t.label, c.Name)
	}
}

func (sh *shape) renameTable(t *tableShape, to string) {
	if o := sh.s.Table(Ref{Schema: t.ref.Schema, Name: to}); o != nil {
		sh.fail("", "choose another name", "%q is there already", to)
		return
	}
	sh.name(to, "table")
	t.to, t.toAt = to, sh.cur
}

// constraintStage says when a constraint is added: when old versions, which may
// write against it, are gone.
func (b *builder) constraintStage(t *tableShape, k located[AddConstraint]) stage {
	if b.dir.placed[k.stmt].phase != plan.Expand {
		return stageContract
	}
	b.warn(k.at, "narrowing-before-contract", plan.Error, "leave migrate:phase out: the constraint is then added in contract",
		"the %s on %s is added while old versions still run, and fails what they write against it", k.it.Kind, t.label)
	return stageExpand
}

// addConstraint emits the i-th constraint of a table; on is the table as the
// dialect shall see it.
func (b *builder) addConstraint(t *tableShape, on *Table, i int, st stage) {
	k := t.constraints[i]
	op := OpAddConstraint{Table: on, Constraint: k.it.ConstraintDef}
	if k.it.Refers != (Ref{}) {
		if op.Refers = b.s.Table(k.it.Refers); op.Refers == nil {
			op.Refers = &Table{Ref: k.it.Refers, Kind: "table"} // created by this migration
		}
	}
	for _, name := range k.it.Columns {
		if c := t.column(name); c != nil {
			col, _, _ := b.waiting(c)
			col.Name = name
			op.Columns = append(op.Columns, col)
		}
	}
	for _, e := range t.constraints[:i] {
		op.Earlier = append(op.Earlier, e.it.ConstraintDef)
	}
	b.add(st, k.at, op)
}

// renamedTable gives a table its second name in expand, and changes the two in
// contract.
func (b *builder) renamedTable(t *tableShape) {
	if len(t.indexes)+len(t.checks)+len(t.constraints)+len(t.dropKeys)+len(t.dropIndexes)+len(t.repairs)+len(t.inserts)+len(t.deletes) > 0 ||
		slices.ContainsFunc(t.columns, (*columnShape).touched) {
		b.ps.at(t.toAt.pos, "", "rename it in a migration of its own", "table %s is renamed and changed at once", t.label)
		return
	}
	b.blocked(t, t.toAt, nil, WishRename)
	b.add(stageExpand, t.toAt, OpAliasTable{Table: t.t, Name: t.to})
	b.add(stageContract, t.toAt, OpSwapTable{Table: t.t, To: t.to})
	b.add(stagePurge, t.toAt, OpDropAlias{Table: t.t, To: t.to})
}
