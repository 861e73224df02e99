package mysql

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/format"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// online is how CREATE INDEX must be done.
const online = " ALGORITHM=INPLACE LOCK=NONE"

// buildIndex is the step that builds one index.
func (d *dialect) buildIndex(s *planner.Schema, t *planner.Table, name, sql, why string) plan.Step {
	p := d.probes(s, t.Ref.Name)
	st := ddl(t.Ref.Name, fmt.Sprintf("build index %s on %s", name, t.Ref.Name), why, plan.Build,
		stmts(stmt(sql+online, p.indexes([]string{name}, 1))),
		// MariaDB's DROP INDEX takes no ALGORITHM.
		stmts(stmt(alterTable(t.Ref.Name, inplace, "DROP INDEX "+quoteName(name)), p.indexes([]string{name}, 0))))
	st.Rows = t.Rows
	return st
}

func (d *dialect) createIndex(s *planner.Schema, op planner.OpCreateIndex) (planner.Lowered, error) {
	return steps(d.buildIndex(s, op.Table, op.Change.Name, op.Change.SQL, "")), nil
}

func (d *dialect) copyIndexes(s *planner.Schema, op planner.OpCopyIndexes) (planner.Lowered, error) {
	var out planner.Lowered
	for _, from := range slices.Sorted(maps.Keys(op.Names)) {
		ix := op.Table.Index(from)
		if ix == nil {
			continue
		}
		if ix.Primary || !ix.Simple {
			return planner.Lowered{}, d.unsupported(fmt.Sprintf("index %s of %s", from, op.Table.Ref.Name),
				"it cannot be copied to another column while the table is in use", "")
		}
		sql, err := d.copiedIndex(ix.Definition, op.Names[from], op.Columns)
		if err != nil {
			return planner.Lowered{}, err
		}
		out.Steps = append(out.Steps, d.buildIndex(s, op.Table, op.Names[from], sql, "the new shape's queries need it as the old one's do"))
	}
	return out, nil
}

// copiedIndex writes an index's definition under another name, over other columns.
func (d *dialect) copiedIndex(definition, name string, columns map[string]string) (string, error) {
	node, err := d.parseOne(definition)
	if err != nil {
		return "", fmt.Errorf("reading the definition of an index: %w", err)
	}
	n, ok := node.(*ast.CreateIndexStmt)
	if !ok {
		return "", fmt.Errorf("reading the definition of an index: %s is none", definition)
	}
	n.IndexName = name
	for _, k := range n.IndexPartSpecifications {
		if k.Column == nil {
			continue
		}
		if to, ok := columns[k.Column.Name.O]; ok {
			k.Column = &ast.ColumnName{Name: ast.NewCIStr(to)}
		}
	}
	var b strings.Builder
	if err := n.Restore(format.NewRestoreCtx(restoreFlags, &b)); err != nil {
		return "", fmt.Errorf("writing the definition of an index: %w", err)
	}
	return b.String(), nil
}

func (d *dialect) dropIndex(s *planner.Schema, op planner.OpDropIndex) (planner.Lowered, error) {
	t, ix := op.Table, op.Index
	if fk := neededBy(t, ix); fk != "" {
		return planner.Lowered{}, d.unsupported("index "+ix.Name, "foreign key "+fk+" needs it", "create another index on the same columns first")
	}
	built := d.buildIndex(s, t, ix.Name, ix.Definition, "")
	st := ddl(t.Ref.Name, fmt.Sprintf("drop index %s of %s", ix.Name, t.Ref.Name), "", plan.Metadata, built.UndoStatements, built.Statements)
	return steps(st), nil
}

// neededBy names the foreign key for which the index is the only one that starts
// with its columns.
func neededBy(t *planner.Table, ix planner.Index) string {
	serves := func(x planner.Index, columns []string) bool {
		if len(columns) == 0 || len(x.Columns) < len(columns) {
			return false
		}
		for _, c := range x.Columns[:len(columns)] {
			if !slices.Contains(columns, c) {
				return false
			}
		}
		return true
	}
	another := func(columns []string) bool {
		return slices.ContainsFunc(t.Indexes, func(x planner.Index) bool { return x.Name != ix.Name && serves(x, columns) })
	}
	for _, c := range t.Constraints {
		if c.Kind == "foreign key" && serves(ix, c.Columns) && !another(c.Columns) {
			return c.Name
		}
	}
	for _, dep := range t.Dependents {
		if dep.Kind == "foreign key" && serves(ix, dep.Columns) && !another(dep.Columns) {
			return dep.Name
		}
	}
	return ""
}
