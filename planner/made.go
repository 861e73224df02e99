package planner

import (
	"fmt"
	"slices"
	"strings"
)

// made.go plans the tables that a migration makes. Nobody uses them yet, so
// whatever the file says of them simply runs, in the file's order.

// madeStatement is a statement that is about tables of the migration's own.
type madeStatement struct {
	at
	// creates is the table that it creates, else it is about tables.
	creates *tableShape
	tables  []*tableShape
	// joins: it stands right behind another one about the same table.
	joins bool
	it    BuildStatement
}

// onMade takes a statement that is about the migration's own tables alone.
func (sh *shape) onMade(st Statement) bool {
	var tables []*tableShape
	for _, c := range st.Changes {
		t := sh.madeTable(c)
		if t == nil {
			return false
		}
		if !slices.Contains(tables, t) {
			tables = append(tables, t)
		}
	}
	if len(tables) == 0 {
		return false
	}
	m := madeStatement{at: sh.cur, tables: tables, joins: len(tables) == 1 && sh.making == tables[0]}
	m.it = BuildStatement{SQL: st.SQL, Changes: st.Changes, Unchecked: sh.unchecked}
	for _, c := range st.Changes {
		sh.change(&m, sh.madeTable(c), c)
	}
	m.it.After = &Table{Ref: tables[0].ref, Kind: "table"}
	if now := sh.mem.Table(tables[0].ref); now != nil {
		m.it.After.Columns, m.it.After.Constraints = slices.Clone(now.Columns), slices.Clone(now.Constraints)
	}
	sh.made, sh.making = append(sh.made, m), nil
	if len(tables) == 1 {
		sh.making = tables[0]
	}
	return true
}

// ofTables are the kinds of Direct statements that say something of a table and
// nothing of anything else: they go when it goes.
var ofTables = []string{
	"constraint", "constraint validation", "index", "identity", "identity column", "expression", "rows", "comment", "grant", "column grant",
	"table setting", "column setting", "column option", "primary key", "partition", "storage",
}

// madeTable is the table of the migration's own that a change is about; nil if it
// is about anything else.
func (sh *shape) madeTable(c Change) *tableShape {
	r := tableOf(c)
	switch c := c.(type) {
	case CreateTable, Ignored:
		return nil
	case Opaque:
		r = c.Table
	case DropIndex:
		if t := sh.mem.indexed(c); t != nil {
			r = t.Ref
		}
	case Direct:
		if !slices.Contains(ofTables, c.Object.Kind) {
			return nil
		}
		for _, n := range c.Needs {
			if sh.makes(n.Table) == nil {
				return nil
			}
		}
		r = c.Object.On
	default:
	}
	t := sh.makes(r)
	if t != nil && t.joinsOther(sh.s) {
		switch c.(type) {
		case CreateIndex, AddCheck, AddConstraint, InsertRows:
		default:
			return nil
		}
	}
	return t
}

// makes finds a table that the migration has made by its name at this point.
func (sh *shape) makes(r Ref) *tableShape {
	if r.Name == "" {
		return nil
	}
	for _, t := range sh.tables {
		if t.created != nil && !t.dropped && t.ref.Name == r.Name && (r.Schema == "" || t.ref.Schema == "" && r.Schema == sh.s.Default || t.ref.Schema == r.Schema) {
			return t
		}
	}
	return nil
}

// joinsOther reports a partition of a table that was there before: its rows are
// that table's from the first moment on.
func (t *tableShape) joinsOther(s *Schema) bool {
	return t.created.Of != (Ref{}) && s.Table(t.created.Of) != nil
}

