package postgres

import (
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"github.com/expandcontract/migrate/planner"
)

// parse_object_admin.go reads what is done to a table without changing it, and
// what people write around a migration.

// administration reads VACUUM, REINDEX, settings of the connection and the like.
func (r reader) administration(n *pg.Node) []planner.Change {
	switch x := nodeOf(n).(type) {
	case *pg.VacuumStmt:
		return r.vacuum(x)
	case *pg.ReindexStmt:
		return r.reindex(x)
	case *pg.ClusterStmt:
		return r.breaks("CLUSTER "+refOf(x.Relation).String(), "table-rewrite",
			"it writes the whole table anew and nobody can read it meanwhile: use pg_repack, or leave the order of rows alone")
	case *pg.LockStmt:
		return r.ignored("LOCK TABLE", "every step takes the locks that it needs, and no longer than it needs them")
	case *pg.VariableSetStmt:
		return r.set(x)
	case *pg.SelectStmt:
		return r.selected(x)
	}
	return nil
}

func (r reader) ignored(what, reason string) []planner.Change {
	return []planner.Change{planner.Ignored{What: what, Rule: "transaction-control-in-migration", Reason: reason}}
}

// vacuum reads VACUUM and ANALYZE; VACUUM FULL writes the table anew.
func (r reader) vacuum(x *pg.VacuumStmt) []planner.Change {
	what := "ANALYZE"
	if x.IsVacuumcmd {
		what = "VACUUM"
	}
	for _, o := range x.Options {
		if o.GetDefElem().GetDefname() == "full" {
			return r.breaks("VACUUM FULL", "table-rewrite",
				"it writes the whole table anew and nobody can read it meanwhile: a plain VACUUM makes the space free for new rows, pg_repack gives it back")
		}
	}
	if len(x.Rels) == 0 {
		return r.opaque(what, "it goes through all tables: name those that the migration changes")
	}
	var out []planner.Change
	for _, rel := range x.Rels {
		one := clone(x)
		one.Rels = []*pg.Node{rel}
		sql, err := deparse(&pg.Node{Node: &pg.Node_VacuumStmt{VacuumStmt: one}})
		if err != nil {
			return r.opaque(what, reasonOf(err))
		}
		table := refOf(rel.GetVacuumRelation().GetRelation())
		columns, _ := names(rel.GetVacuumRelation().GetVaCols())
		out = append(out, planner.Direct{
			What: what + " " + table.String(), Object: planner.ObjectRef{Kind: kindMaintenance, On: table, Detail: what},
			Needs: []planner.Need{{Table: table, Columns: columns}}, Effect: planner.Widens, SQL: sql,
		})
	}
	return out
}

// reindex reads REINDEX INDEX and TABLE, which are done CONCURRENTLY.
func (r reader) reindex(x *pg.ReindexStmt) []planner.Change {
	ref := refOf(x.Relation)
	for _, p := range x.Params {
		if name := p.GetDefElem().GetDefname(); name != "concurrently" && name != "verbose" {
			return r.opaque("REINDEX ("+name+")", "")
		}
	}
	switch x.Kind {
	case pg.ReindexObjectType_REINDEX_OBJECT_INDEX:
		return r.one(planner.Direct{What: "REINDEX INDEX " + ref.String(), Object: planner.ObjectRef{Kind: kindIndex, Ref: ref}, Effect: planner.Widens})
	case pg.ReindexObjectType_REINDEX_OBJECT_TABLE:
		return r.one(planner.Direct{
			What: "REINDEX TABLE " + ref.String(), Object: planner.ObjectRef{Kind: kindMaintenance, On: ref, Detail: "REINDEX"},
			Needs: []planner.Need{{Table: ref}}, Effect: planner.Widens,
		})
	}
	return r.opaque("REINDEX", "it builds every index there is anew: name an index or a table")
}

// settings of the connection that a migration may set without changing what
// its statements mean: timeouts, which every step has of its own, and what
// pg_dump writes on top of its files.
var harmless = []string{
	"lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout", "transaction_timeout", "deadlock_timeout",
	"client_min_messages", "client_encoding", "check_function_bodies", "xmloption", "row_security", "default_with_oids",
	"maintenance_work_mem", "work_mem", "application_name",
}

