package mysql

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/format"

	"github.com/expandcontract/migrate/planner"
)

// parse_statement.go reads the statements that are no ALTER TABLE: rows, new
// names, maintenance, and what stands around a file's statements.

// The kinds of object that this dialect's Direct statements are about.
const (
	objectView       = "view"
	objectTrigger    = "trigger"
	objectProcedure  = "procedure"
	objectFunction   = "function"
	objectEvent      = "event"
	objectSequence   = "sequence"
	objectIndex      = "index"
	objectCheck      = "constraint"
	objectSetting    = "table setting"
	objectColumn     = "column setting"
	objectPrimaryKey = "primary key"
	objectRows       = "rows"
	objectPartition  = "partition"
	objectStorage    = "storage"
	objectIdentity   = "identity column"
)

const ruleTransaction = "transaction-control-in-migration"

func ignored(what, rule, reason string) []planner.Change {
	return one(planner.Ignored{What: what, Rule: rule, Reason: reason})
}

// control reads what stands around statements; ok is false for others.
func control(node ast.StmtNode) (out []planner.Change, ok bool) {
	const own = "every step is recorded by itself, and DDL commits here whatever stands around it"
	switch n := node.(type) {
	case *ast.BeginStmt:
		return ignored("START TRANSACTION", ruleTransaction, own), true
	case *ast.CommitStmt:
		return ignored("COMMIT", ruleTransaction, own), true
	case *ast.LockTablesStmt:
		return ignored("LOCK TABLES", ruleTransaction, "each step takes the locks that it needs, and no longer than it needs them"), true
	case *ast.UnlockTablesStmt:
		return ignored("UNLOCK TABLES", ruleTransaction, "each step gives its locks back when it is done"), true
	case *ast.RollbackStmt:
		return one(planner.Opaque{What: "ROLLBACK", Rule: ruleTransaction, Reason: "what comes before it is done by then, for DDL commits here: remove what is not to happen"}), true
	case *ast.UseStmt:
		return one(planner.Opaque{What: "USE " + n.DBName, Reason: "the connection says which database is meant: leave it out"}), true
	case *ast.SetStmt:
		return settings(n), true
	}
	return nil, false
}

// sessionSettings are variables that dumps and tools set around their
// statements. None of them says anything about the schema: every session of
// ours has settings of its own.
var sessionSettings = words(`foreign_key_checks unique_checks sql_mode sql_notes time_zone character_set_client character_set_results
	character_set_connection character_set_database collation_connection collation_database names setnames setcharset lock_wait_timeout
	innodb_lock_wait_timeout max_statement_time max_execution_time sql_log_bin autocommit sql_safe_updates wait_timeout
	alter_algorithm old_alter_table default_storage_engine storage_engine group_concat_max_len sql_require_primary_key
	saved_cs_client net_read_timeout net_write_timeout innodb_strict_mode`)

// settings reads SET. What a dump saves in a variable of its own, to give it
// back at the end, goes with the settings.
func settings(n *ast.SetStmt) []planner.Change {
	var names []string
	checks := ""
	for _, v := range n.Variables {
		name := strings.ToLower(strings.Trim(v.Name, "`"))
		if name == "foreign_key_checks" {
			checks = "on"
			if off, err := written(v.Value); err == nil && (off == "0" || strings.EqualFold(off, "OFF")) {
				checks = "off"
			}
		}
		saved := !v.IsSystem && strings.HasPrefix(name, "old_")
		switch {
		case v.IsGlobal:
			return one(planner.Opaque{What: "SET GLOBAL " + name, Reason: "it changes the server for everybody, and is no part of this database's schema"})
		case saved:
		case !sessionSettings[strings.TrimPrefix(name, "set")] && !sessionSettings[name]:
			return one(planner.Opaque{What: "SET " + name, Reason: "what it means for the statements after it cannot be told"})
		}
		names = append(names, strings.ToUpper(name))
	}
	return one(planner.Ignored{
		What: "SET " + strings.Join(names, ", "), Rule: ruleTransaction, Checks: checks,
		Reason: "it sets the session of whoever runs the file; migrate's sessions are strict, in UTC, and bound every wait for a lock",
	})
}

