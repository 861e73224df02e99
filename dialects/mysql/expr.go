package mysql

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/format"
	"github.com/pingcap/tidb/pkg/parser/opcode"

	"github.com/expandcontract/migrate/planner"
)

// restoreFlags make the grammar write SQL that means the same in every session
// of ours: single quotes, backquotes, backslashes escaped, and a character set
// before a string only where the user wrote another than the connection's.
const restoreFlags = format.RestoreStringSingleQuotes | format.RestoreKeyWordUppercase | format.RestoreNameBackQuotes |
	format.RestoreStringEscapeBackslash | format.RestoreStringWithoutDefaultCharset | format.RestoreSpacesAroundBinaryOperation

// expr turns a syntax tree into an Expr over a table's columns. The columns'
// names are swapped for marks, the tree is written, and the text cut at them.
func (d *dialect) expr(n ast.ExprNode, table string) (planner.Expr, error) {
	m := &marker{table: table}
	node, _ := n.Accept(m)
	if m.err != nil {
		return planner.Expr{}, m.err
	}
	expr, ok := node.(ast.ExprNode)
	if !ok {
		return planner.Expr{}, errors.New("this is no expression")
	}
	e := planner.Expr{Subquery: m.subquery}
	f := facts{names: m.names}
	null := f.of(expr)
	e.Volatile, e.Stable, e.MaybeNull, e.NullInputs = f.volatile, f.stable, null.maybe, null.inputs
	if e.MaybeNull {
		e.NullInputs = nil
	}
	var b strings.Builder
	if err := expr.Restore(format.NewRestoreCtx(restoreFlags, &b)); err != nil {
		return planner.Expr{}, fmt.Errorf("writing the expression: %w", err)
	}
	e.Parts = cut(b.String(), m.names)
	return e, nil
}

// mark brackets the number of a column in a swapped name. Parse refuses files
// that contain it.
const mark = "\x01"

// cut splits text at its marks, which the grammar has put into backquotes.
func cut(text string, names []string) []planner.Part {
	var parts []planner.Part
	pieces := strings.Split(text, mark)
	for i, p := range pieces {
		if i%2 == 1 {
			if n, err := strconv.Atoi(p); err == nil && n < len(names) {
				parts = append(parts, planner.Part{Column: names[n]})
			}
			continue
		}
		if i > 0 {
			p = strings.TrimPrefix(p, "`")
		}
		if i < len(pieces)-1 {
			p = strings.TrimSuffix(p, "`")
		}
		if p != "" {
			parts = append(parts, planner.Part{Text: p})
		}
	}
	return parts
}

// marker swaps columns' names for marks and refuses what has no meaning in an
// expression over one row.
type marker struct {
	table    string
	names    []string
	subquery bool
	err      error
}

// Enter implements ast.Visitor.
func (m *marker) Enter(n ast.Node) (ast.Node, bool) {
	switch n := n.(type) {
	case *ast.SubqueryExpr, *ast.ExistsSubqueryExpr, *ast.CompareSubqueryExpr:
		m.subquery = true
		return n, true
	case *ast.PatternInExpr:
		if n.Sel != nil {
			m.subquery = true
			return n, true
		}
	case *ast.AggregateFuncExpr, *ast.WindowFuncExpr:
		m.fail("it aggregates over other rows")
	case *ast.VariableExpr:
		m.fail("it reads the variable %s, whose value depends on the session", n.Name)
	case *ast.DefaultExpr:
		m.fail("it uses DEFAULT; write the value")
	case *ast.ValuesExpr:
		m.fail("VALUES() has a meaning only in INSERT")
	case ast.ParamMarkerExpr:
		m.fail("it contains a parameter")
	case *ast.MatchAgainst:
		m.fail("MATCH … AGAINST needs an index of the table")
	case *ast.ColumnName:
		if n.Schema.O != "" || n.Table.O != "" && !strings.EqualFold(n.Table.O, m.table) {
			m.fail("it reads %s, which is no column of %s", n.String(), m.table)
			return n, true
		}
		m.names = append(m.names, n.Name.O)
		return &ast.ColumnName{Name: ast.NewCIStr(mark + strconv.Itoa(len(m.names)-1) + mark)}, true
	}
	return n, m.err != nil
}

func (m *marker) fail(format string, args ...any) {
	if m.err == nil {
		m.err = fmt.Errorf(format, args...)
	}
}

// Leave implements ast.Visitor.
func (m *marker) Leave(n ast.Node) (ast.Node, bool) { return n, m.err == nil }

// columnsOf lists the columns that a node mentions, each once.
func columnsOf(n ast.Node) []string {
	c := &collector{}
	n.Accept(c)
	return c.names
}

type collector struct{ names []string }

// Enter implements ast.Visitor.
func (c *collector) Enter(n ast.Node) (ast.Node, bool) {
	if col, ok := n.(*ast.ColumnName); ok {
		c.names = append(c.names, col.Name.O)
	}
	return n, false
}

// Leave implements ast.Visitor.
func (c *collector) Leave(n ast.Node) (ast.Node, bool) { return n, true }

// nullness says when an expression is NULL.
type nullness struct {
	maybe  bool     // even when all inputs have values
	inputs []string // NULL when one of these is
}

// facts gathers what holds of an expression while walking it.
type facts struct {
	names            []string // of the marks
	volatile, stable bool
}

