package planner

import (
	"slices"
	"strings"
)

// update.go reads UPDATE statements. An UPDATE of a column that the migration
// adds is no statement to run: it is the transform from the old shape to the
// new. An UPDATE of a column that was there before is a repair.

func (sh *shape) update(t *tableShape, c UpdateRows) {
	targets := map[string]bool{}
	for _, a := range c.Set {
		targets[a.Column] = true
	}
	var repair Repair
	for _, a := range c.Set {
		col := t.column(a.Column)
		if col == nil {
			sh.noColumn(t, a.Column)
			continue
		}
		if !sh.known(t, a.Expr.Columns()) || !sh.usable(a.Expr, "UPDATE") {
			continue
		}
		for _, in := range a.Expr.Columns() {
			filled := col.orig == nil && !col.up.IsZero() // then it reads what an UPDATE before it wrote
			if targets[in] && (in != a.Column || col.orig == nil && !filled) {
				sh.fail("", "write one UPDATE per column",
					"%q is assigned and read in the same UPDATE, which engines understand differently", in)
			}
		}
		if col.orig == nil && col.generated != "" {
			sh.fail("", "leave it to the database", "column %q computes its values itself (%s)", a.Column, col.generated)
			continue
		}
		if col.orig == nil {
			sh.setUp(t, col, a.Expr, c.Where)
			continue
		}
		repair.Set = append(repair.Set, a)
	}
	if len(repair.Set) > 0 && sh.known(t, c.Where.Columns()) {
		repair.Where = c.Where
		sh.repair(t, repair, c.Settled)
	}
}

// usable refuses expressions that cannot be evaluated row by row in a trigger.
func (sh *shape) usable(e Expr, what string) bool {
	if e.Subquery {
		sh.fail("", "compute it from the row's own columns", "%s reads other rows or tables, which a row trigger cannot keep current", what)
		return false
	}
	return true
}

// setUp makes an UPDATE of an added column its transform. A WHERE that merely
// says "where it is still NULL" is dropped: a new column is NULL everywhere. What
// an earlier UPDATE wrote stays where this one's WHERE does not hold.
func (sh *shape) setUp(t *tableShape, col *columnShape, e, where Expr) {
	before := col.filling()
	if !col.up.IsZero() && before.Volatile {
		sh.fail("update-without-transform", "combine them into one expression, with CASE if need be",
			"column %q is filled by more than one UPDATE, the first of which gives something else at every evaluation", col.name)
		return
	}
	up := sh.resolve(t, e)
	switch {
	case where.IsZero():
	case isNullTest(where, col.name) && col.up.IsZero():
		if !before.IsZero() { // no row is NULL
			return
		}
	case isNullTest(where, col.name):
		up = orElse(before, up)
	default:
		if !sh.known(t, where.Columns()) || !sh.usable(where, "WHERE") {
			return
		}
		cond := sh.resolve(t, where)
		if slices.Contains(cond.Columns(), col.name) {
			sh.fail("", "say it in terms of the old shape's columns", "WHERE reads %q, which this UPDATE fills", col.name)
			return
		}
		up = caseWhen(cond, up, before)
	}
	const most = 2000 // what is computed from itself doubles each time
	if len(up.Parts) > most {
		sh.fail("update-without-transform", "combine them into one expression, with CASE if need be",
			"column %q is filled by so many UPDATEs that depend on each other that nobody could read the expression", col.name)
		return
	}
	col.up, col.upAt = up, sh.cur
}

// orElse is a value, and another one where that is NULL.
func orElse(e, otherwise Expr) Expr {
	parts := slices.Concat([]Part{{Text: "COALESCE("}}, e.Parts, []Part{{Text: ", "}}, otherwise.Parts, []Part{{Text: ")"}})
	return Expr{
		Parts: parts, Volatile: e.Volatile || otherwise.Volatile, Stable: e.Stable || otherwise.Stable,
		MaybeNull: otherwise.MaybeNull, NullInputs: slices.Clone(otherwise.NullInputs),
	}
}

// filling is what the rows that are there have in an added column so far: what an
// UPDATE wrote, or the default that it came with; zero for NULL.
func (c *columnShape) filling() Expr {
	switch {
	case !c.up.IsZero():
		return c.up
	case c.lateDefault:
		return Expr{}
	}
	return c.early()
}

// isNullTest recognises "column IS NULL".
func isNullTest(where Expr, column string) bool {
	return len(where.Parts) == 2 && where.Parts[0].Column == column &&
		strings.EqualFold(strings.TrimSpace(where.Parts[1].Text), "IS NULL")
}

// caseWhen is then where cond holds, and elsewhere what the rows have without
// the UPDATE: the column's default, or NULL.
func caseWhen(cond, then, otherwise Expr) Expr {
	parts := []Part{{Text: "CASE WHEN "}}
	parts = append(parts, cond.Parts...)
	parts = append(parts, Part{Text: " THEN "})
	parts = append(parts, then.Parts...)
	if !otherwise.IsZero() {
		parts = append(parts, Part{Text: " ELSE "})
		parts = append(parts, otherwise.Parts...)
	}
	parts = append(parts, Part{Text: " END"})
	return Expr{
		Parts:      parts,
		Volatile:   cond.Volatile || then.Volatile || otherwise.Volatile,
		Stable:     cond.Stable || then.Stable || otherwise.Stable,
		MaybeNull:  then.MaybeNull || otherwise.MaybeNull || otherwise.IsZero(),
		NullInputs: append(append([]string{}, then.NullInputs...), otherwise.NullInputs...),
	}
}

