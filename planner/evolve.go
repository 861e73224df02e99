package planner

import (
	"fmt"
	"slices"

	"github.com/expandcontract/migrate/planner/plan"
)

// evolve.go follows a migration's changes, in order, over the inspected schema,
// to learn the new shape. What must be done is read off afterwards from the
// difference between each column as it was and as it became, so that the order
// and the number of statements on one column do not matter.

// at is the place of a change: for messages, and for the directives before it.
type at struct {
	pos  plan.Pos
	stmt int
}

// shape is the new shape of everything that a migration touches.
type shape struct {
	d      Dialect
	s      *Schema
	ps     *problems
	dir    *directives
	tables []*tableShape
	steps  []placedOp // opaque statements, in order
	// directs are the statements that only their dialect knows, by object, in
	// the order of the first on each.
	directs []*directGroup
	// ignored are hazards of statements that are left out.
	ignored []located[Ignored]
	cur     at
}

// tableShape is one table on its way from the old shape to the new.
type tableShape struct {
	ref     Ref
	label   string // the name as people read it
	t       *Table // nil when this migration creates it
	created *CreateTable
	at      at
	columns []*columnShape

	dropped     bool
	droppedAt   at
	to          string // the new name of a renamed table
	toAt        at
	constraints []located[AddConstraint]
	dropKeys    []located[Constraint]
	inserts     []located[InsertRows]
	deletes     []located[DeleteRows]
	checks      []located[AddCheck]
	indexes     []located[CreateIndex]
	dropIndexes []located[Index]
	repairs     []located[Repair]
}

// columnShape is one column on its way.
type columnShape struct {
	orig    *Column // nil when this migration adds it
	name    string  // its name in the new shape
	typ     string
	notNull bool
	def     Expr
	lent    Expr // the default that an added column has at first, if it gets another or none
	// lateDefault: an added column got its first default in a statement of its own.
	lateDefault bool
	comment     string
	rest        string
	// generated, generatedAs and sequence are as in ColumnDef, of an added column.
	generated   string
	generatedAs Expr
	sequence    string
	dropped     bool
	retype      *TypeChange
	up          Expr // over the old shape's names and other added columns' names
	upAt        at
	at          at
	hidden      string         // the name of its shadow, if it is retyped
	phase       plan.PhaseName // migrate:phase of the statement, if any
}

type located[T any] struct {
	at
	it T
}

type placedOp struct {
	at
	phase plan.PhaseName
	op    Op
}

// evolve reads all statements.
func (sh *shape) evolve(script *Script) {
	for i, st := range script.Statements {
		sh.cur = at{pos: sh.ps.file.Pos(st.Start), stmt: i}
		p := sh.dir.placed[i]
		if st.IfTable != (Ref{}) && !sh.exists(st.IfTable) {
			continue
		}
		if opaque, ok := firstOpaque(st.Changes); ok {
			sh.opaque(st, opaque, p)
			continue
		}
		if p.undo != "" {
			sh.fail("", "remove the directive", "migrate:undo is for statements that the planner does not know; it knows how to undo this one")
		}
		for _, c := range st.Changes {
			sh.apply(c)
		}
	}
}

func firstOpaque(changes []Change) (Opaque, bool) {
	for _, c := range changes {
		if o, ok := c.(Opaque); ok {
			return o, true
		}
	}
	return Opaque{}, false
}

func (sh *shape) opaque(st Statement, o Opaque, p placement) {
	if p.phase != "" && p.undo != "" {
		sh.steps = append(sh.steps, placedOp{at: sh.cur, phase: p.phase, op: OpOpaque{SQL: st.SQL, Undo: p.undo}})
		return
	}
	reason := o.Reason
	if reason == "" {
		reason = "the planner does not know it, so it cannot say whether it is safe"
	}
	rule := o.Rule
	if rule == "" {
		rule = "opaque-statement"
	}
	missing := "migrate:phase and migrate:undo"
	switch {
	case p.phase != "":
		missing = "migrate:undo"
	case p.undo != "":
		missing = "migrate:phase"
	}
	sh.fail(rule, fmt.Sprintf("write it another way, or say with %s before the statement where it belongs and how to reverse it", missing),
		"%s is opaque: %s", o.What, reason)
}

func (sh *shape) fail(rule, instead, format string, args ...any) {
	sh.ps.at(sh.cur.pos, rule, instead, format, args...)
}