// renameTables reads RENAME TABLE. Two tables that change their names with each
// other have no moment between in which both names could mean both.
func renameTables(n *ast.RenameTableStmt, sql string) []planner.Change {
	var out []planner.Change
	var from, to []string
	for _, r := range n.TableToTables {
		old, bad := tableRef(r.OldTable)
		target, worse := tableRef(r.NewTable)
		if bad+worse != "" {
			return one(planner.Opaque{What: "RENAME TABLE " + r.OldTable.Name.O, Reason: bad + worse, SQL: sql})
		}
		from, to = append(from, old.Name), append(to, target.Name)
		out = append(out, planner.RenameTable{Table: old, To: target.Name})
	}
	for i := range to {
		if slices.Contains(from, to[i]) {
			return one(planner.Opaque{
				What: "RENAME TABLE " + from[i] + " TO " + to[i], SQL: sql,
				Reason: to[i] + " gets another name in the same statement, so that the name means one table to old versions and another to new ones; " +
					"rename to names that nobody has used before, in two migrations",
			})
		}
	}
	return out
}

// insert reads seed rows.
func insert(n *ast.InsertStmt, sql string) planner.Change {
	name, bad := sourceTable(n.Table)
	if bad != "" {
		return planner.Opaque{What: "INSERT", Reason: bad, SQL: sql}
	}
	ref, bad := tableRef(name)
	what := "INSERT INTO " + ref.Name
	switch {
	case bad != "":
	case n.IsReplace:
		what, bad = "REPLACE INTO "+ref.Name, "it deletes the row that is there, and nothing brings that back: write INSERT … ON DUPLICATE KEY UPDATE"
	case len(n.PartitionNames) > 0:
		bad = "it names partitions"
	}
	if bad != "" {
		return planner.Opaque{What: what, Reason: bad, SQL: sql}
	}
	out := planner.InsertRows{Table: ref, Reads: tablesOf(n.Select), SQL: sql}
	for _, c := range n.Columns {
		out.Columns = append(out.Columns, c.Name.O)
	}
	return out
}

// tablesOf lists the tables that a query reads.
func tablesOf(n ast.ResultSetNode) []planner.Ref {
	var t tables
	if n != nil {
		n.Accept(&t)
	}
	return t.refs
}

// tables visits a syntax tree for the tables that it names.
type tables struct{ refs []planner.Ref }

// Enter implements ast.Visitor.
func (t *tables) Enter(n ast.Node) (ast.Node, bool) {
	if name, ok := n.(*ast.TableName); ok {
		t.refs = append(t.refs, planner.Ref{Name: name.Name.O})
	}
	return n, false
}

// Leave implements ast.Visitor.
func (t *tables) Leave(n ast.Node) (ast.Node, bool) { return n, true }

// deleteRows reads a DELETE from one table.
func (d *dialect) deleteRows(n *ast.DeleteStmt, sql string) planner.Change {
	opaque := func(reason string) planner.Change {
		return planner.Opaque{What: "DELETE", Reason: reason, SQL: sql}
	}
	const joined = "it joins other tables: say which rows go with a WHERE over this table, IN (SELECT …) for others"
	if n.IsMultiTable {
		return opaque(joined)
	}
	name, bad := sourceTable(n.TableRefs)
	switch {
	case bad != "":
		return opaque(bad)
	case n.Limit != nil || n.Order != nil:
		return opaque("ORDER BY and LIMIT have no meaning for rows that are deleted piece by piece")
	case n.IgnoreErr:
		return opaque("DELETE IGNORE hides rows that cannot go")
	case n.With != nil:
		return opaque(joined)
	}
	ref, bad := tableRef(name)
	if bad != "" {
		return opaque(bad)
	}
	out := planner.DeleteRows{Table: ref}
	if n.Where != nil {
		e, err := d.expr(n.Where, ref.Name)
		if err != nil {
			return opaque(err.Error())
		}
		out.Where = e
	}
	return out
}

// sourceTable is the one table of a statement.
func sourceTable(refs *ast.TableRefsClause) (*ast.TableName, string) {
	const joined = "it is about more than one table"
	if refs == nil || refs.TableRefs == nil || refs.TableRefs.Right != nil {
		return nil, joined
	}
	src, ok := refs.TableRefs.Left.(*ast.TableSource)
	if !ok {
		return nil, joined
	}
	name, ok := src.Source.(*ast.TableName)
	switch {
	case !ok:
		return nil, joined
	case src.AsName.O != "":
		return nil, "it gives the table an alias; use the table's own name"
	}
	return name, ""
}

func truncate(n *ast.TruncateTableStmt, sql string) planner.Change {
	ref, bad := tableRef(n.Table)
	if bad != "" {
		return planner.Opaque{What: "TRUNCATE TABLE " + n.Table.Name.O, Reason: bad, SQL: sql}
	}
	return planner.Direct{
		What: "TRUNCATE TABLE " + ref.Name, Object: planner.ObjectRef{Kind: objectRows, On: ref},
		Needs: []planner.Need{{Table: ref}}, Effect: planner.Destroys, SQL: "TRUNCATE TABLE " + quoteName(ref.Name),
	}
}

