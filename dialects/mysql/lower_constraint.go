package mysql

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// lower_constraint.go adds and drops keys.
//
// A foreign key with checks on copies the table while writers wait (and on
// MySQL, while the parent's wait, too). With foreign_key_checks off it is made
// in place beside them, and rows that are there are not looked at: but from that
// moment on no other session can write a row without a parent. So they are
// looked at after that, and then all are proven.

const (
	checksOff = "SET SESSION foreign_key_checks = 0"
	checksOn  = "SET SESSION foreign_key_checks = 1"
)

func (d *dialect) addConstraint(s *planner.Schema, op planner.OpAddConstraint) (planner.Lowered, error) {
	switch op.Constraint.Kind {
	case "unique":
		return d.addUnique(s, op), nil
	case "primary key":
		return d.addPrimaryKey(s, op)
	case "foreign key":
		return d.addForeignKey(s, op)
	}
	return planner.Lowered{}, d.unsupported("the constraint "+op.Constraint.Name, d.product()+" has no "+op.Constraint.Kind+" constraints", "")
}

// addUnique adds one without a name: the first column's, or that with the next
// number which is free.
func (d *dialect) addUnique(s *planner.Schema, op planner.OpAddConstraint) planner.Lowered {
	name := op.Constraint.Name
	if name == "" {
		name = freeIndex(op, op.Constraint.Columns[0])
	}
	_, parts, _ := strings.Cut(op.Constraint.SQL, "(")
	return d.buildIndex(s, op.Table, planner.Index{
		Name: name, Columns: op.Constraint.Columns, Unique: true,
		Definition: fmt.Sprintf("CREATE UNIQUE INDEX %s ON %s (%s", quoteName(name), quoteName(op.Table.Ref.Name), parts),
	}, "")
}

// freeIndex is the name that the server would give an index.
func freeIndex(op planner.OpAddConstraint, column string) string {
	var taken []string
	for _, ix := range op.Table.Indexes {
		taken = append(taken, strings.ToLower(ix.Name))
	}
	for _, ix := range op.Indexes {
		taken = append(taken, strings.ToLower(ix.Name))
	}
	for _, c := range op.Earlier {
		name := c.Name
		if name == "" && c.Kind == "unique" {
			name = c.Columns[0]
		}
		taken = append(taken, strings.ToLower(name))
	}
	name := column
	for i := 2; slices.Contains(taken, strings.ToLower(name)); i++ {
		name = column + "_" + strconv.Itoa(i)
	}
	return name
}

func (d *dialect) addPrimaryKey(s *planner.Schema, op planner.OpAddConstraint) (planner.Lowered, error) {
	table := op.Table.Ref.Name
	for _, c := range op.Columns {
		if !c.NotNull && op.Table.Facts != nil {
			return planner.Lowered{}, d.unsupported(fmt.Sprintf("column %s.%s", table, c.Name), "it may be NULL, which a primary key may not",
				"say NOT NULL in the migration, too")
		}
	}
	m := d.rebuilding(s, op.Table)
	p := d.probes(s, table)
	st := ddl(table, fmt.Sprintf("make (%s) the primary key of %s", strings.Join(op.Constraint.Columns, ", "), table),
		"the server writes the table anew, in the key's order, beside its writers", m.work,
		stmts(stmt(setMode, ""), stmt(alterTable(table, m.how, "ADD "+op.Constraint.SQL), p.indexes([]string{"PRIMARY"}, 1))),
		stmts(stmt(alterTable(table, d.copying(s, op.Table), "DROP PRIMARY KEY"), p.indexes([]string{"PRIMARY"}, 0))))
	st.Rows = op.Table.Rows
	out := steps(st)
	out.Hazards = d.told(s, op.Table, m, "add the primary key")
	return out, nil
}

// mysqlInlineReferences is the first MySQL that makes a key of REFERENCES in a
// column's definition (MySQL 9.0 Reference Manual, What Is New). MariaDB does so
// from 10.5 on, which is before all that this package is for.
const mysqlInlineReferences = 90000