func (sh *shape) apply(c Change) {
	switch c := c.(type) {
	case CreateTable:
		sh.createTable(c)
	case DropTable:
		sh.dropTable(c)
	case CreateIndex:
		if t := sh.table(c.Table); t != nil {
			sh.createIndex(t, c)
		}
	case DropIndex:
		sh.dropIndex(c)
	case AddCheck:
		if t := sh.table(c.Table); t != nil && !t.wasThere(c.OfColumn) && sh.known(t, c.Check.Columns()) {
			if t.t != nil {
				c.Check = t.asOpen(c.Check)
			}
			t.checks = append(t.checks, located[AddCheck]{sh.cur, c})
		}
	case UpdateRows:
		if t := sh.table(c.Table); t != nil && sh.existing(t, "an UPDATE") {
			sh.update(t, c)
		}
	case RenameTable:
		if t := sh.table(c.Table); t != nil && sh.existing(t, "a new name") {
			sh.renameTable(t, c.To)
		}
	case AddConstraint:
		if t := sh.table(c.Table); t != nil {
			sh.addConstraint(t, c)
		}
	case DropConstraint:
		if t := sh.table(c.Table); t != nil && sh.existing(t, "DROP CONSTRAINT") {
			sh.dropConstraint(t, c)
		}
	case InsertRows:
		if t := sh.table(c.Table); t != nil && sh.known(t, c.Columns) {
			t.inserts = append(t.inserts, located[InsertRows]{sh.cur, c})
		}
	case DeleteRows:
		if t := sh.table(c.Table); t != nil && sh.existing(t, "a DELETE") && sh.known(t, c.Where.Columns()) {
			c.Where = t.asOpen(c.Where)
			t.deletes = append(t.deletes, located[DeleteRows]{sh.cur, c})
		}
	case Direct:
		sh.direct(c)
	case Ignored:
		sh.ignored = append(sh.ignored, located[Ignored]{sh.cur, c})
	case Opaque:
		sh.fail("opaque-statement", "", "%s is opaque", c.What)
	default:
		sh.applyColumn(c)
	}
}

// applyColumn handles the changes of one column.
func (sh *shape) applyColumn(c Change) {
	switch c := c.(type) {
	case AddColumn:
		sh.addColumn(c)
	case DropColumn:
		sh.onColumn(c.Table, c.Column, c.IfExists, func(_ *tableShape, col *columnShape) {
			col.dropped = true
			if col.orig == nil {
				sh.fail("", "remove both statements", "column %q is added and dropped in the same migration", c.Column)
			}
		})
	case RenameColumn:
		sh.onColumn(c.Table, c.From, false, func(t *tableShape, col *columnShape) { sh.rename(t, col, c.To) })
	case ChangeType:
		sh.onColumn(c.Table, c.Column, false, func(t *tableShape, col *columnShape) { sh.changeType(t, col, c.Type, c.Using) })
	case RedefineColumn:
		sh.onColumn(c.Table, c.From, false, func(t *tableShape, col *columnShape) { sh.redefine(t, col, c.Column) })
	case SetNotNull:
		sh.onColumn(c.Table, c.Column, false, func(_ *tableShape, col *columnShape) { col.notNull = true })
	case DropNotNull:
		sh.onColumn(c.Table, c.Column, false, func(_ *tableShape, col *columnShape) { col.notNull = false })
	case SetDefault:
		sh.onColumn(c.Table, c.Column, false, func(_ *tableShape, col *columnShape) { col.setDefault(c.Default) })
	case DropDefault:
		sh.onColumn(c.Table, c.Column, false, func(_ *tableShape, col *columnShape) { col.setDefault(Expr{}) })
	}
}

// setDefault gives a column another default. An added one keeps in mind its first:
// that is what existing rows get.
func (c *columnShape) setDefault(e Expr) {
	if c.orig == nil && c.lent.IsZero() {
		c.lent = c.def
		c.lateDefault = c.lateDefault || c.def.IsZero()
	}
	c.def = e
}

// unfilled reports an added column whose default came in a statement of its own:
// the rows that are there keep their NULL.
func (c *columnShape) unfilled() bool {
	return c.lateDefault && !c.notNull && c.up.IsZero() && !c.def.IsZero()
}

