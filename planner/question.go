package planner

import (
	"fmt"
	"slices"
	"strings"

	"github.com/expandcontract/migrate/planner/plan"
)

// question.go asks, while planning, about the rows that will be in the way: it is
// better to hear of them before anything is changed than when a backfill or a
// contract fails on them.

// RowKind is what a RowQuestion wants to know.
type RowKind string

// The kinds of questions.
const (
	RowsFail    RowKind = "fail"    // Exprs[0] cannot be stored as Type
	RowsNull    RowKind = "null"    // Exprs[0] is NULL
	RowsViolate RowKind = "violate" // Exprs[0] is false
	RowsDiffer  RowKind = "differ"  // the column Column is not what Exprs[0] gives
	RowsRepeat  RowKind = "repeat"  // another row has the same Exprs, none of them NULL
	RowsOrphan  RowKind = "orphan"  // Exprs are in no row of Refers, none of them NULL
)

// RowQuestion asks which rows of a table, as they are, have a property. All
// expressions are over the columns that the table has now.
type RowQuestion struct {
	Kind   RowKind
	Exprs  []Expr
	Type   string
	Column string
	// Refers and RefColumns are what an orphan lacks.
	Refers     *Table
	RefColumns []string
	// Index is set where the rows of a unique index are asked about that is more
	// than plain columns.
	Index *CreateIndex
}

// The rules of hazards that the rows themselves are.
const (
	ruleTransformFails = "transform-fails"
	ruleRowsViolate    = "existing-rows-violate"
	ruleDuplicates     = "unique-on-existing-data"
	ruleLossy          = "lossy-transform"
	ruleValueRemoved   = "enum-value-removed"
)

func (b *builder) ask(t *tableShape, a at, q RowQuestion, rule string, sev plan.Severity, instead, format string, args ...any) {
	for _, e := range q.Exprs {
		if e.Volatile || e.Subquery {
			return
		}
	}
	out, ok := b.d.Question(b.s, t.t, q)
	if !ok {
		return
	}
	out.Rule, out.Severity, out.Pos, out.Table = rule, sev, a.pos, t.label
	out.Message, out.Instead = fmt.Sprintf(format, args...), instead
	b.asked = append(b.asked, located[plan.Question]{a, out})
}

// askRows asks everything about one table.
func (b *builder) askRows(t *tableShape, downs []down) {
	for _, c := range t.columns {
		b.askColumn(t, c)
	}
	b.askRoundTrips(t, downs)
	for _, ck := range t.checks {
		if e, ok := b.today(t, ck.it.Check); ok && !b.repaired(t, ck.it.Check.Columns()) {
			b.ask(t, ck.at, RowQuestion{Kind: RowsViolate, Exprs: []Expr{e}}, ruleRowsViolate, plan.Error,
				"repair them with an UPDATE in the migration, or before it", "violate the check %s", strings.TrimSpace(ck.it.Name))
		}
	}
	for _, ix := range t.indexes {
		if ix.it.Unique {
			b.askUnique(t, ix.at, ix.it.Name, ix.it.Columns, &ix.it)
		}
	}
	for _, k := range t.constraints {
		switch {
		case (k.it.Kind == "unique" || k.it.Kind == "primary key") && k.it.Index == "":
			b.askUnique(t, k.at, k.it.Name, k.it.Columns, nil)
		case k.it.Kind == "foreign key" && !k.it.NotValid:
			b.askOrphans(t, k)
		}
	}
}

func (b *builder) askColumn(t *tableShape, c *columnShape) {
	if c.dropped {
		return
	}
	switch {
	case c.orig == nil && !c.up.IsZero():
		b.ask(t, at{pos: c.upAt.pos, stmt: c.upAt.stmt}, RowQuestion{Kind: RowsFail, Exprs: []Expr{c.up}, Type: c.typ}, ruleTransformFails, plan.Error,
			"repair the rows, or write a transform that copes with them", "cannot be transformed to %s.%s", t.label, c.name)
	case c.remade != nil:
		b.ask(t, c.at, RowQuestion{Kind: RowsViolate, Exprs: []Expr{c.retype.Must}}, ruleValueRemoved, plan.Error,
			"say what becomes of them with -- migrate:up "+t.ref.Name+"."+c.orig.Name+" = CASE …, or repair them with an UPDATE in the migration",
			"have a value in %s that the new %s does not have", c.orig.Name, c.remade.Type)
	case c.retyped() && !c.retype.Must.IsZero():
		b.ask(t, c.at, RowQuestion{Kind: RowsViolate, Exprs: []Expr{c.retype.Must}}, ruleRowsViolate, plan.Error,
			"repair them with an UPDATE in a migration before", "have a value in %s that does not fit the type %s", c.orig.Name, c.retype.Canonical)
	case c.retyped():
		b.ask(t, c.at, RowQuestion{Kind: RowsFail, Exprs: []Expr{c.retype.Up}, Type: c.retype.Canonical}, ruleTransformFails, plan.Error,
			"repair the rows", "have a value in %s that does not fit the type %s", c.orig.Name, c.retype.Canonical)
	}
	if c.notNull && (c.orig == nil && !c.up.IsZero() || c.orig != nil && !c.orig.NotNull) && !b.repaired(t, []string{c.name}) {
		e, ok := b.today(t, ColumnExpr(c.name))
		if ok && !e.NeverNull(func(name string) bool { return t.t.Column(name).NotNull }) {
			b.ask(t, c.at, RowQuestion{Kind: RowsNull, Exprs: []Expr{e}}, ruleRowsViolate, plan.Error,
				"give them a value with an UPDATE in the migration, or before it", "have no value for %s, which is to be NOT NULL", c.name)
		}
	}
}

