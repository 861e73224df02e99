package mysql

import (
	"errors"
	"fmt"
	"strings"

	"github.com/pingcap/tidb/pkg/parser"
	"github.com/pingcap/tidb/pkg/parser/ast"
	_ "github.com/pingcap/tidb/pkg/parser/test_driver" // the values in syntax trees

	"github.com/expandcontract/migrate/planner"
)

// Parse reads a migration. The script is cut at its semicolons by our own lexer
// (which finds the comments that the grammar drops) and each statement read by
// the grammar, so that every error has its place.
func (d *dialect) Parse(src string) (*planner.Script, error) {
	if i := strings.IndexAny(src, "\x00\x01"); i >= 0 {
		return nil, &planner.SyntaxError{Offset: i, Message: "a control character in the file"}
	}
	pieces, comments, err := split(src)
	if err != nil {
		return nil, err
	}
	script := &planner.Script{Comments: comments}
	for _, p := range pieces {
		st := planner.Statement{SQL: src[p.start():p.end()], Start: p.start(), End: p.end()}
		if st.Changes, err = d.statement(p, st.SQL); err != nil {
			return nil, offset(err, p.start())
		}
		if name := d.soften(p, st.SQL).ifTable; name != "" {
			st.IfTable = planner.Ref{Name: name}
		}
		script.Statements = append(script.Statements, st)
	}
	return script, nil
}

// offset moves the place of a syntax error.
func offset(err error, by int) error {
	var se *planner.SyntaxError
	if errors.As(err, &se) {
		return &planner.SyntaxError{Offset: se.Offset + by, Message: se.Message}
	}
	return err
}

func (d *dialect) statement(p piece, sql string) ([]planner.Change, error) {
	if c := readCode(p); c != nil && (c.kind != "VIEW" || c.verb == "ALTER") {
		return one(d.codeStatement(p, c, sql)), nil
	}
	soft := d.soften(p, sql)
	if soft.empty {
		return soft.own, nil
	}
	node, err := d.parseOne(soft.sql)
	if err != nil {
		if c := unreadable(p, sql); c != nil {
			return one(c), nil
		}
		return nil, err
	}
	if alter, ok := node.(*ast.AlterTableStmt); ok {
		return d.alterTable(alter, sql, soft)
	}
	return d.changes(node, sql)
}

// parseOne reads one statement with the grammar.
func (d *dialect) parseOne(sql string) (ast.StmtNode, error) {
	p := parser.New()
	p.SetMariaDB(d.maria)
	p.SetStrictDoubleTypeCheck(false)
	nodes, _, err := p.ParseSQL(sql)
	if err != nil {
		return nil, syntaxError(sql, err)
	}
	if len(nodes) != 1 {
		return nil, &planner.SyntaxError{Message: "this is not one statement"}
	}
	return nodes[0], nil
}

// syntaxError finds the place in the grammar's message: it quotes the rest of
// the statement from the token it could not read.
func syntaxError(sql string, err error) error {
	_, near, ok := strings.Cut(err.Error(), `near "`)
	if !ok {
		return &planner.SyntaxError{Message: "cannot read this statement: " + masked(err.Error())}
	}
	for i := range sql {
		rest := sql[i:]
		if len(rest) > 2048 {
			rest = rest[:2048]
		}
		if !strings.HasPrefix(near, rest+`"`) {
			continue
		}
		word := rest
		if p, _, err := split(sql[i:]); err == nil && len(p) > 0 {
			word = sql[i+p[0].start() : i+p[0].tokens[0].end]
		}
		if first, _, cut := strings.Cut(word, "\n"); cut {
			word = first
		}
		return &planner.SyntaxError{Offset: i + len(rest) - len(strings.TrimLeft(rest, " \t\r\n")), Message: fmt.Sprintf("syntax error near %q", word)}
	}
	return &planner.SyntaxError{Offset: len(sql), Message: "syntax error: the statement ends too early"}
}

