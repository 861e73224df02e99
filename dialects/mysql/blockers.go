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
	// What the user's BEFORE UPDATE triggers mention, and so may change, by listSeparator.
	factChangingTriggers = "changing_triggers"
)

// listSeparator stands between the members of a fact that is a list.
const listSeparator = "\x01"

// Blockers implements planner.Dialect.
func (d *dialect) Blockers(_ *planner.Schema, t *planner.Table, columns []string, wish planner.Wish) []planner.Blocker {
	b := &blockers{d: d, t: t, columns: columns, wish: wish}
	if wish == planner.WishSync || wish == planner.WishRead {
		b.sync()
		return b.out
	}
	b.columnsOwn()
	b.indexes()
	b.constraints()
	b.dependents()
	return b.out
}

type blockers struct {
	d       *dialect
	t       *planner.Table
	columns []string // empty: the whole table
	wish    planner.Wish
	out     []planner.Blocker
}

func (b *blockers) add(ref planner.ObjectRef, object, format string, args ...any) {
	b.out = append(b.out, planner.Blocker{Object: object, Reason: fmt.Sprintf(format, args...), Ref: ref})
}

// part names an index or a constraint of the table.
func (b *blockers) part(kind, name string) planner.ObjectRef {
	return planner.ObjectRef{Kind: kind, Ref: planner.Ref{Name: name}, On: b.t.Ref}
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
// the trigger's to set; nor does it know what they will be (Trigger Syntax and Examples:
// NEW of an AUTO_INCREMENT column is 0).
func (b *blockers) sync() {
	if len(b.columns) == 0 {
		return
	}
	for _, c := range b.t.Constraints {
		if c.Cascades && b.hits(c.Columns) {
			b.add(b.part("constraint", c.Name), "foreign key "+c.Name, "it changes rows of %s when its parent changes, and %s fires no trigger for that",
				b.t.Ref.Name, b.d.product())
		}
	}
	for _, name := range b.columns {
		if c := b.t.Column(name); c != nil && c.Generated != "" {
			if b.wish == planner.WishRead {
				b.add(planner.ObjectRef{}, "column "+b.t.Ref.Name+"."+name, "it is computed or counted (%s), so that no trigger knows its value yet: let the app write what is derived of it (migrate:shadow app)", c.Generated)
				continue
			}
			b.add(planner.ObjectRef{}, "column "+b.t.Ref.Name+"."+name, "it is %s, so that a trigger cannot write it or does not know its value yet", c.Generated)
		}
	}
}

func (b *blockers) columnsOwn() {
	for _, name := range b.columns {
		if c := b.t.Column(name); c != nil && c.Generated != "" && b.wish != planner.WishDrop {
			b.add(planner.ObjectRef{}, "column "+b.t.Ref.Name+"."+name, "it is %s, and cannot have a second column beside it", c.Generated)
		}
	}
}

// indexes: a column that is renamed or dropped takes its indexes along, one that
// is replaced has them built again for the other. Not every kind bears that.
func (b *blockers) indexes() {
	if len(b.columns) == 0 {
		return
	}
	for _, ix := range b.t.Indexes {
		ref, kind := b.part("index", ix.Name), indexKind(ix)
		switch {
		case !b.hits(ix.Columns):
		case ix.Primary:
			b.add(planner.ObjectRef{}, "the primary key of "+b.t.Ref.Name, "it contains the column, by which rows are found while both shapes live")
		case kind == "functional":
			b.add(ref, "index "+ix.Name, "MySQL neither renames nor drops a column that it computes something of (%s): %s", ix.Definition, b.inOneFile("DROP INDEX", "CREATE INDEX"))
		case kind == "SPATIAL" && b.wish != planner.WishDrop:
			b.add(ref, "index "+ix.Name, "a second SPATIAL index, for new versions, wants a column that is NOT NULL, which the one beside it is not until contract: %s", b.inOneFile("DROP INDEX", "CREATE SPATIAL INDEX"))
		case ix.Unique && len(ix.Columns) > 1 && b.wish == planner.WishDrop:
			b.add(ref, "index "+ix.Name, "it is unique over several columns, and would be unique over fewer without this one: drop it first")
		}
	}
}

// inOneFile is the way out where a column is to go on under something that must
// be dropped for its change and made again after it.
func (b *blockers) inOneFile(drop, again string, change ...string) string {
	if b.wish == planner.WishDrop {
		return "drop it first"
	}
	between := "the change"
	if len(change) > 0 {
		between = change[0]
	}
	return fmt.Sprintf("write %s before %s and %s after it, in the same file", drop, between, again)
}

func (b *blockers) constraints() {
	for _, c := range b.t.Constraints {
		ref := b.part("constraint", c.Name)
		if len(b.columns) > 0 && !b.hits(c.Columns) && b.d.reproves(b.t, c) {
			b.add(ref, joinWords("check constraint", c.Name), "it mentions a date, a time, an ENUM or a SET, and MySQL would copy the table, which nobody could use meanwhile, to give any of its columns another name: "+
				"write DROP CHECK before the change and ADD CONSTRAINT after it, in the same file")
		}
		if len(b.columns) == 0 || !b.hits(c.Columns) {
			continue
		}
		switch {
		case c.Kind == "foreign key" && b.wish == planner.WishReplace:
			b.add(ref, "foreign key "+c.Name, "it contains the column, and wants the same type on both sides: %s", b.inOneFile("DROP FOREIGN KEY", "ADD CONSTRAINT", "the change of both columns"))
		case c.Kind == "foreign key" && b.wish == planner.WishDrop:
			b.add(ref, "foreign key "+c.Name, "it contains the column: drop it first")
		case c.Kind != "check":
		case !b.d.maria:
			b.add(ref, "check constraint "+c.Name, "MySQL does not rename a column that a check mentions: %s", b.inOneFile("DROP CHECK", "ADD CONSTRAINT"))
		case b.wish == planner.WishReplace, b.wish == planner.WishDrop && len(c.Columns) > 1:
			b.add(ref, "check constraint "+c.Name, "it mentions the column: %s", b.inOneFile("DROP CONSTRAINT", "ADD CONSTRAINT"))
		}
	}
}

// dependents: views and triggers find columns by their names. One that another
// column takes over stays; one that goes makes them fail.
func (b *blockers) dependents() {
	for _, dep := range b.t.Dependents {
		if !b.hits(dep.Columns) {
			continue
		}
		switch dep.Kind {
		case "trigger":
			if len(b.columns) > 0 && b.wish != planner.WishReplace {
				b.add(planner.ObjectRef{Kind: "trigger", Ref: planner.Ref{Name: dep.Name}}, "trigger "+dep.Name,
					"it mentions the column, and every write would fail once the column has another name: drop it first")
			}
		case "foreign key":
			if b.wish != planner.WishRename {
				name, child, _ := strings.Cut(dep.Name, " of ")
				way := "drop it first"
				if b.wish == planner.WishReplace {
					way = b.inOneFile("DROP FOREIGN KEY", "ADD CONSTRAINT", "the change of both columns")
				}
				b.add(planner.ObjectRef{Kind: "constraint", Ref: planner.Ref{Name: name}, On: planner.Ref{Name: child}}, "foreign key "+dep.Name,
					"it refers to %s: %s", b.t.Ref.Name, way)
			}
		case "view":
			if b.wish != planner.WishReplace {
				b.add(planner.ObjectRef{Kind: "view", Ref: planner.Ref{Name: dep.Name}}, "view "+dep.Name, "it depends on it: drop it first")
			}
		case "generated column":
			if len(b.columns) > 0 && (!b.d.maria || b.wish != planner.WishRename) {
				b.add(planner.ObjectRef{}, dep.Kind+" "+dep.Name, "it is computed of it: drop it first")
			}
		default:
			b.add(planner.ObjectRef{}, dep.Kind+" "+dep.Name, "it depends on it: drop it first")
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
