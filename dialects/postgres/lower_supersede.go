package postgres

import (
	"fmt"
	"slices"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// lower_supersede.go: constraints that take the place of others of their name.

// Supersede implements planner.Dialect: a check can always be joined with another. A foreign key can stand
// beside another one over the same columns; whose action allows more than to
// refuse, or which may be checked later, refuses nothing that the other accepted.
func (Dialect) Supersede(s *planner.Schema, t *planner.Table, old planner.Constraint, by planner.ConstraintDef) planner.Effect {
	was, err := readConstraint(old.Definition)
	if err != nil || t.Kind != "table" {
		return ""
	}
	switch old.Kind {
	case kindCheck:
		return planner.Narrows
	case kindForeignKey:
		is, err := readConstraint(by.SQL)
		if err != nil {
			return ""
		}
		refers, referred := s.Table(refOf(is.Pktable)), s.Table(refOf(was.Pktable))
		columns, _ := names(was.PkAttrs)
		to := by.RefColumns
		if len(to) == 0 && refers != nil {
			to = refers.Key
		}
		if refers == nil || refers != referred || !slices.Equal(columns, to) || !slices.Equal(old.Columns, by.Columns) {
			return ""
		}
		if loosens(was.FkDelAction, is.FkDelAction) && loosens(was.FkUpdAction, is.FkUpdAction) && (is.Deferrable || !was.Deferrable) &&
			(is.Initdeferred || !was.Initdeferred) && (was.FkMatchtype == is.FkMatchtype || is.FkMatchtype == "s") {
			return planner.Widens
		}
		return planner.Narrows
	}
	return ""
}

// loosens compares the actions of two foreign keys, by the letters of
// pg_constraint: a and r refuse.
func loosens(old, by string) bool {
	refuses := func(a string) bool { return a == "a" || a == "r" || a == "" }
	return old == by || refuses(old) && by != "r"
}

// interimClause is a check of what either of two accepts.
func interimClause(i planner.Interim) (string, error) {
	k, err := readConstraint(i.Old.Definition)
	if err != nil {
		return "", err
	}
	old, err := deparseScalar(k.RawExpr)
	if err != nil {
		return "", fmt.Errorf("writing the check %s: %w", i.Old.Name, err)
	}
	return fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT %s CHECK ((%s) OR (%s)) NOT VALID", quoteRef(i.Table.Ref), quote(i.Name), old, i.New.SQL(bareColumn)), nil
}

// loosen has the interim take the check's place.
func (r removal) loosen(step plan.Step, i planner.Interim) (plan.Step, error) {
	add, err := interimClause(i)
	if err != nil {
		return step, err
	}
	step.Title = "have check " + i.Name + " of " + r.label + " take the place of " + i.Old.Name
	step.Why = "until contract it accepts what the old check or the new one accepts"
	step.Statements = append(plain(add), step.Statements...)
	there := r
	there.o.Constraint.Name = i.Name
	step.UndoStatements = append(r.again(), plan.Statement{
		SQL: fmt.Sprintf("ALTER TABLE %s DROP CONSTRAINT %s", r.table, quote(i.Name)), Probe: "SELECT NOT (" + there.there(false)[len("SELECT "):] + ")",
	})
	return seal(step), nil
}

func lowerDropInterim(s *planner.Schema, o planner.OpDropInterim) ([]plan.Step, error) {
	add, err := interimClause(o.Interim)
	if err != nil {
		return nil, err
	}
	label := s.Display(o.Interim.Table.Ref)
	return []plan.Step{catalogStep(
		"drop check "+o.Interim.Name+" of "+label, "check "+o.Interim.Old.Name+" holds again", plan.Lock{Mode: lockAccessExclusive, Object: label},
		[]string{"ALTER TABLE " + quoteRef(o.Interim.Table.Ref) + " DROP CONSTRAINT " + quote(o.Interim.Name)}, []string{add},
	)}, nil
}

// supersede adds a foreign key under another name, and has it take the place of
// the old one when it is proved.
func (a addition) supersede() planner.Lowered {
	beside := a
	beside.name = a.o.Hidden
	out := beside.foreignKey()
	old := removal{s: a.s, o: planner.OpDropConstraint{Table: a.o.Table, Constraint: *a.o.Replaces}, table: a.table, label: a.label}
	hidden := old
	hidden.o.Constraint.Name = a.o.Hidden
	rename := func(from, to string) string {
		return "ALTER TABLE " + a.table + " RENAME CONSTRAINT " + quote(from) + " TO " + quote(to)
	}
	step := catalogStep("have foreign key "+a.o.Hidden+" of "+a.label+" take the place of "+a.name, "there is no moment without one of them",
		plan.Lock{Mode: lockAccessExclusive, Object: a.label},
		[]string{"ALTER TABLE " + a.table + " DROP CONSTRAINT " + quote(a.name), rename(a.o.Hidden, a.name)}, nil)
	step.AlsoLocks = a.refers(lockAccessExclusive)
	step.UndoMode = plan.Each
	step.UndoStatements = append([]plan.Statement{{SQL: rename(a.name, a.o.Hidden), Probe: hidden.there(false)}}, old.again()...)
	out.Steps = append(out.Steps, seal(step))
	return out
}
