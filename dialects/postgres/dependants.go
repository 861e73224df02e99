package postgres

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/proto"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// dependants.go makes what depends on a rebuilt column anew for the column that
// takes its place: from the server's definitions, in which the grammar, and
// nothing else, finds the places where the column is named.

// renameIn puts other columns into a statement, or a part of one, that names no
// columns but those of one table.
func renameIn(m proto.Message, columns map[string]string) error {
	whole := false
	walk(m, func(m proto.Message) bool {
		switch n := m.(type) {
		case *pg.ColumnRef:
			last := n.Fields[len(n.Fields)-1]
			if last.GetAStar() != nil {
				whole = true
			} else if to, ok := columns[last.GetString_().GetSval()]; ok {
				n.Fields[len(n.Fields)-1] = pg.MakeStrNode(to)
			}
		case *pg.IndexElem:
			n.Name = mapped(columns, n.Name)
		case *pg.StatsElem:
			n.Name = mapped(columns, n.Name)
		case *pg.AlterTableCmd:
			n.Name = mapped(columns, n.Name)
		case *pg.AccessPriv:
			renameStrings(n.Cols, columns)
		case *pg.Constraint:
			renameStrings(n.Keys, columns)
			renameStrings(n.FkAttrs, columns)
			renameStrings(n.FkDelSetCols, columns)
		}
		return true
	})
	if whole {
		return fmt.Errorf("it is about the whole row")
	}
	return nil
}

func mapped(columns map[string]string, name string) string {
	if to, ok := columns[name]; ok {
		return to
	}
	return name
}

func renameStrings(nodes []*pg.Node, columns map[string]string) {
	for i, n := range nodes {
		if to, ok := columns[n.GetString_().GetSval()]; ok {
			nodes[i] = pg.MakeStrNode(to)
		}
	}
}

// constraint is a check or a foreign key, as the server defines it.
type constraint struct {
	table planner.Ref
	of    planner.Constraint
	stmt  *pg.Node // ALTER TABLE … ADD CONSTRAINT … NOT VALID
	// valid: the server has looked at all rows, and shall again.
	valid bool
}

// definedConstraint reads a definition of the server's. It fails where the server's
// grammar is newer than ours.
func definedConstraint(table planner.Ref, k planner.Constraint) (*constraint, error) {
	tree, err := parseSQL("ALTER TABLE " + quoteRef(table) + " ADD CONSTRAINT " + quote(k.Name) + " " + k.Definition)
	if err != nil {
		return nil, fmt.Errorf("reading the %s %s: %w", k.Kind, k.Name, err)
	}
	c := &constraint{table: table, of: k, stmt: tree.Stmts[0].Stmt}
	c.valid = !c.def().SkipValidation
	if c.def().Contype == pg.ConstrType_CONSTR_CHECK || c.def().Contype == pg.ConstrType_CONSTR_FOREIGN {
		c.def().SkipValidation, c.def().InitiallyValid = true, false
	}
	return c, nil
}

func (c *constraint) def() *pg.Constraint {
	return c.stmt.GetAlterTableStmt().GetCmds()[0].GetAlterTableCmd().GetDef().GetConstraint()
}

// over is the same constraint over other columns, under another name.
func (c *constraint) over(columns map[string]string, name string) (*constraint, error) {
	out := &constraint{table: c.table, of: c.of, stmt: clone(c.stmt), valid: c.valid}
	if err := renameIn(out.def(), columns); err != nil {
		return nil, fmt.Errorf("reading the %s %s: %w", c.of.Kind, c.of.Name, err)
	}
	out.def().Conname, out.of.Name = name, name
	return out, nil
}

// add writes the statements that make the constraint without looking at rows.
func (c *constraint) add() ([]string, error) {
	sql, err := deparse(c.stmt)
	if err != nil {
		return nil, fmt.Errorf("writing the %s %s: %w", c.of.Kind, c.of.Name, err)
	}
	out := []string{sql}
	if c.of.Comment != "" {
		out = append(out, c.comment())
	}
	return out, nil
}

func (c *constraint) comment() string {
	return "COMMENT ON CONSTRAINT " + quote(c.of.Name) + " ON " + quoteRef(c.table) + " IS " + literal(c.of.Comment)
}

func (c *constraint) alter(what string) string {
	return "ALTER TABLE " + quoteRef(c.table) + " " + what + " CONSTRAINT " + quote(c.of.Name)
}

// there asks whether the constraint is there, and validated if so asked.
func (c *constraint) there(validated bool) string {
	sql := fmt.Sprintf("SELECT EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE conrelid = %s::regclass AND conname = %s",
		literal(quoteRef(c.table)), literal(c.of.Name))
	if validated {
		sql += " AND convalidated"
	}
	return sql + ")"
}

