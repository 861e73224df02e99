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

// building says how an index is built. One that computes something, and one of
// words, keep writers out; MariaDB copies the table beside them instead.
func (d *dialect) building(s *planner.Schema, t *planner.Table, ix planner.Index) manner {
	kind := indexKind(ix)
	switch {
	case kind == "":
		return manner{inplace, plan.Build}
	case d.copiesOnline(s, t):
		return manner{copyNone, plan.Rewrite}
	case kind == "functional" && (ix.Unique || hiddenAfter(t, ix)):
		return manner{copyShared, plan.Rewrite}
	case kind == "FULLTEXT" && fulltext(t) == "" && t.Facts[factHiddenColumns] == "":
		// The first one adds a hidden column.
		return manner{inplaceShared, plan.Rewrite}
	}
	return manner{inplaceShared, plan.Build}
}

// hiddenAfter reports whether the hidden column of an index that computes
// something would come before another's: MySQL orders them by the names of their
// indexes, and changes that order by copying the table only.
func hiddenAfter(t *planner.Table, ix planner.Index) bool {
	return slices.ContainsFunc(t.Indexes, func(x planner.Index) bool {
		return indexKind(x) == "functional" && strings.ToLower(x.Name) > strings.ToLower(ix.Name)
	})
}

// unbuilding says how an index is dropped.
func (d *dialect) unbuilding(s *planner.Schema, t *planner.Table, ix planner.Index) manner {
	if ix.Unique && indexKind(ix) == "functional" {
		return manner{d.copying(s, t), plan.Rewrite}
	}
	return manner{inplace, plan.Metadata}
}

// buildIndex is the step that builds one index, and what is to be said of it.
func (d *dialect) buildIndex(s *planner.Schema, t *planner.Table, ix planner.Index, why string) planner.Lowered {
	p, m := d.probes(s, t.Ref.Name), d.building(s, t, ix)
	st := ddl(t.Ref.Name, fmt.Sprintf("build index %s on %s", ix.Name, t.Ref.Name), why, m.work,
		// CREATE INDEX has its options without a comma.
		stmts(stmt(ix.Definition+" "+strings.ReplaceAll(m.how, ",", ""), p.indexes([]string{ix.Name}, 1))),
		// MariaDB's DROP INDEX takes no ALGORITHM.
		stmts(stmt(alterTable(t.Ref.Name, d.unbuilding(s, t, ix).how, "DROP INDEX "+quoteName(ix.Name)), p.indexes([]string{ix.Name}, 0))))
	st.Rows = t.Rows
	out := steps(st)
	out.Hazards = d.told(s, t, m, "build index "+ix.Name)
	return out
}

func (d *dialect) createIndex(s *planner.Schema, op planner.OpCreateIndex) (planner.Lowered, error) {
	sql := op.Change.SQL
	if op.Change.Table.Name != op.Table.Ref.Name { // the migration renames the table, which still has its old name
		var err error
		if sql, err = d.indexOn(sql, op.Table.Ref.Name); err != nil {
			return planner.Lowered{}, err
		}
	}
	return d.buildIndex(s, op.Table, planner.Index{Name: op.Change.Name, Unique: op.Change.Unique, Definition: sql}, ""), nil
}

// indexOn writes an index's definition for the table under another name.
func (d *dialect) indexOn(definition, table string) (string, error) {
	node, err := d.parseOne(definition)
	if err != nil {
		return "", fmt.Errorf("reading the definition of an index: %w", err)
	}
	n, ok := node.(*ast.CreateIndexStmt)
	if !ok {
		return "", fmt.Errorf("reading the definition of an index: %s is none", definition)
	}
	n.Table.Name = ast.NewCIStr(table)
	return written(n)
}

func (d *dialect) copyIndexes(s *planner.Schema, op planner.OpCopyIndexes) (planner.Lowered, error) {
	var out planner.Lowered
	for _, from := range slices.Sorted(maps.Keys(op.Names)) {
		ix := op.Table.Index(from)
		if ix == nil {
			continue
		}
		if kind := indexKind(*ix); ix.Primary || kind != "" && kind != "FULLTEXT" {
			return planner.Lowered{}, d.unsupported(fmt.Sprintf("index %s of %s", from, op.Table.Ref.Name),
				"it cannot be copied to another column while the table is in use", "")
		}
		sql, err := d.copiedIndex(ix.Definition, op.Names[from], op.Columns)
		if err != nil {
			return planner.Lowered{}, err
		}
		built := d.buildIndex(s, op.Table, planner.Index{Name: op.Names[from], Definition: sql}, "the new shape's queries need it as the old one's do")
		out.Steps = append(out.Steps, built.Steps...)
	}
	return out, nil
}

// copiedIndex writes an index's definition under another name, over other columns.
func (d *dialect) copiedIndex(definition, name string, columns map[string]string) (string, error) {
	// The grammar does not know how MariaDB calls an index that queries do not see.
	definition, unseen := strings.CutSuffix(definition, unseenIndex)
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
	if unseen {
		b.WriteString(unseenIndex)
	}
	return b.String(), nil
}

// unseenIndex ends the definition of an index that MariaDB's queries do not see.
const unseenIndex = " IGNORED"

func (d *dialect) dropIndex(s *planner.Schema, op planner.OpDropIndex) (planner.Lowered, error) {
	t, ix := op.Table, op.Index
	if fk := neededBy(t, ix); fk != "" {
		return planner.Lowered{}, d.unsupported("index "+ix.Name, "foreign key "+fk+" needs it", "create another index on the same columns first")
	}
	built, m := d.buildIndex(s, t, ix, "").Steps[0], d.unbuilding(s, t, ix)
	st := ddl(t.Ref.Name, fmt.Sprintf("drop index %s of %s", ix.Name, t.Ref.Name), "", m.work, built.UndoStatements, built.Statements)
	if m.work != plan.Metadata {
		st.Rows = t.Rows
	}
	out := steps(st)
	out.Hazards = d.told(s, t, m, "drop index "+ix.Name)
	return out, nil
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
