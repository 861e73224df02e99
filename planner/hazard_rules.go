package planner

import (
	"regexp"
	"slices"
	"strings"

	"github.com/expandcontract/migrate/planner/plan"
)

// change finds what one change may do.
func (f *finder) change(c Change) {
	f.names(c)
	switch c := c.(type) {
	case Opaque, Ignored, CreateTable, Direct: // what they hold is for the planner's errors and the dialect
		return
	case InsertRows:
		if len(c.Columns) == 0 {
			f.find("insert-without-column-list", "", "name the columns", "the INSERT into %s breaks as soon as the table's columns change", f.label(c.Table))
		}
		return
	case DropIndex:
		f.dropIndex(c)
		return
	}
	if f.m.Fresh(tableOf(c)) {
		return // nobody uses it yet
	}
	switch c := c.(type) {
	case DropTable:
		f.find("data-loss-drop-table", "", "keep a backup if anybody may ask for the rows later", "table %s is gone for good when its grace ends", f.label(c.Table))
		f.published(c.Table, "is dropped", "remove it from the publication first")
	case RenameTable:
		f.find("rename-breaks-old-app", "", "", "old versions still use the name %s; the plan keeps both names usable until contract", f.label(c.Table))
	case UpdateRows:
		f.update(c)
	case DeleteRows:
		f.find("unbatched-delete", "", "", "deleting from %s in one statement would hold its locks and its undo to the end; the plan deletes in chunks, in contract", f.label(c.Table))
	case CreateIndex:
		if c.Unique {
			f.unique(c.Table, c.Columns)
		}
	case AddConstraint:
		f.addConstraint(c)
	default:
		f.changeColumn(c)
	}
}

// changeColumn finds what changes of one column may do.
func (f *finder) changeColumn(c Change) {
	switch c := c.(type) {
	case AddColumn:
		f.addColumn(c)
	case DropColumn:
		f.dropColumn(c)
	case RenameColumn:
		f.renameColumn(c.Table, c.From, c.To)
	case ChangeType:
		if c.Remade == nil { // what becomes of an enum's values the dialect tells
			f.changeType(c.Table, c.Column, c.Type)
		}
	case RedefineColumn:
		if c.From != c.Column.Name {
			f.renameColumn(c.Table, c.From, c.Column.Name)
		}
		f.changeType(c.Table, c.From, c.Column.Type)
		if c.Column.NotNull && !f.column(c.Table, c.From).NotNull {
			f.required(c.Table, c.From)
		}
	case SetNotNull:
		f.required(c.Table, c.Column)
	case DropNotNull:
		f.find("null-for-old-readers", "", "make sure that running versions can read a NULL there",
			"from expand on, new versions may write NULL into %s.%s, which old versions then read", f.label(c.Table), c.Column)
	case DropDefault:
		if col := f.column(c.Table, c.Column); col.NotNull && !col.Default.IsZero() {
			f.find("required-column-breaks-old-writers", "", "",
				"old versions that leave out %s.%s rely on its default; the plan keeps it until contract", f.label(c.Table), c.Column)
		}
	}
}

// column is what is known of a column; the zero Column if nothing is.
func (f *finder) column(r Ref, name string) Column {
	if t := f.m.Table(r); t != nil {
		if c := t.Column(name); c != nil {
			return *c
		}
	}
	return Column{}
}

