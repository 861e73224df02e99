package mysql

import (
	"fmt"
	"slices"
	"strings"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// The facts that inspection records and planning reads.
const (
	// Of the server.
	factLowerCase      = "lower_case_table_names"
	factSQLMode        = "sql_mode"
	factTimestamp      = "explicit_defaults_for_timestamp"
	factInstantAllowed = "innodb_instant_alter_column_allowed"
	factNoTriggers     = "triggers_refused" // the user may not create triggers beside the binary log
	// Of a table.
	factEngine         = "engine"
	factRowFormat      = "row_format"
	factCollation      = "collation"
	factCharset        = "charset"
	factRowVersions    = "row_versions"
	factUpdateTriggers = "update_triggers"
)

// Blockers implements planner.Dialect.
func (d *dialect) Blockers(_ *planner.Schema, t *planner.Table, columns []string, wish planner.Wish) []planner.Blocker {
	b := &blockers{d: d, t: t, columns: columns}
	if wish == planner.WishSync {
		b.sync()
		return b.out
	}
	b.columnsOwn(wish)
	b.indexes(wish)
	b.constraints(wish)
	b.dependents()
	return b.out
}

type blockers struct {
	d       *dialect
	t       *planner.Table
	columns []string // empty: the whole table
	out     []planner.Blocker
}

func (b *blockers) add(object, format string, args ...any) {
	b.out = append(b.out, planner.Blocker{Object: object, Reason: fmt.Sprintf(format, args...)})
}

// hits reports whether something over these columns is concerned.
func (b *blockers) hits(columns []string) bool {
	if len(b.columns) == 0 || len(columns) == 0 {
		return true
	}
	return slices.ContainsFunc(columns, func(c string) bool { return slices.Contains(b.columns, c) })
}

// sync: foreign keys change rows of children without firing triggers (MySQL
// manual, FOREIGN KEY Constraints), and generated and counted columns are not
// the trigger's to set.
func (b *blockers) sync() {
	for _, c := range b.t.Constraints {
		if c.Cascades && b.hits(c.Columns) {
			b.add("foreign key "+c.Name, "it changes rows of %s when its parent changes, and %s fires no trigger for that", b.t.Ref.Name, b.d.product())
		}
	}
	for _, name := range b.columns {
		if c := b.t.Column(name); c != nil && c.Generated != "" {
			b.add("column "+b.t.Ref.Name+"."+name, "it is %s, so that a trigger cannot write it or does not know its value yet", c.Generated)
		}
	}
}

func (b *blockers) columnsOwn(wish planner.Wish) {
	for _, name := range b.columns {
		c := b.t.Column(name)
		if c == nil {
			continue
		}
		if c.Generated != "" && wish != planner.WishDrop {
			b.add("column "+b.t.Ref.Name+"."+name, "it is %s, and cannot have a second column beside it", c.Generated)
		}
	}
}

func (b *blockers) indexes(wish planner.Wish) {
	if len(b.columns) == 0 {
		return
	}
	for _, ix := range b.t.Indexes {
		switch {
		case !b.hits(ix.Columns):
		case ix.Primary:
			b.add("the primary key of "+b.t.Ref.Name, "it contains the column, by which rows are found while both shapes live")
		case !ix.Simple && wish != planner.WishDrop, !ix.Simple && !b.d.maria:
			b.add("index "+ix.Name, "it is no plain index (%s), and cannot follow the column", ix.Definition)
		case ix.Unique && len(ix.Columns) > 1 && wish == planner.WishDrop:
			b.add("index "+ix.Name, "it is unique over several columns, and would be unique over fewer without this one: drop it first")
		}
	}
}

func (b *blockers) constraints(wish planner.Wish) {
	for _, c := range b.t.Constraints {
		if len(b.columns) == 0 || !b.hits(c.Columns) {
			continue
		}
		switch {
		case c.Kind == "foreign key" && wish != planner.WishRename:
			b.add("foreign key "+c.Name, "it contains the column: drop it first")
		case c.Kind != "check":
		case !b.d.maria:
			b.add("check constraint "+c.Name, "MySQL does not rename a column that a check mentions: drop it first")
		case wish == planner.WishReplace, wish == planner.WishDrop && len(c.Columns) > 1:
			b.add("check constraint "+c.Name, "it mentions the column: drop it first")
		}
	}
}

func (b *blockers) dependents() {
	for _, dep := range b.t.Dependents {
		if !b.hits(dep.Columns) {
			continue
		}
		switch dep.Kind {
		case "trigger":
			if len(b.columns) == 0 {
				continue // it goes with the table
			}
			b.add("trigger "+dep.Name, "it mentions the column, and every write would fail once the column has another name")
		case "foreign key":
			b.add("foreign key "+dep.Name, "it refers to %s: drop it first", b.t.Ref.Name)
		default:
			b.add(dep.Kind+" "+dep.Name, "it depends on it: drop it first")
		}
	}
}

// Checks implements planner.Dialect.
func (d *dialect) Checks(_ *planner.Schema, t *planner.Table, exprs []planner.TypedExpr) []plan.Check {
	var out []plan.Check
	for _, e := range exprs {
		out = append(out, plan.Check{
			SQL:     fmt.Sprintf("SELECT %s FROM %s", strings.TrimSpace(e.Expr.SQL(quoteName)), quoteName(t.Ref.Name)),
			Message: "the server does not accept " + e.What, Pos: e.Pos,
		})
	}
	return out
}
