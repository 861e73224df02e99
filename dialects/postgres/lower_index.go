package postgres

import (
	"fmt"
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"

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

// buildSteps builds an index on a table, or on all partitions of one.
func buildSteps(s *planner.Schema, t *planner.Table, index planner.Ref, title string, stmt *pg.IndexStmt) ([]plan.Step, error) {
	if t.Kind == kindPartitioned {
		return partitionedIndex(s, t, index, stmt)
	}
	step, err := buildStep(s, t, index, title, stmt)
	return []plan.Step{step}, err
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
	return buildSteps(s, o.Table, index, title, stmt)
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
		if err := renameIn(stmt, o.Columns); err != nil {
			return nil, fmt.Errorf("copying index %s: %w", i.Name, err)
		}
		if i.Deferrable && !o.Replaces { // the original sees to it, and not as early as this one would
			stmt.Unique = false
		}
		index := planner.Ref{Schema: o.Table.Ref.Schema, Name: name}
		if o.Table.Kind == kindPartitioned {
			more, err := partitionedIndex(s, o.Table, index, stmt)
			if err != nil {
				return nil, err
			}
			steps = append(steps, more...)
			continue
		}
		step, err := buildStep(s, o.Table, index, "copy index "+i.Name+" as "+name, stmt)
		if err != nil {
			return nil, err
		}
		if i.Comment != "" && o.Replaces {
			step.Statements = append(step.Statements, plan.Statement{SQL: "COMMENT ON INDEX " + quoteRef(index) + " IS " + literal(i.Comment)})
			step = seal(step)
		}
		steps = append(steps, step)
		if i.Constraint != "" && o.Replaces && !i.Primary { // a primary key is refused
			attached, err := attachStep(s, o.Table, i, name)
			if err != nil {
				return nil, err
			}
			steps = append(steps, attached)
		}
	}
	return steps, nil
}

// attachStep makes of the copy of a unique constraint's index a constraint of
// the same kind. Its undo takes the index along.
func attachStep(s *planner.Schema, t *planner.Table, i planner.Index, name string) (plan.Step, error) {
	at := slices.IndexFunc(t.Constraints, func(k planner.Constraint) bool { return k.Name == i.Constraint })
	if at < 0 {
		return plan.Step{}, fmt.Errorf("copying index %s: its constraint %s is not known", i.Name, i.Constraint)
	}
	k, err := definedConstraint(t.Ref, t.Constraints[at])
	if err != nil {
		return plan.Step{}, err
	}
	def := k.def()
	def.Conname, def.Indexname = name, name
	def.Keys, def.Including, def.NullsNotDistinct, def.Options = nil, nil, false, nil
	k.of.Name = name
	adds, err := k.add()
	if err != nil {
		return plan.Step{}, err
	}
	return catalogStep(
		"make index "+name+" the constraint that "+i.Constraint+" is", "the index is the proof: no row is looked at",
		plan.Lock{Mode: lockAccessExclusive, Object: s.Display(t.Ref)}, adds, []string{k.alter("DROP")},
	), nil
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
	if o.Table.Kind == kindPartitioned {
		return dropPartitionedIndex(s, o, stmt)
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