func (f *finder) addColumn(c AddColumn) {
	label, key := f.label(c.Table)+"."+c.Column.Name, f.key(c.Table, c.Column.Name)
	def := c.Column
	bare := def.Default.IsZero() && def.Generated == ""
	switch {
	case def.NotNull && bare && !f.filled[key]:
		f.find("not-null-without-default", "", "give it a DEFAULT, or say where its values come from: -- migrate:up "+c.Table.Name+"."+def.Name+" = …",
			"column %s is NOT NULL and has no default: old versions that do not know it could not insert rows, and existing rows have no value", label)
	case def.NotNull && bare:
		f.find("required-column-breaks-old-writers", f.unlessShadowed(), "let the database do the shadow writes (migrate:shadow db)",
			"old versions write rows without %s; the plan fills it for them, and forbids NULL in contract", label)
	}
	switch {
	case strings.HasPrefix(def.Generated, "identity"), def.Generated == "auto_increment":
		f.find("identity-rewrites", "", "", "adding %s, which counts by itself, writes every row of the table while it is locked", label)
	case def.Generated == "stored":
		f.find("stored-generated-rewrites", "", "", "adding the stored column %s writes every row of the table while it is locked", label)
	case def.Default.Volatile:
		f.find("volatile-default-rewrites", "", "", "the default of %s differs from row to row; the plan adds the column bare and fills it in chunks", label)
	}
	if bare && !f.filled[key] && !def.NotNull {
		f.incoming = append(f.incoming, moving{c.Table, columnOf(def), f.stmt})
	}
	f.published(c.Table, "gets a column", "add the column on the subscribers first: a row with a column that they do not have stops them")
}

// unlessShadowed is a warning where no trigger fills in for old versions.
func (f *finder) unlessShadowed() plan.Severity {
	if f.dir.shadow == plan.ShadowOff {
		return plan.Warning
	}
	return ""
}

func (f *finder) dropColumn(c DropColumn) {
	label := f.label(c.Table) + "." + c.Column
	t := f.m.Table(c.Table)
	if f.added[f.key(c.Table, c.Column)] || t != nil && t.Column(c.Column) == nil {
		return
	}
	f.find("data-loss-drop-column", "", "keep a backup if anybody may ask for the values later", "the values of %s are gone for good when the grace ends", label)
	if !f.downs[f.key(c.Table, c.Column)] {
		f.find("missing-down", "", "-- migrate:down "+c.Table.Name+"."+c.Column+" = … says what old versions shall read",
			"rows that new versions write have no value of their own in %s, which old versions still read", label)
	}
	if t != nil {
		for _, ix := range t.Indexes {
			if len(ix.Columns) > 1 && slices.Contains(ix.Columns, c.Column) && !f.dropsIndex(ix.Name) {
				f.find("multicolumn-index-dropped-with-column", "", "create an index over the columns that stay, if queries need it",
					"index %s (%s) loses a column, or goes with it", ix.Name, strings.Join(ix.Columns, ", "))
			}
		}
		f.outgoing = append(f.outgoing, moving{c.Table, *t.Column(c.Column), f.stmt})
	}
	f.viewed(c.Table, c.Column, "dropping", WishDrop)
	f.triggered(c.Table, c.Column, "is gone")
	f.published(c.Table, "loses a column", "stop publishing the column first, and drop it on the subscribers after")
}

func (f *finder) renameColumn(r Ref, from, to string) {
	f.triggered(r, from, "has another name")
	f.overwritten(r, from, to)
	f.find("rename-breaks-old-app", "", "", "old versions still use the name %s.%s; the plan keeps both names until contract, and equal", f.label(r), from)
	f.published(r, "gets a column of a new name", "give the subscribers' column the same name at the same moment, or replicate into a copy")
}

// changeType tells what the change of a known type means; of one that nobody
// knows, what it may mean.
func (f *finder) changeType(r Ref, name, to string) {
	label := f.label(r) + "." + name
	col := f.column(r, name)
	if col.Type == "" {
		if !f.added[f.key(r, name)] {
			f.find("type-change-rewrites", plan.Warning, "migrate plan, which reads the database, says what it means there",
				"what type %s has now is not known here: to %s, it may be free, or rewrite the table, or break running versions", label, to)
		}
		return
	}
	tc := f.d.Compare(f.m.Schema, col, to)
	switch tc.Kind {
	case TypeSame, TypeFree:
		return
	case TypeIncompatible:
		f.find("type-change-breaks-old-app", "", "ADD COLUMN a new name with the new type, UPDATE it from the old one, DROP COLUMN the old one",
			"changing %s from %s to %s would break running versions of the app: %s", label, col.Type, to, tc.Why)
	case TypeCompatible:
		f.find("type-change-rewrites", "", "", "from %s to %s the server writes the whole table anew; the plan fills a shadow column in chunks and switches names", col.Type, to)
		if t := f.m.Table(r); t != nil {
			f.rebuilds(t, name)
		}
	}
	f.viewed(r, name, "changing the type of", WishReplace)
	f.published(r, "gets a column of another type", "change the subscribers' column to the wider type first")
}

