package mysql

import (
	"fmt"
	"slices"
	"strings"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// reproved.go knows the checks that MySQL proves again, by copying the table while
// writers wait, whenever any column of the table is renamed or defined anew: enforced
// ones that mention a column whose values mean more or less by the server's settings.
// Columns are added and dropped, and defaults set, as on other tables.

// unenforced ends the definition of a check that the server does not ask.
const unenforced = " NOT ENFORCED"

// reproves reports whether a check of the table is such a one.
func (d *dialect) reproves(t *planner.Table, c planner.Constraint) bool {
	return !d.maria && c.Kind == "check" && !strings.HasSuffix(c.Definition, unenforced) && slices.ContainsFunc(c.Columns, func(name string) bool {
		col := t.Column(name)
		if col == nil {
			return false
		}
		typ := parseType(col.Type)
		return typ.class() == classEnum || typ.class() == classTemporal && typ.name != "year"
	})
}

// reproved is the first such check of a table; nil if there is none.
func (d *dialect) reproved(t *planner.Table) *planner.Constraint {
	i := slices.IndexFunc(t.Constraints, func(c planner.Constraint) bool { return d.reproves(t, c) })
	if i < 0 {
		return nil
	}
	return &t.Constraints[i]
}

// defining says how columns are defined anew that would else be so in some manner.
func (d *dialect) defining(t *planner.Table, m manner) manner {
	if d.reproved(t) == nil {
		return m
	}
	return manner{copyShared, plan.Rewrite}
}

// toldDefining are the hazards of defining columns anew.
func (d *dialect) toldDefining(s *planner.Schema, t *planner.Table, m manner, what string) []plan.Hazard {
	out := d.told(s, t, m, what)
	ck := d.reproved(t)
	for i := range out {
		if out[i].Rule != ruleLock || ck == nil {
			continue
		}
		out[i].Message += fmt.Sprintf(", since %s mentions a date, a time, an ENUM or a SET", joinWords("check", ck.Name))
		out[i].Instead = "write DROP CHECK before it in the same file, if the app can do without the check (adding it again copies the table, too); " +
			"or allow it for a table so small that it takes no time"
	}
	return out
}
