package planner

import "slices"

// rename_table.go plans new names of tables. The table keeps its name until
// contract, and all that is done to it beforehand is done under that; a view
// under the new name shows new versions the new shape.

func (sh *shape) renameTable(t *tableShape, to string) {
	if o := sh.s.Table(Ref{Schema: t.ref.Schema, Name: to}); o != nil {
		sh.fail("", "choose another name", "%q is there already", to)
		return
	}
	sh.name(to, "table")
	t.to, t.toAt = to, sh.cur
}

// renamedTable gives a table its second name in expand, and changes the two in
// contract.
func (b *builder) renamedTable(t *tableShape) {
	b.blocked(t, t.toAt, nil, WishRename)
	if b.changes(t) {
		if !b.bridged(t) {
			return
		}
		first := len(b.ops[stagePurge])
		b.changedTable(t)
		b.moved(t, b.ops[stagePurge][first:])
	}
	on := b.shown(t)
	b.add(stageExpand, t.toAt, OpAliasTable{Table: on, Name: t.to})
	b.add(stageContract, t.toAt, OpSwapTable{Table: on, To: t.to})
	b.add(stagePurge, t.toAt, OpDropAlias{Table: on, To: t.to})
}

// changes reports whether a renamed table is changed besides.
func (b *builder) changes(t *tableShape) bool {
	return len(t.indexes)+len(t.checks)+len(t.constraints)+len(t.dropKeys)+len(t.dropIndexes)+len(t.repairs) > 0 ||
		slices.ContainsFunc(t.columns, (*columnShape).touched)
}

// bridged refuses what the view cannot show: it stays what it is while columns
// change places beneath it.
func (b *builder) bridged(t *tableShape) bool {
	ok := true
	refuse := func(a at, instead, format string, args ...any) {
		b.ps.at(a.pos, "", instead, format, args...)
		ok = false
	}
	const apart = "rename the table in one migration and do this in another"
	for _, c := range t.columns {
		switch {
		case c.shadow() != "":
			refuse(c.at, apart, "column %s.%s gets another name or type while a view stands for the table under its new name: the two could not change in one moment",
				t.label, c.orig.Name)
		case c.orig == nil && !c.dropped && c.sequence != "":
			refuse(c.at, apart, "the sequence of %s.%s would bear the table's old name", t.label, c.name)
		}
	}
	named := func(a at, name string) {
		if name == "" && a.stmt > t.toAt.stmt && len(b.s.Path) > 0 {
			refuse(a, "give it a name", "the server would name the constraint after the table, which has its old name until contract")
		}
	}
	for _, ck := range t.checks {
		named(ck.at, ck.it.Name)
	}
	for _, k := range t.constraints {
		named(k.at, k.it.Name+k.it.Index)
		if b.afterTheirs(t, k.it) {
			refuse(k.at, apart, "foreign key %s points to columns that take their names or types after the table has its new name", k.it.Name)
		}
	}
	return ok
}

// shown is a renamed table as its second name shows it: without the columns that
// the new shape does not have, and with those that it has.
func (b *builder) shown(t *tableShape) *Table {
	on := *t.t
	on.Columns = slices.DeleteFunc(slices.Clone(on.Columns), func(c Column) bool {
		o := t.original(c.Name)
		return o != nil && o.dropped
	})
	for _, n := range b.newColumns(t) {
		on.Columns = append(on.Columns, Column{Name: n.Name, Type: n.Type, Rest: n.Rest})
	}
	return &on
}

// moved has operations at the end of the grace know the table by its new name.
func (b *builder) moved(t *tableShape, ops []placedOp) {
	on := *t.t
	on.Ref.Name = t.to
	for i := range ops {
		purge, ok := ops[i].op.(OpPurge)
		if !ok {
			continue
		}
		if purge.Table = &on; purge.Sync != nil {
			sync := *purge.Sync
			sync.Table = &on
			purge.Sync = &sync
		}
		ops[i].op = purge
	}
}
