package postgres

import (
	"fmt"
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

const (
	lockRowShare = "ROW SHARE"
)

func lowerAddConstraint(s *planner.Schema, o planner.OpAddConstraint) (planner.Lowered, error) {
	name, err := constraintNameOf(s, o)
	if err != nil {
		return planner.Lowered{}, err
	}
	a := addition{s: s, o: o, name: name, table: quoteRef(o.Table.Ref), label: s.Display(o.Table.Ref)}
	switch {
	case o.Hidden != "":
		return a.supersede(), nil
	case o.Constraint.Kind == kindForeignKey && o.Table.Kind == kindPartitioned:
		return a.partitionedForeignKey()
	case o.Constraint.Kind == kindForeignKey:
		return a.foreignKey(), nil
	case o.Constraint.Kind == kindExclusion:
		return a.exclusion(), nil
	}
	return a.key()
}

// addition is a constraint on its way.
type addition struct {
	s                  *planner.Schema
	o                  planner.OpAddConstraint
	name, table, label string
}

func (a addition) title() string { return a.o.Constraint.Kind + " " + a.name + " to " + a.label }

func (a addition) add(clause string) string {
	return fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT %s %s", a.table, quote(a.name), clause)
}

func (a addition) drop() string {
	return fmt.Sprintf("ALTER TABLE %s DROP CONSTRAINT IF EXISTS %s", a.table, quote(a.name))
}

// refers is the lock on the table that a foreign key refers to; none if that is
// the table itself.
func (a addition) refers(mode string) []plan.Lock {
	if a.o.Refers == nil || a.o.Refers.Ref == a.o.Table.Ref {
		return nil
	}
	return []plan.Lock{{Mode: mode, Object: a.s.Display(a.o.Refers.Ref)}}
}

// foreignKey is enforced first, and proved for the rows that are there after
// that: only the first needs a lock that stops writers, and only for a moment.
// Both tables' locks are asked for in the order of their names, so that two
// migrations never wait for each other.
func (a addition) foreignKey() planner.Lowered {
	tables := []string{a.table}
	also := a.refers(lockShareRowExclusive)
	names := a.label
	if also != nil {
		tables = append(tables, quoteRef(a.o.Refers.Ref))
		names += " and of " + also[0].Object
	}
	slices.Sort(tables)
	do := []string{a.add(a.o.Constraint.SQL + " NOT VALID")}
	if len(tables) > 1 {
		do = slices.Insert(do, 0, "LOCK TABLE "+strings.Join(tables, ", ")+" IN SHARE ROW EXCLUSIVE MODE")
	}
	step := catalogStep("add "+a.title(), "NOT VALID looks at no row that is there; writers of "+names+" wait for a moment",
		plan.Lock{Mode: lockShareRowExclusive, Object: a.label}, do, []string{a.drop()})
	step.AlsoLocks = also
	out := planner.Lowered{Steps: []plan.Step{step}, Hazards: []plan.Hazard{a.blocksWrites(names)}}
	if !a.o.Constraint.NotValid {
		validate := validateStep("validate foreign key "+a.name, plan.Lock{Mode: lockShareUpdateExclusive, Object: a.label}, a.o.Table,
			"ALTER TABLE "+a.table+" VALIDATE CONSTRAINT "+quote(a.name))
		validate.AlsoLocks = a.refers(lockRowShare)
		out.Steps = append(out.Steps, validate)
	}
	return out
}

func (a addition) blocksWrites(tables string) plan.Hazard {
	return plan.Hazard{
		Rule: "foreign-key-blocks-writes", Severity: plan.Info,
		Message: fmt.Sprintf("adding foreign key %s makes writers of %s wait, for at most the lock timeout", a.name, tables),
		Instead: "nothing: it is retried until it gets its locks without making anybody wait longer",
	}
}

// exclusion cannot be had without blocking: PostgreSQL builds its index only
// together with it.
func (a addition) exclusion() planner.Lowered {
	step := catalogStep("add "+a.title(), "PostgreSQL cannot build the index of an exclusion constraint concurrently",
		plan.Lock{Mode: lockAccessExclusive, Object: a.label}, []string{a.add(a.o.Constraint.SQL)}, []string{a.drop()})
	step.Work, step.Rows, step.StatementTimeoutMS = plan.Build, a.o.Table.Rows, 0
	return planner.Lowered{Steps: []plan.Step{step}, Hazards: []plan.Hazard{{
		Rule: "exclusion-constraint-blocks", Severity: plan.Error,
		Message: fmt.Sprintf("nobody can read or write %s while the index of %s is built over all of its rows", a.label, a.name),
		Instead: "add it while the table is small, or let a trigger or an advisory lock keep rows apart",
	}}}
}

// key adds UNIQUE or PRIMARY KEY: an index that is built online, and then takes
// its place in an instant.
func (a addition) key() (planner.Lowered, error) {
	out := planner.Lowered{}
	k, err := readConstraint(a.o.Constraint.SQL)
	if err != nil {
		return out, err
	}
	if a.o.Constraint.Kind == kindPrimaryKey {
		included, _ := names(k.Including)
		for _, c := range a.o.Columns {
			if !c.NotNull && !slices.Contains(included, c.Name) {
				out.Steps = append(out.Steps, setNotNull(a.s, a.o.Table, c)...)
			}
		}
	}
	if a.o.Table.Kind == kindPartitioned {
		more, err := a.partitionedKey(k)
		out.Steps = append(out.Steps, more...)
		return out, err
	}
	index := a.o.Constraint.Index
	if index == "" {
		index = a.indexName()
		step, err := buildStep(a.s, a.o.Table, planner.Ref{Schema: a.o.Table.Ref.Schema, Name: index},
			"create unique index "+index+" on "+a.label, keyIndex(k))
		if err != nil {
			return out, err
		}
		out.Steps = append(out.Steps, step)
	}
	clause, err := usingIndex(k, index)
	if err != nil {
		return out, err
	}
	step := catalogStep("add "+a.title(), "its index is there already: no scan",
		plan.Lock{Mode: lockAccessExclusive, Object: a.label}, []string{a.add(clause)}, []string{a.drop()})
	if a.o.Replaces != nil {
		if step, err = a.replace(step, clause); err != nil {
			return out, err
		}
	}
	if was := a.o.Table.Index(index); was != nil { // it was there before, and goes with the constraint
		again, err := a.rebuild(*was)
		if err != nil {
			return out, err
		}
		step.UndoMode = plan.Each
		step.UndoStatements = append([]plan.Statement{{SQL: a.drop()}}, again...)
		step = seal(step)
	}
	out.Steps = append(out.Steps, step)
	return out, nil
}

// indexName is the constraint's own name, unless the key that it replaces has
// that until the two change places: then PostgreSQL renames the index.
func (a addition) indexName() string {
	if a.o.Replaces != nil && a.o.Replaces.Name == a.name {
		return ourName("key", a.o.Table.Ref.Name, a.name)
	}
	return a.name
}

// replace drops the old primary key in the statement that adds the new one, so
// that there is no moment without (docs, ALTER TABLE, Examples).
func (a addition) replace(step plan.Step, clause string) (plan.Step, error) {
	old := a.o.Replaces
	t := a.s.Table(a.o.Table.Ref)
	at := slices.IndexFunc(t.Indexes, func(i planner.Index) bool { return i.Constraint == old.Name })
	if at < 0 {
		return step, &planner.Unsupported{What: "DROP CONSTRAINT " + old.Name, Reason: "its index was not found"}
	}
	stmt, err := readIndex(t.Indexes[at].Definition)
	if err != nil {
		return step, err
	}
	hidden := ourName("key", a.o.Table.Ref.Name, old.Name, "old")
	stmt.Idxname = hidden
	sql, err := onlineIndex(stmt, a.o.Table.Ref)
	if err != nil {
		return step, fmt.Errorf("writing index %s: %w", old.Name, err)
	}
	k, err := readConstraint(old.Definition)
	if err != nil {
		return step, err
	}
	back, err := usingIndex(k, hidden)
	if err != nil {
		return step, err
	}
	swap := func(from, to, clause string) string {
		return fmt.Sprintf("ALTER TABLE %s DROP CONSTRAINT %s, ADD CONSTRAINT %s %s", a.table, quote(from), quote(to), clause)
	}
	state := indexState{table: a.o.Table.Ref, index: planner.Ref{Schema: a.o.Table.Ref.Schema, Name: hidden}}
	done := fmt.Sprintf("SELECT EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE conrelid = %s::regclass AND contype = 'p' AND conkey = "+
		"(SELECT array_agg(a.attnum ORDER BY k.n) FROM unnest(ARRAY[%s]) WITH ORDINALITY AS k(name, n) JOIN pg_catalog.pg_attribute a ON a.attrelid = conrelid AND a.attname = k.name))",
		literal(a.table), literals(old.Columns))
	build := state.build(sql)
	for i := range build {
		build[i].Probe += " OR (" + done + ")"
	}
	step.Statements = plain(swap(old.Name, a.name, clause))
	step.UndoMode = plan.Each
	step.UndoStatements = append(build, plan.Statement{SQL: swap(a.name, old.Name, back), Probe: done})
	step.Title = "replace primary key " + old.Name + " of " + a.label + " by one over " + strings.Join(a.o.Constraint.Columns, ", ")
	return seal(step), nil
}

func literals(values []string) string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = literal(v)
	}
	return strings.Join(out, ", ")
}

