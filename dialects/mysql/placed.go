package mysql

import (
	"slices"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// placed.go lets the shadow of a column that forbids NULL forbid it from the
// beginning: to forbid it later takes a rebuild of the table, in contract. Where all
// values of its type take the same room, the table is rebuilt when the column is
// added. One that is added instantly takes no room in a row until it is set: then the
// row grows, and full pages are reorganized over and over and split, which costs a
// backfill more than all else. Where values differ in length, rows grow all the same.

// placeholder is what such a column of a type holds until it is filled: nothing
// where MySQL has no constant default for the type.
func (d *dialect) placeholder(from planner.Column, t colType) planner.Expr {
	if !from.NotNull || t.isLOB() {
		return planner.Expr{}
	}
	switch t.class() {
	case classInt, classDecimal, classFloat, classTemporal, classEnum, classString, classBinary:
		return planner.Expr{Parts: []planner.Part{{Text: d.implicit(planner.Column{Type: t.full()})}}}
	case classBit, classJSON, classOther:
	}
	return planner.Expr{}
}

// placing rebuilds the table where one of the columns is to have its place and
// would be added instantly: what can be altered instantly can also be rebuilt
// beside its writers. FORCE says that this is wanted: MariaDB would add the column
// instantly.
func placing(columns []planner.NewColumn, m manner) manner {
	shadows := slices.ContainsFunc(columns, func(n planner.NewColumn) bool {
		return n.Like != nil && n.NotNull && !varies(parseType(n.Type))
	})
	if !shadows || m != instantly {
		return m
	}
	return manner{"FORCE, " + inplace, plan.Rewrite}
}

// varies reports whether a type's values take more room or less.
func varies(t colType) bool { return t.class() == classString || t.class() == classBinary }