// table finds a table's shape, taking it from the schema at first sight. It
// reports a missing table and returns nil.
func (sh *shape) table(r Ref) *tableShape {
	t := sh.s.Table(r)
	ref := r
	if t != nil {
		ref = t.Ref
	}
	for _, ts := range sh.tables {
		if ts.to != "" && r.Name == ts.to && (r.Schema == "" || r.Schema == ts.ref.Schema) {
			return ts
		}
		if ts.ref == ref || ts.created != nil && ts.ref.Name == r.Name && (r.Schema == "" || ts.ref.Schema == r.Schema) {
			if ts.dropped {
				sh.fail("", "", "table %q is dropped earlier in this migration", r)
				return nil
			}
			return ts
		}
	}
	if t == nil {
		sh.missing("check the name, and that the database is the one you mean", "there is no table %q", r)
		return nil
	}
	if t.Kind != "table" && t.Kind != "partitioned" {
		sh.fail("", "", "%q is a %s; only plain tables can be changed so far", r, t.Kind)
		return nil
	}
	ts := &tableShape{ref: t.Ref, label: sh.s.Display(t.Ref), t: t, at: sh.cur}
	for i := range t.Columns {
		o := &t.Columns[i]
		ts.columns = append(ts.columns, &columnShape{
			orig: o, name: o.Name, typ: o.Type, notNull: o.NotNull, def: o.Default, comment: o.Comment, rest: o.Rest, at: sh.cur,
		})
	}
	sh.tables = append(sh.tables, ts)
	return ts
}

// existing refuses, for a table that this migration itself creates, what could
// as well stand in its CREATE TABLE.
func (sh *shape) existing(t *tableShape, what string) bool {
	if t.t != nil {
		return true
	}
	sh.fail("", "put it into the CREATE TABLE, or into a migration of its own", "%s on table %q, which this migration creates", what, t.label)
	return false
}

func (sh *shape) createTable(c CreateTable) {
	if t := sh.s.Table(c.Table); t != nil {
		if !c.IfNotExists {
			sh.fail("", "remove the statement, or choose another name", "table %q exists already", c.Table)
		}
		return
	}
	sh.name(c.Table.Name, "table")
	sh.tables = append(sh.tables, &tableShape{ref: c.Table, label: sh.s.Display(c.Table), created: &c, at: sh.cur})
}

func (sh *shape) dropTable(c DropTable) {
	if sh.s.Table(c.Table) == nil && c.IfExists {
		return
	}
	if t := sh.table(c.Table); t != nil && sh.existing(t, "DROP TABLE") {
		t.dropped, t.droppedAt = true, sh.cur
	}
}

// name checks a new identifier's length: servers cut or refuse longer ones.
func (sh *shape) name(name, what string) {
	if n := sh.d.Length(name); n > sh.d.MaxIdentifier() {
		sh.fail("identifier-too-long", "choose a shorter name", "the name of %s %q is too long for the server: %d, at most %d",
			what, name, n, sh.d.MaxIdentifier())
	}
}

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

func (sh *shape) noColumn(t *tableShape, name string) {
	sh.missing("check the name", "table %q has no column %q", t.label, name)
}

// missing reports that something is not there; nothing of what is merely not
// known to be there.
func (sh *shape) missing(instead, format string, args ...any) {
	if !sh.s.Assumed {
		sh.fail("", instead, format, args...)
	}
}

// column finds a column by its name at this point of the migration.
func (t *tableShape) column(name string) *columnShape {
	for _, c := range t.columns {
		if c.name == name && !c.dropped {
			return c
		}
	}
	return nil
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

func (sh *shape) createIndex(t *tableShape, c CreateIndex) {
	if t.t != nil && t.t.Index(c.Name) != nil {
		if !c.IfNotExists {
			sh.fail("", "choose another name", "index %q exists already", c.Name)
		}
		return
	}
	sh.name(c.Name, "index")
	if t.t == nil || sh.known(t, c.Columns) {
		t.indexes = append(t.indexes, located[CreateIndex]{sh.cur, c})
	}
}

func (sh *shape) dropIndex(c DropIndex) {
	for _, t := range sh.s.Tables {
		if c.Table != (Ref{}) && sh.s.Table(c.Table) != t || c.Schema != "" && t.Ref.Schema != c.Schema {
			continue
		}
		ix := t.Index(c.Name)
		if ix == nil {
			continue
		}
		if ix.Constraint != "" || ix.Primary {
			sh.fail("", "drop the constraint instead", "index %q backs a constraint", c.Name)
			return
		}
		if ts := sh.table(t.Ref); ts != nil {
			ts.dropIndexes = append(ts.dropIndexes, located[Index]{sh.cur, *ix})
		}
		return
	}
	if !c.IfExists {
		sh.missing("check the name", "there is no index %q", c.Name)
	}
}

// known checks that the columns exist at this point of the migration.
func (sh *shape) known(t *tableShape, columns []string) bool {
	if t.t == nil {
		return true // the server knows, when it has made the table
	}
	ok := true
	for _, c := range columns {
		if t.column(c) == nil {
			sh.noColumn(t, c)
			ok = false
		}
	}
	return ok
}
