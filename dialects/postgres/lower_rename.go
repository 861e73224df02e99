package postgres

import (
	"strings"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// Facts of tables that a second name of it needs.
const (
	// factOwner is the table's owner, where that is not the role that migrates.
	factOwner = "owner"
	// factGrants lists who may read and write the table, one a line: a
	// statement's GRANT without the word and with %s for the table.
	factGrants = "grants"
)

// alias is a view that stands for a table under another name. PostgreSQL writes
// through it by itself (docs, CREATE VIEW, Updatable Views), with the table's
// own defaults, constraints and triggers.
type alias struct {
	s     *planner.Schema
	table *planner.Table
	name  planner.Ref // the view
	of    planner.Ref // the table, under the name that it has then
}

// create makes the view, with the rights that the table has. From PostgreSQL 15
// on it asks for the caller's own rights on the table; before, for those of its
// owner, who therefore is the table's.
func (a alias) create() []string {
	columns := make([]string, len(a.table.Columns))
	for i, c := range a.table.Columns {
		columns[i] = c.Name
	}
	with := ""
	if a.s.VersionNum >= 150000 {
		with = " WITH (security_invoker = true)"
	}
	view := quoteRef(a.name)
	out := []string{"CREATE VIEW " + view + with + " AS SELECT " + quoteAll(columns) + " FROM " + quoteRef(a.of)}
	if owner := a.table.Facts[factOwner]; owner != "" {
		out = append(out, "ALTER VIEW "+view+" OWNER TO "+quote(owner))
	}
	if grants := a.table.Facts[factGrants]; grants != "" {
		for g := range strings.SplitSeq(grants, "\n") {
			before, after, _ := strings.Cut(g, "%s")
			out = append(out, "GRANT "+before+view+after)
		}
	}
	return out
}

func (a alias) drop() string { return "DROP VIEW " + quoteRef(a.name) }

func (a alias) sibling(name string) planner.Ref {
	return planner.Ref{Schema: a.table.Ref.Schema, Name: name}
}

func lowerAliasTable(s *planner.Schema, o planner.OpAliasTable) (planner.Lowered, error) {
	name := s.Display(o.Table.Ref)
	if o.Table.Facts[factRowSecurity] != "" && s.VersionNum < 150000 {
		return planner.Lowered{}, &planner.Unsupported{
			What: "ALTER TABLE " + name + " RENAME", Reason: "it has row security, and before PostgreSQL 15 a view shows rows as its owner sees them, not as its reader does",
			Instead: "let the app go on with the old name, or upgrade the server first",
		}
	}
	a := alias{s: s, table: o.Table, of: o.Table.Ref}
	a.name = a.sibling(o.Name)
	to := s.Display(a.name)
	step := catalogStep("create view "+to+" over "+name, "new versions read and write the table under its new name through the view, old ones as before",
		plan.Lock{Mode: lockAccessShare, Object: name}, a.create(), []string{a.drop()})
	return planner.Lowered{
		Steps: []plan.Step{step},
		Notes: []string{"until contract " + to + " is a view: SELECT, INSERT … ON CONFLICT, UPDATE, DELETE and COPY … TO of a query work with it; " +
			"COPY … FROM, TRUNCATE, foreign keys to it and DDL on it do not. Afterwards the same holds for " + name + " until its grace ends"},
	}, nil
}

// lowerSwapTable changes the two names in one transaction. Sequences, indexes
// and constraints keep theirs, as with ALTER TABLE … RENAME itself.
func lowerSwapTable(s *planner.Schema, o planner.OpSwapTable) []plan.Step {
	before := alias{s: s, table: o.Table, of: o.Table.Ref}
	before.name = before.sibling(o.To)
	after := alias{s: s, table: o.Table, name: o.Table.Ref, of: before.name}
	rename := func(from, to planner.Ref) string {
		return "ALTER TABLE " + quoteRef(from) + " RENAME TO " + quote(to.Name)
	}
	name := s.Display(o.Table.Ref)
	do := append([]string{before.drop(), rename(before.of, after.of)}, after.create()...)
	undo := append([]string{after.drop(), rename(after.of, before.of)}, before.create()...)
	step := catalogStep("rename table "+name+" to "+s.Display(before.name),
		"one transaction: from here on the old name is the view, for whoever still uses it during the grace",
		plan.Lock{Mode: lockAccessExclusive, Object: name}, do, undo)
	step.AlsoLocks = []plan.Lock{{Mode: lockAccessExclusive, Object: s.Display(before.name)}}
	return []plan.Step{step}
}

func lowerDropAlias(s *planner.Schema, o planner.OpDropAlias) []plan.Step {
	a := alias{s: s, table: o.Table, name: o.Table.Ref}
	a.of = a.sibling(o.To)
	step := catalogStep("drop view "+s.Display(a.name)+", the old name of "+s.Display(a.of), "its grace is over; this cannot be undone",
		plan.Lock{Mode: lockAccessExclusive, Object: s.Display(a.name)}, []string{a.drop()}, nil)
	step.AfterGrace = true
	return []plan.Step{step}
}