// again are the statements that bring the constraint back, looking at all rows
// if the server had, while readers and writers go on.
func (c *constraint) again() ([]plan.Statement, error) {
	adds, err := c.add()
	if err != nil {
		return nil, err
	}
	out := []plan.Statement{{SQL: adds[0], Probe: c.there(false)}}
	out = append(out, plain(adds[1:]...)...)
	if c.valid {
		out = append(out, plan.Statement{SQL: c.alter("VALIDATE"), Probe: c.there(true)})
	}
	return out, nil
}

// refers is the table that a foreign key points to, if it is another one.
func (c *constraint) refers() (planner.Ref, bool) {
	r := c.def().Pktable
	if r == nil {
		return planner.Ref{}, false
	}
	ref := refOf(r)
	return ref, ref != c.table && (ref.Schema != "" || ref.Name != c.table.Name)
}

// follow writes a dependant's script for other columns: what it says of the
// original, said of the column that stands or will stand for it.
func follow(d planner.Dependent, columns map[string]string, name string) ([]string, error) {
	tree, err := parseSQL(d.Definition)
	if err != nil {
		return nil, fmt.Errorf("reading the %s %s: %w", d.Kind, d.Name, err)
	}
	var out []string
	for _, st := range tree.Stmts {
		if err := renameIn(st.Stmt, columns); err != nil {
			return nil, fmt.Errorf("reading the %s %s: %w", d.Kind, d.Name, err)
		}
		if name != "" {
			renameStatistics(st.Stmt, name)
		}
		write := deparse
		if st.Stmt.GetCreateStatsStmt() != nil {
			write = deparseStatistics
		}
		sql, err := write(st.Stmt)
		if err != nil {
			return nil, fmt.Errorf("writing the %s %s: %w", d.Kind, d.Name, err)
		}
		out = append(out, sql)
	}
	return out, nil
}

// renameStatistics gives the object of a statement about statistics another name.
func renameStatistics(stmt *pg.Node, name string) {
	rename := func(parts []*pg.Node) {
		if len(parts) > 0 {
			parts[len(parts)-1] = pg.MakeStrNode(name)
		}
	}
	switch n := nodeOf(stmt).(type) {
	case *pg.CreateStatsStmt:
		rename(n.Defnames)
	case *pg.CommentStmt:
		rename(n.Object.GetList().GetItems())
	case *pg.AlterOwnerStmt:
		rename(n.Object.GetList().GetItems())
	}
}

// deparseStatistics writes a CREATE STATISTICS, whose columns the grammar's own
// deparser does not quote.
func deparseStatistics(stmt *pg.Node) (string, error) {
	x := stmt.GetCreateStatsStmt()
	name, ok := names(x.Defnames)
	kinds, plainKinds := names(x.StatTypes)
	if !ok || !plainKinds || len(x.Relations) != 1 {
		return "", errors.New("the statement is not of the server's making")
	}
	var of []string
	for _, e := range x.Exprs {
		if el := e.GetStatsElem(); el.GetName() != "" {
			of = append(of, quote(el.Name))
			continue
		}
		text, err := deparseScalar(e.GetStatsElem().GetExpr())
		if err != nil {
			return "", err
		}
		of = append(of, "("+text+")")
	}
	sql := "CREATE STATISTICS " + quoteNames(name)
	if len(kinds) > 0 {
		sql += " (" + strings.Join(kinds, ", ") + ")"
	}
	sql += " ON " + strings.Join(of, ", ") + " FROM " + quoteRef(refOf(x.Relations[0].GetRangeVar()))
	again, err := parseSQL(sql)
	if err != nil || !sameTree(stmt, again.Stmts[0].Stmt) {
		return "", errors.New("PostgreSQL's grammar does not write it back as it was read")
	}
	return sql, nil
}

// inherited writes what a shadow shares with the column it stands for besides
// its definition: privileges, without which new versions could not use it, and
// what the server is told of its values.
func inherited(t *planner.Table, c planner.NewColumn) ([]string, error) {
	var out []string
	if c.Like == nil {
		return nil, nil
	}
	for _, d := range t.Dependents {
		if d.Definition == "" || (d.Kind != kindGrant && d.Kind != kindSetting) || !slices.Contains(d.Columns, c.Like.Name) {
			continue
		}
		sqls, err := follow(d, map[string]string{c.Like.Name: c.Name}, "")
		if err != nil {
			return nil, err
		}
		out = append(out, sqls...)
	}
	return out, nil
}

// statisticsName reads the name from a script that begins with CREATE STATISTICS.
func statisticsName(script string) (planner.Ref, error) {
	tree, err := parseSQL(script)
	if err != nil {
		return planner.Ref{}, fmt.Errorf("reading the statistics: %w", err)
	}
	parts, ok := names(tree.Stmts[0].Stmt.GetCreateStatsStmt().GetDefnames())
	if !ok || len(parts) != 2 {
		return planner.Ref{}, fmt.Errorf("reading the statistics: %q is no CREATE STATISTICS", script)
	}
	return planner.Ref{Schema: parts[0], Name: parts[1]}, nil
}