func (f *facts) of(n ast.ExprNode) nullness {
	switch n := n.(type) {
	case ast.ValueExpr:
		return nullness{maybe: n.GetValue() == nil}
	case *ast.ColumnNameExpr:
		i, err := strconv.Atoi(strings.Trim(n.Name.Name.O, mark))
		if err != nil || i >= len(f.names) {
			return nullness{maybe: true}
		}
		return nullness{inputs: []string{f.names[i]}}
	case *ast.ParenthesesExpr:
		return f.of(n.Expr)
	case *ast.UnaryOperationExpr:
		return f.of(n.V)
	case *ast.BinaryOperationExpr:
		return f.binary(n)
	case *ast.IsNullExpr:
		f.of(n.Expr)
		return nullness{}
	case *ast.IsTruthExpr:
		f.of(n.Expr)
		return nullness{}
	case *ast.BetweenExpr:
		return f.all(n.Expr, n.Left, n.Right)
	case *ast.PatternInExpr:
		if n.Sel != nil {
			return nullness{maybe: true}
		}
		return f.all(append([]ast.ExprNode{n.Expr}, n.List...)...)
	case *ast.PatternLikeOrIlikeExpr:
		return f.all(n.Expr, n.Pattern)
	case *ast.PatternRegexpExpr:
		return f.all(n.Expr, n.Pattern)
	case *ast.SetCollationExpr:
		return f.of(n.Expr)
	case *ast.CaseExpr:
		return f.caseOf(n)
	case *ast.FuncCastExpr:
		return f.cast(n)
	case *ast.FuncCallExpr:
		return f.call(n)
	case *ast.TimeUnitExpr, *ast.TrimDirectionExpr, *ast.GetFormatSelectorExpr:
		return nullness{}
	}
	return nullness{maybe: true}
}

// all is the nullness of what is NULL exactly when one of its operands is.
func (f *facts) all(nodes ...ast.ExprNode) nullness {
	var out nullness
	for _, n := range nodes {
		x := f.of(n)
		out.maybe = out.maybe || x.maybe
		out.inputs = append(out.inputs, x.inputs...)
	}
	return out
}

func (f *facts) binary(n *ast.BinaryOperationExpr) nullness {
	out := f.all(n.L, n.R)
	switch n.Op {
	case opcode.NullEQ:
		return nullness{}
	case opcode.Div, opcode.IntDiv, opcode.Mod:
		// NULL when the divisor is 0; a literal other than 0 is safe.
		if v, ok := n.R.(ast.ValueExpr); !ok || isZero(v) {
			out.maybe = true
		}
	default:
	}
	return out
}

func isZero(v ast.ValueExpr) bool {
	var b strings.Builder
	if err := v.Restore(format.NewRestoreCtx(restoreFlags, &b)); err != nil {
		return true
	}
	x, err := strconv.ParseFloat(b.String(), 64)
	return err != nil || x == 0
}

func (f *facts) caseOf(n *ast.CaseExpr) nullness {
	if n.Value != nil {
		f.of(n.Value)
	}
	var out nullness
	for _, w := range n.WhenClauses {
		f.of(w.Expr)
		x := f.of(w.Result)
		out.maybe = out.maybe || x.maybe
		out.inputs = append(out.inputs, x.inputs...)
	}
	if n.ElseClause == nil {
		return nullness{maybe: true}
	}
	x := f.of(n.ElseClause)
	return nullness{maybe: out.maybe || x.maybe, inputs: append(out.inputs, x.inputs...)}
}

// cast: what is no date becomes NULL with a warning where no strict mode
// applies; numbers and strings are always made into something.
func (f *facts) cast(n *ast.FuncCastExpr) nullness {
	out := f.of(n.Expr)
	t, err := fromFieldType(n.Tp)
	if err != nil || t.class() == classTemporal || t.class() == classJSON {
		out.maybe = true
	}
	return out
}

func (f *facts) call(n *ast.FuncCallExpr) nullness {
	name := n.FnName.L
	switch {
	case n.Schema.L != "":
		f.stable = true
	case volatileFunctions[name]:
		f.volatile = true
	case stableFunctions[name]:
		f.stable = true
	case !knownFunctions[name]:
		// A stored function: nobody knows.
		f.stable = true
	}
	if name == "unix_timestamp" && len(n.Args) == 0 {
		f.stable = true
	}
	args := make([]nullness, len(n.Args))
	for i, a := range n.Args {
		args[i] = f.of(a)
	}
	switch {
	case n.Schema.L != "":
	case name == "coalesce" || name == "ifnull":
		return firstSure(args)
	case name == "if" && len(args) == 3:
		return nullness{maybe: args[1].maybe || args[2].maybe, inputs: append(args[1].inputs, args[2].inputs...)}
	case name == "concat_ws" && len(args) > 0:
		return args[0]
	case neverNullFunctions[name]:
		return nullness{}
	case strictFunctions[name]:
		var out nullness
		for _, a := range args {
			out.maybe = out.maybe || a.maybe
			out.inputs = append(out.inputs, a.inputs...)
		}
		return out
	}
	return nullness{maybe: true}
}

// firstSure is the nullness of COALESCE: it has a value when one argument has.
func firstSure(args []nullness) nullness {
	best := nullness{maybe: true}
	for _, a := range args {
		if !a.maybe && (best.maybe || len(a.inputs) < len(best.inputs)) {
			best = a
		}
	}
	return best
}

// parseExpr reads an expression that stands alone.
func (d *dialect) parseExpr(text string) (planner.Expr, error) {
	node, err := d.parseOne("SELECT " + text)
	if err != nil {
		return planner.Expr{}, err
	}
	sel, ok := node.(*ast.SelectStmt)
	if !ok || sel.Fields == nil || len(sel.Fields.Fields) != 1 || sel.Fields.Fields[0].Expr == nil {
		return planner.Expr{}, errors.New("this is no expression")
	}
	return d.expr(sel.Fields.Fields[0].Expr, "")
}
