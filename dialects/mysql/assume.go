package mysql

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/foreign"
)

// assume.go tells from statements alone what a database that nobody asked would
// look like.

// Lexis implements planner.Dialect.
func (d *dialect) Lexis() foreign.Lexis {
	return foreign.Lexis{Backslash: true, Hash: true, Routines: true}
}

// Assume implements planner.Dialect: versions are written as "8.4" or "10.11.6".
func (d *dialect) Assume(version string) (*planner.Schema, error) {
	var parts [3]int
	numbers := strings.Split(version, ".")
	for i, text := range numbers {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 || n > 99 || i >= len(parts) {
			return nil, fmt.Errorf("a version of %s is written like %s", d.product(), d.exampleVersion())
		}
		parts[i] = n
	}
	if parts[0] < 5 {
		return nil, fmt.Errorf("a version of %s is written like %s", d.product(), d.exampleVersion())
	}
	if d.maria {
		version += "-MariaDB"
	}
	return &planner.Schema{
		Engine: d.Engine(), Version: version, VersionNum: parts[0]*10_000 + parts[1]*100 + parts[2],
		Facts: map[string]string{}, Assumed: true,
	}, nil
}

func (d *dialect) exampleVersion() string {
	if d.maria {
		return "10.11 or 11.8"
	}
	return "8.0, 8.4 or 9.1"
}

// AssumeTable implements planner.Dialect.
func (d *dialect) AssumeTable(s *planner.Schema, sql string) *planner.Table {
	node, err := d.parseOne(sql)
	if err != nil {
		return nil
	}
	n, ok := node.(*ast.CreateTableStmt)
	if !ok || n.Select != nil {
		return nil
	}
	ref := planner.Ref{Name: n.Table.Name.O}
	if n.ReferTable != nil {
		like := s.Table(planner.Ref{Name: n.ReferTable.Name.O})
		if like == nil {
			return nil
		}
		t := *like
		t.Ref, t.Dependents = ref, nil
		return &t
	}
	a := assumed{alter: alter{d: d, table: ref, sql: sql}, t: &planner.Table{Ref: ref, Kind: "table", Rows: unknownRows, Facts: map[string]string{
		factEngine: "InnoDB", factCharset: "utf8mb4", factRowFormat: "dynamic", factRowVersions: "0",
	}}}
	if n.Partition != nil {
		a.t.Kind = "partitioned"
	}
	a.options(n.Options)
	for _, c := range n.Cols {
		a.column(c)
	}
	for _, k := range n.Constraints {
		a.constraint(k)
	}
	return a.t
}

// assumed is a table being read.
type assumed struct {
	alter
	t *planner.Table
}

func (a *assumed) options(options []*ast.TableOption) {
	for _, o := range options {
		switch o.Tp {
		case ast.TableOptionEngine:
			a.t.Facts[factEngine] = o.StrValue
		case ast.TableOptionCharset:
			a.t.Facts[factCharset] = strings.ToLower(o.StrValue)
		case ast.TableOptionCollate:
			a.t.Facts[factCollation] = strings.ToLower(o.StrValue)
			charset, _, _ := strings.Cut(strings.ToLower(o.StrValue), "_")
			a.t.Facts[factCharset] = charset
		}
	}
}

func (a *assumed) column(c *ast.ColumnDef) {
	col := planner.Column{Name: c.Name.Name.O}
	t, err := fromFieldType(c.Tp)
	if err == nil {
		col.Charset, col.Collation = t.charset, t.collate
		t.charset, t.collate = "", ""
		col.Type = t.sql()
	}
	if c.Tp.GetType() == 0 { // a type that the grammar does not read
		col.Type = ""
	}
	for _, o := range c.Options {
		switch o.Tp {
		case ast.ColumnOptionNotNull:
			col.NotNull = true
		case ast.ColumnOptionDefaultValue:
			col.Default, _ = a.d.defaultExpr(o.Expr)
		case ast.ColumnOptionAutoIncrement:
			col.Generated = "auto_increment"
		case ast.ColumnOptionGenerated:
			col.Generated = virtual
			if o.Stored {
				col.Generated = "stored"
			}
		case ast.ColumnOptionCollate:
			col.Collation = o.StrValue
		case ast.ColumnOptionComment:
			col.Comment, _ = stringValue(o.Expr)
		case ast.ColumnOptionOnUpdate:
			if e, err := a.d.expr(o.Expr, a.table.Name); err == nil {
				col.Rest = joinWords(col.Rest, onUpdate(e.SQL(quoteName)))
			}
		case ast.ColumnOptionPrimaryKey:
			col.NotNull = true
			a.key("PRIMARY", []string{col.Name}, true)
		case ast.ColumnOptionUniqKey:
			a.key(col.Name, []string{col.Name}, true)
		}
	}
	a.t.Columns = append(a.t.Columns, col)
}

