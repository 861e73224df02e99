package postgres

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// kindPartitioned is planner.Table.Kind of a partitioned table.
const kindPartitioned = "partitioned"

const (
	// factPartitions lists the partitions below a partitioned table, as JSON.
	factPartitions = "partitions"
	// factPartitionKey lists the plain columns of its partition key, as JSON.
	factPartitionKey = "partition_key"
	// factPartitionColumns lists all columns that decide in which partition a row is, as
	// JSON: those in expressions, and those of the keys of partitions that are divided again.
	factPartitionColumns = "partition_columns"
)

// partition is one table below a partitioned one, parents first.
type partition struct {
	Schema  string   `json:"schema"`
	Name    string   `json:"name"`
	Parent  string   `json:"parent"` // its parent, quoted
	Leaf    bool     `json:"leaf"`   // it holds rows
	Default bool     `json:"default"`
	Indexes []string `json:"indexes,omitempty"`
}

func (p partition) ref() planner.Ref { return planner.Ref{Schema: p.Schema, Name: p.Name} }

func partitionsOf(t *planner.Table) ([]partition, error) {
	var out []partition
	if err := json.Unmarshal([]byte(t.Facts[factPartitions]), &out); err != nil {
		return nil, fmt.Errorf("reading the partitions of %s: %w", t.Ref, err)
	}
	return out, nil
}

// partitionKey lists the plain columns of the partition key.
func partitionKey(t *planner.Table) []string { return columnsIn(t, factPartitionKey) }

// partitionColumns lists all columns that say in which partition a row is.
func partitionColumns(t *planner.Table) []string { return columnsIn(t, factPartitionColumns) }

func columnsIn(t *planner.Table, fact string) []string {
	var out []string
	if json.Unmarshal([]byte(t.Facts[fact]), &out) != nil {
		return nil
	}
	return out
}

// partitionBlockers: a row's partition follows from its key, which no trigger may
// change, and which must be there.
func partitionBlockers(t *planner.Table, name string, columns []string, wish planner.Wish) []planner.Blocker {
	var out []planner.Blocker
	if t.Kind != kindPartitioned {
		return nil
	}
	if wish == planner.WishReplace {
		out = append(out, planner.Blocker{Object: name, Reason: "it is partitioned: add a column of the new type under a new name, with an UPDATE and migrate:down"})
	}
	for _, c := range columns {
		if wish != planner.WishRename && slices.Contains(partitionColumns(t), c) {
			out = append(out, planner.Blocker{Object: name + "." + c, Reason: "it is part of the partition key"})
		}
	}
	return out
}

// tree is an index, or a key, of a partitioned table on its way: PostgreSQL
// builds none concurrently, so each partition gets its own, which is attached.
type tree struct {
	s     *planner.Schema
	t     *planner.Table
	stmt  *pg.IndexStmt
	index planner.Ref
	label string // of naive names: idx, key or pkey
	// key, if set, is the constraint that the index is to be.
	key  *pg.Constraint
	name string // of the constraint
}

// partitionedIndex builds an index on every partition of a table.
func partitionedIndex(s *planner.Schema, t *planner.Table, index planner.Ref, stmt *pg.IndexStmt) ([]plan.Step, error) {
	return tree{s: s, t: t, stmt: stmt, index: index, label: "idx"}.steps()
}

func (r tree) steps() ([]plan.Step, error) {
	parts, err := partitionsOf(r.t)
	if err != nil {
		return nil, err
	}
	head, err := r.onParent(r.t.Ref, r.index)
	if err != nil {
		return nil, err
	}
	out := []plan.Step{head}
	made := map[string]planner.Ref{quoteRef(r.t.Ref): r.index}
	for _, p := range parts {
		own := planner.Ref{Schema: p.Schema, Name: r.nameOn(p)}
		made[quoteRef(p.ref())] = own
		parent := made[p.Parent]
		if !p.Leaf {
			step, err := r.onParent(p.ref(), own)
			if err != nil {
				return nil, err
			}
			out = append(out, r.unlessAttached(own, step), r.attach(p, parent, own))
			continue
		}
		steps, err := r.onLeaf(p, own, parent)
		if err != nil {
			return nil, err
		}
		out = append(out, steps...)
	}
	return out, nil
}

// nameOn is the name that PostgreSQL gives to a partition's index: that of an
// unnamed one (generateClonedIndexStmt, ChooseIndexName).
func (r tree) nameOn(p partition) string {
	var columns []string
	for _, n := range slices.Concat(r.stmt.IndexParams, r.stmt.IndexIncludingParams) {
		e := n.GetIndexElem()
		name := e.GetName()
		if name == "" {
			if name = "expr"; e.GetExpr().GetFuncCall() != nil {
				name, _ = functionName(e.GetExpr().GetFuncCall())
			}
		}
		columns = append(columns, name)
	}
	middle := strings.Join(columns, "_")
	if r.label == "pkey" {
		middle = ""
	}
	name := objectNameOf(p.Name, middle, r.label)
	for n := 1; slices.Contains(p.Indexes, name); n++ {
		name = objectNameOf(p.Name, middle, fmt.Sprintf("%s%d", r.label, n))
	}
	return name
}

