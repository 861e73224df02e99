package postgres

import (
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// lint_table.go finds hazards in what is done to tables and their columns.

func (l *linter) createTable(x *pg.CreateStmt) {
	ref := refOf(x.Relation)
	l.name("table", ref.Name, x.Relation.GetLocation())
	if x.Partbound != nil && len(x.InhRelations) > 0 {
		if parent := refOf(x.InhRelations[0].GetRangeVar()); !l.m.Fresh(parent) {
			l.find("access-exclusive-on-parent", "", 0, "CREATE TABLE "+ref.Name+" (LIKE "+parent.Name+" INCLUDING ALL), then ALTER TABLE "+parent.Name+" ATTACH PARTITION, which lets readers and writers go on",
				"PARTITION OF locks %s, and with it all its partitions, against readers and writers", l.label(parent))
		}
	}
	keyed := x.Partbound != nil || len(x.InhRelations) > 0 || x.Relation.GetRelpersistence() == "t"
	var primary []string
	for _, e := range x.TableElts {
		if k := e.GetConstraint(); k.GetContype() == pg.ConstrType_CONSTR_PRIMARY {
			primary, _ = names(k.Keys)
			keyed = true
		}
		keyed = keyed || e.GetTableLikeClause() != nil
	}
	for _, e := range x.TableElts {
		switch n := e.Node.(type) {
		case *pg.Node_ColumnDef:
			keyed = l.newTableColumn(ref, n.ColumnDef, primary) || keyed
		case *pg.Node_Constraint:
			l.tableKey(ref, x, n.Constraint)
		}
	}
	if !keyed && x.OfTypename == nil {
		l.keyless = append(l.keyless, foreignKey{ref, nil, l.stmt, l.base + int(x.Relation.GetLocation())})
	}
}

// newTableColumn reports whether the column is the primary key.
func (l *linter) newTableColumn(ref planner.Ref, def *pg.ColumnDef, primary []string) bool {
	l.columnType(ref, def.Colname, def.TypeName, def.Location)
	l.name("column", def.Colname, def.Location)
	key := slices.Equal(primary, []string{def.Colname})
	for _, n := range def.Constraints {
		k := n.GetConstraint()
		key = key || k.GetContype() == pg.ConstrType_CONSTR_PRIMARY
		if k.GetContype() == pg.ConstrType_CONSTR_FOREIGN {
			l.foreignKey(ref, []string{def.Colname}, def.TypeName, k)
		}
	}
	if name := plainTypeName(def.TypeName); key && (name == "int4" || name == "int2" || name == "serial" || name == "serial4" || name == "smallserial" || name == "serial2") {
		l.find("int-primary-key", "", def.Location, "use bigint", "%s.%s counts rows in %s: a table that grows or is rewritten often runs out of numbers", l.label(ref), def.Colname, name)
	}
	return key
}

// tableKey looks at a foreign key of a new table.
func (l *linter) tableKey(ref planner.Ref, x *pg.CreateStmt, k *pg.Constraint) {
	if k.GetContype() != pg.ConstrType_CONSTR_FOREIGN {
		return
	}
	columns, _ := names(k.FkAttrs)
	var typ *pg.TypeName
	for _, e := range x.TableElts {
		if def := e.GetColumnDef(); def != nil && len(columns) == 1 && def.Colname == columns[0] {
			typ = def.TypeName
		}
	}
	l.foreignKey(ref, columns, typ, k)
}

// foreignKey compares the types of both sides, and keeps the key for the search
// of an index. typ is the type of its only column, if it is known.
func (l *linter) foreignKey(ref planner.Ref, columns []string, typ *pg.TypeName, k *pg.Constraint) {
	l.keys = append(l.keys, foreignKey{ref, columns, l.stmt, l.base + int(k.Location)})
	parent := l.m.Table(refOf(k.Pktable))
	referred, _ := names(k.PkAttrs)
	if len(referred) == 0 && parent != nil {
		referred = parent.Key
	}
	if typ == nil && len(columns) == 1 {
		if t := l.m.Table(ref); t != nil && t.Column(columns[0]) != nil {
			typ, _ = readType(t.Column(columns[0]).Type)
		}
	}
	if typ == nil || parent == nil || len(referred) != 1 || parent.Column(referred[0]) == nil {
		return
	}
	to := parent.Column(referred[0])
	other, err := readType(to.Type)
	mine, theirs := baseType(typ), baseType(other)
	if err != nil || mine == theirs {
		return
	}
	if integers[mine] && integers[theirs] || texts[mine] && texts[theirs] {
		l.find("foreign-key-type-mismatch", "", k.Location, "give both the same type",
			"%s.%s is %s and %s.%s is %s: values of one do not fit the other", l.label(ref), columns[0], spelled(mine), l.label(parent.Ref), to.Name, to.Type)
		return
	}
	l.find("foreign-key-type-mismatch", plan.Error, k.Location, "give both the same type",
		"%s.%s is %s and %s.%s is %s: PostgreSQL refuses the foreign key", l.label(ref), columns[0], spelled(mine), l.label(parent.Ref), to.Name, to.Type)
}

var (
	integers = map[string]bool{"int2": true, "int4": true, "int8": true, "numeric": true}
	texts    = map[string]bool{"text": true, "varchar": true, "bpchar": true}
)

// baseType is a type's internal name, that of a serial's column for a serial;
// for a type of the user's its name as it is written.
func baseType(t *pg.TypeName) string {
	name := plainTypeName(t)
	if serials[name] {
		return map[string]string{"smallint": "int2", "integer": "int4", "bigint": "int8"}[serialType(name)]
	}
	if name == "" {
		parts, _ := names(t.Names)
		return strings.Join(parts, ".")
	}
	return name
}

func (l *linter) alterTable(x *pg.AlterTableStmt) {
	ref := refOf(x.Relation)
	if x.Objtype != pg.ObjectType_OBJECT_TABLE {
		return
	}
	if t := l.m.Table(ref); t != nil && t.Kind == "partitioned" && !l.m.Fresh(ref) {
		if c := slices.IndexFunc(x.Cmds, func(n *pg.Node) bool { return locksAll(n.GetAlterTableCmd().Subtype) }); c >= 0 {
			l.find("access-exclusive-on-parent", "", 0, "keep the change metadata-only, under a short lock timeout",
				"%s is partitioned: the statement locks it and all its partitions against readers and writers", l.label(ref))
		}
	}
	for _, n := range x.Cmds {
		l.clause(ref, n.GetAlterTableCmd())
	}
}

// locksAll reports whether a clause takes ACCESS EXCLUSIVE (ALTER TABLE, Description).
func locksAll(c pg.AlterTableType) bool {
	switch c {
	case pg.AlterTableType_AT_SetStatistics, pg.AlterTableType_AT_ValidateConstraint, pg.AlterTableType_AT_ClusterOn,
		pg.AlterTableType_AT_DropCluster, pg.AlterTableType_AT_AttachPartition, pg.AlterTableType_AT_SetRelOptions,
		pg.AlterTableType_AT_ResetRelOptions, pg.AlterTableType_AT_DetachPartition, pg.AlterTableType_AT_DetachPartitionFinalize:
		return false
	}
	return true
}

func (l *linter) clause(ref planner.Ref, c *pg.AlterTableCmd) {
	switch c.Subtype {
	case pg.AlterTableType_AT_AddConstraint:
		l.constraint(ref, c.Def.GetConstraint())
		return
	case pg.AlterTableType_AT_AddColumn, pg.AlterTableType_AT_DropColumn, pg.AlterTableType_AT_AlterColumnType:
		l.columnClause(ref, c)
		return
	case pg.AlterTableType_AT_ValidateConstraint:
		if l.notValid[ref.Name+"."+c.Name] {
			l.find("validate-in-same-transaction", l.unlessWrapped(), 0, "validate it in a migration of its own, where another tool runs the file",
				"constraint %s is added NOT VALID and validated in one file: in one transaction, the first statement's lock is held while the second reads the table", c.Name)
		}
		return
	}
	if l.m.Fresh(ref) {
		return
	}
	table := l.label(ref)
	switch c.Subtype {
	case pg.AlterTableType_AT_SetNotNull:
		l.find("constraint-validated-under-lock", "", 0, "", "SET NOT NULL reads all of %s while it is locked; the plan proves it by a check first", table)
	case pg.AlterTableType_AT_SetLogged, pg.AlterTableType_AT_SetUnLogged, pg.AlterTableType_AT_SetAccessMethod, pg.AlterTableType_AT_SetTableSpace:
		l.find("table-rewrite", "", 0, "do it when the table may be locked, or copy the rows into a new table beside the traffic",
			"%s writes all of %s anew while nobody can use it", clauseName(c), table)
	case pg.AlterTableType_AT_AttachPartition:
		l.attach(ref, c.Def.GetPartitionCmd())
	case pg.AlterTableType_AT_DetachPartition:
		if !c.Def.GetPartitionCmd().GetConcurrent() {
			l.find("partition-detach-blocks", "", 0, "DETACH PARTITION … CONCURRENTLY (PostgreSQL 14 or newer), in a file of its own",
				"detaching from %s locks it and all its partitions against readers and writers", table)
		}
	case pg.AlterTableType_AT_EnableRowSecurity, pg.AlterTableType_AT_ForceRowSecurity:
		l.find("rls-hides-rows", "", 0, "create the policies before, in the same file, and migrate as a role with BYPASSRLS",
			"from here on, roles that no policy names see no row of %s", table)
	case pg.AlterTableType_AT_ReplicaIdentity:
		if c.Def.GetReplicaIdentityStmt().GetIdentityType() == "n" {
			l.find("replica-identity-missing", "", 0, "use DEFAULT with a primary key, an index, or FULL", "with REPLICA IDENTITY NOTHING, published updates and deletes of %s fail", table)
		}
	case pg.AlterTableType_AT_AddIdentity:
		l.find("identity-rewrites", plan.Info, 0, "", "%s.%s counts by itself from now on: give its sequence a start above what is there", table, c.Name)
	case pg.AlterTableType_AT_ChangeOwner:
		l.find("grant-change", "", 0, "", "the owner of %s changes, and with it who may alter it", table)
	}
}

func (l *linter) columnClause(ref planner.Ref, c *pg.AlterTableCmd) {
	def, name := c.Def.GetColumnDef(), c.Name
	if c.Subtype == pg.AlterTableType_AT_AddColumn {
		name = def.GetColname()
		l.columnType(ref, name, def.TypeName, def.Location)
		l.name("column", name, def.Location)
		l.addedColumn(ref, def)
	}
	if l.m.Fresh(ref) {
		return
	}
	if c.Subtype == pg.AlterTableType_AT_AlterColumnType {
		l.columnType(ref, name, def.GetTypeName(), def.GetLocation())
		l.retyped(ref, name, def)
	}
	if !l.starred[ref] {
		l.starred[ref] = true
		l.find("select-star-cached-plan", "", 0, "name the columns in the app's statements", "prepared SELECT * statements on %s fail once in each session: cached plan must not change result type", l.label(ref))
	}
}

// addedColumn looks at the constraints of a column that is added.
func (l *linter) addedColumn(ref planner.Ref, def *pg.ColumnDef) {
	fresh := l.m.Fresh(ref)
	label := l.label(ref) + "." + def.Colname
	if !fresh && serials[plainTypeName(def.TypeName)] {
		l.find("identity-rewrites", "", def.Location, "", "adding %s, which counts by itself, writes every row of the table while it is locked", label)
	}
	for _, n := range def.Constraints {
		k := n.GetConstraint()
		switch k.GetContype() {
		case pg.ConstrType_CONSTR_FOREIGN:
			l.foreignKey(ref, []string{def.Colname}, def.TypeName, k)
		case pg.ConstrType_CONSTR_IDENTITY:
			if !fresh {
				l.find("identity-rewrites", "", k.Location, "", "adding %s, which counts by itself, writes every row of the table while it is locked", label)
			}
		case pg.ConstrType_CONSTR_GENERATED:
			if !fresh {
				l.find("stored-generated-rewrites", "", k.Location, "", "adding the stored column %s writes every row of the table while it is locked", label)
			}
		}
	}
	parts, _ := names(def.TypeName.GetNames())
	domains := strings.Split(l.m.Facts[factDomains], ", ")
	if typ, err := typeText(def.TypeName); err == nil && !fresh && len(parts) > 0 && slices.Contains(domains, visibleType(l.m.Schema, typ)) {
		l.find("domain-constraint-scans", "", def.Location, "use the domain's base type with a check of its own",
			"the domain %s has constraints: adding a column of it writes every row of %s while it is locked", typ, l.label(ref))
	}
}

// retyped looks at what a new type leaves behind.
func (l *linter) retyped(ref planner.Ref, name string, def *pg.ColumnDef) {
	t := l.m.Table(ref)
	if t == nil || t.Column(name) == nil {
		return
	}
	col := t.Column(name)
	from, err := readType(col.Type)
	if err != nil {
		return
	}
	a, b := plainTypeName(from), plainTypeName(def.TypeName)
	if b == "int8" && a != "int8" && strings.Contains(col.Default.SQL(quote), "nextval(") && !l.changesSequence() {
		l.find("serial-keeps-int-sequence", "", def.Location, "ALTER SEQUENCE … AS bigint in the same file",
			"%s.%s becomes bigint, but its sequence still ends at 2,147,483,647", l.label(ref), name)
	}
	if narrower(from, def.TypeName) {
		l.find("data-loss-narrowing-type", "", def.Location, "ADD COLUMN of the new type, UPDATE it with the rule for values that do not fit, DROP COLUMN the old one",
			"%s cannot hold every %s: values of %s.%s that do not fit make the change fail, or are cut", spelled(b), col.Type, l.label(ref), name)
	}
	l.removedLabels(col.Type, b, def)
}

func (l *linter) changesSequence() bool {
	return slices.ContainsFunc(l.m.Objects, func(o *planner.Object) bool {
		return o.Kind == kindSequence && strings.Contains(strings.ToLower(o.Definition), "as bigint")
	})
}

// narrower reports whether a type holds less than another: the reverse would be
// a change that PostgreSQL or its clients take without loss.
func narrower(from, to *pg.TypeName) bool {
	a, b := plainTypeName(from), plainTypeName(to)
	if a == b {
		_, free := freeChange(to, from)
		_, same := freeChange(from, to)
		return free && !same
	}
	if _, _, _, ok := compatibleChange("c", b, a); ok {
		return true
	}
	return map[string]bool{
		"text varchar": len(to.Typmods) > 0, "text bpchar": true, "varchar bpchar": true, "numeric int4": true, "numeric int8": true, "numeric int2": true,
		"float8 int4": true, "float8 int8": true, "timestamptz date": true, "timestamp date": true, "jsonb json": false, "numeric float8": true,
	}[a+" "+b]
}

// constraint looks at one that is added to a table that is there.
func (l *linter) constraint(ref planner.Ref, k *pg.Constraint) {
	fresh, table := l.m.Fresh(ref), l.label(ref)
	if k.GetConname() != "" {
		l.name("constraint", k.Conname, k.Location)
	}
	if k.SkipValidation {
		l.notValid[ref.Name+"."+k.Conname] = true
	}
	switch k.GetContype() {
	case pg.ConstrType_CONSTR_FOREIGN:
		columns, _ := names(k.FkAttrs)
		l.foreignKey(ref, columns, nil, k)
		if !fresh && !k.SkipValidation {
			l.find("foreign-key-blocks-writes", "", k.Location, "", "the foreign key checks every row of %s while neither it nor %s can be written; the plan adds it NOT VALID and validates it beside the traffic",
				table, l.label(refOf(k.Pktable)))
		}
	case pg.ConstrType_CONSTR_CHECK:
		if !fresh && !k.SkipValidation {
			l.find("constraint-validated-under-lock", "", k.Location, "", "the check reads all of %s while it is locked; the plan adds it NOT VALID and validates it beside the traffic", table)
		}
	case pg.ConstrType_CONSTR_UNIQUE, pg.ConstrType_CONSTR_PRIMARY:
		if !fresh && k.Indexname == "" {
			l.find("index-not-concurrent", "", k.Location, "", "the constraint builds its index while %s is locked; the plan builds it CONCURRENTLY first", table)
		}
	case pg.ConstrType_CONSTR_EXCLUSION:
		if !fresh {
			l.find("exclusion-constraint-blocks", "", k.Location, "add it while the table is small, or check what it forbids in the app; or accept the pause with migrate:allow",
				"the exclusion constraint on %s builds its index while nobody can use the table", table)
		}
	}
}

// attach looks for the check that spares the scan.
func (l *linter) attach(parent planner.Ref, c *pg.PartitionCmd) {
	part := refOf(c.GetName())
	if l.m.Fresh(part) {
		return
	}
	if t := l.m.Table(part); t != nil && slices.ContainsFunc(t.Constraints, func(k planner.Constraint) bool { return k.Kind == kindCheck }) {
		return
	}
	l.find("partition-attach-scans", "", 0, "add a CHECK that says what the partition's bounds say, NOT VALID, and validate it before: then nothing is scanned",
		"attaching %s to %s reads all its rows while it is locked, and those of a default partition", l.label(part), l.label(parent))
}

// columnType tells of types with a trap.
func (l *linter) columnType(ref planner.Ref, column string, t *pg.TypeName, location int32) {
	label := l.label(ref) + "." + column
	switch plainTypeName(t) {
	case "json":
		l.find("json-without-equality", "", location, "use jsonb", "%s is json, which has no equality: SELECT DISTINCT, GROUP BY and UNION over it fail", label)
	case "bpchar":
		l.find("char-type", "", location, "use text, or varchar(n) for a limit", "%s is char(n): it is padded with blanks, which take room and surprise comparisons", label)
	case "timestamp":
		l.find("timestamp-without-time-zone", "", location, "use timestamptz", "%s does not say which moment it means: each session reads it in its own time zone", label)
	}
}

// name tells of names that must always be quoted.
func (l *linter) name(what, name string, location int32) {
	if strings.ToLower(name) == name && reservedWord(name) {
		l.find("reserved-identifier", "", location, "choose another name", "%s %q is a reserved word: every statement must quote it", what, name)
	}
}

// reservedWord reports a keyword that cannot be a column's name without quotes.
func reservedWord(name string) bool {
	tokens, err := pg.Scan(name)
	return err == nil && len(tokens.Tokens) == 1 && tokens.Tokens[0].KeywordKind == pg.KeywordKind_RESERVED_KEYWORD
}
