package mysql

import (
	"fmt"
	"slices"
	"strings"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// dependants.go gives columns what they need for a while only: MariaDB's
// stand-in defaults while two shapes live, attributes that must not act before
// the switch.

// standIns are the defaults that columns of the old shape get on MariaDB while
// new versions leave them out. For all but INSERT … VALUES that server looks for
// columns without a default before it asks any trigger (error 1364). The default
// is what the trigger would make of the row, so that nobody can tell which of the
// two it was, and nothing that an app writes is taken for absent.
func (d *dialect) standIns(sync *planner.Sync) []planner.Assign {
	if !d.maria || sync == nil || sync.State == "grace" {
		return nil
	}
	var out []planner.Assign
	for _, g := range sync.Groups {
		if g.Hidden {
			continue // every version writes the old name
		}
		for _, a := range g.Down {
			c := columnOf(sync, a.Column)
			has := func(b planner.Assign) bool { return b.Column == a.Column }
			if c.NotNull && c.Default.IsZero() && c.Generated == "" && !slices.ContainsFunc(g.OldDefaults, has) && !slices.Contains(a.Expr.Columns(), a.Column) {
				out = append(out, planner.Assign{Column: a.Column, Expr: overDefaults(a.Expr, g.NewDefaults)})
			}
		}
	}
	return out
}

// overDefaults reads, for a column that is left out, its default.
func overDefaults(e planner.Expr, defaults []planner.Assign) planner.Expr {
	out := e
	out.Parts = nil
	for _, p := range e.Parts {
		i := slices.IndexFunc(defaults, func(a planner.Assign) bool { return p.Column != "" && a.Column == p.Column })
		if i < 0 {
			out.Parts = append(out.Parts, p)
			continue
		}
		out.Parts = append(out.Parts, planner.Part{Text: "COALESCE("}, p, planner.Part{Text: ", "})
		out.Parts = append(out.Parts, defaults[i].Expr.Parts...)
		out.Parts = append(out.Parts, planner.Part{Text: ")"})
	}
	return out
}

// setStandIns and dropStandIns are the statements for some of them.
func (d *dialect) setStandIns(table string, ins []planner.Assign) []plan.Statement {
	if len(ins) == 0 {
		return nil
	}
	clauses := make([]string, len(ins))
	for i, a := range ins {
		clauses[i] = fmt.Sprintf("ALTER COLUMN %s SET DEFAULT (%s)", quoteName(a.Column), a.Expr.SQL(quoteName))
	}
	return stmts(stmt(alterTable(table, instant, clauses...), ""))
}

func (d *dialect) dropStandIns(p probes, ins []planner.Assign) []plan.Statement {
	if len(ins) == 0 {
		return nil
	}
	clauses, names := make([]string, len(ins)), make([]string, len(ins))
	for i, a := range ins {
		clauses[i], names[i] = fmt.Sprintf("ALTER COLUMN %s DROP DEFAULT", quoteName(a.Column)), a.Column
	}
	return stmts(stmt(alterTable(p.table, instant, clauses...), p.noDefaults(names)))
}

// standInsOf names the columns.
func standInsOf(table string, ins []planner.Assign) string {
	names := make([]string, len(ins))
	for i, a := range ins {
		names[i] = table + "." + a.Column
	}
	if len(names) == 1 {
		return names[0] + " has"
	}
	return strings.Join(names, ", ") + " have"
}

// noDefaults tells that none of the columns has a default any more.
func (p probes) noDefaults(names []string) string {
	return fmt.Sprintf("SELECT COUNT(*) = 0 FROM information_schema.columns WHERE %s AND %s AND column_default IS NOT NULL",
		p.where("table_name"), among("column_name", names))
}

// indexKind tells the kinds of index apart that need care; plain ones are "".
func indexKind(ix planner.Index) string {
	switch {
	case strings.HasPrefix(ix.Definition, "CREATE FULLTEXT"):
		return "FULLTEXT"
	case strings.HasPrefix(ix.Definition, "CREATE SPATIAL"):
		return "SPATIAL"
	}
	before := ""
	for _, t := range tokens(ix.Definition) {
		text := t.text
		if t.kind != tokPunct {
			text = ""
		}
		if text == "(" && (before == "(" || before == ",") {
			return "functional"
		}
		before = text
	}
	return ""
}

// visibility is what of a column's further attributes does nothing by itself.
func visibility(rest string) string {
	if strings.Contains(rest, invisible) {
		return invisible
	}
	return ""
}

// inPlace orders new columns so that each ends where it shall: of two that are to
// stand behind the same column, the last one added does. A shadow stands right
// behind its original, and so comes after the user's own; those that the user
// wants behind a shadow's name come after that.
func inPlace(columns []planner.NewColumn) []planner.NewColumn {
	var own, shadows, behind []planner.NewColumn
	for _, n := range columns {
		if n.After != "" {
			shadows = append(shadows, n)
		}
	}
	for _, n := range columns {
		_, place := placeOf(n.Rest)
		follows := func(o planner.NewColumn) bool { return place == "AFTER "+quoteName(o.Name) }
		switch {
		case n.After != "":
		case slices.ContainsFunc(shadows, follows) || slices.ContainsFunc(behind, follows):
			behind = append(behind, n)
		default:
			own = append(own, n)
		}
	}
	return slices.Concat(own, shadows, behind)
}
