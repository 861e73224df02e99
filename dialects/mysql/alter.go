package mysql

import (
	"slices"
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/format"

	"github.com/expandcontract/migrate/planner"
)

// alterTable reads the clauses of an ALTER TABLE, in order. The user's
// ALGORITHM and LOCK are dropped: the plan chooses them.
func (d *dialect) alterTable(n *ast.AlterTableStmt, sql string, soft softened) ([]planner.Change, error) {
	ref, bad := tableRef(n.Table)
	if bad != "" {
		return one(planner.Opaque{What: "ALTER TABLE " + n.Table.Name.O, Reason: bad, SQL: sql}), nil
	}
	a := alter{d: d, table: ref, sql: sql, soft: soft}
	for _, s := range n.Specs {
		a.dropsPrimary = a.dropsPrimary || s.Tp == ast.AlterTableDropPrimaryKey
		a.addsPrimary = a.addsPrimary || s.Tp == ast.AlterTableAddConstraint && s.Constraint.Tp == ast.ConstraintPrimaryKey
	}
	out := soft.own
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
	soft  softened
	// dropsPrimary and addsPrimary: the statement has such a clause.
	dropsPrimary, addsPrimary bool
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
		return a.constraint(s.Constraint), nil
	case ast.AlterTableDropIndex:
		return one(planner.DropIndex{Table: a.table, Name: s.Name, IfExists: s.IfExists}), nil
	case ast.AlterTableDropPrimaryKey:
		return a.dropPrimary(), nil
	case ast.AlterTableDropForeignKey:
		return one(planner.DropConstraint{Table: a.table, Name: s.Name, Kind: "foreign key", IfExists: a.soft.ifExists[s.Name]}), nil
	case ast.AlterTableDropCheck:
		return one(planner.DropConstraint{Table: a.table, Name: s.Constraint.Name, IfExists: a.soft.ifExists[s.Constraint.Name]}), nil
	case ast.AlterTableAlterCheck:
		return a.alterCheck(s), nil
	}
	out, ok, err := a.tableClause(s)
	if ok || err != nil {
		return out, err
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
	if len(s.NewColumns) == 1 && counts(s.NewColumns[0]) {
		return a.identity(s)
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
		if def.Generated == "auto_increment" {
			return a.opaque("ADD COLUMN "+def.Name, "a column that counts by itself comes alone, in an ADD of its own"), nil
		}
		def.Rest = joinWords(def.Rest, position(s.Position))
		// MySQL fills in an expression default by copying the table; treated as
		// volatile, the column comes bare and the backfill evaluates it.
		if !a.d.isSimpleDefault(parseType(def.Type), def.Default) {
			def.Default.Volatile = true
		}
		out = append(out, planner.AddColumn{Table: a.table, Column: def, IfNotExists: s.IfNotExists})
		out = append(out, checks...)
	}
	for _, c := range s.NewConstraints {
		out = append(out, a.constraint(c)...)
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
		case ast.ColumnOptionGenerated:
			reason = a.generated(&def, o)
		case ast.ColumnOptionUniqKey:
			checks = append(checks, planner.AddConstraint{Table: a.table, OfColumn: def.Name, ConstraintDef: planner.ConstraintDef{
				Kind: "unique", Columns: []string{def.Name}, SQL: "UNIQUE (" + quoteName(def.Name) + ")",
			}})
		case ast.ColumnOptionReference:
			checks = append(checks, a.references(def.Name, o.Refer)...)
		case ast.ColumnOptionAutoIncrement:
			def.Generated = "auto_increment"
		case ast.ColumnOptionPrimaryKey, ast.ColumnOptionFulltext, ast.ColumnOptionColumnFormat, ast.ColumnOptionStorage,
			ast.ColumnOptionAutoRandom, ast.ColumnOptionSecondaryEngineAttribute:
			reason = optionNames[o.Tp] + " in a column's definition is not supported" + optionAdvice[o.Tp]
		}
		if reason != "" {
			return def, nil, reason, nil
		}
	}
	if a.soft.invisible[def.Name] {
		def.Rest = joinWords(def.Rest, invisible)
	}
	def.Type = t.full()
	return def, checks, "", nil
}

var optionNames = map[ast.ColumnOptionType]string{
	ast.ColumnOptionPrimaryKey: "PRIMARY KEY", ast.ColumnOptionAutoIncrement: "AUTO_INCREMENT", ast.ColumnOptionUniqKey: "UNIQUE",
	ast.ColumnOptionFulltext: "FULLTEXT", ast.ColumnOptionGenerated: "GENERATED",
	ast.ColumnOptionColumnFormat: "COLUMN_FORMAT", ast.ColumnOptionStorage: "STORAGE", ast.ColumnOptionAutoRandom: "AUTO_RANDOM",
	ast.ColumnOptionSecondaryEngineAttribute: "SECONDARY_ENGINE_ATTRIBUTE",
}

var optionAdvice = map[ast.ColumnOptionType]string{
	ast.ColumnOptionPrimaryKey: "; add the column, then ADD PRIMARY KEY",
}

// generated reads GENERATED ALWAYS AS.
func (a alter) generated(def *planner.ColumnDef, o *ast.ColumnOption) (reason string) {
	e, err := a.d.expr(o.Expr, a.table.Name)
	if err != nil {
		return err.Error()
	}
	def.Generated, def.GeneratedAs = virtual, e
	if o.Stored {
		def.Generated = "stored"
	}
	return ""
}

// identity reads a column that counts by itself: it comes with its key, in one
// statement, or the server refuses it.
func (a alter) identity(s *ast.AlterTableSpec) ([]planner.Change, error) {
	text, err := written(s)
	if err != nil {
		return nil, err
	}
	name := s.NewColumns[0].Name.Name.O
	d := columnDirect(a.table, name, text, planner.Widens)
	d.Object.Kind = objectIdentity
	return one(d), nil
}

func counts(c *ast.ColumnDef) bool {
	return slices.ContainsFunc(c.Options, func(o *ast.ColumnOption) bool { return o.Tp == ast.ColumnOptionAutoIncrement })
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
		return a.opaque(what, "whether the column is there decides what the statement means: leave IF EXISTS out"), nil
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
	for i, c := range checks {
		k, ok := c.(planner.AddConstraint)
		switch {
		case ok && k.Kind == "foreign key":
			return a.opaque(what, "no server reads REFERENCES here: write ADD CONSTRAINT … FOREIGN KEY"), nil
		case ok:
			k.OfColumn = "" // it comes although the column was there
			checks[i] = k
		}
	}
	out := append(one(planner.RedefineColumn{Table: a.table, From: from, Column: def}), checks...)
	if place := position(s.Position); place != "" {
		out = append(out, a.moved(def, place))
	}
	return out, nil
}

// moved puts a column in another place, once it is what the clause says.
func (a alter) moved(def planner.ColumnDef, place string) planner.Change {
	c := planner.Column{Name: def.Name, Type: def.Type, NotNull: def.NotNull, Default: def.Default, Comment: def.Comment, Rest: def.Rest}
	if isNull(c.Default) {
		c.Default = planner.Expr{}
	}
	d := columnDirect(a.table, def.Name, "MODIFY COLUMN "+a.d.definition(c)+" "+place, planner.Narrows)
	d.What = "ALTER TABLE " + a.table.Name + " … " + def.Name + " " + place
	d.Object.Detail += " " + detailPlace
	return d
}

// detailPlace tells the place of a column from its other settings.
const detailPlace = "(place)"

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
