package mysql

import (
	"fmt"
	"slices"
	"strings"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// lower_made.go lowers what a migration says of tables that it has made itself.
// Nobody uses them yet, so each statement runs as it is written; but each is a
// step of its own, whose probe need only tell its effect from what was before.

// seedTable keeps in mind how many rows a table of a migration's own had when its
// last statement was done: a rollback that finds more would lose somebody's.
const seedTable = "migrate_seeds"

const createSeedTable = "CREATE TABLE IF NOT EXISTS " + seedTable + " (seed VARCHAR(64) CHARACTER SET ascii NOT NULL PRIMARY KEY, row_count BIGINT NOT NULL) ENGINE=InnoDB"

func keepRows(table, name string) []plan.Statement {
	return stmts(stmt(fmt.Sprintf("REPLACE INTO %s SELECT %s, COUNT(*) FROM %s", seedTable, quoteString(name), quoteName(table)), ""))
}

// lostRows guards the drop of tables that the migration has made.
func lostRows(guards []planner.BuildGuard) *plan.Check {
	var conditions, names []string
	for _, g := range guards {
		names = append(names, g.Table.Name)
		if len(g.Seeds) == 0 {
			conditions = append(conditions, "EXISTS (SELECT 1 FROM "+quoteName(g.Table.Name)+")")
			continue
		}
		var seeds []string
		for _, s := range g.Seeds {
			seeds = append(seeds, quoteString(s))
		}
		conditions = append(conditions, fmt.Sprintf("(SELECT COUNT(*) FROM %s) > (SELECT COALESCE(SUM(row_count), 0) FROM %s WHERE seed IN (%s))",
			quoteName(g.Table.Name), seedTable, strings.Join(seeds, ", ")))
	}
	return &plan.Check{
		SQL:     "SELECT " + strings.Join(conditions, " OR "),
		Message: "table " + strings.Join(names, ", ") + " has rows by now, which undoing its creation would lose",
	}
}

// referredTo asks whether a table that the migration has not made refers to one
// that it has.
func referredTo(table string, made []planner.Ref) *plan.Check {
	names := []string{quoteString(table)}
	for _, r := range made {
		names = append(names, quoteString(r.Name))
	}
	return &plan.Check{
		SQL: fmt.Sprintf("SELECT EXISTS (SELECT 1 FROM information_schema.referential_constraints WHERE unique_constraint_schema = DATABASE()"+
			" AND referenced_table_name = %s AND NOT (constraint_schema = DATABASE() AND table_name IN (%s)))", names[0], strings.Join(names, ", ")),
		Message: "tables of others refer to table " + table + ", which undoing its creation would leave without what they refer to",
	}
}

// unchecked runs statements while foreign keys are not looked at.
func unchecked(do []plan.Statement) []plan.Statement {
	return append(append(stmts(stmt(checksOff, "")), do...), stmt(checksOn, ""))
}

func (d *dialect) buildTable(s *planner.Schema, op planner.OpBuildTable) (planner.Lowered, error) {
	var out planner.Lowered
	kept := op.Keep == ""
	for i, st := range slices.Backward(op.Statements) {
		table := called(op, i)
		step, err := d.buildStep(s, st, table)
		if err != nil {
			return out, err
		}
		if st.Rows && !kept { // what comes behind it leaves the number as it is
			step.Statements, kept = append(step.Statements, keepRows(table, op.Keep)...), true
			step.SQL = script(step.Statements)
		}
		out.Steps = append(out.Steps, step)
	}
	slices.Reverse(out.Steps)
	if len(op.Guards) > 0 {
		out.Steps[len(out.Steps)-1].UndoLoses = lostRows(op.Guards)
	}
	return out, nil
}

// called is what the table is called when the i-th statement is done.
func called(op planner.OpBuildTable, i int) string {
	name := op.Table.Ref.Name
	for _, st := range slices.Backward(op.Statements[i+1:]) {
		for _, r := range st.Renames {
			if r.To == name {
				name = r.From
			}
		}
	}
	return name
}

func (d *dialect) buildStep(s *planner.Schema, st planner.BuildStatement, table string) (plan.Step, error) {
	title := "change new table " + table + ": " + planner.InShort(st.What)
	const why = "nobody uses the table yet; rolling back drops it"
	if st.Rows {
		do := stmts(stmt(st.SQL, ""))
		if st.Unchecked {
			do = unchecked(do)
		}
		return plan.Step{
			Title: title, Why: why, Mode: plan.InTx, SQL: script(do), Statements: do,
			Lock: plan.Lock{Mode: lockRows, Object: table}, Work: workOf(st), LockTimeoutMS: lockTimeoutMS,
		}, nil
	}
	probe, err := d.built(s, st, table)
	if err != nil {
		return plan.Step{}, err
	}
	do, undo := stmts(stmt(st.SQL, probe)), []plan.Statement(nil)
	if st.Unchecked {
		do = unchecked(do)
	}
	if len(st.Renames) > 0 {
		var pairs []string
		for _, r := range slices.Backward(st.Renames) {
			pairs = append(pairs, quoteName(r.To)+" TO "+quoteName(r.From))
		}
		undo = stmts(stmt("RENAME TABLE "+strings.Join(pairs, ", "), d.probes(s, st.Renames[0].From).tables()))
	}
	step := ddl(table, title, why, plan.Metadata, do, undo)
	for _, r := range st.Refers {
		step.AlsoLocks = append(step.AlsoLocks, plan.Lock{Mode: lockExclusive, Object: r.Ref.Name})
	}
	return step, nil
}

// workOf is what a statement of rows reads of tables that others use.
func workOf(st planner.BuildStatement) plan.Work {
	if len(st.Copies) > 0 {
		return plan.Scan
	}
	return plan.Metadata
}

// built tells whether a statement's effect is there. What it cannot see may be
// repeated.
func (d *dialect) built(s *planner.Schema, st planner.BuildStatement, table string) (string, error) {
	e := effects{columns: map[string]bool{}, indexes: map[string]bool{}}
	p := d.probes(s, table)
	for _, c := range st.Changes {
		switch c := c.(type) {
		case planner.AddColumn:
			e.set(e.columns, c.Column.Name, true)
		case planner.DropColumn:
			e.set(e.columns, c.Column, false)
		case planner.RenameColumn:
			e.renamed(c.From, c.To)
		case planner.RedefineColumn:
			if c.From != c.Column.Name {
				e.renamed(c.From, c.Column.Name)
			}
		case planner.CreateIndex:
			e.set(e.indexes, c.Name, true)
		case planner.DropIndex:
			e.set(e.indexes, c.Name, false)
		case planner.RenameTable:
			e.also = append(e.also, d.probes(s, c.To).tables())
		case planner.DropTable:
			e.also = append(e.also, d.probes(s, c.Table.Name).noTable())
		case planner.AddCheck, planner.AddConstraint, planner.DropConstraint, planner.Direct:
			if err := d.builtPart(&e, p, st.After, c); err != nil {
				return "", err
			}
		default:
		}
	}
	if e.unclear {
		return "", d.unsupported("a statement about "+table, "it gives a name away and takes it again: after a crash nobody could tell whether it was done",
			"write a statement for each change")
	}
	return e.probe(p), nil
}

// builtPart sees keys, checks and what else a table has.
func (d *dialect) builtPart(e *effects, p probes, after *planner.Table, c planner.Change) error {
	switch c := c.(type) {
	case planner.AddCheck:
		e.added(c.Name, p.check(c.Name), p.constraints("CHECK", count(after, "check")))
	case planner.AddConstraint:
		switch {
		case c.Kind == "primary key":
			e.set(e.indexes, "PRIMARY", true)
		case c.Kind == "unique" && c.Name == "":
			e.set(e.indexes, c.Columns[0], true)
		case c.Kind == "unique":
			e.set(e.indexes, c.Name, true)
		default:
			e.added(c.Name, p.foreignKey(c.Name), p.constraints("FOREIGN KEY", count(after, "foreign key")))
		}
	case planner.DropConstraint:
		if c.Kind == "foreign key" {
			e.also = append(e.also, p.noForeignKey(c.Name))
		} else {
			e.also = append(e.also, p.noCheck(c.Name))
		}
	case planner.Direct:
		switch c.Object.Kind {
		case objectIdentity:
			e.set(e.columns, c.Object.Detail, true)
		case objectIndex:
			if strings.Contains(c.SQL, " RENAME INDEX ") {
				e.set(e.indexes, c.Object.Ref.Name, false)
			}
		case objectPartition, objectCheck:
			return d.unsupported(c.What, "the table is new: what it does can stand in its CREATE TABLE", "put it into the CREATE TABLE")
		}
	default:
	}
	return nil
}

// count is how many constraints of a kind a table has.
func count(t *planner.Table, kind string) int {
	n := 0
	for _, k := range t.Constraints {
		if k.Kind == kind {
			n++
		}
	}
	return n
}

// constraints tells whether the table has so many of a kind.
func (p probes) constraints(kind string, count int) string {
	return fmt.Sprintf("SELECT COUNT(*) = %d FROM information_schema.table_constraints WHERE %s AND constraint_type = '%s'", count, p.where("table_name"), kind)
}

// effects are what a statement leaves: which names are there, and which are not.
type effects struct {
	columns, indexes map[string]bool
	also             []string
	unclear          bool
}

func (e *effects) set(of map[string]bool, name string, there bool) {
	was, known := of[name]
	e.unclear = e.unclear || known && was != there
	of[name] = there
}

func (e *effects) renamed(from, to string) {
	e.set(e.columns, from, false)
	e.set(e.columns, to, true)
}

// added sees a constraint by its name, or, where the server chose that, by there
// being one more.
func (e *effects) added(name, probe, more string) {
	if name == "" {
		probe = more
	}
	e.also = append(e.also, probe)
}

// probe asks for all of it.
func (e *effects) probe(p probes) string {
	var all []string
	split := func(of map[string]bool) (there, gone []string) {
		for name, yes := range of {
			if yes {
				there = append(there, name)
			} else {
				gone = append(gone, name)
			}
		}
		slices.Sort(there)
		slices.Sort(gone)
		return there, gone
	}
	if there, gone := split(e.columns); len(there)+len(gone) > 0 {
		if len(there) > 0 {
			all = append(all, p.columns(there, len(there)))
		}
		if len(gone) > 0 {
			all = append(all, p.columns(gone, 0))
		}
	}
	if there, gone := split(e.indexes); len(there)+len(gone) > 0 {
		if len(there) > 0 {
			all = append(all, p.indexes(there, len(there)))
		}
		if len(gone) > 0 {
			all = append(all, p.indexes(gone, 0))
		}
	}
	all = append(all, e.also...)
	switch len(all) {
	case 0:
		return ""
	case 1:
		return all[0]
	}
	return "SELECT (" + strings.Join(all, ") AND (") + ")"
}