// changes maps a syntax tree to changes.
func (d *dialect) changes(node ast.StmtNode, sql string) ([]planner.Change, error) {
	switch n := node.(type) {
	case *ast.CreateTableStmt:
		return one(createTable(n, sql)), nil
	case *ast.DropTableStmt:
		return dropTable(n, sql), nil
	case *ast.CreateIndexStmt:
		return one(createIndexStmt(n, sql)), nil
	case *ast.DropIndexStmt:
		ref, bad := tableRef(n.Table)
		if bad != "" {
			return one(planner.Opaque{What: "DROP INDEX", Reason: bad, SQL: sql}), nil
		}
		// ALGORITHM and LOCK are not taken over: the plan chooses them.
		return one(planner.DropIndex{Table: ref, Name: n.IndexName, IfExists: n.IfExists}), nil
	case *ast.UpdateStmt:
		return one(d.update(n, sql)), nil
	case *ast.DeleteStmt:
		return one(d.deleteRows(n, sql)), nil
	case *ast.InsertStmt:
		return one(insert(n, sql)), nil
	case *ast.TruncateTableStmt:
		return one(truncate(n, sql)), nil
	case *ast.RenameTableStmt:
		return renameTables(n, sql), nil
	case *ast.CreateViewStmt:
		return one(createView(n, sql)), nil
	case *ast.OptimizeTableStmt:
		return maintenance("OPTIMIZE TABLE", n.Tables, sql, func(t string) string { return "ALTER TABLE " + t + " FORCE" }), nil
	case *ast.AnalyzeTableStmt:
		return maintenance("ANALYZE TABLE", n.TableNames, sql, func(t string) string { return "ANALYZE TABLE " + t }), nil
	case *ast.CreateSequenceStmt, *ast.DropSequenceStmt, *ast.AlterSequenceStmt:
		return d.sequence(n, sql), nil
	}
	if out, ok := control(node); ok {
		return out, nil
	}
	if out, ok := refused(node, sql); ok {
		return one(out), nil
	}
	return one(planner.Opaque{What: describe(node, sql), SQL: sql}), nil
}

func one(c planner.Change) []planner.Change { return []planner.Change{c} }

// describe names a statement by its first words.
func describe(node ast.StmtNode, sql string) string {
	if _, ok := node.(*ast.CreateViewStmt); ok {
		return "CREATE VIEW"
	}
	p, _, err := split(sql)
	if err != nil || len(p) == 0 {
		return "the statement"
	}
	words := p[0].word(0)
	if second := p[0].word(1); second != "" {
		words += " " + second
	}
	return words
}

// tableRef takes a table's name; bad says why it cannot be used.
func tableRef(n *ast.TableName) (ref planner.Ref, bad string) {
	ref = planner.Ref{Name: n.Name.O}
	if n.Schema.O != "" {
		bad = "it names a database; write the table's name alone, the connection says which database is meant"
	}
	if len(n.PartitionNames) > 0 {
		bad = "it names partitions"
	}
	return ref, bad
}

func createTable(n *ast.CreateTableStmt, sql string) planner.Change {
	ref, bad := tableRef(n.Table)
	switch {
	case bad != "":
	case n.ReferTable != nil:
		bad = "CREATE TABLE … LIKE depends on another table; write the columns out"
	case n.Select != nil:
		bad = "CREATE TABLE … SELECT copies rows in one statement; create the table, then fill it"
	case n.TemporaryKeyword != ast.TemporaryNone:
		bad = "a temporary table is gone when the connection ends"
	}
	if bad != "" {
		return planner.Opaque{What: "CREATE TABLE " + n.Table.Name.O, Reason: bad, SQL: sql}
	}
	return planner.CreateTable{Table: ref, IfNotExists: n.IfNotExists, SQL: sql}
}

func dropTable(n *ast.DropTableStmt, sql string) []planner.Change {
	if n.IsView {
		return dropViews(n, sql)
	}
	var out []planner.Change
	for _, t := range n.Tables {
		ref, bad := tableRef(t)
		switch {
		case n.TemporaryKeyword != ast.TemporaryNone:
			bad = "a temporary table is gone when the connection ends"
		}
		if bad != "" {
			return one(planner.Opaque{What: "DROP TABLE " + t.Name.O, Reason: bad, SQL: sql})
		}
		out = append(out, planner.DropTable{Table: ref, IfExists: n.IfExists})
	}
	return out
}

