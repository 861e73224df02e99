package postgres

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"github.com/expandcontract/migrate/planner"
)

// Further kinds of planner.Constraint.
const (
	kindUnique     = "unique"
	kindPrimaryKey = "primary key"
)

// constraintWords name the kinds of planner.ConstraintDef.
var constraintWords = map[pg.ConstrType]string{
	pg.ConstrType_CONSTR_FOREIGN: kindForeignKey, pg.ConstrType_CONSTR_UNIQUE: kindUnique,
	pg.ConstrType_CONSTR_PRIMARY: kindPrimaryKey, pg.ConstrType_CONSTR_EXCLUSION: kindExclusion,
}

// addConstraint reads a constraint of a table, or, where column is set, one that
// stands behind a column.
func (r reader) addConstraint(ref planner.Ref, column string, k *pg.Constraint) []planner.Change {
	what := "ALTER TABLE " + ref.String() + " ADD "
	if column != "" {
		what += "COLUMN " + column + " "
	}
	if k.GetContype() == pg.ConstrType_CONSTR_CHECK {
		return r.addCheck(ref, what, k)
	}
	kind, ok := constraintWords[k.GetContype()]
	if !ok {
		return r.opaque(what+constraintName(k), constraintReason(k))
	}
	def, err := constraintDef(kind, column, k)
	if err != nil {
		return r.opaque(what+constraintName(k), reasonOf(err))
	}
	return []planner.Change{planner.AddConstraint{Table: ref, ConstraintDef: def}}
}

func (r reader) addCheck(ref planner.Ref, what string, k *pg.Constraint) []planner.Change {
	if k.IsNoInherit {
		return r.opaque(what+"CHECK … NO INHERIT", "it differs from a plain check only where tables inherit, which is not handled: leave NO INHERIT out")
	}
	e, err := scope{table: ref}.expression(k.RawExpr)
	if err != nil {
		return r.opaque(what+"CHECK", reasonOf(err))
	}
	return []planner.Change{planner.AddCheck{Table: ref, Name: k.Conname, Check: e, NotValid: k.SkipValidation}}
}

func constraintDef(kind, column string, k *pg.Constraint) (planner.ConstraintDef, error) {
	k = clone(k)
	out := planner.ConstraintDef{Kind: kind, Name: k.Conname, Index: k.Indexname, NotValid: k.SkipValidation}
	if column != "" {
		ownColumn(k, column)
	}
	switch kind {
	case kindForeignKey:
		out.Refers = refOf(k.Pktable)
		var plain bool
		if out.RefColumns, plain = names(k.PkAttrs); !plain {
			return out, errors.New("it refers to something that is no column")
		}
		if out.Columns, plain = names(k.FkAttrs); !plain {
			return out, errors.New("it is about something that is no column")
		}
		out.Cascades = strings.ContainsAny(k.FkDelAction+k.FkUpdAction, "cnd")
	case kindExclusion:
		out.Columns = exclusionColumns(k)
		if k.Conname == "" && len(exclusionKeys(k)) < len(k.Exclusions) {
			return out, errors.New("an exclusion over an expression needs a name: ADD CONSTRAINT name EXCLUDE …")
		}
	default:
		keys, ok := names(k.Keys)
		more, plain := names(k.Including)
		if !ok || !plain {
			return out, errors.New("it is about something that is no column")
		}
		out.Columns = slices.Concat(keys, more)
	}
	var err error
	out.SQL, err = constraintClause(k)
	return out, err
}

// ownColumn writes a column's constraint as one of its table.
func ownColumn(k *pg.Constraint, column string) {
	own := []*pg.Node{pg.MakeStrNode(column)}
	if k.Contype == pg.ConstrType_CONSTR_FOREIGN {
		k.FkAttrs = own
		return
	}
	k.Keys = own
}

// exclusionColumns are all columns that an exclusion constraint mentions.
func exclusionColumns(k *pg.Constraint) []string {
	x := &pg.IndexStmt{WhereClause: k.WhereClause}
	for _, e := range k.Exclusions {
		if items := e.GetList().GetItems(); len(items) > 0 {
			x.IndexParams = append(x.IndexParams, items[0])
		}
	}
	out := indexColumns(x)
	more, _ := names(k.Including)
	return append(out, more...)
}

// exclusionKeys are the plain columns among an exclusion's keys, in order.
func exclusionKeys(k *pg.Constraint) []string {
	var out []string
	for _, e := range k.Exclusions {
		if items := e.GetList().GetItems(); len(items) > 0 && items[0].GetIndexElem().GetName() != "" {
			out = append(out, items[0].GetIndexElem().GetName())
		}
	}
	return out
}

// aTable stands for the table in a statement that is only written for the sake
// of one of its clauses.
const aTable = "t"

