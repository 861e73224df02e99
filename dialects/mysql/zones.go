package mysql

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/opcode"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// zones.go finds the transforms whose value depends on the session's time zone: a
// trigger works in the app's zone, the backfill and the verification in UTC.
//
// A timestamp, FROM_UNIXTIME and the clock are instants; the session's zone is asked
// only when one becomes something else (a datetime, a text, an hour), or something
// else becomes an instant. Literals are not looked at.

// timeZones warns of such transforms.
func (d *dialect) timeZones(sync *planner.Sync) []plan.Hazard {
	instant := func(c string) bool { return parseType(columnOf(sync, c).Type).name == "timestamp" }
	var out []plan.Hazard
	for _, g := range sync.Groups {
		for _, a := range slices.Concat(g.Up, g.Down) {
			wants := zoneLocal
			if instant(a.Column) {
				wants = zoneInstant
			}
			for _, source := range d.zoned(a.Expr, wants, instant) {
				out = append(out, plan.Hazard{
					Rule: "depends-on-time-zone", Severity: plan.Warning,
					Message: fmt.Sprintf("the value of %s.%s is made %s: it depends on the session's time zone, which is UTC for the backfill and the app's own for the shadow writes",
						sync.Table.Ref.Name, a.Column, source),
					Instead: "let the app's sessions run in UTC, or let the app write both columns (migrate:shadow app)",
				})
			}
		}
	}
	return out
}

// zoned lists what in an expression asks for the session's zone, each once.
func (d *dialect) zoned(e planner.Expr, wants zoneWant, instant func(string) bool) []string {
	node, err := d.parseOne("SELECT " + e.SQL(quoteName))
	if err != nil {
		return nil // it has been written from a tree, so it can be read
	}
	w := &zoneWalk{wants: wants, instant: instant}
	node.Accept(w)
	return w.found
}

// zoneWant is what the place that a value goes to can take without a conversion.
type zoneWant int

const (
	zoneLocal   zoneWant = iota // all but an instant
	zoneInstant                 // an instant
	zoneNothing                 // it is converted to and fro: neither
	zoneAny                     // it is not converted
)

// zoneWalk walks one expression, whose value goes to a place of the kind wants.
type zoneWalk struct {
	wants   zoneWant
	instant func(column string) bool
	found   []string
}

func (w *zoneWalk) find(source string) {
	if !slices.Contains(w.found, source) {
		w.found = append(w.found, source)
	}
}

// into walks operands whose values go to a place of another kind.
func (w *zoneWalk) into(wants zoneWant, nodes ...ast.ExprNode) {
	for _, n := range nodes {
		if n == nil {
			continue
		}
		sub := &zoneWalk{wants: wants, instant: w.instant}
		n.Accept(sub)
		for _, s := range sub.found {
			w.find(s)
		}
	}
}

// Enter implements ast.Visitor.
func (w *zoneWalk) Enter(n ast.Node) (ast.Node, bool) {
	switch n := n.(type) {
	case *ast.SelectStmt, *ast.FieldList, *ast.SelectField, *ast.ParenthesesExpr:
		return n, false
	case *ast.ColumnName:
		w.column(n.Name.O)
		return n, true
	case *ast.ColumnNameExpr:
		return n, false
	case *ast.SubqueryExpr:
		return n, true
	case *ast.IsNullExpr:
		w.into(zoneAny, n.Expr)
		return n, true
	case *ast.BinaryOperationExpr:
		if comparisons[n.Op] {
			w.compare(n.L, n.R)
			return n, true
		}
	case *ast.BetweenExpr:
		w.compare(n.Expr, n.Left, n.Right)
		return n, true
	case *ast.PatternInExpr:
		w.compare(append([]ast.ExprNode{n.Expr}, n.List...)...)
		return n, true
	case *ast.CaseExpr:
		w.caseOf(n)
		return n, true
	case *ast.FuncCallExpr:
		if w.call(n) {
			return n, true
		}
	}
	// What computes with an instant converts it first, and gives none.
	if _, ok := n.(ast.ExprNode); ok && w.wants == zoneInstant {
		w.wants = zoneNothing
	}
	return n, false
}

