package planner

import (
	"github.com/expandcontract/migrate/planner/plan"
)

// shape.go says what is known of everything that a migration touches, on its way
// from the old shape to the new.

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
	// made are the statements about tables of the migration's own, in order;
	// making is the table of the last one, if nothing came in between.
	made   []madeStatement
	making *tableShape
	// unchecked: the file has turned the checks of foreign keys off.
	unchecked bool
	// mem is the schema as it is at this point of the file.
	mem   *Memory
	notes []string
	cur   at
}

// tableShape is one table on its way from the old shape to the new.
type tableShape struct {
	ref     Ref
	label   string // the name as people read it
	t       *Table // nil when this migration creates it
	created *CreateTable
	at      at
	columns []*columnShape

	// moved: this migration, which makes it, gives it another name; filled: it
	// writes rows into it; kept: has done so by now; vague: nobody knows what its
	// columns are.
	moved, filled, kept, vague bool
	// unchecked is as in OpCreateTable.
	unchecked bool

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
	remade      *Remade        // what the migration made of its type, if it made that anew
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

// column finds a column by its name at this point of the migration.
func (t *tableShape) column(name string) *columnShape {
	for _, c := range t.columns {
		if c.name == name && !c.dropped {
			return c
		}
	}
	return nil
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

func (sh *shape) fail(rule, instead, format string, args ...any) {
	sh.ps.at(sh.cur.pos, rule, instead, format, args...)
}

// missing reports that something is not there; nothing of what is merely not
// known to be there.
func (sh *shape) missing(instead, format string, args ...any) {
	if !sh.s.Assumed {
		sh.fail("", instead, format, args...)
	}
}

func (sh *shape) noColumn(t *tableShape, name string) {
	sh.missing("check the name", "table %q has no column %q", t.label, name)
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

// name checks a new identifier's length: servers cut or refuse longer ones.
func (sh *shape) name(name, what string) {
	if n := sh.d.Length(name); n > sh.d.MaxIdentifier() {
		sh.fail("identifier-too-long", "choose a shorter name", "the name of %s %q is too long for the server: %d, at most %d",
			what, name, n, sh.d.MaxIdentifier())
	}
}