func (a addition) rebuild(was planner.Index) ([]plan.Statement, error) {
	stmt, err := readIndex(was.Definition)
	if err != nil {
		return nil, err
	}
	sql, err := onlineIndex(stmt, a.o.Table.Ref)
	if err != nil {
		return nil, fmt.Errorf("writing index %s: %w", was.Name, err)
	}
	state := indexState{table: a.o.Table.Ref, index: planner.Ref{Schema: a.o.Table.Ref.Schema, Name: was.Name}}
	return state.build(sql), nil
}

// keyIndex is the index that a UNIQUE or PRIMARY KEY constraint makes.
func keyIndex(k *pg.Constraint) *pg.IndexStmt {
	x := &pg.IndexStmt{
		Relation: &pg.RangeVar{Inh: true, Relpersistence: "p"}, AccessMethod: "btree", Unique: true,
		NullsNotDistinct: k.NullsNotDistinct, Options: k.Options, TableSpace: k.Indexspace,
	}
	element := func(n *pg.Node) *pg.Node {
		return &pg.Node{Node: &pg.Node_IndexElem{IndexElem: &pg.IndexElem{
			Name: n.GetString_().GetSval(), Ordering: pg.SortByDir_SORTBY_DEFAULT, NullsOrdering: pg.SortByNulls_SORTBY_NULLS_DEFAULT,
		}}}
	}
	for _, n := range k.Keys {
		x.IndexParams = append(x.IndexParams, element(n))
	}
	for _, n := range k.Including {
		x.IndexIncludingParams = append(x.IndexIncludingParams, element(n))
	}
	return x
}

