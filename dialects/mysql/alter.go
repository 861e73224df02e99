package mysql

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/format"

	"github.com/expandcontract/migrate/planner"
)

// alterTable reads the clauses of an ALTER TABLE, in order. The user's
// ALGORITHM and LOCK are dropped: the plan chooses them.
func (d *dialect) alterTable(n *ast.AlterTableStmt, sql string) ([]planner.Change, error) {
	ref, bad := tableRef(n.Table)
	if bad != "" {
		return one(planner.Opaque{What: "ALTER TABLE " + n.Table.Name.O, Reason: bad, SQL: sql}), nil
	}
	a := alter{d: d, table: ref, sql: sql}
	var out []planner.Change
	for _, spec := range n.Specs {
		cs, err := a.clause(spec)
		if err != nil {
			return nil, err
		}
		out = append(out, cs...)
	}
	if len(out) == 0 {
		out = one(planner.Opaque{What: "ALTER TABLE " + ref.Name, Reason: "it changes nothing", SQL: sql})
	}
	return out, nil
}

// alter is an ALTER TABLE being read.
type alter struct {
	d     *dialect
	table planner.Ref
	sql   string
}

func (a alter) opaque(what, reason string) []planner.Change {
	return one(planner.Opaque{What: "ALTER TABLE … " + what, Reason: reason, SQL: a.sql})
}

func (a alter) clause(s *ast.AlterTableSpec) ([]planner.Change, error) {
	switch s.Tp {
	case ast.AlterTableAlgorithm, ast.AlterTableLock:
		return nil, nil
	case ast.AlterTableAddColumns:
		return a.addColumns(s)
	case ast.AlterTableDropColumn:
		return one(planner.DropColumn{Table: a.table, Column: s.OldColumnName.Name.O, IfExists: s.IfExists}), nil
	case ast.AlterTableRenameColumn:
		return one(planner.RenameColumn{Table: a.table, From: s.OldColumnName.Name.O, To: s.NewColumnName.Name.O}), nil
	case ast.AlterTableModifyColumn, ast.AlterTableChangeColumn:
		return a.redefine(s)
	case ast.AlterTableAlterColumn:
		return a.alterColumn(s)
	case ast.AlterTableAddConstraint:
		return a.addConstraint(s)
	case ast.AlterTableDropIndex:
		return one(planner.DropIndex{Table: a.table, Name: s.Name, IfExists: s.IfExists}), nil
	case ast.AlterTableRenameTable:
		return a.opaque("RENAME TO", "renaming tables is not supported yet"), nil
	case ast.AlterTableDropPrimaryKey:
		return a.opaque("DROP PRIMARY KEY", "the table would have no key to walk it by"), nil
	case ast.AlterTableDropForeignKey:
		return a.opaque("DROP FOREIGN KEY", ""), nil
	case ast.AlterTableDropCheck:
		return a.opaque("DROP CONSTRAINT", ""), nil
	case ast.AlterTableRenameIndex:
		return a.opaque("RENAME INDEX", "indexes are named in no statement of an app; drop it and create another if you must"), nil
	}
	return a.opaque(restored(s), ""), nil
}

// restored is a clause as the grammar writes it, shortened to name it.
func restored(n ast.Node) string {
	var b strings.Builder
	if err := n.Restore(format.NewRestoreCtx(restoreFlags, &b)); err != nil {
		return "clause"
	}
	if r := []rune(b.String()); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return b.String()
}

func (a alter) addColumns(s *ast.AlterTableSpec) ([]planner.Change, error) {
	if len(s.NewConstraints) > 0 {
		return a.opaque("ADD (…)", "it mixes columns and constraints; write one ADD for each"), nil
	}
	var out []planner.Change
	for _, c := range s.NewColumns {
		def, checks, reason, err := a.column(c)
		if err != nil {
			return nil, err
		}
		if reason != "" {
			return a.opaque("ADD COLUMN "+c.Name.Name.O, reason), nil
		}
		def.Rest = joinWords(def.Rest, position(s.Position))
		// MySQL fills in an expression default by copying the table; treated as
		// volatile, the column comes bare and the backfill evaluates it.
		if !a.d.maria && !isSimpleDefault(def.Default) {
			def.Default.Volatile = true
		}
		out = append(out, planner.AddColumn{Table: a.table, Column: def, IfNotExists: s.IfNotExists})
		out = append(out, checks...)
	}
	return out, nil
}

func position(p *ast.ColumnPosition) string {
	switch {
	case p == nil || p.Tp == ast.ColumnPositionNone:
		return ""
	case p.Tp == ast.ColumnPositionFirst:
		return "FIRST"
	}
	return "AFTER " + quoteName(p.RelativeColumn.Name.O)
}

