package mysql

import (
	"slices"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// placed.go gives the shadow of a column that forbids NULL its place in every row
// at once, by rebuilding the table when the column is added. A column that is added
// instantly takes no room in a row until it is set: then the row grows, and full
// pages are reorganized over and over and split, which costs a backfill more than
// all else. And to forbid NULL later takes a rebuild anyway, in contract: this is
// the same one, earlier.

// placeholder is what such a column of a type holds until it is filled. Only types
// whose values all take the same room have one: in others rows would grow all the same.
func (d *dialect) placeholder(from planner.Column, t colType) planner.Expr {
	if !from.NotNull {
		return planner.Expr{}
	}
	switch t.class() {
	case classInt, classDecimal, classFloat, classTemporal, classEnum:
		return planner.Expr{Parts: []planner.Part{{Text: d.implicit(planner.Column{Type: t.full()})}}}
	case classString, classBinary, classBit, classJSON, classOther:
	}
	return planner.Expr{}
}

// placing rebuilds the table where one of the columns is to have its place and
// would be added instantly: only tables whose rebuild lets writers in are. FORCE says that this is wanted: MariaDB would add the
// column instantly.
func placing(columns []planner.NewColumn, m manner) manner {
	shadows := slices.ContainsFunc(columns, func(n planner.NewColumn) bool { return n.Like != nil && n.NotNull })
	if !shadows || m != instantly {
		return m
	}
	return manner{"FORCE, " + inplace, plan.Rewrite}
}