func (d *dialect) addForeignKey(s *planner.Schema, op planner.OpAddConstraint) (planner.Lowered, error) {
	if strings.HasPrefix(op.Constraint.SQL, "REFERENCES") {
		if !d.maria && s.VersionNum < mysqlInlineReferences {
			return planner.Lowered{Notes: []string{fmt.Sprintf("MySQL before 9.0 reads REFERENCES in the definition of %s.%s and does nothing about it; so does this migration: "+
				"for a foreign key write ADD CONSTRAINT … FOREIGN KEY", op.Table.Ref.Name, op.Constraint.Columns[0])}}, nil
		}
		op.Constraint.SQL = fmt.Sprintf("FOREIGN KEY (%s) %s", quoteNames(op.Constraint.Columns), op.Constraint.SQL)
	}
	k := foreignKey{d: d, s: s, op: op, table: op.Table.Ref.Name, name: op.Constraint.Name}
	if k.name == "" {
		k.name = d.foreignKeyName(op)
	}
	if err := k.fits(); err != nil {
		return planner.Lowered{}, err
	}
	var out planner.Lowered
	if index := k.index(); index != nil {
		out = d.buildIndex(s, op.Table, *index, "the foreign key looks rows up by it")
	}
	out.Steps = append(out.Steps, k.unproven(), k.proof())
	return out, nil
}

// foreignKey is one being added.
type foreignKey struct {
	d           *dialect
	s           *planner.Schema
	op          planner.OpAddConstraint
	table, name string
}

// refColumns are the columns that it points to.
func (k foreignKey) refColumns() []string {
	if len(k.op.Constraint.RefColumns) > 0 || k.op.Refers == nil {
		return k.op.Constraint.RefColumns
	}
	return k.op.Refers.Key
}

// fits compares the types, which the server would refuse in contract only.
func (k foreignKey) fits() error {
	if k.op.Refers == nil {
		return nil
	}
	refs := k.refColumns()
	for i, c := range k.op.Columns {
		if i >= len(refs) {
			break
		}
		r := k.op.Refers.Column(refs[i])
		if r == nil {
			continue
		}
		a, b := parseType(c.Type), parseType(r.Type)
		same := a.name == b.name && a.unsigned == b.unsigned && (a.class() != classDecimal || a.length == b.length && a.scale == b.scale)
		if a.class() == classString && b.class() == classString {
			same = collationOf(c, k.op.Table) == "" || collationOf(*r, k.op.Refers) == "" || collationOf(c, k.op.Table) == collationOf(*r, k.op.Refers)
		}
		if !same {
			return k.d.unsupported("foreign key "+k.name, fmt.Sprintf("%s.%s is %s and %s.%s, which it points to, is %s: %s wants the same type, sign and collation",
				k.table, c.Name, described(c), k.op.Refers.Ref.Name, r.Name, described(*r), k.d.product()), "give the columns the same type before")
		}
	}
	return nil
}

// collationOf is a column's collation, "" if it is not known.
func collationOf(c planner.Column, t *planner.Table) string {
	if written := parseType(c.Type).collate; written != "" {
		return written
	}
	if c.Collation != "" {
		return c.Collation
	}
	if parseType(c.Type).charset != "" {
		return "" // the character set's own
	}
	return t.Facts[factCollation]
}

func described(c planner.Column) string {
	if c.Collation != "" {
		return c.Type + " " + c.Collation
	}
	return c.Type
}

// foreignKeyName is the name that the server would give it: t_ibfk_1, with the
// number after the highest that there is.
func (d *dialect) foreignKeyName(op planner.OpAddConstraint) string {
	prefix := op.Table.Ref.Name + "_ibfk_"
	highest := 0
	see := func(name string) {
		if n, ok := strings.CutPrefix(name, prefix); ok {
			highest = max(highest, atoi(n))
		}
	}
	for _, c := range op.Table.Constraints {
		see(c.Name)
	}
	for _, c := range op.Earlier {
		if see(c.Name); c.Kind == "foreign key" && c.Name == "" {
			highest++
		}
	}
	return prefix + strconv.Itoa(highest+1)
}

