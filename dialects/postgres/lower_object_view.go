package postgres

import (
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// Weigh says what the statements on one object do together. A view that is
// dropped and made again with every column that it had takes nothing away.
func (Dialect) Weigh(_ *planner.Schema, changes []planner.Direct, before *planner.Object) planner.Effect {
	out := planner.Strongest(changes, before)
	if out != planner.Narrows || before == nil || changes[0].Object.Kind != kindView {
		return out
	}
	var columns []string
	for _, c := range changes {
		tree, err := parseSQL(c.SQL)
		if err != nil || len(tree.Stmts) != 1 {
			return out
		}
		if v := tree.Stmts[0].Stmt.GetViewStmt(); v != nil {
			columns = viewColumns(v)
		} else if c.Effect != planner.Widens && tree.Stmts[0].Stmt.GetDropStmt() == nil {
			return out
		}
	}
	had := list(before.Facts[factColumns])
	if len(columns) == 0 || len(missing(had, columns)) > 0 {
		return out
	}
	return planner.Widens
}

// viewColumns are the names of a view's columns; nil if they cannot be read
// from its text (SELECT *).
func viewColumns(v *pg.ViewStmt) []string {
	columns := columnsOf(v)
	if columns == nil {
		return nil
	}
	aliases, _ := names(v.Aliases)
	if len(aliases) > len(columns) {
		return nil
	}
	return append(slices.Clone(aliases), columns[len(aliases):]...)
}

func missing(from, in []string) []string {
	var out []string
	for _, c := range from {
		if !slices.Contains(in, c) {
			out = append(out, c)
		}
	}
	return out
}

// viewDeed makes a view. One that is replaced in place keeps its number, so
// that what depends on it stays.
func (g *directs) viewDeed(c planner.Direct, x *pg.ViewStmt) deed {
	name := g.s.Display(g.ref())
	d := deed{do: []string{c.SQL}, undo: []string{"DROP " + g.target()}, why: "a new view is in nobody's way"}
	if g.before == nil || !c.Replaces || g.dropped {
		g.tellColumns(&d, x)
		return d
	}
	d.lock = plan.Lock{Mode: lockAccessExclusive, Object: name}
	d.why = "it keeps every column that it had"
	d.notes = []string{"old versions read the new definition of view " + name + " from then on, too"}
	first := strings.Replace(list(g.before.Definition)[0], "CREATE VIEW", "CREATE OR REPLACE VIEW", 1)
	if g.before.Facts[factDependents] != "" {
		d.undo = []string{first}
	} else {
		d.undo = append([]string{"DROP " + g.target()}, g.restore()...)
	}
	return d
}

// tellColumns warns of columns that only come with the new definition, since
// new versions would need them before.
func (g *directs) tellColumns(d *deed, x *pg.ViewStmt) {
	if !g.dropped || g.before == nil {
		return
	}
	had, now := list(g.before.Facts[factColumns]), viewColumns(x)
	added, lost := missing(now, had), missing(had, now)
	if now == nil || len(added) == 0 || len(lost) == 0 {
		return
	}
	name := g.s.Display(g.ref())
	d.hazards = append(d.hazards, plan.Hazard{
		Rule: "view-depends-on-column", Severity: plan.Warning,
		Message: "view " + name + " changes in contract, because old versions read " + strings.Join(lost, ", ") + " from it: until then new versions do not find " + strings.Join(added, ", "),
		Instead: "keep the old columns beside the new ones and drop them in a later migration, or give the new view another name",
	})
}

// fence drops views by renaming them, as tables are dropped: nothing is lost
// before the grace is over, and they follow what they depend on.
func (g *directs) fence() ([]plan.Step, error) {
	old := g.before.Ref
	tomb := planner.Ref{Schema: old.Schema, Name: g.hidden("_migrate_old_", old.Name)}
	kind := strings.ToUpper(g.object.Kind)
	rename := func(from planner.Ref, to string) string {
		return "ALTER " + kind + " " + quoteRef(from) + " RENAME TO " + quote(to)
	}
	name := g.s.Display(old)
	do, undo := []string{rename(old, tomb.Name)}, []string{}
	var before []plan.Step
	titles := []string{"rename " + g.object.Kind + " " + name + " to its tombstone " + tomb.Name}
	again := false
	for i, n := range g.nodes {
		switch {
		case n.GetDropStmt() != nil:
			continue
		case n.GetCreateTableAsStmt() != nil:
			again = true
			step, swap, back, err := g.rebuild(tomb.Name)
			if err != nil {
				return nil, err
			}
			before = append(before, step)
			do, undo = append(swap.first, append(do, swap.then...)...), append(undo, back...)
		case n.GetIndexStmt() != nil:
			continue // rebuild has made it
		case n.GetViewStmt() != nil:
			again = true
			do = append(do, g.deeds[i].do...)
			undo = append(undo, "DROP "+kind+" "+quoteRef(old))
		default:
			do = append(do, g.deeds[i].do...)
		}
		titles = append(titles, titleOf(g.changes[i].What))
	}
	undo = append(undo, rename(tomb, old.Name))
	why := "whoever still uses it fails at once, and nothing is lost yet"
	if again {
		why = "in one transaction, so that nobody finds it missing"
	}
	fence := catalogStep(strings.Join(titles, ", "), why, plan.Lock{Mode: lockAccessExclusive, Object: name}, do, undo)
	purge := catalogStep("drop "+g.object.Kind+" "+g.s.Display(tomb)+" (was "+name+")", "its grace is over; this cannot be undone",
		plan.Lock{Mode: lockAccessExclusive, Object: g.s.Display(tomb)}, []string{"DROP " + kind + " " + quoteRef(tomb)}, nil)
	purge.AfterGrace = true
	return append(before, fence, purge), nil
}

// swap are the statements around the renaming of the old one.
type swap struct{ first, then []string }

// rebuild fills the new materialized view and its indexes under hidden names,
// while everybody reads the old one.
func (g *directs) rebuild(tomb string) (plan.Step, swap, []string, error) {
	old := g.before.Ref
	hidden := planner.Ref{Schema: old.Schema, Name: g.hidden("_migrate_new_", old.Name)}
	var do, back []string
	var s swap
	taken := list(g.before.Facts[factTables])
	index := func(from, to string) string {
		return "ALTER INDEX " + quoteRef(planner.Ref{Schema: old.Schema, Name: from}) + " RENAME TO " + quote(to)
	}
	for _, name := range taken {
		aside := g.hidden("_migrate_old_", name)
		s.first = append(s.first, index(name, aside))
		back = append(back, index(aside, name))
	}
	view := "ALTER MATERIALIZED VIEW " + quoteRef(hidden) + " RENAME TO " + quote(old.Name)
	s.then = append(s.then, view)
	undo := []string{"ALTER MATERIALIZED VIEW " + quoteRef(old) + " RENAME TO " + quote(hidden.Name)}
	for _, n := range g.nodes {
		n = clone(n)
		switch x := nodeOf(n).(type) {
		case *pg.CreateTableAsStmt:
			x.Into.Rel.Schemaname, x.Into.Rel.Relname = hidden.Schema, hidden.Name
		case *pg.IndexStmt:
			aside := g.hidden("_migrate_new_", x.Idxname)
			s.then = append(s.then, index(aside, x.Idxname))
			undo = append(undo, index(x.Idxname, aside))
			x.Relation.Schemaname, x.Relation.Relname, x.Idxname = hidden.Schema, hidden.Name, aside
		default:
			continue
		}
		sql, err := deparse(n)
		if err != nil {
			return plan.Step{}, swap{}, nil, err
		}
		do = append(do, sql)
	}
	step := catalogStep("fill materialized view "+g.s.Display(old)+" anew as "+hidden.Name, "everybody reads the old one meanwhile (which becomes "+tomb+")",
		plan.Lock{}, do, []string{"DROP MATERIALIZED VIEW " + quoteRef(hidden)})
	step.Work, step.StatementTimeoutMS = plan.Scan, 0
	return step, s, append(undo, back...), nil
}

// refreshDeed fills a materialized view anew, beside its readers if it can.
func (g *directs) refreshDeed(c planner.Direct, x *pg.RefreshMatViewStmt) (deed, error) {
	name := g.s.Display(g.ref())
	d := deed{apart: true, work: plan.Scan, lock: plan.Lock{Mode: lockAccessExclusive, Object: name}}
	online := g.before != nil && !g.created && g.before.Facts[factUnique] != "" && g.before.Facts[factPopulated] == "true" && !x.SkipData
	if online {
		x = clone(x)
		x.Concurrent = true
		d.lock.Mode, d.why = lockExclusive, "CONCURRENTLY: its readers go on meanwhile"
	} else if g.before != nil && g.before.Facts[factPopulated] == "true" {
		d.hazards = append(d.hazards, plan.Hazard{
			Rule: "table-rewrite", Severity: plan.Error, Message: c.What + " lets nobody read it while its query runs",
			Instead: "give it a unique index over plain columns, with which it can be refreshed beside its readers",
		})
	}
	sql, err := deparse(&pg.Node{Node: &pg.Node_RefreshMatViewStmt{RefreshMatViewStmt: x}})
	d.do = []string{sql}
	return d, err
}
