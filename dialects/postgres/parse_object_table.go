package postgres

import (
	pg "github.com/pganalyze/pg_query_go/v6"

	"github.com/expandcontract/migrate/planner"
)

// parse_object_table.go reads those clauses of ALTER TABLE that do not change
// what the table is made of, and ALTER of views, indexes and sequences.

// setting reads such a clause; nil if it is none. What becomes of it is a
// statement of its own, so that it can be placed apart from the other clauses.
func (r reader) setting(ref planner.Ref, c *pg.AlterTableCmd) []planner.Change {
	what := "ALTER TABLE " + ref.String() + " "
	d := planner.Direct{
		What: what + clauseName(c), Object: planner.ObjectRef{Kind: kindTableSetting, On: ref, Detail: clauseTopic(c)},
		Needs: []planner.Need{{Table: ref}}, Effect: planner.Widens,
	}
	switch c.Subtype {
	case pg.AlterTableType_AT_SetRelOptions, pg.AlterTableType_AT_ResetRelOptions:
		d.What = what + "SET (storage parameters)"
	case pg.AlterTableType_AT_SetStatistics, pg.AlterTableType_AT_SetStorage, pg.AlterTableType_AT_SetCompression,
		pg.AlterTableType_AT_SetOptions, pg.AlterTableType_AT_ResetOptions:
		if c.Name == "" {
			return r.opaque(what+clauseName(c), "only columns with names are understood")
		}
		d.What = what + "ALTER COLUMN " + c.Name + " " + columnOption(c)
		d.Object.Kind, d.Object.Detail = kindColumn, "column "+c.Name
		d.Needs[0].Columns = []string{c.Name}
	case pg.AlterTableType_AT_ReplicaIdentity:
		d.What = what + "REPLICA IDENTITY"
		switch x := c.Def.GetReplicaIdentityStmt(); x.GetIdentityType() {
		case "n":
			d.Effect = planner.Narrows
		case "i":
			d.Needs[0].Parts = []string{x.Name}
		}
	case pg.AlterTableType_AT_ClusterOn:
		d.Needs[0].Parts = []string{c.Name}
	case pg.AlterTableType_AT_DropCluster:
	case pg.AlterTableType_AT_EnableTrig, pg.AlterTableType_AT_EnableAlwaysTrig, pg.AlterTableType_AT_EnableReplicaTrig,
		pg.AlterTableType_AT_DisableTrig:
		d.Object = planner.ObjectRef{Kind: kindTrigger, Ref: planner.Ref{Name: c.Name}, On: ref}
		if c.Subtype == pg.AlterTableType_AT_DisableTrig || c.Subtype == pg.AlterTableType_AT_EnableReplicaTrig {
			d.Effect = planner.Narrows
		}
	case pg.AlterTableType_AT_EnableRowSecurity, pg.AlterTableType_AT_ForceRowSecurity,
		pg.AlterTableType_AT_DisableRowSecurity, pg.AlterTableType_AT_NoForceRowSecurity:
		// Switching it off takes away a protection that old versions may rely on.
		d.Effect = planner.Narrows
	case pg.AlterTableType_AT_ChangeOwner:
		d.What, d.Effect = what+"OWNER TO "+c.Newowner.GetRolename(), planner.Narrows
	default:
		return r.refusedClause(what, c)
	}
	sql, err := deparse(&pg.Node{Node: &pg.Node_AlterTableStmt{AlterTableStmt: &pg.AlterTableStmt{
		Relation: &pg.RangeVar{Schemaname: ref.Schema, Relname: ref.Name, Inh: true, Relpersistence: "p"},
		Cmds:     []*pg.Node{{Node: &pg.Node_AlterTableCmd{AlterTableCmd: clone(c)}}}, Objtype: pg.ObjectType_OBJECT_TABLE,
	}}})
	if err != nil {
		return r.opaque(d.What, reasonOf(err))
	}
	d.SQL = sql
	return []planner.Change{d}
}

