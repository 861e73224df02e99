package postgres

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/proto"

	"github.com/expandcontract/migrate/planner"
)

// scope says which qualifiers a column reference may carry, and whether an
// unknown function must be taken for volatile.
type scope struct {
	table planner.Ref
	alias string
	// wary takes functions that are not well known for volatile. That is the
	// safe side in a column's default: a volatile default rewrites the table.
	// Elsewhere an unknown function counts as stable: it is trusted to give the
	// same value twice within one statement, and not to be reproducible later.
	wary bool
	// subqueries may be in it: it is evaluated in a statement over the table
	// itself, whose name they may use.
	subqueries bool
}

// expression cuts a syntax tree at its column references. The references are
// replaced in the tree by names of our own, which are then found in the text
// that PostgreSQL's own deparser writes; the user's text is never edited. It
// fails, with a reason for people, where the expression is no scalar one over
// the columns of one row.
func (sc scope) expression(n *pg.Node) (planner.Expr, error) {
	if n.GetRowExpr().GetRowFormat() == pg.CoercionForm_COERCE_IMPLICIT_CAST { // (a, b), also a, b in our brackets
		return planner.Expr{}, errors.New("it is a list of values, not one")
	}
	n = clone(n)
	e := planner.Expr{}
	columns, err := sc.takeColumns(n, &e)
	if err != nil {
		return planner.Expr{}, err
	}
	nulls := nullness(n)
	e.MaybeNull, e.NullInputs = nulls.maybe, nulls.inputs
	prefix := markerPrefix(n)
	marked := make(map[string]string, len(columns))
	for i, c := range columns {
		m := prefix + strconv.Itoa(i) + "_"
		marked[m] = columnName(c)
		c.Fields = []*pg.Node{pg.MakeStrNode(m)}
	}
	text, err := deparseScalar(n)
	if err != nil {
		return planner.Expr{}, err
	}
	e.Parts = cut(text, prefix, marked)
	return e, nil
}

// takeColumns checks what the expression is made of and returns its column
// references.
func (sc scope) takeColumns(n *pg.Node, e *planner.Expr) ([]*pg.ColumnRef, error) {
	var columns []*pg.ColumnRef
	var bad error
	walk(n, func(m proto.Message) bool {
		if bad != nil {
			return false
		}
		switch x := m.(type) {
		case *pg.ColumnRef:
			columns = append(columns, x)
			bad = sc.checkColumn(x)
			return false
		case *pg.SelectStmt:
			if !sc.subqueries {
				bad = errReadsOthers
			}
			e.Subquery = true
			return false
		case *pg.SubLink:
			if !sc.subqueries {
				bad = errReadsOthers
			}
		case *pg.ParamRef:
			bad = fmt.Errorf("it contains the parameter $%d", x.Number)
		case *pg.SetToDefault:
			bad = errors.New("it sets a column to DEFAULT")
		case *pg.GroupingFunc:
			bad = errors.New("it contains the aggregate GROUPING")
		case *pg.JsonObjectAgg, *pg.JsonArrayAgg, *pg.JsonAggConstructor:
			bad = errors.New("it contains an aggregate")
		case *pg.SQLValueFunction:
			e.Stable = true
		case *pg.TypeCast:
			if timeTypes[plainTypeName(x.TypeName)] && x.Arg.GetAConst() == nil {
				e.Stable = true // depends on the session's time zone and date style
			}
		case *pg.FuncCall:
			bad = sc.function(x, e)
		}
		return bad == nil
	})
	return columns, bad
}

var timeTypes = map[string]bool{"timestamptz": true, "timetz": true, "timestamp": true, "time": true, "date": true}

func (sc scope) function(f *pg.FuncCall, e *planner.Expr) error {
	name, builtin := functionName(f)
	k, known := functions[name]
	switch {
	case f.Over != nil:
		return fmt.Errorf("it contains the window function %s", name)
	case f.AggStar || f.AggDistinct || f.AggWithinGroup || f.AggFilter != nil || len(f.AggOrder) > 0 || builtin && k.aggregate:
		return fmt.Errorf("it contains the aggregate %s", name)
	case builtin && k.set:
		return fmt.Errorf("it contains %s, which yields several rows", name)
	case builtin && known:
		e.Volatile = e.Volatile || k.volatile
		e.Stable = e.Stable || k.stable
	case sc.wary:
		e.Volatile = true
	default:
		e.Stable = true
	}
	return nil
}

// functionName gives a function's name, and whether it may be looked up among
// the built-in ones (no schema of the user's before it).
func functionName(f *pg.FuncCall) (name string, builtin bool) {
	parts, ok := names(f.GetFuncname())
	if !ok || len(parts) == 0 {
		return "", false
	}
	return parts[len(parts)-1], len(parts) == 1 || len(parts) == 2 && parts[0] == "pg_catalog"
}

func (sc scope) checkColumn(c *pg.ColumnRef) error {
	parts, ok := names(c.Fields)
	if !ok {
		return errors.New("it refers to a whole row with *")
	}
	switch qualifier := parts[:len(parts)-1]; len(qualifier) {
	case 0:
		return nil
	case 1:
		if sc.alias != "" && qualifier[0] == sc.alias || sc.alias == "" && qualifier[0] == sc.table.Name {
			return nil
		}
	case 2:
		if sc.alias == "" && qualifier[1] == sc.table.Name && (sc.table.Schema == "" || qualifier[0] == sc.table.Schema) {
			return nil
		}
	}
	return fmt.Errorf("it refers to %s, which is no column of %s", strings.Join(parts, "."), sc.table)
}

