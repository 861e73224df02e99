package postgres

import (
	"errors"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/proto"

	"github.com/expandcontract/migrate/planner"
)

// The kinds of planner.ObjectRef for statements and clauses about parts of
// tables, which this file reads and lower_table.go lowers.
const (
	objectConstraint = "constraint"
	objectValidation = "constraint validation"
	objectIndex      = "index"
	objectIdentity   = "identity"
	objectExpression = "expression"
	objectRows       = "rows"
	objectPartition  = "partition"
)

// tableClause reads the clauses of ALTER TABLE that are about constraints,
// identities, expressions and partitions; ok is false for all others.
func (r reader) tableClause(ref planner.Ref, c *pg.AlterTableCmd) (out []planner.Change, ok bool) {
	what := "ALTER TABLE " + ref.String() + " "
	direct := func(name, kind, part string, effect planner.Effect) ([]planner.Change, bool) {
		return r.partClause(ref, c, what+name, planner.ObjectRef{Kind: kind, Ref: planner.Ref{Name: part}, On: ref}, effect), true
	}
	column := func(name, kind string, effect planner.Effect) ([]planner.Change, bool) {
		return r.partClause(ref, c, what+"ALTER COLUMN "+c.Name+" "+name, planner.ObjectRef{Kind: kind, On: ref, Detail: c.Name}, effect), true
	}
	switch c.Subtype {
	case pg.AlterTableType_AT_DropConstraint:
		if c.Behavior == pg.DropBehavior_DROP_CASCADE {
			return r.opaque(what+"DROP CONSTRAINT "+c.Name+" CASCADE", "it drops whatever depends on the constraint: drop the foreign keys that refer to it by name first"), true
		}
		return []planner.Change{planner.DropConstraint{Table: ref, Name: c.Name, IfExists: c.MissingOk}}, true
	case pg.AlterTableType_AT_ValidateConstraint:
		return direct("VALIDATE CONSTRAINT "+c.Name, objectValidation, c.Name, planner.Widens)
	case pg.AlterTableType_AT_AlterConstraint:
		name := c.Def.GetConstraint().GetConname()
		return direct("ALTER CONSTRAINT "+name, objectConstraint, name, planner.Narrows)
	case pg.AlterTableType_AT_AddIdentity:
		return column("ADD GENERATED AS IDENTITY", objectIdentity, planner.Narrows)
	case pg.AlterTableType_AT_SetIdentity:
		return column("SET GENERATED", objectIdentity, identityEffect(c))
	case pg.AlterTableType_AT_DropIdentity:
		return column("DROP IDENTITY", objectIdentity, planner.Narrows)
	case pg.AlterTableType_AT_DropExpression:
		return column("DROP EXPRESSION", objectExpression, planner.Destroys)
	case pg.AlterTableType_AT_SetExpression:
		return column("SET EXPRESSION", objectExpression, planner.Narrows)
	case pg.AlterTableType_AT_AttachPartition, pg.AlterTableType_AT_DetachPartition:
		cmd := c.Def.GetPartitionCmd()
		child, word, effect := refOf(cmd.Name), "ATTACH", planner.Widens
		if c.Subtype == pg.AlterTableType_AT_DetachPartition {
			word, effect = "DETACH", planner.Narrows
		}
		out := r.partClause(ref, c, what+word+" PARTITION "+child.String(), planner.ObjectRef{Kind: objectPartition, Ref: child, On: ref}, effect)
		if d, ok := out[0].(planner.Direct); ok {
			d.Needs = []planner.Need{{Table: ref}, {Table: child}}
			out[0] = d
		}
		return out, true
	}
	return nil, false
}

// partClause makes a clause a statement of its own.
func (r reader) partClause(ref planner.Ref, c *pg.AlterTableCmd, what string, o planner.ObjectRef, effect planner.Effect) []planner.Change {
	sql, err := clauseText(ref, c)
	if err != nil {
		return r.opaque(what, reasonOf(err))
	}
	need := planner.Need{Table: ref}
	if o.Detail != "" {
		need.Columns = []string{o.Detail}
	}
	if o.Ref.Name != "" {
		need.Parts = []string{o.Ref.Name}
	}
	return []planner.Change{planner.Direct{What: what, Object: o, Needs: []planner.Need{need}, Effect: effect, SQL: sql}}
}

// identityEffect: only BY DEFAULT, and nothing besides, accepts more than before.
func identityEffect(c *pg.AlterTableCmd) planner.Effect {
	items := c.Def.GetList().GetItems()
	if len(items) == 1 && items[0].GetDefElem().GetDefname() == "generated" && items[0].GetDefElem().GetArg().GetInteger().GetIval() == 'd' {
		return planner.Widens
	}
	return planner.Narrows
}