func (f *finder) rebuilds(t *Table, column string) {
	var names []string
	for _, ix := range t.Indexes {
		if slices.Contains(ix.Columns, column) {
			names = append(names, ix.Name)
		}
	}
	if len(names) > 0 {
		f.find("type-change-rebuilds-index", "", "", "built again over the new type: %s; the plan builds the copies beside the traffic", strings.Join(names, ", "))
	}
}

func (f *finder) required(r Ref, column string) {
	if f.added[f.key(r, column)] && !f.filled[f.key(r, column)] {
		f.find("not-null-without-default", "", "fill it with an UPDATE, or say where its values come from: -- migrate:up "+r.Name+"."+column+" = …",
			"column %s.%s is added and made NOT NULL, but nothing fills it", f.label(r), column)
		return
	}
	f.find("required-column-breaks-old-writers", f.unlessShadowed(), "", "old versions may still write NULL into %s.%s; the plan forbids it in contract", f.label(r), column)
}

// update tells whether an UPDATE fills a new column, which is a transform, or
// repairs rows that are there.
func (f *finder) update(c UpdateRows) {
	for _, a := range c.Set {
		if !f.added[f.key(c.Table, a.Column)] {
			f.find("unbatched-update", "", "", "updating %s in one statement would hold the locks of all its rows to the end; the plan does it in chunks", f.label(c.Table))
			return
		}
	}
}

func (f *finder) unique(r Ref, columns []string) {
	on := f.label(r) + " (" + strings.Join(columns, ", ") + ")"
	f.find("unique-on-existing-data", "", "", "rows of %s that are equal there forbid it; the plan looks for them first", on)
	f.find("unique-breaks-old-writers", "", "", "old versions may still write duplicates into %s; the plan forbids them in contract", on)
}

func (f *finder) addConstraint(c AddConstraint) {
	if c.Kind == "unique" || c.Kind == "primary key" {
		f.unique(c.Table, c.Columns)
	}
}

// dropIndex warns unless another index does the same.
func (f *finder) dropIndex(c DropIndex) {
	t := f.m.indexed(c)
	if t == nil && !f.m.Assumed || t != nil && f.m.Fresh(t.Ref) {
		return
	}
	if t != nil {
		if ix := t.Index(c.Name); ix != nil && slices.ContainsFunc(t.Indexes, func(o Index) bool {
			return o.Name != ix.Name && o.Simple && (o.Unique || !ix.Unique) && len(o.Columns) >= len(ix.Columns) && slices.Equal(o.Columns[:len(ix.Columns)], ix.Columns)
		}) {
			return
		}
	}
	f.find("index-drop-hits-queries", "", "see in the server's statistics that it is not used; building it again takes as long as its table is large",
		"queries that use index %s become slow at once", c.Name)
}

func (f *finder) dropsIndex(name string) bool {
	for _, st := range f.script.Statements {
		for _, c := range st.Changes {
			if d, ok := c.(DropIndex); ok && d.Name == name {
				return true
			}
		}
	}
	return false
}

// viewed tells of views that read a column and are in the way of a wish, unless
// the file itself drops or replaces them.
func (f *finder) viewed(r Ref, column, doing string, wish Wish) {
	t := f.m.Table(r)
	if t == nil {
		return
	}
	blockers := f.d.Blockers(f.m.Schema, t, []string{column}, wish)
	for _, d := range t.Dependents {
		named := func(b Blocker) bool { return strings.HasSuffix(b.Object, " "+d.Name) }
		if d.Kind != "view" && d.Kind != "materialized view" || !slices.Contains(d.Columns, column) || f.redefines(d) || !slices.ContainsFunc(blockers, named) {
			continue
		}
		f.find("view-depends-on-column", "", "drop the view, or replace it with one that does without the column, in this file",
			"%s %s reads %s.%s, which stands in the way of %s it", d.Kind, d.Name, f.label(r), column, doing)
	}
}

func (f *finder) redefines(d Dependent) bool { return f.touching(d.Kind, d.Name) != "" }