// update reads a single-table UPDATE. MySQL and MariaDB evaluate its SET from
// left to right, later assignments seeing earlier ones; a migration may not
// depend on that, because a transform is a function of the row as it was.
func (d *dialect) update(n *ast.UpdateStmt, sql string) planner.Change {
	opaque := func(reason string) planner.Change {
		return planner.Opaque{What: "UPDATE", Reason: reason, SQL: sql}
	}
	name, bad := singleTable(n)
	switch {
	case bad != "":
		return opaque(bad)
	case n.Limit != nil || n.Order != nil:
		return opaque("ORDER BY and LIMIT have no meaning for rows that are converted one by one")
	case n.IgnoreErr:
		return opaque("UPDATE IGNORE hides values that do not fit")
	case n.With != nil:
		return opaque("WITH reads other rows")
	}
	ref, bad := tableRef(name)
	if bad != "" {
		return opaque(bad)
	}
	out := planner.UpdateRows{Table: ref}
	var assigned []string
	for _, a := range n.List {
		as, err := d.assign(a, ref.Name)
		if err != nil {
			return opaque(err.Error())
		}
		for _, c := range as.Expr.Columns() {
			for _, before := range assigned {
				if strings.EqualFold(c, before) {
					return opaque(fmt.Sprintf("it assigns %s and then reads it, which means its new value here and its old one in standard SQL; write the expression out", c))
				}
			}
		}
		assigned = append(assigned, as.Column)
		out.Set = append(out.Set, as)
	}
	if n.Where != nil {
		e, err := d.expr(n.Where, ref.Name)
		if err != nil {
			return opaque(err.Error())
		}
		out.Where = e
	}
	return out
}

func singleTable(n *ast.UpdateStmt) (*ast.TableName, string) {
	const joined = "it updates more than one table"
	if n.MultipleTable || n.TableRefs == nil || n.TableRefs.TableRefs == nil || n.TableRefs.TableRefs.Right != nil {
		return nil, joined
	}
	src, ok := n.TableRefs.TableRefs.Left.(*ast.TableSource)
	if !ok {
		return nil, joined
	}
	name, ok := src.Source.(*ast.TableName)
	if !ok {
		return nil, joined
	}
	if src.AsName.O != "" {
		return nil, "it gives the table an alias; use the table's own name"
	}
	return name, ""
}

func (d *dialect) assign(a *ast.Assignment, table string) (planner.Assign, error) {
	if a.Column.Schema.O != "" || a.Column.Table.O != "" && !strings.EqualFold(a.Column.Table.O, table) {
		return planner.Assign{}, fmt.Errorf("%s is not a column of %s", a.Column.String(), table)
	}
	e, err := d.expr(a.Expr, table)
	if err != nil {
		return planner.Assign{}, err
	}
	return planner.Assign{Column: a.Column.Name.O, Expr: e}, nil
}

// ParseAssign reads the body of an up or down directive.
func (d *dialect) ParseAssign(src string) (planner.Ref, planner.Assign, error) {
	fail := func(at int, msg string) (planner.Ref, planner.Assign, error) {
		return planner.Ref{}, planner.Assign{}, &planner.SyntaxError{Offset: at, Message: msg}
	}
	if i := strings.IndexAny(src, "\x00\x01"); i >= 0 {
		return fail(i, "a control character in the directive")
	}
	pieces, _, err := split(src)
	if err != nil {
		return planner.Ref{}, planner.Assign{}, err
	}
	if len(pieces) == 0 {
		return fail(0, "the directive is empty; it reads TABLE.COLUMN = EXPRESSION")
	}
	if len(pieces) > 1 {
		return fail(pieces[1].start(), "a semicolon in the directive; it holds one expression")
	}
	const prefix = "UPDATE `t` SET "
	node, err := d.parseOne(prefix + src)
	if err != nil {
		return planner.Ref{}, planner.Assign{}, clamp(offset(err, -len(prefix)))
	}
	up, ok := node.(*ast.UpdateStmt)
	if !ok || up.Where != nil || up.Limit != nil || up.Order != nil || len(up.List) != 1 {
		return fail(0, "the directive reads TABLE.COLUMN = EXPRESSION, and nothing behind it")
	}
	col := up.List[0].Column
	if col.Table.O == "" || col.Schema.O != "" {
		return fail(0, "the directive starts with TABLE.COLUMN")
	}
	as, err := d.assign(up.List[0], col.Table.O)
	if err != nil {
		return fail(0, err.Error())
	}
	return planner.Ref{Name: col.Table.O}, as, nil
}

// clamp keeps a place within the source.
func clamp(err error) error {
	var se *planner.SyntaxError
	if errors.As(err, &se) && se.Offset < 0 {
		return &planner.SyntaxError{Message: se.Message}
	}
	return err
}