// maintenance reads statements that change nothing but how a table is stored,
// or what is known of it.
func maintenance(what string, tables []*ast.TableName, sql string, statement func(table string) string) []planner.Change {
	var out []planner.Change
	for _, t := range tables {
		ref, bad := tableRef(t)
		if bad != "" {
			return one(planner.Opaque{What: what + " " + t.Name.O, Reason: bad, SQL: sql})
		}
		out = append(out, planner.Direct{
			What: what + " " + ref.Name, Object: planner.ObjectRef{Kind: objectStorage, On: ref, Detail: what},
			Needs: []planner.Need{{Table: ref}}, Effect: planner.Widens, SQL: statement(quoteName(ref.Name)),
		})
	}
	return out
}

// sequence reads MariaDB's sequences.
func (d *dialect) sequence(node ast.StmtNode, sql string) []planner.Change {
	direct := func(what string, n *ast.TableName, effect planner.Effect, ifExists bool) planner.Change {
		ref, bad := tableRef(n)
		if !d.maria {
			bad = "MySQL has no sequences"
		}
		if bad != "" {
			return planner.Opaque{What: what + " " + n.Name.O, Reason: bad, SQL: sql}
		}
		return planner.Direct{
			What: what + " " + ref.Name, Object: planner.ObjectRef{Kind: objectSequence, Ref: ref}, Effect: effect, IfExists: ifExists,
			Late: effect == planner.Narrows, SQL: sql,
		}
	}
	switch n := node.(type) {
	case *ast.CreateSequenceStmt:
		return one(direct("CREATE SEQUENCE", n.Name, planner.Widens, n.IfNotExists))
	case *ast.DropSequenceStmt:
		if len(n.Sequences) == 1 {
			return one(direct("DROP SEQUENCE", n.Sequences[0], planner.Narrows, n.IfExists))
		}
		return one(planner.Opaque{What: "DROP SEQUENCE", Reason: "it names several; write a statement for each", SQL: sql})
	case *ast.AlterSequenceStmt:
		return one(planner.Opaque{What: "ALTER SEQUENCE " + n.Name.Name.O, Reason: "old versions and new ones draw from it at the same time, and nothing says what it was before", SQL: sql})
	}
	return nil
}

// refused are statements whose place is not a migration, each with the reason.
func refused(node ast.StmtNode, sql string) (planner.Change, bool) {
	opaque := func(what, rule, reason string) (planner.Change, bool) {
		return planner.Opaque{What: what, Rule: rule, Reason: reason, SQL: sql}, true
	}
	const database = "a migration is about the tables of one database, which is there"
	const accounts = "accounts and their rights belong to the server, not to this database: give them where the server is set up"
	switch node.(type) {
	case *ast.CreateDatabaseStmt:
		return opaque("CREATE DATABASE", "", database)
	case *ast.DropDatabaseStmt:
		return opaque("DROP DATABASE", "", database)
	case *ast.AlterDatabaseStmt:
		return opaque("ALTER DATABASE", "charset-conversion", "it changes what columns of later tables are made of, and no table that is there: say the character set in each CREATE TABLE")
	case *ast.GrantStmt, *ast.GrantRoleStmt:
		return opaque("GRANT", "grant-change", accounts)
	case *ast.RevokeStmt, *ast.RevokeRoleStmt:
		return opaque("REVOKE", "grant-change", accounts)
	case *ast.CreateUserStmt, *ast.AlterUserStmt, *ast.DropUserStmt:
		return opaque("the change of an account", "grant-change", accounts)
	case *ast.SelectStmt, *ast.SetOprStmt:
		return opaque("SELECT", "", "nobody reads what a migration selects")
	case *ast.CallStmt:
		return opaque("CALL", "", "what a procedure does cannot be read from the call")
	case *ast.LoadDataStmt:
		return opaque("LOAD DATA", "", "it reads a file that nobody else may have: write INSERT")
	}
	return nil, false
}

// written is a node as the grammar writes it.
func written(n ast.Node) (string, error) {
	var b strings.Builder
	if err := n.Restore(format.NewRestoreCtx(restoreFlags, &b)); err != nil {
		return "", fmt.Errorf("writing a statement again: %w", err)
	}
	return b.String(), nil
}