// change notes one change of a table of the migration's own.
func (sh *shape) change(m *madeStatement, t *tableShape, c Change) {
	if t == nil { // dropped earlier in the same statement
		sh.fail("", "", "the statement is about a table that it drops")
		return
	}
	known := sh.mem.Table(t.ref)
	if known != nil && !t.vague {
		sh.knownOf(known, c)
	}
	what := ""
	switch c := c.(type) {
	case RenameTable:
		sh.name(c.To, "table")
		if o := (Ref{Schema: t.ref.Schema, Name: c.To}); sh.s.Table(o) != nil || sh.makes(o) != nil {
			sh.fail("", "choose another name", "%q is there already", c.To)
			return
		}
		what = "rename it to " + c.To
		m.it.Renames = append(m.it.Renames, Rename{From: t.ref.Name, To: c.To})
		t.moved = true
		t.ref.Name = c.To
		t.label = sh.s.Display(t.ref)
	case DropTable:
		what, t.dropped, m.it.Drops = "drop it", true, true
	case AddConstraint:
		what = "add " + c.Kind
		if c.Kind == "foreign key" {
			to := sh.s.Table(c.Refers)
			switch {
			case to != nil:
				m.it.Refers = append(m.it.Refers, to)
			case sh.makes(c.Refers) == nil:
				sh.missing("check the name, and that the database is the one you mean", "there is no table %q", c.Refers)
			}
		}
	case InsertRows, UpdateRows, DeleteRows:
		m.it.Rows, t.filled = true, true
		what = map[bool]string{true: "insert rows", false: "change rows"}[isInsert(c)]
		sh.copied(m, t, c)
	case Opaque:
		what, t.vague = c.What, true
	case Direct:
		what = c.What
	default:
		what = whatOf(c)
	}
	if !slices.Contains(m.it.What, what) {
		m.it.What = append(m.it.What, what)
	}
	sh.mem.change(c, m.it.SQL)
}

func isInsert(c Change) bool {
	_, ok := c.(InsertRows)
	return ok
}

// copied tells of an INSERT that copies the rows which other tables have at that
// moment.
func (sh *shape) copied(m *madeStatement, t *tableShape, c Change) {
	in, ok := c.(InsertRows)
	if !ok {
		return
	}
	for _, r := range in.Reads {
		from := sh.s.Table(r)
		if from == nil || slices.Contains(m.it.Copies, from) {
			continue
		}
		m.it.Copies = append(m.it.Copies, from)
		sh.notes = append(sh.notes, fmt.Sprintf("%s gets the rows that %s has when expand runs, once: what is written to %s afterwards is not copied",
			t.label, sh.s.Display(from.Ref), sh.s.Display(from.Ref)))
	}
}

// whatOf names a change of a table in a few words.
func whatOf(c Change) string {
	switch c := c.(type) {
	case AddColumn:
		return "add column " + c.Column.Name
	case DropColumn:
		return "drop column " + c.Column
	case RenameColumn:
		return "rename column " + c.From + " to " + c.To
	case ChangeType:
		return "change column " + c.Column
	case RedefineColumn:
		return "change column " + c.From
	case SetNotNull:
		return "change column " + c.Column
	case DropNotNull:
		return "change column " + c.Column
	case SetDefault:
		return "change column " + c.Column
	case DropDefault:
		return "change column " + c.Column
	case CreateIndex:
		return "create index " + c.Name
	case DropIndex:
		return "drop index " + c.Name
	case AddCheck:
		return "add check"
	case DropConstraint:
		return strings.TrimSpace("drop constraint " + c.Name)
	}
	return "change it"
}

// knownOf checks that the columns exist that a change of a table of the
// migration's own mentions.
func (sh *shape) knownOf(t *Table, c Change) {
	has := func(name string) bool {
		return slices.ContainsFunc(t.Columns, func(col Column) bool {
			return col.Name == name || len(sh.s.Path) == 0 && strings.EqualFold(col.Name, name)
		})
	}
	var names []string
	switch c := c.(type) {
	case AddColumn:
		if has(c.Column.Name) && !c.IfNotExists {
			sh.fail("", "remove the clause, or choose another name", "table %q has a column %q already", sh.s.Display(t.Ref), c.Column.Name)
		}
	case DropColumn:
		if !c.IfExists {
			names = []string{c.Column}
		}
	case RenameColumn:
		names = []string{c.From}
	case ChangeType:
		names = []string{c.Column}
	case RedefineColumn:
		names = []string{c.From}
	case SetNotNull:
		names = []string{c.Column}
	case DropNotNull:
		names = []string{c.Column}
	case SetDefault:
		names = []string{c.Column}
	case DropDefault:
		names = []string{c.Column}
	case CreateIndex:
		names = c.Columns
	case AddConstraint:
		names = c.Columns
	case InsertRows:
		names = c.Columns
	case UpdateRows:
		for _, a := range c.Set {
			names = append(names, a.Column)
		}
	}
	for _, n := range names {
		if len(t.Columns) > 0 && !has(n) {
			sh.fail("", "check the name", "table %q has no column %q", sh.s.Display(t.Ref), n)
		}
	}
}

