package mysql

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// lower_object_rows.go lowers seed rows and deletes.

// insertRows runs once: it commits with its journal entry. The rows are known by
// their values, so that undoing can find them; what an INSERT computes, or leaves
// out because it is there, cannot be told from rows of others, and stays.
func (d *dialect) insertRows(op planner.OpInsertRows) planner.Lowered {
	table := op.Change.Table.Name
	st := plan.Step{
		Title: "insert rows into " + table, Why: "once, together with the note that it is done", Mode: plan.InTx,
		SQL: op.Change.SQL, Statements: stmts(stmt(op.Change.SQL, "")),
		Lock: plan.Lock{Mode: lockRows, Object: table}, Work: plan.Metadata, LockTimeoutMS: lockTimeoutMS,
	}
	rows := d.seeds(op)
	if len(rows) == 0 {
		out := steps(st)
		if op.Table != nil && len(op.Table.Columns) > 0 {
			out.Notes = []string{fmt.Sprintf("rolling back leaves the rows that were inserted into %s: they cannot be told from those of others", table)}
		}
		return out
	}
	these := strings.Join(rows, " OR ")
	st.UndoStatements = stmts(stmt(fmt.Sprintf("DELETE FROM %s WHERE %s", quoteName(table), these), ""))
	st.Undo = script(st.UndoStatements)
	st.UndoLoses = &plan.Check{
		SQL:     fmt.Sprintf("SELECT COUNT(*) > %d FROM %s WHERE %s", len(rows), quoteName(table), these),
		Message: fmt.Sprintf("%s has more rows by now that look like those that were inserted", table),
	}
	return steps(st)
}

// seeds are conditions that find the rows of an INSERT: by the key if it says
// it, else by all that it says. None if it does not say everything in literals.
func (d *dialect) seeds(op planner.OpInsertRows) []string {
	node, err := d.parseOne(op.Change.SQL)
	n, ok := node.(*ast.InsertStmt)
	if err != nil || !ok || n.IgnoreErr || len(n.OnDuplicate) > 0 || n.Select != nil || n.Setlist {
		return nil
	}
	columns := op.Change.Columns
	if len(columns) == 0 && op.Table != nil {
		for _, c := range op.Table.Columns {
			columns = append(columns, c.Name)
		}
	}
	keyed := op.Table != nil && len(op.Table.Key) > 0 && !slices.ContainsFunc(op.Table.Key, func(k string) bool { return !slices.Contains(columns, k) })
	var out []string
	for _, list := range n.Lists {
		if len(list) != len(columns) {
			return nil
		}
		var cond []string
		for i, e := range list {
			if keyed && !slices.Contains(op.Table.Key, columns[i]) {
				continue
			}
			text, err := written(e)
			if err != nil || !isLiteral(text) && !strings.EqualFold(text, "NULL") {
				return nil
			}
			cond = append(cond, fmt.Sprintf("%s <=> %s", quoteName(columns[i]), text))
		}
		out = append(out, "("+strings.Join(cond, " AND ")+")")
	}
	return out
}

// deleteInChunks deletes in short transactions.
func (d *dialect) deleteInChunks(op planner.OpDeleteRows) (planner.Lowered, error) {
	t := op.Table
	k, err := d.keyOf(t)
	if err != nil {
		return planner.Lowered{}, err
	}
	cond := "TRUE"
	if !op.Where.IsZero() {
		cond = op.Where.SQL(quoteName)
	}
	chunks := k.chunks(t, func(bounds string) string {
		return fmt.Sprintf("DELETE FROM %s WHERE %s AND (%s)", quoteName(t.Ref.Name), bounds, cond)
	}, cond)
	return steps(chunked("delete rows of "+t.Ref.Name, "nobody needs them any more; in short pieces, so that nobody waits for long", chunks)), nil
}
