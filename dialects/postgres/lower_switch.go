package postgres

import (
	"fmt"
	"slices"
	"strings"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// lowerSwitch is one short transaction, also where several tables are in it.
func lowerSwitch(s *planner.Schema, o planner.OpSwitch) (planner.Lowered, error) {
	out, err := switchOf(s, o)
	if err != nil {
		return out, err
	}
	for _, also := range o.And {
		l, err := switchOf(s, also)
		if err != nil {
			return out, err
		}
		out = inOneMoment(out, l)
	}
	if len(o.Types) > 0 {
		last := &out.Steps[len(out.Steps)-1]
		do, undo := renameTypes(o.Types)
		for _, b := range bridgesOf(s, o.Bridges) {
			do = slices.Concat(b.before(back).leave(), do, b.after(there).cross())
			undo = slices.Concat(b.after(there).leave(), undo, b.before(back).cross())
		}
		last.Statements = append(plain(do...), last.Statements...)
		last.UndoStatements = append(plain(undo...), last.UndoStatements...)
		*last = seal(*last)
		out.Notes = append(out.Notes, remadeNote(s, o.Bridges)...)
	}
	return out, nil
}

// inOneMoment makes one step of the last steps of two switches.
func inOneMoment(a, b planner.Lowered) planner.Lowered {
	x, y := a.Steps[len(a.Steps)-1], b.Steps[len(b.Steps)-1]
	x.Title += "; " + y.Title
	x.Statements = slices.Concat(x.Statements, y.Statements)
	x.UndoStatements = slices.Concat(y.UndoStatements, x.UndoStatements)
	x.AlsoLocks = append(append(slices.Clone(x.AlsoLocks), y.Lock), y.AlsoLocks...)
	switch {
	case x.UndoFirst == nil:
		x.UndoFirst = y.UndoFirst
	case y.UndoFirst != nil:
		x.UndoFirstAlso = append(x.UndoFirstAlso, *y.UndoFirst)
	}
	return planner.Lowered{
		Steps:   slices.Concat(a.Steps[:len(a.Steps)-1], b.Steps[:len(b.Steps)-1], []plan.Step{seal(x)}),
		Hazards: slices.Concat(a.Hazards, b.Hazards), Notes: slices.Concat(a.Notes, b.Notes),
	}
}

func renameTypes(types []planner.TypeRename) (do, undo []string) {
	for _, t := range types {
		do = append(do, "ALTER TYPE "+quoteRef(t.From)+" RENAME TO "+quote(t.To))
		undo = append(undo, "ALTER TYPE "+quoteRef(planner.Ref{Schema: t.From.Schema, Name: t.To})+" RENAME TO "+quote(t.From.Name))
	}
	slices.Reverse(undo)
	return do, undo
}

// switchOf: to the app, columns, indexes and trigger of a table change hands in
// one instant.
func switchOf(s *planner.Schema, o planner.OpSwitch) (planner.Lowered, error) {
	if len(o.Types) > 0 {
		if err := strangers(o.Table, o); err != nil {
			return planner.Lowered{}, err
		}
	}
	table, name := quoteRef(o.Table.Ref), s.Display(o.Table.Ref)
	var do, undo []string
	for _, y := range []*planner.Sync{o.Open, o.Grace} {
		if y != nil {
			if err := shadowOf(s, y).checkNames(); err != nil {
				return planner.Lowered{}, err
			}
		}
	}
	if o.Open != nil {
		do = append(do, shadowOf(s, o.Open).drop()...)
	}
	for _, r := range o.Columns {
		do = append(do, "ALTER TABLE "+table+" RENAME COLUMN "+quote(r.From)+" TO "+quote(r.To))
	}
	for _, r := range o.Indexes {
		do = append(do, renameIndex(o.Table, r.From, r.To))
	}
	rep := replacementOf(s, o)
	names, back, err := rep.names()
	if err != nil {
		return planner.Lowered{}, err
	}
	do = append(do, names...)
	named, unnamed := renameNotNulls(s, o)
	do = append(do, named...)
	if o.Grace != nil {
		do = append(do, shadowOf(s, o.Grace).create()...)
		undo = append(undo, shadowOf(s, o.Grace).drop()...)
	}
	undo = append(append(undo, unnamed...), back...)
	for _, r := range slices.Backward(o.Indexes) {
		undo = append(undo, renameIndex(o.Table, r.To, r.From))
	}
	undo = append(undo, rep.clustered()...)
	for _, r := range slices.Backward(o.Columns) {
		undo = append(undo, "ALTER TABLE "+table+" RENAME COLUMN "+quote(r.To)+" TO "+quote(r.From))
	}
	if o.Open != nil {
		undo = append(undo, shadowOf(s, o.Open).create()...)
	}
	with, err := lowerWith(s, o.With)
	if err != nil {
		return planner.Lowered{}, err
	}
	for i, st := range with.Steps {
		do = append(do, sqlOf(st.Statements)...)
		undo = append(undo, sqlOf(with.Steps[len(with.Steps)-1-i].UndoStatements)...)
	}
	var titles []string
	for _, r := range o.Columns {
		titles = append(titles, r.From+" → "+r.To)
	}
	title := "switch " + name + " to the new shape"
	if len(titles) > 0 {
		title += ": " + strings.Join(titles, ", ")
	}
	step := catalogStep(
		title, "one transaction: whoever still uses the old shape fails from here on, and nothing is lost during the grace",
		plan.Lock{Mode: lockAccessExclusive, Object: name}, do, undo,
	)
	for _, st := range with.Steps {
		for _, l := range append([]plan.Lock{st.Lock}, st.AlsoLocks...) {
			if l.Object != "" && l.Object != name {
				step.AlsoLocks = append(step.AlsoLocks, l)
			}
		}
	}
	step.UndoFirst = catchUp(s, o)
	copies, err := rep.copies()
	if err != nil {
		return planner.Lowered{}, err
	}
	released, err := rep.release()
	if err != nil {
		return planner.Lowered{}, err
	}
	with.Steps = slices.Concat(copies, released, []plan.Step{step})
	with.Notes = append(moved(s, o), with.Notes...)
	return with, nil
}

// lowerWith lowers the statements that go along with a switch.
func lowerWith(s *planner.Schema, directs []planner.OpDirect) (planner.Lowered, error) {
	var out planner.Lowered
	for _, d := range directs {
		l, err := lowerDirect(s, d)
		if err != nil {
			return planner.Lowered{}, err
		}
		for _, st := range l.Steps {
			if st.Mode != plan.InTx || st.UndoMode != "" && st.UndoMode != plan.InTx || st.Work != plan.Metadata {
				return planner.Lowered{}, &planner.Unsupported{
					What: d.Changes[0].What, Reason: "it cannot be part of the short transaction in which columns change their names",
					Instead: "drop it in a migration before, and create it again in one after",
				}
			}
		}
		out.Steps = append(out.Steps, l.Steps...)
		out.Hazards = append(out.Hazards, l.Hazards...)
		out.Notes = append(out.Notes, l.Notes...)
	}
	return out, nil
}

func sqlOf(statements []plan.Statement) []string {
	out := make([]string, len(statements))
	for i, st := range statements {
		out[i] = st.SQL
	}
	return out
}

// moved tells of columns that a new one replaces: PostgreSQL adds columns at the
// end and cannot place them, which matters to who names no columns; and their
// type is another from one statement to the next.
func moved(s *planner.Schema, o planner.OpSwitch) []string {
	var out []string
	last := len(o.Table.Columns) - 1
	for i, c := range o.Table.Columns {
		replaced := slices.ContainsFunc(o.Columns, func(r planner.Rename) bool { return r.To == c.Name && o.Table.Column(r.From) == nil })
		if replaced && i < last {
			name := s.Display(o.Table.Ref)
			out = append(out, fmt.Sprintf("column %s.%s is rebuilt and will stand last in %s: an INSERT without a column list would put values into other columns than before",
				name, c.Name, name))
		}
	}
	for _, r := range o.Rebuilt {
		out = append(out, fmt.Sprintf("when column %s.%s is switched, prepared statements that return it fail once in each session (cached plan must not change result type), as with ALTER COLUMN TYPE",
			s.Display(o.Table.Ref), r.Column.Name))
	}
	return out
}

func renameIndex(t *planner.Table, from, to string) string {
	return "ALTER INDEX " + quoteRef(planner.Ref{Schema: t.Ref.Schema, Name: from}) + " RENAME TO " + quote(to)
}

// renameNotNulls has the constraints of NOT NULL columns follow a swap: from
// PostgreSQL 18 on they have names, which the naive ALTER COLUMN TYPE keeps. The
// shadow's has the name that SET NOT NULL gave it, if it was made NOT NULL.
func renameNotNulls(s *planner.Schema, o planner.OpSwitch) (do, undo []string) {
	if s.VersionNum < 180000 {
		return nil, nil
	}
	for i, r := range o.Columns {
		at := slices.IndexFunc(o.Columns[:i], func(before planner.Rename) bool { return before.From == r.To })
		if at < 0 || o.Table.Column(r.From) != nil { // no shadow takes a place
			continue
		}
		name := objectNameOf(o.Table.Ref.Name, r.To, "not_null")
		tomb := objectNameOf(o.Table.Ref.Name, o.Columns[at].To, "not_null")
		shadow := objectNameOf(o.Table.Ref.Name, r.From, "not_null")
		for _, k := range o.Table.Constraints {
			if k.Kind == kindNotNull && slices.Equal(k.Columns, []string{r.To}) {
				name = k.Name
			}
		}
		do = append(do, renameConstraintIf(o.Table.Ref, name, tomb), renameConstraintIf(o.Table.Ref, shadow, name))
		undo = append(undo, renameConstraintIf(o.Table.Ref, name, shadow), renameConstraintIf(o.Table.Ref, tomb, name))
	}
	return do, undo
}

// renameConstraintIf renames a constraint that may not be there.
func renameConstraintIf(table planner.Ref, from, to string) string {
	return "DO " + dollarQuoted(fmt.Sprintf(
		" BEGIN\n  IF EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE conrelid = %s::regclass AND conname = %s) THEN\n"+
			"    ALTER TABLE %s RENAME CONSTRAINT %s TO %s;\n  END IF;\nEND ",
		literal(quoteRef(table)), literal(from), quoteRef(table), quote(from), quote(to),
	))
}

// catchUp brings tombstones up to date before they become columns again: where
// neither old = down(new) nor new = up(old) holds, a write has passed the grace
// trigger by, and the new shape is the one that was written. A row whose new
// shape is what up made of the old one keeps it: down may give back less. Where
// nothing leads up, only a NULL where there can be none says so.
func catchUp(s *planner.Schema, o planner.OpSwitch) *plan.Chunks {
	if o.Grace == nil {
		return nil
	}
	p := pass{table: o.Table, label: s.Display(o.Table.Ref), quiet: quietly(o.Grace)}
	key := slices.Clone(o.Table.Key)
	for i, k := range key {
		key[i] = renamed(o.Columns, k)
	}
	after := *o.Table
	after.Key = key
	p.table = &after
	for _, g := range o.Grace.Groups {
		if len(g.Down) == 0 || anyVolatile(g.Down) {
			continue
		}
		down := g.Down
		if len(g.Nearest) > 0 {
			down = g.Nearest
		}
		off := offTarget(typed(o.Grace.Columns, down), bareColumn)
		up, alone := upOf(o, g)
		switch {
		case len(up) > 0:
			off = "(" + off + ") AND (" + offTarget(typed(o.Grace.Columns, up), bareColumn) + ")"
		case alone:
			if off = unfilledTombstones(o, down); off == "" {
				continue
			}
		}
		p.jobs = append(p.jobs, job{set: down, todo: off, candidates: off, fallible: true})
	}
	if len(p.jobs) == 0 {
		return nil
	}
	return p.chunks(s)
}

// unfilledTombstones is the condition for rows in which a column that forbids NULL has none; empty
// if there is no such column.
func unfilledTombstones(o planner.OpSwitch, down []planner.Assign) string {
	var out []string
	for _, a := range down {
		for _, c := range o.Table.Columns {
			if c.NotNull && renamed(o.Columns, c.Name) == a.Column {
				out = append(out, quote(a.Column)+" IS NULL AND ("+a.Expr.SQL(bareColumn)+") IS NOT NULL")
			}
		}
	}
	return strings.Join(out, " OR ")
}

// upOf finds the transform that led to a grace group's columns in the open
// state, in the names of the grace state; nil if there is none to rely on. alone:
// the open state has a way down and none up that could be relied on.
func upOf(o planner.OpSwitch, grace planner.Group) (up []planner.Assign, alone bool) {
	if len(grace.Led) > 0 {
		return grace.Led, false
	}
	if o.Open == nil {
		return nil, false
	}
	for _, g := range o.Open.Groups {
		if !slices.ContainsFunc(g.Down, func(a planner.Assign) bool { return renamed(o.Columns, a.Column) == grace.Down[0].Column }) {
			continue
		}
		if len(g.Up) == 0 || anyVolatile(g.Up) {
			return nil, true
		}
		for _, a := range g.Up {
			up = append(up, planner.Assign{Column: renamed(o.Columns, a.Column), Expr: renamedExpr(o.Columns, a.Expr)})
		}
		return up, false
	}
	return nil, false
}

// renamed follows a column through renames made one after the other.
func renamed(renames []planner.Rename, column string) string {
	for _, r := range renames {
		if r.From == column {
			column = r.To
		}
	}
	return column
}

func renamedExpr(renames []planner.Rename, e planner.Expr) planner.Expr {
	e.Parts = slices.Clone(e.Parts)
	for i, p := range e.Parts {
		if p.Column != "" {
			e.Parts[i].Column = renamed(renames, p.Column)
		}
	}
	return e
}