// touching is the statement of the file that drops or replaces an object; empty: none.
func (f *finder) touching(kind, name string) string {
	for _, st := range f.script.Statements {
		for _, c := range st.Changes {
			if c, ok := c.(Direct); ok && c.Object.Kind == kind && (c.Object.Ref.Name == name || c.Object.Ref.String() == name) {
				return st.SQL
			}
		}
	}
	return ""
}

// triggered tells of triggers whose functions use a column by the name that it loses
// (PostgreSQL, which does not look into them), unless the file replaces or drops them.
func (f *finder) triggered(r Ref, column, becomes string) {
	t := f.m.Table(r)
	if t == nil {
		return
	}
	for _, d := range t.Dependents {
		if d.Kind != "trigger function" || !slices.Contains(d.Columns, column) || f.touching("function", d.Name)+f.touching("trigger", d.Definition) != "" {
			continue
		}
		f.find("trigger-depends-on-column", "", "replace the function in this file by one that does without the column, or drop the trigger",
			"function %s of trigger %s uses %s.%s, and every write that fires it fails once the column %s", d.Name, d.Definition, f.label(r), column, becomes)
	}
}

// overwritten tells of a function that takes the old one's place in a trigger, and would write
// over what the backfill fills the column's new name with.
func (f *finder) overwritten(r Ref, from, to string) {
	t := f.m.Table(r)
	if t == nil {
		return
	}
	writes := regexp.MustCompile(`(?i)\bnew\s*\.\s*"?` + regexp.QuoteMeta(to) + `"?\s*:?=`)
	for _, d := range t.Dependents {
		body := f.touching("function", d.Name)
		if d.Kind != "trigger function" || !slices.Contains(d.Columns, from) || !writes.MatchString(body) || strings.Contains(body, "migrate.bypass") {
			continue
		}
		f.find("trigger-overwrites-backfill", "", "have the function leave it alone where current_setting('migrate.bypass', true) = 'on', as the backfill sets it",
			"the backfill fills %s.%s in every row, and function %s, which trigger %s calls for each, writes over it", f.label(r), to, d.Name, d.Definition)
	}
}

// published tells of publications that the table is in.
func (f *finder) published(r Ref, what, instead string) {
	t := f.m.Table(r)
	if t == nil {
		return
	}
	for _, d := range t.Dependents {
		if d.Kind == "publication" {
			f.find("publication-affected", "", instead, "table %s, which publication %s sends to subscribers, %s", f.label(r), d.Name, what)
			return
		}
	}
}

// movedByHand finds a column that goes and one of its type that comes, and
// nothing that carries the values over.
func (f *finder) movedByHand() {
	for _, in := range f.incoming {
		for _, out := range f.outgoing {
			if f.key(in.table, "") != f.key(out.table, "") || f.d.Compare(f.m.Schema, out.col, in.col.Type).Kind != TypeSame {
				continue
			}
			f.stmt = in.stmt
			f.find("missing-up", "", "if it is a new name, RENAME COLUMN; else UPDATE "+in.table.Name+" SET "+in.col.Name+" = "+out.col.Name+", or migrate:up, says how its values follow",
				"column %s.%s comes and %s, of the same type, goes, but nothing carries the values over", f.label(in.table), in.col.Name, out.col.Name)
		}
	}
}

// names checks the lengths of new names: the planner does so for the tables it
// knows.
func (f *finder) names(c Change) {
	check := func(what, name string) {
		if n := f.d.Length(name); n > f.d.MaxIdentifier() {
			f.find("identifier-too-long", "", "choose a shorter name", "the name of %s %q is too long for the server: %d, at most %d", what, name, n, f.d.MaxIdentifier())
		}
	}
	switch c := c.(type) {
	case CreateTable:
		check("table", c.Table.Name)
	case RenameTable:
		check("table", c.To)
	case AddColumn:
		check("column", c.Column.Name)
	case RenameColumn:
		check("column", c.To)
	case RedefineColumn:
		check("column", c.Column.Name)
	case CreateIndex:
		check("index", c.Name)
	case AddConstraint:
		check("constraint", c.Name)
	case AddCheck:
		check("constraint", c.Name)
	}
}
