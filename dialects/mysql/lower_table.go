package mysql

import (
	"fmt"
	"strings"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// lower_table.go gives a table a new name while both names are in use.
//
// In expand a view under the new name lets new versions in. In contract the
// table takes the new name and a view the old one. A name that means a table now
// and a view then must change in one statement, and RENAME TABLE is the only one
// that changes several names at once. It locks them in the order of their names.
// A statement over the view holds the view's lock and asks for the table's: if
// RENAME has that one already, they wait for each other, the server makes the
// statement begin again, and MariaDB (10.11, 11.8) crashes when it then finds a
// table where it had found a view. So the table goes by a name of our own that is
// behind every other one, and each RENAME locks views before it:
//
//	old: table, new: view of old
//	RENAME old TO ~h, (view of ~h) TO old     the view new reads the view old reads ~h
//	CREATE OR REPLACE VIEW new of ~h
//	RENAME new TO …, old TO …, ~h TO new, (view of new) TO old
//	new: table, old: view of new
//
// Both names can be read and written at every instant. Whoever dies between goes
// on from there: each statement's probe asks what the names are by now.

// alias makes names for what is there only during the change.
type alias struct {
	d        *dialect
	t        *planner.Table
	from, to string // the table's name, and the one that it gets
}

// hidden is a name of our own, behind all that people use: sorted by bytes, a
// tilde comes after every letter of ASCII, and the replacement character after
// every letter that the servers take. The latter is only used where it must be:
// not every database can hold it.
func (a alias) hidden(suffix string) string {
	mark := "~"
	if max(a.from, a.to) >= mark {
		mark = "\uFFFD"
	}
	name := []rune(a.t.Ref.Name)
	if room := a.d.MaxIdentifier() - len([]rune(mark)) - len(suffix); len(name) > room {
		name = name[:room]
	}
	return mark + string(name) + suffix
}

// columns are those that a view shows.
func (a alias) columns() string {
	var names []string
	for _, c := range a.t.Columns {
		names = append(names, c.Name)
	}
	return quoteNames(names)
}

// view makes a view of a table or view, for whoever may use that: the rights are
// asked of the one who uses it.
func (a alias) view(name, of string) string {
	return fmt.Sprintf("CREATE OR REPLACE SQL SECURITY INVOKER VIEW %s AS SELECT %s FROM %s", quoteName(name), a.columns(), quoteName(of))
}

// is tells whether a name is that of a table, or of a view.
func (d *dialect) is(s *planner.Schema, name string, view bool) string {
	return d.probes(s, name).kind(view)
}

// kind counts tables or views of the name.
func (p probes) kind(view bool) string {
	op := "="
	if view {
		op = "<>"
	}
	return fmt.Sprintf("SELECT COUNT(*) FROM information_schema.tables WHERE %s AND table_type %s 'BASE TABLE'", p.where("table_name"), op)
}

func anyQuery(queries ...string) string {
	var parts []string
	for _, q := range queries {
		parts = append(parts, "("+q+")")
	}
	return "SELECT " + strings.Join(parts, " OR ")
}

// swap takes the table from one name to another, leaving a view behind. It may
// begin anywhere between, in its own course or in that of its reverse.
func (a alias) swap(s *planner.Schema) []plan.Statement {
	h, p, u, v := a.hidden(""), a.hidden("_p"), a.hidden("_u"), a.hidden("_v")
	away := a.d.is(s, a.from, true) // the table has left its name
	done := a.d.is(s, a.to, false)  // and has come to its new one
	view := a.d.is(s, p, true)
	rename := func(pairs ...string) string {
		var out []string
		for i := 0; i < len(pairs); i += 2 {
			out = append(out, quoteName(pairs[i])+" TO "+quoteName(pairs[i+1]))
		}
		return "RENAME TABLE " + strings.Join(out, ", ")
	}
	return stmts(
		// What a run that was cut off has put out of the way.
		stmt(fmt.Sprintf("DROP VIEW IF EXISTS %s, %s", quoteName(u), quoteName(v)), ""),
		// A view can only be made of what is there: for a moment something is.
		stmt(fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s LIKE %s", quoteName(h), quoteName(a.from)), anyQuery(away, view)),
		stmt(a.view(p, h), anyQuery(away, view)),
		// While the table has its name, this is only the stand-in.
		stmt("DROP TABLE IF EXISTS "+quoteName(h), anyQuery(away, a.d.probes(s, h).noTable())),
		stmt(rename(a.from, h, p, a.from), away),
		stmt(a.view(a.to, h), done),
		stmt(a.view(p, a.to), done),
		stmt(rename(a.to, u, a.from, v, h, a.to, p, a.from), done),
		stmt(fmt.Sprintf("DROP VIEW IF EXISTS %s, %s, %s", quoteName(p), quoteName(u), quoteName(v)), ""),
		// A run that was cut off before it had begun in earnest leaves the stand-in.
		stmt("DROP TABLE IF EXISTS "+quoteName(h), fmt.Sprintf("SELECT NOT (%s) OR (%s)", done, a.d.probes(s, h).noTable())),
	)
}

func (d *dialect) aliasTable(s *planner.Schema, op planner.OpAliasTable) (planner.Lowered, error) {
	a := alias{d: d, t: op.Table, from: op.Table.Ref.Name, to: op.Name}
	for _, c := range op.Table.Columns {
		if strings.Contains(c.Rest, invisible) {
			return planner.Lowered{}, d.unsupported(fmt.Sprintf("column %s.%s", a.from, c.Name),
				"it is invisible, and a view, which stands in for the table under its other name, shows every column that it has", "make it visible before")
		}
	}
	st := ddl(a.from, fmt.Sprintf("let table %s be used as %s, too", a.from, a.to), "new versions use the new name before the table has it", plan.Metadata,
		stmts(stmt(a.view(a.to, a.from), d.is(s, a.to, true))),
		stmts(stmt("DROP VIEW IF EXISTS "+quoteName(a.to), d.is(s, a.to, false))))
	// Making a view reads the table's definition, like any query.
	st.Lock = plan.Lock{Mode: lockShared, Object: a.from}
	out := steps(st)
	out.Notes = []string{fmt.Sprintf("%s and %s are the same rows, but one of the two is a view: TRUNCATE, LOCK TABLES, index hints and further changes of the table want the table itself", a.from, a.to)}
	return out, nil
}

const lockShared = "MDL SHARED"

func (d *dialect) swapTable(s *planner.Schema, op planner.OpSwapTable) planner.Lowered {
	from, to := op.Table.Ref.Name, op.To
	there := alias{d: d, t: op.Table, from: from, to: to}
	back := alias{d: d, t: op.Table, from: to, to: from}
	st := ddl(from, fmt.Sprintf("rename table %s to %s", from, to), "the old name stays for the grace, as a view", plan.Metadata, there.swap(s), back.swap(s))
	st.AlsoLocks = []plan.Lock{{Mode: lockExclusive, Object: to}}
	return steps(st)
}

func (d *dialect) dropAlias(s *planner.Schema, op planner.OpDropAlias) planner.Lowered {
	name := op.Table.Ref.Name
	return steps(ddl(name, fmt.Sprintf("drop the view %s, the old name of %s", name, op.To), "its grace is over", plan.Metadata,
		stmts(stmt("DROP VIEW IF EXISTS "+quoteName(name), d.probes(s, name).noTable())), nil))
}