func joinWords(words ...string) string {
	return strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), " ")
}

// column reads a column's definition. reason says what of it the planner
// cannot express.
func (a alter) column(c *ast.ColumnDef) (def planner.ColumnDef, checks []planner.Change, reason string, err error) {
	def.Name = c.Name.Name.O
	t, terr := fromFieldType(c.Tp)
	if terr != nil {
		return def, nil, "its type is not supported: " + terr.Error(), nil
	}
	for _, o := range c.Options {
		switch o.Tp {
		case ast.ColumnOptionNotNull:
			def.NotNull = true
		case ast.ColumnOptionNull, ast.ColumnOptionNoOption:
		case ast.ColumnOptionDefaultValue:
			def.Default, reason = a.d.defaultExpr(o.Expr)
		case ast.ColumnOptionComment:
			def.Comment, reason = stringValue(o.Expr)
		case ast.ColumnOptionCollate:
			t.collate = o.StrValue
		case ast.ColumnOptionOnUpdate:
			e, xerr := a.d.expr(o.Expr, a.table.Name)
			if xerr != nil {
				return def, nil, xerr.Error(), nil
			}
			def.Rest = joinWords(def.Rest, onUpdate(e.SQL(quoteName)))
		case ast.ColumnOptionCheck:
			ck, why := a.check(o.Expr, o.ConstraintName, o.Enforced)
			checks, reason = append(checks, ck), why
		case ast.ColumnOptionPrimaryKey, ast.ColumnOptionAutoIncrement, ast.ColumnOptionUniqKey, ast.ColumnOptionFulltext,
			ast.ColumnOptionGenerated, ast.ColumnOptionReference, ast.ColumnOptionColumnFormat, ast.ColumnOptionStorage,
			ast.ColumnOptionAutoRandom, ast.ColumnOptionSecondaryEngineAttribute:
			reason = optionNames[o.Tp] + " in a column's definition is not supported" + optionAdvice[o.Tp]
		}
		if reason != "" {
			return def, nil, reason, nil
		}
	}
	def.Type = t.full()
	return def, checks, "", nil
}

var optionNames = map[ast.ColumnOptionType]string{
	ast.ColumnOptionPrimaryKey: "PRIMARY KEY", ast.ColumnOptionAutoIncrement: "AUTO_INCREMENT", ast.ColumnOptionUniqKey: "UNIQUE",
	ast.ColumnOptionFulltext: "FULLTEXT", ast.ColumnOptionGenerated: "GENERATED", ast.ColumnOptionReference: "REFERENCES",
	ast.ColumnOptionColumnFormat: "COLUMN_FORMAT", ast.ColumnOptionStorage: "STORAGE", ast.ColumnOptionAutoRandom: "AUTO_RANDOM",
	ast.ColumnOptionSecondaryEngineAttribute: "SECONDARY_ENGINE_ATTRIBUTE",
}

var optionAdvice = map[ast.ColumnOptionType]string{
	ast.ColumnOptionUniqKey: "; add the column, then CREATE UNIQUE INDEX",
}

func stringValue(e ast.ExprNode) (string, string) {
	v, ok := e.(ast.ValueExpr)
	if !ok {
		return "", "its comment is not a string"
	}
	return v.GetString(), ""
}

// defaultExpr reads a default. DEFAULT NULL is no default.
func (d *dialect) defaultExpr(n ast.ExprNode) (planner.Expr, string) {
	for {
		p, ok := n.(*ast.ParenthesesExpr)
		if !ok {
			break
		}
		n = p.Expr
	}
	if v, ok := n.(ast.ValueExpr); ok && v.GetValue() == nil {
		return planner.Expr{}, ""
	}
	e, err := d.expr(n, "")
	if err != nil {
		return planner.Expr{}, err.Error()
	}
	return e, ""
}

// nullDefault is DEFAULT NULL where it takes the place of another default: a
// nullable column whose default is dropped instead cannot be left out on MySQL.
func nullDefault() planner.Expr {
	return planner.Expr{Parts: []planner.Part{{Text: "NULL"}}, MaybeNull: true}
}

func (a alter) check(n ast.ExprNode, name string, enforced bool) (planner.Change, string) {
	if !enforced {
		return nil, "NOT ENFORCED checks are not supported"
	}
	e, err := a.d.expr(n, a.table.Name)
	if err != nil {
		return nil, err.Error()
	}
	return planner.AddCheck{Table: a.table, Name: name, Check: e}, ""
}

