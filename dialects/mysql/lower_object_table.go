package mysql

import (
	"fmt"
	"slices"
	"strings"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// lower_object_table.go lowers the clauses of ALTER TABLE that change no shape:
// settings, the names and visibility of indexes, the places of columns,
// partitions, and how a table is stored.

// tableDirect is such a change being lowered.
type tableDirect struct {
	d     *dialect
	s     *planner.Schema
	op    planner.OpDirect
	o     planner.ObjectRef
	t     *planner.Table // the table as it was; empty if the migration makes it
	table string
	p     probes
}

func (d *dialect) ofTable(s *planner.Schema, op planner.OpDirect) (directStep, error) {
	o := op.Changes[0].Object
	x := tableDirect{d: d, s: s, op: op, o: o, t: s.Table(o.On), table: o.On.Name, p: d.probes(s, o.On.Name)}
	if x.t == nil {
		x.t = &planner.Table{Ref: o.On}
	}
	if e := x.t.Facts[factEngine]; e != "" && !strings.EqualFold(e, "InnoDB") {
		return directStep{}, d.unsupported("table "+x.table, "its engine is "+e, "ALTER TABLE … ENGINE=InnoDB before")
	}
	lower := map[string]func() (directStep, error){
		objectSetting: x.setting, objectColumn: x.column, objectIndex: x.index, objectCheck: x.check, objectStorage: x.storage,
		objectRows: x.truncate, objectPartition: x.partition, objectPrimaryKey: x.primaryKey, objectIdentity: x.identity,
	}[o.Kind]
	if lower == nil {
		return directStep{}, d.unsupported(op.Changes[0].What, "this engine does not know it", "")
	}
	st, err := lower()
	st.tables = []string{x.table}
	return st, err
}

// last is the last of the changes, whose effect stays.
func (x tableDirect) last() planner.Direct { return x.op.Changes[len(x.op.Changes)-1] }

func (x tableDirect) unsupported(reason, instead string) (directStep, error) {
	return directStep{}, x.d.unsupported(x.last().What, reason, instead)
}

// clause is what a statement of ours says behind the table's name.
func (x tableDirect) clause(c planner.Direct) string {
	return strings.TrimPrefix(c.SQL, "ALTER TABLE "+quoteName(x.table)+" ")
}

// alter is the change with the way it must be run.
func (x tableDirect) alter(clause, how, probe string) []plan.Statement {
	return stmts(stmt(alterTable(x.table, how, clause), probe))
}

// back brings a setting back that inspection has found; nothing for a table that
// the migration makes.
func (x tableDirect) back(how string) []plan.Statement {
	if x.op.Before == nil {
		return nil
	}
	return x.alter(x.op.Before.Definition, how, "")
}

func (x tableDirect) setting() (directStep, error) {
	clause := x.clause(x.last())
	switch x.o.Detail {
	case detailConvert:
		return x.convert()
	case "AUTO_INCREMENT":
		// Numbers that are left out do no harm, and others may have them by then.
		return directStep{
			do: x.alter(clause, inplace, ""),
			hazards: []plan.Hazard{{
				Rule: "auto-increment-change", Severity: plan.Info, Message: "the numbers of " + x.table + " go on from there at once, and rolling back does not bring the earlier ones back",
				Instead: "leave it out, unless the numbers mean something",
			}},
		}, nil
	case "ROW_FORMAT", "KEY_BLOCK_SIZE":
		m := x.d.rebuilding(x.s, x.t)
		return directStep{
			do: x.alter(clause, m.how, ""), undo: x.back(m.how), work: m.work, rows: x.t.Rows,
			hazards: x.d.told(x.s, x.t, m, "change how rows are stored"),
		}, nil
	}
	return directStep{do: x.alter(clause, inplace, ""), undo: x.back(inplace)}, nil
}

// convert: where every column has the character set already, there is nothing
// to do; elsewhere the server copies the table.
func (x tableDirect) convert() (directStep, error) {
	words := tokens(x.clause(x.last()))
	collate := ""
	if len(words) > 6 {
		collate = words[6].text
	}
	if converted(x.t, words[4].text, collate) {
		return directStep{}, nil
	}
	return x.unsupported(fmt.Sprintf("%s copies the table to convert it, and writers wait for that; and columns that old versions compare by one collation would compare by another", x.d.product()),
		"change the columns that need it one by one: ADD COLUMN with the new character set, UPDATE, DROP COLUMN")
}

// converted reports whether all text of a table has a character set already.
// Without a collation it is the character set's default, which nobody has said.
func converted(t *planner.Table, charset, collate string) bool {
	same := func(itsCharset, itsCollation string) bool {
		return strings.EqualFold(itsCharset, charset) && strings.EqualFold(itsCollation, collate)
	}
	return len(t.Columns) > 0 && same(t.Facts[factCharset], t.Facts[factCollation]) &&
		!slices.ContainsFunc(t.Columns, func(c planner.Column) bool { return c.Collation != "" && !same(c.Charset, c.Collation) })
}

// column lowers the visibility and the place of a column.
func (x tableDirect) column() (directStep, error) {
	name, placed := strings.CutSuffix(x.o.Detail, " "+detailPlace)
	if placed {
		return x.place(name)
	}
	c := x.t.Column(name)
	back := "VISIBLE"
	if c != nil && strings.Contains(c.Rest, invisible) {
		back = invisible
	}
	var do []plan.Statement
	for _, ch := range x.op.Changes {
		do = append(do, x.alter(x.clause(ch), instant, "")...)
	}
	return directStep{do: do, undo: x.alter(fmt.Sprintf("ALTER COLUMN %s SET %s", quoteName(name), back), instant, "")}, nil
}

// place moves a column: MariaDB only notes it, MySQL writes the table anew.
func (x tableDirect) place(name string) (directStep, error) {
	clause := x.clause(x.last())
	definition, place := placeOf(clause)
	i := slices.IndexFunc(x.t.Columns, func(c planner.Column) bool { return c.Name == name })
	was := placeFirst
	switch {
	case i < 0:
		return x.unsupported("the column is added or renamed in the same migration", "say its place where it is added, or move it in a migration of its own")
	case i > 0:
		was = "AFTER " + quoteName(x.t.Columns[i-1].Name)
	}
	if strings.EqualFold(was, place) {
		return directStep{}, nil
	}
	m := x.d.rebuilding(x.s, x.t)
	if x.d.maria && !x.d.neverInstant(x.s, x.t) && !slices.ContainsFunc(x.t.Columns, func(c planner.Column) bool { return c.Generated == virtual }) {
		m = instantly
	}
	m = x.d.defining(x.t, m)
	st := directStep{
		do: x.alter(clause, m.how, x.p.behind(name, place)), undo: x.alter(definition+" "+was, m.how, x.p.behind(name, was)), work: m.work,
		hazards: append(x.d.toldDefining(x.s, x.t, m, "move column "+name), plan.Hazard{
			Rule: "insert-without-column-list", Severity: plan.Info, Message: "INSERT into " + x.table + " without a list of columns, and SELECT *, find them in another order from then on",
			Instead: "name the columns in the app's statements",
		}),
	}
	if m.work != plan.Metadata {
		st.rows = x.t.Rows
	}
	return st, nil
}

// index lowers the name and the visibility of an index.
func (x tableDirect) index() (directStep, error) {
	name := x.o.Ref.Name
	ix := x.t.Index(name)
	clause := x.clause(x.last())
	words := tokens(clause)
	if (piece{words}).word(0) == "RENAME" {
		to := words[len(words)-1].text
		if ix == nil && len(x.t.Columns) > 0 {
			return x.unsupported("there is no index "+name, "check the name")
		}
		return directStep{
			do:   x.alter(clause, inplace, x.p.indexes([]string{to}, 1)),
			undo: x.alter(fmt.Sprintf("RENAME INDEX %s TO %s", quoteName(to), quoteName(name)), inplace, x.p.indexes([]string{name}, 1)),
		}, nil
	}
	back := map[bool]string{true: "NOT IGNORED", false: "VISIBLE"}[x.d.maria]
	if ix != nil && (strings.HasSuffix(ix.Definition, " INVISIBLE") || strings.HasSuffix(ix.Definition, " IGNORED")) {
		back = map[bool]string{true: "IGNORED", false: invisible}[x.d.maria]
	}
	return directStep{
		do:   x.alter(clause, inplace, ""),
		undo: x.alter(fmt.Sprintf("ALTER INDEX %s %s", quoteName(name), back), inplace, ""),
	}, nil
}

// check lowers checks that say nothing, or say something again.
func (x tableDirect) check() (directStep, error) {
	name := x.o.Ref.Name
	i := slices.IndexFunc(x.t.Constraints, func(c planner.Constraint) bool { return c.Kind == "check" && c.Name == name })
	clause := x.clause(x.last())
	if strings.HasPrefix(clause, "ADD ") {
		return directStep{do: x.alter(clause, instant, x.p.check(name)), undo: x.alter("DROP CHECK "+quoteName(name), instant, x.p.noCheck(name))}, nil
	}
	if i < 0 {
		return x.unsupported("there is no check "+name, "check the name")
	}
	enforce, relax := "ALTER CHECK "+quoteName(name)+" ENFORCED", "ALTER CHECK "+quoteName(name)+" NOT ENFORCED"
	how := x.d.copying(x.s, x.t)
	back, backHow := enforce, how
	if strings.HasSuffix(x.t.Constraints[i].Definition, unenforced) {
		back, backHow = relax, instant
	}
	if strings.HasSuffix(clause, "NOT ENFORCED") {
		return directStep{do: x.alter(relax, instant, ""), undo: x.alter(back, backHow, "")}, nil
	}
	return directStep{
		do: x.alter(enforce, how, ""), undo: x.alter(back, instant, ""), work: plan.Rewrite, rows: x.t.Rows,
		hazards: x.d.told(x.s, x.t, manner{how, plan.Rewrite}, "look at every row for check "+name),
	}, nil
}

// storage rebuilds a table, or counts what it holds.
func (x tableDirect) storage() (directStep, error) {
	if x.o.Detail == "ANALYZE TABLE" {
		return directStep{do: stmts(stmt(x.last().SQL, "")), work: plan.Scan}, nil
	}
	m := x.d.rebuilding(x.s, x.t)
	return directStep{
		do: x.alter(x.clause(x.last()), m.how, ""), work: m.work, rows: x.t.Rows,
		hazards: x.d.told(x.s, x.t, m, "write the table anew"),
	}, nil
}

func (x tableDirect) truncate() (directStep, error) {
	for _, dep := range x.t.Dependents {
		if dep.Kind == "foreign key" {
			return x.unsupported("foreign key "+dep.Name+" refers to the table, and the server then truncates nothing", "drop it first")
		}
	}
	return directStep{
		do: stmts(stmt(x.last().SQL, "")),
		hazards: []plan.Hazard{{
			Rule: "data-loss-truncate", Severity: plan.Error, Message: "all rows of " + x.table + " are gone for good, those too that versions of the app write meanwhile",
			Instead: "DELETE with a WHERE that says which rows; or accept it with migrate:allow",
		}},
	}, nil
}

func (x tableDirect) partition() (directStep, error) {
	names := strings.Split(x.o.Detail, ", ")
	clause := x.clause(x.last())
	if len(x.op.Changes) > 1 {
		return x.unsupported("there are several statements on the same partition", "write one")
	}
	if x.last().Effect == planner.Widens {
		// What is said about the way stands before a clause about partitions; MariaDB
		// takes nothing beside one.
		way := inplace + ", "
		if x.d.maria {
			way = ""
		}
		st := directStep{
			do:   stmts(stmt(alterOf(x.o.On, way+clause), x.p.partitions(names, len(names)))),
			undo: stmts(stmt(alterOf(x.o.On, "DROP PARTITION "+quoteNames(names)), x.p.partitions(names, 0))),
		}
		st.loses = &plan.Check{
			SQL:     fmt.Sprintf("SELECT EXISTS (SELECT 1 FROM %s PARTITION (%s))", quoteName(x.table), quoteNames(names)),
			Message: "the new partitions of " + x.table + " have rows by now, which undoing would lose",
		}
		return st, nil
	}
	probe := ""
	if strings.HasPrefix(clause, "DROP") {
		probe = x.p.partitions(names, 0)
	}
	return directStep{do: stmts(stmt(alterOf(x.o.On, clause), probe)), hazards: []plan.Hazard{{
		Rule: "data-loss-truncate", Severity: plan.Warning, Message: "all rows in partition " + x.o.Detail + " of " + x.table + " are gone for good",
		Instead: "keep a backup if anybody may ask for them later",
	}}}, nil
}

// primaryKey takes one key for another, in one rebuild.
func (x tableDirect) primaryKey() (directStep, error) {
	i := slices.IndexFunc(x.t.Indexes, func(ix planner.Index) bool { return ix.Primary })
	if i < 0 {
		return x.unsupported("it has none", "leave DROP PRIMARY KEY out")
	}
	clause := x.clause(x.last())
	c, err := x.d.constraintOf(strings.TrimPrefix(clause, "DROP PRIMARY KEY, "))
	if err != nil {
		return directStep{}, err
	}
	var columns []string
	for _, k := range c.Keys {
		columns = append(columns, k.Column.Name.O)
		if col := x.t.Column(k.Column.Name.O); col != nil && !col.NotNull {
			return x.unsupported("column "+col.Name+" may be NULL, which a primary key may not", "say NOT NULL in a migration before")
		}
	}
	for _, dep := range x.t.Dependents {
		if dep.Kind == "foreign key" && !slices.ContainsFunc(x.t.Indexes, func(ix planner.Index) bool { return !ix.Primary && startsWith(ix.Columns, dep.Columns) }) &&
			!startsWith(columns, dep.Columns) {
			return x.unsupported("foreign key "+dep.Name+" points to the key that goes", "make a unique index on its columns first")
		}
	}
	m := x.d.rebuilding(x.s, x.t)
	return directStep{
		do:   x.alter(clause, m.how, x.p.primary(columns)),
		undo: x.alter(fmt.Sprintf("DROP PRIMARY KEY, ADD PRIMARY KEY (%s)", quoteNames(x.t.Indexes[i].Columns)), m.how, x.p.primary(x.t.Indexes[i].Columns)),
		work: m.work, rows: x.t.Rows, hazards: x.d.told(x.s, x.t, m, "change its primary key"),
	}, nil
}

func startsWith(of, columns []string) bool {
	return len(of) >= len(columns) && slices.Equal(of[:len(columns)], columns)
}

// identity adds a column that counts by itself: the server numbers the rows
// while it writes them anew, and lets nobody write meanwhile.
func (x tableDirect) identity() (directStep, error) {
	name := x.o.Detail
	clause := x.clause(x.last())
	undo := "DROP COLUMN " + quoteName(name)
	if (piece{tokens(clause)}).has("PRIMARY") {
		undo = "DROP PRIMARY KEY, " + undo
	}
	m := manner{inplaceShared, plan.Rewrite}
	return directStep{
		do:   x.alter(clause, m.how, x.p.columns([]string{name}, 1)),
		undo: x.alter(undo, x.d.copying(x.s, x.t), x.p.columns([]string{name}, 0)),
		work: m.work, rows: x.t.Rows, hazards: x.d.told(x.s, x.t, m, "number its rows"),
	}, nil
}
