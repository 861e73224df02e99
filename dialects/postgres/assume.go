package postgres

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/foreign"
)

// assume.go tells from statements alone what a database that nobody asked would
// look like.

// Lexis is PostgreSQL's.
func (Dialect) Lexis() foreign.Lexis { return foreign.Lexis{Dollar: true, Nested: true} }

// Assume makes an empty schema of a version: "16" or "16.4".
func (Dialect) Assume(version string) (*planner.Schema, error) {
	major, minor, _ := strings.Cut(version, ".")
	m, err := strconv.Atoi(major)
	n := 0
	if err == nil && minor != "" {
		n, err = strconv.Atoi(minor)
	}
	if err != nil || m < 10 || m > 99 {
		return nil, errors.New("a version of PostgreSQL is a number such as 13 or 17.5")
	}
	return &planner.Schema{
		Engine: "postgres", Version: version, VersionNum: m*10_000 + n, Default: "public", Path: []string{"public"},
		Facts: map[string]string{}, Assumed: true,
	}, nil
}

// AssumeTable reads a CREATE TABLE.
func (Dialect) AssumeTable(s *planner.Schema, sql string) *planner.Table {
	tree, err := parseSQL(sql)
	if err != nil || len(tree.Stmts) != 1 {
		return nil
	}
	x := tree.Stmts[0].Stmt.GetCreateStmt()
	if x == nil || x.OfTypename != nil {
		return nil
	}
	a := assumed{s: s, t: &planner.Table{Ref: refOf(x.Relation), Kind: "table", Facts: map[string]string{}}}
	if a.t.Ref.Schema == "" {
		a.t.Ref.Schema = s.Default
	}
	if x.Partspec != nil {
		a.t.Kind, a.t.Facts[factPartitions], a.t.Facts[factPartitionKey] = kindPartitioned, "[]", keyOf(x.Partspec)
	}
	for _, n := range x.InhRelations {
		parent := s.Table(refOf(n.GetRangeVar()))
		if parent == nil {
			return nil
		}
		a.t.Facts[factInherits] = "yes"
		a.t.Columns = append(a.t.Columns, parent.Columns...)
		if x.Partbound != nil {
			a.t.Indexes, a.t.Key = slices.Clone(parent.Indexes), parent.Key
			a.t.Facts[factPartitionOf] = quoteRef(parent.Ref)
			word := boundWord(x.Partbound)
			_, bound, _ := strings.Cut(sql, word)
			a.t.Facts[factPartitionBound] = word + bound
		}
	}
	for _, e := range x.TableElts {
		switch n := e.Node.(type) {
		case *pg.Node_ColumnDef:
			a.column(n.ColumnDef)
		case *pg.Node_Constraint:
			a.constraint("", n.Constraint)
		case *pg.Node_TableLikeClause:
			if like := s.Table(refOf(n.TableLikeClause.Relation)); like != nil {
				a.t.Columns = append(a.t.Columns, like.Columns...)
			}
		}
	}
	return a.t
}

// keyOf lists the plain columns of a partition key as JSON, as inspection does.
func keyOf(spec *pg.PartitionSpec) string {
	columns := []string{}
	for _, p := range spec.PartParams {
		if name := p.GetPartitionElem().GetName(); name != "" {
			columns = append(columns, name)
		}
	}
	out, err := json.Marshal(columns)
	if err != nil { // strings are always JSON
		return "[]"
	}
	return string(out)
}

// assumed is a table being read.
type assumed struct {
	s *planner.Schema
	t *planner.Table
}

func (a *assumed) column(def *pg.ColumnDef) {
	c := planner.Column{Name: def.Colname}
	if serials[plainTypeName(def.TypeName)] {
		c.Type, c.NotNull = serialType(plainTypeName(def.TypeName)), true
		sequence := objectNameOf(a.t.Ref.Name, c.Name, "seq")
		c.Default = planner.Expr{Parts: []planner.Part{{Text: "nextval(" + literal(sequence) + "::regclass)"}}, Volatile: true}
	} else if typ, err := typeText(def.TypeName); err == nil {
		c.Type = visibleType(a.s, typ)
	}
	if coll, ok := names(def.GetCollClause().GetCollname()); ok && len(coll) > 0 {
		c.Collation = coll[len(coll)-1]
	}
	for _, n := range def.Constraints {
		k := n.GetConstraint()
		switch k.GetContype() {
		case pg.ConstrType_CONSTR_NOTNULL:
			c.NotNull = true
		case pg.ConstrType_CONSTR_DEFAULT:
			if e, err := (scope{table: a.t.Ref, wary: true}).expression(k.RawExpr); err == nil && !isNull(k.RawExpr) {
				c.Default = e
			}
		case pg.ConstrType_CONSTR_IDENTITY:
			c.NotNull, c.Generated = true, "identity by default"
			if k.GeneratedWhen == "a" {
				c.Generated = "identity always"
			}
		case pg.ConstrType_CONSTR_GENERATED:
			c.Generated = "stored"
		}
	}
	a.t.Columns = append(a.t.Columns, c)
	for _, n := range def.Constraints {
		a.constraint(def.Colname, n.GetConstraint())
	}
}

