package mysql

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/format"

	"github.com/expandcontract/migrate/planner"
)

// parse_constraint.go reads keys, checks and indexes.

// constraint reads a constraint that an ALTER TABLE adds.
func (a alter) constraint(c *ast.Constraint) []planner.Change {
	switch c.Tp {
	case ast.ConstraintKey, ast.ConstraintIndex:
		return one(a.index(c, ast.IndexKeyTypeNone))
	case ast.ConstraintUniq, ast.ConstraintUniqKey, ast.ConstraintUniqIndex:
		return one(a.index(c, ast.IndexKeyTypeUnique))
	case ast.ConstraintFulltext:
		if a.soft.spatial[c.Name] {
			return one(a.index(c, ast.IndexKeyTypeSpatial))
		}
		return one(a.index(c, ast.IndexKeyTypeFulltext))
	case ast.ConstraintCheck:
		if !c.Enforced {
			return a.unenforced(c)
		}
		ck, reason := a.check(c.Expr, c.Name, c.Enforced)
		if reason != "" {
			return a.opaque("ADD CHECK", reason)
		}
		return one(ck)
	case ast.ConstraintPrimaryKey:
		return a.primaryKey(c)
	case ast.ConstraintForeignKey:
		return a.foreignKey(c)
	case ast.ConstraintNoConstraint, ast.ConstraintVector, ast.ConstraintColumnar:
	}
	return a.opaque("ADD CONSTRAINT", "")
}

func (a alter) index(c *ast.Constraint, kind ast.IndexKeyType) planner.Change {
	if c.Name == "" && kind == ast.IndexKeyTypeUnique {
		return a.namelessUnique(c)
	}
	name := c.Name
	if name == "" && len(c.Keys) > 0 && c.Keys[0].Column != nil {
		name = c.Keys[0].Column.Name.O // as the server calls it, unless that is taken
	}
	return createIndexStmt(&ast.CreateIndexStmt{
		IfNotExists: c.IfNotExists, IndexName: name, KeyType: kind,
		Table:                   &ast.TableName{Name: ast.NewCIStr(a.table.Name)},
		IndexPartSpecifications: c.Keys, IndexOption: c.Option,
	}, a.sql)
}

// namelessUnique: the server takes the first column's name, or the next that is
// free; which that is the table tells.
func (a alter) namelessUnique(c *ast.Constraint) planner.Change {
	def, reason := a.keyDef("unique", c)
	if reason != "" {
		return planner.Opaque{What: "ALTER TABLE … ADD UNIQUE", Reason: reason, SQL: a.sql}
	}
	return planner.AddConstraint{Table: a.table, ConstraintDef: def}
}

// keyDef reads the columns of a key, which must be plain.
func (a alter) keyDef(kind string, c *ast.Constraint) (def planner.ConstraintDef, reason string) {
	def = planner.ConstraintDef{Kind: kind, Name: c.Name}
	var parts []string
	for _, k := range c.Keys {
		if k.Column == nil {
			return def, "its key part " + restored(k) + " is not a column; give the index a name"
		}
		text, err := written(k)
		if err != nil {
			return def, err.Error()
		}
		parts = append(parts, text)
		def.Columns = append(def.Columns, k.Column.Name.O)
	}
	def.SQL = fmt.Sprintf("%s (%s)", strings.ToUpper(kind), strings.Join(parts, ", "))
	return def, ""
}

func (a alter) primaryKey(c *ast.Constraint) []planner.Change {
	def, reason := a.keyDef("primary key", c)
	if reason != "" {
		return a.opaque("ADD PRIMARY KEY", reason)
	}
	def.Name = ""
	if !a.dropsPrimary {
		return one(planner.AddConstraint{Table: a.table, ConstraintDef: def})
	}
	// Both in one statement: the table is rebuilt once, and never without a key.
	return one(planner.Direct{
		What:   "the change of the primary key of " + a.table.Name,
		Object: planner.ObjectRef{Kind: objectPrimaryKey, On: a.table},
		Needs:  []planner.Need{{Table: a.table, Columns: def.Columns}}, Effect: planner.Narrows,
		SQL: alterOf(a.table, "DROP PRIMARY KEY, ADD "+def.SQL),
	})
}

// dropPrimary: together with the new key it is one change; alone it leaves the
// table without a name for its rows.
func (a alter) dropPrimary() []planner.Change {
	if a.addsPrimary {
		return nil
	}
	return a.opaque("DROP PRIMARY KEY",
		"the server copies the table for it while writers wait, and rows without a key cannot be walked: write DROP PRIMARY KEY and ADD PRIMARY KEY in one ALTER TABLE")
}

