package postgres

import (
	"fmt"
	"slices"
	"strings"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// lowerAddColumns adds plain columns in one statement, and each that the server
// computes for every row, which is another thing, in a step of its own.
func lowerAddColumns(s *planner.Schema, o planner.OpAddColumns) (planner.Lowered, error) {
	out := planner.Lowered{}
	for rest := o.Columns; len(rest) > 0; {
		bare := rest
		if i := slices.IndexFunc(rest, func(c planner.NewColumn) bool { return c.Generated == generatedStored }); i >= 0 {
			bare = rest[:i]
		}
		if len(bare) > 0 {
			step, err := addColumns(s, o.Table, bare)
			if err != nil {
				return out, err
			}
			out.Steps = append(out.Steps, step)
			out.Hazards = append(out.Hazards, counted(s, o.Table, bare)...)
		}
		if rest = rest[len(bare):]; len(rest) > 0 {
			step, hazard := addStored(s, o.Table, rest[0])
			out.Steps, out.Hazards = append(out.Steps, step), append(out.Hazards, hazard)
			rest = rest[1:]
		}
	}
	return out, nil
}

// counted tells of columns that count by themselves, that the server itself
// would write the table anew for them.
func counted(s *planner.Schema, t *planner.Table, columns []planner.NewColumn) []plan.Hazard {
	for _, c := range columns {
		if c.Generated == "" {
			continue
		}
		return []plan.Hazard{{
			Rule: "identity-rewrites", Severity: plan.Info,
			Message: fmt.Sprintf("the rows of %s get their numbers in chunks, and so perhaps others than by one ALTER TABLE", s.Display(t.Ref)),
			Instead: "nothing, unless their order matters: then fill the column with an UPDATE of your own",
		}}
	}
	return nil
}

// addStored runs as it is: PostgreSQL has no other way to a stored column.
func addStored(s *planner.Schema, t *planner.Table, c planner.NewColumn) (plan.Step, plan.Hazard) {
	table, name := quoteRef(t.Ref), s.Display(t.Ref)
	add := fmt.Sprintf("ALTER TABLE %s ADD COLUMN %s %s GENERATED ALWAYS AS (%s) STORED", table, quote(c.Name), c.Type, c.GeneratedAs.SQL(bareColumn))
	if c.NotNull {
		add += " NOT NULL"
	}
	step := catalogStep("add stored column "+name+"."+c.Name, "PostgreSQL computes it for every row while it writes the table anew",
		plan.Lock{Mode: lockAccessExclusive, Object: name}, []string{add},
		[]string{"ALTER TABLE " + table + " DROP COLUMN " + quote(c.Name)})
	step.Work, step.Rows, step.StatementTimeoutMS = plan.Rewrite, t.Rows, 0
	return step, plan.Hazard{
		Rule: "stored-generated-rewrites", Severity: plan.Error,
		Message: fmt.Sprintf("nobody can read or write %s while PostgreSQL writes all of it anew, with %s computed", name, c.Name),
		Instead: fmt.Sprintf("a plain column: ADD COLUMN %s %s, with -- migrate:up %s.%s = …: it is filled in chunks", c.Name, c.Type, name, c.Name),
	}
}

func addColumns(s *planner.Schema, t *planner.Table, columns []planner.NewColumn) (plan.Step, error) {
	table, name := quoteRef(t.Ref), s.Display(t.Ref)
	var adds, drops, titles, more, before, kept []string
	for _, c := range columns {
		if d, ok := checkedDomain(s, c.Type); ok {
			return plan.Step{}, &planner.Unsupported{
				What: name + "." + c.Name, Reason: "its type " + d + " is a domain with constraints: adding it rewrites the table",
				Instead: "add the column with the domain's base type and a CHECK",
			}
		}
		c = alike(c)
		add := "ADD COLUMN " + quote(c.Name) + " " + c.Type
		if c.NotNull {
			add += " NOT NULL"
		}
		if !c.Default.IsZero() {
			add += " DEFAULT " + c.Default.SQL(bareColumn)
		}
		adds = append(adds, add)
		drops = append(drops, "DROP COLUMN "+quote(c.Name))
		titles = append(titles, name+"."+c.Name)
		if c.Comment != "" {
			more = append(more, "COMMENT ON COLUMN "+table+"."+quote(c.Name)+" IS "+literal(c.Comment))
		}
		shared, err := inherited(t, c)
		if err != nil {
			return plan.Step{}, err
		}
		create, own, err := ownSequence(t, c)
		if err != nil {
			return plan.Step{}, err
		}
		before, more = append(before, create...), slices.Concat(more, shared, own)
		if c.Guarded {
			kept = append(kept, holdsValue(c))
		}
	}
	slices.Reverse(drops)
	do := slices.Concat(before, []string{"ALTER TABLE " + table + " " + strings.Join(adds, ", ")}, more)
	step := catalogStep(
		"add column "+strings.Join(titles, ", "), "the new column changes nothing for who does not name it",
		plan.Lock{Mode: lockAccessExclusive, Object: name},
		do, []string{"ALTER TABLE " + table + " " + strings.Join(drops, ", ")},
	)
	if len(kept) > 0 {
		step.UndoLoses = &plan.Check{
			SQL:     "SELECT EXISTS (SELECT FROM " + table + " WHERE " + strings.Join(kept, " OR ") + ")",
			Message: "rows have values in " + strings.Join(titles, ", ") + " that exist nowhere else",
		}
	}
	return step, nil
}
