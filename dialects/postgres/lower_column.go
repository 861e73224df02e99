package postgres

import (
	"fmt"
	"slices"
	"strings"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// notNullCheck is how a column is proved free of NULLs: with a validated CHECK
// in place, SET NOT NULL does not scan (PostgreSQL docs, ALTER TABLE).
type notNullCheck struct {
	table planner.Ref
	name  string // of the constraint
	col   string
}

func notNullCheckFor(t *planner.Table, column string) notNullCheck {
	return notNullCheck{table: t.Ref, name: ourName("not_null", t.Ref.Name, column), col: column}
}

func (n notNullCheck) add() string {
	return fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT %s CHECK (%s IS NOT NULL) NOT VALID", quoteRef(n.table), quote(n.name), quote(n.col))
}

func (n notNullCheck) validate() string {
	return fmt.Sprintf("ALTER TABLE %s VALIDATE CONSTRAINT %s", quoteRef(n.table), quote(n.name))
}

func (n notNullCheck) drop() string {
	return fmt.Sprintf("ALTER TABLE %s DROP CONSTRAINT IF EXISTS %s", quoteRef(n.table), quote(n.name))
}

func (n notNullCheck) set() string {
	return fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s SET NOT NULL", quoteRef(n.table), quote(n.col))
}

// isSet asks whether the column forbids NULL already.
func (n notNullCheck) isSet() string {
	return fmt.Sprintf(
		"SELECT EXISTS (SELECT FROM pg_catalog.pg_attribute WHERE attrelid = %s::regclass AND attname = %s AND attnotnull)",
		literal(quoteRef(n.table)), literal(n.col),
	)
}

// added asks whether the constraint is there, and validated if so asked.
func (n notNullCheck) added(validated bool) string {
	sql := fmt.Sprintf(
		"EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE conrelid = %s::regclass AND conname = %s",
		literal(quoteRef(n.table)), literal(n.name),
	)
	if validated {
		sql += " AND convalidated"
	}
	return strings.Replace(n.isSet(), "SELECT EXISTS", "SELECT "+sql+") OR EXISTS", 1)
}

// again are the statements that forbid NULL anew while readers and writers go on.
func (n notNullCheck) again() []plan.Statement {
	return []plan.Statement{
		{SQL: n.add(), Probe: n.added(false)},
		{SQL: n.validate(), Probe: n.added(true)},
		{SQL: n.set(), Probe: n.isSet()},
		{SQL: n.drop()},
	}
}

// named gives a NOT NULL that comes back the name that it had (PostgreSQL 18).
func (n notNullCheck) named(t *planner.Table) []plan.Statement {
	for _, k := range t.Constraints {
		if k.Kind != kindNotNull || !slices.Equal(k.Columns, []string{n.col}) {
			continue
		}
		if auto := objectNameOf(n.table.Name, n.col, "not_null"); auto != k.Name {
			return plain(renameConstraintIf(n.table, auto, k.Name))
		}
	}
	return nil
}

func lowerSetNotNull(s *planner.Schema, o planner.OpSetNotNull) []plan.Step {
	var out []plan.Step
	for _, c := range o.Columns {
		out = append(out, setNotNull(s, o.Table, c)...)
	}
	return out
}

func setNotNull(s *planner.Schema, t *planner.Table, c planner.Column) []plan.Step {
	n := notNullCheckFor(t, c.Name)
	table := s.Display(t.Ref)
	name := table + "." + c.Name
	exclusive := plan.Lock{Mode: lockAccessExclusive, Object: table}
	return []plan.Step{
		catalogStep("check that "+name+" is not null from now on", "NOT VALID looks at no row that is there",
			exclusive, []string{n.add()}, []string{n.drop()}),
		validateStep("prove that no row has a NULL in "+name, plan.Lock{Mode: lockShareUpdateExclusive, Object: table}, t, n.validate()),
		catalogStep("forbid NULL in "+name, "the validated check is proof enough: no scan",
			exclusive, []string{n.set(), n.drop()},
			[]string{fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s DROP NOT NULL", quoteRef(n.table), quote(n.col))}),
	}
}

// validateStep scans a table while everybody works on. What it proves is undone
// with the constraint itself.
func validateStep(title string, lock plan.Lock, t *planner.Table, sql string) plan.Step {
	return seal(plan.Step{
		Title: title, Why: "it scans the table, but readers and writers go on", Mode: plan.InTx, Lock: lock,
		Work: plan.Scan, LockTimeoutMS: patientLockTimeoutMS, Rows: t.Rows, Statements: plain(sql),
	})
}

func lowerDropNotNull(s *planner.Schema, o planner.OpDropNotNull) ([]plan.Step, error) {
	n := notNullCheckFor(o.Table, o.Column.Name)
	name := s.Display(o.Table.Ref) + "." + o.Column.Name
	key := slices.ContainsFunc(o.Table.Indexes, func(i planner.Index) bool {
		return i.Primary && slices.Contains(i.Columns, o.Column.Name)
	})
	if key || strings.HasPrefix(o.Column.Generated, "identity") {
		return nil, &planner.Unsupported{
			What: "allowing NULL in " + name, Reason: "a column of a primary key, or with an identity, is never NULL",
		}
	}
	step := catalogStep(
		"allow NULL in "+name, "the column then accepts more than before",
		plan.Lock{Mode: lockAccessExclusive, Object: s.Display(o.Table.Ref)},
		[]string{fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s DROP NOT NULL", quoteRef(n.table), quote(n.col))}, nil,
	)
	step.UndoMode = plan.Each
	step.UndoStatements = append(n.again(), n.named(o.Table)...)
	step.StatementTimeoutMS = 0 // the way back looks at all rows
	step.UndoLoses = &plan.Check{
		SQL:     fmt.Sprintf("SELECT EXISTS (SELECT FROM %s WHERE %s IS NULL)", quoteRef(n.table), quote(n.col)),
		Message: "rows have a NULL in " + name,
	}
	return []plan.Step{seal(step)}, nil
}

// lowerWidenType changes a type in place. Check constraints over the column
// would be checked again under an exclusive lock, so they step aside and are
// validated online.
func lowerWidenType(s *planner.Schema, o planner.OpWidenType) ([]plan.Step, error) {
	t, c := o.Table, o.Column
	name := s.Display(t.Ref) + "." + c.Name
	if err := fixedType(t, c.Name, name); err != nil {
		return nil, err
	}
	table := quoteRef(t.Ref)
	alter := func(typ string) string {
		if c.Collation != "" && !strings.Contains(typ, " COLLATE ") {
			typ += " COLLATE " + quote(c.Collation)
		}
		return "ALTER TABLE " + table + " ALTER COLUMN " + quote(c.Name) + " TYPE " + typ
	}
	var drops, adds, validates []string
	for _, k := range t.Constraints {
		if k.Kind != kindCheck || !slices.Contains(k.Columns, c.Name) {
			continue
		}
		def, err := definedConstraint(t.Ref, k)
		if err != nil {
			return nil, &planner.Unsupported{What: "check " + k.Name, Reason: reasonOf(err), Instead: "drop it before and add it again after"}
		}
		add, err := def.add()
		if err != nil {
			return nil, err
		}
		drops, adds = append(drops, def.alter("DROP")), append(adds, add...)
		if def.valid {
			validates = append(validates, def.alter("VALIDATE"))
		}
	}
	lock := plan.Lock{Mode: lockAccessExclusive, Object: s.Display(t.Ref)}
	step := catalogStep(
		fmt.Sprintf("change the type of %s from %s to %s", name, c.Type, o.Type), "PostgreSQL does this in the catalog alone",
		// The way back writes the table anew, checks included.
		lock, slices.Concat(drops, []string{alter(o.Type)}, adds), []string{alter(c.Type)},
	)
	step.UndoLoses = &plan.Check{
		SQL:     fmt.Sprintf("SELECT EXISTS (SELECT FROM %s WHERE %s)", table, noLongerFits(c, o.Type)),
		Message: "rows have values in " + name + " that do not fit " + c.Type,
	}
	step.AlsoLocks = referredBy(s, t, []string{c.Name}) // their foreign keys are made anew
	for _, d := range t.Dependents {
		_, from, ok := strings.Cut(d.Name, " of ")
		lock := plan.Lock{Mode: lockAccessExclusive, Object: strings.ReplaceAll(from, `"`, "")}
		if ok && d.Kind == kindForeignKey && slices.Contains(d.Columns, c.Name) && lock.Object != s.Display(t.Ref) && !slices.Contains(step.AlsoLocks, lock) {
			step.AlsoLocks = append(step.AlsoLocks, lock)
		}
	}
	steps := []plan.Step{step}
	for _, v := range validates {
		steps = append(steps, validateStep("validate the checks over "+name, plan.Lock{Mode: lockShareUpdateExclusive, Object: lock.Object}, t, v))
	}
	return steps, nil
}

// typeBound are the dependants for whose sake PostgreSQL refuses to change a
// column's type.
var typeBound = []string{kindView, kindMatview, kindRule, kindPolicy, kindTrigger, kindGenerated, kindPublication}

// fixedType refuses a change of type that PostgreSQL refuses, or for which it
// would rebuild an index.
func fixedType(t *planner.Table, column, name string) error {
	for _, d := range t.Dependents {
		if slices.Contains(d.Columns, column) && slices.Contains(typeBound, d.Kind) {
			return &planner.Unsupported{
				What: "ALTER COLUMN " + name + " TYPE", Reason: "the " + d.Kind + " " + d.Name + " depends on the column",
				Instead: "drop it before and create it again after",
			}
		}
	}
	for _, i := range t.Indexes {
		if !i.Simple && slices.Contains(i.Columns, column) {
			return &planner.Unsupported{
				What:    "ALTER COLUMN " + name + " TYPE",
				Reason:  "PostgreSQL would rebuild the index " + i.Name + " and block the table meanwhile, because it has an expression or a predicate",
				Instead: "drop the index in a migration before, create it again in one after",
			}
		}
	}
	return nil
}

// noLongerFits tells that a value of the wider type is not one of the old type.
func noLongerFits(c planner.Column, wide string) string {
	col := quote(c.Name)
	if t, err := readType(c.Type); err == nil && plainTypeName(t) == "numeric" && len(modsOf(t)) == 2 {
		m := modsOf(t) // an explicit cast would fail where it does not fit
		return fmt.Sprintf("%s <> 'NaN' AND (abs(%s) >= 1e%d OR %s <> round(%s, %d))", col, col, m[0]-m[1], col, col, m[1])
	}
	return cast(cast(col, c.Type), wide) + " IS DISTINCT FROM " + col
}

func lowerAddCheck(s *planner.Schema, o planner.OpAddCheck) ([]plan.Step, error) {
	table, name := quoteRef(o.Table.Ref), o.Change.Name
	taken := takenChecks(o.Table, o.Earlier)
	switch {
	case name == "":
		name = checkDefaultName(o.Table.Ref.Name, o.Change.Check, taken)
	case slices.Contains(taken, name):
		return nil, &planner.Unsupported{What: "ADD CONSTRAINT " + name, Reason: "a constraint of that name is there already"}
	}
	drop := "ALTER TABLE " + table + " DROP CONSTRAINT IF EXISTS " + quote(name)
	add := fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT %s CHECK (%s)", table, quote(name), o.Change.Check.SQL(bareColumn))
	object := s.Display(o.Table.Ref)
	steps := []plan.Step{catalogStep("add check "+name+" to "+object, "NOT VALID looks at no row that is there",
		plan.Lock{Mode: lockAccessExclusive, Object: object}, []string{add + " NOT VALID"}, []string{drop})}
	if !o.Change.NotValid {
		steps = append(steps, validateStep("validate check "+name, plan.Lock{Mode: lockShareUpdateExclusive, Object: object}, o.Table,
			"ALTER TABLE "+table+" VALIDATE CONSTRAINT "+quote(name)))
	}
	return steps, nil
}

// takenChecks are the names of the table's constraints and of those that the
// migration adds before.
func takenChecks(t *planner.Table, earlier []planner.AddCheck) []string {
	var taken []string
	for _, k := range t.Constraints {
		taken = append(taken, k.Name)
	}
	for _, c := range earlier {
		if c.Name == "" {
			c.Name = checkDefaultName(t.Ref.Name, c.Check, taken)
		}
		taken = append(taken, c.Name)
	}
	return taken
}

// checkDefaultName is the name that PostgreSQL gives to an unnamed check:
// table_column_check if it is about one column, else table_check, with a number
// if that is taken (ChooseConstraintName in pg_constraint.c).
func checkDefaultName(table string, check planner.Expr, taken []string) string {
	column := ""
	if cols := check.Columns(); len(cols) == 1 {
		column = cols[0]
	}
	name := objectNameOf(table, column, "check")
	for n := 1; slices.Contains(taken, name); n++ {
		name = objectNameOf(table, column, fmt.Sprintf("check%d", n))
	}
	return name
}
