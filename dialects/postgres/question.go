package postgres

import (
	"fmt"
	"strings"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// Question writes what planning asks of the rows. A statement that fails on a
// row's value is an answer, too: whoever asks halves the piece until it knows
// which row.
func (Dialect) Question(s *planner.Schema, t *planner.Table, q planner.RowQuestion) (plan.Question, bool) {
	switch q.Kind {
	case planner.RowsFail:
		return askFailing(s, t, q)
	case planner.RowsNull:
		return askWhere(s, t, "("+q.Exprs[0].SQL(bareColumn)+") IS NULL"), true
	case planner.RowsViolate:
		return askWhere(s, t, "("+q.Exprs[0].SQL(bareColumn)+") IS FALSE"), true
	case planner.RowsDiffer:
		off := offTarget(typed(t.Columns, []planner.Assign{{Column: q.Column, Expr: q.Exprs[0]}}), bareColumn)
		return askWhere(s, t, off), true
	case planner.RowsRepeat:
		return askRepeated(t, q)
	case planner.RowsOrphan:
		return askOrphans(s, t, q), true
	}
	return plan.Question{}, false
}

func askWhere(s *planner.Schema, t *planner.Table, condition string) plan.Question {
	c := counting(s, t, []string{condition})
	return plan.Question{Walk: &c, All: "SELECT * FROM " + quoteRef(t.Ref) + " WHERE " + condition}
}

// askFailing evaluates a conversion. A cast cuts a text that is too long without
// a word, where an assignment fails.
func askFailing(s *planner.Schema, t *planner.Table, q planner.RowQuestion) (plan.Question, bool) {
	expr := q.Exprs[0].SQL(bareColumn)
	out := plan.Question{}
	condition := "false"
	if n, ok := longest(q.Type); ok {
		condition = fmt.Sprintf("pg_catalog.length(pg_catalog.rtrim((%s)::text)) > %d", expr, n)
		out.All = "SELECT * FROM " + quoteRef(t.Ref) + " WHERE " + condition
	}
	c := counting(s, t, []string{condition})
	c.SQL = fmt.Sprintf("SELECT count(*) FILTER (WHERE %s), count(*) + 0 * count(%s) FROM %s WHERE %s",
		condition, cast(expr, q.Type), quoteRef(t.Ref), pieceBounds(s))
	out.Walk = &c
	out.Sample, out.Key = sample(s, t, "true"), t.Key
	return out, true
}

// longest is how many characters a varchar(n) or char(n) holds.
func longest(typ string) (int, bool) {
	plain, _, _ := strings.Cut(typ, " COLLATE ")
	for _, name := range []string{"character varying", "varchar", "character", "char", "bpchar"} {
		var n int
		if _, err := fmt.Sscanf(plain, name+"(%d)", &n); err == nil && strings.HasPrefix(plain, name+"(") && strings.HasSuffix(plain, ")") {
			return n, true
		}
	}
	return 0, false
}

// askRepeated groups the whole table: a piece cannot tell.
func askRepeated(t *planner.Table, q planner.RowQuestion) (plan.Question, bool) {
	if q.Index != nil && !plainIndex(q.Index.SQL) {
		return plan.Question{}, false // its predicate and its expressions are not among q's
	}
	exprs := make([]string, len(q.Exprs))
	for i, e := range q.Exprs {
		exprs[i] = "(" + e.SQL(bareColumn) + ")"
	}
	groups := fmt.Sprintf("SELECT %s, count(*) AS n FROM %s WHERE %s IS NOT NULL GROUP BY %s",
		strings.Join(exprs, ", "), quoteRef(t.Ref), strings.Join(exprs, " IS NOT NULL AND "), strings.Join(exprs, ", "))
	all := groups + " HAVING count(*) > 1"
	return plan.Question{
		Count: "SELECT coalesce(pg_catalog.sum(n) FILTER (WHERE n > 1), 0)::bigint, coalesce(pg_catalog.sum(n), 0)::bigint FROM (" + groups + ") AS g",
		All:   all,
	}, true
}

// plainIndex reports whether an index is over plain columns of the whole table,
// with NULLs distinct.
func plainIndex(sql string) bool {
	tree, err := parseSQL(sql)
	if err != nil || len(tree.Stmts) != 1 {
		return false
	}
	ix := tree.Stmts[0].Stmt.GetIndexStmt()
	if ix == nil || ix.WhereClause != nil || ix.NullsNotDistinct {
		return false
	}
	for _, e := range ix.IndexParams {
		if p := e.GetIndexElem(); p.GetExpr() != nil || len(p.GetCollation()) > 0 || len(p.GetOpclass()) > 0 {
			return false
		}
	}
	return true
}

func askOrphans(s *planner.Schema, t *planner.Table, q planner.RowQuestion) plan.Question {
	own := func(name string) string { return quoteRef(t.Ref) + "." + quote(name) }
	var there, match []string
	for i, e := range q.Exprs {
		there = append(there, "("+e.SQL(own)+") IS NOT NULL")
		match = append(match, "referred."+quote(q.RefColumns[i])+" = ("+e.SQL(own)+")")
	}
	return askWhere(s, t, fmt.Sprintf("%s AND NOT EXISTS (SELECT FROM %s AS referred WHERE %s)",
		strings.Join(there, " AND "), quoteRef(q.Refers.Ref), strings.Join(match, " AND ")))
}