// usingIndex writes the clause that makes a constraint of an index.
func usingIndex(k *pg.Constraint, index string) (string, error) {
	k = clone(k)
	k.Keys, k.Including, k.Options, k.Indexspace, k.NullsNotDistinct, k.Indexname = nil, nil, nil, "", false, index
	return constraintClause(k)
}

// constraintNameOf is the name of a constraint: its own, or the one that
// PostgreSQL chooses.
func constraintNameOf(s *planner.Schema, o planner.OpAddConstraint) (string, error) {
	var taken []string
	for _, k := range o.Table.Constraints {
		taken = append(taken, k.Name)
	}
	for _, i := range o.Table.Indexes {
		taken = append(taken, i.Name)
	}
	for _, e := range o.Earlier {
		if e.Name == "" {
			e.Name = constraintDefaultName(o.Table.Ref.Name, e, taken)
		}
		taken = append(taken, e.Name)
	}
	name, index := o.Constraint.Name, o.Constraint.Index
	switch {
	case name == "" && index != "":
		return index, nil
	case name == "":
		return constraintDefaultName(o.Table.Ref.Name, o.Constraint, taken), nil
	case name != index && slices.Contains(taken, name):
		return "", &planner.Unsupported{
			What: "ADD CONSTRAINT " + name + " on " + s.Display(o.Table.Ref), Reason: "a constraint or an index of that name is there already",
			Instead: "give the constraint another name",
		}
	}
	return name, nil
}

// constraintDefaultName is the name that PostgreSQL gives to an unnamed
// constraint: table_columns_key, table_pkey, table_columns_fkey, with a number
// if that is taken (ChooseConstraintName, ChooseIndexName).
func constraintDefaultName(table string, d planner.ConstraintDef, taken []string) string {
	columns, label := strings.Join(d.Columns, "_"), "key"
	switch d.Kind {
	case kindPrimaryKey:
		columns, label = "", "pkey"
	case kindForeignKey:
		label = "fkey"
	case kindExclusion:
		label = "excl"
		if k, err := readConstraint(d.SQL); err == nil {
			columns = strings.Join(exclusionKeys(k), "_")
		}
	}
	name := objectNameOf(table, columns, label)
	for n := 1; slices.Contains(taken, name); n++ {
		name = objectNameOf(table, columns, fmt.Sprintf("%s%d", label, n))
	}
	return name
}