// resolve rewrites an expression, written over the names of this point of the
// migration, over the names that exist while both shapes live: columns of the
// old shape under their old name. An added column that has a transform already
// is replaced by it, since it is its value.
func (sh *shape) resolve(t *tableShape, e Expr) Expr {
	out := Expr{Volatile: e.Volatile, Stable: e.Stable, MaybeNull: e.MaybeNull, Subquery: e.Subquery}
	for _, p := range e.Parts {
		col := t.column(p.Column)
		switch {
		case p.Column == "" || col == nil:
			out.Parts = append(out.Parts, p)
		case col.orig != nil:
			out.Parts = append(out.Parts, Part{Column: col.orig.Name})
		case !col.up.IsZero():
			out.Parts = append(out.Parts, Part{Text: "("})
			out.Parts = append(out.Parts, col.up.Parts...)
			out.Parts = append(out.Parts, Part{Text: ")"})
			out.Volatile = out.Volatile || col.up.Volatile
			out.Stable = out.Stable || col.up.Stable
			out.MaybeNull = out.MaybeNull || col.up.MaybeNull
		default:
			out.Parts = append(out.Parts, Part{Column: col.name})
		}
	}
	for _, n := range e.NullInputs {
		if col := t.column(n); col != nil && col.orig != nil {
			out.NullInputs = append(out.NullInputs, col.orig.Name)
		} else if col != nil && !col.up.IsZero() {
			out.NullInputs = append(out.NullInputs, col.up.NullInputs...)
		} else {
			out.NullInputs = append(out.NullInputs, n)
		}
	}
	return out
}

// asOpen rewrites an expression over the names of this point of the migration
// for the columns as they are called while both shapes live. Unlike resolve it
// leaves added columns be: they are filled by then.
func (t *tableShape) asOpen(e Expr) Expr {
	names := map[string]string{}
	for _, c := range e.Columns() {
		if col := t.column(c); col != nil && col.orig != nil {
			names[c] = col.orig.Name
		}
	}
	return rename(e, names)
}

// asFinal makes of an expression over the old shape one over the new shape.
func (t *tableShape) asFinal(e Expr) Expr {
	names := map[string]string{}
	for _, c := range t.columns {
		if c.orig != nil && !c.dropped {
			names[c.orig.Name] = c.name
		}
	}
	return rename(e, names)
}

// repair accepts an UPDATE of existing columns if running it twice on a row
// does what running it once does: chunks are retried, and what comes since is
// repaired again in contract. Where a column is computed from itself, the WHERE
// may leave out the rows that are done: dialects ask for that to be confirmed
// (repair-not-repeatable). settled are the columns of which they know better.
func (sh *shape) repair(t *tableShape, r Repair, settled []string) {
	for i, a := range r.Set {
		for _, in := range a.Expr.Columns() {
			for _, b := range r.Set {
				if b.Column == in && (in != a.Column || !slices.Contains(r.Where.Columns(), in) && !slices.Contains(settled, in)) {
					sh.fail("unbatched-update", "say which rows need it in terms of other columns, or put the new value into a column of its own and drop the old one",
						"UPDATE computes %q from itself: run twice on a row it may not give the same, so it cannot be run in chunks", in)
					return
				}
			}
		}
		r.Set[i].Expr = sh.resolve(t, a.Expr)
		r.Set[i].Column = t.column(a.Column).orig.Name
		if r.Set[i].Expr.Volatile {
			sh.fail("unbatched-update", "use a value that is the same each time", "UPDATE sets %q to something that differs at every evaluation", a.Column)
			return
		}
	}
	if !r.Where.IsZero() {
		if !sh.usable(r.Where, "WHERE") {
			return
		}
		r.Where = sh.resolve(t, r.Where)
	}
	t.repairs = append(t.repairs, located[Repair]{sh.cur, r})
}

// directiveUps applies the migrate:up directives; they win over an UPDATE.
func (sh *shape) directiveUps() {
	for _, u := range sh.dir.ups {
		sh.cur = at{pos: u.pos, stmt: -1}
		t := sh.directiveTable(u.table)
		if t == nil {
			continue
		}
		col := t.column(u.Column)
		switch {
		case col == nil:
			sh.noColumn(t, u.Column)
		case col.remade != nil && sh.knownEver(t, u.Expr.Columns()) && sh.usable(u.Expr, "migrate:up"):
			col.takeUp(sh.resolve(t, u.Expr))
		case col.remade != nil:
		case col.orig != nil:
			sh.fail("", "use migrate:down for a column of the old shape",
				"migrate:up is for columns that this migration adds; %s.%s was there before", t.label, u.Column)
		case sh.knownEver(t, u.Expr.Columns()) && sh.usable(u.Expr, "migrate:up"):
			for _, in := range u.Expr.Columns() {
				if c := t.column(in); in != u.Column && c != nil && c.orig == nil {
					sh.fail("", "write it over the old shape's columns", "migrate:up of %q reads %q, which this migration adds too", u.Column, in)
					return
				}
			}
			col.up, col.upAt = u.Expr, sh.cur
		}
	}
}

// directiveTable finds the table of a directive among those that the migration touches.
func (sh *shape) directiveTable(r Ref) *tableShape {
	t := sh.s.Table(r)
	for _, ts := range sh.tables {
		if t != nil && ts.t == t || ts.renamed(r) {
			return ts
		}
	}
	if sh.s.Assumed && t == nil {
		return nil
	}
	sh.fail("", "name a table that the migration changes", "the directive is about table %q, which this migration does not touch", r)
	return nil
}

// knownEver accepts columns of the old shape (also dropped ones) and added ones.
func (sh *shape) knownEver(t *tableShape, columns []string) bool {
	ok := true
	for _, c := range columns {
		if t.t.Column(c) == nil && t.column(c) == nil {
			sh.noColumn(t, c)
			ok = false
		}
	}
	return ok
}