// onParent makes the index of a table that holds no rows: not valid until every
// partition's is attached.
func (r tree) onParent(table, index planner.Ref) (plan.Step, error) {
	label := r.s.Display(table)
	if r.key != nil {
		k := clone(r.key)
		clause, err := constraintClause(k)
		if err != nil {
			return plan.Step{}, err
		}
		drop := fmt.Sprintf("ALTER TABLE %s DROP CONSTRAINT IF EXISTS %s", quoteRef(table), quote(index.Name))
		return catalogStep("add "+index.Name+" to "+label+" alone", "it is not valid before all partitions have theirs, and holds no row itself",
			plan.Lock{Mode: lockAccessExclusive, Object: label},
			[]string{fmt.Sprintf("ALTER TABLE ONLY %s ADD CONSTRAINT %s %s", quoteRef(table), quote(index.Name), clause)}, []string{drop}), nil
	}
	x := clone(r.stmt)
	x.Idxname, x.Concurrent, x.IfNotExists = index.Name, false, false
	x.Relation = &pg.RangeVar{Schemaname: table.Schema, Relname: table.Name, Inh: false, Relpersistence: "p"}
	sql, err := deparse(indexNode(x))
	if err != nil {
		return plan.Step{}, fmt.Errorf("writing index %s: %w", index.Name, err)
	}
	return r.probed(index, catalogStep("create index "+index.Name+" on "+label+" alone", "it is not valid before all partitions have theirs, and holds no row itself",
		plan.Lock{Mode: lockShare, Object: label}, []string{sql}, []string{"DROP INDEX IF EXISTS " + quoteRef(index)})), nil
}

// probed lets a step's statement stand in an undo as well, which is run
// statement by statement.
func (r tree) probed(index planner.Ref, step plan.Step) plan.Step {
	step.Statements[0].Probe = r.there(index)
	return step
}

// unlessAttached undoes a step only where the index does not go with its parent's.
func (r tree) unlessAttached(index planner.Ref, step plan.Step) plan.Step {
	step.UndoMode = plan.Each
	for i := range step.UndoStatements {
		step.UndoStatements[i].Probe = goneOrAttached(index)
	}
	return step
}

// there asks whether an index is there.
func (r tree) there(index planner.Ref) string {
	return "SELECT to_regclass(" + literal(quoteRef(index)) + ") IS NOT NULL"
}

func attached(index planner.Ref) string {
	return "SELECT EXISTS (SELECT FROM pg_catalog.pg_inherits WHERE inhrelid = to_regclass(" + literal(quoteRef(index)) + "))"
}

// goneOrAttached asks whether an index is gone, or goes with its parent's.
func goneOrAttached(index planner.Ref) string {
	return strings.Replace(attached(index), "SELECT EXISTS", "SELECT to_regclass("+literal(quoteRef(index))+") IS NULL OR EXISTS", 1)
}

// attach locks the partition's index, which everybody who uses the partition
// opens, and, where it makes an index further up complete, that one and its table.
func (r tree) attach(p partition, parent, index planner.Ref) plan.Step {
	step := catalogStep("attach index "+index.Name+" to "+parent.Name, "the index is there already",
		plan.Lock{Mode: lockAccessExclusive, Object: r.s.Display(p.ref())},
		[]string{"ALTER INDEX " + quoteRef(parent) + " ATTACH PARTITION " + quoteRef(index)}, nil)
	step.Statements[0].Probe = attached(index)
	if p.Parent != quoteRef(r.t.Ref) {
		step.AlsoLocks = []plan.Lock{{Mode: lockAccessExclusive, Object: r.s.Display(r.t.Ref)}}
	}
	return step
}

// onLeaf builds a partition's own index beside the traffic, and attaches it in
// a step of its own, since that wants a lock that others queue behind. An attached
// index goes with its parent's.
func (r tree) onLeaf(p partition, index, parent planner.Ref) ([]plan.Step, error) {
	x := clone(r.stmt)
	x.Idxname, x.Relation.Inh = index.Name, true
	sql, err := onlineIndex(x, p.ref())
	if err != nil {
		return nil, fmt.Errorf("writing index %s: %w", index.Name, err)
	}
	build := seal(plan.Step{
		Title: "create index " + index.Name + " on partition " + r.s.Display(p.ref()), Why: "CONCURRENTLY: readers and writers go on while it is built",
		Mode: plan.Each, Lock: plan.Lock{Mode: lockShareUpdateExclusive, Object: r.s.Display(p.ref())}, Work: plan.Build, Rows: r.t.Rows,
		Statements: indexState{table: p.ref(), index: index}.build(sql),
		// What is attached goes with the parent's.
		UndoStatements: []plan.Statement{{SQL: "DROP INDEX CONCURRENTLY IF EXISTS " + quoteRef(index), Probe: goneOrAttached(index)}},
	})
	attach := r.attach(p, parent, index)
	if r.key != nil {
		clause, err := usingIndex(r.key, index.Name)
		if err != nil {
			return nil, err
		}
		attach.Statements = slices.Insert(attach.Statements, 0, plan.Statement{
			SQL: fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT %s %s", quoteRef(p.ref()), quote(index.Name), clause),
			Probe: fmt.Sprintf("SELECT EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE conrelid = %s::regclass AND conname = %s)",
				literal(quoteRef(p.ref())), literal(index.Name)),
		})
		attach.UndoMode = plan.Each
		attach.UndoStatements = []plan.Statement{{
			SQL: "ALTER TABLE " + quoteRef(p.ref()) + " DROP CONSTRAINT IF EXISTS " + quote(index.Name), Probe: goneOrAttached(index),
		}}
	}
	return []plan.Step{build, seal(attach)}, nil
}