// serialType is the type of a column that is declared as a serial.
func serialType(name string) string {
	switch name {
	case "serial2", "smallserial":
		return "smallint"
	case "serial8", "bigserial":
		return "bigint"
	default:
		return "integer"
	}
}

// constraint notes a constraint of the table, or of one column; names are those
// that PostgreSQL chooses (makeObjectName).
func (a *assumed) constraint(column string, k *pg.Constraint) {
	columns, _ := names(k.Keys)
	if column != "" {
		columns = []string{column}
	}
	kind, label := "", ""
	switch k.GetContype() {
	case pg.ConstrType_CONSTR_PRIMARY:
		kind, label = "primary key", "pkey"
	case pg.ConstrType_CONSTR_UNIQUE:
		kind, label = "unique", "key"
	case pg.ConstrType_CONSTR_CHECK:
		kind, label = kindCheck, "check"
	case pg.ConstrType_CONSTR_FOREIGN:
		kind, label = kindForeignKey, "fkey"
		if column == "" {
			columns, _ = names(k.FkAttrs)
		}
	case pg.ConstrType_CONSTR_EXCLUSION:
		kind, label = kindExclusion, "excl"
	default:
		return
	}
	name := k.Conname
	switch {
	case name != "":
	case kind == "primary key":
		name = objectNameOf(a.t.Ref.Name, "", label)
	default:
		name = objectNameOf(a.t.Ref.Name, strings.Join(columns, "_"), label)
	}
	definition, _ := deparseConstraint(k)
	a.t.Constraints = append(a.t.Constraints, planner.Constraint{Name: name, Kind: kind, Columns: columns, Definition: definition})
	if kind != "primary key" && kind != "unique" {
		return
	}
	a.t.Indexes = append(a.t.Indexes, planner.Index{
		Name: name, Columns: columns, Unique: true, Primary: kind == "primary key", Constraint: name, Simple: true,
		Definition: fmt.Sprintf("CREATE UNIQUE INDEX %s ON %s USING btree (%s)", quote(name), quoteRef(a.t.Ref), quoteAll(columns)),
	})
	for i := range a.t.Columns {
		if c := &a.t.Columns[i]; kind == "primary key" && slices.Contains(columns, c.Name) {
			c.NotNull = true
		}
	}
	if kind == "primary key" || a.t.Key == nil && a.allNotNull(columns) {
		a.t.Key = columns
	}
}

func (a *assumed) allNotNull(columns []string) bool {
	for _, name := range columns {
		if c := a.t.Column(name); c == nil || !c.NotNull {
			return false
		}
	}
	return true
}

// deparseConstraint writes a constraint as it stands in a table's definition.
func deparseConstraint(k *pg.Constraint) (string, error) {
	const head = "ALTER TABLE t ADD "
	text, err := pg.Deparse(&pg.ParseResult{Version: grammarVersion(), Stmts: []*pg.RawStmt{{Stmt: &pg.Node{Node: &pg.Node_AlterTableStmt{
		AlterTableStmt: &pg.AlterTableStmt{
			Relation: &pg.RangeVar{Relname: "t", Inh: true, Relpersistence: "p"}, Objtype: pg.ObjectType_OBJECT_TABLE,
			Cmds: []*pg.Node{{Node: &pg.Node_AlterTableCmd{AlterTableCmd: &pg.AlterTableCmd{
				Subtype: pg.AlterTableType_AT_AddConstraint, Behavior: pg.DropBehavior_DROP_RESTRICT,
				Def: &pg.Node{Node: &pg.Node_Constraint{Constraint: k}},
			}}}},
		},
	}}}}})
	if err != nil {
		return "", fmt.Errorf("writing the constraint: %w", err)
	}
	return strings.TrimPrefix(text, head), nil
}
