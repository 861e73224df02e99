package postgres

import (
	"fmt"
	"slices"
	"strings"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// Verify builds the statements that find and repair inconsistent rows. A row is
// consistent when, in every group, new = up(old) or old = down(new); bytes
// count, not collations. Where nothing leads down, a row that has any new value
// passes; Strict wants new = up(old) there too.
func (Dialect) Verify(s *planner.Schema, sync *planner.Sync) (plan.Verification, error) {
	var lenient, strict []string
	up := pass{table: sync.Table, label: s.Display(sync.Table.Ref), quiet: quietly(sync)}
	down := up
	for _, g := range sync.Groups {
		bad, worse := inconsistent(sync, g)
		if bad == "" {
			continue
		}
		lenient, strict = append(lenient, bad), append(strict, worse)
		if len(g.Up) > 0 {
			up.jobs = append(up.jobs, job{set: g.Up, todo: bad, candidates: bad, fallible: true})
		}
		if len(g.Down) > 0 {
			down.jobs = append(down.jobs, job{set: g.Down, todo: bad, candidates: bad, fallible: true})
		}
	}
	out := plan.Verification{Counts: counting(s, sync.Table, lenient, sync.Compared()...)}
	if !slices.Equal(strict, lenient) {
		c := counting(s, sync.Table, strict, sync.Compared()...)
		out.Strict = &c
	}
	if len(up.jobs) > 0 {
		out.RepairUp = up.chunks(s)
	}
	if len(down.jobs) > 0 {
		out.RepairDown = down.chunks(s)
	}
	return out, nil
}

// inconsistent writes the condition for a group's inconsistent rows; empty if
// no row can be. strict differs where there is no down.
func inconsistent(sync *planner.Sync, g planner.Group) (lenient, strict string) {
	if len(g.Up) == 0 {
		return "", "" // old versions may write what they like
	}
	var off []string
	if !anyVolatile(g.Up) {
		off = append(off, "("+offTarget(typed(sync.Columns, g.Up), bareColumn)+")")
	}
	if len(g.Down) > 0 {
		if !anyVolatile(g.Down) {
			off = append(off, "("+offTarget(typed(sync.Columns, g.Down), bareColumn)+")")
		}
		if len(off) > 0 {
			both := strings.Join(off, " AND ")
			return both, both
		}
	}
	var gives []string
	for _, a := range g.Up {
		gives = append(gives, "("+a.Expr.SQL(bareColumn)+") IS NOT NULL")
	}
	lenient = allNull(targets(g.Up), bareColumn) + " AND (" + strings.Join(gives, " OR ") + ")"
	if len(off) > 0 {
		return lenient, off[0]
	}
	return lenient, lenient
}

// counting writes chunks that count the rows which meet any condition.
func counting(s *planner.Schema, t *planner.Table, conditions []string, shows ...string) plan.Chunks {
	condition := "false"
	if len(conditions) > 0 {
		condition = "(" + strings.Join(conditions, ") OR (") + ")"
	}
	return plan.Chunks{
		Table: quoteRef(t.Ref), Label: s.Display(t.Ref), Key: t.Key, Rows: t.Rows,
		SQL:    fmt.Sprintf("SELECT count(*) FILTER (WHERE %s), count(*) FROM %s WHERE %s", condition, quoteRef(t.Ref), pieceBounds(s)),
		Sample: sample(s, t, condition, shows...), Shows: shows, Whole: sample(s, t, "true", shows...),
	}
}

// Checks builds, for each expression, a query that the server must accept:
// the expression over the table as it is, cast to its type. Session.Accepts
// asks of that outermost cast that an assignment would make it by itself.
func (Dialect) Checks(_ *planner.Schema, t *planner.Table, exprs []planner.TypedExpr) []plan.Check {
	var out []plan.Check
	for _, e := range exprs {
		sql := fmt.Sprintf("SELECT FROM %s WHERE %s", quoteRef(t.Ref), e.Expr.SQL(bareColumn))
		if e.Type != "" {
			sql = fmt.Sprintf("SELECT %s FROM %s", cast(e.Expr.SQL(bareColumn), e.Type), quoteRef(t.Ref))
		}
		out = append(out, plan.Check{SQL: sql, Message: e.What + ": the server does not accept the expression", Pos: e.Pos})
	}
	return out
}
