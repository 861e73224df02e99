package mysql

import (
	"slices"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// virtual.go adds virtual columns, which neither server does in one statement with
// others but by copying the table.

const virtual = "virtual"

// runs cuts new columns, in their order, where virtual ones begin or end.
func runs(columns []planner.NewColumn) [][]planner.NewColumn {
	var out [][]planner.NewColumn
	for i, n := range columns {
		if i == 0 || (n.Generated == virtual) != (columns[i-1].Generated == virtual) {
			out = append(out, nil)
		}
		out[len(out)-1] = append(out[len(out)-1], n)
	}
	return out
}

// addingRun says how such a run of columns is added, and dropped again.
func (d *dialect) addingRun(s *planner.Schema, t *planner.Table, run []planner.NewColumn) (add, drop manner) {
	places := d.places(s, t, run)
	if run[0].Generated == virtual {
		return d.addingVirtual(s, t, places)
	}
	add, drop = d.adding(s, t, places), d.dropping(s, t, false)
	if slices.ContainsFunc(run, func(n planner.NewColumn) bool { return n.Generated == "stored" }) {
		// It is computed for every row while the table is copied.
		add = manner{d.copying(s, t), plan.Rewrite}
	}
	return add, drop
}

// addingVirtual: no row has a place for them, whatever the format of the rows; but no
// other virtual column may come to stand elsewhere. MySQL has one behind all others for
// each index that computes something.
func (d *dialect) addingVirtual(s *planner.Schema, t *planner.Table, places []string) (add, drop manner) {
	functional := !d.maria && slices.ContainsFunc(t.Indexes, func(ix planner.Index) bool { return indexKind(ix) == "functional" })
	add, drop = instantly, instantly
	if !d.maria {
		drop.how = inplace // that one may come to stand elsewhere
	}
	if !d.maria && s.VersionNum < mysqlInstantAdd {
		add.how = inplace
	}
	if functional || slices.ContainsFunc(places, func(p string) bool { return movesVirtual(t, p) }) {
		add = manner{d.copying(s, t), plan.Rewrite}
	}
	return add, drop
}

// grown is a table with columns that have been added to it.
func (d *dialect) grown(s *planner.Schema, t *planner.Table, run []planner.NewColumn) *planner.Table {
	on := *t
	on.Columns = slices.Clone(t.Columns)
	for i, place := range d.places(s, t, run) {
		at := len(on.Columns)
		if place == placeFirst {
			at = 0
		} else if j := slices.IndexFunc(on.Columns, func(c planner.Column) bool { return c.Name == place }); j >= 0 {
			at = j + 1
		}
		on.Columns = slices.Insert(on.Columns, at, planner.Column{Name: run[i].Name, Type: run[i].Type, Generated: run[i].Generated})
	}
	return &on
}
