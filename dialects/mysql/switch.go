package mysql

import (
	"fmt"
	"slices"
	"strings"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// switcher lowers OpSwitch: the moment in which columns take their final names.
//
// Everything happens under LOCK TABLES … WRITE, which DROP TRIGGER, ALTER TABLE
// and CREATE TRIGGER keep, so that to the app it is one instant. The lock goes
// when we die, and what the app then finds must be writable in both shapes:
//   - triggers gone, names old: both shapes are there, but no write is carried
//     over any more. Run again, the first statements put the open state's
//     triggers back, and undoAfter carries over what they missed.
//   - names new, triggers not yet there: tombstones can be left out, because
//     they allow NULL or have a default; undoFirst brings them up to date.
type switcher struct {
	d      *dialect
	s      *planner.Schema
	op     planner.OpSwitch
	p      probes
	names  map[string]string // open state's name → final name
	there  []string          // names that exist only after
	gone   []string          // names that exist only before
	before []string
}

func (d *dialect) switchNames(s *planner.Schema, op planner.OpSwitch) (planner.Lowered, error) {
	w := &switcher{d: d, s: s, op: op, p: d.probes(s, op.Table.Ref.Name)}
	w.compose()
	table := op.Table.Ref.Name
	do, undo := w.forward(), w.back()
	st := ddl(table, "switch "+table+" to its new shape", "nobody needs the old shape any more; its columns are kept for the grace", plan.Metadata, do, undo)
	first, err := w.undoFirst()
	if err != nil {
		return planner.Lowered{}, err
	}
	st.UndoFirst, st.UndoFirstUnless = first, w.p.moved(w.gone, w.there)
	if st.UndoAfter, err = w.undoAfter(); err != nil {
		return planner.Lowered{}, err
	}
	return steps(st), nil
}

// compose follows each column through all renames: one ALTER TABLE makes them
// at once, over the names as they are before it.
func (w *switcher) compose() {
	w.names = map[string]string{}
	for _, r := range w.op.Columns {
		from := r.From
		for k, v := range w.names {
			if v == r.From {
				from = k
			}
		}
		if !slices.Contains(w.before, from) {
			w.before = append(w.before, from)
		}
		w.names[from] = r.To
	}
	for _, from := range w.before {
		if !slices.Contains(w.before, w.names[from]) {
			w.there = append(w.there, w.names[from])
		}
		taken := slices.ContainsFunc(w.before, func(b string) bool { return w.names[b] == from })
		if !taken {
			w.gone = append(w.gone, from)
		}
	}
}

// renames writes the ALTER TABLE, forward or back.
func (w *switcher) renames(back bool) string {
	var clauses []string
	for _, from := range w.before {
		a, b := from, w.names[from]
		if back {
			a, b = b, a
		}
		clauses = append(clauses, fmt.Sprintf("RENAME COLUMN %s TO %s", quoteName(a), quoteName(b)))
	}
	for _, r := range w.op.Indexes {
		a, b := r.From, r.To
		if back {
			a, b = b, a
		}
		clauses = append(clauses, fmt.Sprintf("RENAME INDEX %s TO %s", quoteName(a), quoteName(b)))
	}
	return alterTable(w.op.Table.Ref.Name, w.how(), clauses...)
}

// how: MySQL has INSTANT for renamed columns since 8.0.28, and not together with
// indexes nor for columns that a foreign key refers to; INPLACE only touches
// metadata, too.
func (w *switcher) how() string {
	if w.d.maria {
		return instant
	}
	if w.s.VersionNum < mysqlInstantRename || len(w.op.Indexes) > 0 {
		return inplace
	}
	for _, dep := range w.op.Table.Dependents {
		if dep.Kind == "foreign key" && slices.ContainsFunc(dep.Columns, func(c string) bool { return slices.Contains(w.before, c) }) {
			return inplace
		}
	}
	return instant
}

// tombstones are the columns of the old shape that stay behind, must have a
// value, and have no default to be left out by: open name first.
func (w *switcher) tombstones() []planner.Column {
	var out []planner.Column
	for _, from := range w.before {
		c := w.op.Table.Column(from)
		if c == nil || !c.NotNull || !c.Default.IsZero() || c.Generated != "" {
			continue
		}
		if !slices.Contains(w.before, w.names[from]) && w.op.Table.Column(w.names[from]) == nil {
			out = append(out, *c)
		}
	}
	return out
}

// together are the tombstones that a write either has all of or none: those that
// the open state derives from the new shape. The rest stand alone.
func (w *switcher) together() [][]planner.Column {
	var paired []planner.Column
	var out [][]planner.Column
	for _, c := range w.tombstones() {
		derived := w.op.Open != nil && slices.ContainsFunc(w.op.Open.Groups, func(g planner.Group) bool {
			return slices.ContainsFunc(g.Down, func(a planner.Assign) bool { return a.Column == c.Name })
		})
		if derived {
			paired = append(paired, c)
			continue
		}
		out = append(out, []planner.Column{c})
	}
	if len(paired) > 0 {
		out = append(out, paired)
	}
	return out
}

// setDefaults gives tombstones that are still NOT NULL a default. The probes
// skip those that expand has made nullable, and all when the names are new:
// then another column may have the name.
func (w *switcher) setDefaults() []plan.Statement {
	var out []plan.Statement
	for _, cs := range w.together() {
		st, nullable := w.alterDefaults(cs, func(c planner.Column) string { return "SET DEFAULT " + w.d.implicit(c) })
		out = append(out, stmt(st, fmt.Sprintf("SELECT %s OR (%s)", nullable, w.p.moved(w.there, w.gone))))
	}
	return out
}

// dropDefaults takes the defaults away again. back says that the names are old: until
// then the tombstones have those of the grace.
func (w *switcher) dropDefaults(back string) []plan.Statement {
	var out []plan.Statement
	for _, cs := range w.together() {
		st, nullable := w.alterDefaults(cs, func(planner.Column) string { return "DROP DEFAULT" })
		aside := make([]string, len(cs))
		for i, c := range cs {
			aside[i] = w.names[c.Name]
		}
		out = append(out, stmt(st, fmt.Sprintf("SELECT CASE WHEN (%s) THEN %s ELSE NOT (%s) END", back, nullable, w.p.allNullable(aside, false))))
	}
	return out
}

// alterDefaults changes the defaults of columns in one statement, and says with
// what condition they are not all NOT NULL.
func (w *switcher) alterDefaults(cs []planner.Column, how func(planner.Column) string) (statement, nullable string) {
	var names, clauses []string
	for _, c := range cs {
		names = append(names, c.Name)
		clauses = append(clauses, "ALTER COLUMN "+quoteName(c.Name)+" "+how(c))
	}
	return alterTable(w.op.Table.Ref.Name, instant, clauses...), fmt.Sprintf("NOT (%s)", w.p.allNullable(names, false))
}

// dropStandIns takes MariaDB's defaults for the open state away again; those of
// tombstones have just got another. When the names are new, another column may
// have the name.
func (w *switcher) dropStandIns(done string) []plan.Statement {
	ins := slices.DeleteFunc(w.d.standIns(w.op.Open), func(a planner.Assign) bool {
		return slices.ContainsFunc(w.tombstones(), func(c planner.Column) bool { return c.Name == a.Column })
	})
	out := w.d.dropStandIns(w.p, ins)
	for i := range out {
		out[i].Probe = fmt.Sprintf("SELECT (%s) OR (%s)", out[i].Probe, done)
	}
	return out
}

// restate gives columns that have taken their final names what must not act
// before, or takes it away again: ON UPDATE would write the new column where an
// old version writes the old one. A placeholder goes.
func (w *switcher) restate(back bool) []plan.Statement {
	var clauses []string
	for _, r := range w.op.Rebuilt {
		c := r.Column
		c.Type, c.NotNull = r.Type, r.NotNull
		// So the shadow was made.
		was := c
		was.Rest, was.Default = visibility(c.Rest), r.Default
		if !r.Placeholder.IsZero() {
			was.Default = r.Placeholder
		}
		c.Rest, c.Comment, c.Default = r.Rest, r.Comment, r.Default
		before, after := w.d.restated(was), w.d.restated(c)
		switch {
		case before == after:
		case back:
			clauses = append(clauses, before)
		default:
			clauses = append(clauses, after)
		}
	}
	if len(clauses) == 0 {
		return nil
	}
	probe := ""
	if back {
		// Once the names are old, they are other columns'.
		probe = w.p.moved(w.gone, w.there)
	}
	return stmts(stmt(alterTable(w.op.Table.Ref.Name, instant, clauses...), probe))
}

// implicit is the default that stands for "no value" in a tombstone.
func (d *dialect) implicit(c planner.Column) string {
	t := parseType(c.Type)
	switch t.class() {
	case classInt, classDecimal, classFloat, classBit:
		return "0"
	case classTemporal:
		switch t.name {
		case "time":
			return "'00:00:00'"
		case "year":
			return "'2000'"
		case "date":
			return "'1970-01-01'"
		}
		return "'1970-01-02 00:00:00'"
	case classEnum:
		if t.name == "enum" {
			return quoteString(t.elems[0])
		}
	case classJSON:
		if d.maria {
			return "'null'"
		}
		return "(CAST('null' AS JSON))"
	case classString, classBinary, classOther:
	}
	if t.isLOB() && !d.maria {
		return "(CONCAT(''))" // a mere literal in parentheses is none to ALTER COLUMN
	}
	return "''"
}

func (w *switcher) forward() []plan.Statement {
	table := quoteName(w.op.Table.Ref.Name)
	out := stmts(stmt(setMode, ""))
	done := w.p.moved(w.there, w.gone)
	out = append(out, w.again(w.op.Open, done)...)
	out = append(out, lockTable(table))
	// First of all: without a trigger, new versions' INSERTs need them.
	out = append(out, ahead(w.setDefaults())...)
	if w.op.Open != nil {
		out = append(out, drop(w.d.triggersOf(w.op.Open))...)
	}
	out = append(out, ahead(w.dropStandIns(done))...)
	out = append(out, ahead(stmts(stmt(w.renames(false), done)))...)
	out = append(out, w.restate(false)...)
	if w.op.Grace != nil {
		out = append(out, ahead(w.d.create(w.p, w.d.triggersOf(w.op.Grace)))...)
	}
	return append(out, unlock)
}

// again puts triggers back that an interrupted run has dropped, unless it has got
// as far as the names.
func (w *switcher) again(sync *planner.Sync, done string) []plan.Statement {
	if sync == nil {
		return nil
	}
	var out []plan.Statement
	ts := w.d.triggersOf(sync)
	for _, t := range []trigger{ts.update, ts.insert} {
		out = append(out, stmt(t.sql, fmt.Sprintf("SELECT %s OR (%s)", w.p.triggerThere(t.name), done)))
	}
	table := w.op.Table.Ref.Name
	return w.d.spared(table, fmt.Sprintf("%s OR (%s)", w.p.triggersThere(ts), done), out...)
}

func (w *switcher) back() []plan.Statement {
	table := quoteName(w.op.Table.Ref.Name)
	done := w.p.moved(w.gone, w.there)
	out := append(stmts(stmt(setMode, "")), w.again(w.op.Grace, done)...)
	out = append(out, lockTable(table))
	if w.op.Grace != nil {
		out = append(out, drop(w.d.triggersOf(w.op.Grace))...)
	}
	out = append(out, ahead(w.restate(true))...)
	out = append(out, ahead(stmts(stmt(w.renames(true), done)))...)
	if w.op.Open != nil {
		out = append(out, ahead(w.d.create(w.p, w.d.triggersOf(w.op.Open)))...)
	}
	out = append(out, ahead(w.dropDefaults(done))...)
	out = append(out, w.d.setStandIns(w.op.Table.Ref.Name, w.d.standIns(w.op.Open))...)
	return append(out, unlock)
}

// ahead marks statements whose probes no other statement of the switch changes the
// answer to: the triggers' names are one state's own, and the columns' probes speak of
// the names from before, or ask whether they are.
func ahead(ss []plan.Statement) []plan.Statement {
	for i := range ss {
		ss[i].Ahead = ss[i].Probe != ""
	}
	return ss
}

func lockTable(table string) plan.Statement {
	return plan.Statement{SQL: lockTables(table), Locks: true, Holds: true}
}

// undoAfter carries over what was written while the names were old and the open
// state's triggers gone. Only new versions run by then, and what they write is
// right: a column that they do not know follows from the one that they do.
func (w *switcher) undoAfter() (*plan.Chunks, error) {
	if w.op.Open == nil {
		return nil, nil
	}
	k, err := w.d.keyOf(w.op.Table)
	if err != nil {
		return nil, err
	}
	v := verifier{d: w.d, sync: w.op.Open, k: k}
	return v.repair(func(g planner.Group) []planner.Assign {
		if g.Hidden || len(g.Down) == 0 {
			return g.Up
		}
		return g.Down
	}), nil
}

// undoFirst brings the tombstones up to date before they get their names back.
// The grace state's triggers have kept them so; what they missed is what was
// written while we were dead between the renames and the triggers.
func (w *switcher) undoFirst() (*plan.Chunks, error) {
	if w.op.Grace == nil || w.op.Open == nil {
		return nil, nil
	}
	k, err := w.d.keyOf(w.op.Table)
	if err != nil {
		return nil, err
	}
	for i := range k {
		if to, ok := w.names[k[i].name]; ok {
			k[i].name = to
		}
	}
	v := verifier{d: w.d, sync: w.op.Grace, k: k}
	var sets, wrong, assigned []string
	for _, g := range w.op.Grace.Groups {
		downs := g.Down
		if len(g.Nearest) > 0 {
			downs = g.Nearest
		}
		for _, a := range downs {
			cond := v.stale(a, w.open(a.Column), w.forbidsNull(a.Column))
			if cond == "" {
				continue
			}
			sets = append(sets, fmt.Sprintf("%[1]s = IF(%[2]s, %[3]s, %[1]s)", quoteName(a.Column), cond, a.Expr.SQL(quoteName)))
			wrong = append(wrong, cond)
			assigned = append(assigned, a.Column)
		}
	}
	if len(wrong) == 0 {
		return nil, nil
	}
	t, cond := w.op.Table, anyOf(wrong)
	sets = append(sets, keepTimes(w.renamed(), "", assigned)...)
	c := k.chunks(t, func(bounds string) string {
		return fmt.Sprintf("UPDATE %s SET %s WHERE %s AND (%s)", quoteName(t.Ref.Name), strings.Join(sets, ", "), bounds, cond)
	}, cond)
	c.Quiet = quietly(w.op.Grace)
	return c, nil
}

// renamed is the table with its columns' final names.
func (w *switcher) renamed() *planner.Table {
	t := *w.op.Table
	t.Columns = slices.Clone(t.Columns)
	for i := range t.Columns {
		if to, ok := w.names[t.Columns[i].Name]; ok {
			t.Columns[i].Name = to
		}
	}
	return &t
}

// open is the open state's group that a tombstone is of, over the final names.
func (w *switcher) open(tombstone string) planner.Group {
	for _, g := range w.op.Open.Groups {
		g = renamedGroup(g, w.names)
		if slices.ContainsFunc(append(slices.Clone(g.Up), g.Down...), func(a planner.Assign) bool { return a.Column == tombstone }) {
			return g
		}
	}
	return planner.Group{}
}

// forbidsNull reports whether a tombstone was NOT NULL as a column.
func (w *switcher) forbidsNull(tombstone string) bool {
	return slices.ContainsFunc(w.op.Table.Columns, func(c planner.Column) bool { return c.NotNull && w.names[c.Name] == tombstone })
}

// stale is true for rows whose tombstone must be written again before it gets
// its name back: those that the open state would call inconsistent. Where the
// open state knows one direction only, the tombstone may rightly differ from
// what down gives, and is only filled, where NULL cannot be what it held.
func (v verifier) stale(a planner.Assign, open planner.Group, required bool) string {
	if len(open.Up) == 0 || len(open.Down) == 0 || !repeatable(open.Up) {
		if !required {
			return ""
		}
		return fmt.Sprintf("%s IS NULL AND %s IS NOT NULL", quoteName(a.Column), paren(a.Expr.SQL(quoteName)))
	}
	return v.lenient(open)
}

func renamedGroup(g planner.Group, names map[string]string) planner.Group {
	return planner.Group{Up: renamedAssigns(g.Up, names), Down: renamedAssigns(g.Down, names)}
}

func renamedAssigns(as []planner.Assign, names map[string]string) []planner.Assign {
	to := func(c string) string {
		if n, ok := names[c]; ok {
			return n
		}
		return c
	}
	out := make([]planner.Assign, len(as))
	for i, a := range as {
		e := a.Expr
		e.Parts = slices.Clone(a.Expr.Parts)
		for j, p := range e.Parts {
			if p.Column != "" {
				e.Parts[j].Column = to(p.Column)
			}
		}
		e.NullInputs = nil
		for _, c := range a.Expr.NullInputs {
			e.NullInputs = append(e.NullInputs, to(c))
		}
		out[i] = planner.Assign{Column: to(a.Column), Expr: e}
	}
	return out
}

// purge ends a table's grace. The triggers go before the columns they mention,
// indexes before columns: a column of an index is not dropped instantly.
func (d *dialect) purge(s *planner.Schema, op planner.OpPurge) (planner.Lowered, error) {
	table := op.Table.Ref.Name
	p := d.probes(s, table)
	var do []plan.Statement
	if op.Sync != nil {
		do = append(do, d.spared(table, "", drop(d.triggersOf(op.Sync))...)...)
	}
	if len(op.Indexes) > 0 {
		var drops []string
		for _, ix := range op.Indexes {
			drops = append(drops, "DROP INDEX "+quoteName(ix))
		}
		do = append(do, stmt(alterTable(table, inplace, drops...), p.indexes(op.Indexes, 0)))
	}
	m := d.dropping(s, op.Table, len(op.Indexed) > 0)
	var drops []string
	for _, c := range op.Columns {
		drops = append(drops, "DROP COLUMN "+quoteName(c))
	}
	if len(drops) > 0 {
		do = append(do, stmt(alterTable(table, m.how, drops...), p.columns(op.Columns, 0)))
	}
	st := ddl(table, "drop what is left of the old shape of "+table, "its grace is over", m.work, do, nil)
	if m.work != plan.Metadata {
		st.Rows = op.Table.Rows
	}
	out := steps(st)
	out.Hazards = d.told(s, op.Table, m, "drop "+strings.Join(op.Columns, ", "))
	return out, nil
}
