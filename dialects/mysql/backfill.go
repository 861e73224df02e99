package mysql

import (
	"fmt"
	"strings"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// job is one condition with what is set where it holds.
type job struct {
	set []planner.Assign
	// todo tells the rows that need it; cheap the same without evaluating the
	// user's expressions.
	todo, cheap string
	// again: the statement may run again until no row is left.
	again bool
}

// backfill brings every row up to date. SET is evaluated from left to right, so
// jobs share a pass only where none sees what another (or itself) has set.
func (d *dialect) backfill(op planner.OpBackfill) (planner.Lowered, error) {
	k, err := d.keyOf(op.Table)
	if err != nil {
		return planner.Lowered{}, err
	}
	var out planner.Lowered
	for _, jobs := range passes(d.jobs(op)) {
		out.Steps = append(out.Steps, d.pass(op.Table, k, jobs))
	}
	if names := op.Table.Facts[factUpdateTriggers]; names != "" {
		out.Notes = append(out.Notes, fmt.Sprintf("the backfill's writes fire the triggers on updates of %s: %s", op.Table.Ref.Name, names))
	}
	return out, nil
}

func (d *dialect) jobs(op planner.OpBackfill) []job {
	var out []job
	notNull := func(name string) bool {
		c := op.Table.Column(name)
		return c != nil && c.NotNull
	}
	if op.Sync != nil {
		for _, g := range op.Sync.Groups {
			if len(g.Up) > 0 {
				out = append(out, upJob(g, notNull))
			}
		}
	}
	for _, f := range op.Fills {
		null := quoteName(f.Column) + " IS NULL"
		out = append(out, job{set: []planner.Assign{f}, todo: null, cheap: null, again: true})
	}
	for _, r := range op.Repairs {
		todo := "TRUE"
		if !r.Where.IsZero() {
			todo = r.Where.SQL(quoteName)
		}
		out = append(out, job{set: r.Set, todo: todo, cheap: todo})
	}
	return out
}

// upJob fills the rows of a group that has no new value yet, unless up has none
// for them either.
func upJob(g planner.Group, notNull func(string) bool) job {
	j := job{set: g.Up, cheap: unset(g.Up, quoteName), again: true}
	j.todo = j.cheap
	var values []string
	for _, a := range g.Up {
		if a.Expr.NeverNull(notNull) {
			return j
		}
		values = append(values, paren(a.Expr.SQL(quoteName))+" IS NOT NULL")
	}
	if len(values) == 1 {
		j.todo += " AND " + values[0]
	} else {
		j.todo += " AND (" + strings.Join(values, " OR ") + ")"
	}
	return j
}

// passes shares out the jobs: those that set one column each, in terms of
// columns that no job sets, go together; each other one goes alone.
func passes(jobs []job) [][]job {
	set := map[string]int{}
	for _, j := range jobs {
		for _, a := range j.set {
			set[a.Column]++
		}
	}
	var shared []job
	var out [][]job
	for _, j := range jobs {
		simple := j.again && len(j.set) == 1 && set[j.set[0].Column] == 1
		if simple {
			for _, c := range j.set[0].Expr.Columns() {
				simple = simple && set[c] == 0
			}
		}
		if simple {
			shared = append(shared, j)
			continue
		}
		out = append(out, []job{j})
	}
	if len(shared) > 0 {
		out = append([][]job{shared}, out...)
	}
	return out
}

// pass is the chunked step that does some jobs.
func (d *dialect) pass(t *planner.Table, k key, jobs []job) plan.Step {
	var sets, todos, cheaps, assigned []string
	again := true
	for _, j := range jobs {
		for _, a := range j.set {
			value := a.Expr.SQL(quoteName)
			if len(jobs) > 1 {
				value = fmt.Sprintf("IF(%s, %s, %s)", j.todo, value, quoteName(a.Column))
			}
			sets = append(sets, quoteName(a.Column)+" = "+value)
			assigned = append(assigned, a.Column)
		}
		todos = append(todos, j.todo)
		cheaps = append(cheaps, j.cheap)
		again = again && j.again
	}
	sets = append(sets, keepTimes(t, assigned)...)
	name, todo := quoteName(t.Ref.Name), anyOf(todos)
	c := k.chunks(t, func(bounds string) string {
		return fmt.Sprintf("UPDATE %s SET %s WHERE %s AND (%s)", name, strings.Join(sets, ", "), bounds, todo)
	}, anyOf(cheaps))
	if again {
		c.Left = fmt.Sprintf("SELECT EXISTS (SELECT 1 FROM %s WHERE %s)", name, todo)
	}
	title := plural("fill column", labels(t, assigned))
	if !again {
		title = plural("repair column", labels(t, assigned))
	}
	return chunked(title, "in short transactions, each with its checkpoint", c)
}

func labels(t *planner.Table, columns []string) []string {
	out := make([]string, len(columns))
	for i, c := range columns {
		out[i] = t.Ref.Name + "." + c
	}
	return out
}

// chunked makes a step of chunks. What it wrote, the undo of the columns takes away.
func chunked(title, why string, c *plan.Chunks) plan.Step {
	return plan.Step{
		Title: title, Why: why, Mode: plan.Chunked, SQL: c.SQL, Chunks: c,
		Lock: plan.Lock{Mode: lockRows, Object: c.Label}, Work: plan.ChunkRun, LockTimeoutMS: lockTimeoutMS, Rows: c.Rows,
	}
}