// clauseTopic is what of a table a clause sets: clauses on the same topic stay
// together.
func clauseTopic(c *pg.AlterTableCmd) string {
	switch c.Subtype {
	case pg.AlterTableType_AT_SetRelOptions, pg.AlterTableType_AT_ResetRelOptions:
		return "storage parameters"
	case pg.AlterTableType_AT_ReplicaIdentity:
		return "replica identity"
	case pg.AlterTableType_AT_ClusterOn, pg.AlterTableType_AT_DropCluster:
		return "cluster"
	case pg.AlterTableType_AT_ChangeOwner:
		return "owner"
	}
	return "row security"
}

func columnOption(c *pg.AlterTableCmd) string {
	switch c.Subtype {
	case pg.AlterTableType_AT_SetStatistics:
		return "SET STATISTICS"
	case pg.AlterTableType_AT_SetStorage:
		return "SET STORAGE"
	case pg.AlterTableType_AT_SetCompression:
		return "SET COMPRESSION"
	}
	return "SET (options)"
}

// refusedClause says why, for clauses that are known and not done.
func (r reader) refusedClause(what string, c *pg.AlterTableCmd) []planner.Change {
	switch c.Subtype {
	case pg.AlterTableType_AT_SetLogged, pg.AlterTableType_AT_SetUnLogged:
		return r.breaks(what+clauseName(c), "table-rewrite", "it writes the whole table anew and nobody can read it meanwhile: create another table, and move the app over")
	case pg.AlterTableType_AT_SetTableSpace:
		return r.breaks(what+clauseName(c), "table-rewrite", "it copies the whole table and nobody can read it meanwhile: pg_repack moves it online")
	case pg.AlterTableType_AT_SetAccessMethod:
		return r.breaks(what+clauseName(c), "table-rewrite", "it writes the whole table anew and nobody can read it meanwhile")
	case pg.AlterTableType_AT_EnableTrigAll, pg.AlterTableType_AT_EnableTrigUser, pg.AlterTableType_AT_DisableTrigAll, pg.AlterTableType_AT_DisableTrigUser:
		return r.opaque(what+clauseName(c), "it would switch off migrate's own triggers, too: name the trigger")
	case pg.AlterTableType_AT_EnableRule, pg.AlterTableType_AT_DisableRule, pg.AlterTableType_AT_EnableAlwaysRule, pg.AlterTableType_AT_EnableReplicaRule:
		return r.opaque(what+clauseName(c), "a rule rewrites the statements of all versions alike")
	}
	return nil
}

// alterOther reads ALTER TABLE's sisters: ALTER VIEW, INDEX, MATERIALIZED VIEW,
// SEQUENCE, TYPE.
func (r reader) alterOther(x *pg.AlterTableStmt) []planner.Change {
	ref := refOf(x.Relation)
	what := "ALTER " + objectName(x.Objtype) + " " + ref.String()
	kind := relationKinds[x.Objtype]
	if x.Objtype == pg.ObjectType_OBJECT_INDEX {
		kind = kindIndex
	}
	if kind == "" {
		return r.opaque(what, "the attributes of a type are part of every value of it: make a new type and a column of it")
	}
	d := planner.Direct{What: what, Object: planner.ObjectRef{Kind: kind, Ref: ref}, Effect: planner.Widens, IfExists: x.MissingOk}
	for _, n := range x.Cmds {
		switch c := n.GetAlterTableCmd(); c.Subtype {
		case pg.AlterTableType_AT_SetRelOptions, pg.AlterTableType_AT_ResetRelOptions, pg.AlterTableType_AT_SetStatistics:
			if kind == kindView { // check_option and security_invoker decide what the view lets through
				d.Effect = planner.Narrows
			}
		case pg.AlterTableType_AT_ColumnDefault:
			d.Effect = planner.Narrows
		case pg.AlterTableType_AT_ChangeOwner:
			d.Effect = planner.Narrows
		default:
			return r.opaque(what+" "+clauseName(c), "")
		}
	}
	return r.one(d)
}