// constraintClause writes a constraint without its name and without NOT VALID.
func constraintClause(k *pg.Constraint) (string, error) {
	k = clone(k)
	k.Conname = ""
	if k.SkipValidation {
		k.SkipValidation, k.InitiallyValid = false, true
	}
	head := "ALTER TABLE " + aTable + " ADD "
	sql, err := deparse(alterTableNode(planner.Ref{Name: aTable}, &pg.AlterTableCmd{
		Subtype: pg.AlterTableType_AT_AddConstraint, Behavior: pg.DropBehavior_DROP_RESTRICT,
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

// alterTableNode is an ALTER TABLE of one clause.
func alterTableNode(table planner.Ref, cmd *pg.AlterTableCmd) *pg.Node {
	return &pg.Node{Node: &pg.Node_AlterTableStmt{AlterTableStmt: &pg.AlterTableStmt{
		Relation: &pg.RangeVar{Schemaname: table.Schema, Relname: table.Name, Inh: true, Relpersistence: "p"},
		Cmds:     []*pg.Node{{Node: &pg.Node_AlterTableCmd{AlterTableCmd: cmd}}}, Objtype: pg.ObjectType_OBJECT_TABLE,
	}}}
}

// readConstraint parses the clause of a constraint.
func readConstraint(clause string) (*pg.Constraint, error) {
	tree, err := parseSQL("ALTER TABLE " + aTable + " ADD " + clause)
	if err != nil {
		return nil, fmt.Errorf("reading the constraint's definition: %w", err)
	}
	if len(tree.Stmts) == 1 {
		if cmds := tree.Stmts[0].Stmt.GetAlterTableStmt().GetCmds(); len(cmds) == 1 {
			if k := cmds[0].GetAlterTableCmd().GetDef().GetConstraint(); k != nil {
				return k, nil
			}
		}
	}
	return nil, fmt.Errorf("reading the constraint's definition: %q is no constraint", clause)
}

// settled puts what follows a column's constraint (DEFERRABLE, INITIALLY
// DEFERRED, …), which the grammar keeps as constraints of their own, into it.
func settled(constraints []*pg.Node) ([]*pg.Constraint, error) {
	var out []*pg.Constraint
	for _, n := range constraints {
		k := clone(n.GetConstraint())
		switch k.GetContype() {
		case pg.ConstrType_CONSTR_ATTR_DEFERRABLE, pg.ConstrType_CONSTR_ATTR_NOT_DEFERRABLE,
			pg.ConstrType_CONSTR_ATTR_DEFERRED, pg.ConstrType_CONSTR_ATTR_IMMEDIATE:
		default:
			out = append(out, k)
			continue
		}
		if len(out) == 0 {
			return nil, errors.New("nothing stands before " + constraintName(k))
		}
		switch of := out[len(out)-1]; k.Contype {
		case pg.ConstrType_CONSTR_ATTR_DEFERRABLE:
			of.Deferrable = true
		case pg.ConstrType_CONSTR_ATTR_DEFERRED:
			of.Deferrable, of.Initdeferred = true, true
		default: // what is so anyway
		}
	}
	return out, nil
}

// validations takes the VALIDATE CONSTRAINT of a constraint that the same file
// adds NOT VALID as what it is: the way to add it without a long lock, which is
// how it is done anyway.
func validations(statements []planner.Statement) {
	for i := range statements {
		for j, c := range statements[i].Changes {
			d, ok := c.(planner.Direct)
			if !ok || d.Object.Kind != objectValidation || !validated(statements[:i+1], d.Object) {
				continue
			}
			statements[i].Changes[j] = planner.Ignored{
				What: d.What, Rule: "validate-in-same-transaction",
				Reason: "the constraint is added NOT VALID and validated in a step of its own, whether the file says so or not",
			}
		}
	}
}

// validated marks the constraint as one to be validated, if the statements add it.
func validated(statements []planner.Statement, o planner.ObjectRef) bool {
	for i := range statements {
		for j, c := range statements[i].Changes {
			switch c := c.(type) {
			case planner.AddConstraint:
				if c.Table == o.On && c.Name == o.Ref.Name && c.NotValid {
					c.NotValid = false
					statements[i].Changes[j] = c
					return true
				}
			case planner.AddCheck:
				if c.Table == o.On && c.Name == o.Ref.Name && c.NotValid {
					c.NotValid = false
					statements[i].Changes[j] = c
					return true
				}
			default:
			}
		}
	}
	return false
}

// constraintsSet reads SET CONSTRAINTS, with which Django makes deferred checks
// happen before the next statement: each step is a transaction of its own.
func (r reader) constraintsSet(*pg.ConstraintsSetStmt) []planner.Change {
	return []planner.Change{planner.Ignored{
		What: "SET CONSTRAINTS", Rule: "transaction-control-in-migration",
		Reason: "it acts within one transaction, and every step here is one of its own",
	}}
}

// clauseText writes one clause of an ALTER TABLE as a statement of its own.
func clauseText(table planner.Ref, c *pg.AlterTableCmd) (string, error) {
	return deparse(alterTableNode(table, clone(c)))
}
