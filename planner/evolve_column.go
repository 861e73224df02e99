package planner

import (
	"fmt"
	"slices"
)

// evolve_column.go follows the changes of single columns.

func (sh *shape) onColumn(r Ref, name string, ifExists bool, do func(*tableShape, *columnShape)) {
	t := sh.table(r)
	if t == nil || !sh.existing(t, "a change of a column") {
		return
	}
	col := t.column(name)
	if col == nil {
		if !ifExists {
			sh.noColumn(t, name)
		}
		return
	}
	col.at = sh.cur
	if p := sh.dir.placed[sh.cur.stmt].phase; p != "" {
		col.phase = p
	}
	do(t, col)
}

func (sh *shape) addColumn(c AddColumn) {
	t := sh.table(c.Table)
	if t == nil || !sh.existing(t, "ADD COLUMN") {
		return
	}
	if t.column(c.Column.Name) != nil {
		if !c.IfNotExists {
			sh.fail("", "remove the clause, or choose another name", "table %q has a column %q already", t.label, c.Column.Name)
		}
		return
	}
	if !sh.free(t, c.Column.Name) {
		return
	}
	if !sh.known(t, c.Column.GeneratedAs.Columns()) {
		return
	}
	t.columns = append(t.columns, &columnShape{
		name: c.Column.Name, typ: c.Column.Type, notNull: c.Column.NotNull, def: c.Column.Default,
		comment: c.Column.Comment, rest: c.Column.Rest, at: sh.cur, phase: sh.dir.placed[sh.cur.stmt].phase,
		generated: c.Column.Generated, generatedAs: sh.resolve(t, c.Column.GeneratedAs), sequence: c.Column.Sequence,
	})
}

// free reports whether a column's name can be used in expand: the old shape's
// columns all keep theirs until contract.
func (sh *shape) free(t *tableShape, name string) bool {
	sh.name(name, "column")
	if t.t.Column(name) == nil {
		return true
	}
	sh.fail("", "choose another name, or use it in a later migration, when this one is contracted",
		"old versions still use column %q of table %q until contract, so the name is taken", name, t.label)
	return false
}

func (sh *shape) rename(t *tableShape, col *columnShape, to string) {
	if t.column(to) != nil {
		sh.fail("", "choose another name", "table %q has a column %q already", t.label, to)
		return
	}
	if col.orig == nil || sh.free(t, to) {
		col.name = to
	}
}

func (sh *shape) changeType(t *tableShape, col *columnShape, to string, using Expr) {
	if col.orig == nil {
		col.typ = to
		return
	}
	tc := sh.d.Compare(sh.s, *col.orig, to)
	col.typ = tc.Canonical
	switch tc.Kind {
	case TypeSame:
		col.retype = nil
		return
	case TypeIncompatible:
		sh.fail("type-change-breaks-old-app",
			fmt.Sprintf("ADD COLUMN %[1]s_new %[2]s, UPDATE … SET %[1]s_new = …, DROP COLUMN %[1]s, with -- migrate:down %[3]s.%[1]s = …, and let the app move to the new name",
				col.name, to, t.ref.Name),
			"changing %s.%s from %s to %s would break running versions of the app: %s", t.label, col.name, col.orig.Type, to, tc.Why)
		return
	case TypeFree, TypeCompatible:
	}
	if tc.Kind == TypeFree && !tc.Up.IsZero() && sh.rebuildsIndex(t, col, tc) {
		tc.Kind = TypeCompatible
	}
	meant := tc.Using
	if meant.IsZero() {
		meant = tc.Up
	}
	if !using.IsZero() && (!tc.Must.IsZero() && tc.Using.IsZero() || !sh.d.SameDefault(sh.resolve(t, using), meant)) && !sameSQL(sh.resolve(t, using), ColumnExpr(col.orig.Name)) {
		sh.fail("type-change-breaks-old-app", "ADD COLUMN a new name with the new type, UPDATE it with the expression, DROP COLUMN the old one",
			"USING changes the values of %s.%s while old and new versions use the same name", t.label, col.name)
		return
	}
	col.retype, col.hidden = &tc, sh.hiddenName(t, col.orig.Name)
}

// rebuildsIndex reports whether a change of type that is otherwise free would
// rebuild an index, and block the table meanwhile.
func (sh *shape) rebuildsIndex(t *tableShape, col *columnShape, tc TypeChange) bool {
	return slices.ContainsFunc(t.t.Indexes, func(ix Index) bool {
		return slices.Contains(ix.Columns, col.orig.Name) && (tc.Reindexes || !ix.Simple)
	})
}

func sameSQL(a, b Expr) bool {
	bare := func(c string) string { return c }
	return a.SQL(bare) == b.SQL(bare)
}

// redefine compares MODIFY/CHANGE with what is there.
func (sh *shape) redefine(t *tableShape, col *columnShape, def ColumnDef) {
	if def.Name != col.name {
		sh.rename(t, col, def.Name)
	}
	if col.orig == nil {
		col.typ, col.notNull, col.def, col.comment, col.rest = def.Type, def.NotNull, def.Default, def.Comment, def.Rest
		return
	}
	if col.orig.Generated != "" {
		sh.fail("opaque-statement", "", "%s.%s is %s; redefining it is not supported", t.label, col.name, col.orig.Generated)
		return
	}
	col.comment, col.rest = def.Comment, def.Rest
	sh.changeType(t, col, def.Type, Expr{})
	col.notNull = def.NotNull
	if !sh.d.SameDefault(col.def, def.Default) {
		col.def = def.Default
	}
}