// perPartition tells that PostgreSQL itself would build a partitioned index
// while writers wait.
func perPartition(s *planner.Schema, t *planner.Table) []plan.Hazard {
	if t.Kind != kindPartitioned {
		return nil
	}
	return []plan.Hazard{{
		Rule: "partitioned-index-not-concurrent", Severity: plan.Info,
		Message: "the index is built CONCURRENTLY on each partition of " + s.Display(t.Ref) + ", and attached",
		Instead: "nothing; a partition that comes meanwhile gets its own at once",
	}}
}

// dropPartitionedIndex drops an index with those of all partitions: PostgreSQL
// does it in the catalog, but not concurrently.
func dropPartitionedIndex(s *planner.Schema, o planner.OpDropIndex, stmt *pg.IndexStmt) ([]plan.Step, error) {
	name := s.Display(o.Table.Ref)
	index := planner.Ref{Schema: o.Table.Ref.Schema, Name: o.Index.Name}
	again, err := partitionedIndex(s, o.Table, index, stmt)
	if err != nil {
		return nil, err
	}
	step := catalogStep("drop index "+o.Index.Name+" of "+name+" and of its partitions", "PostgreSQL drops a partitioned index only as a whole",
		plan.Lock{Mode: lockAccessExclusive, Object: name}, []string{"DROP INDEX " + quoteRef(index)}, nil)
	step.UndoMode = plan.Each
	for _, a := range again {
		step.UndoStatements = append(step.UndoStatements, a.Statements...)
	}
	return []plan.Step{seal(step)}, nil
}

// partitionedKey adds UNIQUE or PRIMARY KEY to a partitioned table.
func (a addition) partitionedKey(k *pg.Constraint) ([]plan.Step, error) {
	if a.o.Constraint.Index != "" {
		return nil, &planner.Unsupported{What: "ADD CONSTRAINT … USING INDEX on " + a.label, Reason: "PostgreSQL refuses that for partitioned tables", Instead: "name the columns"}
	}
	label := "key"
	if a.o.Constraint.Kind == kindPrimaryKey {
		label = "pkey"
	}
	return tree{
		s: a.s, t: a.o.Table, stmt: keyIndex(k), index: planner.Ref{Schema: a.o.Table.Ref.Schema, Name: a.name}, label: label, key: k, name: a.name,
	}.steps()
}

// partitionedForeignKey proves a foreign key partition by partition: before
// PostgreSQL 18 a partitioned table takes no foreign key that is not valid, but
// takes over those that all partitions have.
func (a addition) partitionedForeignKey() (planner.Lowered, error) {
	parts, err := partitionsOf(a.o.Table)
	if err != nil {
		return planner.Lowered{}, err
	}
	out := planner.Lowered{}
	for _, p := range parts {
		if !p.Leaf {
			continue
		}
		one := a
		t := *a.o.Table
		t.Ref, t.Kind = p.ref(), "table"
		one.o.Table, one.table, one.label = &t, quoteRef(p.ref()), a.s.Display(p.ref())
		l := one.foreignKey()
		for i := range l.Steps { // once attached, it goes with the parent's
			l.Steps[i].UndoStatements = plain(fmt.Sprintf("DO %s", dollarQuoted(fmt.Sprintf(
				" BEGIN\n  IF EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE conrelid = %s::regclass AND conname = %s) THEN\n    %s;\n  END IF;\nEND ",
				literal(one.table), literal(one.name), one.drop()))))
			l.Steps[i] = seal(l.Steps[i])
		}
		out.Steps = append(out.Steps, l.Steps...)
	}
	step := catalogStep("add "+a.title(), "all partitions have it already, and it takes them over: no scan",
		plan.Lock{Mode: lockShareRowExclusive, Object: a.label}, []string{a.add(a.o.Constraint.SQL)}, []string{a.drop()})
	// It drops the triggers that the partitions' own foreign keys have there.
	step.AlsoLocks = a.refers(lockAccessExclusive)
	out.Steps = append(out.Steps, step)
	out.Hazards = []plan.Hazard{a.blocksWrites(a.label)}
	return out, nil
}
