package postgres

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// nullity is what planner.Expr says about NULL: maybe, even when no input is;
// and the inputs that bring it.
type nullity struct {
	maybe  bool
	inputs []string
}

// never is the nullity of what always has a value.
var never = nullity{}

// unknown is the nullity of what is not known to have one.
var unknown = nullity{maybe: true}

// with is NULL when either is.
func (a nullity) with(b nullity) nullity {
	out := nullity{maybe: a.maybe || b.maybe, inputs: slices.Clone(a.inputs)}
	for _, c := range b.inputs {
		if !slices.Contains(out.inputs, c) {
			out.inputs = append(out.inputs, c)
		}
	}
	return out
}

func allOf(nodes []*pg.Node) nullity {
	out := never
	for _, n := range nodes {
		out = out.with(nullness(n))
	}
	return out
}

// anyOf is NULL only when all are (COALESCE, GREATEST): it is as good as the
// best of them.
func anyOf(nodes []*pg.Node) nullity {
	best := unknown
	for _, n := range nodes {
		a := nullness(n)
		if best.maybe && !a.maybe || best.maybe == a.maybe && len(a.inputs) < len(best.inputs) {
			best = a
		}
	}
	return best
}

// nullness follows NULL through an expression. What it does not know may be
// NULL.
func nullness(n *pg.Node) nullity {
	switch x := nodeOf(n).(type) {
	case *pg.A_Const:
		return nullity{maybe: x.Isnull}
	case *pg.ColumnRef:
		if _, ok := names(x.Fields); !ok {
			return unknown
		}
		return nullity{inputs: []string{columnName(x)}}
	case *pg.TypeCast:
		return nullness(x.Arg)
	case *pg.CollateClause:
		return nullness(x.Arg)
	case *pg.BoolExpr:
		return allOf(x.Args)
	case *pg.NullTest, *pg.BooleanTest, *pg.RowExpr, *pg.A_ArrayExpr:
		return never
	case *pg.CoalesceExpr:
		return anyOf(x.Args)
	case *pg.MinMaxExpr:
		return anyOf(x.Args)
	case *pg.CaseExpr:
		return caseNullness(x)
	case *pg.A_Expr:
		return operatorNullness(x)
	case *pg.FuncCall:
		return functionNullness(x)
	case *pg.SQLValueFunction:
		return nullity{maybe: x.Op == pg.SQLValueFunctionOp_SVFOP_CURRENT_SCHEMA}
	}
	return unknown
}

func caseNullness(x *pg.CaseExpr) nullity {
	if x.Defresult == nil {
		return unknown
	}
	out := nullness(x.Defresult)
	for _, w := range x.Args {
		out = out.with(nullness(w.GetCaseWhen().GetResult()))
	}
	return out
}

func operatorNullness(x *pg.A_Expr) nullity {
	both := func() nullity {
		out := never
		if x.Lexpr != nil {
			out = nullness(x.Lexpr)
		}
		if list := x.Rexpr.GetList(); list != nil {
			return out.with(allOf(list.Items))
		}
		return out.with(nullness(x.Rexpr))
	}
	switch x.Kind {
	case pg.A_Expr_Kind_AEXPR_DISTINCT, pg.A_Expr_Kind_AEXPR_NOT_DISTINCT:
		return never
	case pg.A_Expr_Kind_AEXPR_OP:
		op, ok := names(x.Name)
		if ok && len(op) == 1 && operators[op[0]] {
			return both()
		}
	case pg.A_Expr_Kind_AEXPR_IN, pg.A_Expr_Kind_AEXPR_LIKE, pg.A_Expr_Kind_AEXPR_ILIKE, pg.A_Expr_Kind_AEXPR_SIMILAR,
		pg.A_Expr_Kind_AEXPR_BETWEEN, pg.A_Expr_Kind_AEXPR_NOT_BETWEEN,
		pg.A_Expr_Kind_AEXPR_BETWEEN_SYM, pg.A_Expr_Kind_AEXPR_NOT_BETWEEN_SYM:
		return both()
	case pg.A_Expr_Kind_A_EXPR_KIND_UNDEFINED, pg.A_Expr_Kind_AEXPR_OP_ANY, pg.A_Expr_Kind_AEXPR_OP_ALL,
		pg.A_Expr_Kind_AEXPR_NULLIF:
	}
	return unknown
}

func functionNullness(f *pg.FuncCall) nullity {
	name, builtin := functionName(f)
	k, known := functions[name]
	switch {
	case !builtin || !known || f.FuncVariadic:
		return unknown
	case k.total:
		return never
	case name == "concat_ws" && len(f.Args) > 0:
		return nullness(f.Args[0]) // only the separator's NULL counts
	case name == "substring" && len(f.Args) > 1 && allWhole(f.Args[1:]):
		return allOf(f.Args) // by position, not by pattern
	}
	return allOf(f.Args).with(nullity{maybe: k.nulls})
}

// allWhole reports whether all of these are surely integers.
func allWhole(nodes []*pg.Node) bool {
	for _, n := range nodes {
		if !whole(n) {
			return false
		}
	}
	return true
}

func whole(n *pg.Node) bool {
	switch x := nodeOf(n).(type) {
	case *pg.A_Const:
		return x.GetIval() != nil
	case *pg.TypeCast:
		switch plainTypeName(x.TypeName) {
		case "int2", "int4", "int8":
			return true
		}
	case *pg.A_Expr:
		op, ok := names(x.Name)
		return ok && len(op) == 1 && (op[0] == "+" || op[0] == "-" || op[0] == "*") &&
			(x.Lexpr == nil || whole(x.Lexpr)) && whole(x.Rexpr)
	case *pg.FuncCall:
		switch name, builtin := functionName(x); name {
		case "length", "char_length", "character_length", "strpos", "position", "octet_length":
			return builtin
		}
	}
	return false
}
