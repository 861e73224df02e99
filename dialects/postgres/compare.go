package postgres

import (
	"fmt"
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"github.com/expandcontract/migrate/planner"
)

// fullTypeOf reads a type with an optional COLLATE.
func fullTypeOf(text string) (t *pg.TypeName, collation string, err error) {
	n, err := parseScalar("NULL::" + text)
	if err != nil {
		return nil, "", err
	}
	if c := n.GetCollateClause(); c != nil {
		parts, _ := names(c.Collname)
		collation = parts[len(parts)-1]
		n = c.Arg
	}
	if n.GetTypeCast() == nil {
		return nil, "", fmt.Errorf("%q is no type", text)
	}
	return n.GetTypeCast().TypeName, collation, nil
}

// Compare sorts a change of type. Free is what PostgreSQL 13 to 18 do without
// rewriting the table or rebuilding a plain index (ALTER TABLE, Notes: binary
// coercible types, and lengths that only grow); the tests watch relfilenodes.
func (Dialect) Compare(s *planner.Schema, from planner.Column, to string) planner.TypeChange {
	target, collation, err := fullTypeOf(to)
	if err != nil {
		return incompatible(to, "the new type cannot be read: "+reasonOf(err))
	}
	source, err := readType(from.Type)
	if err != nil {
		return incompatible(to, "the old type cannot be read: "+reasonOf(err))
	}
	canonical, err := typeText(target)
	if err != nil {
		return incompatible(to, reasonOf(err))
	}
	old, err := typeText(source)
	if err != nil {
		return incompatible(canonical, reasonOf(err))
	}
	canonical, old = visibleType(s, canonical), visibleType(s, old)
	if collation != "" && collation != from.Collation {
		return incompatible(canonical, "the collation changes from "+orDefault(from.Collation)+" to "+collation+", and with it the order and equality of values")
	}
	if collation == "" && from.Collation != "" {
		return incompatible(canonical, "without COLLATE the column loses its collation "+from.Collation)
	}
	out := planner.TypeChange{Canonical: canonical}
	if collation != "" {
		out.Canonical += " COLLATE " + quote(collation)
	}
	if old == canonical {
		out.Kind, out.Why = planner.TypeSame, "the type stays "+canonical
		return out
	}
	if len(source.ArrayBounds) > 0 || len(target.ArrayBounds) > 0 {
		return incompatible(canonical, "arrays are written anew")
	}
	if why, ok := freeChange(source, target); ok {
		out.Kind, out.Why = planner.TypeFree, why
		return out
	}
	if up, down, fit, ok := compatibleChange(from.Name, plainTypeName(source), plainTypeName(target)); ok {
		out.Kind, out.Up, out.Down, out.Fit = planner.TypeCompatible, up, down, fit
		out.Why = fmt.Sprintf("every %s is a %s, but PostgreSQL stores it in another width and would rewrite the table", old, canonical)
		return out
	}
	return incompatible(canonical, fmt.Sprintf("%s and %s are read and stored differently", old, canonical))
}

func orDefault(collation string) string {
	if collation == "" {
		return "the default"
	}
	return collation
}

func incompatible(canonical, why string) planner.TypeChange {
	return planner.TypeChange{Kind: planner.TypeIncompatible, Why: why, Canonical: canonical}
}

// visibleType drops a schema that the search path finds anyway, as format_type
// does.
func visibleType(s *planner.Schema, typ string) string {
	for _, p := range s.Path {
		if rest, ok := strings.CutPrefix(typ, quoteNames([]string{p})+"."); ok {
			return rest
		}
	}
	return typ
}

// freeChange reports changes that touch the catalog alone.
func freeChange(from, to *pg.TypeName) (why string, ok bool) {
	a, b := plainTypeName(from), plainTypeName(to)
	m, n := modsOf(from), modsOf(to)
	grows := len(n) == 0 || len(m) == 1 && len(n) == 1 && m[0] <= n[0]
	switch {
	case (a == "varchar" || a == "text") && b == "text", a == "text" && b == "varchar" && len(n) == 0:
		return a + " and " + b + " are stored alike", true
	case a == b && (a == "varchar" || a == "varbit") && grows:
		return "a longer limit rejects nothing that is stored", true
	case a == "numeric" && b == "numeric" && (len(n) == 0 || len(m) == 2 && len(n) == 2 && m[1] == n[1] && m[0] <= n[0]):
		return "more digits before the point reject nothing that is stored", true
	case a == b && strings.HasPrefix(a, "time") && grows:
		return "a higher precision keeps what is stored", true
	case a == "cidr" && b == "inet":
		return "every cidr is an inet and stored alike", true
	}
	return "", false
}

// modsOf are a type's modifiers: length, precision, scale. A numeric(p) has
// scale 0.
func modsOf(t *pg.TypeName) []int {
	var out []int
	for _, m := range t.Typmods {
		if i, ok := intConst(m); ok {
			out = append(out, i)
		}
	}
	if plainTypeName(t) == "numeric" && len(out) == 1 {
		out = append(out, 0)
	}
	return out
}