// Leave implements ast.Visitor.
func (w *zoneWalk) Leave(n ast.Node) (ast.Node, bool) { return n, true }

func (w *zoneWalk) column(name string) {
	is := w.instant(name)
	if w.wants == zoneNothing || w.wants == zoneInstant && !is || w.wants == zoneLocal && is {
		w.find("from " + name + ", and one of them is a timestamp")
	}
}

var comparisons = map[opcode.Op]bool{
	opcode.LT: true, opcode.LE: true, opcode.GT: true, opcode.GE: true, opcode.EQ: true, opcode.NE: true, opcode.NullEQ: true,
}

// compare: instants are compared as such among themselves only.
func (w *zoneWalk) compare(nodes ...ast.ExprNode) {
	wants := zoneLocal
	if !slices.ContainsFunc(nodes, func(n ast.ExprNode) bool { return !w.isInstant(n) }) {
		wants = zoneInstant
	}
	w.into(wants, nodes...)
}

// isInstant reports of an operand whether it is a timestamp or a moment's clock.
func (w *zoneWalk) isInstant(n ast.ExprNode) bool {
	switch n := n.(type) {
	case *ast.ParenthesesExpr:
		return w.isInstant(n.Expr)
	case *ast.ColumnNameExpr:
		return w.instant(n.Name.Name.O)
	case *ast.FuncCallExpr:
		return givesInstant(n)
	}
	return false
}

func (w *zoneWalk) caseOf(n *ast.CaseExpr) {
	values := []ast.ExprNode{n.ElseClause}
	tested := []ast.ExprNode{}
	if n.Value != nil {
		tested = append(tested, n.Value)
	}
	for _, c := range n.WhenClauses {
		tested, values = append(tested, c.Expr), append(values, c.Result)
	}
	if n.Value == nil {
		w.into(zoneLocal, tested...)
	} else {
		w.compare(tested...)
	}
	w.into(w.wants, values...)
}

var (
	// clocks are instants; dayClocks are made of one; utcClocks are no instants to the server.
	clocks    = words("now current_timestamp localtime localtimestamp sysdate")
	dayClocks = words("curdate current_date curtime current_time")
	utcClocks = words("utc_date utc_time utc_timestamp")
	// choosers give one of their arguments as it is.
	choosers = words("coalesce ifnull nvl nullif least greatest")
)

func givesInstant(n *ast.FuncCallExpr) bool {
	return clocks[n.FnName.L] || n.FnName.L == "from_unixtime" && len(n.Args) == 1
}

// call walks a function that means something of its own to time zones.
func (w *zoneWalk) call(n *ast.FuncCallExpr) bool {
	name := n.FnName.L
	by := "by " + strings.ToUpper(name) + "()"
	converts := w.wants == zoneLocal || w.wants == zoneNothing
	switch {
	case n.Schema.L != "":
		return false
	case givesInstant(n):
		if converts {
			w.find(by)
		}
		w.into(zoneLocal, n.Args...)
	case name == "from_unixtime", dayClocks[name]:
		if w.wants != zoneAny {
			w.find(by)
		}
		w.into(zoneLocal, n.Args...)
	case utcClocks[name]:
		if w.wants == zoneInstant || w.wants == zoneNothing {
			w.find(by)
		}
	case name == "unix_timestamp":
		inner := &zoneWalk{instant: w.instant}
		inner.into(zoneInstant, n.Args...)
		if len(inner.found) > 0 {
			w.find(by)
		}
	case name == "isnull":
		w.into(zoneAny, n.Args...)
	case name == "if" && len(n.Args) == 3:
		w.into(zoneLocal, n.Args[0])
		w.into(w.wants, n.Args[1:]...)
	case choosers[name]:
		w.into(w.wants, n.Args...)
	default:
		return false
	}
	return true
}