// askRoundTrips looks for what down(up(row)) does not bring back.
func (b *builder) askRoundTrips(t *tableShape, downs []down) {
	for _, d := range downs {
		e := d.expr
		if slices.ContainsFunc(e.Columns(), func(name string) bool {
			c := t.column(name)
			return c != nil && c.orig == nil && c.up.IsZero()
		}) {
			continue // what old rows have in that column, the new version decides
		}
		b.ask(t, d.at, RowQuestion{Kind: RowsDiffer, Exprs: []Expr{inlined(t, e)}, Column: d.column}, ruleLossy, plan.Warning,
			"make up and down each other's reverse, or accept that such values come back changed when a new version writes the row",
			"come back from migrate:down with another %s than they had", d.column)
	}
}

func (b *builder) askUnique(t *tableShape, a at, name string, columns []string, ix *CreateIndex) {
	q := RowQuestion{Kind: RowsRepeat, Index: ix}
	for _, c := range columns {
		e, ok := b.today(t, ColumnExpr(c))
		if !ok {
			return
		}
		if len(e.Parts) != 1 && ix != nil {
			q.Index = nil
		}
		q.Exprs = append(q.Exprs, e)
	}
	if name == "" {
		name = "on " + strings.Join(columns, ", ")
	}
	if len(q.Exprs) == 0 || b.repaired(t, columns) {
		return
	}
	b.ask(t, a, q, ruleDuplicates, plan.Error, "merge or renumber them before, so that the index can be built",
		"share their values of %s with others, which unique %s forbids", strings.Join(columns, ", "), name)
}

func (b *builder) askOrphans(t *tableShape, k located[AddConstraint]) {
	q := RowQuestion{Kind: RowsOrphan, Refers: b.s.Table(k.it.Refers), RefColumns: k.it.RefColumns}
	if q.Refers == nil {
		return
	}
	if len(q.RefColumns) == 0 {
		q.RefColumns = q.Refers.Key
	}
	for _, c := range k.it.Columns {
		e, ok := b.today(t, ColumnExpr(c))
		if !ok {
			return
		}
		q.Exprs = append(q.Exprs, e)
	}
	if len(q.Exprs) != len(q.RefColumns) || b.repaired(t, k.it.Columns) {
		return
	}
	b.ask(t, k.at, q, ruleRowsViolate, plan.Error, "delete them, or give them a row to point to",
		"point with %s to rows of %s that are not there", strings.Join(k.it.Columns, ", "), b.s.Display(q.Refers.Ref))
}

// today writes an expression of the new shape over the rows as they are now; ok
// is false when it reads what they do not have yet.
func (b *builder) today(t *tableShape, e Expr) (Expr, bool) {
	if t.t == nil {
		return Expr{}, false
	}
	out := inlined(t, e)
	ok := !slices.ContainsFunc(out.Columns(), func(c string) bool { return t.t.Column(c) == nil })
	return out, ok
}

// inlined puts in place of each column of the new shape what its value is for a
// row of the old one.
func inlined(t *tableShape, e Expr) Expr {
	out := e
	out.Parts = nil
	out.NullInputs = nil
	for _, p := range e.Parts {
		v, ok := valueToday(t, p.Column)
		switch {
		case p.Column == "" || !ok:
			out.Parts = append(out.Parts, p)
			continue
		case len(v.Parts) == 1:
			out.Parts = append(out.Parts, v.Parts[0])
		default:
			out.Parts = append(out.Parts, Part{Text: "("})
			out.Parts = append(out.Parts, v.Parts...)
			out.Parts = append(out.Parts, Part{Text: ")"})
		}
		out.Volatile = out.Volatile || v.Volatile
		out.MaybeNull = out.MaybeNull || v.MaybeNull
		out.Subquery = out.Subquery || v.Subquery
	}
	for _, n := range e.NullInputs {
		if v, ok := valueToday(t, n); ok {
			out.NullInputs = append(out.NullInputs, v.NullInputs...)
		} else {
			out.NullInputs = append(out.NullInputs, n)
		}
	}
	return out
}

// valueToday is what a column of the new shape holds for a row of the old one;
// ok is false when nothing of the new shape has that name.
func valueToday(t *tableShape, name string) (Expr, bool) {
	c := t.column(name)
	if c == nil {
		c = t.hiddenColumn(name)
	}
	switch {
	case c == nil:
		return Expr{}, false
	case c.orig != nil:
		return ColumnExpr(c.orig.Name), true
	case !c.up.IsZero():
		return c.up, true
	case !c.def.IsZero() && !c.unfilled():
		return c.def, true
	}
	return Expr{}, false
}

// hiddenColumn finds a column by its shadow's name.
func (t *tableShape) hiddenColumn(name string) *columnShape {
	for _, c := range t.columns {
		if name != "" && c.hidden == name {
			return c
		}
	}
	return nil
}

// repaired reports whether the migration itself repairs one of the columns: then
// what they hold now says little about what they will hold.
func (b *builder) repaired(t *tableShape, columns []string) bool {
	return slices.ContainsFunc(columns, func(name string) bool {
		c := t.column(name)
		return c != nil && c.orig != nil && slices.ContainsFunc(t.repairs, func(r located[Repair]) bool {
			return slices.ContainsFunc(r.it.Set, func(a Assign) bool { return a.Column == c.orig.Name })
		})
	})
}
