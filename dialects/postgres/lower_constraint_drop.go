package postgres

import (
	"fmt"
	"slices"
	"strings"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// lowerDropConstraint drops a constraint. Whatever was valid with it is valid
// without it. Its undo cannot fail on rows that came since where PostgreSQL can
// keep a constraint that is not valid for them.
func lowerDropConstraint(s *planner.Schema, o planner.OpDropConstraint) (planner.Lowered, error) {
	if o.Replaced {
		return planner.Lowered{}, nil // in the instant in which the other is added
	}
	r := removal{s: s, o: o, table: quoteRef(o.Table.Ref), label: s.Display(o.Table.Ref)}
	k := o.Constraint
	step := catalogStep("drop "+k.Kind+" "+k.Name+" of "+r.label, "everything that was valid with it is valid without it",
		plan.Lock{Mode: lockAccessExclusive, Object: r.label},
		[]string{fmt.Sprintf("ALTER TABLE %s DROP CONSTRAINT %s", r.table, quote(k.Name))}, nil)
	step.UndoMode = plan.Each
	out := planner.Lowered{}
	var err error
	if o.Until != nil {
		step, err = r.loosen(step, *o.Until)
		out.Steps = []plan.Step{step}
		return out, err
	}
	switch k.Kind {
	case kindUnique, kindPrimaryKey:
		out.Hazards, err = r.key(&step)
	case kindExclusion:
		step.UndoStatements = []plan.Statement{{SQL: r.add(k.Definition), Probe: r.there(false)}}
	case kindForeignKey:
		if other := referredTable(k.Definition); other != (planner.Ref{}) && s.Display(other) != r.label {
			step.AlsoLocks = []plan.Lock{{Mode: lockAccessExclusive, Object: s.Display(other)}}
		}
		step.UndoStatements = r.again()
	default:
		step.UndoStatements = r.again()
	}
	out.Steps = []plan.Step{seal(step)}
	return out, err
}

// removal is a constraint on its way out.
type removal struct {
	s            *planner.Schema
	o            planner.OpDropConstraint
	table, label string
}

func (r removal) add(clause string) string {
	return fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT %s %s", r.table, quote(r.o.Constraint.Name), clause)
}

// there asks whether the constraint is there, and validated if so asked.
func (r removal) there(validated bool) string {
	sql := fmt.Sprintf("SELECT EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE conrelid = %s::regclass AND conname = %s",
		literal(r.table), literal(r.o.Constraint.Name))
	if validated {
		sql += " AND convalidated"
	}
	return sql + ")"
}

// again adds a check or foreign key, and validates it if that can be done: rows
// that came since may be against it, and stay.
func (r removal) again() []plan.Statement {
	def, wasInvalid := strings.CutSuffix(r.o.Constraint.Definition, " NOT VALID")
	out := []plan.Statement{{SQL: r.add(def + " NOT VALID"), Probe: r.there(false)}}
	if wasInvalid {
		return out
	}
	validate := "ALTER TABLE " + r.table + " VALIDATE CONSTRAINT " + quote(r.o.Constraint.Name)
	return append(out, plan.Statement{Probe: r.there(true), SQL: "DO " + dollarQuoted(fmt.Sprintf(
		" BEGIN\n  %s;\nEXCEPTION WHEN check_violation OR foreign_key_violation THEN\n"+
			"  RAISE WARNING 'rows that came since are against it: it stays NOT VALID';\nEND ", validate))})
}

// key drops a unique or primary key with its index. ON CONFLICT names such
// columns, and a replica tells rows apart by the primary key.
func (r removal) key(step *plan.Step) ([]plan.Hazard, error) {
	k, t := r.o.Constraint, r.o.Table
	for _, d := range t.Dependents {
		if d.Kind == kindForeignKey && sameSet(d.Columns, k.Columns) {
			return nil, &planner.Unsupported{
				What: "DROP CONSTRAINT " + k.Name, Reason: "the foreign key " + d.Name + " refers to it", Instead: "drop the foreign key first",
			}
		}
	}
	at := slices.IndexFunc(t.Indexes, func(i planner.Index) bool { return i.Constraint == k.Name })
	if at < 0 {
		return nil, &planner.Unsupported{What: "DROP CONSTRAINT " + k.Name, Reason: "its index was not found"}
	}
	a := addition{s: r.s, o: planner.OpAddConstraint{Table: t, Constraint: planner.ConstraintDef{Kind: k.Kind, Name: k.Name}}, name: k.Name, table: r.table, label: r.label}
	build, err := a.rebuild(t.Indexes[at])
	if err != nil {
		return nil, err
	}
	con, err := readConstraint(k.Definition)
	if err != nil {
		return nil, err
	}
	clause, err := usingIndex(con, k.Name)
	if err != nil {
		return nil, err
	}
	build[0].Probe = "SELECT (" + r.there(false)[len("SELECT "):] + ") OR (" + build[0].Probe[len("SELECT "):] + ")"
	step.UndoStatements = append(build, plan.Statement{SQL: r.add(clause), Probe: r.there(false)})
	step.UndoLoses = &plan.Check{SQL: duplicates(t, t.Indexes[at]), Message: "rows that came since have the same values in " + strings.Join(k.Columns, ", ")}
	hazards := []plan.Hazard{{
		Rule: "index-drop-hits-queries", Severity: plan.Warning,
		Message: fmt.Sprintf("with %s goes its index: queries over %s slow down, and INSERT … ON CONFLICT (%s) of running versions fails", k.Name, strings.Join(k.Columns, ", "), strings.Join(k.Columns, ", ")),
		Instead: "if running versions do that, -- migrate:phase contract before the statement lets it wait for them",
	}}
	if k.Kind == kindPrimaryKey {
		hazards = append(hazards, plan.Hazard{
			Rule: "replica-identity-missing", Severity: plan.Warning,
			Message: fmt.Sprintf("without its primary key, %s has no replica identity: where it is published, UPDATE and DELETE fail", r.label),
			Instead: "give it another key, or ALTER TABLE … REPLICA IDENTITY, first",
		})
	}
	return hazards, nil
}

func sameSet(a, b []string) bool {
	x, y := slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return slices.Equal(x, y)
}

// duplicates asks whether rows share the key of a unique index. Where an index
// holds more than plain columns, the server finds out.
func duplicates(t *planner.Table, i planner.Index) string {
	stmt, err := readIndex(i.Definition)
	if err != nil || !i.Simple {
		return "SELECT false"
	}
	var keys, given []string
	for _, n := range stmt.IndexParams {
		column := quote(n.GetIndexElem().GetName())
		keys = append(keys, column)
		if !stmt.NullsNotDistinct {
			given = append(given, column+" IS NOT NULL")
		}
	}
	where := ""
	if len(given) > 0 {
		where = " WHERE " + strings.Join(given, " AND ")
	}
	return fmt.Sprintf("SELECT EXISTS (SELECT FROM %s%s GROUP BY %s HAVING count(*) > 1)", quoteRef(t.Ref), where, strings.Join(keys, ", "))
}

// referredTable is the table that a foreign key's definition refers to.
func referredTable(definition string) planner.Ref {
	k, err := readConstraint(definition)
	if err != nil || k.Pktable == nil {
		return planner.Ref{}
	}
	return refOf(k.Pktable)
}

// referredBy are the locks on the tables that the foreign keys over columns refer
// to, when these go or change: PostgreSQL drops the triggers there.
func referredBy(s *planner.Schema, t *planner.Table, columns []string) []plan.Lock {
	var out []plan.Lock
	for _, k := range t.Constraints {
		if k.Kind != kindForeignKey || !slices.ContainsFunc(k.Columns, func(c string) bool { return slices.Contains(columns, c) }) {
			continue
		}
		other := referredTable(k.Definition)
		lock := plan.Lock{Mode: lockAccessExclusive, Object: s.Display(other)}
		if other != (planner.Ref{}) && other != t.Ref && !slices.Contains(out, lock) {
			out = append(out, lock)
		}
	}
	return out
}
