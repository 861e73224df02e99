package planner

import "slices"

// evolve_table.go follows the changes of whole tables and of their indexes.

// table finds a table's shape, taking it from the schema at first sight. It
// reports a missing table and returns nil.
func (sh *shape) table(r Ref) *tableShape {
	t := sh.s.Table(r)
	ref := r
	if t != nil {
		ref = t.Ref
	}
	for _, ts := range sh.tables {
		if ts.created != nil && ts.dropped {
			continue
		}
		if ts.renamed(r) {
			return ts
		}
		if ts.ref == ref || ts.created != nil && ts.ref.Name == r.Name && (r.Schema == "" || ts.ref.Schema == r.Schema) {
			if ts.dropped {
				sh.fail("", "", "table %q is dropped earlier in this migration", r)
				return nil
			}
			if ts.to != "" && ts.to != r.Name && ts.toAt.stmt != sh.cur.stmt && sh.cur.stmt >= 0 {
				sh.fail("", "use its new name", "table %q is renamed to %q earlier in this migration", r, ts.to)
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

// existing refuses, for a table that this migration itself creates, what is no
// statement of its own, or what would be about the table that it is a partition of.
func (sh *shape) existing(t *tableShape, what string) bool {
	if t.t != nil {
		return true
	}
	if t.joinsOther(sh.s) {
		sh.fail("", "put it into the CREATE TABLE, or into a migration of its own", "%s on table %q, which this migration makes a partition of %s", what, t.label, t.created.Of)
		return false
	}
	sh.fail("", "write a statement for each table", "%s on table %q, which this migration creates, together with something else", what, t.label)
	return false
}

func (sh *shape) createTable(c CreateTable) {
	if t := sh.s.Table(c.Table); t != nil {
		if !c.IfNotExists {
			sh.fail("", "remove the statement, or choose another name", "table %q exists already", c.Table)
		}
		return
	}
	if t := sh.makes(c.Table); t != nil {
		if !c.IfNotExists {
			sh.fail("", "remove one of the two statements", "table %q is created twice", c.Table)
		}
		return
	}
	sh.name(c.Table.Name, "table")
	t := &tableShape{ref: c.Table, label: sh.s.Display(c.Table), created: &c, at: sh.cur, unchecked: sh.unchecked}
	sh.tables = append(sh.tables, t)
	sh.made = append(sh.made, madeStatement{at: sh.cur, creates: t})
}

func (sh *shape) dropTable(c DropTable) {
	if sh.s.Table(c.Table) == nil && c.IfExists {
		return
	}
	if t := sh.table(c.Table); t != nil && sh.existing(t, "DROP TABLE") {
		t.dropped, t.droppedAt = true, sh.cur
	}
}

func (sh *shape) createIndex(t *tableShape, c CreateIndex) {
	if t.t != nil && t.t.Index(c.Name) != nil && !t.dropsIndex(c.Name) {
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
	of := sh.s.Table(c.Table)
	if i := slices.IndexFunc(sh.tables, func(t *tableShape) bool { return t.renamed(c.Table) }); i >= 0 {
		of = sh.tables[i].t
	}
	for _, t := range sh.s.Tables {
		if c.Table != (Ref{}) && of != t || c.Schema != "" && t.Ref.Schema != c.Schema {
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
		ref := t.Ref
		if i := slices.IndexFunc(sh.tables, func(ts *tableShape) bool { return ts.t == t && ts.to != "" }); i >= 0 {
			ref.Name = sh.tables[i].to
		}
		if ts := sh.table(ref); ts != nil {
			ts.dropIndexes = append(ts.dropIndexes, located[Index]{sh.cur, *ix})
		}
		return
	}
	if !c.IfExists {
		sh.missing("check the name", "there is no index %q", c.Name)
	}
}

// renamed reports whether this is the name that a table gets.
func (t *tableShape) renamed(r Ref) bool {
	return t.to != "" && r.Name == t.to && (r.Schema == "" || r.Schema == t.ref.Schema)
}
