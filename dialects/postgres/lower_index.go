package postgres

import (
	"fmt"
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/proto"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// readIndex parses a CREATE INDEX statement.
func readIndex(sql string) (*pg.IndexStmt, error) {
	tree, err := parseSQL(sql)
	if err != nil {
		return nil, fmt.Errorf("reading the index's definition: %w", err)
	}
	if len(tree.Stmts) != 1 || tree.Stmts[0].Stmt.GetIndexStmt() == nil {
		return nil, fmt.Errorf("reading the index's definition: %q is no CREATE INDEX", sql)
	}
	return tree.Stmts[0].Stmt.GetIndexStmt(), nil
}

// onlineIndex writes the statement that builds an index without blocking writes.
func onlineIndex(x *pg.IndexStmt, table planner.Ref) (string, error) {
	x = clone(x)
	x.Concurrent, x.IfNotExists = true, false
	x.Relation.Schemaname, x.Relation.Relname = table.Schema, table.Name
	return deparse(indexNode(x))
}

// indexState writes queries about one index.
type indexState struct{ table, index planner.Ref }

func (i indexState) reg() string { return "to_regclass(" + literal(quoteRef(i.index)) + ")" }

// ours writes the condition that the name is that of an index of our table.
func (i indexState) ours(valid string) string {
	return fmt.Sprintf(
		"EXISTS (SELECT FROM pg_catalog.pg_index WHERE indexrelid = %s AND indrelid = to_regclass(%s)%s)",
		i.reg(), literal(quoteRef(i.table)), valid,
	)
}

// drop removes the index; another table's index of that name is left alone.
func (i indexState) drop() plan.Statement {
	return plan.Statement{SQL: "DROP INDEX CONCURRENTLY IF EXISTS " + quoteRef(i.index), Probe: "SELECT NOT " + i.ours("")}
}

// build creates the index, after what a build that failed left behind: an
// invalid index, which every write still has to maintain.
func (i indexState) build(sql string) []plan.Statement {
	left := i.drop()
	left.Probe = "SELECT NOT " + i.ours(" AND NOT indisvalid")
	return []plan.Statement{left, {SQL: sql, Probe: "SELECT " + i.ours(" AND indisvalid")}}
}

func buildStep(s *planner.Schema, t *planner.Table, index planner.Ref, title string, stmt *pg.IndexStmt) (plan.Step, error) {
	ref := t.Ref
	if ref.Schema == "" { // a table that the migration creates
		ref.Schema, index.Schema = s.Default, s.Default
	}
	stmt.Idxname = index.Name
	sql, err := onlineIndex(stmt, ref)
	if err != nil {
		return plan.Step{}, fmt.Errorf("writing index %s: %w", index.Name, err)
	}
	state := indexState{table: ref, index: index}
	return seal(plan.Step{
		Title: title, Why: "CONCURRENTLY: readers and writers go on while it is built", Mode: plan.Each,
		Lock: plan.Lock{Mode: lockShareUpdateExclusive, Object: s.Display(t.Ref)}, Work: plan.Build, Rows: t.Rows,
		Statements: state.build(sql), UndoStatements: []plan.Statement{state.drop()},
	}), nil
}

func lowerCreateIndex(s *planner.Schema, o planner.OpCreateIndex) ([]plan.Step, error) {
	stmt, err := readIndex(o.Change.SQL)
	if err != nil {
		return nil, err
	}
	index := planner.Ref{Schema: o.Table.Ref.Schema, Name: o.Change.Name}
	if o.Table.Index(index.Name) != nil {
		if o.Change.IfNotExists {
			return nil, nil
		}
		return nil, &planner.Unsupported{
			What: "CREATE INDEX " + index.Name, Reason: "an index of that name is there already", Instead: "give the index another name",
		}
	}
	title := "create index " + index.Name + " on " + s.Display(o.Table.Ref)
	if o.Change.Unique {
		title = "create unique index " + index.Name + " on " + s.Display(o.Table.Ref)
	}
	step, err := buildStep(s, o.Table, index, title, stmt)
	return []plan.Step{step}, err
}

func lowerCopyIndexes(s *planner.Schema, o planner.OpCopyIndexes) ([]plan.Step, error) {
	var steps []plan.Step
	for _, i := range o.Table.Indexes {
		if !slices.ContainsFunc(i.Columns, func(c string) bool { _, ok := o.Columns[c]; return ok }) {
			continue
		}
		name, ok := o.Names[i.Name]
		if !ok { // the migration drops it
			continue
		}
		stmt, err := readIndex(i.Definition)
		if err != nil {
			return nil, err
		}
		renameIndexColumns(stmt, o.Columns)
		index := planner.Ref{Schema: o.Table.Ref.Schema, Name: name}
		step, err := buildStep(s, o.Table, index, "copy index "+i.Name+" as "+name, stmt)
		if err != nil {
			return nil, err
		}
		steps = append(steps, step)
	}
	return steps, nil
}

// renameIndexColumns puts other columns in an index's definition.
func renameIndexColumns(x *pg.IndexStmt, columns map[string]string) {
	walk(x, func(m proto.Message) bool {
		switch n := m.(type) {
		case *pg.IndexElem:
			if to, ok := columns[n.Name]; ok {
				n.Name = to
			}
		case *pg.ColumnRef:
			if len(n.Fields) == 1 {
				if to, ok := columns[columnName(n)]; ok {
					n.Fields[0] = pg.MakeStrNode(to)
				}
			}
		}
		return true
	})
}

func lowerDropIndex(s *planner.Schema, o planner.OpDropIndex) ([]plan.Step, error) {
	if o.Index.Constraint != "" {
		return nil, &planner.Unsupported{
			What: "DROP INDEX " + o.Index.Name, Reason: "the constraint " + o.Index.Constraint + " needs it", Instead: "drop the constraint",
		}
	}
	stmt, err := readIndex(o.Index.Definition)
	if err != nil {
		return nil, err
	}
	sql, err := onlineIndex(stmt, o.Table.Ref)
	if err != nil {
		return nil, fmt.Errorf("writing index %s: %w", o.Index.Name, err)
	}
	state := indexState{table: o.Table.Ref, index: planner.Ref{Schema: o.Table.Ref.Schema, Name: o.Index.Name}}
	return []plan.Step{seal(plan.Step{
		Title: "drop index " + o.Index.Name + " of " + s.Display(o.Table.Ref),
		Why:   "CONCURRENTLY: it waits for its readers and blocks nobody", Mode: plan.Each,
		Lock: plan.Lock{Mode: lockShareUpdateExclusive, Object: s.Display(o.Table.Ref)}, Work: plan.Metadata,
		Statements: []plan.Statement{state.drop()}, UndoStatements: state.build(sql),
	})}, nil
}