// renameOf reads the new names of tables, constraints and indexes; ok is false
// for those of anything else.
func (r reader) renameOf(x *pg.RenameStmt) (out []planner.Change, ok bool) {
	ref := refOf(x.Relation)
	one := func(c planner.Change) ([]planner.Change, bool) { return []planner.Change{c}, true }
	switch x.RenameType {
	case pg.ObjectType_OBJECT_TABLE:
		return one(planner.RenameTable{Table: ref, To: x.Newname})
	case pg.ObjectType_OBJECT_TABCONSTRAINT:
		return one(planner.Direct{
			What: "ALTER TABLE " + ref.String() + " RENAME CONSTRAINT " + x.Subname, SQL: r.sql, Effect: planner.Narrows,
			Object: planner.ObjectRef{Kind: objectConstraint, Ref: planner.Ref{Name: x.Subname}, On: ref},
			Needs:  []planner.Need{{Table: ref, Parts: []string{x.Subname}}},
		})
	case pg.ObjectType_OBJECT_INDEX:
		return one(planner.Direct{
			What: "ALTER INDEX " + ref.String() + " RENAME", SQL: r.sql, Effect: planner.Narrows,
			Object: planner.ObjectRef{Kind: objectIndex, Ref: ref},
		})
	}
	return nil, false
}

// insert reads an INSERT of seed rows.
func (r reader) insert(x *pg.InsertStmt) []planner.Change {
	ref := refOf(x.Relation)
	what := "INSERT INTO " + ref.String()
	if writesElsewhere(x.WithClause) || writesElsewhere(x.SelectStmt.GetSelectStmt().GetWithClause()) {
		return r.opaque("WITH … "+what, "it writes to more than one table at once: write one statement for each")
	}
	out := planner.InsertRows{Table: ref, SQL: r.sql}
	for _, c := range x.Cols {
		out.Columns = append(out.Columns, c.GetResTarget().GetName())
	}
	if x.SelectStmt != nil {
		walk(x.SelectStmt, func(m proto.Message) bool {
			if from, ok := m.(*pg.RangeVar); ok {
				out.Reads = append(out.Reads, refOf(from))
			}
			return true
		})
	}
	return []planner.Change{out}
}

// writesElsewhere reports a WITH that changes rows.
func writesElsewhere(w *pg.WithClause) bool {
	found := false
	if w == nil {
		return false
	}
	walk(w, func(m proto.Message) bool {
		switch m.(type) {
		case *pg.InsertStmt, *pg.UpdateStmt, *pg.DeleteStmt, *pg.MergeStmt:
			found = true
		}
		return !found
	})
	return found
}

// deleteRows reads a DELETE of rows of one table.
func (r reader) deleteRows(x *pg.DeleteStmt) []planner.Change {
	ref := refOf(x.Relation)
	what := "DELETE FROM " + ref.String()
	alias := x.Relation.GetAlias().GetAliasname()
	switch {
	case x.WithClause != nil:
		return r.opaque("WITH … "+what, "a DELETE with a common table expression cannot be cut into chunks: put it into the WHERE as a subquery")
	case len(x.UsingClause) > 0:
		return r.opaque(what+" USING", "a DELETE that joins other tables cannot be cut into chunks: write the other tables as a subquery, WHERE … IN (SELECT …)")
	case len(x.ReturningList) > 0:
		return r.opaque(what+" … RETURNING", "nobody reads what a migration returns")
	}
	out := planner.DeleteRows{Table: ref}
	if x.WhereClause != nil {
		where, err := scope{table: ref, alias: alias, subqueries: alias == ""}.expression(x.WhereClause)
		if err != nil {
			return r.opaque(what+" … WHERE", reasonOf(err))
		}
		out.Where = where
	}
	return []planner.Change{out}
}

// truncate reads TRUNCATE, which nothing brings back.
func (r reader) truncate(x *pg.TruncateStmt) []planner.Change {
	var tables []string
	d := planner.Direct{SQL: r.sql, Effect: planner.Destroys}
	for _, n := range x.Relations {
		ref := refOf(n.GetRangeVar())
		tables = append(tables, ref.String())
		d.Needs = append(d.Needs, planner.Need{Table: ref})
	}
	d.What = "TRUNCATE " + strings.Join(tables, ", ")
	if x.Behavior == pg.DropBehavior_DROP_CASCADE {
		return r.opaque(d.What+" CASCADE", "it empties whatever refers to the tables: name those tables in the statement")
	}
	d.Object = planner.ObjectRef{Kind: objectRows, On: d.Needs[0].Table, Detail: strings.Join(tables, ", ")}
	return []planner.Change{d}
}

// errReadsOthers says what is wrong with a subquery in a row's own expression.
var errReadsOthers = errors.New("it contains a subquery")
