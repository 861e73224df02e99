package mysql

import (
	"fmt"
	"slices"
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
	// fills: no row may be left that needs it. Of repairs this cannot be asked:
	// old versions go on writing rows to be repaired.
	fills bool
	// verified: whether one is left shows when all rows are compared.
	verified bool
}

// backfill brings every row up to date, in one pass unless one job reads what
// another sets.
func (d *dialect) backfill(op planner.OpBackfill) (planner.Lowered, error) {
	k, err := d.keyOf(op.Table)
	if err != nil {
		return planner.Lowered{}, err
	}
	var out planner.Lowered
	all := passes(d.jobs(op))
	quieted := ""
	if op.Shadowed && len(op.Fills)+len(op.Repairs) == 0 { // an UPDATE of the file's own means all that it causes
		quieted = quietly(op.Sync)
	}
	for _, jobs := range all {
		for i := range jobs {
			// What a later pass reads must be there before.
			jobs[i].verified = jobs[i].verified && len(all) == 1
		}
		st := d.pass(op.Table, k, jobs)
		st.Chunks.Quiet = quieted
		out.Steps = append(out.Steps, st)
	}
	if names := op.Table.Facts[factUpdateTriggers]; names != "" {
		back := ""
		if quieted != "" {
			back = "; what they make of the row is taken back, what else they do is not"
		}
		out.Notes = append(out.Notes, fmt.Sprintf("the backfill's writes fire the triggers on updates of %s: %s%s", op.Table.Ref.Name, names, back))
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
				j := d.upJob(op.Sync, g, notNull)
				j.verified = op.Verified
				out = append(out, j)
			}
		}
	}
	for _, f := range op.Fills {
		null := quoteName(f.Column) + " IS NULL"
		out = append(out, job{set: []planner.Assign{f}, todo: null, cheap: null, fills: true})
	}
	for _, r := range op.Repairs {
		out = append(out, d.repairJob(op.Table, r))
	}
	return out
}

// repairJob sets columns where they do not hold the wanted value yet.
func (d *dialect) repairJob(t *planner.Table, r planner.Repair) job {
	cheap := "TRUE"
	if !r.Where.IsZero() {
		cheap = "(" + r.Where.SQL(quoteName) + ")"
	}
	var wrong []string
	for _, a := range r.Set {
		if c := t.Column(a.Column); c != nil {
			wrong = append(wrong, not(d.holds(*c, charsetOf(t, *c), quoteName(a.Column), a.Expr.SQL(quoteName))))
		}
	}
	return job{set: r.Set, todo: cheap + " AND (" + anyOf(wrong) + ")", cheap: cheap}
}

// upJob fills the rows of a group that has no new value yet, unless up has none
// for them either. Where a placeholder stands for no value, those that hold
// another one than up gives.
func (d *dialect) upJob(sync *planner.Sync, g planner.Group, notNull func(string) bool) job {
	if g.Placed {
		todo := not(verifier{d: d, sync: sync}.equal(g.Up))
		return job{set: g.Up, cheap: todo, todo: todo, fills: true}
	}
	j := job{set: g.Up, cheap: unset(g.Up, quoteName), fills: true}
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

// passes shares out the jobs: together go those of which none reads or sets what
// another sets.
func passes(jobs []job) [][]job {
	var out [][]job
next:
	for _, j := range jobs {
		for i, shared := range out {
			if !slices.ContainsFunc(shared, func(o job) bool { return j.meets(o) || o.meets(j) }) {
				out[i] = append(shared, j)
				continue next
			}
		}
		out = append(out, []job{j})
	}
	return out
}

// meets reports whether j sets what o reads or sets.
func (j job) meets(o job) bool {
	used := mentions(o.todo)
	for _, a := range o.set {
		used[strings.ToLower(a.Column)] = true
		for _, c := range a.Expr.Columns() {
			used[strings.ToLower(c)] = true
		}
	}
	return slices.ContainsFunc(j.set, func(a planner.Assign) bool { return used[strings.ToLower(a.Column)] })
}

// pass is the chunked step that does some jobs.
func (d *dialect) pass(t *planner.Table, k key, jobs []job) plan.Step {
	var todos, cheaps, left, assigned []string
	title := "repair column"
	for _, j := range jobs {
		for _, a := range j.set {
			assigned = append(assigned, a.Column)
		}
		todos = append(todos, j.todo)
		cheaps = append(cheaps, j.cheap)
		if j.fills {
			title = "fill column"
		}
		if j.fills && !j.verified {
			left = append(left, j.todo)
		}
	}
	write := alone
	if len(jobs) > 1 {
		write = together
	}
	c := k.chunks(t, func(bounds string) string { return write(t, k, jobs, bounds, anyOf(todos), assigned) }, anyOf(cheaps))
	if len(left) > 0 {
		c.Left = fmt.Sprintf("SELECT EXISTS (SELECT 1 FROM %s WHERE %s)", quoteName(t.Ref.Name), anyOf(left))
	}
	return chunked(plural(title, labels(t, assigned)), "in short transactions, each with its checkpoint", c)
}

// countOf counts the rows of a piece that meet a condition, and all of them.
func countOf(t *planner.Table, bounds, condition string) string {
	return fmt.Sprintf("SELECT COUNT(CASE WHEN %s THEN 1 END), COUNT(*) FROM %s WHERE %s", condition, quoteName(t.Ref.Name), bounds)
}

// alone is the statement of a single job.
func alone(t *planner.Table, _ key, jobs []job, bounds, todo string, assigned []string) string {
	var sets []string
	for _, a := range jobs[0].set {
		sets = append(sets, quoteName(a.Column)+" = "+a.Expr.SQL(quoteName))
	}
	return fmt.Sprintf("UPDATE %s SET %s WHERE %s AND (%s)", quoteName(t.Ref.Name),
		strings.Join(append(sets, keepTimes(t, "", assigned)...), ", "), bounds, todo)
}

// together is the statement of several jobs. SET is evaluated from left to
// right, each assignment seeing those before it, so what is to do in a row is
// found out first, by locking it (MySQL manual, Locking Reads).
func together(t *planner.Table, k key, jobs []job, bounds, todo string, assigned []string) string {
	of := func(c string) string { return "t." + quoteName(c) }
	var flags, sets, same []string
	for i, j := range jobs {
		flag := fmt.Sprintf("migrate_todo_%d", i+1)
		flags = append(flags, fmt.Sprintf("(%s) AS %s", j.todo, flag))
		for _, a := range j.set {
			sets = append(sets, fmt.Sprintf("%[1]s = IF(d.%[2]s, %[3]s, %[1]s)", of(a.Column), flag, a.Expr.SQL(of)))
		}
	}
	for _, c := range k {
		same = append(same, fmt.Sprintf("d.%[1]s = t.%[1]s", quoteName(c.name)))
	}
	return fmt.Sprintf("UPDATE %[1]s AS t JOIN (SELECT %[2]s, %[3]s FROM %[1]s WHERE %[4]s AND (%[5]s) FOR UPDATE) AS d ON %[6]s SET %[7]s",
		quoteName(t.Ref.Name), quoteNames(k.names()), strings.Join(flags, ", "), bounds, todo, strings.Join(same, " AND "),
		strings.Join(append(sets, keepTimes(t, "t.", assigned)...), ", "))
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