// buildMade emits what the file does with its own tables: early, what later
// statements may stand on; late, the rows that nothing comes after, for they may
// read columns that other tables get.
func (b *builder) buildMade(late bool) {
	last := -1
	for i, m := range b.made {
		if m.barrier() {
			last = i
		}
	}
	renamed := map[*tableShape]int{} // where a table gets its last name
	for i, m := range b.made {
		if len(m.it.Renames) > 0 {
			for _, t := range m.tables {
				renamed[t] = i
			}
		}
	}
	var open *OpBuildTable
	place := -1
	flush := func() {
		if open != nil {
			b.ops[stageExpand][place].op = *open
			open = nil
		}
	}
	for i, m := range b.made {
		if (m.it.Rows && i > last) != late {
			flush()
			continue
		}
		if m.creates != nil {
			flush()
			b.createTable(m.creates)
			continue
		}
		if open == nil || !m.joins {
			flush()
			open, place = &OpBuildTable{}, len(b.ops[stageExpand])
			b.add(stageExpand, m.at, nil)
		}
		b.join(open, m)
		for _, t := range m.tables {
			if at, ok := renamed[t]; ok && at == i && !t.dropped {
				open.Guards = append(open.Guards, BuildGuard{Table: t.ref, Seeds: b.keepNames(t)})
			}
		}
	}
	flush()
}

// barrier reports a statement before which all rows must be there that the file
// wrote before it.
func (m madeStatement) barrier() bool {
	if m.creates != nil {
		return false
	}
	return slices.ContainsFunc(m.it.Changes, func(c Change) bool {
		switch c.(type) {
		case CreateIndex, InsertRows:
			return false
		}
		return true
	})
}

// join adds a statement to those that run together.
func (b *builder) join(op *OpBuildTable, m madeStatement) {
	op.Table = m.it.After
	op.Statements = append(op.Statements, m.it)
	t := m.tables[0]
	op.InUse = t.joinsOther(b.s)
	if m.it.Rows {
		t.kept = true
	}
	if t.kept && !t.dropped && len(m.tables) == 1 {
		op.Keep = b.keepName(t)
	}
}

// keepName is the name under which the rows are kept in mind that the migration
// writes into a table of its own.
func (b *builder) keepName(t *tableShape) string {
	return digest(b.ps.file.Name, t.created.Table.String(), "made")
}

// keepNames are those of all rows that a table of the migration's own may have
// from the migration: a partition gets rows of the table that it is of, and that
// has its partitions'.
func (b *builder) keepNames(t *tableShape) []string {
	var out []string
	for _, o := range b.tables {
		if o.created == nil || !o.filled {
			continue
		}
		related := o == t || o.created.Table == t.created.Of || o.created.Of == t.created.Table || t.created.Of != (Ref{}) && o.created.Of == t.created.Of
		if related {
			out = append(out, b.keepName(o))
		}
	}
	return out
}

func (b *builder) createTable(t *tableShape) {
	b.refuseLike(t)
	op := OpCreateTable{Change: *t.created, Seeds: b.keepNames(t), Moves: t.moved || t.dropped, Unchecked: t.unchecked}
	for _, o := range b.tables {
		if o.created != nil {
			op.Made = append(op.Made, o.created.Table)
		}
	}
	b.add(stageExpand, t.at, op)
}

// InShort joins what statements do, of many the first.
func InShort(what []string) string {
	const most = 4
	what = slices.Compact(slices.Clone(what))
	if len(what) > most {
		return strings.Join(what[:most], ", ") + fmt.Sprintf(" and %d more", len(what)-most)
	}
	return strings.Join(what, ", ")
}
