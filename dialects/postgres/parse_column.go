package postgres

import (
	"errors"
	"fmt"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"github.com/expandcontract/migrate/planner"
)

// What planner.ColumnDef.Generated and planner.Column.Generated say.
const (
	generatedStored   = "stored"
	generatedSerial   = "serial"
	identityAlways    = "identity always"
	identityByDefault = "identity by default"
)

// serialTypes are the types that the serials stand for.
var serialTypes = map[string]string{
	"serial": "integer", "serial2": "smallint", "serial4": "integer", "serial8": "bigint", "smallserial": "smallint", "bigserial": "bigint",
}

// newColumn reads the name and type of a column to add. A serial is an integer
// with a sequence of its own that its default draws from.
func newColumn(ref planner.Ref, def *pg.ColumnDef) (planner.ColumnDef, error) {
	col := planner.ColumnDef{Name: def.GetColname()}
	if typ, ok := serialTypes[plainTypeName(def.GetTypeName())]; ok {
		seq := planner.Ref{Schema: ref.Schema, Name: objectNameOf(ref.Name, col.Name, "seq")}
		col.Type, col.NotNull, col.Generated, col.Default = typ, true, generatedSerial, nextval(seq)
		return col, nil
	}
	var err error
	col.Type, err = fullType(def)
	return col, err
}

// nextval draws from a sequence.
func nextval(seq planner.Ref) planner.Expr {
	name := quoteNames([]string{seq.Name})
	if seq.Schema != "" {
		name = quoteNames([]string{seq.Schema, seq.Name})
	}
	return planner.Expr{Parts: []planner.Part{{Text: "nextval(" + literal(name) + "::regclass)"}}, Volatile: true}
}

// columnAttribute reads what stands behind a column and is no constraint.
func columnAttribute(ref planner.Ref, col *planner.ColumnDef, k *pg.Constraint) error {
	var err error
	switch k.Contype {
	case pg.ConstrType_CONSTR_NULL:
	case pg.ConstrType_CONSTR_DEFAULT:
		if isNull(k.RawExpr) {
			return nil
		}
		col.Default, err = scope{table: ref, wary: true}.expression(k.RawExpr)
	case pg.ConstrType_CONSTR_GENERATED:
		col.Generated = generatedStored
		col.GeneratedAs, err = scope{table: ref}.expression(k.RawExpr)
	case pg.ConstrType_CONSTR_IDENTITY:
		col.NotNull, col.Generated = true, identityAlways
		if k.GeneratedWhen == "d" {
			col.Generated = identityByDefault
		}
		// Until contract the values come from a sequence of our own.
		col.Default = nextval(planner.Ref{Schema: ref.Schema, Name: helperSequence(ref.Name, col.Name)})
		col.Sequence, err = identityClause(k)
	default:
		err = errors.New(constraintReason(k))
	}
	return err
}

// helperSequence names the sequence that an identity's values come from while
// the column is no identity yet.
func helperSequence(table, column string) string { return ourName("identity", table, column) }

// identityClause writes "GENERATED … AS IDENTITY (…)".
func identityClause(k *pg.Constraint) (string, error) {
	k = clone(k)
	k.Conname = ""
	head := "ALTER TABLE " + aTable + " ALTER c ADD "
	sql, err := deparse(alterTableNode(planner.Ref{Name: aTable}, &pg.AlterTableCmd{
		Subtype: pg.AlterTableType_AT_AddIdentity, Name: "c", Behavior: pg.DropBehavior_DROP_RESTRICT,
		Def: &pg.Node{Node: &pg.Node_Constraint{Constraint: k}},
	}))
	if err != nil {
		return "", err
	}
	clause, ok := strings.CutPrefix(sql, head)
	if !ok {
		return "", fmt.Errorf("the clause is not where it was looked for in %q", sql)
	}
	return clause, nil
}