// index is the one that the server would add by itself, while writers wait; nil
// if there is one that starts with the columns.
func (k foreignKey) index() *planner.Index {
	columns := k.op.Constraint.Columns
	starts := func(of []string) bool {
		return len(of) >= len(columns) && slices.EqualFunc(of[:len(columns)], columns, strings.EqualFold)
	}
	for _, ix := range k.op.Table.Indexes {
		if starts(ix.Columns) && indexKind(ix) == "" {
			return nil
		}
	}
	for _, ix := range k.op.Indexes {
		if starts(ix.Columns) {
			return nil
		}
	}
	for _, c := range k.op.Earlier {
		if starts(c.Columns) {
			return nil
		}
	}
	name := k.op.Constraint.Name
	if name == "" {
		name = freeIndex(k.op, columns[0])
	}
	return &planner.Index{
		Name: name, Columns: columns,
		Definition: fmt.Sprintf("CREATE INDEX %s ON %s (%s)", quoteName(name), quoteName(k.table), quoteNames(columns)),
	}
}

func (k foreignKey) clause() string {
	return fmt.Sprintf("ADD CONSTRAINT %s %s", quoteName(k.name), k.op.Constraint.SQL)
}

func (k foreignKey) drop() []plan.Statement {
	return stmts(stmt(alterTable(k.table, inplace, "DROP FOREIGN KEY "+quoteName(k.name)), k.d.probes(k.s, k.table).noForeignKey(k.name)))
}

// parent is the lock on the table that it points to.
func (k foreignKey) parent() []plan.Lock {
	if k.op.Refers == nil || k.op.Refers.Ref.Name == k.table {
		return nil
	}
	return []plan.Lock{{Mode: lockExclusive, Object: k.op.Refers.Ref.Name}}
}

func (k foreignKey) unproven() plan.Step {
	st := ddl(k.table, fmt.Sprintf("add foreign key %s to %s, for rows that are written from now on", k.name, k.table),
		"looking at the rows that are there, too, would keep writers out for as long as it takes", plan.Metadata,
		stmts(stmt(checksOff, ""), stmt(alterTable(k.table, inplace, k.clause()), k.d.probes(k.s, k.table).foreignKey(k.name)), stmt(checksOn, "")),
		k.drop())
	st.AlsoLocks = k.parent()
	return st
}

// proof fails while a row has no parent. It reads without a lock.
func (k foreignKey) proof() plan.Step {
	st := plan.Step{
		Title: fmt.Sprintf("prove that every row of %s has its row in %s", k.table, k.op.Constraint.Refers.Name),
		Why:   "from the step before on nobody can write one that has none, so this proves all; it fails if a row has none",
		Mode:  plan.Each, Work: plan.Scan, Rows: k.op.Table.Rows, Lock: plan.Lock{Mode: lockShared, Object: k.table},
		Statements: stmts(stmt(failing(k.orphans()), "")),
	}
	st.SQL = script(st.Statements)
	return st
}

// orphans selects rows without a parent; a key with a NULL in it has none and
// needs none (MATCH SIMPLE).
func (k foreignKey) orphans() string {
	return orphans(k.table, k.op.Constraint.Columns, k.op.Constraint.Refers.Name, k.refColumns())
}

func orphans(table string, columns []string, parent string, refs []string) string {
	var join, set []string
	for i, c := range columns {
		set = append(set, "c."+quoteName(c)+" IS NOT NULL")
		if i < len(refs) {
			join = append(join, fmt.Sprintf("p.%s = c.%s", quoteName(refs[i]), quoteName(c)))
		}
	}
	return fmt.Sprintf("SELECT 1 FROM %s c WHERE %s AND NOT EXISTS (SELECT 1 FROM %s p WHERE %s)",
		quoteName(table), strings.Join(set, " AND "), quoteName(parent), strings.Join(join, " AND "))
}