func (r reader) set(x *pg.VariableSetStmt) []planner.Change {
	what := "SET " + x.Name
	if x.Kind == pg.VariableSetKind_VAR_RESET || x.Kind == pg.VariableSetKind_VAR_RESET_ALL {
		what = "RESET " + x.Name
	}
	constant := ""
	if len(x.Args) == 1 {
		constant = x.Args[0].GetAConst().GetSval().GetSval()
	}
	switch {
	case slices.Contains(harmless, x.Name):
		return r.ignored(what, "every step has its own timeouts and settings")
	case x.Name == "standard_conforming_strings" && constant == "on", strings.HasPrefix(x.Name, "default_table") && (constant == "" || constant == "heap"):
		return r.ignored(what, "it is what holds anyway")
	case x.Name == "search_path":
		return r.opaque(what, "names would be looked up elsewhere than in the rest of the plan: write the schema before the names")
	case x.Name == "role" || x.Name == "session_authorization":
		return r.opaque(what, "every step runs as the role that migrates")
	}
	return r.opaque(what, "settings belong to the connection, not to a migration")
}

// selected reads the SELECTs that a dump has: what it says of its own
// connection, and where a sequence stands.
func (r reader) selected(x *pg.SelectStmt) []planner.Change {
	if x.IntoClause != nil {
		return r.opaque("SELECT INTO "+refOf(x.IntoClause.Rel).String(), "it creates and fills a table at once: create the table, then fill it")
	}
	if out := r.selectSetval(x); out != nil {
		return out
	}
	if len(x.TargetList) != 1 || len(x.FromClause) > 0 || x.WithClause != nil {
		return nil
	}
	f := x.TargetList[0].GetResTarget().GetVal().GetFuncCall()
	if f == nil {
		return nil
	}
	name, builtin := functionName(f)
	switch {
	case !builtin:
	case name == "set_config" && len(f.Args) == 3:
		setting, value := f.Args[0].GetAConst().GetSval().GetSval(), f.Args[1].GetAConst().GetSval().GetSval()
		if setting == "search_path" && value == "" || slices.Contains(harmless, setting) {
			return r.ignored("SELECT set_config", "a dump empties its search path because it writes the schema before every name")
		}
	}
	return nil
}

// regclassRef reads a name as the server reads text for a regclass.
func regclassRef(text string) (planner.Ref, error) {
	n, err := parseScalar(text)
	if err != nil {
		return planner.Ref{}, err
	}
	return nameRef(n.GetColumnRef().GetFields()), nil
}

// transactionName says what a statement of transaction control is; empty for others.
func transactionName(n *pg.Node) string {
	if n.GetTransactionStmt() == nil {
		return ""
	}
	return statementName(n)
}

// transactions leaves out a BEGIN and a COMMIT around the whole file; elsewhere
// they say what is to be one transaction, which no plan can keep.
func transactions(stmts []planner.Statement, nodes []*pg.Node) {
	first, last := 0, len(stmts)-1
	left := func(i int) bool { _, ok := stmts[i].Changes[0].(planner.Ignored); return ok }
	for first < last && left(first) {
		first++
	}
	for last > first && left(last) {
		last--
	}
	if first >= last {
		return
	}
	begin, end := nodes[first].GetTransactionStmt(), nodes[last].GetTransactionStmt()
	opens := begin.GetKind() == pg.TransactionStmtKind_TRANS_STMT_BEGIN || begin.GetKind() == pg.TransactionStmtKind_TRANS_STMT_START
	if !opens || end.GetKind() != pg.TransactionStmtKind_TRANS_STMT_COMMIT {
		return
	}
	for i := first + 1; i < last; i++ {
		if nodes[i].GetTransactionStmt() != nil {
			return
		}
	}
	for _, i := range []int{first, last} {
		stmts[i].Changes = reader{sql: stmts[i].SQL}.ignored(transactionName(nodes[i]), "a migration is more than one transaction: migrate decides what goes together")
	}
}
