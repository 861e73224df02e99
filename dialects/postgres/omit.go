package postgres

import (
	"fmt"
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// omit.go: while two shapes live, the rows of new versions hold in a column that
// goes what nobody chose: NULL, a default, or what migrate:down makes. DROP
// COLUMN takes every constraint along that mentions the column (ALTER TABLE), so
// none of them may refuse such a row before.

// lowerOmit drops checks and foreign keys that could refuse one. A unique index
// cannot be dropped: INSERT … ON CONFLICT of old versions needs it.
func lowerOmit(s *planner.Schema, o planner.OpOmit) (planner.Lowered, error) {
	var out planner.Lowered
	omitted := omission(o.Columns)
	for _, i := range o.Indexes {
		hazard, err := omitted.index(s, o.Table, i)
		if err != nil {
			return planner.Lowered{}, err
		}
		if hazard != nil {
			out.Hazards = append(out.Hazards, *hazard)
		}
	}
	for _, k := range o.Constraints {
		if k.Kind != kindCheck && k.Kind != kindForeignKey {
			continue
		}
		c, err := definedConstraint(o.Table.Ref, k)
		if err != nil {
			return planner.Lowered{}, &planner.Unsupported{
				What: k.Kind + " " + k.Name, Reason: "whether it refuses the rows of new versions cannot be told: " + reasonOf(err),
				Instead: "drop the constraint in the same file before the column",
			}
		}
		if omitted.passes(c) {
			continue
		}
		step, err := yieldStep(s, o.Table, c)
		if err != nil {
			return planner.Lowered{}, err
		}
		out.Steps = append(out.Steps, step)
		if note := cascadeNote(s, o.Table, c); note != "" {
			out.Notes = append(out.Notes, note)
		}
	}
	return out, nil
}

// yieldStep drops a constraint until the way back.
func yieldStep(s *planner.Schema, t *planner.Table, c *constraint) (plan.Step, error) {
	again, err := c.again()
	if err != nil {
		return plan.Step{}, err
	}
	name := s.Display(t.Ref)
	step := catalogStep(
		fmt.Sprintf("drop %s %s of %s", c.of.Kind, c.of.Name, name),
		"it mentions a column that goes, and what new versions leave there could break it",
		plan.Lock{Mode: lockAccessExclusive, Object: name}, []string{c.alter("DROP")}, nil,
	)
	step.UndoMode, step.UndoStatements = plan.Each, again
	step.StatementTimeoutMS = 0 // the way back looks at all rows
	if ref, ok := c.refers(); ok {
		step.AlsoLocks = []plan.Lock{{Mode: lockAccessExclusive, Object: s.Display(ref)}}
	}
	if c.of.Kind == kindCheck && c.valid {
		check, err := deparseScalar(c.def().RawExpr)
		if err != nil {
			return plan.Step{}, err
		}
		step.UndoLoses = &plan.Check{
			SQL:     "SELECT EXISTS (SELECT FROM " + quoteRef(t.Ref) + " WHERE NOT (" + check + "))",
			Message: "rows that new versions wrote break the check " + c.of.Name + " of " + name,
		}
	}
	return seal(step), nil
}

// cascadeNote tells of a foreign key that did more than refuse.
func cascadeNote(s *planner.Schema, t *planner.Table, c *constraint) string {
	def := c.def()
	if c.of.Kind != kindForeignKey || !acts(def.FkDelAction) && !acts(def.FkUpdAction) {
		return ""
	}
	return fmt.Sprintf("foreign key %s goes in expand: from then on, what happens to the rows of %s no longer reaches %s",
		c.of.Name, s.Display(refOf(def.Pktable)), s.Display(t.Ref))
}

// acts reports whether a foreign key's action (the letter of pg_constraint)
// changes rows.
func acts(action string) bool { return action != "a" && action != "r" && action != "" }

// omission is what new versions leave out.
type omission []planner.Omitted

func (o omission) of(column string) *planner.Omitted {
	for i := range o {
		if o[i].Column.Name == column {
			return &o[i]
		}
	}
	return nil
}

// null reports whether the rows of new versions have NULL in a column.
func (o omission) null(column string) bool {
	c := o.of(column)
	switch {
	case c == nil:
		return false
	case !c.Down.IsZero():
		n, err := parseScalar(c.Down.SQL(quote))
		for err == nil && n.GetTypeCast() != nil {
			n = n.GetTypeCast().Arg
		}
		return err == nil && n.GetAConst().GetIsnull()
	}
	return c.Column.Default.IsZero() && c.Column.Generated == ""
}

// passes reports whether a constraint takes every row of new versions.
func (o omission) passes(c *constraint) bool {
	def := c.def()
	if c.of.Kind == kindCheck {
		return o.holds(def.RawExpr)
	}
	// A foreign key looks at no row with a NULL (MATCH SIMPLE), or only at one
	// that is NULL in part (MATCH FULL).
	keys, _ := names(def.FkAttrs)
	if def.FkMatchtype == "f" {
		return !slices.ContainsFunc(keys, func(k string) bool { return !o.null(k) })
	}
	return slices.ContainsFunc(keys, o.null)
}

// holds reports whether a condition is never false for a row of new versions,
// whatever its other columns are.
func (o omission) holds(n *pg.Node) bool {
	switch x := nodeOf(n).(type) {
	case *pg.BoolExpr:
		all := func(f func(*pg.Node) bool) bool {
			return !slices.ContainsFunc(x.Args, func(a *pg.Node) bool { return !f(a) })
		}
		switch x.Boolop {
		case pg.BoolExprType_AND_EXPR:
			return all(o.holds)
		case pg.BoolExprType_OR_EXPR:
			return slices.ContainsFunc(x.Args, o.holds)
		case pg.BoolExprType_NOT_EXPR:
			return all(o.unknown)
		case pg.BoolExprType_BOOL_EXPR_TYPE_UNDEFINED:
		}
		return false
	case *pg.NullTest:
		return x.Nulltesttype == pg.NullTestType_IS_NULL && o.unknown(x.Arg)
	}
	return o.unknown(n)
}

// unknown reports whether an expression is surely NULL for a row of new versions.
func (o omission) unknown(n *pg.Node) bool {
	switch x := nodeOf(n).(type) {
	case *pg.ColumnRef:
		return o.null(columnName(x))
	case *pg.TypeCast:
		return o.unknown(x.Arg)
	case *pg.CollateClause:
		return o.unknown(x.Arg)
	case *pg.BoolExpr:
		return x.Boolop == pg.BoolExprType_NOT_EXPR && o.unknown(x.Args[0])
	case *pg.A_Expr:
		return o.unknownOperation(x)
	case *pg.FuncCall:
		name, builtin := functionName(x)
		k, known := functions[name]
		strict := builtin && known && k == knowledge{} && !x.FuncVariadic && name != "quote_nullable"
		return strict && slices.ContainsFunc(x.Args, o.unknown)
	}
	return false
}

// unknownOperation: all built-in operators but || of arrays are NULL where one
// side is.
func (o omission) unknownOperation(x *pg.A_Expr) bool {
	op, ok := names(x.Name)
	if !ok || len(op) != 1 {
		return false
	}
	switch x.Kind {
	case pg.A_Expr_Kind_AEXPR_OP:
		return operators[op[0]] && op[0] != "||" && (o.unknown(x.Lexpr) || o.unknown(x.Rexpr))
	case pg.A_Expr_Kind_AEXPR_LIKE, pg.A_Expr_Kind_AEXPR_ILIKE:
		return o.unknown(x.Lexpr) || o.unknown(x.Rexpr)
	case pg.A_Expr_Kind_AEXPR_IN, pg.A_Expr_Kind_AEXPR_OP_ANY, pg.A_Expr_Kind_AEXPR_OP_ALL, pg.A_Expr_Kind_AEXPR_BETWEEN:
		return o.unknown(x.Lexpr)
	case pg.A_Expr_Kind_A_EXPR_KIND_UNDEFINED, pg.A_Expr_Kind_AEXPR_DISTINCT, pg.A_Expr_Kind_AEXPR_NOT_DISTINCT, pg.A_Expr_Kind_AEXPR_NULLIF,
		pg.A_Expr_Kind_AEXPR_SIMILAR, pg.A_Expr_Kind_AEXPR_NOT_BETWEEN, pg.A_Expr_Kind_AEXPR_BETWEEN_SYM, pg.A_Expr_Kind_AEXPR_NOT_BETWEEN_SYM:
	}
	return false
}

// index refuses a unique index that could find two rows of new versions alike,
// and warns of one where that depends on migrate:down.
func (o omission) index(s *planner.Schema, t *planner.Table, i planner.Index) (*plan.Hazard, error) {
	exclusion := slices.ContainsFunc(t.Constraints, func(k planner.Constraint) bool { return k.Kind == kindExclusion && k.Name == i.Constraint })
	if !i.Unique && !exclusion {
		return nil, nil
	}
	stmt, err := readIndex(i.Definition)
	if err != nil {
		return nil, err
	}
	var columns []string
	for _, e := range stmt.IndexParams {
		if name := e.GetIndexElem().GetName(); name != "" && o.of(name) != nil {
			columns = append(columns, name)
		}
	}
	keyed := len(columns) > 0
	if keyed && !stmt.NullsNotDistinct && slices.ContainsFunc(columns, o.null) {
		return nil, nil // NULLs are distinct
	}
	what := "unique index " + i.Name
	if i.Constraint != "" {
		what = "constraint " + i.Constraint
	}
	refuse := func(reason string) error {
		return &planner.Unsupported{
			What: what, Reason: reason, Instead: "drop it in the same file before the column, an index after -- migrate:phase expand; " +
				"INSERT … ON CONFLICT of old versions must not need it",
		}
	}
	for _, c := range columns {
		left := o.of(c)
		if left.Down.IsZero() && !left.Column.Default.Volatile && !slices.ContainsFunc(i.Columns, func(n string) bool { return o.of(n) == nil }) {
			return nil, nil // the planner refuses it
		}
		switch {
		case !left.Down.IsZero() && !o.null(c):
			return &plan.Hazard{
				Rule: "unique-breaks-old-writers", Severity: plan.Warning,
				Message: fmt.Sprintf("%s of %s refuses rows of new versions for which migrate:down of %s gives the same value", what, s.Display(t.Ref), c),
				Instead: "make sure that it gives each row another value, or NULL",
			}, nil
		case left.Down.IsZero() && left.Column.Default.Volatile:
			return nil, nil // such as a number of a sequence
		}
	}
	if keyed && !stmt.NullsNotDistinct {
		return nil, refuse(fmt.Sprintf("new versions leave %s out, so that their rows all have its default, and those that are otherwise alike are refused; -- migrate:down %s.%s = NULL tells them apart",
			columns[0], t.Ref.Name, columns[0]))
	}
	if !keyed && !stmtPredicates(stmt, o) {
		return nil, nil
	}
	return nil, refuse("the rows of new versions, who leave the column out, could be alike to it")
}

// stmtPredicates reports whether an index's expressions or predicate mention what
// is left out; included columns do not count.
func stmtPredicates(stmt *pg.IndexStmt, o omission) bool {
	bare := clone(stmt)
	bare.IndexIncludingParams = nil
	return slices.ContainsFunc(indexColumns(bare), func(c string) bool { return o.of(c) != nil })
}
