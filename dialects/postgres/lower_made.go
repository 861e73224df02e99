package postgres

import (
	"fmt"
	"slices"
	"strings"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// lower_made.go lowers what a migration says of tables that it has made itself.

// lowerBuildTable runs statements together in one transaction, but those by
// themselves that make others wait.
func lowerBuildTable(s *planner.Schema, o planner.OpBuildTable) planner.Lowered {
	var out planner.Lowered
	var run []planner.BuildStatement
	flush := func() {
		if len(run) > 0 {
			out.Steps, run = append(out.Steps, buildTableStep(s, o.Table, run)), nil
		}
	}
	for _, st := range o.Statements {
		if len(st.Refers) > 0 {
			flush()
		}
		run = append(run, st)
		if len(st.Refers) > 0 {
			flush()
		}
	}
	flush()
	if o.InUse {
		for i := range out.Steps {
			st, in := &out.Steps[i], plan.Lock{Mode: lockShareRowExclusive, Object: s.Display(o.Table.Ref)}
			st.Why = "writers of the new partition, which has few rows if any, wait for a moment"
			if st.Lock.Mode != "" {
				st.AlsoLocks = append(st.AlsoLocks, st.Lock)
			}
			st.Lock = in
		}
	}
	last := &out.Steps[len(out.Steps)-1]
	if o.Keep != "" {
		last.Statements = append(last.Statements, plain(keepRows(s, o.Table.Ref, o.Keep)...)...)
		*last = seal(*last)
	}
	for _, g := range o.Guards { // PostgreSQL renames one table in a statement
		last.UndoLoses = lostRows(s, g.Table, g.Seeds)
	}
	return out
}

func buildTableStep(s *planner.Schema, t *planner.Table, run []planner.BuildStatement) plan.Step {
	var what, do, undo []string
	step := plan.Step{
		Why: "nobody uses the table yet; rolling back drops it", Mode: plan.InTx, Work: plan.Metadata,
		LockTimeoutMS: lockTimeoutMS, StatementTimeoutMS: metadataTimeoutMS,
	}
	for _, st := range run {
		do, what, undo = append(do, builtAtOnce(st)), append(what, st.What...), append(takeBack(s, t, st), undo...)
		if st.Rows {
			step.StatementTimeoutMS = 0
		}
		if len(st.Copies) > 0 {
			step.Work = plan.Scan
		}
		for i, other := range st.Refers {
			lock := plan.Lock{Mode: lockShareRowExclusive, Object: s.Display(other.Ref)}
			step.Why = "its foreign key makes writers of " + lock.Object + " wait for a moment; nobody uses the table yet, and rolling back drops it"
			if i == 0 {
				step.Lock = lock
			} else {
				step.AlsoLocks = append(step.AlsoLocks, lock)
			}
		}
	}
	step.Title = "change new table " + s.Display(t.Ref) + ": " + planner.InShort(what)
	step.Statements, step.UndoStatements = plain(do...), plain(undo...)
	return seal(step)
}

// builtAtOnce writes a statement so that it can be in a transaction: nobody need
// be spared, so no index is built CONCURRENTLY.
func builtAtOnce(st planner.BuildStatement) string {
	if c, ok := st.Changes[0].(planner.CreateIndex); ok {
		return c.SQL
	}
	return st.SQL
}

// takeBack undoes what would be in the way of dropping the tables, last first:
// their names, the foreign keys between them, and what draws from sequences.
func takeBack(s *planner.Schema, t *planner.Table, st planner.BuildStatement) []string {
	var out []string
	for _, c := range slices.Backward(st.Changes) {
		switch c := c.(type) {
		case planner.RenameTable:
			to := inDefault(s, planner.Ref{Schema: t.Ref.Schema, Name: c.To})
			out = append(out, "ALTER TABLE "+quoteRef(to)+" RENAME TO "+quote(c.Table.Name))
		case planner.SetDefault: // its sequence may be the migration's own, too
			out = append(out, "ALTER TABLE IF EXISTS "+quoteRef(inDefault(s, c.Table))+" ALTER COLUMN "+quote(c.Column)+" DROP DEFAULT")
		case planner.AddConstraint:
			if c.Kind != kindForeignKey {
				continue
			}
			name := c.Name
			if name == "" {
				name = objectNameOf(c.Table.Name, strings.Join(c.Columns, "_"), "fkey")
			}
			out = append(out, "ALTER TABLE IF EXISTS "+quoteRef(inDefault(s, c.Table))+" DROP CONSTRAINT IF EXISTS "+quote(name))
		}
	}
	return out
}

// keepRows keeps in mind which rows a table has, as those that the migration has
// written, instead of those of the moment before.
func keepRows(s *planner.Schema, table planner.Ref, name string) []string {
	return []string{
		createSeedTable,
		fmt.Sprintf("DELETE FROM %s WHERE seed = %s", seedTable, literal(name)),
		fmt.Sprintf("INSERT INTO %s SELECT %s, to_jsonb(t.*) FROM %s AS t", seedTable, literal(name), quoteRef(inDefault(s, table))),
	}
}

func inDefault(s *planner.Schema, r planner.Ref) planner.Ref {
	if r.Schema == "" {
		r.Schema = s.Default
	}
	return r
}

// lostRows guards the drop of a table that the migration has made.
func lostRows(s *planner.Schema, table planner.Ref, seeds []string) *plan.Check {
	table = inDefault(s, table)
	return &plan.Check{
		SQL:     unseeded(table, seeds),
		Message: "the table " + s.Display(table) + " has rows, which dropping it would lose",
	}
}
