package mysql

import (
	"fmt"
	"slices"
	"strings"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// bypass is the session variable by which our own writes ask the triggers to
// leave them alone.
const bypass = "@migrate_bypass"

// quiet names, beside bypass, the sync whose triggers are to take back what the user's have made of
// the row. Another migration's on the same table know nothing of the columns that are written.
const quiet = "@migrate_quiet"

// quietly is the name for whose triggers there is something to take back; empty if there is nothing.
func quietly(sync *planner.Sync) string {
	if len(othersWrite(sync)) == 0 {
		return ""
	}
	return sync.Name
}

// othersWrite lists the columns that the user's triggers may change in a row which a
// backfill or a repair updates: those of neither shape, in the table's order.
func othersWrite(sync *planner.Sync) []string {
	var out []string
	named := strings.Split(sync.Table.Facts[factChangingTriggers], listSeparator)
	for _, c := range sync.Table.Columns {
		if slices.Contains(named, c.Name) && !slices.Contains(sync.Both(), c.Name) && (c.Generated == "" || c.Generated == "auto_increment") {
			out = append(out, c.Name)
		}
	}
	return out
}

// triggers are the two triggers of a sync, in the order in which they are
// created: an insert trigger alone would fill rows whose later changes nobody
// carries over, an update trigger alone merely heals.
type triggers struct{ update, insert trigger }

type trigger struct{ name, sql string }

// triggersOf writes the triggers of a sync. They act in creation order behind
// the user's own. They assign NEW only, so they need no right of the app's and
// can cause no loop; sql_mode is that of the session that creates them.
func (d *dialect) triggersOf(sync *planner.Sync) triggers {
	w := &triggerWriter{d: d, sync: sync, open: sync.State != "grace", standIns: d.standIns(sync)}
	name := "migrate_" + sync.Name + "_" + sync.State
	create := func(suffix, event string, group func(planner.Group)) trigger {
		w.b.Reset()
		w.depth = 0
		w.line("CREATE TRIGGER %s BEFORE %s ON %s FOR EACH ROW", quoteName(name+suffix), event, quoteName(sync.Table.Ref.Name))
		w.begin("BEGIN")
		w.begin("IF %s IS NULL THEN", bypass)
		for _, g := range sync.Groups {
			group(g)
		}
		if others := othersWrite(sync); event == "UPDATE" && len(others) > 0 {
			w.depth--
			w.begin("ELSEIF %s = %s THEN", quiet, quoteString(sync.Name))
			for _, c := range others {
				w.line("SET %s = %s;", newRow(c), oldRow(c))
			}
		}
		w.end("END IF;")
		w.end("END")
		return trigger{name: name + suffix, sql: strings.TrimSuffix(w.b.String(), "\n")}
	}
	return triggers{
		update: create("_upd", "UPDATE", w.updated),
		insert: create("_ins", "INSERT", w.inserted),
	}
}

type triggerWriter struct {
	d    *dialect
	sync *planner.Sync
	open bool
	// standIns are defaults of the old shape's columns that only MariaDB has.
	standIns []planner.Assign
	b        strings.Builder
	depth    int
}

func (w *triggerWriter) line(format string, args ...any) {
	w.b.WriteString(strings.Repeat("  ", w.depth))
	fmt.Fprintf(&w.b, format, args...)
	w.b.WriteByte('\n')
}

func (w *triggerWriter) begin(format string, args ...any) {
	w.line(format, args...)
	w.depth++
}

func (w *triggerWriter) end(text string) {
	w.depth--
	w.line("%s", text)
}

func newRow(column string) string { return "NEW." + quoteName(column) }
func oldRow(column string) string { return "OLD." + quoteName(column) }

// columnOf finds a column of the sync; an unknown one counts as text.
func columnOf(sync *planner.Sync, name string) planner.Column {
	for _, c := range sync.Columns {
		if c.Name == name {
			return c
		}
	}
	return planner.Column{Name: name, Type: "text"}
}

func (w *triggerWriter) column(name string) planner.Column { return columnOf(w.sync, name) }

// charsetOf is the character set of a column: its own, or its table's.
func charsetOf(t *planner.Table, c planner.Column) string {
	if ct := parseType(c.Type); ct.charset != "" {
		return ct.charset
	} else if ct.collate != "" {
		charset, _, _ := strings.Cut(ct.collate, "_")
		return charset
	}
	if c.Charset != "" {
		return c.Charset
	}
	return t.Facts[factCharset]
}

// unset is true when none of the targets has a value.
func unset(as []planner.Assign, row func(string) string) string {
	var conds []string
	for _, a := range as {
		conds = append(conds, row(a.Column)+" IS NULL")
	}
	return strings.Join(conds, " AND ")
}

func (w *triggerWriter) changed(columns []string) string {
	var conds []string
	for _, c := range columns {
		conds = append(conds, not(w.d.sameBytes(parseType(w.column(c).Type), oldRow(c), newRow(c))))
	}
	if len(conds) == 0 {
		return "FALSE"
	}
	return strings.Join(conds, " OR ")
}

// oldWritten is true when an UPDATE of the app's changed the old shape. Where it
// leaves a column with ON UPDATE alone, the server writes the clock into it before
// any trigger runs: that is nobody's word against what a new version wrote.
func (w *triggerWriter) oldWritten(g planner.Group) string {
	var conds []string
	touched := false
	for _, name := range g.Old {
		c := w.column(name)
		cond := w.changed([]string{name})
		if updatesItself(c) {
			touched = true
			cond = "(" + cond + " AND " + not(newRow(name)+" <=> "+clockOf(c)) + ")"
		}
		conds = append(conds, cond)
	}
	if !touched {
		return "old_changed"
	}
	return "(" + strings.Join(conds, " OR ") + ")"
}

// clockOf is what ON UPDATE writes into a column: the time at which the statement
// began, as precise as the column.
func clockOf(c planner.Column) string {
	if digits := parseType(c.Type).length; digits > 0 {
		return fmt.Sprintf("CURRENT_TIMESTAMP(%d)", digits)
	}
	return "CURRENT_TIMESTAMP"
}

// oldAbsent is true when an INSERT said nothing of the old shape: its columns
// are NULL or hold their default. A volatile default cannot be recognised; it
// counts as absent if the other shape is there.
func (w *triggerWriter) oldAbsent(g planner.Group, newPresent bool) string {
	var columns []string
	for _, a := range g.Down {
		columns = append(columns, a.Column)
	}
	if len(columns) == 0 {
		columns = g.Old
	}
	var conds []string
	for _, c := range columns {
		cond := newRow(c) + " IS NULL"
		defaults := slices.Concat(g.OldDefaults, w.standIns)
		if i := slices.IndexFunc(defaults, func(a planner.Assign) bool { return a.Column == c }); i >= 0 {
			def := defaults[i].Expr
			switch {
			case !def.Volatile:
				col := w.column(c)
				cond = "(" + cond + " OR " + w.d.holds(col, charsetOf(w.sync.Table, col), newRow(c), def.SQL(newRow)) + ")"
			case newPresent:
				cond = "TRUE"
			}
		}
		conds = append(conds, cond)
	}
	if len(conds) == 0 {
		return "TRUE"
	}
	return strings.Join(conds, " AND ")
}

// assign sets columns of NEW to expressions over NEW. What an assignment sets
// is seen by the next, so where one reads what another sets, all are evaluated
// first.
func (w *triggerWriter) assign(as []planner.Assign) {
	if !entangled(as) {
		for _, a := range as {
			w.line("SET %s = %s;", newRow(a.Column), a.Expr.SQL(newRow))
		}
		return
	}
	w.begin("BEGIN")
	for i, a := range as {
		c := w.column(a.Column)
		t := parseType(c.Type)
		if t.isText() && t.charset == "" && t.collate == "" && c.Collation != "" {
			t.charset, t.collate = c.Charset, c.Collation
		}
		w.line("DECLARE migrate_value_%d %s DEFAULT %s;", i, t.full(), a.Expr.SQL(newRow))
	}
	for i, a := range as {
		w.line("SET %s = migrate_value_%d;", newRow(a.Column), i)
	}
	w.end("END;")
}

// entangled reports whether an expression reads a column that another
// assignment before it sets.
func entangled(as []planner.Assign) bool {
	for i, a := range as {
		for _, c := range a.Expr.Columns() {
			if slices.ContainsFunc(as[:i], func(b planner.Assign) bool { return b.Column == c }) {
				return true
			}
		}
	}
	return false
}

// inserted writes what an INSERT does for one group (DESIGN, section 5).
func (w *triggerWriter) inserted(g planner.Group) {
	switch {
	case len(g.Up) == 0 && len(g.Down) == 0:
	case g.Hidden:
		w.assign(g.Up)
	case len(g.Up) == 0 && !w.open:
		// Nobody writes the old shape any more.
		w.assign(g.Down)
	case len(g.Up) == 0:
		w.begin("IF %s THEN", w.oldAbsent(g, true))
		w.assign(g.Down)
		w.end("END IF;")
	default:
		w.begin("IF %s THEN", unset(g.Up, newRow))
		if len(g.NewDefaults) > 0 {
			w.begin("IF %s THEN", w.oldAbsent(g, false))
			w.assign(g.NewDefaults)
			w.assign(g.Down)
			w.depth--
			w.begin("ELSE")
			w.assign(g.Up)
			w.end("END IF;")
		} else {
			w.assign(g.Up)
			if lacking := w.lacking(g); len(lacking) > 0 {
				w.begin("IF %s THEN", anyOf(lacking))
				w.assign(g.Down)
				w.end("END IF;")
			}
		}
		if len(g.Down) > 0 {
			w.depth--
			w.begin("ELSEIF %s THEN", w.oldAbsent(g, true))
			w.assign(g.Down)
		}
		w.end("END IF;")
	}
}

// updated writes what an UPDATE does for one group.
func (w *triggerWriter) updated(g planner.Group) {
	switch {
	case len(g.Up) == 0 && len(g.Down) == 0:
		return
	case g.Hidden && len(g.Up) > 0:
		// Nobody else writes the new columns: what they hold follows from the row.
		w.assign(g.Up)
		return
	}
	unfilled := "FALSE"
	if len(g.Up) > 0 {
		unfilled = w.unfilled(g)
	}
	w.begin("BEGIN")
	w.line("DECLARE old_changed BOOL DEFAULT %s;", w.changed(g.Old))
	w.line("DECLARE new_changed BOOL DEFAULT %s;", w.changed(g.New))
	w.line("DECLARE unfilled BOOL DEFAULT %s;", unfilled)
	if len(g.Up) > 0 {
		// A row not yet backfilled is brought up to date first, or down would
		// make of the columns that the statement left alone a loss.
		w.begin("IF unfilled AND new_changed THEN")
		for _, a := range g.Up {
			w.line("IF %s IS NULL THEN SET %s = %s; END IF;", newRow(a.Column), newRow(a.Column), a.Expr.SQL(newRow))
		}
		w.end("END IF;")
		w.begin("IF NOT new_changed AND (old_changed OR unfilled) THEN")
		w.assign(g.Up)
		w.end("END IF;")
	}
	if len(g.Down) > 0 {
		w.begin("IF new_changed AND NOT %s THEN", w.oldWritten(g))
		w.assign(g.Down)
		w.end("END IF;")
	}
	w.end("END;")
}

// unfilled is true for a row that has not been backfilled: its new shape is NULL throughout,
// and not because a new version wrote that, of which down made what the old shape holds.
func (w *triggerWriter) unfilled(g planner.Group) string {
	out := unset(g.Up, oldRow)
	if len(g.Down) == 0 || !repeatable(g.Down) {
		return out
	}
	var held []string
	for _, a := range g.Down {
		c := w.column(a.Column)
		held = append(held, w.d.holds(c, charsetOf(w.sync.Table, c), oldRow(a.Column), a.Expr.SQL(oldRow)))
	}
	return out + " AND " + not(allOf(held))
}

// lacking are the conditions under which an old column still has no value that must have one:
// no old version wrote the row, but a new one that has nothing to say in its shape.
func (w *triggerWriter) lacking(g planner.Group) []string {
	var out []string
	for _, a := range g.Down {
		has := func(b planner.Assign) bool { return b.Column == a.Column }
		if w.column(a.Column).NotNull && !slices.ContainsFunc(g.OldDefaults, has) {
			out = append(out, newRow(a.Column)+" IS NULL")
		}
	}
	return out
}

// create and drop are the statements for a sync's triggers.
func (d *dialect) create(p probes, t triggers) []plan.Statement {
	return stmts(stmt(t.update.sql, p.trigger(t.update.name)), stmt(t.insert.sql, p.trigger(t.insert.name)))
}

func drop(t triggers) []plan.Statement {
	return stmts(
		stmt("DROP TRIGGER IF EXISTS "+quoteName(t.insert.name), ""),
		stmt("DROP TRIGGER IF EXISTS "+quoteName(t.update.name), ""))
}

func (d *dialect) installShadow(s *planner.Schema, sync *planner.Sync) (planner.Lowered, error) {
	if s.Facts[factNoTriggers] != "" {
		return planner.Lowered{}, d.unsupported("the shadow writes of "+sync.Table.Ref.Name,
			"the server keeps a binary log and lets only users with SUPER create triggers (error 1419)",
			"SET GLOBAL log_bin_trust_function_creators = 1, or GRANT SUPER ON *.* to the user that migrates")
	}
	t := d.triggersOf(sync)
	table := sync.Table.Ref.Name
	p := d.probes(s, table)
	create := append(stmts(stmt(setMode, "")), d.spared(table, "", d.create(p, t)...)...)
	ins := d.standIns(sync)
	st := ddl(table, "install the shadow writes of "+table, "every write to one shape is carried to the other", plan.Metadata,
		append(create, d.setStandIns(table, ins)...), append(d.spared(table, "", drop(t)...), d.dropStandIns(p, ins)...))
	out := steps(st)
	if len(ins) > 0 {
		out.Notes = []string{fmt.Sprintf("until contract, %s a default that new versions never see: MariaDB asks for a value before the triggers can supply it (error 1364)", standInsOf(table, ins))}
	}
	out.Hazards = d.timeZones(sync)
	return out, nil
}

func (d *dialect) dropShadow(s *planner.Schema, sync *planner.Sync) (planner.Lowered, error) {
	t := d.triggersOf(sync)
	table := sync.Table.Ref.Name
	p := d.probes(s, table)
	create := append(stmts(stmt(setMode, "")), d.spared(table, "", d.create(p, t)...)...)
	ins := d.standIns(sync)
	st := ddl(table, "remove the shadow writes of "+table, "nobody writes the old shape any more", plan.Metadata,
		append(d.spared(table, "", drop(t)...), d.dropStandIns(p, ins)...), append(create, d.setStandIns(table, ins)...))
	return steps(st), nil
}
