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
// Another collation is free but for the indexes.
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
	r := retyping{s: s, column: from.Name, from: source, to: target, old: visibleType(s, old), canonical: visibleType(s, canonical)}
	if collation == "default" {
		collation = ""
	}
	out := r.verdict()
	if collation != "" {
		out.Canonical += " COLLATE " + quote(collation)
	}
	if collation != from.Collation {
		if collation == "" {
			out.Canonical += ` COLLATE "default"`
		}
		return recollated(s, from, collation, out)
	}
	return out
}

// recollated is a verdict on a change of type that changes the collation, too:
// the values stay, and only the indexes are in another order.
func recollated(s *planner.Schema, from planner.Column, collation string, out planner.TypeChange) planner.TypeChange {
	if out.Kind == planner.TypeIncompatible {
		return out
	}
	why := "the collation changes from " + orDefault(from.Collation) + " to " + orDefault(collation)
	for _, c := range []string{from.Collation, collation} {
		if slices.Contains(strings.Split(s.Facts[factLoose], "; "), c) && c != "" {
			return incompatible(out.Canonical, why+", and "+c+" is not deterministic: with it, other values are equal than before")
		}
	}
	switch out.Kind {
	case planner.TypeSame:
		out.Up, out.Down = planner.ColumnExpr(from.Name), planner.ColumnExpr(from.Name)
		out.Why = why + ": the values stay as they are, and only indexes are in another order"
	default:
		out.Why += "; " + why
	}
	if out.Kind != planner.TypeCompatible {
		out.Kind, out.Reindexes = planner.TypeFree, true
	}
	return out
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

func bracketed(parts []planner.Part) []planner.Part {
	return slices.Concat([]planner.Part{{Text: "("}}, parts, []planner.Part{{Text: ")"}})
}

// floatDown brings a double into a real: too large ones to the largest, too
// small ones to 0, what is no number as it is.
func floatDown(column string) planner.Expr {
	c := planner.Part{Column: column}
	t := func(s string) planner.Part { return planner.Part{Text: s} }
	return exprOf(
		column, slices.Concat(
			[]planner.Part{t("CASE WHEN "), c, t(" IN ('NaN', 'Infinity', '-Infinity') THEN "), c, t("::real WHEN abs("), c, t(") < 1.5e-45 THEN 0::real ELSE ")},
			clamped([]planner.Part{c}, "'-3.4028234e38'::double precision", "'3.4028234e38'::double precision"), []planner.Part{t("::real END")},
		)...,
	)
}

// clamped brings a value between two others. NULL stays NULL, as with CASE, and unlike
// with greatest and least, which leave it out of account.
func clamped(value []planner.Part, least, most string) []planner.Part {
	t := func(s string) []planner.Part { return []planner.Part{{Text: s}} }
	return slices.Concat(
		t("(CASE WHEN "), value, t(" < "+least+" THEN "+least+" WHEN "), value, t(" > "+most+" THEN "+most+" ELSE "), value, t(" END)"),
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
		inner := bare(x.TypeCast.Arg)
		if inner.GetAConst() != nil {
			return inner
		}
		x.TypeCast.Arg = inner
		if name := plainTypeName(x.TypeCast.TypeName); name != "" { // int and integer are pg_catalog.int4, and so is int4
			x.TypeCast.TypeName.Names = []*pg.Node{pg.MakeStrNode(name)}
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
