package planner

import (
	"slices"
	"strings"

	"github.com/expandcontract/migrate/planner/plan"
)

// touch.go finds out what a migration touches, so that no two open ones meddle
// with the same column.

// touches lists "table.*" for tables that come or go, and "table.column".
func (b *builder) touches() []string {
	var out []string
	for _, t := range b.tables {
		ref := t.ref
		if t.created != nil && ref.Schema == "" && len(b.s.Path) > 0 {
			ref.Schema = b.s.Default // where it will be found later
		}
		add := func(columns ...string) {
			for _, c := range columns {
				out = append(out, ref.String()+"."+c)
			}
		}
		if t.created != nil || t.dropped || t.to != "" {
			add("*")
			if t.moved {
				out = append(out, Ref{Schema: ref.Schema, Name: t.created.Table.Name}.String()+".*")
			}
			continue
		}
		for _, c := range t.columns {
			if c.touched() {
				add(c.name)
				if c.orig != nil {
					add(c.orig.Name)
				}
				add(c.up.Columns()...)
			}
		}
		for _, d := range b.dir.downs {
			if b.s.Table(d.table) == t.t {
				add(d.Column)
				add(d.Expr.Columns()...)
			}
		}
		for _, ck := range t.checks {
			add(ck.it.Check.Columns()...)
		}
		for _, ix := range t.indexes {
			add(ix.it.Columns...)
		}
		for _, k := range t.constraints {
			add(k.it.Columns...)
		}
		for _, k := range t.dropKeys {
			add(k.it.Columns...)
		}
		for _, ix := range t.dropIndexes {
			add(ix.it.Columns...)
		}
		for _, r := range t.repairs {
			for _, a := range r.it.Set {
				add(a.Column)
			}
		}
	}
	for _, g := range b.directs {
		r := g.object.Ref
		if r.Schema == "" && len(b.s.Path) > 0 {
			r.Schema = b.s.Default
		}
		if r.Name != "" {
			out = append(out, g.object.Kind+" "+r.String()+g.object.Detail)
		}
	}
	out = append(out, b.readings()...)
	slices.Sort(out)
	return slices.Compact(out)
}

// readings lists what of other tables a migration relies on: what its foreign
// keys point to, and what views, functions and the like mention.
func (b *builder) readings() []string {
	var out []string
	read := func(r Ref, columns []string) {
		t := b.s.Table(r)
		if t == nil {
			return // made by this migration, and among its touches
		}
		out = append(out, plan.Reading(t.Ref.String()+".")) // the table, whatever its columns
		for _, c := range columns {
			out = append(out, plan.Reading(t.Ref.String()+"."+c))
		}
	}
	for _, t := range b.tables {
		if t.created != nil {
			for _, l := range t.created.Like {
				read(l, nil)
			}
		}
		for _, k := range t.constraints {
			columns := k.it.RefColumns
			if to := b.s.Table(k.it.Refers); to != nil && len(columns) == 0 {
				columns = to.Key
			}
			if k.it.Refers != (Ref{}) {
				read(k.it.Refers, columns)
			}
		}
	}
	for _, g := range b.directs {
		for _, d := range g.its {
			for _, n := range d.it.Needs {
				read(n.Table, n.Columns)
			}
		}
	}
	return out
}

// touched reports whether the migration changes the column at all.
func (c *columnShape) touched() bool {
	if c.orig == nil || c.dropped || c.renamed() || c.retype != nil || c.restated() {
		return true
	}
	bare := func(s string) string { return s }
	return c.notNull != c.orig.NotNull || c.def.SQL(bare) != c.orig.Default.SQL(bare)
}

// overlaps refuses a migration that touches what an open one touches.
func (b *builder) overlaps(open []OpenMigration, mine []string) {
	for _, o := range open {
		if o.Name == b.ps.file.Name {
			continue
		}
		for _, m := range mine {
			if other, ok := meets(m, o.Touches); ok {
				b.ps.at(b.ps.file.Pos(0), "", "contract (or roll back) "+o.Name+" first",
					"migration %s is open and touches %s, which this one touches too", o.Name, plan.TouchedName(other))
				break
			}
		}
	}
}

func meets(m string, others []string) (string, bool) {
	i := slices.IndexFunc(others, func(o string) bool { return plan.Meet(m, o) })
	if i < 0 {
		return "", false
	}
	return others[i], true
}

// checkExprs lists a table's expressions for the server to look at. A column
// that does not exist yet stands there as a NULL of its type.
func (b *builder) checkExprs(t *tableShape, downs []down) {
	types := map[string]string{}
	for _, n := range b.newColumns(t) {
		types[n.Name] = n.Type
	}
	c := checkedExprs{t: t.t}
	add := func(e Expr, typ, what string, pos plan.Pos) {
		if e = b.withNulls(e, types); !b.makes(e.SQL(func(string) string { return "" }) + " " + typ) {
			c.exprs = append(c.exprs, TypedExpr{Expr: e, Type: typ, Pos: pos, What: what})
		}
	}
	for _, col := range t.columns {
		if !col.up.IsZero() {
			add(col.up, col.typ, "the value of "+t.label+"."+col.name, col.upAt.pos)
		}
		if !col.generatedAs.IsZero() {
			add(col.generatedAs, col.typ, "the expression of "+t.label+"."+col.name, col.at.pos)
		}
		if !col.dropped && !col.def.IsZero() && col.generated == "" && (col.orig == nil || !b.d.SameDefault(col.orig.Default, col.def)) {
			add(col.def, col.typ, "the default of "+t.label+"."+col.name, col.at.pos)
		}
	}
	for _, d := range downs {
		add(d.expr, t.t.Column(d.column).Type, "migrate:down "+t.label+"."+d.column, d.at.pos)
	}
	for _, ck := range t.checks {
		add(ck.it.Check, "", "the check on "+t.label, ck.pos)
	}
	for _, r := range t.repairs {
		for _, a := range r.it.Set {
			add(a.Expr, t.t.Column(a.Column).Type, "the UPDATE of "+t.label+"."+a.Column, r.pos)
		}
		if !r.it.Where.IsZero() {
			add(r.it.Where, "", "the WHERE of the UPDATE of "+t.label, r.pos)
		}
	}
	if len(c.exprs) > 0 {
		b.exprs = append(b.exprs, c)
	}
}

// makes reports whether a text mentions something that the migration itself
// makes, which the server does not know before.
func (b *builder) makes(text string) bool {
	return slices.ContainsFunc(b.directs, func(g *directGroup) bool {
		switch g.object.Kind {
		case "type", "domain", "function", "sequence", "collation":
			return b.s.Object(g.object) == nil && strings.Contains(text, g.object.Ref.Name)
		case "extension":
			return b.s.Object(g.object) == nil
		}
		return false
	})
}

func (b *builder) withNulls(e Expr, types map[string]string) Expr {
	out := e
	out.Parts = slices.Clone(e.Parts)
	for i, p := range out.Parts {
		if typ, ok := types[p.Column]; ok {
			out.Parts[i] = Part{Text: b.d.TypedNull(typ)}
		}
	}
	return out
}
