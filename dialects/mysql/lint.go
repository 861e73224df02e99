package mysql

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// Lint finds what only MySQL and MariaDB can tell about a migration. Each
// statement is looked at over the schema as it is at that point of the file.
func (d *dialect) Lint(s *planner.Schema, script *planner.Script) []planner.Finding {
	l := &linter{d: d, m: planner.Remember(d, s), added: map[string]bool{}, dropped: map[string]bool{}, readers: map[string]int{}}
	for _, st := range script.Statements {
		for _, c := range st.Changes {
			switch c := c.(type) {
			case planner.AddColumn:
				l.added[lower(c.Table.Name, c.Column.Name)] = true
			case planner.DropColumn:
				l.dropped[lower(c.Table.Name, c.Column)] = true
			case planner.UpdateRows:
				for _, a := range c.Set {
					for _, in := range a.Expr.Columns() {
						l.readers[lower(c.Table.Name, in)]++
					}
				}
			}
		}
	}
	for i, st := range script.Statements {
		l.stmt = i
		if node, err := d.parseOne(st.SQL); err == nil {
			l.statement(node)
		} else {
			l.unread(st.SQL)
		}
		l.m.Apply(st)
	}
	return l.out
}

func lower(table, column string) string { return strings.ToLower(table + "." + column) }

// linter goes through a file.
type linter struct {
	d    *dialect
	m    *planner.Memory
	stmt int
	out  []planner.Finding
	// added and dropped are the columns that the file adds or drops, readers how
	// many assignments read one: what one leaves of it another may keep.
	added, dropped map[string]bool
	readers        map[string]int
}

// find notes a finding; an empty severity is the rule's own.
func (l *linter) find(rule string, sev plan.Severity, instead, format string, args ...any) {
	l.out = append(l.out, planner.Finding{Rule: rule, Severity: sev, Statement: l.stmt, Message: fmt.Sprintf(format, args...), Instead: instead})
}

func (l *linter) table(n *ast.TableName) *planner.Table {
	return l.m.Table(planner.Ref{Name: n.Name.O})
}

func (l *linter) fresh(n *ast.TableName) bool { return l.m.Fresh(planner.Ref{Name: n.Name.O}) }

func (l *linter) statement(node ast.StmtNode) {
	switch n := node.(type) {
	case *ast.CreateTableStmt:
		l.createTable(n)
	case *ast.AlterTableStmt:
		rekeyed := slices.ContainsFunc(n.Specs, func(s *ast.AlterTableSpec) bool {
			return s.Tp == ast.AlterTableAddConstraint && s.Constraint.Tp == ast.ConstraintPrimaryKey
		})
		for _, s := range n.Specs {
			if rekeyed && s.Tp == ast.AlterTableDropPrimaryKey {
				continue // one rebuild, beside the writers
			}
			l.clause(n.Table, s)
		}
	case *ast.CreateIndexStmt:
		l.name("index", n.IndexName)
		if !l.fresh(n.Table) && n.KeyType != ast.IndexKeyTypeNone && n.KeyType != ast.IndexKeyTypeUnique {
			l.blockingIndex(n.Table)
		}
		if n.LockAlg != nil {
			l.chosen(n.LockAlg.AlgorithmTp, n.LockAlg.LockTp)
		}
	case *ast.TruncateTableStmt:
		if !l.fresh(n.Table) {
			l.find("data-loss-truncate", "", "DELETE with a WHERE that says which rows; or accept it with migrate:allow",
				"all rows of %s are gone for good, those that versions of the app write meanwhile too", n.Table.Name.O)
		}
	case *ast.OptimizeTableStmt:
		l.find("table-rewrite", plan.Warning, "leave it out, or run it outside of migrations", "OPTIMIZE TABLE writes the table anew")
	case *ast.LockTablesStmt:
		l.find("lock-not-none", "", "leave it out: the plan locks what it must, briefly", "LOCK TABLES keeps everybody else from the tables until the file ends")
	case *ast.BeginStmt, *ast.CommitStmt, *ast.RollbackStmt, *ast.SavepointStmt:
		l.find("transaction-control-in-migration", plan.Info, "leave it out", "the server commits before and after each change of the schema anyway")
	case *ast.GrantStmt, *ast.GrantRoleStmt, *ast.RevokeRoleStmt:
		l.find("grant-change", "", "", "who may do what changes")
	case *ast.RevokeStmt:
		l.find("grant-change", "", "", "a right is taken away: versions of the app that still run may need it")
	default:
		l.rows(node)
	}
}

// rows looks at statements that change rows.
func (l *linter) rows(node ast.StmtNode) {
	switch n := node.(type) {
	case *ast.InsertStmt:
		if len(n.Columns) == 0 && !n.Setlist {
			l.find("insert-without-column-list", "", "name the columns", "the INSERT into %s breaks as soon as the table's columns change", restored(n.Table))
		}
	case *ast.UpdateStmt:
		l.update(n)
	case *ast.DeleteStmt:
		l.find("unbatched-delete", "", "", "deleting in one statement holds its locks and its undo to the end; the plan deletes in chunks, in contract")
	}
}

