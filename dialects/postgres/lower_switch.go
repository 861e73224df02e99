package postgres

import (
	"slices"
	"strings"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// lowerSwitch is one short transaction: to the app, columns, indexes and
// trigger change hands in one instant.
func lowerSwitch(s *planner.Schema, o planner.OpSwitch) ([]plan.Step, error) {
	table, name := quoteRef(o.Table.Ref), label(s, o.Table.Ref)
	var do, undo []string
	for _, y := range []*planner.Sync{o.Open, o.Grace} {
		if y != nil {
			if err := shadowOf(s, y).checkNames(); err != nil {
				return nil, err
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
	if o.Grace != nil {
		do = append(do, shadowOf(s, o.Grace).create()...)
		undo = append(undo, shadowOf(s, o.Grace).drop()...)
	}
	for _, r := range slices.Backward(o.Indexes) {
		undo = append(undo, renameIndex(o.Table, r.To, r.From))
	}
	for _, r := range slices.Backward(o.Columns) {
		undo = append(undo, "ALTER TABLE "+table+" RENAME COLUMN "+quote(r.To)+" TO "+quote(r.From))
	}
	if o.Open != nil {
		undo = append(undo, shadowOf(s, o.Open).create()...)
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
	step.UndoFirst = catchUp(s, o)
	return []plan.Step{step}, nil
}

func renameIndex(t *planner.Table, from, to string) string {
	return "ALTER INDEX " + quoteRef(planner.Ref{Schema: t.Ref.Schema, Name: from}) + " RENAME TO " + quote(to)
}

// catchUp brings tombstones up to date before they become columns again: where
// neither old = down(new) nor new = up(old) holds, a write has passed the grace
// trigger by, and the new shape is the one that was written. A row whose new
// shape is what up made of the old one keeps it: down may give back less.
func catchUp(s *planner.Schema, o planner.OpSwitch) *plan.Chunks {
	if o.Grace == nil {
		return nil
	}
	p := pass{table: o.Table, label: label(s, o.Table.Ref)}
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
		off := offTarget(typed(o.Grace.Columns, g.Down), bareColumn)
		if up := upOf(o, g); len(up) > 0 {
			off = "(" + off + ") AND (" + offTarget(typed(o.Grace.Columns, up), bareColumn) + ")"
		}
		p.jobs = append(p.jobs, job{set: g.Down, todo: off, candidates: off})
	}
	if len(p.jobs) == 0 {
		return nil
	}
	return p.chunks(s)
}

// upOf finds the transform that led to a grace group's columns in the open
// state, in the names of the grace state; nil if there is none to rely on.
func upOf(o planner.OpSwitch, grace planner.Group) []planner.Assign {
	if o.Open == nil {
		return nil
	}
	for _, g := range o.Open.Groups {
		if len(g.Up) == 0 || len(g.Down) == 0 || anyVolatile(g.Up) || renamed(o.Columns, g.Down[0].Column) != grace.Down[0].Column {
			continue
		}
		out := make([]planner.Assign, len(g.Up))
		for i, a := range g.Up {
			out[i] = planner.Assign{Column: renamed(o.Columns, a.Column), Expr: renamedExpr(o.Columns, a.Expr)}
		}
		return out
	}
	return nil
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