// key notes an index, primary keys among them.
func (a *assumed) key(name string, columns []string, unique bool) {
	if name == "" && len(columns) > 0 {
		name = columns[0]
	}
	ix := planner.Index{Name: name, Columns: columns, Unique: unique, Primary: name == "PRIMARY", Simple: true, Definition: indexText(a.table.Name, name, columns, unique)}
	if ix.Primary {
		ix.Constraint, a.t.Key = name, columns
	}
	a.t.Indexes = append(a.t.Indexes, ix)
}

func indexText(table, name string, columns []string, unique bool) string {
	quoted := make([]string, len(columns))
	for i, c := range columns {
		quoted[i] = quoteName(c)
	}
	kind := "INDEX"
	if unique {
		kind = "UNIQUE INDEX"
	}
	return fmt.Sprintf("CREATE %s %s ON %s (%s)", kind, quoteName(name), quoteName(table), strings.Join(quoted, ", "))
}

func (a *assumed) constraint(k *ast.Constraint) {
	columns := keyColumns(k.Keys)
	switch k.Tp {
	case ast.ConstraintPrimaryKey:
		a.key("PRIMARY", columns, true)
		for i := range a.t.Columns {
			if slices.Contains(columns, a.t.Columns[i].Name) {
				a.t.Columns[i].NotNull = true
			}
		}
	case ast.ConstraintUniq, ast.ConstraintUniqKey, ast.ConstraintUniqIndex:
		a.key(k.Name, columns, true)
	case ast.ConstraintKey, ast.ConstraintIndex:
		a.key(k.Name, columns, false)
	case ast.ConstraintForeignKey:
		name := k.Name
		if name == "" {
			name = fmt.Sprintf("%s_ibfk_%d", a.table.Name, len(a.t.Constraints)+1)
		}
		a.t.Constraints = append(a.t.Constraints, planner.Constraint{
			Name: name, Kind: "foreign key", Columns: columns, Definition: restored(k), Cascades: cascades(k.Refer),
		})
		if !leads(a.t, columns) {
			a.key(k.Name, columns, false) // the server makes one where none serves
		}
	case ast.ConstraintCheck:
		name := k.Name
		if name == "" {
			name = fmt.Sprintf("%s_chk_%d", a.table.Name, len(a.t.Constraints)+1)
		}
		a.t.Constraints = append(a.t.Constraints, planner.Constraint{Name: name, Kind: "check", Definition: restored(k)})
	case ast.ConstraintNoConstraint, ast.ConstraintFulltext, ast.ConstraintVector, ast.ConstraintColumnar:
	}
}

// keyColumns are the columns of an index, those in expressions left out.
func keyColumns(keys []*ast.IndexPartSpecification) []string {
	var out []string
	for _, k := range keys {
		if k.Column != nil {
			out = append(out, k.Column.Name.O)
		}
	}
	return out
}

// cascades reports whether a foreign key changes rows of the table it is on.
func cascades(r *ast.ReferenceDef) bool {
	changes := func(o ast.ReferOptionType) bool {
		return o == ast.ReferOptionCascade || o == ast.ReferOptionSetNull || o == ast.ReferOptionSetDefault
	}
	return r != nil && (r.OnDelete != nil && changes(r.OnDelete.ReferOpt) || r.OnUpdate != nil && changes(r.OnUpdate.ReferOpt))
}

// leads reports whether an index begins with the columns.
func leads(t *planner.Table, columns []string) bool {
	return slices.ContainsFunc(t.Indexes, func(ix planner.Index) bool {
		return len(ix.Columns) >= len(columns) && slices.Equal(ix.Columns[:len(columns)], columns)
	})
}