// failing is a query that fails if another one finds a row: neither server has a
// statement for it outside of procedures, but none takes two rows for one value.
func failing(query string) string {
	return fmt.Sprintf("SELECT IF(EXISTS (%s), (SELECT 1 UNION ALL SELECT 2), 0)", query)
}

func (d *dialect) dropConstraint(s *planner.Schema, op planner.OpDropConstraint) (planner.Lowered, error) {
	table, c := op.Table.Ref.Name, op.Constraint
	p := d.probes(s, table)
	switch c.Kind {
	case "foreign key":
		return d.dropForeignKey(s, op), nil
	case "check":
		return d.dropCheck(s, op), nil
	case "unique":
		return d.dropIndex(s, planner.OpDropIndex{Table: op.Table, Index: planner.Index{Name: c.Name, Columns: c.Columns, Unique: true, Definition: c.Definition}})
	}
	return planner.Lowered{}, d.unsupported(fmt.Sprintf("the %s of %s", c.Kind, p.table), "the table would have no key to walk it by", "drop it and add another in one ALTER TABLE")
}

func (d *dialect) dropCheck(s *planner.Schema, op planner.OpDropConstraint) planner.Lowered {
	table, c := op.Table.Ref.Name, op.Constraint
	p := d.probes(s, table)
	how := d.copying(s, op.Table)
	if strings.HasSuffix(c.Definition, unenforced) {
		how = instant
	}
	st := ddl(table, fmt.Sprintf("drop check %s of %s", c.Name, table), "whatever was valid stays valid", plan.Metadata,
		stmts(stmt(alterTable(table, instant, "DROP CONSTRAINT "+quoteName(c.Name)), p.noCheck(c.Name))),
		stmts(stmt(alterTable(table, how, fmt.Sprintf("ADD CONSTRAINT %s %s", quoteName(c.Name), c.Definition)), p.check(c.Name))))
	if how != instant {
		clause := strings.TrimPrefix(c.Definition, "CHECK ")
		st.UndoLoses = &plan.Check{
			SQL:     fmt.Sprintf("SELECT EXISTS (SELECT 1 FROM %s WHERE NOT %s)", quoteName(table), clause),
			Message: fmt.Sprintf("%s has rows by now that the check %s forbids; change them, then undo again", table, c.Name),
		}
	}
	return steps(st)
}

// dropForeignKey: undo adds it again without looking at rows; a guard does.
func (d *dialect) dropForeignKey(s *planner.Schema, op planner.OpDropConstraint) planner.Lowered {
	table, c := op.Table.Ref.Name, op.Constraint
	k := foreignKey{d: d, s: s, table: table, name: c.Name}
	st := ddl(table, fmt.Sprintf("drop foreign key %s of %s", c.Name, table), "whatever was valid stays valid", plan.Metadata, k.drop(),
		stmts(stmt(checksOff, ""), stmt(alterTable(table, inplace, fmt.Sprintf("ADD CONSTRAINT %s %s", quoteName(c.Name), c.Definition)),
			d.probes(s, table).foreignKey(c.Name)), stmt(checksOn, "")))
	if parent, refs := d.referred(c.Definition); parent != "" {
		st.UndoLoses = &plan.Check{
			SQL:     "SELECT EXISTS (" + orphans(table, c.Columns, parent, refs) + ")",
			Message: fmt.Sprintf("%s has rows by now that have no row in %s; give them one, then undo again", table, parent),
		}
		if parent != table {
			st.AlsoLocks = []plan.Lock{{Mode: lockExclusive, Object: parent}}
		}
	}
	return steps(st)
}

// referred reads what a foreign key's definition points to.
func (d *dialect) referred(definition string) (parent string, columns []string) {
	c, err := d.constraintOf("ADD " + definition)
	if err != nil || c == nil || c.Refer == nil {
		return "", nil
	}
	for _, k := range c.Refer.IndexPartSpecifications {
		columns = append(columns, k.Column.Name.O)
	}
	return c.Refer.Table.Name.O, columns
}
