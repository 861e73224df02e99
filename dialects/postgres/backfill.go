package postgres

import (
	"fmt"
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// sampleRows is how many keys a sample lists at most.
const sampleRows = 10

// pieceBounds is the condition that cuts a piece out of a table: the rows from
// $1 up to, not including, $2. From PostgreSQL 14 on that is a Tid Range Scan;
// 13 has none, and gets the row numbers of those pages listed (291 rows fit on a
// page of 8 kB, MaxHeapTuplesPerPage).
func pieceBounds(s *planner.Schema) string {
	if s.VersionNum >= 140000 {
		return withinPiece
	}
	return "ctid = ANY (ARRAY(SELECT pg_catalog.format('(%s,%s)', page, line)::tid FROM " +
		"pg_catalog.generate_series((($1::tid)::text::point)[0]::bigint, (($2::tid)::text::point)[0]::bigint" +
		" - CASE WHEN (($2::tid)::text::point)[1] = 0 THEN 1 ELSE 0 END) AS page, " +
		"pg_catalog.generate_series(1, 291) AS line)) AND " + withinPiece
}

const withinPiece = "ctid >= $1::tid AND ctid < $2::tid"

// job is one piece of work of a backfill: assignments for the rows that meet
// its condition.
type job struct {
	set []planner.Assign
	// todo tells which rows still need it; candidates is the part of it that
	// evaluates none of the user's expressions, and so never fails.
	todo, candidates string
	// fallible: todo evaluates expressions of the user's.
	fallible bool
	// verified: whether a row is left shows when all rows are compared.
	verified bool
}

// pass is jobs over one table, done together.
type pass struct {
	table *planner.Table
	label string
	jobs  []job
	// still are further columns to name, which stay as they are (churn.go).
	still []string
	quiet string // plan.Chunks.Quiet
}

// assignments writes SET: plain for a single job, else each column only in the
// rows that its own job is about.
func (p pass) assignments() string {
	var out []string
	for _, j := range p.jobs {
		for _, a := range j.set {
			value := a.Expr.SQL(bareColumn)
			if len(p.jobs) > 1 {
				value = fmt.Sprintf("CASE WHEN %s THEN %s ELSE %s END", j.todo, value, quote(a.Column))
			}
			out = append(out, quote(a.Column)+" = "+value)
		}
	}
	for _, c := range p.still {
		out = append(out, quote(c)+" = "+quote(c))
	}
	return strings.Join(out, ", ")
}

func (p pass) any(f func(job) string) string {
	out := make([]string, len(p.jobs))
	for i, j := range p.jobs {
		out[i] = "(" + f(j) + ")"
	}
	return strings.Join(slices.Compact(out), " OR ")
}

func (j job) whatTodo() string       { return j.todo }
func (j job) whatCandidates() string { return j.candidates }

// chunks writes the pass as statements over pieces.
func (p pass) chunks(s *planner.Schema) *plan.Chunks {
	table, todo := quoteRef(p.table.Ref), p.any(job.whatTodo)
	condition := "(" + todo + ")"
	if slices.ContainsFunc(p.jobs, func(j job) bool { return j.fallible }) {
		// Where the server scans a small table as a whole, the user's expressions
		// must still not be evaluated, and fail, on rows of other pieces.
		condition = "CASE WHEN " + withinPiece + " THEN " + todo + " ELSE false END"
	}
	c := &plan.Chunks{
		Table: table, Label: p.label, Key: p.table.Key, Rows: p.table.Rows, Bounded: true, Quiet: p.quiet,
		SQL:    fmt.Sprintf("UPDATE %s SET %s WHERE %s AND %s", table, p.assignments(), pieceBounds(s), condition),
		Sample: sample(s, p.table, p.any(job.whatCandidates)),
	}
	p.jobs = slices.DeleteFunc(slices.Clone(p.jobs), func(j job) bool { return j.verified })
	if len(p.jobs) > 0 {
		c.Left = fmt.Sprintf("SELECT EXISTS (SELECT FROM %s WHERE %s)", table, p.any(job.whatTodo))
	}
	return c
}

// sample lists the keys of a piece's rows that meet a condition.
func sample(s *planner.Schema, t *planner.Table, condition string, shows ...string) string {
	keys := []string{"ctid::text"}
	if len(t.Key) > 0 {
		keys = nil
		for _, k := range t.Key {
			keys = append(keys, quote(k)+"::text")
		}
	}
	for _, c := range shows {
		keys = append(keys, quote(c)+"::text")
	}
	return fmt.Sprintf("SELECT %s FROM %s WHERE %s AND (%s) LIMIT %d",
		strings.Join(keys, ", "), quoteRef(t.Ref), pieceBounds(s), condition, sampleRows)
}

func lowerBackfill(s *planner.Schema, o planner.OpBackfill) (planner.Lowered, error) {
	name := s.Display(o.Table.Ref)
	if o.Table.Kind != "table" && o.Table.Kind != kindPartitioned {
		return planner.Lowered{}, &planner.Unsupported{What: "backfill of " + name, Reason: "it is not a plain table"}
	}
	out := planner.Lowered{}
	p := pass{table: o.Table, label: name}
	if o.Shadowed && len(o.Fills)+len(o.Repairs) == 0 { // an UPDATE of the file's own means all that it causes
		p.quiet = quietly(o.Sync)
	}
	columns := o.Table.Columns
	if o.Sync != nil {
		columns = o.Sync.Columns
		for _, g := range o.Sync.Groups {
			if len(g.Up) > 0 {
				j := groupJob(o.Table, g)
				j.verified = o.Verified
				p.jobs = append(p.jobs, j)
			}
		}
	}
	for _, f := range o.Fills {
		p.jobs = append(p.jobs, fillJob(f))
	}
	for _, r := range o.Repairs {
		p.jobs = append(p.jobs, repairJob(columns, r))
		hazards, err := repeatable(name, r)
		if err != nil {
			return planner.Lowered{}, err
		}
		out.Hazards = append(out.Hazards, hazards...)
	}
	if len(p.jobs) == 0 {
		return out, nil
	}
	if triggers := o.Table.Facts[factUpdateTriggers]; triggers != "" {
		back := ""
		if p.quiet != "" {
			back = "; what they make of the row is taken back, what else they do is not"
		}
		out.Hazards = append(out.Hazards, plan.Hazard{
			Rule: "backfill-fires-triggers", Severity: plan.Warning,
			Message: fmt.Sprintf("the backfill updates every row of %s, and so fires its trigger %s for each%s", name, triggers, back),
			Instead: "have the trigger do nothing where current_setting('migrate.bypass', true) = 'on', as the backfill sets it",
		})
	}
	var set []string
	for _, j := range p.jobs {
		set = append(set, targets(j.set)...)
	}
	why := "in short transactions, page by page; readers and writers go on"
	c := p.chunks(s)
	if p.still = stillColumns(s, o.Table, set); len(p.still) > 0 {
		why += "; " + strings.Join(p.still, ", ") + ": named, and left as they are, so that their indexes are not searched for dead rows meanwhile"
		c.Quicker = &plan.Quicker{SQL: p.chunks(s).SQL, When: mayBeStill(o.Table, p.still)}
	}
	out.Steps = []plan.Step{seal(plan.Step{
		Title: "backfill " + name + ": " + strings.Join(set, ", "),
		Why:   why,
		Mode:  plan.Chunked, Chunks: c, Lock: plan.Lock{Mode: lockRowExclusive, Object: name},
		Work: plan.ChunkRun, LockTimeoutMS: lockTimeoutMS, Rows: o.Table.Rows,
	})}
	return out, nil
}

// groupJob fills the new columns of a group where all are NULL and there is
// something to fill in.
func groupJob(t *planner.Table, g planner.Group) job {
	absent := allNull(targets(g.Up), bareColumn)
	j := job{set: g.Up, todo: absent, candidates: absent}
	var gives []string
	for _, a := range g.Up {
		if a.Expr.NeverNull(func(c string) bool { col := t.Column(c); return col != nil && col.NotNull }) {
			return j
		}
		gives = append(gives, "("+a.Expr.SQL(bareColumn)+") IS NOT NULL")
	}
	j.todo += " AND (" + strings.Join(gives, " OR ") + ")"
	j.fallible = true
	return j
}

func fillJob(a planner.Assign) job {
	null := quote(a.Column) + " IS NULL"
	j := job{set: []planner.Assign{a}, todo: null, candidates: null}
	if !a.Expr.NeverNull(func(string) bool { return false }) {
		j.todo += " AND (" + a.Expr.SQL(bareColumn) + ") IS NOT NULL"
		j.fallible = true
	}
	return j
}

// repairJob updates the rows that the user's WHERE names and whose values would
// change.
func repairJob(columns []planner.Column, r planner.Repair) job {
	where := "true"
	if !r.Where.IsZero() {
		where = "(" + r.Where.SQL(bareColumn) + ")"
	}
	j := job{set: r.Set, todo: where, candidates: "true", fallible: true} // the WHERE may fail, too
	if !anyVolatile(r.Set) {
		j.todo += " AND (" + offTarget(typed(columns, r.Set), bareColumn) + ")"
	}
	return j
}

// repeatable refuses a repair whose second application changes the row again:
// rows move while the table is walked, and a walk may meet one twice. Where the
// WHERE reads what the UPDATE sets, its author may know better, and is asked.
func repeatable(table string, r planner.Repair) ([]plan.Hazard, error) {
	for _, a := range r.Set {
		if !a.Expr.Volatile && (!slices.Contains(a.Expr.Columns(), a.Column) || idempotent(a.Expr)) {
			continue
		}
		what := fmt.Sprintf("UPDATE of %s.%s", table, a.Column)
		reason := "it gives another value when it meets a row a second time, and rows that move while the table is walked are met twice"
		instead := "write it so that a WHERE leaves out the rows that are done, or put the result into a new column"
		if !slices.ContainsFunc(r.Where.Columns(), func(c string) bool { return slices.Contains(targets(r.Set), c) }) {
			return nil, &planner.Unsupported{What: what, Reason: reason, Instead: instead}
		}
		return []plan.Hazard{{
			Rule: "repair-not-repeatable", Severity: plan.Error, Message: what + ": unless its WHERE leaves them out, " + reason,
			Instead: "make sure that the WHERE no longer holds for a row that is done",
		}}, nil
	}
	return nil, nil
}

// onceFunctions give f(f(x)) = f(x), alone and one around the other.
var onceFunctions = map[string]bool{
	"lower": true, "upper": true, "btrim": true, "ltrim": true, "rtrim": true, "abs": true, "round": true, "trunc": true,
	"floor": true, "ceil": true, "ceiling": true, "date_trunc": true, "initcap": true, "normalize": true,
}

// idempotent reports expressions of one column whose second application
// surely changes nothing.
func idempotent(e planner.Expr) bool {
	n, err := parseScalar(e.SQL(quote))
	if err != nil {
		return false
	}
	if x := n.GetAExpr(); x.GetKind() == pg.A_Expr_Kind_AEXPR_NULLIF && x.Rexpr.GetAConst() != nil {
		n = x.Lexpr // what is left is not the constant, nor becomes it
	}
	calls, particular := 0, false // particular: not around every other
	for {
		switch {
		case n.GetColumnRef() != nil:
			return calls < 2 || !particular
		case n.GetTypeCast() != nil:
			n = n.GetTypeCast().Arg
		case n.GetCoalesceExpr() != nil:
			// Right around the column: others change the constant, too, when it is there.
			args := n.GetCoalesceExpr().Args
			return len(args) == 2 && args[0].GetColumnRef() != nil && args[1].GetAConst() != nil && (calls < 2 || !particular)
		case n.GetFuncCall() != nil:
			f := n.GetFuncCall()
			name, builtin := functionName(f)
			if !builtin || !onceFunctions[name] || len(f.Args) == 0 {
				return false
			}
			calls++
			particular = particular || name == "normalize" || strings.HasSuffix(name, "trim") && len(f.Args) > 1
			at := 0
			if name == "date_trunc" && len(f.Args) > 1 {
				at = 1
			}
			n = f.Args[at]
		default:
			return false
		}
	}
}