// unenforced adds a check that says nothing yet.
func (a alter) unenforced(c *ast.Constraint) []planner.Change {
	if a.d.maria {
		return a.opaque("ADD CHECK … NOT ENFORCED", "MariaDB enforces every check")
	}
	if c.Name == "" {
		return a.opaque("ADD CHECK … NOT ENFORCED", "the server would choose its name; give it one")
	}
	text, err := written(c.Expr)
	if err != nil {
		return a.opaque("ADD CHECK", err.Error())
	}
	return one(a.checkDirect(c.Name, fmt.Sprintf("ADD CONSTRAINT %s CHECK (%s) NOT ENFORCED", quoteName(c.Name), text), planner.Widens, columnsOf(c.Expr)))
}

func (a alter) checkDirect(name, clause string, effect planner.Effect, columns []string) planner.Direct {
	return planner.Direct{
		What:   "ALTER TABLE " + a.table.Name + " " + clause,
		Object: planner.ObjectRef{Kind: objectCheck, Ref: planner.Ref{Name: name}, On: a.table},
		Needs:  []planner.Need{{Table: a.table, Columns: columns, Parts: []string{name}}}, Effect: effect, SQL: alterOf(a.table, clause),
	}
}

// alterCheck reads ALTER CHECK … [NOT] ENFORCED.
func (a alter) alterCheck(s *ast.AlterTableSpec) []planner.Change {
	name := s.Constraint.Name
	if a.d.maria {
		return a.opaque("ALTER CHECK "+name, "MariaDB enforces every check")
	}
	if s.Constraint.Enforced {
		return one(a.checkDirect(name, "ALTER CHECK "+quoteName(name)+" ENFORCED", planner.Narrows, nil))
	}
	return one(a.checkDirect(name, "ALTER CHECK "+quoteName(name)+" NOT ENFORCED", planner.Widens, nil))
}

func (a alter) foreignKey(c *ast.Constraint) []planner.Change {
	ref, bad := tableRef(c.Refer.Table)
	if bad != "" {
		return a.opaque("ADD FOREIGN KEY", bad)
	}
	def := planner.ConstraintDef{Kind: "foreign key", Name: c.Name, Refers: ref}
	for _, k := range c.Keys {
		def.Columns = append(def.Columns, k.Column.Name.O)
	}
	for _, k := range c.Refer.IndexPartSpecifications {
		def.RefColumns = append(def.RefColumns, k.Column.Name.O)
	}
	for _, o := range []ast.ReferOptionType{c.Refer.OnDelete.ReferOpt, c.Refer.OnUpdate.ReferOpt} {
		switch o {
		case ast.ReferOptionCascade, ast.ReferOptionSetNull, ast.ReferOptionSetDefault:
			def.Cascades = true
		case ast.ReferOptionNoOption, ast.ReferOptionRestrict, ast.ReferOptionNoAction:
		}
	}
	refers, err := written(c.Refer)
	if err != nil {
		return a.opaque("ADD FOREIGN KEY", err.Error())
	}
	def.SQL = fmt.Sprintf("FOREIGN KEY (%s) %s", quoteNames(def.Columns), refers)
	if c.IfNotExists && def.Name == "" {
		return a.opaque("ADD FOREIGN KEY IF NOT EXISTS", "without a name nobody can tell whether it is there")
	}
	return one(planner.AddConstraint{Table: a.table, ConstraintDef: def})
}

// references reads REFERENCES in a column's definition. Whether the server does
// anything about it depends on its version: the words FOREIGN KEY, which the
// definition lacks, are left out of the constraint for lowering to see.
func (a alter) references(column string, refer *ast.ReferenceDef) []planner.Change {
	out := a.foreignKey(&ast.Constraint{Refer: refer, Keys: []*ast.IndexPartSpecification{{Column: &ast.ColumnName{Name: ast.NewCIStr(column)}}}})
	if k, ok := out[0].(planner.AddConstraint); ok {
		k.OfColumn = column
		_, k.SQL, _ = strings.Cut(k.SQL, ") ")
		return one(k)
	}
	return out
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
	case n.KeyType != ast.IndexKeyTypeNone && n.KeyType != ast.IndexKeyTypeUnique && n.KeyType != ast.IndexKeyTypeFulltext && n.KeyType != ast.IndexKeyTypeSpatial:
		return opaque("this kind of index is not known")
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