// unread looks at what the grammar does not read: triggers.
func (l *linter) unread(sql string) {
	pieces, _, err := split(sql)
	if err != nil || len(pieces) == 0 {
		return
	}
	if c := readCode(pieces[0]); c == nil || c.verb != "CREATE" || c.kind != "TRIGGER" {
		return
	}
	p := pieces[0]
	for i := range p.tokens {
		if p.word(i) != "ON" || i+1 == len(p.tokens) {
			continue
		}
		t := l.m.Table(planner.Ref{Name: p.tokens[i+1].text})
		if t != nil && slices.ContainsFunc(t.Constraints, func(k planner.Constraint) bool { return k.Cascades }) {
			l.find("trigger-hidden-from-cascade", "", "do in the app, or in the parent's triggers, what must happen for each row",
				"a foreign key changes rows of %s with its parent's, and %s fires no trigger for that", t.Ref.Name, l.d.product())
		}
		return
	}
}

// update tells of UPDATEs that cannot be read as a transform, and of transforms
// that lose what they read.
func (l *linter) update(n *ast.UpdateStmt) {
	name, bad := singleTable(n)
	if name != nil {
		l.triggered(name)
	}
	for _, a := range n.List {
		table := a.Column.Table.O
		if name != nil {
			table = name.Name.O
		}
		joined := bad != "" && name == nil
		if (joined || hasSubquery(a.Expr)) && l.addedAnywhere(table, a.Column.Name.O) {
			l.find("update-without-transform", "", "compute it from the row's own columns, or fill the column from the app and say migrate:shadow app",
				"%s is filled from other rows or tables: what is written after the UPDATE has no value", a.Column.Name.O)
		}
		l.lossy(table, a)
		l.repeated(n, a)
	}
}

// repeated tells of an UPDATE that computes a column from itself. The planner
// lets it pass where its WHERE reads the column: its author may know that a row
// that is done no longer matches.
func (l *linter) repeated(n *ast.UpdateStmt, a *ast.Assignment) {
	set, where := &reading{}, &reading{}
	a.Expr.Accept(set)
	if n.Where != nil {
		n.Where.Accept(where)
	}
	same := func(c string) bool { return strings.EqualFold(c, a.Column.Name.O) }
	if slices.ContainsFunc(set.columns, same) && slices.ContainsFunc(where.columns, same) {
		l.find("repair-not-repeatable", "", "make sure that the WHERE no longer holds for a row that is done; then accept it with migrate:allow",
			"%s is computed from itself: unless the WHERE leaves out the rows that are done, a chunk that is retried, and the second pass in contract, change them again", a.Column.Name.O)
	}
}

// triggered tells of the table's own triggers, which the chunks fire.
func (l *linter) triggered(n *ast.TableName) {
	if t := l.table(n); t != nil && t.Facts[factUpdateTriggers] != "" {
		l.find("backfill-fires-triggers", "", "have the trigger do nothing where "+bypass+" is set, or see that it does no harm for every row",
			"the UPDATE of %s is run in chunks, and fires %s for each row", t.Ref.Name, t.Facts[factUpdateTriggers])
	}
}

// addedAnywhere reports whether the file adds the column; in a join, an alias may
// stand for the table.
func (l *linter) addedAnywhere(table, column string) bool {
	if l.added[lower(table, column)] {
		return true
	}
	for k := range l.added {
		if strings.HasSuffix(k, "."+strings.ToLower(column)) && l.m.Table(planner.Ref{Name: table}) == nil {
			return true
		}
	}
	return false
}

// lossyFunctions keep less than they are given.
var lossyFunctions = words("lower upper lcase ucase trim ltrim rtrim left right substr substring substring_index mid round floor ceil ceiling truncate " +
	"date year month abs md5 sha1 sha2 length char_length regexp_replace date_format cast convert")

func (l *linter) lossy(table string, a *ast.Assignment) {
	v := &reading{}
	a.Expr.Accept(v)
	for _, c := range v.columns {
		if v.function != "" && l.dropped[lower(table, c)] && l.readers[lower(table, c)] < 2 {
			l.find("lossy-transform", "", "keep the old column until nobody asks for what is lost, or carry that over into another column",
				"%s takes over from %s.%s by %s(), which does not keep all of it", a.Column.Name.O, table, c, v.function)
			return
		}
	}
}

// reading collects what an expression reads, and by which lossy function.
type reading struct {
	columns  []string
	function string
	subquery bool
}

// Enter implements ast.Visitor.
func (r *reading) Enter(n ast.Node) (ast.Node, bool) {
	switch x := n.(type) {
	case *ast.ColumnNameExpr:
		r.columns = append(r.columns, x.Name.Name.O)
	case *ast.FuncCallExpr:
		if lossyFunctions[x.FnName.L] {
			r.function = x.FnName.L
		}
	case *ast.FuncCastExpr:
		r.function = "cast"
	case *ast.SubqueryExpr:
		r.subquery = true
	}
	return n, false
}

// Leave implements ast.Visitor.
func (r *reading) Leave(n ast.Node) (ast.Node, bool) { return n, true }

func hasSubquery(e ast.ExprNode) bool {
	r := &reading{}
	e.Accept(r)
	return r.subquery
}

// name tells of names that must always be quoted.
func (l *linter) name(what, name string) {
	if name == "" || strings.ContainsFunc(name, func(r rune) bool { return r != '_' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') }) {
		return
	}
	if _, err := l.d.parseOne("CREATE TABLE `t` (" + name + " int)"); err != nil {
		l.find("reserved-identifier", "", "choose another name", "%s %q is a reserved word: every statement must quote it", what, name)
	}
}
