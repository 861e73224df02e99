package mysql

import (
	"slices"
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// lint_table.go finds hazards in what is done to tables and their columns.

func (l *linter) createTable(n *ast.CreateTableStmt) {
	l.name("table", n.Table.Name.O)
	var primary []string
	for _, k := range n.Constraints {
		if k.Tp == ast.ConstraintPrimaryKey {
			primary = keyColumns(k.Keys)
		}
	}
	for _, c := range n.Cols {
		l.name("column", c.Name.Name.O)
		key := slices.Equal(primary, []string{c.Name.Name.O})
		for _, o := range c.Options {
			key = key || o.Tp == ast.ColumnOptionPrimaryKey
		}
		t, err := fromFieldType(c.Tp)
		if err == nil && key && (t.name == "int" || t.name == "mediumint" || t.name == "smallint") {
			l.find("int-primary-key", "", "use bigint", "%s.%s counts rows in %s: a table that grows or is rewritten often runs out of numbers", n.Table.Name.O, c.Name.Name.O, t.sql())
		}
	}
	for _, k := range n.Constraints {
		if k.Tp == ast.ConstraintForeignKey {
			types := map[string]colType{}
			for _, c := range n.Cols {
				if t, err := fromFieldType(c.Tp); err == nil {
					types[c.Name.Name.L] = t
				}
			}
			l.foreignKey(n.Table, k, types)
		}
	}
}

// foreignKey compares the types of both sides, which InnoDB wants equal but for
// the length of strings (FOREIGN KEY Constraints, Conditions and Restrictions).
func (l *linter) foreignKey(table *ast.TableName, k *ast.Constraint, types map[string]colType) {
	columns, parent := keyColumns(k.Keys), l.table(k.Refer.Table)
	referred := keyColumns(k.Refer.IndexPartSpecifications)
	if cascades(k.Refer) {
		sev, what := plan.Info, "shadow writes of later migrations cannot follow them"
		if t := l.table(table); t != nil && slices.ContainsFunc(t.Dependents, func(d planner.Dependent) bool { return d.Kind == "trigger" }) {
			sev, what = "", "those of "+table.Name.O+" do not run then"
		}
		l.find("trigger-hidden-from-cascade", sev, "delete or update the children in the app, or in the parent's trigger",
			"the foreign key changes rows of %s with their parent's, and %s fires no trigger for that: %s", table.Name.O, l.d.product(), what)
	}
	if parent == nil || len(columns) != len(referred) {
		return
	}
	for i, name := range columns {
		mine, ok := types[strings.ToLower(name)]
		if t := l.table(table); !ok && t != nil && t.Column(name) != nil {
			mine, ok = parseType(t.Column(name).Type), true
		}
		other := parent.Column(referred[i])
		if !ok || other == nil {
			continue
		}
		theirs := parseType(other.Type)
		if mine.class() == classString && theirs.class() == classString || mine.sql() == theirs.sql() {
			continue
		}
		l.find("foreign-key-type-mismatch", plan.Error, "give both the same type, signed or unsigned alike",
			"%s.%s is %s and %s.%s is %s: %s refuses the foreign key", table.Name.O, name, mine.sql(), parent.Ref.Name, other.Name, theirs.sql(), l.d.product())
	}
}

func (l *linter) clause(table *ast.TableName, s *ast.AlterTableSpec) {
	name := table.Name.O
	switch s.Tp {
	case ast.AlterTableAddColumns:
		for _, c := range s.NewColumns {
			l.addColumn(table, c)
		}
		return
	case ast.AlterTableAddConstraint:
		l.constraint(table, s.Constraint)
		return
	case ast.AlterTableRenameTable:
		l.name("table", s.NewTable.Name.O)
	}
	if l.fresh(table) {
		return
	}
	switch s.Tp {
	case ast.AlterTableAlgorithm:
		l.chosen(s.Algorithm, ast.LockTypeDefault)
	case ast.AlterTableLock:
		l.chosen(ast.AlgorithmTypeDefault, s.LockType)
	case ast.AlterTableDropColumn:
		l.rowVersions(table)
	case ast.AlterTableModifyColumn, ast.AlterTableChangeColumn:
		l.redefined(table, s)
	case ast.AlterTableOption:
		if l.convertsNothing(table, s) {
			return
		}
		for _, o := range s.Options {
			l.option(table, o)
		}
	case ast.AlterTableForce:
		l.find("table-rewrite", plan.Warning, "leave it out, or run it outside of migrations", "FORCE writes all of %s anew", name)
	case ast.AlterTableOrderByColumns:
		l.find("copy-algorithm", "", "leave it out: ORDER BY in the queries says the order", "ORDER BY copies %s while writers wait", name)
	case ast.AlterTableDropPrimaryKey:
		l.find("copy-algorithm", plan.Error, "add the new key in the same statement", "dropping the primary key alone copies %s while writers wait", name)
	case ast.AlterTablePartition, ast.AlterTableRemovePartitioning, ast.AlterTableCoalescePartitions, ast.AlterTableReorganizePartition:
		l.find("table-rewrite", "", "make a new table in the form you want, fill it beside the traffic, and let the app move", "another partitioning writes %s, or the partitions it names, anew while writers wait", name)
	case ast.AlterTableDropPartition, ast.AlterTableTruncatePartition:
		l.find("data-loss-truncate", "", "keep a backup of the partition; then accept it with migrate:allow", "all rows of the partition of %s are gone for good", name)
	}
}

// chosen tells of an algorithm or lock that the file asks for: plans choose
// their own.
func (l *linter) chosen(a ast.AlgorithmType, lock ast.LockType) {
	if a == ast.AlgorithmTypeCopy {
		l.find("copy-algorithm", plan.Info, "leave it out", "ALGORITHM=COPY makes writers wait while the table is copied; the plan takes the best that the server has")
	}
	if lock == ast.LockTypeShared || lock == ast.LockTypeExclusive {
		l.find("lock-not-none", plan.Info, "leave it out", "LOCK=%s keeps others out; the plan asks for the weakest that the server grants", lock.String())
	}
}

func (l *linter) addColumn(table *ast.TableName, c *ast.ColumnDef) {
	l.name("column", c.Name.Name.O)
	if l.fresh(table) {
		return
	}
	label := table.Name.O + "." + c.Name.Name.O
	for _, o := range c.Options {
		switch {
		case o.Tp == ast.ColumnOptionAutoIncrement:
			l.find("identity-rewrites", plan.Warning, "", "adding %s, which counts by itself, writes every row of the table", label)
			l.find("lock-not-none", "", "add it while the table is small", "adding an AUTO_INCREMENT column keeps writers out while the table is written anew")
		case o.Tp == ast.ColumnOptionGenerated && o.Stored:
			l.find("stored-generated-rewrites", "", "make it VIRTUAL, which is instant", "adding the stored column %s copies the table while writers wait", label)
		}
	}
	l.rowVersions(table)
}

// rowVersions tells of a table that has no more room for instant changes: 64
// versions of its rows, 255 from MySQL 9.1 (Online DDL Operations, Adding a Column).
func (l *linter) rowVersions(table *ast.TableName) {
	t := l.table(table)
	if t == nil || l.d.maria || l.m.VersionNum < 80029 {
		return
	}
	limit := 64
	if l.m.VersionNum >= 90100 {
		limit = 255
	}
	const spare = 8 // what the steps of one plan may need
	if n := atoi(t.Facts[factRowVersions]); n+spare > limit {
		l.find("row-versions-exhausted", "", "OPTIMIZE TABLE "+t.Ref.Name+" at a quiet time, which starts the count anew",
			"%s has been changed instantly %d times, of at most %d: columns are added and dropped by writing it anew", t.Ref.Name, n, limit)
	}
}

// redefined looks at what MODIFY and CHANGE say beside the type.
func (l *linter) redefined(table *ast.TableName, s *ast.AlterTableSpec) {
	c := s.NewColumns[0]
	from := c.Name.Name.O
	if s.OldColumnName != nil {
		from = s.OldColumnName.Name.O
		l.name("column", c.Name.Name.O)
	}
	counts := slices.ContainsFunc(c.Options, func(o *ast.ColumnOption) bool { return o.Tp == ast.ColumnOptionAutoIncrement })
	t := l.table(table)
	if t == nil || t.Column(from) == nil {
		if counts {
			l.find("auto-increment-change", "", "see that the counter starts above what is there", "%s.%s counts by itself from now on, if it did not before", table.Name.O, from)
		}
		return
	}
	col := t.Column(from)
	if counted := col.Generated == "auto_increment"; counts != counted {
		l.find("auto-increment-change", "", "repeat AUTO_INCREMENT in the definition, if it is to stay", "%s.%s counts by itself either before or after, not both: inserts that leave it out change their meaning", t.Ref.Name, from)
	}
	to, err := fromFieldType(c.Tp)
	if err != nil {
		return
	}
	for _, o := range c.Options {
		if o.Tp == ast.ColumnOptionCollate {
			to.collate = o.StrValue
		}
	}
	old := parseType(col.Type)
	charset := charsetOf(t, *col)
	kind := l.d.Compare(l.m.Schema, *col, to.full()).Kind
	if to.charset != "" && charset != "" && !strings.EqualFold(to.charset, charset) && old.isText() && kind != planner.TypeCompatible {
		l.find("charset-conversion", "", "ADD COLUMN in the new character set, UPDATE it from the old one, DROP COLUMN that",
			"%s.%s goes from %s to %s: the table is copied, and indexes are built again, while writers wait", t.Ref.Name, from, charset, to.charset)
	}
	l.narrowed(t.Ref.Name+"."+from, old, to)
	if kind == planner.TypeIncompatible || kind == planner.TypeCompatible {
		sev := plan.Info // the plan does it by a shadow column
		if kind == planner.TypeIncompatible {
			sev = ""
		}
		l.find("copy-algorithm", sev, "", "from %s to %s the server copies %s while writers wait", col.Type, to.sql(), t.Ref.Name)
	}
}

// sizes order the types of one family.
var sizes = map[string]int{
	"tinyint": 1, "smallint": 2, "mediumint": 3, "int": 4, "bigint": 5, "float": 1, "double": 2,
	"tinytext": 255, "text": 65_535, "mediumtext": 16_777_215, "longtext": 1 << 32,
	"tinyblob": 255, "blob": 65_535, "mediumblob": 16_777_215, "longblob": 1 << 32,
}

// size is how much a type of its family holds.
func (t colType) size() int {
	if n, ok := sizes[t.name]; ok {
		return n
	}
	return t.length
}

// narrowed tells of a type that holds less, and of an enum that loses values.
func (l *linter) narrowed(label string, from, to colType) {
	if from.name == "enum" && to.name == "enum" {
		for _, v := range from.elems {
			if !slices.Contains(to.elems, v) {
				l.find("enum-value-removed", "", "move the rows first, and see that no version writes it any more", "value '%s' of %s is gone: rows that hold it make the change fail, and old versions that write it fail", v, label)
				return
			}
		}
		return
	}
	less := from.class() == to.class() && (to.size() < from.size() || from.class() == classDecimal && (to.scale < from.scale || to.length-to.scale < from.length-from.scale) ||
		from.class() == classInt && to.size() == from.size() && from.unsigned != to.unsigned)
	if from.class() == classTemporal {
		less = to.name == "date" && from.name != "date" || to.name == from.name && to.length < from.length
	}
	if less || from.class() == classDecimal && to.class() == classInt || from.class() == classString && to.class() != classString && to.class() != classBinary {
		l.find("data-loss-narrowing-type", "", "ADD COLUMN of the new type, UPDATE it with the rule for values that do not fit, DROP COLUMN the old one",
			"%s cannot hold every %s: values of %s that do not fit make the change fail, or are cut", to.sql(), from.sql(), label)
	}
}

// convertsNothing: all text has the character set already.
func (l *linter) convertsNothing(table *ast.TableName, s *ast.AlterTableSpec) bool {
	charset, collate := "", ""
	for _, o := range s.Options {
		switch o.Tp {
		case ast.TableOptionCharset:
			charset = o.StrValue
		case ast.TableOptionCollate:
			collate = o.StrValue
		default:
		}
	}
	t := l.table(table)
	return t != nil && charset != "" && converted(t, charset, collate)
}

func (l *linter) option(table *ast.TableName, o *ast.TableOption) {
	name := table.Name.O
	switch o.Tp {
	case ast.TableOptionCharset:
		if o.UintValue == ast.TableOptionCharsetWithConvertTo {
			l.find("charset-conversion", "", "convert column by column: ADD COLUMN in the new character set, UPDATE, DROP COLUMN",
				"CONVERT TO copies %s, all its text and all its indexes, while writers wait", name)
		}
	case ast.TableOptionEngine:
		sev := plan.Severity("")
		if t := l.table(table); t != nil && strings.EqualFold(t.Facts[factEngine], o.StrValue) {
			sev = plan.Warning
		}
		l.find("table-rewrite", sev, "leave it out, or make a new table of that engine and let the app move", "ENGINE writes all of %s anew", name)
	case ast.TableOptionRowFormat, ast.TableOptionKeyBlockSize, ast.TableOptionEncryption, ast.TableOptionTablespace:
		l.find("table-rewrite", plan.Warning, "run it at a quiet time", "the option writes all of %s anew", name)
	case ast.TableOptionAutoIncrement:
		l.find("auto-increment-change", "", "see that no row has a higher key, and that no replica writes", "the next key of %s is %d", name, o.UintValue)
	}
}

// blockingIndex tells of the kinds of index that keep writers out.
func (l *linter) blockingIndex(table *ast.TableName) {
	l.find("lock-not-none", "", "build it while the table is small, or search elsewhere", "building a FULLTEXT or SPATIAL index keeps writers of %s out until it is done", table.Name.O)
}

// constraint looks at one that is added to a table that is there.
func (l *linter) constraint(table *ast.TableName, k *ast.Constraint) {
	l.name("constraint", k.Name)
	if k.Tp == ast.ConstraintForeignKey {
		l.foreignKey(table, k, nil)
	}
	if l.fresh(table) {
		return
	}
	switch k.Tp {
	case ast.ConstraintForeignKey:
		l.find("foreign-key-blocks-writes", "", "", "adding the foreign key checks every row of %s while writers wait, unless foreign_key_checks is off", table.Name.O)
	case ast.ConstraintCheck:
		l.find("constraint-validated-under-lock", "", "", "%s checks every row of %s, and copies the table where it cannot do so in place", l.d.product(), table.Name.O)
	case ast.ConstraintFulltext:
		l.blockingIndex(table)
	case ast.ConstraintPrimaryKey:
		l.find("table-rewrite", plan.Warning, "", "the primary key is the table: adding one writes all of %s anew", table.Name.O)
	}
}