func columnName(c *pg.ColumnRef) string {
	return c.Fields[len(c.Fields)-1].GetString_().Sval
}

// markerPrefix is a name that nothing in the expression contains.
func markerPrefix(n *pg.Node) string {
	text := strings.ToLower(n.String())
	prefix := "migrate_column_"
	for strings.Contains(text, prefix) {
		prefix = "x" + prefix
	}
	return prefix
}

// deparseScalar writes one expression.
func deparseScalar(n *pg.Node) (string, error) {
	text, err := deparse(selectOf(n))
	if err != nil {
		return "", err
	}
	return strings.TrimPrefix(text, "SELECT "), nil
}

func selectOf(n *pg.Node) *pg.Node {
	return &pg.Node{Node: &pg.Node_SelectStmt{SelectStmt: &pg.SelectStmt{
		TargetList:  []*pg.Node{pg.MakeResTargetNodeWithVal(n, 0)},
		LimitOption: pg.LimitOption_LIMIT_OPTION_DEFAULT, Op: pg.SetOperation_SETOP_NONE,
	}}}
}

// cut splits a text at the markers in it.
func cut(text, prefix string, marked map[string]string) []planner.Part {
	var parts []planner.Part
	for {
		i := strings.Index(text, prefix)
		if i < 0 {
			break
		}
		end := i + len(prefix)
		for text[end] != '_' {
			end++
		}
		end++
		if i > 0 {
			parts = append(parts, planner.Part{Text: text[:i]})
		}
		parts = append(parts, planner.Part{Column: marked[text[i:end]]})
		text = text[end:]
	}
	if text != "" {
		parts = append(parts, planner.Part{Text: text})
	}
	return parts
}

// readExpression parses the text of one scalar expression, as a directive or
// the catalog has it.
func (sc scope) readExpression(text string) (planner.Expr, error) {
	n, err := parseScalar(text)
	if err != nil {
		return planner.Expr{}, err
	}
	return sc.expression(n)
}

const scalarHead = "SELECT ("

// parseScalar reads one expression and nothing after it. Offsets in errors
// count from the start of text.
func parseScalar(text string) (*pg.Node, error) {
	tree, err := parseSQL(scalarHead + text + "\n)")
	if err != nil {
		var se *planner.SyntaxError
		if errors.As(err, &se) {
			at := min(max(0, se.Offset-len(scalarHead)), len(text))
			return nil, &planner.SyntaxError{Offset: at, Message: se.Message}
		}
		return nil, err
	}
	if len(tree.Stmts) == 1 {
		sel := tree.Stmts[0].Stmt.GetSelectStmt()
		if sel != nil && len(sel.TargetList) == 1 && sel.TargetList[0].GetResTarget().GetName() == "" {
			val := sel.TargetList[0].GetResTarget().Val
			if sameTree(selectOf(val), tree.Stmts[0].Stmt) {
				return val, nil
			}
		}
	}
	return nil, &planner.SyntaxError{Message: "this is not one scalar expression"}
}

// ParseAssign reads "table.column = expression".
func (Dialect) ParseAssign(src string) (planner.Ref, planner.Assign, error) {
	fail := func(at int, message string) (planner.Ref, planner.Assign, error) {
		return planner.Ref{}, planner.Assign{}, &planner.SyntaxError{Offset: at, Message: message}
	}
	eq, err := firstEquals(src)
	if err != nil {
		return planner.Ref{}, planner.Assign{}, err
	}
	if eq < 0 {
		return fail(len(src), "an assignment reads TABLE.COLUMN = EXPRESSION")
	}
	target, err := parseScalar(src[:eq])
	if err != nil {
		return planner.Ref{}, planner.Assign{}, err
	}
	parts, ok := names(target.GetColumnRef().GetFields())
	if !ok || len(parts) < 2 || len(parts) > 3 {
		return fail(0, "left of = stands TABLE.COLUMN or SCHEMA.TABLE.COLUMN")
	}
	ref := planner.Ref{Name: parts[len(parts)-2]}
	if len(parts) == 3 {
		ref.Schema = parts[0]
	}
	right := src[eq+1:]
	if strings.TrimSpace(right) == "" {
		return fail(len(src), "right of = stands an expression")
	}
	start := eq + 1 + len(right) - len(strings.TrimLeft(right, " \t\r\n"))
	value, err := parseScalar(right)
	if err != nil {
		var se *planner.SyntaxError
		if errors.As(err, &se) {
			return fail(max(start, eq+1+se.Offset), se.Message)
		}
		return planner.Ref{}, planner.Assign{}, err
	}
	e, err := scope{table: ref}.expression(value)
	if err != nil {
		return fail(start, err.Error())
	}
	return ref, planner.Assign{Column: parts[len(parts)-1], Expr: e}, nil
}

// firstEquals finds the first = that is a token; -1 if there is none.
func firstEquals(src string) (int, error) {
	tokens, err := scanSQL(src)
	if err != nil {
		return 0, err
	}
	for _, t := range tokens {
		if t.Token == pg.Token_ASCII_61 {
			return int(t.Start), nil
		}
	}
	return -1, nil
}