func (a alter) redefine(s *ast.AlterTableSpec) ([]planner.Change, error) {
	c := s.NewColumns[0]
	what := "MODIFY COLUMN " + c.Name.Name.O
	if s.IfExists {
		return a.opaque(what, "IF EXISTS is not supported here"), nil
	}
	if position(s.Position) != "" {
		return a.opaque(what, "moving a column to another place rebuilds the table"), nil
	}
	def, checks, reason, err := a.column(c)
	if err != nil || reason != "" {
		return a.opaque(what, reason), err
	}
	if def.Default.IsZero() && !def.NotNull {
		def.Default = nullDefault()
	}
	from := c.Name.Name.O
	if s.OldColumnName != nil {
		from = s.OldColumnName.Name.O
	}
	return append(one(planner.RedefineColumn{Table: a.table, From: from, Column: def}), checks...), nil
}

func (a alter) alterColumn(s *ast.AlterTableSpec) ([]planner.Change, error) {
	c := s.NewColumns[0]
	name := c.Name.Name.O
	if len(c.Options) == 0 {
		return one(planner.DropDefault{Table: a.table, Column: name}), nil
	}
	e, reason := a.d.defaultExpr(c.Options[0].Expr)
	if reason != "" {
		return a.opaque("ALTER COLUMN "+name+" SET DEFAULT", reason), nil
	}
	if e.IsZero() {
		e = nullDefault()
	}
	return one(planner.SetDefault{Table: a.table, Column: name, Default: e}), nil
}

func (a alter) addConstraint(s *ast.AlterTableSpec) ([]planner.Change, error) {
	c := s.Constraint
	switch c.Tp {
	case ast.ConstraintKey, ast.ConstraintIndex, ast.ConstraintUniq, ast.ConstraintUniqKey, ast.ConstraintUniqIndex:
		stmt := &ast.CreateIndexStmt{
			IfNotExists: c.IfNotExists, IndexName: c.Name,
			Table:                   &ast.TableName{Name: ast.NewCIStr(a.table.Name)},
			IndexPartSpecifications: c.Keys, IndexOption: c.Option,
		}
		if c.Tp != ast.ConstraintKey && c.Tp != ast.ConstraintIndex {
			stmt.KeyType = ast.IndexKeyTypeUnique
		}
		return one(createIndexStmt(stmt, a.sql)), nil
	case ast.ConstraintCheck:
		ck, reason := a.check(c.Expr, c.Name, c.Enforced)
		if reason != "" {
			return a.opaque("ADD CHECK", reason), nil
		}
		return one(ck), nil
	case ast.ConstraintPrimaryKey:
		return a.opaque("ADD PRIMARY KEY", "it rewrites the table, and old versions may still write rows without a key"), nil
	case ast.ConstraintForeignKey:
		return a.opaque("ADD FOREIGN KEY", ""), nil
	case ast.ConstraintFulltext:
		return a.opaque("ADD FULLTEXT INDEX", "building it blocks writes"), nil
	case ast.ConstraintNoConstraint, ast.ConstraintVector, ast.ConstraintColumnar:
	}
	return a.opaque("ADD CONSTRAINT", ""), nil
}

// createIndexStmt turns the grammar's CREATE INDEX (or what an ALTER says in
// other words) into a change whose SQL is the whole statement, without
// ALGORITHM and LOCK, which the plan chooses.
func createIndexStmt(n *ast.CreateIndexStmt, sql string) planner.Change {
	opaque := func(reason string) planner.Change {
		return planner.Opaque{What: strings.TrimSpace("CREATE INDEX " + n.IndexName), Reason: reason, SQL: sql}
	}
	ref, bad := tableRef(n.Table)
	switch {
	case bad != "":
		return opaque(bad)
	case n.IndexName == "":
		return opaque("the server would choose its name; give it one")
	case n.KeyType != ast.IndexKeyTypeNone && n.KeyType != ast.IndexKeyTypeUnique:
		return opaque("building a FULLTEXT, SPATIAL or VECTOR index blocks writes")
	}
	n.LockAlg = nil
	out := planner.CreateIndex{Table: ref, Name: n.IndexName, Unique: n.KeyType == ast.IndexKeyTypeUnique, IfNotExists: n.IfNotExists}
	for _, k := range n.IndexPartSpecifications {
		cols := columnsOf(k)
		if k.Expr == nil && len(cols) != 1 {
			return opaque(fmt.Sprintf("its key part %s is not a column", restored(k)))
		}
		for _, c := range cols {
			if !slices.Contains(out.Columns, c) {
				out.Columns = append(out.Columns, c)
			}
		}
	}
	// The plan's probe replaces IF NOT EXISTS, which MySQL does not have.
	n.IfNotExists = false
	var b strings.Builder
	if err := n.Restore(format.NewRestoreCtx(restoreFlags, &b)); err != nil {
		return opaque("cannot write it again: " + err.Error())
	}
	out.SQL = b.String()
	return out
}
