package postgres

import (
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"github.com/expandcontract/migrate/planner"
)

// alterTable reads the clauses of an ALTER TABLE, each on its own.
func (r reader) alterTable(x *pg.AlterTableStmt) []planner.Change {
	ref := refOf(x.Relation)
	switch {
	case x.Objtype != pg.ObjectType_OBJECT_TABLE:
		return r.alterOther(x)
	}
	var out []planner.Change
	for _, c := range x.Cmds {
		out = append(out, about(ref, r.clause(ref, c.GetAlterTableCmd()))...)
	}
	if len(out) == 0 {
		return r.opaque("ALTER TABLE "+ref.String(), "")
	}
	return out
}

// about says of what is opaque that it changes one table and nothing else.
func about(ref planner.Ref, changes []planner.Change) []planner.Change {
	for i, c := range changes {
		if o, ok := c.(planner.Opaque); ok {
			o.Table = ref
			changes[i] = o
		}
	}
	return changes
}

func (r reader) clause(ref planner.Ref, c *pg.AlterTableCmd) []planner.Change {
	what := "ALTER TABLE " + ref.String() + " "
	one := func(ch planner.Change) []planner.Change { return []planner.Change{ch} }
	switch c.Subtype {
	case pg.AlterTableType_AT_AddColumn:
		return r.addColumn(ref, c)
	case pg.AlterTableType_AT_DropColumn:
		if c.Behavior == pg.DropBehavior_DROP_CASCADE {
			return r.opaque(what+"DROP COLUMN "+c.Name+" CASCADE", "it drops whatever depends on the column: drop those objects by name first")
		}
		return one(planner.DropColumn{Table: ref, Column: c.Name, IfExists: c.MissingOk})
	case pg.AlterTableType_AT_AlterColumnType:
		return r.changeType(ref, c)
	case pg.AlterTableType_AT_SetNotNull:
		return one(planner.SetNotNull{Table: ref, Column: c.Name})
	case pg.AlterTableType_AT_DropNotNull:
		return one(planner.DropNotNull{Table: ref, Column: c.Name})
	case pg.AlterTableType_AT_ColumnDefault:
		if c.Def == nil || isNull(c.Def) {
			return one(planner.DropDefault{Table: ref, Column: c.Name})
		}
		e, err := scope{table: ref, wary: true}.expression(c.Def)
		if err != nil {
			return r.opaque(what+"ALTER COLUMN "+c.Name+" SET DEFAULT", reasonOf(err))
		}
		return one(planner.SetDefault{Table: ref, Column: c.Name, Default: e})
	case pg.AlterTableType_AT_AddConstraint:
		return r.addConstraint(ref, "", c.Def.GetConstraint())
	default:
		if out, ok := r.tableClause(ref, c); ok {
			return out
		}
		if out := r.setting(ref, c); out != nil {
			return out
		}
		return r.opaque(what+clauseName(c), "")
	}
}

// isNull reports the constant NULL, cast or not.
func isNull(n *pg.Node) bool {
	if cast := n.GetTypeCast(); cast != nil {
		return isNull(cast.Arg)
	}
	return n.GetAConst().GetIsnull()
}

func (r reader) changeType(ref planner.Ref, c *pg.AlterTableCmd) []planner.Change {
	what := "ALTER TABLE " + ref.String() + " ALTER COLUMN " + c.Name + " TYPE"
	def := c.Def.GetColumnDef()
	typ, err := fullType(def)
	if err != nil {
		return r.opaque(what, reasonOf(err))
	}
	out := planner.ChangeType{Table: ref, Column: c.Name, Type: typ}
	if def.RawDefault != nil { // the grammar keeps USING there
		if out.Using, err = (scope{table: ref}).expression(def.RawDefault); err != nil {
			return r.opaque(what+" … USING", reasonOf(err))
		}
	}
	return []planner.Change{out}
}

// fullType is a column's type with its collation.
func fullType(def *pg.ColumnDef) (string, error) {
	typ, err := typeText(def.GetTypeName())
	if err != nil {
		return "", err
	}
	if coll := def.GetCollClause(); coll != nil {
		parts, ok := names(coll.Collname)
		if !ok {
			return "", &planner.SyntaxError{Message: "the collation has no plain name"}
		}
		quoted := make([]string, len(parts))
		for i, p := range parts {
			quoted[i] = quote(p)
		}
		typ += " COLLATE " + strings.Join(quoted, ".")
	}
	return typ, nil
}

func (r reader) addColumn(ref planner.Ref, c *pg.AlterTableCmd) []planner.Change {
	def := c.Def.GetColumnDef()
	what := "ALTER TABLE " + ref.String() + " ADD COLUMN " + def.GetColname()
	col, err := newColumn(ref, def)
	if err != nil {
		return r.opaque(what, reasonOf(err))
	}
	switch {
	case def.Storage != "" || def.StorageName != "":
		return r.opaque(what+" STORAGE", "")
	case def.Compression != "":
		return r.opaque(what+" COMPRESSION", "")
	}
	constraints, err := settled(def.Constraints)
	if err != nil {
		return r.opaque(what, reasonOf(err))
	}
	var more []planner.Change
	for _, k := range constraints {
		switch k.Contype {
		case pg.ConstrType_CONSTR_CHECK, pg.ConstrType_CONSTR_FOREIGN, pg.ConstrType_CONSTR_UNIQUE, pg.ConstrType_CONSTR_PRIMARY:
			col.NotNull = col.NotNull || k.Contype == pg.ConstrType_CONSTR_PRIMARY
			more = append(more, ofColumn(r.addConstraint(ref, def.Colname, k), def.Colname)...)
		case pg.ConstrType_CONSTR_NOTNULL:
			if k.Conname != "" {
				return r.opaque(what+" CONSTRAINT "+k.Conname+" NOT NULL", "a name for NOT NULL is kept by PostgreSQL 18 only: leave it out")
			}
			col.NotNull = true
		default:
			if err := columnAttribute(ref, &col, k); err != nil {
				return r.opaque(what+" "+constraintName(k), reasonOf(err))
			}
		}
	}
	add := planner.AddColumn{Table: ref, Column: col, IfNotExists: c.MissingOk}
	return append([]planner.Change{add}, more...)
}

// ofColumn ties constraints to the column behind which they stand: where that is
// there already (IF NOT EXISTS), they are not added either.
func ofColumn(changes []planner.Change, column string) []planner.Change {
	for i, c := range changes {
		switch c := c.(type) {
		case planner.AddConstraint:
			c.OfColumn = column
			changes[i] = c
		case planner.AddCheck:
			c.OfColumn = column
			changes[i] = c
		default:
		}
	}
	return changes
}