// compatibleChange converts between types of which clients of the old one can
// read the new one. Down clamps: it never fails. Fit is NULL where Down would
// only come near.
func compatibleChange(column, from, to string) (up, down, fit planner.Expr, ok bool) {
	limits := map[string][2]string{
		"int2": {"(-32768)", "32767"},
		"int4": {"(-2147483648)", "2147483647"},
	}
	wider := map[string]bool{"int2 int4": true, "int2 int8": true, "int4 int8": true, "float4 float8": true}
	if !wider[from+" "+to] {
		return planner.Expr{}, planner.Expr{}, planner.Expr{}, false
	}
	c := planner.Part{Column: column}
	t := func(s string) planner.Part { return planner.Part{Text: s} }
	up = exprOf(column, c, t("::"+spelling[to]))
	if from == "float4" {
		down = floatDown(column)
		fit = exprOf(column, slices.Concat([]planner.Part{t("CASE WHEN ")}, bracketed(down.Parts), []planner.Part{t("::double precision IS NOT DISTINCT FROM "), c, t(" THEN ")},
			bracketed(down.Parts), []planner.Part{t(" END")})...)
		fit.MaybeNull = true
		return up, down, fit, true
	}
	l := limits[from]
	down = exprOf(column, t("least(greatest("), c, t(", "+l[0]+"), "+l[1]+")::"+spelling[from]))
	fit = exprOf(column, t("CASE WHEN "), c, t(" BETWEEN "+l[0]+" AND "+l[1]+" THEN "), c, t("::"+spelling[from]+" END"))
	fit.MaybeNull = true
	return up, down, fit, true
}

func bracketed(parts []planner.Part) []planner.Part {
	return slices.Concat([]planner.Part{{Text: "("}}, parts, []planner.Part{{Text: ")"}})
}

// floatDown brings a double into a real: too large ones to the largest, too
// small ones to 0, what is no number as it is.
func floatDown(column string) planner.Expr {
	c := planner.Part{Column: column}
	t := func(s string) planner.Part { return planner.Part{Text: s} }
	return exprOf(
		column, t("CASE WHEN "), c, t(" IN ('NaN', 'Infinity', '-Infinity') THEN "), c, t("::real WHEN abs("), c,
		t(") < 1.5e-45 THEN 0::real ELSE least(greatest("), c,
		t(", '-3.4028234e38'::double precision), '3.4028234e38'::double precision)::real END"),
	)
}

func exprOf(column string, parts ...planner.Part) planner.Expr {
	return planner.Expr{Parts: parts, NullInputs: []string{column}}
}

// SameDefault compares two defaults. The catalog writes a default with casts
// that users leave out, and constants as text; both are looked through.
func (Dialect) SameDefault(a, b planner.Expr) bool {
	if a.IsZero() || b.IsZero() {
		return a.IsZero() == b.IsZero()
	}
	x, errX := parseScalar(a.SQL(quote))
	y, errY := parseScalar(b.SQL(quote))
	if errX != nil || errY != nil {
		return a.SQL(quote) == b.SQL(quote)
	}
	return sameTree(bare(x), bare(y))
}

// bare strips casts from constants and writes constants and the present moment
// in one way each.
func bare(n *pg.Node) *pg.Node {
	switch x := n.GetNode().(type) {
	case *pg.Node_TypeCast:
		if inner := bare(x.TypeCast.Arg); inner.GetAConst() != nil {
			return inner
		}
	case *pg.Node_AConst:
		if s, ok := constText(x.AConst); ok {
			return pg.MakeAConstStrNode(s, 0)
		}
	case *pg.Node_AExpr:
		op, _ := names(x.AExpr.Name)
		if c := bare(x.AExpr.Rexpr); x.AExpr.Lexpr == nil && len(op) == 1 && op[0] == "-" && c.GetAConst() != nil {
			return pg.MakeAConstStrNode("-"+c.GetAConst().GetSval().GetSval(), 0)
		}
	case *pg.Node_SqlvalueFunction:
		if x.SqlvalueFunction.Op == pg.SQLValueFunctionOp_SVFOP_CURRENT_TIMESTAMP {
			return pg.MakeFuncCallNode([]*pg.Node{pg.MakeStrNode("now")}, nil, 0)
		}
	case *pg.Node_FuncCall:
		for i, a := range x.FuncCall.Args {
			x.FuncCall.Args[i] = bare(a)
		}
	}
	return n
}

func constText(c *pg.A_Const) (string, bool) {
	switch v := c.Val.(type) {
	case *pg.A_Const_Ival:
		return fmt.Sprint(v.Ival.Ival), true
	case *pg.A_Const_Fval:
		return v.Fval.Fval, true
	case *pg.A_Const_Sval:
		return v.Sval.Sval, true
	case *pg.A_Const_Boolval:
		return fmt.Sprint(v.Boolval.Boolval), true
	}
	return "", false
}
